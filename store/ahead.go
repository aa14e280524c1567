package store

import "database/sql"

// packedRow is a row of a table whose rows are mostly packed columns: its first
// columns are numbers, those after them are packed.
type packedRow struct {
	numbers [maxNumbers]int64
	packed  [maxPacked][]byte
}

const (
	maxNumbers = 8
	maxPacked  = 1
)

// packedRows reads rows.
type packedRows struct {
	row     packedRow
	raw     [maxPacked]sql.RawBytes
	targets []any // of a scan, in this struct
	packed  int   // columns
}

// scan reads a row with so many numbers. Packed columns are appended to memory,
// which is returned.
func (r *packedRows) scan(rows *sql.Rows, numbers int, into *packedRow, memory []byte) ([]byte, error) {
	if r.targets == nil {
		columns, err := rows.Columns()
		if err != nil {
			return memory, err
		}
		for i := range numbers {
			r.targets = append(r.targets, &r.row.numbers[i])
		}
		r.packed = len(columns) - numbers
		for i := range r.packed {
			r.targets = append(r.targets, &r.raw[i])
		}
	}
	if err := rows.Scan(r.targets...); err != nil {
		return memory, err
	}
	for i := range r.packed {
		begin := len(memory)
		memory = append(memory, r.raw[i]...)
		r.row.packed[i] = memory[begin:len(memory):len(memory)]
	}
	*into = r.row
	return memory, nil
}

// packedBatch is rows that lie in one memory.
type packedBatch struct {
	rows   []packedRow
	memory []byte
}

// How many rows are read ahead: few at first, since a query may end after the
// first of them.
const (
	firstAhead   = 8
	mostAhead    = 128
	batchesAhead = 3
)

// ahead calls each for the rows of a query, and steps through the query in a
// goroutine of its own meanwhile: SQLite and the driver take as long as
// unpacking what they give. A row holds until each returns.
func (tx *Tx) ahead(query string, args []any, numbers int, each func(*packedRow) error) error {
	// Prepared here: tx is not safe for concurrent use, but what runs on its
	// connection is, as database/sql locks that.
	stmt, err := tx.stmt(query)
	if err != nil {
		return err
	}
	batches, used := make(chan packedBatch, batchesAhead), make(chan packedBatch, batchesAhead+2)
	// Not the context: an interrupt would end the other queries of the connection.
	stop := make(chan struct{})
	var failed error
	go func() {
		defer close(batches)
		failed = func() error {
			rows, err := stmt.QueryContext(tx.ctx, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			var batch packedBatch
			var reader packedRows
			size := firstAhead
			batch.rows = make([]packedRow, 0, size)
			for rows.Next() {
				n := len(batch.rows)
				batch.rows = batch.rows[:n+1]
				if batch.memory, err = reader.scan(rows, numbers, &batch.rows[n], batch.memory); err != nil {
					return err
				}
				if n+1 < cap(batch.rows) {
					continue
				}
				select {
				case batches <- batch:
				case <-stop:
					return nil
				}
				size = min(2*size, mostAhead)
				select {
				case batch = <-used:
				default:
					batch = packedBatch{make([]packedRow, 0, size), make([]byte, 0, len(batch.memory)+len(batch.memory)/4)}
				}
				batch.rows, batch.memory = batch.rows[:0], batch.memory[:0]
			}
			if len(batch.rows) > 0 {
				select {
				case batches <- batch:
				case <-stop:
				}
			}
			return rows.Err()
		}()
	}()
	for batch := range batches {
		for i := range batch.rows {
			if err = tx.cancelled(); err == nil {
				err = each(&batch.rows[i])
			}
			if err != nil {
				// The transaction may end as soon as this function has returned.
				close(stop)
				for range batches {
				}
				return err
			}
		}
		select {
		case used <- batch:
		default:
		}
	}
	return failed
}
