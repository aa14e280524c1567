-- Merges that Portage began to write into the installed-package database and did
-- not end, as the last ingest saw them: the directories -MERGING-PF.
CREATE TABLE unfinished_merge (
	host       INTEGER NOT NULL REFERENCES host(id),
	cpv        INTEGER NOT NULL REFERENCES cpv(id),
	changed_at INTEGER NOT NULL,           -- unix seconds: mtime of the directory
	copying    INTEGER NOT NULL CHECK (copying IN (0, 1)), -- 1 = Portage had begun to copy files
	PRIMARY KEY (host, cpv)
) WITHOUT ROWID;

ALTER TABLE pin ADD COLUMN note TEXT NOT NULL DEFAULT '';
