package inventory

import (
	"database/sql"
	"fmt"
	"slices"

	"emaudit/parse/needs"
	"emaudit/store"
)

// ReplaceNeeds replaces the stored needs of a host. Of the reasons for a build, the
// strongest is stored.
func ReplaceNeeds(tx *store.Tx, host store.HostID, builds []needs.Build) error {
	if _, err := tx.Exec("DELETE FROM need WHERE host = ?", host); err != nil {
		return err
	}
	rows := tx.Bulk("need", "host", "cpv", "build_time", "build_id", "repo", "md5", "sha1", "size", "reason", "run", "at", "pin")
	for _, b := range builds {
		cpv, err := tx.CPVID(b.CPV)
		if err != nil {
			return fmt.Errorf("need of %s: %w", b.CPV, err)
		}
		var run, at any
		why := needs.Strongest(b.Reasons)
		if why.Run != nil {
			run = *why.Run
		}
		if why.Time != nil {
			at = *why.Time
		}
		if err := rows.Add(host, cpv, b.BuildTime, b.BuildID, b.Repo, b.MD5, b.SHA1, b.Size, string(why.Why), run, at, why.Pin); err != nil {
			return err
		}
	}
	return rows.Flush()
}

// EachNeeds calls each with the stored needs of every host that has some.
func EachNeeds(tx *store.Tx, each func(store.HostID, []needs.Build) error) error {
	var of store.HostID
	var builds []needs.Build
	end := func() error {
		if builds == nil {
			return nil
		}
		slices.SortFunc(builds, needs.Compare)
		err := each(of, builds)
		builds = nil
		return err
	}
	err := tx.Query(func(rows *sql.Rows) error {
		var host store.HostID
		var b needs.Build
		var why needs.Reason
		var run, at sql.NullInt64
		if err := rows.Scan(&host, &b.CPV, &b.BuildTime, &b.BuildID, &b.Repo, &b.MD5, &b.SHA1, &b.Size, &why.Why, &run, &at, &why.Pin); err != nil {
			return err
		}
		if run.Valid {
			why.Run = &run.Int64
		}
		if at.Valid {
			why.Time = &at.Int64
		}
		b.Reasons = []needs.Reason{why}
		if host != of {
			if err := end(); err != nil {
				return err
			}
			of = host
		}
		builds = append(builds, b)
		return nil
	}, "SELECT n.host, c.value, n.build_time, n.build_id, n.repo, n.md5, n.sha1, n.size, n.reason, n.run, n.at, n.pin FROM need n JOIN cpv c ON c.id = n.cpv ORDER BY n.host")
	if err != nil {
		return err
	}
	return end()
}
