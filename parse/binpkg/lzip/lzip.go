// Package lzip reads the lzip format, which has no other Go reader that checks
// everything and reads all members. The grammar (lzip manual, "File format"):
//
//	file    = member { member }
//	member  = "LZIP" version dictsize lzma crc32 datasize membersize
//	version = 0x01
//
// dictsize is one byte: the power of two in bits 0-4, less as many sixteenths
// of it as bits 5-7 say. lzma is a raw LZMA stream with lc=3 lp=0 pb=2, ended
// by an end marker. The trailer is little endian: the CRC-32 of the data, its
// length (64 bits), and the length of the whole member (64 bits).
//
// Bytes that do not begin a member are an error behind the first one too: a
// package is no place for trailing data.
//
// A match reaches back at most as far as the dictionary, up to 512 MiB. A
// [Reader] keeps no more than its limit. That is enough for a member whose matches
// do not reach further, and so for every one that unpacks to no more than that.
package lzip

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const (
	headerSize  = 6
	trailerSize = 20

	// minDictionary and maxDictionary are the format's own bounds.
	minDictionary = 1 << 12
	maxDictionary = 1 << 29

	// maxMatch is LZMA's: the decoder stops with less room than that.
	maxMatch = 273
)

// Errors that a caller may want to tell apart. All others mean damage.
var (
	// ErrDictionary is a member that needs more memory than the Reader may
	// use.
	ErrDictionary = errors.New("dictionary larger than the limit")

	errMagic    = errors.New("no lzip member")
	errVersion  = errors.New("unknown version")
	errBadDict  = errors.New("dictionary size out of range")
	errChecksum = errors.New("checksum does not match")
	errSize     = errors.New("size does not match")
)

// Reader unpacks a sequence of lzip members. Each member's trailer is checked
// before io.EOF or the data of the next one is returned.
type Reader struct {
	in     counter
	limit  int
	member io.Reader
	wanted int // the dictionary that the member names, in bytes
	crc    uint32
	size   uint64
	begun  bool
	err    error
}

// NewReader returns a Reader that keeps at most limit bytes of what it unpacked.
// Nothing is read before the first Read.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{in: counter{r: bufio.NewReader(r)}, limit: limit}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for r.err == nil && len(p) > 0 {
		if r.member == nil {
			if r.err = r.open(); r.err != nil {
				break
			}
		}
		n, err := r.member.Read(p)
		r.crc = crc32.Update(r.crc, crc32.IEEETable, p[:n])
		r.size += uint64(n)
		switch {
		case err == io.EOF:
			r.member = nil
			r.err = r.trailer()
		case err != nil && r.wanted > r.limit && r.size+maxMatch >= uint64(r.limit):
			r.err = fmt.Errorf("%w: %d bytes", ErrDictionary, r.wanted)
		case err != nil:
			r.err = unexpected(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	return 0, r.err
}

func (r *Reader) open() error {
	r.in.n = 0
	var h [headerSize]byte
	switch n, err := io.ReadFull(&r.in, h[:]); {
	case err == io.EOF && r.begun:
		return io.EOF
	case err != nil && n < headerSize && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case err != nil:
		return io.ErrUnexpectedEOF
	}
	if string(h[:4]) != "LZIP" {
		return errMagic
	}
	if h[4] != 1 {
		return fmt.Errorf("%w %d", errVersion, h[4])
	}
	dictionary := 1 << (h[5] & 0x1f)
	if dictionary > minDictionary {
		dictionary -= dictionary / 16 * int(h[5]>>5)
	}
	if dictionary < minDictionary || dictionary > maxDictionary {
		return fmt.Errorf("%w: %d", errBadDict, dictionary)
	}
	r.wanted = dictionary
	dictionary = max(min(dictionary, r.limit), lzma.MinDictCap)
	// The raw stream becomes one of the classic .lzma format by this header:
	// properties (pb*5+lp)*9+lc, dictionary, and an unknown size, for which
	// the end marker is obeyed.
	classic := make([]byte, 0, lzma.HeaderLen)
	classic = append(classic, 0x5d)
	classic = binary.LittleEndian.AppendUint32(classic, uint32(dictionary))
	classic = binary.LittleEndian.AppendUint64(classic, 1<<64-1)
	member, err := lzma.ReaderConfig{DictCap: dictionary}.NewReader(&prefixed{head: classic, tail: &r.in})
	if err != nil {
		return unexpected(err)
	}
	r.member, r.crc, r.size, r.begun = member, 0, 0, true
	return nil
}

func (r *Reader) trailer() error {
	var t [trailerSize]byte
	if _, err := io.ReadFull(&r.in, t[:]); err != nil {
		return unexpected(err)
	}
	switch {
	case binary.LittleEndian.Uint32(t[0:]) != r.crc:
		return errChecksum
	case binary.LittleEndian.Uint64(t[4:]) != r.size:
		return fmt.Errorf("data: %w", errSize)
	case binary.LittleEndian.Uint64(t[12:]) != uint64(r.in.n):
		return fmt.Errorf("member: %w", errSize)
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// counter counts what the decoder consumes. It is an io.ByteReader, which
// keeps the decoder from buffering bytes that belong to the trailer.
type counter struct {
	r *bufio.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// prefixed puts the made-up header in front of the stream.
type prefixed struct {
	head []byte
	tail *counter
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) == 0 {
		return p.tail.Read(b)
	}
	n := copy(b, p.head)
	p.head = p.head[n:]
	return n, nil
}

func (p *prefixed) ReadByte() (byte, error) {
	if len(p.head) == 0 {
		return p.tail.ReadByte()
	}
	b := p.head[0]
	p.head = p.head[1:]
	return b, nil
}
