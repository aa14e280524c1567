package binpkg

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz"
)

// errDictionary is an xz block that wants more memory than a package may have.
var errDictionary = errors.New("dictionary larger than the limit")

var errXzStructure = errors.New("damaged xz structure")

// newXzReader returns a reader of xz streams whose dictionaries are at most
// lzmaDictionary bytes.
//
// The library takes the DictCap of its configuration as the least, not the most
// that it allocates: a header of 12 bytes could make it ask for 4 GiB. So the
// headers of the blocks are read here, as the bytes go by.
func newXzReader(r io.Reader) (io.Reader, error) {
	return xz.ReaderConfig{DictCap: 1 << 16}.NewReader(bufio.NewReader(&xzGuard{r: r}))
}

// xzGuard follows the structure of xz streams (the .xz file format, sections 2
// to 4) and of the LZMA2 chunks in their blocks, unpacking nothing:
//
//	stream = header(12) { block } index footer(12)
//	block  = size(1) header filters padding crc(4) { chunk } 0x00 padding check
//	chunk  = 0x01|0x02 size(2) data | 0x80..0xff unpacked(2) size(2) [props] data
//	index  = 0x00 count { unpadded unpacked } padding crc(4)
//
// Between streams there may be zeros in groups of four.
type xzGuard struct {
	r    io.Reader
	err  error
	step func(*xzGuard, []byte) error // takes the next part of need bytes
	need int
	skip int64 // bytes of data to pass before the next part
	part []byte

	checkSize int64
	blockSize int64 // of the chunks of this block so far
	indexSize int64
	integers  uint64 // left in the index
}

func (g *xzGuard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	for b := p[:n]; len(b) > 0 && g.err == nil; {
		if g.skip > 0 {
			k := min(g.skip, int64(len(b)))
			g.skip -= k
			b = b[k:]
			continue
		}
		if g.step == nil {
			g.step, g.need = (*xzGuard).streamStart, 4
		}
		k := min(g.need-len(g.part), len(b))
		g.part = append(g.part, b[:k]...)
		b = b[k:]
		if len(g.part) == g.need {
			g.err = g.step(g, g.part)
			g.part = g.part[:0]
		}
	}
	if g.err != nil {
		// Nothing of a part that is not believed reaches the decoder.
		return 0, g.err
	}
	return n, err
}

func (g *xzGuard) then(need int, step func(*xzGuard, []byte) error) {
	g.need, g.step = need, step
}

func (g *xzGuard) streamStart(part []byte) error {
	if isZero(part) {
		return nil
	}
	if string(part) != "\xfd7zX" {
		return errXzStructure
	}
	g.then(8, (*xzGuard).streamFlags)
	return nil
}

// checkSizes are the sizes of the check that follows each block, by its type.
var checkSizes = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

func (g *xzGuard) streamFlags(part []byte) error {
	g.checkSize = checkSizes[part[3]&0x0f]
	g.then(1, (*xzGuard).blockOrIndex)
	return nil
}

func (g *xzGuard) blockOrIndex(part []byte) error {
	if part[0] == 0 {
		g.indexSize, g.integers = 1, 0
		g.then(1, (*xzGuard).indexCount)
		return nil
	}
	g.then(int(part[0])*4+3, (*xzGuard).blockHeader)
	return nil
}

func (g *xzGuard) blockHeader(part []byte) error {
	flags, rest := part[0], part[1:]
	for _, present := range [...]byte{0x40, 0x80} {
		if flags&present != 0 {
			if _, rest = varint(rest); rest == nil {
				return errXzStructure
			}
		}
	}
	if flags&3 != 0 || len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 {
		return fmt.Errorf("%w: a filter other than LZMA2", errUnsupported)
	}
	if size := lzma2Dictionary(rest[2]); size > lzmaDictionary {
		return fmt.Errorf("%w: %d bytes", errDictionary, size)
	}
	g.blockSize = 0
	g.then(1, (*xzGuard).chunk)
	return nil
}

// lzma2Dictionary is the size that the property byte of an LZMA2 filter means.
func lzma2Dictionary(property byte) int64 {
	if property > 40 {
		return 1 << 40
	}
	return int64(2|property&1) << (property/2 + 11)
}

func (g *xzGuard) chunk(part []byte) error {
	g.blockSize++
	switch control := part[0]; {
	case control == 0:
		g.skip = -g.blockSize&3 + g.checkSize
		g.then(1, (*xzGuard).blockOrIndex)
	case control <= 2:
		g.then(2, (*xzGuard).chunkSize)
	case control < 0x80:
		return errXzStructure
	case control < 0xc0:
		g.then(4, (*xzGuard).chunkSize)
	default:
		g.then(5, (*xzGuard).chunkSize)
	}
	return nil
}

func (g *xzGuard) chunkSize(part []byte) error {
	size := part
	if len(part) > 2 {
		size = part[2:4]
	}
	g.skip = int64(size[0])<<8 + int64(size[1]) + 1
	g.blockSize += int64(len(part)) + g.skip
	g.then(1, (*xzGuard).chunk)
	return nil
}

// indexCount and indexInteger read integers of up to nine bytes, of which all
// but the last have the high bit set, one byte at a time.
func (g *xzGuard) indexCount(part []byte) error {
	g.indexSize++
	if n := g.indexSize - 2; n < 9 {
		g.integers |= uint64(part[0]&0x7f) << (7 * n)
	} else {
		return errXzStructure
	}
	if part[0] < 0x80 {
		if g.integers > 1<<40 {
			return errXzStructure
		}
		g.integers *= 2
		g.indexNext()
	}
	return nil
}

func (g *xzGuard) indexInteger(part []byte) error {
	g.indexSize++
	if part[0] < 0x80 {
		g.integers--
		g.indexNext()
	}
	return nil
}

func (g *xzGuard) indexNext() {
	if g.integers > 0 {
		g.then(1, (*xzGuard).indexInteger)
		return
	}
	const crc, footer = 4, 12
	g.skip = -g.indexSize&3 + crc + footer
	g.then(4, (*xzGuard).streamStart)
}

func varint(b []byte) (n uint64, rest []byte) {
	for i, c := range b {
		if i == 9 {
			return 0, nil
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, b[i+1:]
		}
	}
	return 0, nil
}
