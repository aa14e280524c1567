-- How the files of what is installed differ from its CONTENTS: what quickpkg would
-- leave out, and the configuration that it would make the package's own.
CREATE TABLE installed_check (
	host       INTEGER NOT NULL REFERENCES host(id),
	cpv        INTEGER NOT NULL REFERENCES cpv(id),
	counter    INTEGER NOT NULL,           -- of the installation whose files were compared
	checked_at INTEGER NOT NULL,
	complete   INTEGER NOT NULL,           -- 0 where CONTENTS could not be read whole
	PRIMARY KEY (host, cpv)
) WITHOUT ROWID;
CREATE TABLE installed_drift (
	host  INTEGER NOT NULL REFERENCES host(id),
	cpv   INTEGER NOT NULL REFERENCES cpv(id),
	path  TEXT    NOT NULL,                -- as in CONTENTS
	state TEXT    NOT NULL,                -- missing; changed; config: changed, and below CONFIG_PROTECT; unread: whether it was changed is not known
	PRIMARY KEY (host, cpv, path)
) WITHOUT ROWID;
