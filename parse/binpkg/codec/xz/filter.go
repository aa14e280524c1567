package xz

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The filters for machine code turn relative call addresses into absolute ones,
// which compress better. This file implements their inverses. The documentation of
// xz and the public-domain reference implementation (src/liblzma/simple of xz)
// describe them.

// converter undoes a filter in buf. pos is the offset of buf in the block. It
// returns the number of bytes that are final. The next call gets the other bytes
// again, with more bytes after them.
type converter func(pos uint32, buf []byte) int

// newFilter returns a reader that undoes the filter on the data of r.
func newFilter(r io.Reader, f filter) (io.Reader, error) {
	if f.id == filterDelta {
		if len(f.properties) != 1 {
			return nil, errHeader
		}
		return &filtering{r: r, convert: delta(int(f.properties[0]) + 1)}, nil
	}
	convert, alignment := codeFilter(f.id)
	if convert == nil {
		return nil, fmt.Errorf("%w: filter %#x", ErrUnsupported, f.id)
	}
	var start uint32
	switch len(f.properties) {
	case 0:
	case 4:
		if start = binary.LittleEndian.Uint32(f.properties); start%alignment != 0 {
			return nil, errHeader
		}
	default:
		return nil, errHeader
	}
	return &filtering{r: r, convert: convert, pos: start}, nil
}

// codeFilter returns a filter for machine code and its alignment in bytes. It
// returns nil for unsupported filters: IA-64 and RISC-V.
func codeFilter(id uint64) (converter, uint32) {
	switch id {
	case 0x04:
		return x86(), 1
	case 0x05:
		return words(powerPC), 4
	case 0x07:
		return words(arm), 4
	case 0x08:
		return armThumb, 2
	case 0x09:
		return words(sparc), 4
	case 0x0a:
		return words(arm64), 4
	}
	return nil, 0
}

// filtering reads r and converts the data.
type filtering struct {
	r       io.Reader
	convert converter
	pos     uint32
	buf     []byte
	final   int // number of converted bytes in buf
	given   int // number of bytes of buf already returned
	err     error
}

// filterChunk is the number of bytes converted at a time.
const filterChunk = 32 << 10

func (f *filtering) Read(p []byte) (int, error) {
	for f.given == f.final && f.err == nil {
		f.fill()
	}
	n := copy(p, f.buf[f.given:f.final])
	f.given += n
	if n == 0 && len(p) > 0 {
		return 0, f.err
	}
	return n, nil
}

func (f *filtering) fill() {
	if f.buf == nil {
		f.buf = make([]byte, 0, filterChunk)
	}
	f.buf = f.buf[:copy(f.buf, f.buf[f.final:])]
	f.given = 0
	for len(f.buf) < cap(f.buf) && f.err == nil {
		var n int
		n, f.err = f.r.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf = f.buf[:len(f.buf)+n]
	}
	f.final = f.convert(f.pos, f.buf)
	f.pos += uint32(f.final)
	if f.err == io.EOF {
		f.final = len(f.buf) // too short for another instruction
	}
}

// delta adds to each byte the byte at distance before it.
func delta(distance int) converter {
	var history [256]byte
	var at byte
	return func(_ uint32, buf []byte) int {
		for i := range buf {
			buf[i] += history[at+byte(distance)]
			history[at] = buf[i]
			at--
		}
		return len(buf)
	}
}

// words converts each instruction of four bytes.
func words(convert func(pos uint32, b []byte)) converter {
	return func(pos uint32, buf []byte) int {
		i := 0
		for ; i+4 <= len(buf); i += 4 {
			convert(pos+uint32(i), buf[i:i+4])
		}
		return i
	}
}

func powerPC(pos uint32, b []byte) {
	if v := binary.BigEndian.Uint32(b); v>>26 == 0x12 && v&3 == 1 {
		binary.BigEndian.PutUint32(b, 0x48000000|(v-pos)&0x03fffffc|v&3)
	}
}

