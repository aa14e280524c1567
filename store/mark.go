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
