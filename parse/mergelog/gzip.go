package mergelog

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"emaudit/parse"
)

// GzipReader reads a compressed log. FEATURES=compress-build-logs makes a series
// of gzip members, one for each writer (_emerge/PipeLogger.py:41-50), and the
// last is cut where emerge was killed.
//
// A damaged member is no error: what came out of it before the damage is
// delivered, a diagnostic is kept, and reading goes on at the next beginning of a
// member. A member that was appended to a cut one is lost where the decoder took
// its first bytes for the rest of the cut one.
type GzipReader struct {
	source      *bufio.Reader
	member      *gzip.Reader
	open        bool // member has a header and is not at its end
	out         int64
	diagnostics []parse.Diagnostic
}

// NewGzipReader returns a reader of the decompressed text of r.
func NewGzipReader(r io.Reader) *GzipReader {
	return &GzipReader{source: bufio.NewReaderSize(r, 64<<10)}
}

// Diagnostics returns the damage met by now; offsets are those of the
// decompressed text.
func (z *GzipReader) Diagnostics() []parse.Diagnostic { return z.diagnostics }

// Read implements io.Reader. It fails only where the underlying reader does.
func (z *GzipReader) Read(p []byte) (int, error) {
	for {
		if !z.open {
			if err := z.nextMember(); err != nil {
				return 0, err
			}
		}
		n, err := z.member.Read(p)
		z.out += int64(n)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			z.open = false
		case isDamage(err):
			z.open = false
			z.damaged("gzip member: %v", err)
		default:
			return n, fmt.Errorf("gzip: %w", err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// nextMember opens the next member, skipping what is none. It returns io.EOF at
// the end of the input.
func (z *GzipReader) nextMember() error {
	for {
		skipped, err := z.seekMagic()
		if skipped > 0 && !z.lastDamageHere() {
			z.damaged("gzip: %d bytes between the members are no gzip", skipped)
		}
		if err != nil {
			return err
		}
		if z.member == nil {
			z.member, err = gzip.NewReader(z.source)
		} else {
			err = z.member.Reset(z.source)
		}
		switch {
		case err == nil:
			// Each member is read by itself, so that damage in one costs only
			// that one.
			z.member.Multistream(false)
			z.open = true
			return nil
		case errors.Is(err, io.EOF), isDamage(err):
			z.damaged("gzip header: %v", err)
			z.member = nil
		default:
			return fmt.Errorf("gzip: %w", err)
		}
	}
}

// magic begins every member: RFC 1952, ID1 ID2 and the only method.
var magic = []byte{0x1f, 0x8b, 0x08}

// seekMagic skips to the beginning of the next member and returns how many bytes
// it skipped.
func (z *GzipReader) seekMagic() (int64, error) {
	var skipped int64
	for {
		window, err := z.source.Peek(len(magic))
		if bytes.Equal(window, magic) {
			return skipped, nil
		}
		if err != nil {
			rest := int64(len(window))
			if _, derr := z.source.Discard(len(window)); derr != nil {
				return skipped, derr
			}
			return skipped + rest, err
		}
		n := z.source.Buffered()
		if window, err = z.source.Peek(n); err != nil {
			return skipped, err
		}
		next := bytes.Index(window[1:], magic)
		if next < 0 {
			next = n - len(magic)
		}
		discarded, err := z.source.Discard(next + 1)
		skipped += int64(discarded)
		if err != nil {
			return skipped, err
		}
	}
}

// lastDamageHere reports whether the newest diagnostic explains bytes that are
// skipped now: they are the rest of the member it is about.
func (z *GzipReader) lastDamageHere() bool {
	n := len(z.diagnostics)
	return n > 0 && z.diagnostics[n-1].Offset == z.out
}

// maxGzipDiagnostics bounds what a file of nothing but damage can produce.
const maxGzipDiagnostics = 16

func (z *GzipReader) damaged(format string, args ...any) {
	if len(z.diagnostics) < maxGzipDiagnostics {
		z.diagnostics = append(z.diagnostics, parse.Diagnosef(z.out, codeGzipDamaged, format, args...))
	}
}

// isDamage reports whether err is about the bytes and not about reading them.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &corrupt)
}
