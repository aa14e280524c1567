package logs

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"emaudit/store"
)

// TestNarrowQuestionsUseAnIndex asks SQLite how it finds the rows. A question about a
// package, some runs or a time must not read whole tables, nor all rows of the host.
func TestNarrowQuestionsUseAnIndex(t *testing.T) {
	t.Parallel()
	db, host := logDB(t)
	err := db.View(context.Background(), func(tx *store.Tx) error {
		log := ReadEmergeLog(tx, host)
		limited := *log
		limited.only = "5,7"
		queries := map[string]string{
			"runs of packages":     log.runsOf("5,7"),
			"runs at a time":       runsBetween,
			"merges of packages":   "SELECT run FROM merge WHERE host = ? AND " + log.keysOf("merge", "5,7"),
			"removals of packages": "SELECT run FROM unmerge WHERE host = ? AND " + log.keysOf("unmerge", "5,7"),
		}
		for name, scan := range map[string]*runScan{
			"newest runs":         {log: log, where: RunRange{First: 7, Last: 9}.where, order: NewestFirst},
			"range of runs":       {log: log, where: RunRange{First: 7, Last: 9}.where, order: OldestFirst},
			"packages in the log": {log: &limited, where: func(column string) string { return " AND " + column + " IN (3, 5)" }, order: OldestFirst},
		} {
			queries[name] = scan.runs()
			queries[name+", merges"], queries[name+", removals"], queries[name+", syncs"], queries[name+", usages"] = scan.queries(8)
		}
		for name, query := range queries {
			args := make([]any, strings.Count(query, "?"))
			for i := range args {
				args[i] = 1
			}
			err := tx.Query(func(rows *sql.Rows) error {
				var id, parent, cost int
				var step string
				err := rows.Scan(&id, &parent, &cost, &step)
				if strings.HasPrefix(step, "SCAN ") || strings.HasSuffix(step, "PRIMARY KEY (host=?)") {
					t.Errorf("%s: %s: %s", name, step, query)
				}
				return err
			}, "EXPLAIN QUERY PLAN "+query, args...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
