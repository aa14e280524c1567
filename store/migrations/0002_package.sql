-- Installed packages through time, binary packages, and the Packages index.

-- What a build says of itself. The VDB entry and the binpkg of one build carry
-- the same keys, so both refer to one row. '' stands for an absent key, which
-- Portage does not tell apart from an empty one.
CREATE TABLE metadata (
	id             INTEGER PRIMARY KEY,
	digest         BLOB NOT NULL UNIQUE,   -- SHA-256 over the columns below, in this order
	eapi           TEXT NOT NULL,
	use            TEXT NOT NULL,
	iuse           TEXT NOT NULL,
	iuse_effective TEXT NOT NULL,
	keywords       TEXT NOT NULL,
	license        TEXT NOT NULL,
	properties     TEXT NOT NULL,
	restrict_      TEXT NOT NULL,
	chost          TEXT NOT NULL,
	cflags         TEXT NOT NULL,
	cxxflags       TEXT NOT NULL,
	features       TEXT NOT NULL,
	bdepend        TEXT NOT NULL,
	depend         TEXT NOT NULL,
	rdepend        TEXT NOT NULL,
	pdepend        TEXT NOT NULL,
	idepend        TEXT NOT NULL,
	requires       TEXT NOT NULL,
	provides       TEXT NOT NULL,
	defined_phases TEXT NOT NULL,
	description    TEXT NOT NULL,
	install_mask   TEXT NOT NULL           -- PKG_INSTALL_MASK or INSTALL_MASK of the build
);

-- One row for every installed instance ever seen in the VDB, with the time
-- during which it was there as far as ingests saw it: this is the exact
-- history of states since the first ingest.
CREATE TABLE installed (
	id          INTEGER PRIMARY KEY,
	host        INTEGER NOT NULL REFERENCES host(id),
	cpv         INTEGER NOT NULL REFERENCES cpv(id),
	slot        TEXT    NOT NULL,
	subslot     TEXT    NOT NULL,
	repo        TEXT    NOT NULL,
	build_time  INTEGER NOT NULL,          -- 0 = unknown
	build_id    INTEGER NOT NULL,          -- 0 = none
	counter     INTEGER NOT NULL,          -- 0 = unknown
	binpkg_md5  BLOB,                      -- BINPKGMD5, 16 bytes; NULL = none recorded
	size        INTEGER NOT NULL,          -- SIZE: bytes installed
	has_environment INTEGER NOT NULL,      -- environment.bz2 is there
	metadata    INTEGER NOT NULL REFERENCES metadata(id),
	metadata_state TEXT NOT NULL,          -- of the consolidated file: fresh, stale, absent, unreadable
	dir_inode   INTEGER NOT NULL,
	dir_mtime_ns INTEGER NOT NULL,
	added_at    INTEGER NOT NULL,          -- the ingest that first saw it
	removed_at  INTEGER                    -- the ingest that no longer saw it; NULL = installed
);
CREATE INDEX installed_by_host ON installed(host, removed_at);
CREATE INDEX installed_by_cpv ON installed(cpv);

-- The moments at which the whole VDB was looked at. A state at a time between
-- two snapshots is known only as far as emerge.log fills the gap.
CREATE TABLE snapshot (
	id        INTEGER PRIMARY KEY,
	host      INTEGER NOT NULL REFERENCES host(id),
	taken_at  INTEGER NOT NULL,
	confirmed_at INTEGER NOT NULL,         -- the last ingest that saw no change since
	installed INTEGER NOT NULL             -- number of packages
);
CREATE INDEX snapshot_by_host ON snapshot(host, taken_at);

-- A folder that holds binpkgs: PKGDIR, a fetched binhost's, or one given.
CREATE TABLE pkgdir (
	id              INTEGER PRIMARY KEY,
	host            INTEGER NOT NULL REFERENCES host(id),
	path            TEXT    NOT NULL,
	kind            TEXT    NOT NULL,      -- pkgdir, binhost, extra
	scanned_at      INTEGER NOT NULL,
	index_condition TEXT    NOT NULL,      -- present, missing, unreadable, refused
	index_size      INTEGER NOT NULL,
	index_mtime_ns  INTEGER NOT NULL,
	index_inode     INTEGER NOT NULL,
	index_timestamp INTEGER NOT NULL,      -- TIMESTAMP of the header
	index_packages  INTEGER NOT NULL,      -- PACKAGES of the header
	UNIQUE (host, path)
);

