package lzop

import "errors"

var (
	errOverrun  = errors.New("lzo1x: instruction runs beyond the block")
	errDistance = errors.New("lzo1x: match begins before the block")
	errLength   = errors.New("lzo1x: block of another length than stated")
)

// The states of the decoder. The number of literals after the last match determines
// the meaning of an instruction below 16. 1 to 3 literals are states 1 to 3.
const (
	afterMatch   = 0 // none: a literal run
	afterLiteral = 4 // four or more: a match of three bytes, 2 to 3 KiB back
)

// endDistance marks the end of the block. No match has this distance.
const endDistance = 16384

// decompress unpacks one LZO1X block into dst, which must have the exact length of
// the unpacked block. It never accesses memory outside its arguments.
//
// The instructions (Linux, Documentation/staging/lzo.rst; b is the first byte,
// h a byte and w a little-endian word that follow it, s the count of literals
// that follow the match):
//
//	b < 16, afterMatch    literals: 3+b, or, when b is 0, 18 and a long length
//	b < 16, 1 to 3        match 2,                     distance h<<2 + b>>2 + 1
//	b < 16, afterLiteral  match 3,                     distance h<<2 + b>>2 + 2049
//	16 <= b < 32          match 2+(b&7 or 7+long),     distance (b&8)<<11 + w>>2 + 16384
//	32 <= b < 64          match 2+(b&31 or 31+long),   distance w>>2 + 1
//	64 <= b < 128         match 3+(b>>5&1),            distance h<<3 + (b>>2&7) + 1
//	128 <= b              match 5+(b>>5&3),            distance h<<3 + (b>>2&7) + 1
//
// s is the low two bits of b, or of w if there is one. A long length is the number
// of zero bytes times 255, plus the first nonzero byte. A first byte above 17 is a
// run of b-17 literals.
func decompress(dst, src []byte) error {
	in, out := 0, 0
	state := afterMatch

	if len(src) == 0 {
		return errOverrun
	}
	if first := int(src[0]); first > 17 {
		n := first - 17
		if n > len(src)-1 || n > len(dst) {
			return errOverrun
		}
		copy(dst, src[1:1+n])
		in, out = 1+n, n
		state = min(n, afterLiteral)
	}
	for {
		if in >= len(src) {
			return errOverrun
		}
		b := int(src[in])
		in++

		if b < 16 && state == afterMatch {
			n := b + 3
			if b == 0 {
				long, used := longLength(src[in:])
				if used == 0 {
					return errOverrun
				}
				n, in = 18+long, in+used
			}
			if n > len(src)-in || n > len(dst)-out {
				return errOverrun
			}
			copy(dst[out:], src[in:in+n])
			in, out, state = in+n, out+n, afterLiteral
			continue
		}

		var length, distance, literals int
		switch {
		case b < 16 || b >= 64:
			if in >= len(src) {
				return errOverrun
			}
			h := int(src[in])
			in++
			literals = b & 3
			switch {
			case b >= 128:
				length, distance = 5+b>>5&3, h<<3+b>>2&7+1
			case b >= 64:
				length, distance = 3+b>>5&1, h<<3+b>>2&7+1
			case state == afterLiteral:
				length, distance = 3, h<<2+b>>2+2049
			default:
				length, distance = 2, h<<2+b>>2+1
			}
		default:
			mask := 31
			if b < 32 {
				mask = 7
			}
			length = b & mask
			if length == 0 {
				long, used := longLength(src[in:])
				if used == 0 {
					return errOverrun
				}
				length, in = mask+long, in+used
			}
			length += 2
			if in+2 > len(src) {
				return errOverrun
			}
			w := int(src[in]) | int(src[in+1])<<8
			in += 2
			literals, distance = w&3, w>>2+1
			if b < 32 {
				distance = b&8<<11 + w>>2 + endDistance
				if distance == endDistance {
					if out != len(dst) || in != len(src) {
						return errLength
					}
					return nil
				}
			}
		}
		if distance > out {
			return errDistance
		}
		if length > len(dst)-out {
			return errOverrun
		}
		// The source may overlap the target, because a match can repeat its own
		// beginning. Copying what exists doubles it each time, so a few steps
		// suffice.
		for from, end := out-distance, out+length; out < end; {
			out += copy(dst[out:end], dst[from:out])
		}
		if literals > len(src)-in || literals > len(dst)-out {
			return errOverrun
		}
		copy(dst[out:], src[in:in+literals])
		in, out, state = in+literals, out+literals, literals
	}
}

// longLength reads a long length. used is 0 if the input ends within it.
func longLength(src []byte) (n, used int) {
	for i, c := range src {
		if c != 0 {
			return i*255 + int(c), i + 1
		}
	}
	return 0, 0
}
