// Package lzop reads files of the lzop program, for which there is no Go library.
// The LZO1X decoder follows the description of the stream in the Linux
// documentation; the container follows the output of lzop. Integers are big endian:
//
//	file   = member { 0x00 }
//	member = magic header { block } end
//	magic  = 0x89 "LZO" 0x00 0x0d 0x0a 0x1a 0x0a
//	header = version(2) library(2) needed(2) method(1) level(1) flags(4)
//	         [ filter(4) ] mode(4) mtime(4) mtime-high(4) len(1) name check(4)
//	         [ len(4) extra check(4) ]
//	block  = unpacked(4) packed(4) [ adler32(4) ] [ crc32(4) ]
//	         [ packed-adler32(4) ] [ packed-crc32(4) ] data
//	end    = 0(4)
//
// The fields needed, level and mtime-high exist since version 0x0940. The flags say
// which checksums a block carries. A block whose data is stored uncompressed
// (packed equals unpacked) has no checksums of the packed data.
//
// lzop can pack several files into one, as consecutive members. It refuses to write
// them to standard output, which Portage reads, so a package has exactly one
// member. lzop ignores zeros after it.
package lzop

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"hash/crc32"
	"io"
)

const magic = "\x89LZO\x00\r\n\x1a\n"

// The flags of the header that change the fields after it.
const (
	flagAdlerData   = 0x0001
	flagAdlerPacked = 0x0002
	flagExtra       = 0x0040
	flagCRCData     = 0x0100
	flagCRCPacked   = 0x0200
	flagMultipart   = 0x0400
	flagFilter      = 0x0800
	flagCRCHeader   = 0x1000
)

const (
	// firstVersion is the first version with the fields needed, level and
	// mtime-high.
	firstVersion = 0x0940

	// maxBlock bounds a block, packed and unpacked, in bytes. lzop writes blocks of
	// 256 KiB. It accepts 64 MiB, but no known program writes such blocks.
	maxBlock = 8 << 20

	// maxExtra bounds the extra field, which no known program writes.
	maxExtra = 64 << 10
)

// ErrUnsupported means that a file uses a method, a filter, a multi-part archive or
// a block size that this package does not read. The file is not known to be
// damaged.
var ErrUnsupported = errors.New("unsupported")

var (
	errMagic    = errors.New("no lzop file")
	errHeader   = errors.New("checksum of the header does not match")
	errData     = errors.New("checksum of the data does not match")
	errPacked   = errors.New("checksum of the packed data does not match")
	errExpanded = errors.New("block larger packed than unpacked")
	errTrailing = errors.New("data behind the end, which lzop refuses on its standard output")
)

// Reader unpacks one lzop member. It verifies all checksums of a block before it
// returns data of it.
type Reader struct {
	in     *bufio.Reader
	flags  uint32
	begun  bool
	inside bool // within a member
	err    error
	packed []byte
	block  []byte
	rest   []byte // the unread part of block
}

// NewReader returns a Reader. It reads nothing before the first Read.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReader(r)} }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.inside {
			r.err = r.readBlock()
		} else {
			r.err = r.readHeader()
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *Reader) readHeader() error {
	if r.begun {
		return r.onlyZeros()
	}
	var m [len(magic)]byte
	if err := r.full(m[:]); err != nil {
		return err
	}
	if string(m[:]) != magic {
		return errMagic
	}
	h := header{r: r}
	version := h.take(2)
	h.take(2) // the library's version
	if version >= firstVersion {
		h.take(2) // the version needed
	}
	method := h.take(1)
	if version >= firstVersion {
		h.take(1) // the level
	}
	flags := h.take(4)
	if flags&flagFilter != 0 {
		h.take(4)
	}
	h.take(4) // mode
	h.take(4) // mtime
	if version >= firstVersion {
		h.take(4)
	}
	h.takeBytes(int(h.take(1))) // the name
	if h.err != nil {
		return h.err
	}
	want := adler32.Checksum(h.bytes)
	if flags&flagCRCHeader != 0 {
		want = crc32.ChecksumIEEE(h.bytes)
	}
	if h.take(4) != want && h.err == nil {
		return errHeader
	}
	if flags&flagExtra != 0 && h.err == nil {
		size := h.take(4)
		if size > maxExtra {
			return fmt.Errorf("%w: extra field of %d bytes", ErrUnsupported, size)
		}
		h.takeBytes(int(size))
		h.take(4)
	}
	switch {
	case h.err != nil:
		return h.err
	case method < 1 || method > 3:
		return fmt.Errorf("%w: method %d", ErrUnsupported, method)
	case flags&flagFilter != 0:
		return fmt.Errorf("%w: filter", ErrUnsupported)
	case flags&flagMultipart != 0:
		return fmt.Errorf("%w: multi-part archive", ErrUnsupported)
	}
	r.flags, r.inside, r.begun = flags, true, true
	return nil
}

