package emergelog

import (
	"bytes"

	"emaudit/parse"
)

// Damage is a stretch of the input that is no line of the log.
type Damage struct {
	parse.Diagnostic
	// Source is the file, as in [Position].
	Source int
	// Length is how many bytes are lost, from Offset on.
	Length int64
}

// The codes of damage.
const (
	// CodeNUL is a block of NUL bytes, or a line with NUL bytes in it: what a
	// file system leaves after a crash.
	CodeNUL = "nul-bytes"
	// CodeTorn is a line that begins like one of Portage's and is cut off,
	// overwritten, or glued to another.
	CodeTorn = "torn-line"
	// CodeUnstamped is a line without a time stamp.
	CodeUnstamped = "unstamped-line"
	// CodeLong is a line longer than maxLine.
	CodeLong = "long-line"
)

// quoted bounds how much of a damaged line a message shows.
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

// salvage takes a line that is not one line of the log from its beginning to
// its end, or may hold a second one behind a lost line end. It finds every
// place where a line of the log begins, and takes each piece by itself. The
// line ends at offset at+length, line end included.
func (p *Parser) salvage(line []byte, at, length int64) {
	end := at + length
	from := 0
	for {
		next := nextStamp(line, from+1)
		if next < 0 {
			p.piece(line[from:], at+int64(from), end)
			return
		}
		p.piece(line[from:next], at+int64(from), at+int64(next))
		from = next
	}
}

// stampDigits is the length of a time stamp from 2001 to 2286; in the middle of
// a line only such are believed.
const stampDigits = 10

// nextStamp returns the first place from which a line of the log begins, or -1.
func nextStamp(line []byte, from int) int {
	for i := from + stampDigits; i < len(line); i++ {
		colon := bytes.Index(line[i:], []byte(": "))
		if colon < 0 {
			return -1
		}
		i += colon
		start := i - stampDigits
		if start < from || !digits(line[start:i]) || line[start] == '0' {
			continue
		}
		message := line[i+len(": "):]
		prefixes := oneBlankPrefixes
		if len(message) > 0 && message[0] == ' ' {
			message, prefixes = message[1:], twoBlankPrefixes
		}
		for _, prefix := range prefixes {
			if hasPrefix(message, prefix) {
				return start
			}
		}
	}
	return -1
}

// piece takes a stretch of a line, between the offsets at and end, that holds
// one line of the log at most.
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
	if _, _, ok := stamp(b); !ok {
		code = CodeUnstamped
	}
	p.damage(code, at, end-at, b)
}

// whole takes b as a line of the log, if it is one.
func (p *Parser) whole(b []byte, at, end int64) bool {
	switch recognise(b, &p.ev) {
	case unknown:
		p.ev.Kind = KindOther
	case malformed, unstamped:
		return false
	}
	p.event(at, end-at)
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0
}
