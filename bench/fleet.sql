-- Makes 500 hosts of the one in the database of a fleet, for bench/fleet.sh: an id is the
-- number of the host and, below 40 bits, the id in its own database.
SET session_replication_role = replica;
DO $$
DECLARE
	n CONSTANT BIGINT := 500;
	t RECORD;
BEGIN
	INSERT INTO host (id, name, root, identity, created_at, pushes, role, pushed_at) OVERRIDING SYSTEM VALUE
		SELECT g, name || g, root, identity || g, created_at, pushes, role, pushed_at FROM host CROSS JOIN generate_series(2::bigint, n) g;
	FOR t IN
		SELECT c.oid, c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
			string_agg(CASE
				WHEN a.attname = 'host' THEN 'g'
				WHEN a.attname = 'id' OR f.conname IS NOT NULL THEN format('(g << 40) | (t.%1$I & ((1::bigint << 40) - 1))', a.attname)
				ELSE format('t.%I', a.attname) END, ', ' ORDER BY a.attnum) AS values
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('host', 'fleet', 'pushed')
			AND EXISTS (SELECT FROM pg_attribute h WHERE h.attrelid = c.oid AND h.attname IN ('host', 'id')) -- the tables of words are shared
		GROUP BY c.oid, c.relname
	LOOP
		EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM %I t CROSS JOIN generate_series(2::bigint, %s) g', t.relname, t.columns, t.values, t.relname, n);
	END LOOP;
END
$$;
SELECT setval(pg_get_serial_sequence('host', 'id'), max(id)) FROM host;
ANALYZE;
