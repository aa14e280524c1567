-- Which runs were at work in a stretch of time, without reading their details.
-- From this schema on the facts of runs no longer use the table cpv
-- (store/emergelog_pack.go).
CREATE INDEX run_by_time ON run(started_at, seen_at);
