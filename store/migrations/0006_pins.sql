-- What states and rollbacks need beside the facts about packages: the moments
-- that were pinned, and the lists with which Portage is steered.

-- A moment with a name. The state itself is what the snapshots and emerge.log
-- say of that moment; a pin keeps cleanup from taking what it needs.
CREATE TABLE pin (
	host       INTEGER NOT NULL REFERENCES host(id),
	name       TEXT    NOT NULL,
	at         INTEGER NOT NULL,           -- the moment meant
	run        INTEGER NOT NULL,           -- the state before this run is meant; 0 = that at the moment
	created_at INTEGER NOT NULL,
	PRIMARY KEY (host, name)
);

-- The lists below /etc/portage, in profiles and in repositories, as they were
-- last read. They are small, few, and nothing is asked of them but all.
CREATE TABLE config_file (
	host     INTEGER NOT NULL REFERENCES host(id),
	path     TEXT    NOT NULL,             -- inside the root
	kind     TEXT    NOT NULL,             -- package.mask, license_groups, updates, world, cpuinfo, ...
	layer    TEXT    NOT NULL,             -- repository, profile, user, host
	repo     TEXT    NOT NULL,             -- the repository it belongs to; '' = none
	position INTEGER NOT NULL,             -- order in which Portage reads, weakest first
	size     INTEGER NOT NULL,
	mtime_ns INTEGER NOT NULL,
	inode    INTEGER NOT NULL,
	content  BLOB    NOT NULL,
	PRIMARY KEY (host, kind, path)
);
