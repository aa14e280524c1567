package emergelog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"emaudit/parse/emergelog/logline"
)

const (
	// maxLine bounds a line, in bytes. A command line has less than 2 MiB by
	// default, and all other lines are short.
	maxLine = 4 << 20
	// chunk is the read size, in bytes.
	chunk = 256 << 10
)

// Parser reads emerge.log in one or several pieces. It is not safe for concurrent
// use.
type Parser struct {
	asm        assembler
	ev         logline.Event
	buf        []byte
	tail       []byte // a last line without line end
	tailOffset int64  // the offset of tail
	// trace, if a test sets it, receives the extent of each event and each damage.
	trace func(from, length int64)
}

// NewParser returns a parser for the beginning of a log. It delivers records to
// sink.
func NewParser(sink Sink) *Parser {
	return &Parser{asm: assembler{sink: sink}}
}

// Read reads r to its end. The first byte of r has the position at. Read returns
// the position up to which the input is final: before a last line without line end.
// The next Read must continue there. If complete is set, the input will not grow,
// and the last line is final too.
//
// The error is an error of r or of ctx. The records delivered before it are valid,
// and so is the returned position.
func (p *Parser) Read(ctx context.Context, r io.Reader, at Position, complete bool) (Position, error) {
	p.asm.source = at.Source
	p.tail = nil
	if p.buf == nil {
		p.buf = make([]byte, chunk)
	}
	filled := 0           // bytes in buf that are not processed yet
	skipped := int64(0)   // skipped bytes of a line that is too long
	var head [quoted]byte // the beginning of that line
	for {
		if err := ctx.Err(); err != nil {
			return at, err
		}
		if filled == len(p.buf) {
			if len(p.buf) < maxLine {
				p.buf = append(p.buf, make([]byte, len(p.buf))...)
			} else {
				if skipped == 0 {
					copy(head[:], p.buf)
				}
				skipped += int64(filled)
				filled = 0
			}
		}
		n, err := r.Read(p.buf[filled:])
		fresh := p.buf[filled : filled+n]
		filled += n
		data := p.buf[:filled]
		if skipped > 0 {
			end := bytes.IndexByte(fresh, '\n')
			if end < 0 {
				if err == nil {
					continue
				}
			} else {
				length := skipped + int64(filled-n+end+1)
				p.damage(CodeLong, at.Offset, length, head[:])
				at.Offset += length
				data = fresh[end+1:]
				skipped = 0
			}
		}
		if skipped == 0 {
			used := p.lines(data, at.Offset)
			at.Offset += int64(used)
			filled = copy(p.buf, data[used:])
		}
		if err == nil {
			continue
		}
		if err != io.EOF {
			return at, fmt.Errorf("emerge.log: offset %d: %w", at.Offset+skipped+int64(filled), err)
		}
		switch {
		case skipped > 0 && complete:
			p.damage(CodeLong, at.Offset, skipped+int64(filled), head[:])
			at.Offset += skipped + int64(filled)
		case skipped > 0 || filled == 0:
		case complete:
			p.take(p.buf[:filled], at.Offset, int64(filled))
			at.Offset += int64(filled)
		default:
			p.tail, p.tailOffset = append(p.tail, p.buf[:filled]...), at.Offset
		}
		return at, nil
	}
}

// lines handles each line of data that has a line end. It returns their total
// length.
func (p *Parser) lines(data []byte, at int64) int {
	used := 0
	nul := bytes.IndexByte(data, 0) >= 0
	for {
		end := bytes.IndexByte(data[used:], '\n')
		if end < 0 {
			return used
		}
		line := data[used : used+end]
		if nul {
			p.take(line, at+int64(used), int64(end+1))
		} else {
			p.line(line, at+int64(used), int64(end+1))
		}
		used += end + 1
	}
}

// take handles one line, which may hold NUL bytes.
func (p *Parser) take(line []byte, at, length int64) {
	if bytes.IndexByte(line, 0) >= 0 {
		p.salvage(line, at, length)
		return
	}
	p.line(line, at, length)
}

