package history

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"emaudit/store/logs"
)

// tally holds the data of one row. A log of decades, divided by day, has a million
// of them.
type tally struct {
	name, interval                             uint32 // indices in StatsRows.words
	untimed, binaryUntimed, unmerges, failures uint32
	firstAt, lastAt                            uint32 // unix seconds, until 2106
	// durations[begin:binary] are the durations of source merges, and
	// durations[binary:end] those of binary merges.
	begin, binary, end uint32
}

// StatsRows are the rows of statistics, in order.
type StatsRows struct {
	tallies   []tally
	durations []int64 // of all tallies, each oldest first
	words     []string
	number    map[string]uint32 // index of each word
	detail    detail
	order     []uint32
	sorter    sorter
}

// word returns the index of a name.
func (r *StatsRows) word(name string) uint32 {
	n, ok := r.number[name]
	if !ok {
		if r.number == nil {
			r.number = map[string]uint32{}
		}
		n = uint32(len(r.words))
		r.words, r.number[name] = append(r.words, name), n
	}
	return n
}

// add adds a sum to a row.
func (r *StatsRows) add(name, interval string, sum *logs.PackageSum) {
	t := tally{
		name: r.word(name), interval: r.word(interval), untimed: uint32(sum.Untimed), binaryUntimed: uint32(sum.BinaryUntimed),
		unmerges: uint32(sum.Unmerges), failures: uint32(sum.Failures), firstAt: uint32(sum.FirstAt), lastAt: uint32(sum.LastAt),
	}
	t.begin = uint32(len(r.durations))
	r.durations = append(r.durations, sum.Durations...)
	t.binary = uint32(len(r.durations))
	r.durations = append(r.durations, sum.BinaryDurations...)
	t.end = uint32(len(r.durations))
	r.tallies = append(r.tallies, t)
}

// join combines the tallies of each row, and sorts the rows by interval and name.
// If a package was renamed, the durations under its old name come first.
func (r *StatsRows) join() {
	sorted := slices.Sorted(slices.Values(r.words))
	rank := make([]uint32, len(r.words))
	for i, word := range sorted {
		rank[r.number[word]] = uint32(i)
	}
	slices.SortFunc(r.tallies, func(a, b tally) int {
		if a.interval == b.interval && a.name == b.name {
			return cmp.Or(cmp.Compare(a.lastAt, b.lastAt), cmp.Compare(a.begin, b.begin))
		}
		return cmp.Or(cmp.Compare(rank[a.interval], rank[b.interval]), cmp.Compare(rank[a.name], rank[b.name]))
	})
	joined := r.tallies[:0]
	for same := range chunkBy(r.tallies, func(a, b *tally) bool { return a.name == b.name && a.interval == b.interval }) {
		t := same[0]
		if len(same) > 1 {
			t = r.sumOf(same)
		}
		joined = append(joined, t)
	}
	r.tallies = joined
}

// sumOf adds up tallies.
func (r *StatsRows) sumOf(same []tally) tally {
	sum := tally{name: same[0].name, interval: same[0].interval, begin: uint32(len(r.durations))}
	for i := range same {
		t := &same[i]
		sum.untimed += t.untimed
		sum.binaryUntimed += t.binaryUntimed
		sum.unmerges += t.unmerges
		sum.failures += t.failures
		if t.firstAt != 0 && (sum.firstAt == 0 || t.firstAt < sum.firstAt) {
			sum.firstAt = t.firstAt
		}
		sum.lastAt = max(sum.lastAt, t.lastAt)
		r.durations = append(r.durations, r.durations[t.begin:t.binary]...)
	}
	sum.binary = uint32(len(r.durations))
	for i := range same {
		r.durations = append(r.durations, r.durations[same[i].binary:same[i].end]...)
	}
	sum.end = uint32(len(r.durations))
	return sum
}

// chunkBy splits a list into the longest chunks of equal consecutive elements.
func chunkBy[T any](list []T, same func(a, b *T) bool) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for begin, i := 0, 1; i <= len(list); i++ {
			if i == len(list) || !same(&list[i-1], &list[i]) {
				if !yield(list[begin:i]) {
					return
				}
				begin = i
			}
		}
	}
}

