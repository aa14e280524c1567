// Package xz reads the .xz format. It supports the filters and the memory limit
// that github.com/ulikunitz/xz lacks, and uses the lzma package of that library to
// unpack LZMA2. The grammar (the .xz file format, sections 2 to 4):
//
//	file   = stream { padding stream } padding
//	stream = header { block } index footer
//	header = 0xfd "7zXZ" 0x00 flags(2) crc32(4)
//	block  = size(1) flags(1) [ packed ] [ unpacked ] { filter } zeros crc32(4)
//	         lzma2 zeros check
//	filter = id length properties
//	index  = 0x00 count { unpadded unpacked } zeros crc32(4)
//	footer = crc32(4) size-of-index(4) flags(2) "YZ"
//
// Blocks and the index are padded to four bytes. Padding between streams is zeros
// in groups of four. Numbers without a width have seven bits in each byte, lowest
// bits first.
//
// # Memory
//
// A match reaches back at most as far as the dictionary that the block declares, up
// to 4 GiB. A [Reader] keeps only as much as its limit. That suffices if no match
// reaches further back, and thus for every block that unpacks to no more than the
// limit.
package xz

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// The errors that do not mean damage. All other errors do.
var (
	// ErrDictionary means that a block needs more memory than the Reader may use.
	ErrDictionary = errors.New("dictionary larger than the limit")
	// ErrUnsupported means a filter or a kind of check that this package lacks.
	ErrUnsupported = errors.New("unsupported")

	errMagic    = errors.New("no xz stream")
	errHeader   = errors.New("damaged xz header")
	errChecksum = errors.New("checksum does not match")
	errIndex    = errors.New("index does not match the blocks")
	errPadding  = errors.New("padding that is not zero")
)

const (
	magic        = "\xfd7zXZ\x00"
	filterDelta  = 0x03
	filterLZMA2  = 0x21
	maxFilters   = 4
	footerSize   = 12
	unknownTotal = ^uint64(0)
)

// Reader unpacks a sequence of xz streams. It verifies the check of each block
// before it returns io.EOF or data of the next block, and the index of each stream
// before the next stream.
type Reader struct {
	in    counter
	limit int
	err   error

	begun bool // at least one stream was read
	flags [2]byte
	index hash.Hash // over the sizes of the blocks in this stream
	count uint64    // number of blocks in this stream

	block  *block // nil between blocks
	inside bool   // within a stream
}

// block is the block that is being unpacked.
type block struct {
	data             io.Reader // unfiltered
	lzma2            *lzma.Reader2
	start            int64  // offset of its header
	header           int64  // size of the header
	packed, unpacked uint64 // sizes from the header, or unknownTotal
	dictionary       int64
	size             uint64 // bytes unpacked so far
	check            hash.Hash
}

// NewReader returns a Reader that keeps at most limit bytes of unpacked data. It
// reads nothing before the first Read.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{in: counter{r: bufio.NewReader(r)}, limit: limit}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.err == nil {
		if r.block == nil {
			r.err = r.next()
			continue
		}
		b := r.block
		n, err := b.data.Read(p)
		b.size += uint64(n)
		if b.check != nil {
			b.check.Write(p[:n])
		}
		switch {
		case err == io.EOF:
			r.block = nil
			r.err = r.endBlock(b)
		case err != nil && b.dictionary > int64(r.limit) && int64(b.size) > int64(r.limit)-lzma2Chunk:
			r.err = fmt.Errorf("%w: %d bytes", ErrDictionary, b.dictionary)
		case err != nil:
			r.err = unexpected(err)
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, r.err
}

// lzma2Chunk is the largest unpacked size of a chunk, in bytes. After an error in a
// chunk, none of its data is available.
const lzma2Chunk = 2 << 20

// next reads up to the data of the next block.
func (r *Reader) next() error {
	if !r.inside {
		return r.openStream()
	}
	start := r.in.n
	size, err := r.in.ReadByte()
	switch {
	case err != nil:
		return unexpected(err)
	case size == 0:
		return r.endStream(start)
	}
	return r.openBlock(start, size)
}

