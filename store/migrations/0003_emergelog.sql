-- What emerge.log says: runs of emerge, merges, unmerges and syncs.
--
-- These tables grow by a hundred rows for every thousand lines of log, and
-- most of the time of a first ingest is the binding of values. So what a
-- question selects, groups or sorts by is a column, what is only shown is
-- packed into the blob "detail" (store/emergelog_detail.go), and words are
-- numbers: those of the enumerations of parse/emergelog, in their order.
--
-- Keys hold the host, so that the rows of one host, and of one run within it,
-- lie side by side and need no index:
--   run.id   = host * 2^32 + the run's number, from 1, in the order of the log
--   *.id     = run.id * 2^20 + the order, from 1, within the run
-- Times are unix seconds, 0 where unknown. A place in the log ("at", in
-- detail) counts the bytes of all files of the log, the oldest first.

CREATE TABLE emerge_log (
	host    INTEGER PRIMARY KEY REFERENCES host(id),
	state   BLOB    NOT NULL,              -- of the parser, after the last segment's position
	last_at INTEGER NOT NULL               -- time of the last line read
);

-- The files of the log. A file that was rotated away keeps its segment.
CREATE TABLE emerge_log_segment (
	source   INTEGER PRIMARY KEY REFERENCES source(id),
	host     INTEGER NOT NULL REFERENCES host(id),
	base     INTEGER NOT NULL,             -- place of its first byte in the whole log
	first_at INTEGER NOT NULL              -- time of its first line
);

CREATE TABLE run (
	id          INTEGER PRIMARY KEY,
	started_at  INTEGER NOT NULL,
	ended_at    INTEGER NOT NULL,
	seen_at     INTEGER NOT NULL,          -- time of its last line
	args        INTEGER NOT NULL REFERENCES text(id),
	action      INTEGER NOT NULL,
	outcome     INTEGER NOT NULL,
	exit_status INTEGER NOT NULL,          -- -1 = none was logged
	detail      BLOB    NOT NULL
);

CREATE TABLE merge (
	id          INTEGER PRIMARY KEY,
	cpv         INTEGER NOT NULL REFERENCES cpv(id),
	started_at  INTEGER NOT NULL,
	finished_at INTEGER NOT NULL,
	kind        INTEGER NOT NULL,
	outcome     INTEGER NOT NULL,
	detail      BLOB    NOT NULL           -- the removal of what it replaced included
);
CREATE INDEX merge_by_cpv ON merge(cpv);

-- Removals that no row of merge holds.
CREATE TABLE unmerge (
	id          INTEGER PRIMARY KEY,
	cpv         INTEGER NOT NULL REFERENCES cpv(id),
	started_at  INTEGER NOT NULL,
	finished_at INTEGER NOT NULL,
	reason      INTEGER NOT NULL,
	outcome     INTEGER NOT NULL,
	detail      BLOB    NOT NULL
);
CREATE INDEX unmerge_by_cpv ON unmerge(cpv);

CREATE TABLE sync (
	id          INTEGER PRIMARY KEY,
	repo        INTEGER NOT NULL REFERENCES text(id),
	started_at  INTEGER NOT NULL,
	finished_at INTEGER NOT NULL,
	outcome     INTEGER NOT NULL,
	detail      BLOB    NOT NULL
);

-- Rows of the tables above that are not final: what was open when the log was
-- last read. They are replaced by every ingest.
CREATE TABLE provisional (
	host INTEGER NOT NULL REFERENCES host(id),
	fact TEXT    NOT NULL,                 -- run, merge, unmerge, sync
	id   INTEGER NOT NULL,
	PRIMARY KEY (host, fact, id)
);

-- Per package, the sum of its final merges and unmerges: statistics and
-- predictions ask for all packages at once.
CREATE TABLE package_history (
	host          INTEGER NOT NULL REFERENCES host(id),
	cp            INTEGER NOT NULL REFERENCES cp(id),
	unmerges      INTEGER NOT NULL,
	failures      INTEGER NOT NULL,
	first_at      INTEGER NOT NULL,        -- of merges that were completed
	last_at       INTEGER NOT NULL,
	untimed       INTEGER NOT NULL,        -- completed source merges of unknown duration
	binary_untimed INTEGER NOT NULL,
	durations     BLOB    NOT NULL,        -- of completed source merges, seconds, oldest first
	binary_durations BLOB NOT NULL,
	PRIMARY KEY (host, cp)
);
