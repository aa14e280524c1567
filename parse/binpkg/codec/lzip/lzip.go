// Package lzip reads the lzip format. No other Go library checks all checksums and
// reads all members. The grammar (lzip manual, "File format"):
//
//	file    = member { member }
//	member  = "LZIP" version dictsize lzma crc32 datasize membersize
//	version = 0x01
//
// dictsize is one byte: 2 to the power of bits 0-4, minus as many sixteenths of
// that as bits 5-7 say. lzma is a raw LZMA stream with lc=3 lp=0 pb=2 and an end
// marker. The trailer is little endian: the CRC-32 of the data, its length (64
// bits), and the length of the whole member (64 bits).
//
// Bytes after a member that do not begin another one are an error, because a
// package has no trailing data.
//
// A match reaches back at most as far as the dictionary, up to 512 MiB. A [Reader]
// keeps only as much as its limit. That suffices if no match reaches further back,
// and thus for every member that unpacks to no more than the limit.
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

	// minDictionary and maxDictionary are the limits of the format.
	minDictionary = 1 << 12
	maxDictionary = 1 << 29

	// maxMatch is the longest match of LZMA. The decoder stops if less room is
	// left.
	maxMatch = 273
)

// The errors that do not mean damage. All other errors do.
var (
	// ErrDictionary means that a member needs more memory than the Reader may use.
	ErrDictionary = errors.New("dictionary larger than the limit")

	errMagic    = errors.New("no lzip member")
	errVersion  = errors.New("unknown version")
	errBadDict  = errors.New("dictionary size out of range")
	errChecksum = errors.New("checksum does not match")
	errSize     = errors.New("size does not match")
)

// Reader unpacks a sequence of lzip members. It checks the trailer of each member
// before it returns io.EOF or data of the next one.
type Reader struct {
	in     counter
	limit  int
	member io.Reader
	wanted int // the size of the dictionary that the member declares, in bytes
	crc    uint32
	size   uint64
	begun  bool
	err    error
}

// NewReader returns a Reader that keeps at most limit bytes of unpacked data. It
// reads nothing before the first Read.
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
	// This header turns the raw stream into the classic .lzma format: properties
	// (pb*5+lp)*9+lc, dictionary size, and an unknown data size, for which the
	// decoder obeys the end marker.
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

// counter counts the bytes that the decoder consumes. It is an io.ByteReader, so
// that the decoder does not buffer bytes of the trailer.
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

// prefixed returns the constructed header before the stream.
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