// openStream reads the padding before a stream, and the header of the stream.
func (r *Reader) openStream() error {
	var h [footerSize]byte
	for {
		n, err := io.ReadFull(&r.in, h[:4])
		switch {
		case n == 0 && err == io.EOF && r.begun:
			return io.EOF
		case err != nil:
			return unexpected(err)
		}
		if !r.begun || !isZero(h[:4]) {
			break
		}
	}
	if _, err := io.ReadFull(&r.in, h[4:]); err != nil {
		return unexpected(err)
	}
	switch {
	case string(h[:6]) != magic:
		return errMagic
	case crc32.ChecksumIEEE(h[6:8]) != binary.LittleEndian.Uint32(h[8:]):
		return fmt.Errorf("stream header: %w", errChecksum)
	case h[6] != 0 || h[7] > 0x0f:
		return fmt.Errorf("%w: stream flags %#x", ErrUnsupported, h[6:8])
	}
	if _, _, err := newCheck(h[7]); err != nil {
		return err
	}
	r.flags = [2]byte{h[6], h[7]}
	r.begun, r.inside, r.count, r.index = true, true, 0, sha256.New()
	return nil
}

// newCheck returns the hash for the check after each block, and its size in bytes.
func newCheck(kind byte) (hash.Hash, int, error) {
	switch kind {
	case 0x00:
		return nil, 0, nil
	case 0x01:
		return crc32.NewIEEE(), 4, nil
	case 0x04:
		return crc64.New(crc64.MakeTable(crc64.ECMA)), 8, nil
	case 0x0a:
		return sha256.New(), 32, nil
	}
	return nil, 0, fmt.Errorf("%w: check of type %d", ErrUnsupported, kind)
}

// filter is the description of a filter in a block header.
type filter struct {
	id         uint64
	properties []byte
}

func (r *Reader) openBlock(start int64, size byte) error {
	header := make([]byte, (int(size)+1)*4)
	header[0] = size
	if _, err := io.ReadFull(&r.in, header[1:]); err != nil {
		return unexpected(err)
	}
	fields, sum := header[1:len(header)-4], header[len(header)-4:]
	if crc32.ChecksumIEEE(header[:len(header)-4]) != binary.LittleEndian.Uint32(sum) {
		return fmt.Errorf("block header: %w", errChecksum)
	}
	b := &block{start: start, header: int64(len(header)), packed: unknownTotal, unpacked: unknownTotal}
	flags := fields[0]
	if flags&0x3c != 0 {
		return fmt.Errorf("%w: block flags %#x", ErrUnsupported, flags)
	}
	in := bytes.NewReader(fields[1:])
	for _, f := range [...]struct {
		flag byte
		into *uint64
	}{{0x40, &b.packed}, {0x80, &b.unpacked}} {
		if flags&f.flag != 0 {
			var err error
			if *f.into, err = varint(in); err != nil {
				return errHeader
			}
		}
	}
	filters := make([]filter, flags&3+1, maxFilters)
	for i := range filters {
		id, err := varint(in)
		if err != nil {
			return errHeader
		}
		length, err := varint(in)
		if err != nil || length > uint64(in.Len()) {
			return errHeader
		}
		filters[i] = filter{id, make([]byte, length)}
		_, _ = io.ReadFull(in, filters[i].properties)
	}
	if rest := fields[len(fields)-in.Len():]; !isZero(rest) {
		return errHeader
	}
	return r.openFilters(b, filters)
}

// openFilters builds the chain of decoders. LZMA2 is the innermost.
func (r *Reader) openFilters(b *block, filters []filter) error {
	last := filters[len(filters)-1]
	if last.id != filterLZMA2 {
		return fmt.Errorf("%w: filter %#x at the end of the chain", ErrUnsupported, last.id)
	}
	if len(last.properties) != 1 || last.properties[0] > 40 {
		return errHeader
	}
	b.dictionary = dictionarySize(last.properties[0])
	keep := min(b.dictionary, int64(r.limit))
	if b.unpacked < uint64(keep) {
		keep = int64(b.unpacked)
	}
	var err error
	b.lzma2, err = lzma.Reader2Config{DictCap: max(int(keep), lzma.MinDictCap)}.NewReader2(&r.in)
	if err != nil {
		return unexpected(err)
	}
	b.data = b.lzma2
	for i := len(filters) - 2; i >= 0; i-- {
		if b.data, err = newFilter(b.data, filters[i]); err != nil {
			return err
		}
	}
	b.check, _, err = newCheck(r.flags[1])
	r.block = b
	return err
}

// dictionarySize decodes the property byte of an LZMA2 filter. The result is in
// bytes.
func dictionarySize(property byte) int64 {
	if property == 40 {
		return 1<<32 - 1
	}
	return int64(2|property&1) << (property/2 + 11)
}

