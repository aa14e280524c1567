-- What is in the pages of package_sums now. Of a package it remains in which
-- page its sums are, and in which runs its facts.
CREATE TABLE package_runs (
	host INTEGER NOT NULL REFERENCES host(id),
	cp   INTEGER NOT NULL REFERENCES cp(id),
	page INTEGER NOT NULL,                 -- of package_sums
	runs BLOB    NOT NULL,                 -- numbers, as differences
	PRIMARY KEY (host, cp)
);
INSERT INTO package_runs (host, cp, page, runs) SELECT host, cp, page, runs FROM package_history;
DROP TABLE package_history;
