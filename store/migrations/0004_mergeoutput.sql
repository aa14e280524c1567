-- What merges wrote: build logs, and the messages of elog.
--
-- The text of a log is not kept, only what was found in it and the excerpt that
-- a person needs, so that the facts outlive clean-logs (a week by default).
-- Enumerations are the words of parse/mergelog. Times are unix seconds, 0 where
-- unknown; sizes are bytes, -1 where unknown.

-- One file below a folder of output. A file that is gone keeps its row.
CREATE TABLE output_file (
	id          INTEGER PRIMARY KEY,
	source      INTEGER NOT NULL REFERENCES source(id),
	path        TEXT    NOT NULL,          -- below the source
	incarnation INTEGER NOT NULL,          -- tells files apart that had the same name one after the other
	inode       INTEGER NOT NULL,
	size        INTEGER NOT NULL,
	mtime_ns    INTEGER NOT NULL,
	position    INTEGER NOT NULL,          -- bytes that need not be read again (summary.log)
	read_at     INTEGER NOT NULL,
	gone_at     INTEGER NOT NULL,          -- 0 = it is there
	UNIQUE (source, path, incarnation)
);

CREATE TABLE build_log (
	file            INTEGER PRIMARY KEY REFERENCES output_file(id),
	host            INTEGER NOT NULL REFERENCES host(id),
	cpv             INTEGER NOT NULL REFERENCES cpv(id),
	name_ambiguous  INTEGER NOT NULL,      -- the separator occurs in the names: the cpv is a guess
	prepared_at     INTEGER NOT NULL,      -- the stamp of the name
	written_at      INTEGER NOT NULL,      -- the mtime of the file
	kind            TEXT    NOT NULL,
	outcome         TEXT    NOT NULL,
	slot            TEXT    NOT NULL,
	repo            TEXT    NOT NULL,
	use_flags       INTEGER NOT NULL REFERENCES text(id),
	features        INTEGER NOT NULL REFERENCES text(id),
	attempts        INTEGER NOT NULL,
	phases          TEXT    NOT NULL,      -- "setup@0 unpack@163": name and offset
	tests_failed    INTEGER NOT NULL,
	build_dir_size  INTEGER NOT NULL,
	installed_size  INTEGER NOT NULL,
	cpu_millis      INTEGER NOT NULL,
	memory_peak     INTEGER NOT NULL,
	swap_peak       INTEGER NOT NULL,
	read_bytes      INTEGER NOT NULL,
	write_bytes     INTEGER NOT NULL,
	binpkg_created  INTEGER NOT NULL,
	text_size       INTEGER NOT NULL,      -- decompressed
	line_count      INTEGER NOT NULL
);
CREATE INDEX build_log_by_cpv ON build_log(host, cpv);

CREATE TABLE build_failure (
	file         INTEGER PRIMARY KEY REFERENCES output_file(id),
	offset       INTEGER NOT NULL,
	phase        TEXT    NOT NULL,
	message      TEXT    NOT NULL,
	call_stack   TEXT    NOT NULL,         -- a line for each frame: file, line, call, parted by tabs
	snippet      TEXT    NOT NULL,
	working_dir  TEXT    NOT NULL,
	cause        TEXT    NOT NULL,
	cause_offset INTEGER NOT NULL,
	cause_line   TEXT    NOT NULL,
	excerpt      TEXT    NOT NULL
);

CREATE TABLE qa_notice (
	file       INTEGER NOT NULL REFERENCES output_file(id),
	seq        INTEGER NOT NULL,
	class      TEXT    NOT NULL,
	at_runtime INTEGER NOT NULL,
	offset     INTEGER NOT NULL,
	title      TEXT    NOT NULL,
	details    TEXT    NOT NULL,           -- a line each
	PRIMARY KEY (file, seq)
);

-- Paths that a log names: pending configuration updates, preserved libraries.
CREATE TABLE output_path (
	file INTEGER NOT NULL REFERENCES output_file(id),
	role TEXT    NOT NULL,                 -- config-update, preserved-library
	path TEXT    NOT NULL,
	PRIMARY KEY (file, role, path)
);

-- The messages of elog, one row for each class and phase of what was saved for
-- a package at once. The modules "save" and "save_summary" write the same
-- messages to different files; they are kept once.
CREATE TABLE elog_message (
	id            INTEGER PRIMARY KEY,
	host          INTEGER NOT NULL REFERENCES host(id),
	file          INTEGER NOT NULL REFERENCES output_file(id),
	offset        INTEGER NOT NULL,
	origin        TEXT    NOT NULL,        -- elog, elog-summary
	cpv           INTEGER NOT NULL REFERENCES cpv(id),
	saved_at      INTEGER NOT NULL,
	pid           INTEGER NOT NULL,        -- of the emerge, 0 where the file does not say
	class         TEXT    NOT NULL,
	phase         TEXT    NOT NULL,
	text          TEXT    NOT NULL,
	interleaved   INTEGER NOT NULL,        -- it may belong to another package
	first_seen_at INTEGER NOT NULL,
	read_at       INTEGER NOT NULL         -- when a person marked it read, 0 = unread
);
CREATE INDEX elog_message_by_cpv ON elog_message(host, cpv, saved_at);
CREATE INDEX elog_message_by_file ON elog_message(file, offset);

-- What updates left for a person to do, as it was at the last ingest.
CREATE TABLE leftover (
	host     INTEGER NOT NULL REFERENCES host(id),
	role     TEXT    NOT NULL,             -- config-update, preserved-library
	path     TEXT    NOT NULL,             -- inside the root
	detail   TEXT    NOT NULL,             -- the package that a library was kept of
	since    INTEGER NOT NULL,             -- mtime of an update, else the ingest that first saw it
	PRIMARY KEY (host, role, path)
);