// onlyZeros reads the bytes after the member, which must be zeros.
func (r *Reader) onlyZeros() error {
	for {
		switch b, err := r.in.ReadByte(); {
		case err != nil:
			return err
		case b != 0:
			return errTrailing
		}
	}
}

// header reads the fields of a header and keeps their bytes for the checksum.
type header struct {
	r     *Reader
	bytes []byte
	err   error
}

func (h *header) takeBytes(n int) []byte {
	if h.err != nil {
		return nil
	}
	at := len(h.bytes)
	h.bytes = append(h.bytes, make([]byte, n)...)
	h.err = h.r.full(h.bytes[at:])
	return h.bytes[at:]
}

// take returns an integer of n bytes, or 0 after an error.
func (h *header) take(n int) (v uint32) {
	for _, b := range h.takeBytes(n) {
		v = v<<8 | uint32(b)
	}
	return v
}

func (r *Reader) readBlock() error {
	unpacked, err := r.uint32()
	if err != nil {
		return err
	}
	if unpacked == 0 {
		r.inside = false
		return nil
	}
	packed, err := r.uint32()
	if err != nil {
		return err
	}
	if unpacked > maxBlock || packed > maxBlock {
		return fmt.Errorf("%w: block of %d bytes", ErrUnsupported, max(unpacked, packed))
	}
	if packed > unpacked {
		return errExpanded
	}
	stored := packed == unpacked
	var checks [4]uint32 // adler32 and crc32 of the data, then adler32 and crc32 of the packed data
	for i, flag := range [...]uint32{flagAdlerData, flagCRCData, flagAdlerPacked, flagCRCPacked} {
		if r.flags&flag != 0 && (i < 2 || !stored) {
			if checks[i], err = r.uint32(); err != nil {
				return err
			}
		}
	}
	r.packed = grow(r.packed, int(packed))
	if err := r.full(r.packed); err != nil {
		return err
	}
	if stored {
		r.block = append(r.block[:0], r.packed...)
	} else {
		if r.flags&flagAdlerPacked != 0 && adler32.Checksum(r.packed) != checks[2] ||
			r.flags&flagCRCPacked != 0 && crc32.ChecksumIEEE(r.packed) != checks[3] {
			return errPacked
		}
		r.block = grow(r.block, int(unpacked))
		if err := decompress(r.block, r.packed); err != nil {
			return err
		}
	}
	if r.flags&flagAdlerData != 0 && adler32.Checksum(r.block) != checks[0] ||
		r.flags&flagCRCData != 0 && crc32.ChecksumIEEE(r.block) != checks[1] {
		return errData
	}
	r.rest = r.block
	return nil
}

func (r *Reader) uint32() (uint32, error) {
	var b [4]byte
	err := r.full(b[:])
	return binary.BigEndian.Uint32(b[:]), err
}

// full fills p. It returns an error if the input is shorter.
func (r *Reader) full(p []byte) error {
	_, err := io.ReadFull(r.in, p)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
