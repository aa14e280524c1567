-- The lines with which Portage is steered, with the time during which each
-- counted: what the settings were in a state of the past, and what changed since.
CREATE TABLE config_line (
	id       INTEGER PRIMARY KEY,
	host     INTEGER NOT NULL REFERENCES host(id),
	kind     TEXT    NOT NULL,             -- setting, set, provided, package.use, package.mask, ...
	layer    TEXT    NOT NULL,             -- profile, user, host
	subject  TEXT    NOT NULL,             -- the variable, the set, the cpv or the atom that the line is about
	value    TEXT    NOT NULL,             -- what it says of it: a value, a member, flags; '' = nothing more
	origin   TEXT    NOT NULL,             -- file:line, or what else decided
	position INTEGER NOT NULL,             -- order among those of a kind, the weakest first
	since    INTEGER NOT NULL,             -- unix seconds; that of the first ingest where it was there before
	until    INTEGER                       -- NULL = it counts today
);
CREATE INDEX config_line_by_kind ON config_line(host, kind, until);

INSERT INTO config_line (host, kind, layer, subject, value, origin, position, since)
	SELECT host, 'setting', 'host', setting.name, value, origin, 0, created_at FROM setting JOIN host ON host.id = setting.host;
DROP TABLE setting;
CREATE VIEW setting AS
	SELECT host, subject AS name, value, origin FROM config_line WHERE kind = 'setting' AND until IS NULL;

-- They are read anew, and their lines stored.
DELETE FROM config_file;
