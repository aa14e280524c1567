-- The database of a fleet, for emaudit push. Run this as its owner:
--
--   emaudit fleet-schema | psql -v ON_ERROR_STOP=1 DATABASE
--
-- It makes two roles without a login. Make a role with a login for each host and for
-- each reader, and grant it one of them:
--
--   CREATE ROLE alpha LOGIN IN ROLE emaudit_host;
--   CREATE ROLE grafana LOGIN IN ROLE emaudit_reader;
--
-- A role that is emaudit_host sees and writes the rows of the hosts that it entered.
-- A role that is emaudit_reader sees all rows and writes none. PostgreSQL itself sees
-- to that (row-level security). Roles belong to all databases of a server.

BEGIN;

DO $$
BEGIN
	IF current_setting('server_version_num')::int < 150000 THEN
		RAISE EXCEPTION 'PostgreSQL % is too old: 15 or later is needed', current_setting('server_version');
	END IF;
	IF to_regclass('fleet') IS NOT NULL THEN
		RAISE EXCEPTION 'this database has the tables of a fleet already';
	END IF;
	IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'emaudit_host') THEN
		CREATE ROLE emaudit_host NOLOGIN;
	END IF;
	IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'emaudit_reader') THEN
		CREATE ROLE emaudit_reader NOLOGIN;
	END IF;
END
$$;

-- Which emaudit made this database.
CREATE TABLE fleet (
	version BIGINT NOT NULL
);
GRANT SELECT ON fleet TO emaudit_host, emaudit_reader;

-- The function of SQLite that the views use: seconds since 1970 as text, in UTC.
CREATE FUNCTION datetime(at BIGINT, modifier TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT CASE WHEN modifier = 'unixepoch' AND at BETWEEN -62167219200 AND 253402300799
		THEN to_char(to_timestamp(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') END
$$;

-- The tables and views of a host follow. An id is (number of the host) * 2^40 + (id in
-- the database of the host), so that hosts do not meet.
