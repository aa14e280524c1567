package audit

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// packedTallies collects the tallies of rows. A log of decades by day has a
// million rows, of which a struct each would not fit into the memory that
// emaudit allows itself: those that are not being added to are packed, in pieces
// of which a row can have several.
type packedTallies struct {
	open   rowsOf[tally]
	packed [][]byte     // in chunks, so that what grows is never copied
	pieces []tallyPiece // in the order in which they were packed
	names  []string     // of rows and of stretches of time
	number map[string]uint32
}

// tallyPiece is one packed piece of a row. Its place is the number of its chunk
// and, in the lower bits, the offset in it.
type tallyPiece struct{ name, stretch, place uint32 }

// A chunk is full from 1 MiB on, so that no piece begins behind that.
const (
	chunkBits  = 20
	tallyChunk = 1 << chunkBits
)

// openTallies is how many rows are added to at once before they are packed.
const openTallies = 4096

func newPackedTallies() *packedTallies {
	return &packedTallies{open: rowsOf[tally]{}, number: map[string]uint32{}}
}

// of returns the tally of a row, to be added to until the next call.
func (p *packedTallies) of(name, stretch string) *tally {
	if t := p.open[[2]string{name, stretch}]; t != nil {
		return t
	}
	if len(p.open) >= openTallies {
		p.pack()
	}
	return p.open.of(name, stretch)
}

// pack packs all that is open.
func (p *packedTallies) pack() {
	for key, t := range p.open {
		last := len(p.packed) - 1
		if last < 0 || len(p.packed[last]) >= tallyChunk {
			p.packed = append(p.packed, nil)
			last++
		}
		b := p.packed[last]
		p.pieces = append(p.pieces, tallyPiece{p.numberOf(key[0]), p.numberOf(key[1]), uint32(last)<<chunkBits | uint32(len(b))})
		for _, n := range [...]int64{int64(t.untimed), int64(t.binaryUntimed), int64(t.unmerges), int64(t.failures), t.firstAt, t.lastAt - t.firstAt} {
			b = binary.AppendVarint(b, n)
		}
		for _, durations := range [...][]int64{t.durations, t.binary} {
			b = binary.AppendVarint(b, int64(len(durations)))
			for _, n := range durations {
				b = binary.AppendVarint(b, n)
			}
		}
		p.packed[last] = b
	}
	clear(p.open)
}

func (p *packedTallies) numberOf(name string) uint32 {
	n, ok := p.number[name]
	if !ok {
		n = uint32(len(p.names))
		p.names, p.number[name] = append(p.names, name), n
	}
	return n
}

// unpack adds a piece to a tally.
func (p *packedTallies) unpack(piece tallyPiece, t *tally) {
	b := p.packed[piece.place>>chunkBits][piece.place%tallyChunk:]
	next := func() int64 {
		v, n := binary.Varint(b)
		b = b[n:]
		return v
	}
	t.untimed += int(next())
	t.binaryUntimed += int(next())
	t.unmerges += int(next())
	t.failures += int(next())
	if first, span := next(), next(); first != 0 {
		t.saw(first)
		t.saw(first + span)
	}
	for _, durations := range [...]*[]int64{&t.durations, &t.binary} {
		for range next() {
			*durations = append(*durations, next())
		}
	}
}

// totals returns a row for each stretch of time, after rows, which put the pieces
// in their order.
func (p *packedTallies) totals() []PackageStats {
	all := []PackageStats{}
	var t tally
	for i, piece := range p.pieces {
		p.unpack(piece, &t)
		if i+1 == len(p.pieces) || p.pieces[i+1].stretch != piece.stretch {
			all = append(all, t.row([2]string{totalName, p.names[piece.stretch]}, false))
			t = tally{durations: t.durations[:0], binary: t.binary[:0]}
		}
	}
	return all
}

// StatsRows are the rows of statistics, in their order.
type StatsRows struct {
	tallies *packedTallies
	predict bool
	rows    []uint32 // the first piece of each; the others follow it
}

// Len is the number of rows.
func (r *StatsRows) Len() int { return len(r.rows) }

// Divided tells whether there is a row for each stretch of time.
func (r *StatsRows) Divided() bool { return len(r.rows) > 0 && r.stretch(r.rows[0]) != "" }

func (r *StatsRows) name(row uint32) string { return r.tallies.names[r.tallies.pieces[row].name] }

func (r *StatsRows) stretch(row uint32) string { return r.tallies.names[r.tallies.pieces[row].stretch] }

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
				for _, row := range rows {
					batch = append(batch, r.row(row, &t))
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

// row makes one row, in the memory of a tally.
func (r *StatsRows) row(row uint32, t *tally) PackageStats {
	*t = tally{durations: t.durations[:0], binary: t.binary[:0]}
	pieces := r.tallies.pieces[row:]
	for _, piece := range pieces {
		if piece.name != pieces[0].name || piece.stretch != pieces[0].stretch {
			break
		}
		r.tallies.unpack(piece, t)
	}
	return t.row([2]string{r.name(row), r.stretch(row)}, r.predict)
}

// rows puts the rows in order, by stretch of time and name where nothing else is
// asked for, unknown values last.
func (p *packedTallies) rows(q StatsQuery) (*StatsRows, error) {
	p.pack()
	p.open = nil
	slices.SortStableFunc(p.pieces, func(a, b tallyPiece) int {
		return cmp.Or(strings.Compare(p.names[a.stretch], p.names[b.stretch]), strings.Compare(p.names[a.name], p.names[b.name]))
	})
	out := &StatsRows{tallies: p, predict: q.By == StatsByPackage}
	first := func(i int) bool {
		return i == 0 || p.pieces[i].name != p.pieces[i-1].name || p.pieces[i].stretch != p.pieces[i-1].stretch
	}
	rows := 0
	for i := range p.pieces {
		if first(i) {
			rows++
		}
	}
	out.rows = make([]uint32, 0, rows)
	for i := range p.pieces {
		if first(i) {
			out.rows = append(out.rows, uint32(i))
		}
	}
	if err := out.sort(q.Sort); err != nil {
		return nil, err
	}
	if n := q.First; n > 0 && n < len(out.rows) {
		out.rows = out.rows[:n]
	}
	if n := q.Last; n > 0 && n < len(out.rows) {
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
		slices.SortStableFunc(r.rows, func(a, b uint32) int { return strings.Compare(r.name(a), r.name(b)) })
	case "period":
		slices.SortStableFunc(r.rows, func(a, b uint32) int { return strings.Compare(r.stretch(a), r.stretch(b)) })
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

// sortBy sorts by a value of the rows, of which each is made once.
func (r *StatsRows) sortBy(value func(*PackageStats) *int64, descending bool) {
	type valued struct {
		value int64
		row   uint32
	}
	all := make([]valued, len(r.rows))
	var t tally
	for i, row := range r.rows {
		all[i] = valued{unknownValue, row}
		made := r.row(row, &t)
		if v := value(&made); v != nil {
			all[i].value = *v
		}
	}
	slices.SortStableFunc(all, func(a, b valued) int {
		switch {
		case a.value == b.value:
			return 0
		case a.value == unknownValue:
			return 1
		case b.value == unknownValue:
			return -1
		case descending:
			return cmp.Compare(b.value, a.value)
		}
		return cmp.Compare(a.value, b.value)
	})
	for i := range all {
		r.rows[i] = all[i].row
	}
}
