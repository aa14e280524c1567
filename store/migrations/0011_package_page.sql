-- What package_history had is in the pages of package_sums now.
CREATE TABLE package_page (
	host INTEGER NOT NULL REFERENCES host(id),
	cp   INTEGER NOT NULL REFERENCES cp(id),
	page INTEGER NOT NULL,                 -- of package_sums
	PRIMARY KEY (host, cp)
) WITHOUT ROWID;
INSERT INTO package_page (host, cp, page) SELECT host, cp, page FROM package_history;
DROP TABLE package_history;
