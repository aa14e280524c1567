-- What emerge.log says: runs of emerge with their merges, removals and syncs.
--
-- A log of a million lines tells of two hundred thousand facts, and a question
-- wants either all facts of a few runs or one number of each package. So a run
-- is one row: what runs are selected by are columns, and its facts are packed
-- in the order of the log (store/emergelog_pack.go). Words are numbers, those
-- of the enumerations of parse/emergelog in their order. Against a row for each
-- fact this costs a third of the time to write and to read.
--
-- run.id = host * 2^32 + the run's number, from 1, in the order of the log, so
-- that the rows of a host lie side by side. Times are unix seconds, 0 where
-- unknown. A place in the log counts the bytes of all its files, oldest first.

CREATE TABLE emerge_log (
	host    INTEGER PRIMARY KEY REFERENCES host(id),
	state   BLOB    NOT NULL,              -- of the parser, after the last segment's position
	open    BLOB    NOT NULL,              -- numbers of the runs that are not final
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
	seen_at     INTEGER NOT NULL,          -- time of its last line
	args        INTEGER NOT NULL,          -- text(id); no constraint, checking costs more than storing
	action      INTEGER NOT NULL,
	outcome     INTEGER NOT NULL,
	unsettled   INTEGER NOT NULL,          -- bytes at the end of detail that the next ingest replaces
	detail      BLOB    NOT NULL
);

-- Per package, the sum of its final facts, and in which runs they are:
-- statistics and predictions ask for all packages at once.
CREATE TABLE package_history (
	host             INTEGER NOT NULL REFERENCES host(id),
	cp               INTEGER NOT NULL REFERENCES cp(id),
	unmerges         INTEGER NOT NULL,
	failures         INTEGER NOT NULL,
	first_at         INTEGER NOT NULL,     -- of merges that were completed
	last_at          INTEGER NOT NULL,
	untimed          INTEGER NOT NULL,     -- completed source merges of unknown duration
	binary_untimed   INTEGER NOT NULL,
	durations        BLOB    NOT NULL,     -- of completed source merges, seconds, oldest first
	binary_durations BLOB    NOT NULL,
	runs             BLOB    NOT NULL,     -- numbers, as differences
	PRIMARY KEY (host, cp)
);

-- The same for repositories and for runs by what they were asked.
CREATE TABLE sync_history (
	host      INTEGER NOT NULL REFERENCES host(id),
	repo      TEXT    NOT NULL,
	syncs     INTEGER NOT NULL,            -- that succeeded
	failures  INTEGER NOT NULL,
	first_at  INTEGER NOT NULL,
	last_at   INTEGER NOT NULL,
	durations BLOB    NOT NULL,
	PRIMARY KEY (host, repo)
);
CREATE TABLE run_history (
	host        INTEGER NOT NULL REFERENCES host(id),
	action      INTEGER NOT NULL,
	runs        INTEGER NOT NULL,
	succeeded   INTEGER NOT NULL,
	failed      INTEGER NOT NULL,
	interrupted INTEGER NOT NULL,          -- declined and killed ones too
	seconds     INTEGER NOT NULL,
	first_at    INTEGER NOT NULL,
	last_at     INTEGER NOT NULL,
	PRIMARY KEY (host, action)
);

-- Renamed packages, from the repositories' profiles/updates: a package keeps its
-- history under the name that it has today.
CREATE TABLE package_move (
	host     INTEGER NOT NULL REFERENCES host(id),
	source   INTEGER NOT NULL REFERENCES source(id), -- the folder of a repository
	position INTEGER NOT NULL,             -- 0, 1, ... oldest first
	old_cp   TEXT    NOT NULL,
	new_cp   TEXT    NOT NULL,
	PRIMARY KEY (host, source, position)
);