// endBlock reads the padding and the check after the data of a block.
func (r *Reader) endBlock(b *block) error {
	packed := uint64(r.in.n - b.start - b.header)
	if b.packed != unknownTotal && b.packed != packed || b.unpacked != unknownTotal && b.unpacked != b.size {
		return fmt.Errorf("size of the block: %w", errHeader)
	}
	if err := r.zeros(int(-packed & 3)); err != nil {
		return err
	}
	_, size, _ := newCheck(r.flags[1])
	check := make([]byte, size)
	if _, err := io.ReadFull(&r.in, check); err != nil {
		return unexpected(err)
	}
	if b.check != nil && !bytes.Equal(check, inFileOrder(b.check)) {
		return fmt.Errorf("block: %w", errChecksum)
	}
	r.count++
	r.noteSizes(uint64(b.header)+packed+uint64(size), b.size)
	return nil
}

// inFileOrder returns the sum in the byte order of the file. CRCs are little endian
// in the file, but big endian in package hash.
func inFileOrder(h hash.Hash) []byte {
	sum := h.Sum(nil)
	if len(sum) <= 8 {
		for i, j := 0, len(sum)-1; i < j; i, j = i+1, j-1 {
			sum[i], sum[j] = sum[j], sum[i]
		}
	}
	return sum
}

// noteSizes adds one record of the index to a running digest. The digest takes
// constant memory, whatever the number of blocks.
func (r *Reader) noteSizes(unpadded, unpacked uint64) {
	var record [16]byte
	binary.LittleEndian.PutUint64(record[:8], unpadded)
	binary.LittleEndian.PutUint64(record[8:], unpacked)
	r.index.Write(record[:])
}

// endStream reads the index, which begins at offset start, and the footer.
func (r *Reader) endStream(start int64) error {
	blocks := r.index.Sum(nil)
	r.index = sha256.New()
	sum := crc32.NewIEEE()
	sum.Write([]byte{0})
	r.in.sum = sum
	defer func() { r.in.sum = nil }()
	count, err := varint(&r.in)
	if err != nil {
		return unexpected(err)
	}
	if count != r.count {
		return errIndex
	}
	for range count {
		unpadded, err := varint(&r.in)
		if err != nil {
			return unexpected(err)
		}
		unpacked, err := varint(&r.in)
		if err != nil {
			return unexpected(err)
		}
		r.noteSizes(unpadded, unpacked)
	}
	if !bytes.Equal(blocks, r.index.Sum(nil)) {
		return errIndex
	}
	if err := r.zeros(int(-(r.in.n - start) & 3)); err != nil {
		return err
	}
	r.in.sum = nil
	size := r.in.n - start + 4
	var t [4 + footerSize]byte
	if _, err := io.ReadFull(&r.in, t[:]); err != nil {
		return unexpected(err)
	}
	footer := t[4:]
	switch {
	case binary.LittleEndian.Uint32(t[:]) != sum.Sum32():
		return fmt.Errorf("index: %w", errChecksum)
	case binary.LittleEndian.Uint32(footer) != crc32.ChecksumIEEE(footer[4:10]):
		return fmt.Errorf("footer: %w", errChecksum)
	case (int64(binary.LittleEndian.Uint32(footer[4:]))+1)*4 != size, [2]byte(footer[8:10]) != r.flags, string(footer[10:]) != "YZ":
		return fmt.Errorf("footer: %w", errHeader)
	}
	r.inside = false
	return nil
}

// zeros reads n bytes of padding.
func (r *Reader) zeros(n int) error {
	var b [3]byte
	if _, err := io.ReadFull(&r.in, b[:n]); err != nil {
		return unexpected(err)
	}
	if !isZero(b[:n]) {
		return errPadding
	}
	return nil
}

// varint reads a number of up to nine bytes.
func varint(r io.ByteReader) (n uint64, err error) {
	for shift := 0; shift < 63; shift += 7 {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c == 0 && shift > 0 {
				return 0, errHeader // only the shortest form is valid
			}
			return n, nil
		}
	}
	return 0, errHeader
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// counter counts the consumed bytes. If sum is set, it also adds them to sum.
type counter struct {
	r   *bufio.Reader
	n   int64
	sum hash.Hash
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.note(p[:n])
	return n, err
}

func (c *counter) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.note([]byte{b})
	}
	return b, err
}

func (c *counter) note(p []byte) {
	c.n += int64(len(p))
	if c.sum != nil {
		c.sum.Write(p)
	}
}