-- One file that is or pretends to be a binpkg. A file that is gone keeps its
-- row: what was once there explains a gap.
CREATE TABLE instance (
	id          INTEGER PRIMARY KEY,
	pkgdir      INTEGER NOT NULL REFERENCES pkgdir(id),
	path        TEXT    NOT NULL,          -- relative to the pkgdir
	inode       INTEGER NOT NULL,
	size        INTEGER NOT NULL,
	mtime_ns    INTEGER NOT NULL,
	format      TEXT    NOT NULL,          -- gpkg, xpak, unknown
	compressor  TEXT    NOT NULL,          -- '' = unknown
	cpv         INTEGER REFERENCES cpv(id), -- by its metadata; NULL = unreadable
	slot        TEXT    NOT NULL,
	subslot     TEXT    NOT NULL,
	repo        TEXT    NOT NULL,
	build_time  INTEGER NOT NULL,
	build_id    INTEGER NOT NULL,          -- by its metadata; 0 = none
	path_build_id INTEGER NOT NULL,        -- by its file name; 0 = none
	origin      TEXT    NOT NULL,          -- build, quickpkg, unknown
	signed      TEXT    NOT NULL,          -- by its structure: none, signed, mixed, unknown
	installed_size INTEGER NOT NULL,       -- SIZE of its metadata
	has_environment INTEGER NOT NULL,
	metadata    INTEGER REFERENCES metadata(id),
	structure   TEXT    NOT NULL,          -- sound, damaged, unknown: what the header walk saw
	visible     INTEGER NOT NULL,          -- path, name and metadata are such that Portage would take it up
	md5         BLOB,                      -- computed by emaudit; NULL = never
	sha1        BLOB,
	integrity   TEXT    NOT NULL,          -- whole, damaged, unchecked, unknown: a full read
	signature   TEXT    NOT NULL,          -- none, valid, invalid, unknown-key, unchecked
	signature_key TEXT  NOT NULL,
	verified_at INTEGER NOT NULL,          -- 0 = never
	seen_at     INTEGER NOT NULL,
	gone_at     INTEGER,                   -- NULL = there
	UNIQUE (pkgdir, path, seen_at)
);
CREATE INDEX instance_by_pkgdir ON instance(pkgdir, gone_at);
CREATE INDEX instance_by_cpv ON instance(cpv);

CREATE TABLE instance_problem (
	instance INTEGER NOT NULL REFERENCES instance(id) ON DELETE CASCADE,
	code     TEXT    NOT NULL,
	message  TEXT    NOT NULL,
	offset   INTEGER NOT NULL,
	phase    TEXT    NOT NULL              -- scan, verify: which reading found it
);
CREATE INDEX instance_problem_by_instance ON instance_problem(instance);

-- Everything else that lies in a pkgdir.
CREATE TABLE pkgdir_file (
	pkgdir   INTEGER NOT NULL REFERENCES pkgdir(id),
	path     TEXT    NOT NULL,
	kind     TEXT    NOT NULL,             -- file, symlink, fifo, device, socket, other
	role     TEXT    NOT NULL,             -- temporary, partial, checksum-failure, lock, index, stray, ...
	size     INTEGER NOT NULL,
	mtime_ns INTEGER NOT NULL,
	PRIMARY KEY (pkgdir, path)
);

-- Packages, entry by entry, as last read.
CREATE TABLE index_entry (
	pkgdir     INTEGER NOT NULL REFERENCES pkgdir(id),
	position   INTEGER NOT NULL,           -- 0, 1, ... in file order
	offset     INTEGER NOT NULL,           -- of its stanza, in bytes
	cpv        INTEGER NOT NULL REFERENCES cpv(id),
	path       TEXT    NOT NULL,
	build_id   INTEGER NOT NULL,
	build_time INTEGER NOT NULL,
	size       INTEGER NOT NULL,           -- -1 = absent
	mtime      INTEGER NOT NULL,           -- seconds; -1 = absent
	md5        BLOB,
	sha1       BLOB,
	slot       TEXT    NOT NULL,
	repo       TEXT    NOT NULL,
	use        TEXT    NOT NULL,
	usable     INTEGER NOT NULL,           -- Portage would read this entry
	PRIMARY KEY (pkgdir, position)
);
CREATE INDEX index_entry_by_path ON index_entry(pkgdir, path);
