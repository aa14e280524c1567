package history

import (
	"cmp"
	"encoding/binary"
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
	pieces []tallyPiece // in the order in which they were packed, later in that of the rows
	rows   []uint32     // the first piece of each; the others follow it
	names  []string     // of rows and of stretches of time
	number map[string]uint32
}

// tallyPiece is one packed piece of a row. Its place is the number of its chunk
// and, in the lower bits, the offset in it.
type tallyPiece struct{ name, stretch, place uint32 }

func (p tallyPiece) sameRow(o tallyPiece) bool { return p.name == o.name && p.stretch == o.stretch }

// A chunk is full from 1 MiB on, so that no piece begins behind that.
const (
	chunkBits  = 20
	tallyChunk = 1 << chunkBits
)

// chunkSpare is room for the piece that makes a chunk full, so that it seldom
// grows.
const chunkSpare = 1 << 10

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
			p.packed = append(p.packed, make([]byte, 0, tallyChunk+chunkSpare))
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

// close puts the rows in order, by stretch of time and by name.
func (p *packedTallies) close() {
	p.pack()
	p.open = nil
	slices.SortStableFunc(p.pieces, func(a, b tallyPiece) int {
		return cmp.Or(strings.Compare(p.names[a.stretch], p.names[b.stretch]), strings.Compare(p.names[a.name], p.names[b.name]))
	})
	first := func(i int) bool { return i == 0 || !p.pieces[i].sameRow(p.pieces[i-1]) }
	rows := 0
	for i := range p.pieces {
		if first(i) {
			rows++
		}
	}
	p.rows = make([]uint32, 0, rows)
	for i := range p.pieces {
		if first(i) {
			p.rows = append(p.rows, uint32(i))
		}
	}
}

func (p *packedTallies) len() int { return len(p.rows) }

func (p *packedTallies) key(row uint32) [2]string {
	piece := p.pieces[p.rows[row]]
	return [2]string{p.names[piece.name], p.names[piece.stretch]}
}

func (p *packedTallies) tally(row uint32, memory *tally) *tally {
	memory.reset()
	pieces := p.pieces[p.rows[row]:]
	for _, piece := range pieces {
		if !piece.sameRow(pieces[0]) {
			break
		}
		p.unpack(piece, memory)
	}
	return memory
}

func (p *packedTallies) totals(each func(stretch string, t *tally)) {
	var t tally
	for i, piece := range p.pieces {
		p.unpack(piece, &t)
		if i+1 == len(p.pieces) || p.pieces[i+1].stretch != piece.stretch {
			each(p.names[piece.stretch], &t)
			t.reset()
		}
	}
}
