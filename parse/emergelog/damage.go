package emergelog

import (
	"bytes"

	"emaudit/parse"
	"emaudit/parse/emergelog/logline"
)

// Damage is a part of the input that is not a line of the log.
type Damage struct {
	parse.Diagnostic
	// Source is the number of the file, as in [Position].
	Source int
	// Length is the number of lost bytes, starting at Offset.
	Length int64
}

// The codes of damage.
const (
	// CodeNUL is a block of NUL bytes, or a line with NUL bytes in it. File systems
	// leave them after a crash.
	CodeNUL = "nul-bytes"
	// CodeTorn is a line that begins like a line of Portage, but is truncated,
	// overwritten, or joined to another line.
	CodeTorn = "torn-line"
	// CodeUnstamped is a line without a timestamp.
	CodeUnstamped = "unstamped-line"
	// CodeLong is a line longer than maxLine.
	CodeLong = "long-line"
)

// quoted is the largest number of bytes of a damaged line in a message.
const quoted = 60

func (p *Parser) damage(code string, at, length int64, line []byte) {
	if len(line) > quoted {
		line = line[:quoted]
	}
	p.asm.argsOf, p.asm.started = 0, 0
	if p.trace != nil {
		p.trace(at, length)
	}
	p.asm.sink.Damage(Damage{
		Diagnostic: parse.Diagnosef(at, code, "%q", line),
		Source:     p.asm.source,
		Length:     length,
	})
}

// salvage handles a stretch that may hold several lines of the log, because a line
// end was lost, or none. It finds every place where a line of the log can begin and
// handles each piece separately. The stretch ends at offset at+length, including
// the line end.
func (p *Parser) salvage(line []byte, at, length int64) {
	end := at + length
	from := 0
	for {
		next := logline.NextStamp(line, from+1)
		if next < 0 {
			p.piece(line[from:], at+int64(from), end)
			return
		}
		p.piece(line[from:next], at+int64(from), at+int64(next))
		from = next
	}
}

// piece handles the part of a line between the offsets at and end. It holds at most
// one line of the log.
func (p *Parser) piece(b []byte, at, end int64) {
	if nul := bytes.IndexByte(b, 0); nul >= 0 {
		body := bytes.TrimRight(b, "\x00")
		if nul == len(body) && p.whole(body, at, at+int64(nul)) {
			at, b = at+int64(nul), b[nul:]
		}
		p.damage(CodeNUL, at, end-at, b)
		return
	}
	if p.whole(b, at, end) {
		return
	}
	code := CodeTorn
	if _, _, ok := logline.Stamp(b); !ok {
		code = CodeUnstamped
	}
	p.damage(code, at, end-at, b)
}

// whole handles b as a line of the log and reports whether it is one.
func (p *Parser) whole(b []byte, at, end int64) bool {
	switch logline.Recognise(b, &p.ev) {
	case logline.Unknown:
		p.ev.Kind = logline.Other
	case logline.Malformed, logline.Unstamped:
		return false
	}
	p.event(at, end-at)
	return true
}
