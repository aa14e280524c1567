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
	packed []byte
	pieces []tallyPiece // in the order in which they were packed
	names  []string     // of rows and of stretches of time
	number map[string]uint32
}

// tallyPiece is one packed piece of a row.
type tallyPiece struct{ name, stretch, at uint32 }

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
		p.pieces = append(p.pieces, tallyPiece{p.numberOf(key[0]), p.numberOf(key[1]), uint32(len(p.packed))})
		for _, n := range [...]int64{int64(t.untimed), int64(t.binaryUntimed), int64(t.unmerges), int64(t.failures), t.firstAt, t.lastAt - t.firstAt} {
			p.packed = binary.AppendVarint(p.packed, n)
		}
		for _, durations := range [...][]int64{t.durations, t.binary} {
			p.packed = binary.AppendVarint(p.packed, int64(len(durations)))
			for _, n := range durations {
				p.packed = binary.AppendVarint(p.packed, n)
			}
		}
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
	b := p.packed[piece.at:]
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

// each calls fn for every piece; the tally holds until it returns.
func (p *packedTallies) each(fn func(name, stretch string, t *tally)) {
	p.pack()
	var t tally
	for _, piece := range p.pieces {
		t = tally{durations: t.durations[:0], binary: t.binary[:0]}
		p.unpack(piece, &t)
		fn(p.names[piece.name], p.names[piece.stretch], &t)
	}
}

// StatsRows are the rows of statistics, in their order.
type StatsRows struct {
	tallies *packedTallies
	predict bool
	rows    []statsRow
}

// statsRow is where the pieces of one row are, and what it is sorted by.
type statsRow struct {
	from, to uint32 // of the pieces
	value    int64
}

// Len is the number of rows.
func (r *StatsRows) Len() int { return len(r.rows) }

// Divided tells whether there is a row for each stretch of time.
func (r *StatsRows) Divided() bool {
	return len(r.rows) > 0 && r.tallies.names[r.tallies.pieces[r.rows[0].from].stretch] != ""
}

// All yields every row, which holds until the next.
func (r *StatsRows) All() iter.Seq[*PackageStats] {
	return func(yield func(*PackageStats) bool) {
		var t tally
		for _, row := range r.rows {
			if !yield(r.row(row, &t)) {
				return
			}
		}
	}
}

// row makes one row, in the memory of a tally.
func (r *StatsRows) row(row statsRow, t *tally) *PackageStats {
	*t = tally{durations: t.durations[:0], binary: t.binary[:0]}
	pieces := r.tallies.pieces[row.from:row.to]
	for _, piece := range pieces {
		r.tallies.unpack(piece, t)
	}
	made := t.row([2]string{r.tallies.names[pieces[0].name], r.tallies.names[pieces[0].stretch]}, r.predict)
	return &made
}

// unknownValue sorts behind all others; it is no value of any column.
const unknownValue = math.MinInt64

// rows puts the rows in order, by stretch of time and name where nothing else is
// asked for, unknown values last.
func (p *packedTallies) rows(q StatsQuery) (*StatsRows, error) {
	p.pack()
	slices.SortStableFunc(p.pieces, func(a, b tallyPiece) int {
		return cmp.Or(strings.Compare(p.names[a.stretch], p.names[b.stretch]), strings.Compare(p.names[a.name], p.names[b.name]))
	})
	out := &StatsRows{tallies: p, predict: q.By == StatsByPackage}
	for i, piece := range p.pieces {
		if i > 0 && piece.name == p.pieces[i-1].name && piece.stretch == p.pieces[i-1].stretch {
			out.rows[len(out.rows)-1].to++
			continue
		}
		out.rows = append(out.rows, statsRow{from: uint32(i), to: uint32(i) + 1})
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

// sort sorts by a column, the largest first where a "-" is before its name.
func (r *StatsRows) sort(column string) error {
	column, descending := strings.CutPrefix(column, "-")
	text := func(row statsRow) tallyPiece { return r.tallies.pieces[row.from] }
	names := r.tallies.names
	switch column {
	case "":
	case "name":
		slices.SortStableFunc(r.rows, func(a, b statsRow) int { return strings.Compare(names[text(a).name], names[text(b).name]) })
	case "period":
		slices.SortStableFunc(r.rows, func(a, b statsRow) int { return strings.Compare(names[text(a).stretch], names[text(b).stretch]) })
	default:
		value, ok := statsColumn(column)
		if !ok {
			return fmt.Errorf("no column %q; there is: %s", column, strings.Join(StatsColumns, ", "))
		}
		var t tally
		for i := range r.rows {
			r.rows[i].value = unknownValue
			if v := value(r.row(r.rows[i], &t)); v != nil {
				r.rows[i].value = *v
			}
		}
		slices.SortStableFunc(r.rows, func(a, b statsRow) int {
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
		return nil
	}
	if descending {
		slices.Reverse(r.rows)
	}
	return nil
}
