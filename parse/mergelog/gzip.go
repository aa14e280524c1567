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

// GzipReader reads a compressed log. FEATURES=compress-build-logs writes a series
// of gzip members, one for each writer (_emerge/PipeLogger.py:41-50). The last is
// truncated if emerge was killed.
//
// A damaged member is not an error. GzipReader delivers the data before the damage,
// records a diagnostic, and continues at the next member. A member after a
// truncated one is lost if the decoder read its first bytes as part of the
// truncated one.
type GzipReader struct {
	source      *bufio.Reader
	member      *gzip.Reader
	open        bool // member has a header and has not ended
	out         int64
	diagnostics []parse.Diagnostic
}

// NewGzipReader returns a reader of the decompressed text of r.
func NewGzipReader(r io.Reader) *GzipReader {
	return &GzipReader{source: bufio.NewReaderSize(r, 64<<10)}
}

// Diagnostics returns the damage found so far. Offsets count bytes of the
// decompressed text.
func (z *GzipReader) Diagnostics() []parse.Diagnostic { return z.diagnostics }

// Read implements io.Reader. It returns an error only if the underlying reader
// does.
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

// nextMember opens the next member and skips other bytes. It returns io.EOF at the
// end of the input.
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
			// Each member is read separately, so that damage affects only one.
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

// magic begins every member (RFC 1952): ID1, ID2 and the only compression method.
var magic = []byte{0x1f, 0x8b, 0x08}

// seekMagic skips to the beginning of the next member. It returns the number of
// skipped bytes.
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

// lastDamageHere reports whether the last diagnostic explains the skipped bytes:
// they are the rest of the damaged member.
func (z *GzipReader) lastDamageHere() bool {
	n := len(z.diagnostics)
	return n > 0 && z.diagnostics[n-1].Offset == z.out
}

// maxGzipDiagnostics bounds the diagnostics of a file full of damage.
const maxGzipDiagnostics = 16

func (z *GzipReader) damaged(format string, args ...any) {
	if len(z.diagnostics) < maxGzipDiagnostics {
		z.diagnostics = append(z.diagnostics, parse.Diagnosef(z.out, codeGzipDamaged, format, args...))
	}
}

// isDamage reports whether err means damaged data, not a failed read.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &corrupt)
}
