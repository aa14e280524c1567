package store

import "database/sql"

// packedRow is a row of a table whose rows are mostly packed columns: its first
// columns are numbers, those after them are packed.
type packedRow struct {
	numbers [maxNumbers]int64
	packed  [maxPacked][]byte
	raw     [maxPacked]sql.RawBytes
	// targets point into the row, which therefore stays where it is.
	targets []any
}

const (
	maxNumbers = 8
	maxPacked  = 3
)

// scan reads a row with so many numbers, and uses the memory of the row before.
func (r *packedRow) scan(rows *sql.Rows, numbers int) error {
	if r.targets == nil {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		for i := range columns {
			if i < numbers {
				r.targets = append(r.targets, &r.numbers[i])
			} else {
				r.targets = append(r.targets, &r.raw[i-numbers])
			}
		}
	}
	if err := rows.Scan(r.targets...); err != nil {
		return err
	}
	for i := range len(r.targets) - numbers {
		r.packed[i] = append(r.packed[i][:0], r.raw[i]...)
	}
	return nil
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
	batches, used := make(chan []packedRow, batchesAhead), make(chan []packedRow, batchesAhead+2)
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
			size := firstAhead
			batch := make([]packedRow, 0, size)
			for rows.Next() {
				batch = batch[:len(batch)+1]
				if err := batch[len(batch)-1].scan(rows, numbers); err != nil {
					return err
				}
				if len(batch) < cap(batch) {
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
					batch = batch[:0]
				default:
					batch = make([]packedRow, 0, size)
				}
			}
			if len(batch) > 0 {
				select {
				case batches <- batch:
				case <-stop:
				}
			}
			return rows.Err()
		}()
	}()
	for batch := range batches {
		for i := range batch {
			if err = each(&batch[i]); err != nil {
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
