package binpkg

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

	"emaudit/parse/binpkg/lzip"
	"emaudit/parse/binpkg/lzop"
	"emaudit/parse/binpkg/xz"
)

// Compressor is the program that packed a tar, as in BINPKG_COMPRESS.
type Compressor string

// The compressors that Portage knows (util/compression_probe.py:15). The set is
// closed; the empty string stands for one that could not be told.
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

// maxHistory is how much of what was unpacked of an image is kept for matches that
// reach back to it, in bytes. It is more than zstd -22 --ultra, xz -9 and lzip -9
// ask for. A stream may name far more (zstd --long=31, up to 2 GiB) and be unpacked
// all the same as long as no match reaches further, which none can in an image of
// no more than this size. Where one does, it is not known what the image holds:
// memory is bounded, and zstd, xz and lzip would take as much as the stream names.
const maxHistory = 128 << 20

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

// splitSuffix splits the base name of a member into its stem and its
// compressor. known is false for a name that is no tar, or one packed with
// something that Portage does not know: it passes over such members
// (gpkg.py:2206).
func splitSuffix(base string) (stem string, c Compressor, known bool) {
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

// magicLength is how many bytes probe needs.
const magicLength = fieldMagic + 8

// probe tells the compressor from the first bytes, "" when they are of none.
func probe(head []byte) Compressor {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.compressor
		}
	}
	if len(head) >= magicLength && string(head[fieldMagic:fieldMagic+5]) == "ustar" {
		return None
	}
	return ""
}

// packerOf is the compressor of a stream whose name says c. The programs that Portage
// starts by the name tell some others by their first bytes and unpack them.
func packerOf(c Compressor, head []byte) Compressor {
	switch packer := probe(head[:min(len(head), fieldMagic)]); {
	case c == Zstd && (packer == Gzip || packer == Xz || packer == Lz4), c == Xz && packer == Lzip:
		return packer
	}
	return c
}

var (
	// errTooLarge: more came out than the caller's limit.
	errTooLarge = errors.New("larger than the limit")
	// errUnsupported: a stream that is not known to be damaged, but needs a
	// feature that is not there.
	errUnsupported = errors.New("unsupported")
)

// unpacker holds the decoders that are costly to make. It belongs to one
// Reader and so to one goroutine.
type unpacker struct {
	whole  *zstd.Decoder // for metadata: in one piece
	stream *zstd.Decoder // for images
}

// unpack appends to dst[:0] all of packed, unpacked. The result may share dst's
// memory. It returns errTooLarge when it would exceed limit.
func (u *unpacker) unpack(dst, packed []byte, c Compressor, limit int) ([]byte, error) {
	dst = dst[:0]
	switch c {
	case None:
		if len(packed) > limit {
			return dst, errTooLarge
		}
		return append(dst, packed...), nil
	case Zstd:
		return u.unpackZstd(dst, packed, limit)
	}
	r, err := u.open(bytes.NewReader(packed), c)
	if err != nil {
		return dst, err
	}
	return readUpTo(dst, r, limit)
}

// readUpTo appends to dst what r delivers, growing it by doubling, never to
// more than one byte above limit: the byte that shows that there is more.
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
			return dst[:limit], errTooLarge
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// open returns a reader of the unpacked stream.
func (u *unpacker) open(r io.Reader, c Compressor) (io.Reader, error) {
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
		return decoding{xz.NewReader(r, maxHistory), "xz"}, nil
	case Lz4:
		return decoding{lz4.NewReader(r), "lz4"}, nil
	case Lzip:
		return decoding{lzip.NewReader(r, maxHistory), "lzip"}, nil
	case Lzop:
		return decoding{lzop.NewReader(r), "lzop"}, nil
	}
	return nil, fmt.Errorf("compressor %q: %w", c, errUnsupported)
}

// decoding names the decoder in its errors and tells what is damaged from what
// is only not supported.
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
	if unsupported(err) && !errors.Is(err, errUnsupported) {
		return fmt.Errorf("%s: %w: %w", name, errUnsupported, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func unsupported(err error) bool {
	return errors.Is(err, zstd.ErrWindowSizeExceeded) ||
		errors.Is(err, zstd.ErrUnknownDictionary) ||
		errors.Is(err, errUnsupported) ||
		errors.Is(err, xz.ErrDictionary) ||
		errors.Is(err, xz.ErrUnsupported) ||
		errors.Is(err, lzip.ErrDictionary) ||
		errors.Is(err, lzop.ErrUnsupported)
}
