package binpkg

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// zstdWindowAll is the largest window of metadata that is accepted, that of
	// --long=31, which Portage passes to zstd. It costs nothing: a frame that is
	// unpacked in one piece into a bounded buffer needs no window beside it.
	zstdWindowAll = 1 << 31

	// zstdBlock is the format's limit of a block (RFC 8878, 3.1.1.2.3).
	zstdBlock = 128 << 10
)

func (u *unpacker) unpackZstd(dst, packed []byte, limit int) ([]byte, error) {
	if u.whole == nil {
		d, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(zstdWindowAll),
			// The capacity of the buffer, not the frame's own claim,
			// bounds what is allocated.
			zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return dst, decodeError("zstd", err)
		}
		u.whole = d
	}
	// The decoder fails in several ways, not all of which can be told from
	// damage, when a block does not fit. With room for two more blocks an
	// error is the stream's own.
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
	u.whole = nil // it holds on to the buffer
	return nil, errTooLarge
}

// zstdBound returns a size that packed does not unpack to more than, as far as the
// headers of its blocks tell (RFC 8878, 3.1.1.2), and no more than limit. Where
// they are damaged, so much is unpacked before the decoder meets the same.
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
			case 1: // a byte, so many times
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

// openZstd returns a reader of an image that keeps no more than maxHistory of it.
func (u *unpacker) openZstd(r io.Reader) (io.Reader, error) {
	if u.stream == nil {
		d, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxHistory))
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

// zstdStream tells damage from a match that reaches further back than what is kept.
type zstdStream struct {
	r       io.Reader
	windows *zstdWindows
	size    int64 // unpacked so far
}

func (s *zstdStream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.size += int64(n)
	if err != nil && err != io.EOF && s.windows.largest > maxHistory && s.size >= maxHistory-zstdBlock {
		err = fmt.Errorf("%w: %d bytes", zstd.ErrWindowSizeExceeded, s.windows.largest)
	}
	return n, err
}

// zstdWindows passes zstd frames on and lowers the windows that they name to
// maxHistory: the decoder allocates what the frame names and not what it needs. It
// follows the frames from header to header (RFC 8878, 3.1), unpacking nothing:
//
//	file   = { frame | skippable }
//	frame  = magic(4) descriptor [ window ] [ dictionary ] [ size ] { block } [ checksum(4) ]
//	block  = header(3) data
//	skippable = magic(4) size(4) data
type zstdWindows struct {
	r       io.Reader
	largest int64 // window that a frame named, in bytes

	step   func(*zstdWindows, byte) byte // takes a byte of a header, and returns what is passed on
	skip   int64                         // bytes to pass before the next step
	number uint32                        // the bytes of a number, as far as they were met
	digits int

	checksum int64 // bytes of it, behind the last block
	fields   int64 // bytes of the header behind the window
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

// take adds a byte to a number of size bytes, and reports whether it is complete.
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
	if size > maxHistory && size <= zstdWindowAll {
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
		z.skip = 1 // a byte, so many times
	}
	if header&1 != 0 {
		z.skip, z.step = z.skip+z.checksum, (*zstdWindows).magic
	}
	return c
}
