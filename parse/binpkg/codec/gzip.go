package codec

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
)

var (
	errGzipFlags    = errors.New("reserved flags are set")
	errGzipTrailing = errors.New("data behind the end")
)

// gzipReader unpacks successive gzip members. Unlike compress/gzip, but like gzip,
// it refuses the flags that RFC 1952, section 2.3.1.2, reserves, and ignores zeros
// after the last member.
type gzipReader struct {
	in     *bufio.Reader
	member *gzip.Reader
	inside bool // within a member
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		if !g.inside {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.member.Read(p)
		if err != io.EOF {
			return n, err
		}
		g.inside = false
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

// next reads the header of a member.
func (g *gzipReader) next() error {
	head, err := g.in.Peek(4)
	if g.member != nil && len(head) > 0 && head[0] == 0 {
		return g.onlyZeros()
	}
	switch {
	case g.member != nil && len(head) == 0 && err == io.EOF:
		return io.EOF
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case head[3]&0xe0 != 0:
		return errGzipFlags
	}
	if g.member == nil {
		g.member, err = gzip.NewReader(g.in)
	} else {
		err = g.member.Reset(g.in)
	}
	if err != nil {
		return err
	}
	g.member.Multistream(false)
	g.inside = true
	return nil
}

func (g *gzipReader) onlyZeros() error {
	for {
		switch c, err := g.in.ReadByte(); {
		case err != nil:
			return err
		case c != 0:
			return errGzipTrailing
		}
	}
}