// line handles one line without NUL bytes. length includes the line end.
func (p *Parser) line(line []byte, at, length int64) {
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = bytes.TrimRight(line, "\r")
	}
	switch logline.Recognise(line, &p.ev) {
	case logline.Known:
		if p.ev.OpenEnded && logline.NextStamp(line, 1) > 0 {
			p.salvage(line, at, length)
			return
		}
	case logline.Unknown:
		if logline.NextStamp(line, 1) > 0 {
			p.salvage(line, at, length)
			return
		}
		p.ev.Kind = logline.Other
	case logline.Unstamped:
		if len(line) == 0 {
			return
		}
		if p.asm.argsOf != 0 && !stampLike(line) && logline.NextStamp(line, 1) < 0 {
			p.ev.Kind, p.ev.Text = logline.Continuation, line
			break
		}
		p.salvage(line, at, length)
		return
	default:
		p.salvage(line, at, length)
		return
	}
	p.event(at, length)
}

// event passes the recognised line on.
func (p *Parser) event(at, length int64) {
	p.ev.Offset = at
	if p.trace != nil {
		p.trace(at, length)
	}
	p.asm.event(&p.ev)
}

// stampLike reports whether line looks like the rest of a timestamp, not of an
// argument.
func stampLike(line []byte) bool {
	return logline.Digits(line[:min(len(line), logline.StampDigits-1)])
}

// Open returns the records that are not final, including the effect of a last line
// without line end. They have the keys of the final records.
func (p *Parser) Open() (Open, error) {
	state, err := p.MarshalBinary()
	if err != nil {
		return Open{}, err
	}
	var collected collector
	scratch := NewParser(&collected)
	if err := scratch.UnmarshalBinary(state); err != nil {
		return Open{}, err
	}
	scratch.asm.source = p.asm.source
	if logline.Recognise(bytes.TrimRight(p.tail, "\r"), &scratch.ev) == logline.Known {
		scratch.ev.Offset = p.tailOffset
		scratch.asm.event(&scratch.ev)
	}
	for _, w := range scratch.asm.open {
		scratch.asm.settle(w, &collected)
	}
	return collected.Open, nil
}

// collector collects provisional records.
type collector struct{ Open }

func (c *collector) Merge(m Merge)     { c.Merges = append(c.Merges, m) }
func (c *collector) Unmerge(u Unmerge) { c.Unmerges = append(c.Unmerges, u) }
func (c *collector) Sync(s Sync)       { c.Syncs = append(c.Syncs, s) }
func (c *collector) Run(r Run)         { c.Runs = append(c.Runs, r) }
func (c *collector) Damage(Damage)     {}

// LastTime returns the time of the last recognised line in unix seconds, or 0.
func (p *Parser) LastTime() int64 { return p.asm.last }

// FirstTime returns the time of the first line in head that has one, in unix
// seconds. ok is false if no line has one.
func FirstTime(head []byte) (seconds int64, ok bool) {
	for line := range bytes.Lines(head) {
		line = bytes.TrimLeft(line, "\x00")
		if seconds, _, ok := logline.Stamp(line); ok {
			return seconds, true
		}
	}
	return 0, false
}

// OffsetAfter returns the offset of the first line that is newer than a time in
// unix seconds, or the offset of the end. A line of exactly that time counts as
// newer if isKnown returns false. The error is an error of log.
func OffsetAfter(log io.Reader, seconds int64, isKnown func(line []byte) bool) (int64, error) {
	lines := bufio.NewReaderSize(log, chunk)
	offset, begins := int64(0), true
	for {
		line, err := lines.ReadSlice('\n')
		if at, _, ok := logline.Stamp(line); begins && ok && (at > seconds || at == seconds && !isKnown(line)) {
			return offset, nil
		}
		offset += int64(len(line))
		begins = err == nil
		switch {
		case err == io.EOF:
			return offset, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return offset, err
		}
	}
}

// maxNames bounds the shared strings. A host has some hundred; beyond the limit,
// strings are duplicated.
const maxNames = 1 << 12

// interner returns the same string for equal bytes, so that the records of a long
// log share the names of roots, slots and repositories. It does not hold package
// versions, because a long log has new ones all the time.
type interner map[string]string

func (in *interner) intern(b []byte) string {
	if s, ok := (*in)[string(b)]; ok {
		return s
	}
	if *in == nil || len(*in) >= maxNames {
		*in = interner{}
	}
	s := string(b)
	(*in)[s] = s
	return s
}