func arm(pos uint32, b []byte) {
	if b[3] == 0xeb {
		v := binary.LittleEndian.Uint32(b) & 0xffffff
		binary.LittleEndian.PutUint32(b, 0xeb000000|((v<<2-pos-8)>>2)&0xffffff)
	}
}

func arm64(pos uint32, b []byte) {
	v := binary.LittleEndian.Uint32(b)
	switch {
	case v>>26 == 0x25: // BL
		binary.LittleEndian.PutUint32(b, 0x94000000|(v-pos>>2)&0x03ffffff)
	case v&0x9f000000 == 0x90000000: // ADRP within half a GiB
		target := v>>29&3 | v>>3&0x001ffffc
		if (target+0x00020000)&0x001c0000 != 0 {
			return
		}
		target -= pos >> 12
		v = v&0x9000001f | target&3<<29 | target&0x0003fffc<<3 | -(target&0x00020000)&0x00e00000
		binary.LittleEndian.PutUint32(b, v)
	}
}

func sparc(pos uint32, b []byte) {
	if b[0] == 0x40 && b[1]&0xc0 == 0x00 || b[0] == 0x7f && b[1]&0xc0 == 0xc0 {
		target := binary.BigEndian.Uint32(b)<<2 - pos
		target >>= 2
		binary.BigEndian.PutUint32(b, (0-target>>22&1)<<22&0x3fffffff|target&0x3fffff|0x40000000)
	}
}

func armThumb(pos uint32, buf []byte) int {
	i := 0
	for ; i+4 <= len(buf); i += 2 {
		if buf[i+1]&0xf8 != 0xf0 || buf[i+3]&0xf8 != 0xf8 {
			continue
		}
		v := uint32(buf[i+1]&7)<<19 | uint32(buf[i])<<11 | uint32(buf[i+3]&7)<<8 | uint32(buf[i+2])
		v = (v<<1 - (pos + uint32(i) + 4)) >> 1
		buf[i+1], buf[i] = 0xf0|byte(v>>19&7), byte(v>>11)
		buf[i+3], buf[i+2] = 0xf8|byte(v>>8&7), byte(v)
		i += 2
	}
	return i
}

// x86 converts the operands of CALL and JMP. It cannot recognise these instructions
// with certainty. mask records which of the previous bytes were an opcode or the
// highest byte of an address.
func x86() converter {
	var mask uint32
	last := ^uint32(4) // the position of the last opcode: five before the first byte
	isHigh := func(b byte) bool { return b == 0x00 || b == 0xff }
	return func(pos uint32, buf []byte) int {
		i := 0
		if pos-last > 5 {
			last = pos - 5
		}
		for i+5 <= len(buf) {
			if buf[i]&0xfe != 0xe8 {
				i++
				continue
			}
			at := pos + uint32(i)
			gap := at - last
			last = at
			if gap > 5 {
				mask = 0
			}
			for range min(gap, 5) {
				mask = mask & 0x77 << 1
			}
			high := buf[i+4]
			if !isHigh(high) || !maskAllows[mask>>1&7] || mask>>1 >= 0x10 {
				i++
				mask |= 1
				if isHigh(high) {
					mask |= 0x10
				}
				continue
			}
			source := binary.LittleEndian.Uint32(buf[i+1:])
			var target uint32
			for {
				target = source - (at + 5)
				if mask == 0 {
					break
				}
				bit := maskBit[mask>>1]
				if !isHigh(byte(target >> (24 - bit*8))) {
					break
				}
				source = target ^ (1<<(32-bit*8) - 1)
			}
			binary.LittleEndian.PutUint32(buf[i+1:], target&0x01ffffff|-(target>>24&1)<<24)
			i += 5
			mask = 0
		}
		return i
	}
}

var (
	maskAllows = [8]bool{true, true, true, false, true, false, false, false}
	maskBit    = [8]uint32{0, 1, 2, 2, 3, 3, 3, 3}
)
