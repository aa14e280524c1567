-- What every other table hangs on: hosts, dictionaries, sources, settings, damage.

-- One Gentoo root. Every fact in this database belongs to a host, so that a
-- build server can keep its chroots, and a fleet its machines, side by side.
CREATE TABLE host (
	id         INTEGER PRIMARY KEY,
	name       TEXT    NOT NULL UNIQUE,
	root       TEXT    NOT NULL,           -- as last audited; "/" for the running system
	created_at INTEGER NOT NULL            -- unix seconds, as every *_at in this schema
);

-- Dictionaries: facts refer to names by number, which makes them a third of
-- the size and joins integer joins. Rows are never changed or deleted.
CREATE TABLE text (
	id    INTEGER PRIMARY KEY,
	value TEXT NOT NULL UNIQUE
);
CREATE TABLE cp (
	id    INTEGER PRIMARY KEY,
	value TEXT NOT NULL UNIQUE             -- category/pn
);
CREATE TABLE cpv (
	id    INTEGER PRIMARY KEY,
	value TEXT NOT NULL UNIQUE,            -- category/pn-pvr as found
	cp    INTEGER REFERENCES cp(id)        -- NULL where the value is no valid cpv
);
CREATE INDEX cpv_by_cp ON cpv(cp);

-- How far a file or folder was read, and what it was when that was done. The
-- bookmark moves in the same transaction as the facts it stands for.
CREATE TABLE source (
	id          INTEGER PRIMARY KEY,
	host        INTEGER NOT NULL REFERENCES host(id),
	kind        TEXT    NOT NULL,          -- "vdb", "pkgdir", "emerge-log", "build-log", ...
	path        TEXT    NOT NULL,          -- inside the root
	dev         INTEGER NOT NULL DEFAULT 0,
	inode       INTEGER NOT NULL DEFAULT 0,
	size        INTEGER NOT NULL DEFAULT 0,
	mtime_ns    INTEGER NOT NULL DEFAULT 0,
	position    INTEGER NOT NULL DEFAULT 0, -- bytes consumed
	fingerprint BLOB,                      -- of content, to know a file again after a rename
	state       BLOB,                      -- what a parser needs to go on from position
	condition   TEXT    NOT NULL DEFAULT 'read', -- read, missing, unreadable
	problem     TEXT    NOT NULL DEFAULT '',
	read_at     INTEGER NOT NULL DEFAULT 0,
	UNIQUE (host, kind, path)
);

-- Damage met while reading a source: kept beside the facts of that source.
CREATE TABLE diagnostic (
	id      INTEGER PRIMARY KEY,
	source  INTEGER NOT NULL REFERENCES source(id),
	subject TEXT    NOT NULL DEFAULT '',   -- path below the source where the source is a folder
	offset  INTEGER NOT NULL,
	code    TEXT    NOT NULL,
	message TEXT    NOT NULL,
	met_at  INTEGER NOT NULL
);
CREATE INDEX diagnostic_by_source ON diagnostic(source, subject);

-- Portage's settings as the last ingest resolved them, with their origin.
CREATE TABLE setting (
	host   INTEGER NOT NULL REFERENCES host(id),
	name   TEXT    NOT NULL,
	value  TEXT    NOT NULL,
	origin TEXT    NOT NULL,
	PRIMARY KEY (host, name)
);
