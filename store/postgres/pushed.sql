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

-- PostgreSQL collects statistics by itself, a minute after a first push: until then it would
-- plan as for empty tables. Only the owner of a table may collect them.
CREATE FUNCTION collect_statistics() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
	ANALYZE cp, cpv, metadata, installed, instance, index_entry, run, merge, unmerge;
END
$$;
REVOKE EXECUTE ON FUNCTION collect_statistics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION collect_statistics TO emaudit_host;
