package codec

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindowAll is the largest accepted window of metadata. It is that of
	// --long=31, which Portage passes to zstd. It needs no memory, because a frame
	// that is unpacked in one call into a bounded buffer has no separate window.
	zstdWindowAll = 1 << 31

	// zstdBlock is the largest size of a block (RFC 8878, 3.1.1.2.3).
	zstdBlock = 128 << 10
)

func (u *Unpacker) unpackZstd(dst, packed []byte, limit int) ([]byte, error) {
	if u.whole == nil {
		d, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(zstdWindowAll),
			// The capacity of the buffer bounds the allocation, not the size that
			// the frame claims.
			zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return dst, decodeError("zstd", err)
		}
		u.whole = d
	}
	// If a block does not fit, the decoder returns various errors, some of which
	// also mean damage. With room for two more blocks, every error means a damaged
	// stream.
	const spare = 2 * zstdBlock
	size := zstdBound(packed, limit) + spare
	if cap(dst) < size {
		dst = make([]byte, 0, size)
	}
	out, err := u.whole.DecodeAll(packed, dst[:0:size])
	switch {
	case err == nil && len(out) <= limit:
		return out, nil
	case err != nil && !errors.Is(err, zstd.ErrDecoderSizeExceeded) && size-len(out) >= spare:
		return dst, decodeError("zstd", err)
	}
	u.whole = nil // it keeps a reference to the buffer
	return nil, ErrTooLarge
}

// zstdBound returns an upper bound of the unpacked size of packed, taken from the
// headers of its blocks (RFC 8878, 3.1.1.2), and at most limit. If a header is
// damaged, the bound covers the data before it, where the decoder stops too.
func zstdBound(packed []byte, limit int) int {
	bound := 0
	for len(packed) > 0 && bound < limit {
		var h zstd.Header
		if h.Decode(packed) != nil || h.HeaderSize > len(packed) {
			break
		}
		packed = packed[h.HeaderSize:]
		if h.Skippable {
			packed = packed[min(int64(h.SkippableSize), int64(len(packed))):]
			continue
		}
		for last := false; !last && len(packed) >= 3 && bound < limit; {
			head := int(packed[0]) | int(packed[1])<<8 | int(packed[2])<<16
			last = head&1 != 0
			size, follows := head>>3, head>>3
			switch head >> 1 & 3 {
			case 1: // one byte, repeated
				follows = 1
			case 2: // compressed
				size = zstdBlock
			}
			bound += size
			packed = packed[min(3+follows, len(packed)):]
		}
		if h.HasCheckSum {
			packed = packed[min(4, len(packed)):]
		}
	}
	return min(bound, limit)
}

// openZstd returns a reader of an image. It keeps at most maxHistory of the
// unpacked data.
func (u *Unpacker) openZstd(r io.Reader) (io.Reader, error) {
	if u.stream == nil {
		d, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(MaxHistory))
		if err != nil {
			return nil, err
		}
		u.stream = d
	}
	windows := &zstdWindows{r: r, step: (*zstdWindows).magic}
	if err := u.stream.Reset(windows); err != nil {
		return nil, err
	}
	return &zstdStream{u.stream, windows, 0}, nil
}

// zstdStream distinguishes damage from a match beyond the kept history.
type zstdStream struct {
	r       io.Reader
	windows *zstdWindows
	size    int64 // unpacked so far
}

func (s *zstdStream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.size += int64(n)
	if err != nil && err != io.EOF && s.windows.largest > MaxHistory && s.size >= MaxHistory-zstdBlock {
		err = fmt.Errorf("%w: %d bytes", zstd.ErrWindowSizeExceeded, s.windows.largest)
	}
	return n, err
}

// zstdWindows passes zstd frames through and lowers their declared window to
// maxHistory, because the decoder allocates the declared window and not the needed
// one. It follows the frames from header to header (RFC 8878, 3.1) without
// unpacking:
//
//	file   = { frame | skippable }
//	frame  = magic(4) descriptor [ window ] [ dictionary ] [ size ] { block } [ checksum(4) ]
//	block  = header(3) data
//	skippable = magic(4) size(4) data
type zstdWindows struct {
	r       io.Reader
	largest int64 // largest declared window, in bytes

	step   func(*zstdWindows, byte) byte // consumes a byte of a header, returns the byte to pass on
	skip   int64                         // number of bytes to pass on before the next step
	number uint32                        // the bytes of a number read so far
	digits int

	checksum int64 // length of the checksum after the last block, in bytes
	fields   int64 // length of the header after the window, in bytes
}

func (z *zstdWindows) Read(p []byte) (int, error) {
	n, err := z.r.Read(p)
	for i := 0; i < n; {
		if z.skip > 0 {
			k := min(z.skip, int64(n-i))
			z.skip -= k
			i += int(k)
			continue
		}
		p[i] = z.step(z, p[i])
		i++
	}
	return n, err
}

// take adds a byte to a number of size bytes. It reports whether the number is
// complete.
func (z *zstdWindows) take(c byte, size int) (number uint32, complete bool) {
	z.number |= uint32(c) << (8 * z.digits)
	if z.digits++; z.digits < size {
		return 0, false
	}
	number = z.number
	z.number, z.digits = 0, 0
	return number, true
}

func (z *zstdWindows) magic(c byte) byte {
	if magic, complete := z.take(c, 4); complete {
		switch {
		case magic == 0xfd2fb528:
			z.step = (*zstdWindows).descriptor
		case magic&^0xf == 0x184d2a50:
			z.step = (*zstdWindows).skippable
		default:
			z.step = func(_ *zstdWindows, c byte) byte { return c } // the decoder will refuse it
		}
	}
	return c
}

func (z *zstdWindows) skippable(c byte) byte {
	if size, complete := z.take(c, 4); complete {
		z.skip, z.step = int64(size), (*zstdWindows).magic
	}
	return c
}

func (z *zstdWindows) descriptor(c byte) byte {
	single := c&0x20 != 0
	z.checksum = int64(c >> 2 & 1 * 4)
	z.fields = [...]int64{0, 1, 2, 4}[c&3] + [...]int64{0, 2, 4, 8}[c>>6]
	if single && c>>6 == 0 {
		z.fields++
	}
	if z.step = (*zstdWindows).window; single {
		z.skip, z.step = z.fields, (*zstdWindows).block
	}
	return c
}

func (z *zstdWindows) window(c byte) byte {
	z.skip, z.step = z.fields, (*zstdWindows).block
	size := int64(1) << (10 + c>>3)
	size += size / 8 * int64(c&7)
	z.largest = max(z.largest, size)
	if size > MaxHistory && size <= zstdWindowAll {
		c = 17 << 3 // 128 MiB
	}
	return c
}

func (z *zstdWindows) block(c byte) byte {
	header, complete := z.take(c, 3)
	if !complete {
		return c
	}
	z.skip = int64(header >> 3)
	if header>>1&3 == 1 {
		z.skip = 1 // one byte, repeated
	}
	if header&1 != 0 {
		z.skip, z.step = z.skip+z.checksum, (*zstdWindows).magic
	}
	return c
}
