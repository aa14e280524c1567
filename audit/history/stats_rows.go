package history

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// tallies are what the rows of statistics are made of.
type tallies interface {
	// of returns the tally of a row, to be added to until the next call.
	of(name, stretch string) *tally
	// close ends adding, and puts the rows in order by stretch of time and name.
	close()
	// The rest is for after that. Rows are numbered from 0.
	len() int
	// key returns the name and the stretch of time of a row.
	key(row uint32) [2]string
	// tally returns the tally of a row, which is in memory or stays as it is.
	tally(row uint32, memory *tally) *tally
	// totals calls each with the sum of all rows of each stretch of time, oldest
	// first, which holds until each returns.
	totals(each func(stretch string, t *tally))
}

// StatsRows are the rows of statistics, in their order.
type StatsRows struct {
	tallies tallies
	detail  detail
	rows    []uint32
}

// Len is the number of rows.
func (r *StatsRows) Len() int { return len(r.rows) }

// Divided tells whether there is a row for each stretch of time.
func (r *StatsRows) Divided() bool { return len(r.rows) > 0 && r.tallies.key(r.rows[0])[1] != "" }

// statsBatch is how many rows are made at once, ahead of the one that is used.
const statsBatch = 128

// All yields every row, which holds until the next. Rows are made while those
// before are used.
func (r *StatsRows) All() iter.Seq[*PackageStats] {
	return func(yield func(*PackageStats) bool) {
		batches, stop := make(chan []PackageStats, 2), make(chan struct{})
		go func() {
			defer close(batches)
			var t tally
			for rows := range slices.Chunk(r.rows, statsBatch) {
				batch := make([]PackageStats, 0, len(rows))
				memory := make(numbers, 0, len(rows)*numbersOfRow)
				for _, row := range rows {
					batch = append(batch, r.row(row, &t, &memory))
				}
				select {
				case batches <- batch:
				case <-stop:
					return
				}
			}
		}()
		for batch := range batches {
			for i := range batch {
				if !yield(&batch[i]) {
					close(stop)
					return
				}
			}
		}
	}
}

// row makes one row.
func (r *StatsRows) row(row uint32, memory *tally, n *numbers) PackageStats {
	return r.tallies.tally(row, memory).row(r.tallies.key(row), r.detail, n)
}

// rows returns the rows that are asked for in their order, by stretch of time and
// name where nothing else is said, unknown values last.
func (s *statsReader) rows() (*StatsRows, error) {
	s.packages.close()
	out := &StatsRows{tallies: s.packages, detail: withQuartiles, rows: make([]uint32, s.packages.len())}
	if s.q.By == StatsByPackage {
		out.detail = withPrediction
	}
	for i := range out.rows {
		out.rows[i] = uint32(i)
	}
	if err := out.sort(s.q.Sort); err != nil {
		return nil, err
	}
	if n := s.q.First; n > 0 && n < len(out.rows) {
		out.rows = out.rows[:n]
	}
	if n := s.q.Last; n > 0 && n < len(out.rows) {
		out.rows = out.rows[len(out.rows)-n:]
	}
	return out, nil
}

// unknownValue sorts behind all others; it is no value of any column.
const unknownValue = math.MinInt64

// sort sorts by a column, the largest first where a "-" is before its name.
func (r *StatsRows) sort(column string) error {
	column, descending := strings.CutPrefix(column, "-")
	switch column {
	case "":
	case "name":
		slices.SortStableFunc(r.rows, func(a, b uint32) int { return strings.Compare(r.tallies.key(a)[0], r.tallies.key(b)[0]) })
	case "period":
		slices.SortStableFunc(r.rows, func(a, b uint32) int { return strings.Compare(r.tallies.key(a)[1], r.tallies.key(b)[1]) })
	default:
		value, ok := statsColumn(column)
		if !ok {
			return fmt.Errorf("no column %q; there is: %s", column, strings.Join(StatsColumns, ", "))
		}
		r.sortBy(value, descending)
		return nil
	}
	if descending {
		slices.Reverse(r.rows)
	}
	return nil
}

// sortBy sorts by a value of the rows, of which each is made once. Rows are in
// the order of their numbers before, and stay so where values are equal.
func (r *StatsRows) sortBy(value func(*PackageStats) *int64, descending bool) {
	values := make([]int64, len(r.rows))
	var t tally
	n := make(numbers, 0, numbersOfRow)
	for row := range values {
		made := r.row(uint32(row), &t, &n)
		values[row] = unknownValue
		if v := value(&made); v != nil {
			values[row] = *v
		}
		n = n[:0]
	}
	slices.SortFunc(r.rows, func(a, b uint32) int {
		switch v, w := values[a], values[b]; {
		case v == w:
			return cmp.Compare(a, b)
		case v == unknownValue:
			return 1
		case w == unknownValue:
			return -1
		case descending:
			return cmp.Compare(w, v)
		default:
			return cmp.Compare(v, w)
		}
	})
}
