package mergelog

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// bufferSize is the size of the read buffer: several MaxLine, so that moving
// its rest to the front costs nothing against the reading.
const bufferSize = 256 << 10

// lineReader hands out lines without copying them, and lets its user look back
// at the lines above the current one. What it hands out depends only on the
// input, not on how the reader below it cuts its reads.
type lineReader struct {
	r   io.Reader
	err error // what r returned at last

	buf  []byte
	next int   // start of the first line not yet handed out
	end  int   // end of what was read
	base int64 // position in the input of buf[0]

	// floor is the lowest index that looking back may reach: lines below it
	// belong to something else. It is negative once that line has left buf.
	floor int

	// prefix returns how many bytes at the beginning of a line are not part of
	// it but of its carrier, such as the journal. It may be nil.
	prefix func(line []byte) int

	start    int // start of the current line
	skipping bool
	lines    int64
}

// buffers keeps buffers for the next log: most logs are much smaller than one.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: buffers.Get().(*[bufferSize]byte)[:]}
}

// release gives the buffer back; nothing that l handed out may be used any more.
func (l *lineReader) release() {
	buffers.Put((*[bufferSize]byte)(l.buf))
	l.buf = nil
}

// read returns the next line without its newline, cut at MaxLine; it is valid
// until the next call. At the end of the input, or on an error, ok is false.
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
			return l.bare(rest[:i]), true
		case len(rest) > MaxLine:
			l.start = l.next
			l.next += MaxLine
			l.skipping = true
			l.lines++
			return l.bare(rest[:MaxLine]), true
		}
		if l.fill() {
			continue
		}
		if len(rest) == 0 {
			return nil, false
		}
		// The buffer may have moved; the rest is the unterminated last line.
		rest = l.buf[l.next:l.end]
		l.start = l.next
		l.next = l.end
		l.lines++
		return l.bare(rest), true
	}
}

// bare takes the carrier's prefix and the carriage return of a CRLF off line.
func (l *lineReader) bare(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if l.prefix != nil {
		line = line[l.prefix(line):]
	}
	return line
}

// current returns the current line as read did.
func (l *lineReader) current() []byte {
	line := l.buf[l.start:min(l.next, l.start+MaxLine)]
	return l.bare(bytes.TrimSuffix(line, []byte("\n")))
}

// fill reads more input behind what is there, keeping what looking back may
// want. It reports whether anything was read.
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

// failed returns the error that ended the reading, or nil at the end of input.
func (l *lineReader) failed() error {
	if errors.Is(l.err, io.EOF) {
		return nil
	}
	return l.err
}

// offset is the position of the current line in the input, in bytes.
func (l *lineReader) offset() int64 { return l.base + int64(l.start) }

// size is the position behind the last line handed out.
func (l *lineReader) size() int64 { return l.base + int64(l.next) }

// fence keeps later calls of above from reaching the lines before the current
// one.
func (l *lineReader) fence() { l.floor = l.start }

// above calls fn with the lines above the current one, the nearest first, until
// fn returns false or there is nothing more to look at.
func (l *lineReader) above(fn func(line []byte) bool) {
	lowest := max(l.floor, l.start-lookBack)
	end := l.start - 1
	for end > lowest {
		start := bytes.LastIndexByte(l.buf[lowest:end], '\n') + 1
		if start == 0 && lowest != l.floor {
			return // cut by the window, not a whole line
		}
		if !fn(l.bare(l.buf[lowest+start : end])) {
			return
		}
		end = lowest + start - 1
	}
}
