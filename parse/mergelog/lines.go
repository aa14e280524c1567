package mergelog

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"sync"
)

// bufferSize is the size of the read buffer, in bytes. It holds several MaxLine, so
// that moving the rest to the front costs little.
const bufferSize = 256 << 10

// lineReader returns lines without copying them, and can look back at the lines
// above the current one. Its results depend only on the input, not on the sizes of
// the reads.
type lineReader struct {
	r   io.Reader
	err error // the last error of r

	buf  []byte
	next int   // start of the next line
	end  int   // end of the data
	base int64 // position of buf[0] in the input

	// floor is the lowest index that looking back may reach. Earlier lines belong
	// to another section. It is negative if that line is no longer in buf.
	floor int

	// prefix returns the length of a prefix that does not belong to the line, such
	// as the prefix of the journal. It may be nil.
	prefix func(line []byte) int

	start    int // start of the current line
	skipping bool
	lines    int64
}

// buffers keeps buffers for reuse, because most logs are much smaller than one
// buffer.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: buffers.Get().(*[bufferSize]byte)[:]}
}

// release returns the buffer. Lines that l has returned become invalid.
func (l *lineReader) release() {
	buffers.Put((*[bufferSize]byte)(l.buf))
	l.buf = nil
}

// all yields the lines as read returns them.
func (l *lineReader) all() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line, ok := l.read(); ok && yield(line); line, ok = l.read() {
		}
	}
}

// read returns the next line without its newline, cut at MaxLine. It is valid until
// the next call. ok is false at the end of the input and after an error.
func (l *lineReader) read() (line []byte, ok bool) {
	for {
		rest := l.buf[l.next:l.end]
		i := bytes.IndexByte(rest, '\n')
		if l.skipping {
			if i < 0 {
				l.next = l.end
				if !l.fill() {
					return nil, false
				}
				continue
			}
			l.skipping = false
			l.next += i + 1
			l.floor = l.next
			continue
		}
		switch {
		case i >= 0 && i <= MaxLine:
			l.start = l.next
			l.next += i + 1
			l.lines++
			return l.withoutPrefix(rest[:i]), true
		case len(rest) > MaxLine:
			l.start = l.next
			l.next += MaxLine
			l.skipping = true
			l.lines++
			return l.withoutPrefix(rest[:MaxLine]), true
		}
		if l.fill() {
			continue
		}
		if len(rest) == 0 {
			return nil, false
		}
		// The buffer may have moved. The rest is the unterminated last line.
		rest = l.buf[l.next:l.end]
		l.start = l.next
		l.next = l.end
		l.lines++
		return l.withoutPrefix(rest), true
	}
}

// withoutPrefix removes the prefix and the carriage return of a CRLF from line.
func (l *lineReader) withoutPrefix(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if l.prefix != nil {
		line = line[l.prefix(line):]
	}
	return line
}

// current returns the line that read returned last.
func (l *lineReader) current() []byte {
	line := l.buf[l.start:min(l.next, l.start+MaxLine)]
	return l.withoutPrefix(bytes.TrimSuffix(line, []byte("\n")))
}

// fill reads more input. It keeps the data that looking back may need. It reports
// whether it has read anything.
func (l *lineReader) fill() bool {
	if l.err != nil {
		return false
	}
	if keep := max(0, l.next-lookBack); len(l.buf)-l.end < bufferSize/2 && keep > 0 {
		copy(l.buf, l.buf[keep:l.end])
		l.base += int64(keep)
		l.next -= keep
		l.floor -= keep
		l.end -= keep
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	l.err = io.ErrNoProgress
	return false
}

// failed returns the error that ended the reading, or nil at the end of the input.
func (l *lineReader) failed() error {
	if errors.Is(l.err, io.EOF) {
		return nil
	}
	return l.err
}

// offset returns the position of the current line in the input, in bytes.
func (l *lineReader) offset() int64 { return l.base + int64(l.start) }

// size returns the position after the last line, in bytes.
func (l *lineReader) size() int64 { return l.base + int64(l.next) }

// limitLookBack prevents above from reaching lines before the current one.
func (l *lineReader) limitLookBack() { l.floor = l.start }

// above calls fn with the lines above the current one, nearest first, until fn
// returns false or no line is left.
func (l *lineReader) above(fn func(line []byte) bool) {
	lowest := max(l.floor, l.start-lookBack)
	end := l.start - 1
	for end > lowest {
		start := bytes.LastIndexByte(l.buf[lowest:end], '\n') + 1
		if start == 0 && lowest != l.floor {
			return // the window cuts this line
		}
		if !fn(l.withoutPrefix(l.buf[lowest+start : end])) {
			return
		}
		end = lowest + start - 1
	}
}
