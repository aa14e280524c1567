// Package codec unpacks what the compressors that Portage knows have packed, within
// limits of memory and of size.
package codec

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"emaudit/parse/binpkg/codec/lzip"
	"emaudit/parse/binpkg/codec/lzop"
	"emaudit/parse/binpkg/codec/xz"
)

// Compressor is the program that packed a tar, named as in BINPKG_COMPRESS.
type Compressor string

// The compressors that Portage knows (util/compression_probe.py:15). "" stands for
// an unknown one.
const (
	None  Compressor = "none"
	Zstd  Compressor = "zstd"
	Xz    Compressor = "xz"
	Bzip2 Compressor = "bzip2"
	Gzip  Compressor = "gzip"
	Lz4   Compressor = "lz4"
	Lzip  Compressor = "lzip"
	Lzop  Compressor = "lzop"
)

// MaxHistory is the amount of unpacked data of an image that is kept for matches
// that refer back to it, in bytes. It exceeds what zstd -22 --ultra, xz -9 and lzip
// -9 need. A stream may declare a larger window (zstd --long=31, up to 2 GiB). It
// is unpacked if no match reaches further back than maxHistory, which is certain
// for an image that is no larger. Otherwise the image is unknown, because zstd, xz
// and lzip would use as much memory as the stream declares.
const MaxHistory = 128 << 20

var suffixes = []struct {
	suffix     string
	compressor Compressor
}{
	{".tar", None},
	{".tar.zst", Zstd},
	{".tar.xz", Xz},
	{".tar.bz2", Bzip2},
	{".tar.gz", Gzip},
	{".tar.lz4", Lz4},
	{".tar.lz", Lzip},
	{".tar.lzo", Lzop},
}

// SplitSuffix splits the base name of a member into its stem and its compressor.
// known is false if the name is not that of a tar, or has a suffix that Portage
// does not know. Portage ignores such members (gpkg.py:2206).
func SplitSuffix(base string) (stem string, c Compressor, known bool) {
	for _, s := range suffixes {
		if stem, ok := strings.CutSuffix(base, s.suffix); ok {
			return stem, s.compressor, true
		}
	}
	return base, "", false
}

var magics = []struct {
	magic      string
	compressor Compressor
}{
	{"\x28\xb5\x2f\xfd", Zstd},
	{"\xfd7zXZ\x00", Xz},
	{"BZh", Bzip2},
	{"\x1f\x8b", Gzip},
	{"\x04\x22\x4d\x18", Lz4},
	{"\x02\x21\x4c\x18", Lz4},
	{"LZIP", Lzip},
	{"\x89LZO\x00\r\n\x1a\n", Lzop},
}

// ustarAt is the offset of the magic of a tar, which is not compressed.
const ustarAt = 257

// MagicLength is the number of bytes that probe needs.
const MagicLength = ustarAt + 8

// Probe returns the compressor that head begins like, or "".
func Probe(head []byte) Compressor {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.compressor
		}
	}
	if len(head) >= MagicLength && string(head[ustarAt:ustarAt+5]) == "ustar" {
		return None
	}
	return ""
}

// Actual returns the compressor that really packed a stream whose name
// says c. Some of the programs that Portage starts by name recognise other formats
// and unpack them.
func Actual(c Compressor, head []byte) Compressor {
	switch packer := Probe(head[:min(len(head), ustarAt)]); {
	case c == Zstd && (packer == Gzip || packer == Xz || packer == Lz4), c == Xz && packer == Lzip:
		return packer
	}
	return c
}

var (
	// errTooLarge: the unpacked data exceed the caller's limit.
	ErrTooLarge = errors.New("larger than the limit")
	// errUnsupported: the stream needs a feature that is missing here. It is not
	// known to be damaged.
	ErrUnsupported = errors.New("unsupported")
)

// Unpacker keeps the decoders that are expensive to create. It belongs to one
// Reader and thus to one goroutine.
type Unpacker struct {
	whole  *zstd.Decoder // for metadata, in one call
	stream *zstd.Decoder // for images
}

// Unpack decompresses packed into dst[:0]. The result may share the memory of dst.
// If it exceeded limit bytes, unpack returns errTooLarge.
func (u *Unpacker) Unpack(dst, packed []byte, c Compressor, limit int) ([]byte, error) {
	dst = dst[:0]
	switch c {
	case None:
		if len(packed) > limit {
			return dst, ErrTooLarge
		}
		return append(dst, packed...), nil
	case Zstd:
		return u.unpackZstd(dst, packed, limit)
	}
	r, err := u.Open(bytes.NewReader(packed), c)
	if err != nil {
		return dst, err
	}
	return readUpTo(dst, r, limit)
}

// readUpTo appends the data of r to dst. It doubles the buffer as needed and reads
// at most limit+1 bytes; the last one shows that the data exceed the limit.
func readUpTo(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), min(max(2*cap(dst), 64<<10), limit+1))
			copy(grown, dst)
			dst = grown
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst[:limit], ErrTooLarge
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// Open returns a reader of the unpacked data.
func (u *Unpacker) Open(r io.Reader, c Compressor) (io.Reader, error) {
	switch c {
	case None:
		return r, nil
	case Zstd:
		d, err := u.openZstd(r)
		if err != nil {
			return nil, decodeError("zstd", err)
		}
		return decoding{d, "zstd"}, nil
	case Bzip2:
		return decoding{bzip2.NewReader(bufio.NewReader(r)), "bzip2"}, nil
	case Gzip:
		return decoding{&gzipReader{in: bufio.NewReader(r)}, "gzip"}, nil
	case Xz:
		return decoding{xz.NewReader(r, MaxHistory), "xz"}, nil
	case Lz4:
		return decoding{lz4.NewReader(r), "lz4"}, nil
	case Lzip:
		return decoding{lzip.NewReader(r, MaxHistory), "lzip"}, nil
	case Lzop:
		return decoding{lzop.NewReader(r), "lzop"}, nil
	}
	return nil, fmt.Errorf("compressor %q: %w", c, ErrUnsupported)
}

// decoding adds the name of the decoder to errors. It separates damage from
// unsupported features.
type decoding struct {
	r    io.Reader
	name string
}

func (d decoding) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, decodeError(d.name, err)
}

func decodeError(name string, err error) error {
	if unsupported(err) && !errors.Is(err, ErrUnsupported) {
		return fmt.Errorf("%s: %w: %w", name, ErrUnsupported, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func unsupported(err error) bool {
	return errors.Is(err, zstd.ErrWindowSizeExceeded) ||
		errors.Is(err, zstd.ErrUnknownDictionary) ||
		errors.Is(err, ErrUnsupported) ||
		errors.Is(err, xz.ErrDictionary) ||
		errors.Is(err, xz.ErrUnsupported) ||
		errors.Is(err, lzip.ErrDictionary) ||
		errors.Is(err, lzop.ErrUnsupported)
}
