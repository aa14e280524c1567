-- What only the fleet knows of a host.
ALTER TABLE host
	ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY,
	ADD UNIQUE (name),
	ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT current_user, -- whose rows these are
	ADD COLUMN pushed_at BIGINT NOT NULL DEFAULT 0; -- the last push that sent something, by the clock of the server

-- What was pushed: a digest of each part of a table, and under part -1 the mark that
-- the whole table had on the host.
CREATE TABLE pushed (
	host   BIGINT NOT NULL REFERENCES host(id) DEFERRABLE INITIALLY DEFERRED,
	name   TEXT COLLATE "C" NOT NULL,      -- of the table
	part   BIGINT NOT NULL,
	digest BYTEA NOT NULL,
	PRIMARY KEY (host, name, part)
);
