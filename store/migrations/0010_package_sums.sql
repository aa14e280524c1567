-- The sums of packages, several to a row: statistics of all packages want each of
-- them, and to step to a row takes longer than what is in it. They are moved by
-- store/emergelog_page.go after this.
CREATE TABLE package_sums (
	host INTEGER NOT NULL REFERENCES host(id),
	page INTEGER NOT NULL,                 -- 1, 2, ...
	sums BLOB    NOT NULL,                 -- of up to 16 packages, packed
	PRIMARY KEY (host, page)
);
ALTER TABLE package_history ADD COLUMN page INTEGER NOT NULL DEFAULT 0;

-- The most time between the first and the last line of a run, in seconds: which
-- runs were at work at a moment is a question about those that began so much
-- before it.
ALTER TABLE emerge_log ADD COLUMN longest_run INTEGER NOT NULL DEFAULT 0;
UPDATE emerge_log SET longest_run = coalesce((SELECT max(seen_at - started_at) FROM run
	WHERE id >= emerge_log.host * 4294967296 AND id < (emerge_log.host + 1) * 4294967296), 0);
