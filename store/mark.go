package store

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// noteWriting records the table that a statement writes to.
func (tx *Tx) noteWriting(query string) {
	for _, begin := range []string{"INSERT INTO ", "UPDATE ", "DELETE FROM "} {
		if rest, ok := strings.CutPrefix(query, begin); ok {
			table, _, _ := strings.Cut(rest, " ")
			tx.written[table] = true
			return
		}
	}
}

// markWritten draws a new mark for each table to which the transaction wrote. A mark
// is random, so that a database restored from a copy never has the mark of other
// content.
func (tx *Tx) markWritten() error {
	delete(tx.written, "interval_begin") // a temporary table
	for table := range tx.written {
		if _, err := tx.conn.ExecContext(tx.ctx, "INSERT INTO table_mark (name, mark) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark",
			table, rand.Int64()); err != nil {
			return fmt.Errorf("mark of table %s: %w", table, err)
		}
	}
	return nil
}

// Stamp returns a text that differs whenever the rows of the tables do. The tables have
// rows of all hosts.
func (tx *Tx) Stamp(tables ...string) (string, error) {
	var b strings.Builder
	for _, table := range tables {
		var mark int64
		if _, err := NoRow(tx.QueryRow("SELECT mark FROM table_mark WHERE name = ?", table).Scan(&mark)); err != nil {
			return "", fmt.Errorf("mark of table %s: %w", table, err)
		}
		fmt.Fprintf(&b, "%x ", mark)
	}
	return b.String(), nil
}
