PRAGMA application_id = 1701667121;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE host (
	id         INTEGER PRIMARY KEY,
	name       TEXT    NOT NULL UNIQUE,
	root       TEXT    NOT NULL,           -- as last audited; "/" for the running system
	identity   TEXT    NOT NULL UNIQUE,    -- 32 hex digits, random, of the first ingest: the same host in every database
	created_at INTEGER NOT NULL,           -- unix seconds, as every *_at in this schema
	pushes     INTEGER NOT NULL DEFAULT 0  -- how many pushes to a fleet were begun
);
INSERT INTO host VALUES(1,'root','/srv/host','fc309836645c582f761df8e4f655a85b',1796024044,0);
CREATE TABLE table_mark (
	name TEXT    PRIMARY KEY,
	mark INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO table_mark VALUES('config_line',5279930693867284601);
INSERT INTO table_mark VALUES('cp',4478288018140798493);
INSERT INTO table_mark VALUES('cpv',5079729456067383533);
INSERT INTO table_mark VALUES('emerge_log',8117249911906319522);
INSERT INTO table_mark VALUES('emerge_log_part',2390636665647916229);
INSERT INTO table_mark VALUES('host',5582864233329247081);
INSERT INTO table_mark VALUES('index_entry',5963969322358794265);
INSERT INTO table_mark VALUES('installed',6856564508460265417);
INSERT INTO table_mark VALUES('instance',5694629976674878330);
INSERT INTO table_mark VALUES('instance_problem',2796622509678848012);
INSERT INTO table_mark VALUES('merge',3317967850652459939);
INSERT INTO table_mark VALUES('merge_kind',695456108012270032);
INSERT INTO table_mark VALUES('merge_outcome',6022462208824300432);
INSERT INTO table_mark VALUES('merge_usage',647098063906422215);
INSERT INTO table_mark VALUES('metadata',6341946262938722009);
INSERT INTO table_mark VALUES('pkgdir',6550903628427856473);
INSERT INTO table_mark VALUES('run',6559522504311794495);
INSERT INTO table_mark VALUES('run_action',4276461668251242627);
INSERT INTO table_mark VALUES('run_outcome',3659989356118847631);
INSERT INTO table_mark VALUES('snapshot',8411937484754110880);
INSERT INTO table_mark VALUES('source',288018043506262073);
INSERT INTO table_mark VALUES('sync',8410333807419106845);
INSERT INTO table_mark VALUES('sync_outcome',7687974974419535297);
INSERT INTO table_mark VALUES('text',5471627816421616580);
INSERT INTO table_mark VALUES('unmerge',8291144856564088289);
INSERT INTO table_mark VALUES('unmerge_outcome',5342793463357102690);
INSERT INTO table_mark VALUES('unmerge_reason',4131787148696262006);
CREATE TABLE text (
	id    INTEGER PRIMARY KEY,
	value TEXT NOT NULL UNIQUE
);
INSERT INTO text VALUES(1,'/var/db/repos/gentoo');
INSERT INTO text VALUES(2,'--resume');
INSERT INTO text VALUES(3,'--update @world');
CREATE TABLE cp (
	id    INTEGER PRIMARY KEY,
	value TEXT NOT NULL UNIQUE             -- category/pn
);
INSERT INTO cp VALUES(1,'app-misc/hello');
INSERT INTO cp VALUES(2,'dev-libs/aa');
INSERT INTO cp VALUES(3,'dev-libs/bb');
INSERT INTO cp VALUES(4,'sys-apps/cc');
CREATE TABLE cpv (
	id    INTEGER PRIMARY KEY,
	value TEXT NOT NULL UNIQUE,            -- category/pn-pvr as found
	cp    INTEGER REFERENCES cp(id)        -- NULL where the value is no valid cpv
);
INSERT INTO cpv VALUES(1,'app-misc/hello-2.1',1);
INSERT INTO cpv VALUES(2,'app-misc/hello-1.1',1);
INSERT INTO cpv VALUES(3,'app-misc/hello-1.1-r1',1);
INSERT INTO cpv VALUES(4,'app-misc/hello-2.0_rc1',1);
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
INSERT INTO source VALUES(1,1,'settings','/etc/portage/make.conf',0,0,0,0,0,NULL,NULL,'read','',1796024044);
INSERT INTO source VALUES(2,1,'vdb','/var/db/pkg',65024,11579747,1,1796024044086157019,0,NULL,NULL,'read','',1796024044);
INSERT INTO source VALUES(3,1,'pkgdir','/var/cache/binpkgs',65024,11579750,11,1796024044086157019,0,NULL,NULL,'read','',1796024044);
INSERT INTO source VALUES(4,1,'index','/var/cache/binpkgs/Packages',0,0,0,0,0,NULL,NULL,'missing','',1796024044);
INSERT INTO source VALUES(5,1,'config','/etc/portage',0,0,0,0,0,NULL,NULL,'read','',1796024044);
INSERT INTO source VALUES(6,1,'emerge-log','/var/log/emerge.log',65024,10185821,2610,1767226000000000000,2610,X'b2148142f623ec119d7a9ee2e614ca6d8ef38e620da6fa5cc0d4f1ca2f5d81abdb9ab2148142f623ec119d7a9ee2e614ca6d8ef38e620da6fa5cc0d4f1ca2f5d81abdb9aefd94c92c304d5159c1f09b49aad5edb',NULL,'read','',1796024044);
INSERT INTO source VALUES(7,1,'build-log','/var/tmp/portage',0,0,0,0,0,NULL,NULL,'missing','',1796024044);
INSERT INTO source VALUES(8,1,'elog','/var/log/portage/elog',0,0,0,0,0,NULL,NULL,'missing','',1796024044);
CREATE TABLE diagnostic (
	id      INTEGER PRIMARY KEY,
	source  INTEGER NOT NULL REFERENCES source(id),
	subject TEXT    NOT NULL DEFAULT '',   -- path below the source where the source is a folder
	offset  INTEGER NOT NULL,
	code    TEXT    NOT NULL,
	message TEXT    NOT NULL,
	met_at  INTEGER NOT NULL
);
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
INSERT INTO metadata VALUES(1,X'8fcc2d5bc7c81d98e419155e2d2fe63214c12ec79e51e6008ee9076fa8b76b47','8','amd64 debug elibc_glibc kernel_linux','+nls debug test','amd64 arm64 debug elibc_glibc elibc_musl kernel_Darwin kernel_linux nls ppc64 prefix prefix-guest prefix-stack test x86','amd64 ~arm64','GPL-2','','test','x86_64-pc-linux-gnu','-O2 -pipe','-O2 -pipe','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans','','','>=sys-libs/glibc-2.40-r2','','','x86_64: libc.so.6','','compile install','Says hello; "quoted" & <odd> description','');
INSERT INTO metadata VALUES(2,X'96f36da421e7ba650257d744857c9bcfd8715119124706a9507d64b290c4fe37','8','amd64 elibc_glibc kernel_linux nls','+nls debug test','amd64 arm64 debug elibc_glibc elibc_musl kernel_Darwin kernel_linux nls ppc64 prefix prefix-guest prefix-stack test x86','amd64 ~arm64','GPL-2','','test','x86_64-pc-linux-gnu','-O2 -pipe','-O2 -pipe','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans','','','>=sys-libs/glibc-2.39-r6','','','x86_64: libc.so.6','','compile install','Says hello; "quoted" & <odd> description','');
INSERT INTO metadata VALUES(3,X'7ebc325f5dea592fef8d7b22b14dc6c9e43baae36c266ee2cbb82f3c29c82998','8','amd64 debug elibc_glibc kernel_linux','+nls debug test','amd64 arm64 debug elibc_glibc elibc_musl kernel_Darwin kernel_linux nls ppc64 prefix prefix-guest prefix-stack test x86','amd64 ~arm64','GPL-2','','test','x86_64-pc-linux-gnu','-O2 -pipe','-O2 -pipe','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans','','','>=sys-libs/glibc-2.39-r6','','','x86_64: libc.so.6','','compile install','Says hello; "quoted" & <odd> description','');
INSERT INTO metadata VALUES(4,X'dc2729286691dcb2b51c6722dcc1224633eca76c602456588144c2a5a2fd4d0b','8','amd64 elibc_glibc kernel_linux nls','+nls debug test','amd64 arm64 debug elibc_glibc elibc_musl kernel_Darwin kernel_linux nls ppc64 prefix prefix-guest prefix-stack test x86','~amd64','GPL-2','','test','x86_64-pc-linux-gnu','-O2 -pipe','-O2 -pipe','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans','','','>=sys-libs/glibc-2.39-r6','','','x86_64: libc.so.6','','compile install','Says hello; "quoted" & <odd> description','');
INSERT INTO metadata VALUES(5,X'52f76e4e5c95071e80c5fbeb2458fa302067f753c0e4ca8ffcc5ef9a9e3f7e3d','8','amd64 debug elibc_glibc kernel_linux nls','+nls debug test','amd64 arm64 debug elibc_glibc elibc_musl kernel_Darwin kernel_linux nls ppc64 prefix prefix-guest prefix-stack test x86','~amd64','GPL-2','','test','x86_64-pc-linux-gnu','-O2 -pipe','-O2 -pipe','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans','','','>=sys-libs/glibc-2.39-r6','','','x86_64: libc.so.6','','compile install','Says hello; "quoted" & <odd> description','');
INSERT INTO metadata VALUES(6,X'db6c06f75c8732dfb59a9c5ff82f613683bdf8c2e59379ab1e24c2e9f8c1ca2d','8','amd64 debug elibc_glibc kernel_linux','+nls debug test','amd64 arm64 debug elibc_glibc elibc_musl kernel_Darwin kernel_linux nls ppc64 prefix prefix-guest prefix-stack test x86','~amd64','GPL-2','','test','x86_64-pc-linux-gnu','-O2 -pipe','-O2 -pipe','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans','','','>=sys-libs/glibc-2.39-r6','','','x86_64: libc.so.6','','compile install','Says hello; "quoted" & <odd> description','');
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
INSERT INTO installed VALUES(1,1,1,'0','0','lab',1791134437,1,158,X'f8c8bbe96f2a037ed722cf7d0007dcf6',18530,1,1,'fresh',11579753,1791134477262872300,1796024044,NULL);
CREATE TABLE snapshot (
	id        INTEGER PRIMARY KEY,
	host      INTEGER NOT NULL REFERENCES host(id),
	taken_at  INTEGER NOT NULL,
	confirmed_at INTEGER NOT NULL,         -- the last ingest that saw no change since
	installed INTEGER NOT NULL             -- number of packages
);
INSERT INTO snapshot VALUES(1,1,1796024044,1796024044,1);
CREATE TABLE pkgdir (
	id              INTEGER PRIMARY KEY,
	host            INTEGER NOT NULL REFERENCES host(id),
	path            TEXT    NOT NULL,
	kind            TEXT    NOT NULL,      -- pkgdir, binhost, extra; remote: the index of a binhost, as Portage downloaded it; former
	scanned_at      INTEGER NOT NULL,
	index_condition TEXT    NOT NULL,      -- present, missing, unreadable, refused
	index_size      INTEGER NOT NULL,
	index_mtime_ns  INTEGER NOT NULL,
	index_inode     INTEGER NOT NULL,
	index_timestamp INTEGER NOT NULL,      -- TIMESTAMP of the header
	index_packages  INTEGER NOT NULL,      -- PACKAGES of the header
	compressed_condition TEXT NOT NULL DEFAULT '', -- of Packages.gz: '' = not looked at, missing, unreadable, equal, differs
	compressed_inode     INTEGER NOT NULL DEFAULT 0,
	compressed_size      INTEGER NOT NULL DEFAULT 0,
	compressed_mtime_ns  INTEGER NOT NULL DEFAULT 0,
	fetched_to      TEXT    NOT NULL DEFAULT '', -- of a remote index: where Portage puts what it fetches from the binhost; '' = into PKGDIR
	names_known     INTEGER NOT NULL DEFAULT 0, -- of a remote index: how many packages the host had ever had when it was read; only their entries are stored
	UNIQUE (host, path)
);
INSERT INTO pkgdir VALUES(1,1,'/var/cache/binpkgs','pkgdir',1796024044,'missing',0,0,0,0,-1,'missing',0,0,0,'',0);
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
	keyring     BLOB,                      -- digest of the keys that signatures were checked with; NULL = none
	image_checked INTEGER NOT NULL DEFAULT 0, -- 1 where the full read also unpacked the image
	metadata_sum INTEGER NOT NULL DEFAULT 0, -- CRC-32C of the packed metadata in which the scan found nothing wrong; 0 = not known
	frame       BLOB,                      -- digest of all that the Manifest does not cover; NULL = never taken
	UNIQUE (pkgdir, path, seen_at)
);
INSERT INTO instance VALUES(1,1,'app-misc/hello/copy-of-hello.gpkg.tar',11579797,20480,1774208676015023560,'gpkg','zstd',2,'0','0','lab',1774208617,1,0,'build','none',18530,1,2,'sound',0,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,3220595094,NULL);
INSERT INTO instance VALUES(2,1,'app-misc/hello/hello-1.1-1.gpkg.tar',11579800,20480,1774208676015023560,'gpkg','zstd',2,'0','0','lab',1774208617,1,1,'build','none',18530,1,2,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,3220595094,NULL);
INSERT INTO instance VALUES(3,1,'app-misc/hello/hello-1.1-2.gpkg.tar',11579798,20480,1788106024684465760,'gpkg','zstd',2,'0','0','lab',1788106001,2,2,'build','none',18530,1,1,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,1471330711,NULL);
INSERT INTO instance VALUES(4,1,'app-misc/hello/hello-1.1-r1-1.gpkg.tar',11579801,20480,1775981798105622680,'gpkg','zstd',3,'0','0','lab',1775981775,1,1,'build','none',18533,1,2,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,1454704940,NULL);
INSERT INTO instance VALUES(5,1,'app-misc/hello/hello-1.1-r1-2.gpkg.tar',11579795,20480,1779622057519527260,'gpkg','zstd',3,'0','0','lab',1779622041,2,2,'build','none',18533,1,3,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,3072848479,NULL);
INSERT INTO instance VALUES(6,1,'app-misc/hello/hello-2.0-1.gpkg.tar',11579805,0,1791134739452228300,'unknown','',NULL,'','','',0,0,1,'unknown','none',-1,0,NULL,'damaged',0,NULL,NULL,'damaged','none','',0,1796024044,NULL,NULL,0,0,NULL);
INSERT INTO instance VALUES(7,1,'app-misc/hello/hello-2.0_rc1-1.gpkg.tar',11579804,20480,1778447636579240320,'gpkg','zstd',4,'0','0','lab',1778447577,1,1,'build','none',18534,1,4,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,2893148680,NULL);
INSERT INTO instance VALUES(8,1,'app-misc/hello/hello-2.0_rc1-2.gpkg.tar',11579796,20480,1779621162943311120,'gpkg','zstd',4,'0','0','lab',1779621137,2,2,'build','none',18534,1,5,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,1371110555,NULL);
INSERT INTO instance VALUES(9,1,'app-misc/hello/hello-2.0_rc1-3.gpkg.tar',11579799,20480,1779621481116720420,'gpkg','zstd',4,'0','0','lab',1779621446,3,3,'build','none',18534,1,6,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,1979123419,NULL);
INSERT INTO instance VALUES(10,1,'app-misc/hello/hello-2.0_rc1-4.gpkg.tar',11579803,20480,1779621819180032700,'gpkg','zstd',4,'0','0','lab',1779621784,4,4,'build','none',18534,1,6,'sound',1,NULL,NULL,'unchecked','none','',0,1796024044,NULL,NULL,0,3056640291,NULL);
INSERT INTO instance VALUES(11,1,'app-misc/hello/hello-2.1-1.gpkg.tar',11579802,20480,1791134448367376320,'gpkg','zstd',1,'0','0','lab',1791134437,1,1,'build','none',18530,1,1,'sound',1,X'f8c8bbe96f2a037ed722cf7d0007dcf6',X'35501f35b275fdf6a2d026f7e3f0705ebd0ae43b','unchecked','none','',0,1796024044,NULL,NULL,0,3470169583,NULL);
CREATE TABLE instance_problem (
	instance INTEGER NOT NULL REFERENCES instance(id) ON DELETE CASCADE,
	code     TEXT    NOT NULL,
	message  TEXT    NOT NULL,
	offset   INTEGER NOT NULL,
	phase    TEXT    NOT NULL              -- scan, verify: which reading found it
);
INSERT INTO instance_problem VALUES(1,'binpkg-misnamed','its metadata say app-misc/hello-1.1, so Portage expects the name hello-1.1.gpkg.tar',0,'scan');
INSERT INTO instance_problem VALUES(6,'binpkg-empty','empty file',0,'scan');
CREATE TABLE pkgdir_file (
	pkgdir   INTEGER NOT NULL REFERENCES pkgdir(id),
	path     TEXT    NOT NULL,
	kind     TEXT    NOT NULL,             -- file, symlink, fifo, device, socket, other
	role     TEXT    NOT NULL,             -- temporary, partial, checksum-failure, lock, index, stray, ...
	size     INTEGER NOT NULL,
	mtime_ns INTEGER NOT NULL,
	PRIMARY KEY (pkgdir, path)
);
CREATE TABLE index_entry (
	id         INTEGER PRIMARY KEY,
	pkgdir     INTEGER NOT NULL REFERENCES pkgdir(id),
	position   INTEGER NOT NULL,           -- in file order, with gaps for later entries
	length     INTEGER NOT NULL,           -- bytes to the next row's stanza, or to the end of the file
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
	hidden     TEXT NOT NULL DEFAULT '',   -- why Portage does not see the entry: '' where it does, else the end of a sentence
	metadata   INTEGER REFERENCES metadata(id), -- as far as the index of a binhost has it; NULL for the index of a PKGDIR
	UNIQUE (pkgdir, position)
);
CREATE TABLE instance_files (
	instance INTEGER PRIMARY KEY REFERENCES instance(id),
	names    BLOB    NOT NULL              -- absolute paths, a line each, compressed with zstd; a folder ends in a slash, and a NUL and the target follow a symbolic link
);
CREATE TABLE run_action (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO run_action VALUES(0,'merge');
INSERT INTO run_action VALUES(1,'unmerge');
INSERT INTO run_action VALUES(2,'depclean');
INSERT INTO run_action VALUES(3,'sync');
INSERT INTO run_action VALUES(4,'resume');
INSERT INTO run_action VALUES(5,'other');
CREATE TABLE run_outcome (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO run_outcome VALUES(0,'unknown');
INSERT INTO run_outcome VALUES(1,'ok');
INSERT INTO run_outcome VALUES(2,'failed');
INSERT INTO run_outcome VALUES(3,'declined');
INSERT INTO run_outcome VALUES(4,'interrupted');
INSERT INTO run_outcome VALUES(5,'killed');
INSERT INTO run_outcome VALUES(6,'running');
CREATE TABLE merge_kind (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO merge_kind VALUES(0,'unknown');
INSERT INTO merge_kind VALUES(1,'source');
INSERT INTO merge_kind VALUES(2,'binary');
CREATE TABLE merge_outcome (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO merge_outcome VALUES(0,'unknown');
INSERT INTO merge_outcome VALUES(1,'merged');
INSERT INTO merge_outcome VALUES(2,'failed');
INSERT INTO merge_outcome VALUES(3,'interrupted');
INSERT INTO merge_outcome VALUES(4,'built');
INSERT INTO merge_outcome VALUES(5,'fetched');
INSERT INTO merge_outcome VALUES(6,'running');
CREATE TABLE unmerge_reason (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO unmerge_reason VALUES(0,'replaced');
INSERT INTO unmerge_reason VALUES(1,'explicit');
INSERT INTO unmerge_reason VALUES(2,'depclean');
INSERT INTO unmerge_reason VALUES(3,'blocker');
CREATE TABLE unmerge_outcome (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO unmerge_outcome VALUES(0,'ok');
INSERT INTO unmerge_outcome VALUES(1,'failed');
INSERT INTO unmerge_outcome VALUES(2,'interrupted');
INSERT INTO unmerge_outcome VALUES(3,'running');
CREATE TABLE sync_outcome (code INTEGER PRIMARY KEY, word TEXT NOT NULL);
INSERT INTO sync_outcome VALUES(0,'unknown');
INSERT INTO sync_outcome VALUES(1,'ok');
INSERT INTO sync_outcome VALUES(2,'failed');
INSERT INTO sync_outcome VALUES(3,'running');
CREATE TABLE emerge_log (
	host    INTEGER PRIMARY KEY REFERENCES host(id),
	state   BLOB    NOT NULL,              -- of the parser, at the end of what was read
	last_at INTEGER NOT NULL               -- time of the last line read
);
INSERT INTO emerge_log VALUES(1,X'040004a6efad950d0000000202000000a01180e4ad950d00b6e5ad950d1e2d2d7570646174652040776f726c6400010402000206040200000000020000000000000202000002020400c80a246465762d6c6962732f62622d322e302d7231022f282f7661722f64622f7265706f732f67656e746f6f023000040600160002000afae4ad950d00fae4ad950d00fce4ad950d00b4e5ad950db6e5ad950d00000000000000000002020200a0111e6465762d6c6962732f62622d322e300004b6e5ad950d00040000000000',1767226323);
CREATE TABLE emerge_log_part (
	host     INTEGER NOT NULL REFERENCES host(id),
	part     INTEGER NOT NULL,             -- 0, 1, ... in the order in which they were read
	source   INTEGER NOT NULL UNIQUE REFERENCES source(id),
	first_at INTEGER NOT NULL,             -- time of its first line; 0 = it has none
	PRIMARY KEY (host, part)
) WITHOUT ROWID;
INSERT INTO emerge_log_part VALUES(1,0,6,1767225600);
CREATE TABLE run (
	host        INTEGER NOT NULL REFERENCES host(id),
	number      INTEGER NOT NULL,          -- from 1, in the order of their first lines
	started_at  INTEGER NOT NULL,
	ended_at    INTEGER,                   -- NULL = it runs, or its end was never written
	seen_at     INTEGER NOT NULL,          -- time of its last line
	args        INTEGER NOT NULL REFERENCES text(id), -- as logged, with the default options of the host
	action      INTEGER NOT NULL REFERENCES run_action(code),
	outcome     INTEGER NOT NULL REFERENCES run_outcome(code),
	exit_status INTEGER,                   -- NULL = none was logged
	merges      INTEGER NOT NULL,          -- packages that it began
	merged      INTEGER NOT NULL,          -- packages that it completed
	unmerges    INTEGER NOT NULL,
	syncs       INTEGER NOT NULL,
	headless    INTEGER NOT NULL, -- its first line is not in the log
	resumed     INTEGER NOT NULL, -- it took up an earlier list
	unexplained_failure INTEGER NOT NULL, -- it failed although all was merged
	uncertain   INTEGER NOT NULL, -- some of its lines may be of another run
	clock_stepped INTEGER NOT NULL, -- the clock was set meanwhile
	low_space   TEXT,                      -- the message about reduced parallelism for want of space
	log_part    INTEGER NOT NULL,
	log_offset  INTEGER NOT NULL,
	last_part   INTEGER NOT NULL,          -- where its last line is
	last_offset INTEGER NOT NULL,
	open        INTEGER NOT NULL,
	PRIMARY KEY (host, number),
	FOREIGN KEY (host, log_part) REFERENCES emerge_log_part(host, part)
) WITHOUT ROWID;
INSERT INTO run VALUES(1,1,1767225600,NULL,1767225691,3,0,5,NULL,2,1,1,0,0,0,0,0,0,NULL,0,0,0,1104,1);
INSERT INTO run VALUES(1,2,1767226200,1767226323,1767226323,2,4,1,0,2,2,0,0,0,1,0,0,0,NULL,0,1152,0,2580,0);
CREATE TABLE merge (
	host        INTEGER NOT NULL,
	run         INTEGER NOT NULL,
	seq         INTEGER NOT NULL,          -- from 1, in the order in which the run began its packages
	cp          INTEGER NOT NULL REFERENCES cp(id),
	version     TEXT    NOT NULL,          -- with its revision; '' where cp is no valid name
	slot        TEXT,                      -- NULL = not told
	root        TEXT,                      -- with a slash at its end; NULL = not told
	repo_path   INTEGER REFERENCES text(id), -- of the ebuild repository; NULL for a binary package
	kind        INTEGER NOT NULL REFERENCES merge_kind(code),
	outcome     INTEGER NOT NULL REFERENCES merge_outcome(code),
	started_at  INTEGER,
	ended_at    INTEGER,
	cleaning    INTEGER,                   -- seconds after started_at when the build directory is locked and emptied; here and below unix seconds where started_at is NULL
	fetching    INTEGER,                   -- the same when a binary package is downloaded
	compiling   INTEGER,                   -- when the build begins
	built       INTEGER,                   -- when it ends, FEATURES=cgroup only
	merging     INTEGER,                   -- when the installation begins
	autoclean   INTEGER,                   -- when the files are in place
	list_position INTEGER NOT NULL,        -- N of "(N of M)", which --keep-going counts anew
	list_length INTEGER NOT NULL,          -- M of it
	binpkg      TEXT,                      -- the file that was merged
	build_id    INTEGER,                   -- in its name
	packaged    INTEGER NOT NULL, -- the build was to leave a binary package
	in_world    INTEGER NOT NULL, -- it was recorded in the world file
	postinst_failed INTEGER NOT NULL, -- the files were merged, then pkg_postinst died
	between_versions INTEGER NOT NULL, -- it was cut off after the old version was removed
	uncertain   INTEGER NOT NULL, -- a line may be of another run
	clock_stepped INTEGER NOT NULL, -- the clock was set meanwhile
	log_part    INTEGER NOT NULL,
	log_offset  INTEGER NOT NULL,
	open        INTEGER NOT NULL,
	PRIMARY KEY (host, run, seq),
	FOREIGN KEY (host, run) REFERENCES run(host, number) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;
INSERT INTO merge VALUES(1,1,1,2,'1.0','0','/',1,1,1,1767225601,1767225661,0,NULL,1,NULL,57,58,1,3,NULL,NULL,0,0,0,0,0,0,0,93,0);
INSERT INTO merge VALUES(1,1,2,3,'2.0-r1','0','/',1,1,3,1767225661,NULL,0,NULL,1,NULL,29,30,2,3,NULL,NULL,0,0,0,0,0,0,0,676,1);
INSERT INTO merge VALUES(1,2,1,3,'2.0-r1','0','/',1,1,1,1767226202,1767226262,0,NULL,1,NULL,57,58,1,2,NULL,NULL,0,0,0,0,0,0,0,1273,0);
INSERT INTO merge VALUES(1,2,2,4,'3.0_p1','0','/',1,1,1,1767226262,1767226322,0,NULL,1,NULL,57,58,2,2,NULL,NULL,0,0,0,0,0,0,0,1886,0);
CREATE TABLE merge_usage (
	host        INTEGER NOT NULL,
	run         INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	cpu_ms      INTEGER,                   -- processor time in milliseconds
	memory_peak INTEGER,                   -- bytes, rounded as the line rounds
	swap_peak   INTEGER,
	read_bytes  INTEGER,
	write_bytes INTEGER,
	PRIMARY KEY (host, run, seq),
	FOREIGN KEY (host, run, seq) REFERENCES merge(host, run, seq) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;
CREATE TABLE unmerge (
	host        INTEGER NOT NULL,
	run         INTEGER NOT NULL,
	seq         INTEGER NOT NULL,          -- from 1, in the order in which the run began them
	cp          INTEGER NOT NULL REFERENCES cp(id),
	version     TEXT    NOT NULL,
	reason      INTEGER NOT NULL REFERENCES unmerge_reason(code),
	outcome     INTEGER NOT NULL REFERENCES unmerge_outcome(code),
	merge       INTEGER,                   -- seq of the merge that replaced it
	started_at  INTEGER,
	ended_at    INTEGER,
	uncertain   INTEGER NOT NULL,
	clock_stepped INTEGER NOT NULL,
	log_part    INTEGER NOT NULL,
	log_offset  INTEGER NOT NULL,
	open        INTEGER NOT NULL,
	PRIMARY KEY (host, run, seq),
	FOREIGN KEY (host, run) REFERENCES run(host, number) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;
INSERT INTO unmerge VALUES(1,1,1,3,'2.0',0,2,2,1767225691,NULL,0,0,0,1104,1);
CREATE TABLE sync (
	host        INTEGER NOT NULL,
	run         INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	repo        INTEGER NOT NULL REFERENCES text(id), -- for logs from before 2013, what its URL or location implies
	location    INTEGER NOT NULL REFERENCES text(id),
	url         INTEGER NOT NULL REFERENCES text(id),
	outcome     INTEGER NOT NULL REFERENCES sync_outcome(code),
	retries     INTEGER NOT NULL,          -- further servers that were tried
	started_at  INTEGER,
	ended_at    INTEGER,
	uncertain   INTEGER NOT NULL,
	clock_stepped INTEGER NOT NULL,
	log_part    INTEGER NOT NULL,
	log_offset  INTEGER NOT NULL,
	open        INTEGER NOT NULL,
	PRIMARY KEY (host, run, seq),
	FOREIGN KEY (host, run) REFERENCES run(host, number) DEFERRABLE INITIALLY DEFERRED
) WITHOUT ROWID;
CREATE TABLE package_move (
	host     INTEGER NOT NULL REFERENCES host(id),
	source   INTEGER NOT NULL REFERENCES source(id), -- the folder of a repository
	position INTEGER NOT NULL,             -- 0, 1, ... oldest first
	old_cp   TEXT    NOT NULL,
	new_cp   TEXT    NOT NULL,
	PRIMARY KEY (host, source, position)
);
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
CREATE TABLE output_path (
	file INTEGER NOT NULL REFERENCES output_file(id),
	role TEXT    NOT NULL,                 -- config-update, preserved-library
	path TEXT    NOT NULL,
	PRIMARY KEY (file, role, path)
);
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
CREATE TABLE leftover (
	host     INTEGER NOT NULL REFERENCES host(id),
	role     TEXT    NOT NULL,             -- config-update, preserved-library
	path     TEXT    NOT NULL,             -- inside the root
	detail   TEXT    NOT NULL,             -- the package that a library was kept of
	since    INTEGER NOT NULL,             -- mtime of an update, else the ingest that first saw it
	PRIMARY KEY (host, role, path)
);
CREATE TABLE pin (
	host       INTEGER NOT NULL REFERENCES host(id),
	name       TEXT    NOT NULL,
	state_at   INTEGER NOT NULL,           -- the moment meant
	run        INTEGER NOT NULL,           -- the state before this run is meant; 0 = that at the moment
	created_at INTEGER NOT NULL,
	note       TEXT    NOT NULL DEFAULT '',
	PRIMARY KEY (host, name)
);
CREATE TABLE client (
	host        INTEGER NOT NULL REFERENCES host(id),
	name        TEXT    NOT NULL,          -- as the file says
	known_until INTEGER NOT NULL,          -- the last ingest of the client that a file told of
	valid_until INTEGER NOT NULL,          -- until when the client itself says that its list is to be relied on
	path        TEXT    NOT NULL,          -- of the file, on the running system
	seen_at     INTEGER NOT NULL,          -- when the file was last read
	PRIMARY KEY (host, name)
);
CREATE TABLE config_file (
	host     INTEGER NOT NULL REFERENCES host(id),
	path     TEXT    NOT NULL,             -- inside the root
	kind     TEXT    NOT NULL,             -- package.mask, license_groups, world, cpuinfo, ...
	layer    TEXT    NOT NULL,             -- repository, profile, user, host
	repo     TEXT    NOT NULL,             -- the repository it belongs to; '' = none
	position INTEGER NOT NULL,             -- order in which Portage reads, weakest first
	size     INTEGER NOT NULL,
	mtime_ns INTEGER NOT NULL,
	inode    INTEGER NOT NULL,
	content  BLOB    NOT NULL,
	PRIMARY KEY (host, kind, path)
);
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
INSERT INTO config_line VALUES(1,1,'setting','host','ACCEPT_CHOSTS','','unset',0,1796024044,NULL);
INSERT INTO config_line VALUES(2,1,'setting','host','ACCEPT_KEYWORDS','','unset',1,1796024044,NULL);
INSERT INTO config_line VALUES(3,1,'setting','host','ACCEPT_LICENSE','* -@EULA','Portage 3.0.82',2,1796024044,NULL);
INSERT INTO config_line VALUES(4,1,'setting','host','ACCEPT_PROPERTIES','*','Portage 3.0.82',3,1796024044,NULL);
INSERT INTO config_line VALUES(5,1,'setting','host','ACCEPT_RESTRICT','*','Portage 3.0.82',4,1796024044,NULL);
INSERT INTO config_line VALUES(6,1,'setting','host','ARCH','','unset',5,1796024044,NULL);
INSERT INTO config_line VALUES(7,1,'setting','host','BINPKG_COMPRESS','zstd','Portage 3.0.82',6,1796024044,NULL);
INSERT INTO config_line VALUES(8,1,'setting','host','BINPKG_FORMAT','gpkg','Portage 3.0.82',7,1796024044,NULL);
INSERT INTO config_line VALUES(9,1,'setting','host','BINPKG_GPG_VERIFY_GPG_HOME','/etc/portage/gnupg','Portage 3.0.82',8,1796024044,NULL);
INSERT INTO config_line VALUES(10,1,'setting','host','CFLAGS','','Portage 3.0.82',9,1796024044,NULL);
INSERT INTO config_line VALUES(11,1,'setting','host','CHOST','','unset',10,1796024044,NULL);
INSERT INTO config_line VALUES(12,1,'setting','host','COLLISION_IGNORE','/lib/modules/* *.py[co] *$py.class','Portage 3.0.82',11,1796024044,NULL);
INSERT INTO config_line VALUES(13,1,'setting','host','CONFIG_PROTECT','/etc','Portage 3.0.82',12,1796024044,NULL);
INSERT INTO config_line VALUES(14,1,'setting','host','CONFIG_PROTECT_MASK','/etc/env.d','Portage 3.0.82',13,1796024044,NULL);
INSERT INTO config_line VALUES(15,1,'setting','host','CXXFLAGS','','Portage 3.0.82',14,1796024044,NULL);
INSERT INTO config_line VALUES(16,1,'setting','host','EMERGE_DEFAULT_OPTS','','unset',15,1796024044,NULL);
INSERT INTO config_line VALUES(17,1,'setting','host','EMERGE_LOG_DIR','','unset',16,1796024044,NULL);
INSERT INTO config_line VALUES(18,1,'setting','host','EPREFIX','','unset',17,1796024044,NULL);
INSERT INTO config_line VALUES(19,1,'setting','host','FEATURES','assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles ipc-sandbox merge-sync merge-wait multilib-strict network-sandbox news parallel-fetch pid-sandbox pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps sandbox strict unknown-features-warn unmerge-logs unmerge-orphans userfetch userpriv usersandbox usersync','Portage 3.0.82',18,1796024044,NULL);
INSERT INTO config_line VALUES(20,1,'setting','host','INSTALL_MASK','','unset',19,1796024044,NULL);
INSERT INTO config_line VALUES(21,1,'setting','host','LDFLAGS','','Portage 3.0.82',20,1796024044,NULL);
INSERT INTO config_line VALUES(22,1,'setting','host','PKGDIR','/var/cache/binpkgs','Portage 3.0.82',21,1796024044,NULL);
INSERT INTO config_line VALUES(23,1,'setting','host','PORTAGE_BINHOST','','unset',22,1796024044,NULL);
INSERT INTO config_line VALUES(24,1,'setting','host','PORTAGE_ELOG_CLASSES','log warn error','Portage 3.0.82',23,1796024044,NULL);
INSERT INTO config_line VALUES(25,1,'setting','host','PORTAGE_ELOG_SYSTEM','save_summary:log,warn,error,qa echo','Portage 3.0.82',24,1796024044,NULL);
INSERT INTO config_line VALUES(26,1,'setting','host','PORTAGE_LOGDIR','','unset',25,1796024044,NULL);
INSERT INTO config_line VALUES(27,1,'setting','host','PORTAGE_LOG_FILE_SEP','','unset',26,1796024044,NULL);
INSERT INTO config_line VALUES(28,1,'setting','host','PORTAGE_TMPDIR','/var/tmp','Portage 3.0.82',27,1796024044,NULL);
INSERT INTO config_line VALUES(29,1,'setting','host','ROOT','/','Portage 3.0.82',28,1796024044,NULL);
INSERT INTO config_line VALUES(30,1,'setting','host','UNINSTALL_IGNORE','/lib/modules/*','Portage 3.0.82',29,1796024044,NULL);
INSERT INTO config_line VALUES(31,1,'setting','host','USE','','unset',30,1796024044,NULL);
INSERT INTO config_line VALUES(32,1,'setting','host','USE_EXPAND','','unset',31,1796024044,NULL);
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
CREATE TABLE disk_fact (
	id       INTEGER PRIMARY KEY,
	host     INTEGER NOT NULL REFERENCES host(id),
	kind     TEXT    NOT NULL,             -- contents, entry, type, folder, names, changed, ebuild, room, kernel, system, whole, ...
	subject  TEXT    NOT NULL,             -- the path or the cpv that was asked about
	position INTEGER NOT NULL,             -- 0, 1, ... of several answers
	value    TEXT    NOT NULL,
	UNIQUE (host, kind, subject, position)
);
CREATE TABLE host_summary (
	host           INTEGER PRIMARY KEY REFERENCES host(id),
	stamp          TEXT    NOT NULL,       -- of the facts that it was made of
	made_at        INTEGER NOT NULL,
	disk_at        INTEGER NOT NULL,       -- when the last full recording in disk_fact was made; 0 = never
	installed      INTEGER NOT NULL,       -- packages
	binpkgs        INTEGER NOT NULL,       -- files
	bytes          INTEGER NOT NULL,       -- of these
	runs           INTEGER NOT NULL,
	last_sync_at   INTEGER NOT NULL,       -- 0 = none
	uncovered      INTEGER NOT NULL,       -- installed packages without a binary package of their build
	failures_open  INTEGER NOT NULL,
	last_update_at INTEGER NOT NULL,       -- 0 = none
	rollback       TEXT    NOT NULL        -- the verdict about undoing it; '' = none
);
CREATE TABLE need (
	host       INTEGER NOT NULL REFERENCES host(id),
	cpv        INTEGER NOT NULL REFERENCES cpv(id),
	build_time INTEGER NOT NULL,           -- 0 = not known
	build_id   INTEGER NOT NULL,           -- 0 = none, or not known
	repo       TEXT    NOT NULL,
	md5        TEXT    NOT NULL,           -- of the file, in hex; '' = not known
	sha1       TEXT    NOT NULL,           -- the same
	size       INTEGER NOT NULL,           -- of the file; 0 = not known
	reason     TEXT    NOT NULL,           -- the strongest: installed, pinned, kept-state, important
	run        INTEGER,                    -- of a kept state: the state before this run
	at         INTEGER,                    -- of that state
	pin        TEXT    NOT NULL,           -- of a pinned state
	PRIMARY KEY (host, cpv, build_time)
) WITHOUT ROWID;
CREATE TABLE unfinished_merge (
	host       INTEGER NOT NULL REFERENCES host(id),
	cpv        INTEGER NOT NULL REFERENCES cpv(id),
	changed_at INTEGER NOT NULL,           -- unix seconds: mtime of the directory
	copying    INTEGER NOT NULL CHECK (copying IN (0, 1)), -- 1 = Portage had begun to copy files
	PRIMARY KEY (host, cpv)
) WITHOUT ROWID;
CREATE TABLE drill (
	id         INTEGER PRIMARY KEY,
	host       INTEGER NOT NULL REFERENCES host(id),
	target     TEXT    NOT NULL,           -- what went back: run:N or @SECONDS, the state before a run or at a time; undo:N; category/name
	started_at INTEGER NOT NULL,
	seconds    INTEGER NOT NULL,
	bytes      INTEGER NOT NULL,           -- that the commands wrote
	verdict    TEXT    NOT NULL,           -- proven, proven-with-differences, failed
	step       TEXT    NOT NULL,           -- the command that failed; '' = none
	cause      TEXT    NOT NULL,           -- why it failed; '' = none
	log        TEXT    NOT NULL,           -- file with the output of the commands, on the running system
	program    TEXT    NOT NULL,           -- version of emaudit
	portage    TEXT    NOT NULL,           -- version of Portage; '' = unknown
	plan       BLOB    NOT NULL,           -- SHA-256 of the commands of the plan
	installed  BLOB    NOT NULL            -- SHA-256 of the builds that were installed before
);
CREATE TABLE drill_file (
	drill      INTEGER NOT NULL REFERENCES drill(id),
	pkgdir     TEXT    NOT NULL,           -- inside the root
	path       TEXT    NOT NULL,           -- below pkgdir
	cpv        INTEGER NOT NULL REFERENCES cpv(id),
	size       INTEGER NOT NULL,
	mtime_ns   INTEGER NOT NULL,
	md5        BLOB,                       -- NULL = unknown
	build_time INTEGER NOT NULL,
	build_id   INTEGER NOT NULL,
	PRIMARY KEY (drill, pkgdir, path)
);
CREATE TABLE drill_observation (
	drill    INTEGER NOT NULL REFERENCES drill(id),
	position INTEGER NOT NULL,             -- 0, 1, ...
	kind     TEXT    NOT NULL,             -- build-missing, file-content, library-missing, ...: docs/findings.md
	subject  TEXT    NOT NULL,             -- a version, a path inside the root, or an atom
	detail   TEXT    NOT NULL,
	expected INTEGER NOT NULL CHECK (expected IN (0, 1)), -- 1 = the plan promised it, or Portage always does it; 0 = a difference
	PRIMARY KEY (drill, position)
) WITHOUT ROWID;
CREATE INDEX cpv_by_cp ON cpv(cp);
CREATE INDEX diagnostic_by_source ON diagnostic(source, subject);
CREATE INDEX installed_by_host ON installed(host, removed_at);
CREATE INDEX installed_by_cpv ON installed(cpv);
CREATE INDEX snapshot_by_host ON snapshot(host, taken_at);
CREATE INDEX instance_by_pkgdir ON instance(pkgdir, gone_at);
CREATE INDEX instance_by_cpv ON instance(cpv);
CREATE INDEX instance_problem_by_instance ON instance_problem(instance);
CREATE INDEX index_entry_by_path ON index_entry(pkgdir, path);
CREATE INDEX build_log_by_cpv ON build_log(host, cpv);
CREATE INDEX elog_message_by_cpv ON elog_message(host, cpv, saved_at);
CREATE INDEX elog_message_by_file ON elog_message(file, offset);
CREATE INDEX config_line_by_kind ON config_line(host, kind, until);
CREATE VIEW setting AS
	SELECT host, subject AS name, value, origin FROM config_line WHERE kind = 'setting' AND until IS NULL;
CREATE INDEX drill_by_target ON drill(host, target, started_at);
CREATE VIEW runs AS
SELECT h.name AS host,
	r.number AS run,
	datetime(r.started_at, 'unixepoch') AS started, -- UTC, when it began
	CASE WHEN r.clock_stepped = 0 AND r.ended_at >= r.started_at THEN r.ended_at - r.started_at END AS seconds,
	action.word AS action,                 -- merge, unmerge, depclean, sync, resume, other
	outcome.word AS outcome,               -- ok, failed, declined, interrupted, killed, running, unknown
	r.merged,                              -- packages that it completed
	r.merges,                              -- packages that it began
	r.unmerges,                            -- packages that it removed, replaced ones included
	r.exit_status,
	args.value AS args,                    -- as logged, with the default options of the host
	r.started_at, r.ended_at
FROM run r JOIN host h ON h.id = r.host JOIN text args ON args.id = r.args
	LEFT JOIN run_action action ON action.code = r.action LEFT JOIN run_outcome outcome ON outcome.code = r.outcome
;
CREATE VIEW merges AS
SELECT h.name AS host, m.run,
	datetime(coalesce(m.started_at, m.ended_at), 'unixepoch') AS started, -- UTC, when it began
	CASE WHEN m.clock_stepped = 0 AND m.ended_at >= m.started_at THEN m.ended_at - m.started_at END AS seconds,
	cp.value AS package,                   -- category/name
	m.version,
	(SELECT max(u.version) FROM unmerge u WHERE u.host = m.host AND u.run = m.run AND u.merge = m.seq AND u.outcome = (SELECT code FROM unmerge_outcome WHERE word = 'ok')) AS replaced, -- the version that was there before
	m.slot,
	kind.word AS kind,                     -- source, binary
	outcome.word AS outcome,               -- merged, failed, interrupted, built, fetched, running, unknown
	m.binpkg,                              -- the file that was merged
	repo.value AS repository,              -- where the ebuild lay
	m.root,
	m.started_at, m.ended_at
FROM merge m JOIN host h ON h.id = m.host JOIN cp ON cp.id = m.cp LEFT JOIN text repo ON repo.id = m.repo_path
	LEFT JOIN merge_kind kind ON kind.code = m.kind LEFT JOIN merge_outcome outcome ON outcome.code = m.outcome
;
CREATE VIEW unmerges AS
SELECT h.name AS host, u.run,
	datetime(coalesce(u.started_at, u.ended_at), 'unixepoch') AS started, -- UTC
	CASE WHEN u.clock_stepped = 0 AND u.ended_at >= u.started_at THEN u.ended_at - u.started_at END AS seconds,
	cp.value AS package, u.version,
	reason.word AS reason,                 -- replaced, explicit, depclean, blocker
	outcome.word AS outcome,               -- ok, failed, interrupted, running
	u.started_at, u.ended_at
FROM unmerge u JOIN host h ON h.id = u.host JOIN cp ON cp.id = u.cp
	LEFT JOIN unmerge_reason reason ON reason.code = u.reason LEFT JOIN unmerge_outcome outcome ON outcome.code = u.outcome
;
CREATE VIEW syncs AS
SELECT h.name AS host, s.run,
	datetime(coalesce(s.started_at, s.ended_at), 'unixepoch') AS started, -- UTC
	CASE WHEN s.clock_stepped = 0 AND s.ended_at >= s.started_at THEN s.ended_at - s.started_at END AS seconds,
	repo.value AS repo,
	outcome.word AS outcome,               -- ok, failed, running, unknown
	url.value AS url,
	s.retries, s.started_at, s.ended_at
FROM sync s JOIN host h ON h.id = s.host JOIN text repo ON repo.id = s.repo JOIN text url ON url.id = s.url
	LEFT JOIN sync_outcome outcome ON outcome.code = s.outcome
;
CREATE VIEW package_stats AS
SELECT host, package,
	kind,                                  -- source, binary
	count(*) FILTER (WHERE outcome = 'merged') AS merges,
	count(*) FILTER (WHERE outcome = 'failed') AS failures,
	sum(seconds) FILTER (WHERE outcome = 'merged') AS total, -- seconds
	CAST(sum(seconds) FILTER (WHERE outcome = 'merged') AS INTEGER) / nullif(count(seconds) FILTER (WHERE outcome = 'merged'), 0) AS average,
	max(seconds) FILTER (WHERE outcome = 'merged') AS longest,
	datetime(min(ended_at) FILTER (WHERE outcome = 'merged'), 'unixepoch') AS first, -- UTC
	datetime(max(ended_at) FILTER (WHERE outcome = 'merged'), 'unixepoch') AS last
FROM merges GROUP BY host, package, kind
;
CREATE VIEW installed_now AS
SELECT h.name AS host,
	cp.value AS package, substr(cpv.value, length(cp.value) + 2) AS version,
	i.slot, i.subslot, i.repo,
	metadata.use,                          -- USE flags, in one line
	i.size,                                -- bytes
	datetime(nullif(i.build_time, 0), 'unixepoch') AS built, -- UTC
	i.build_time, i.build_id
FROM installed i JOIN host h ON h.id = i.host JOIN cpv ON cpv.id = i.cpv LEFT JOIN cp ON cp.id = cpv.cp JOIN metadata ON metadata.id = i.metadata
WHERE i.removed_at IS NULL
;
CREATE VIEW binpkgs AS
SELECT h.name AS host,
	cp.value AS package, substr(cpv.value, length(cp.value) + 2) AS version,
	n.build_id, datetime(nullif(n.build_time, 0), 'unixepoch') AS built, -- UTC
	n.size,                                -- bytes
	n.format,                              -- gpkg, xpak, unknown
	n.structure,                           -- sound, damaged, unknown: what the scan saw
	CASE WHEN n.size = 0 THEN 'empty' WHEN n.integrity = 'unchecked' AND n.verified_at = 0 THEN 'unread' ELSE n.integrity END AS integrity, -- whole, damaged, empty, unread, unchecked, unknown
	n.signature,                           -- none, valid, invalid, unknown-key, unchecked
	p.path || '/' || n.path AS file,
	n.slot, n.repo, n.build_time
FROM instance n JOIN pkgdir p ON p.id = n.pkgdir JOIN host h ON h.id = p.host LEFT JOIN cpv ON cpv.id = n.cpv LEFT JOIN cp ON cp.id = cpv.cp
WHERE n.gone_at IS NULL
;
CREATE VIEW failures AS
SELECT h.name AS host,
	datetime(coalesce(nullif(b.prepared_at, 0), b.written_at), 'unixepoch') AS started, -- UTC
	cp.value AS package, substr(cpv.value, length(cp.value) + 2) AS version,
	f.phase, f.cause, f.cause_line AS line,
	s.path || '/' || o.path AS log
FROM build_failure f JOIN build_log b ON b.file = f.file JOIN output_file o ON o.id = f.file JOIN source s ON s.id = o.source
	JOIN host h ON h.id = b.host JOIN cpv ON cpv.id = b.cpv LEFT JOIN cp ON cp.id = cpv.cp
;
CREATE VIEW messages AS
SELECT h.name AS host,
	datetime(e.saved_at, 'unixepoch') AS saved, -- UTC
	cp.value AS package, substr(cpv.value, length(cp.value) + 2) AS version,
	e.class, e.phase, e.text,
	CASE WHEN e.read_at = 0 THEN 1 ELSE 0 END AS unread
FROM elog_message e JOIN host h ON h.id = e.host JOIN cpv ON cpv.id = e.cpv LEFT JOIN cp ON cp.id = cpv.cp
;
CREATE VIEW drills AS
SELECT h.name AS host,
	datetime(d.started_at, 'unixepoch') AS started, -- UTC
	d.target,                              -- run:N, @SECONDS, undo:N, category/name
	d.verdict,                             -- proven, proven-with-differences, failed
	d.seconds, d.bytes, d.step, d.cause, d.log,
	(SELECT count(*) FROM drill_file f WHERE f.drill = d.id) AS files, -- binary packages that it merged
	(SELECT count(*) FROM drill_observation o WHERE o.drill = d.id AND o.expected = 0) AS differences,
	(SELECT count(DISTINCT coalesce(c.cp, -c.id)) FROM installed i JOIN cpv c ON c.id = i.cpv
		WHERE i.host = d.host AND (i.added_at > d.started_at OR i.removed_at > d.started_at)) AS packages_changed, -- installed packages that changed since
	(SELECT count(*) FROM drill_file f WHERE f.drill = d.id AND NOT EXISTS (SELECT 1 FROM instance n JOIN pkgdir p ON p.id = n.pkgdir
		WHERE p.host = d.host AND p.path = f.pkgdir AND n.path = f.path AND n.gone_at IS NULL AND n.size = f.size AND n.mtime_ns = f.mtime_ns)) AS files_changed, -- of its files
	d.program, d.portage, d.id, d.started_at
FROM drill d JOIN host h ON h.id = d.host
;
CREATE INDEX merge_by_cp ON merge(cp);
CREATE INDEX unmerge_by_cp ON unmerge(cp, outcome);
CREATE INDEX run_by_time ON run(host, started_at, seen_at);
CREATE INDEX run_by_open ON run(host) WHERE open = 1;
COMMIT;