// arrange selects and sorts the rows of a query, by default by interval and name.
// Unknown values sort last.
func (r *StatsRows) arrange(q StatsQuery) error {
	r.join()
	r.order = make([]uint32, len(r.tallies))
	for i := range r.order {
		r.order[i] = uint32(i)
	}
	if err := r.sort(q.Sort); err != nil {
		return err
	}
	if n := q.First; n > 0 && n < len(r.order) {
		r.order = r.order[:n]
	}
	if n := q.Last; n > 0 && n < len(r.order) {
		r.order = r.order[len(r.order)-n:]
	}
	return nil
}

// Len returns the number of rows.
func (r *StatsRows) Len() int { return len(r.order) }

// Divided reports whether there are rows for several intervals.
func (r *StatsRows) Divided() bool {
	return len(r.order) > 0 && r.words[r.tallies[r.order[0]].interval] != ""
}

// All yields every row. A row is valid until the next one.
func (r *StatsRows) All() iter.Seq[*PackageStats] {
	return func(yield func(*PackageStats) bool) {
		for _, row := range r.order {
			made := r.row(&r.tallies[row], r.detail)
			if !yield(&made) {
				return
			}
		}
	}
}

// totals returns one row for each interval.
func (r *StatsRows) totals() []PackageStats {
	var all []PackageStats
	for same := range chunkBy(r.tallies, func(a, b *tally) bool { return a.interval == b.interval }) {
		sum := r.sumOf(same)
		row := r.row(&sum, withQuartiles)
		row.CP = totalName
		all = append(all, row)
		r.durations = r.durations[:sum.begin]
	}
	return all
}

// sum returns nil if there are several intervals, or none.
func (r *StatsRows) sum() *StatsSum {
	if last := len(r.tallies) - 1; last < 0 || r.tallies[0].interval != r.tallies[last].interval {
		return nil
	}
	sum := new(StatsSum)
	for i := range r.tallies {
		t := &r.tallies[i]
		for _, seconds := range r.durations[t.begin:t.end] {
			sum.Seconds += seconds
			sum.Timed = true
		}
		binary := int(t.end - t.binary + t.binaryUntimed)
		sum.Binary += binary
		sum.Merges += int(t.binary-t.begin+t.untimed) + binary
		sum.Failures += int(t.failures)
		sum.Unmerges += int(t.unmerges)
	}
	return sum
}

// unknownValue sorts after all others. No column has this value.
const unknownValue = math.MinInt64

// sort sorts by a column. A leading "-" sorts the largest first.
func (r *StatsRows) sort(column string) error {
	column, descending := strings.CutPrefix(column, "-")
	byWord := func(word func(*tally) uint32) {
		slices.SortStableFunc(r.order, func(a, b uint32) int {
			return strings.Compare(r.words[word(&r.tallies[a])], r.words[word(&r.tallies[b])])
		})
		if descending {
			slices.Reverse(r.order)
		}
	}
	switch column {
	case "":
		if descending {
			slices.Reverse(r.order)
		}
	case "name":
		byWord(func(t *tally) uint32 { return t.name })
	case "period":
		byWord(func(t *tally) uint32 { return t.interval })
	default:
		value, ok := statsColumn(column)
		if !ok {
			return fmt.Errorf("no column %q; there is: %s", column, strings.Join(StatsColumns, ", "))
		}
		r.sortBy(value, descending)
	}
	return nil
}

// sortBy sorts by a value that it computes once for each row. Rows with equal
// values keep their order.
func (r *StatsRows) sortBy(value func(*PackageStats) *int64, descending bool) {
	values := make([]int64, len(r.tallies))
	for i := range r.tallies {
		made := r.row(&r.tallies[i], r.detail)
		values[i] = unknownValue
		if v := value(&made); v != nil {
			values[i] = *v
		}
	}
	slices.SortFunc(r.order, func(a, b uint32) int {
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
