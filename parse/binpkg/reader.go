package binpkg

import (
	"errors"
	"fmt"
	"io"

	"emaudit/parse/binpkg/codec"
	"emaudit/parse/binpkg/tarball"
)

// Reader reads packages one after another and reuses its decoders and buffers. It
// is not safe for concurrent use.
type Reader struct {
	// AcceptPlain says that BINPKG_COMPRESS of this host is none or empty. GLEP 78
	// allows uncompressed members, but Portage pipes them through the configured
	// compressor (gpkg.py:1916) and fails if there is one. Without AcceptPlain they
	// are [Unknown].
	AcceptPlain bool

	codecs   codec.Unpacker
	walk     tarball.Walk         // for the container
	inner    tarball.Walk         // for metadata.tar or the image
	packed   []byte               // the packed metadata
	unpacked []byte               // metadata.tar
	turn     uint64               // number of the current package
	known    map[string]*knownKey // keys of all packages
	seen     map[string]*knownKey // keys of the current package that are not in known
	head     [codec.MagicLength]byte
	chunks   [2][]byte // of the file that Verify reads
	hashes   hashes
	manifest manifestMemory

	knownMetadata uint32 // Package.MetadataSum of metadata that need not be read again
	keepContents  bool   // keep CONTENTS for the comparison with the image
	contents      []byte // the CONTENTS that was kept, if quickpkg made the package
}

// NewReader returns a Reader.
func NewReader() *Reader { return new(Reader) }

// Read reads the structure and the metadata of the package in r, which has size
// bytes. It does not read the image, so the verdict is at best [Unchecked]; see
// [Reader.Verify].
//
// expect is the format that the file name promises, see [FormatOfName]. "" and
// [FormatUnknown] promise nothing. Read follows the content. A content that
// contradicts the name is a problem, because Portage trusts the name.
//
// The Package holds all damage. The error is an error of r; the Package is then
// nil.
func (rd *Reader) Read(r io.ReaderAt, size int64, expect Format) (*Package, error) {
	if expect == "" {
		expect = FormatUnknown
	}
	p := &Package{Origin: OriginUnknown, Integrity: Unchecked}
	p.InstalledSize = -1
	if size == 0 {
		p.Format = FormatUnknown
		p.diagnose(0, ProblemEmptyFile, "empty file")
		return p, nil
	}
	src := tarball.File{R: r, Size: size}
	format, err := rd.detect(src, expect)
	if err != nil {
		return nil, err
	}
	p.Format = format
	if expect != FormatUnknown && format != FormatUnknown && format != expect {
		p.diagnose(0, ProblemFormatMismatch, "named as %s, but the content is %s", expect, format)
	}
	switch format {
	case FormatGpkg:
		err = rd.readGpkg(p, src)
	case FormatXpak:
		err = rd.readXpak(p, src)
	default:
		p.diagnose(0, ProblemNotABinpkg, "neither a tar nor an xpak")
	}
	rd.release()
	if errors.Is(err, tarball.ErrTruncated) {
		p.diagnose(size, ProblemTruncated, "the file became shorter while it was read")
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", format, err)
	}
	return p, nil
}

// Read reads one package with a [Reader] of its own.
func Read(r io.ReaderAt, size int64, expect Format) (*Package, error) {
	return NewReader().Read(r, size, expect)
}

// detect recognises the format by content. A tar with an xpak segment after its end
// is valid as both. Then expect decides; without it the file is an xpak, because
// the bytes after its end are not part of a tar.
func (rd *Reader) detect(src tarball.File, expect Format) (Format, error) {
	gpkg, xpak := false, false
	err := src.ReadAt(rd.head[:], 0)
	switch {
	case err == nil:
		magic := string(rd.head[tarball.FieldMagic:])
		gpkg = magic == "ustar  \x00" || magic == "ustar\x0000"
	case !errors.Is(err, tarball.ErrTruncated):
		return "", err
	}
	if xpak, err = hasXpakTail(src); err != nil {
		return "", err
	}
	switch {
	case gpkg && xpak && expect != FormatUnknown:
		return expect, nil
	case xpak:
		return FormatXpak, nil
	case gpkg:
		return FormatGpkg, nil
	case expect == FormatXpak && codec.Probe(rd.head[:min(src.Size, codec.MagicLength)]) != "":
		// A compressed tar is an xpak that lost its tail.
		return FormatXpak, nil
	}
	return FormatUnknown, nil
}

// section reads size bytes at offset into the memory of buf.
func section(buf []byte, src tarball.File, offset, size int64) ([]byte, error) {
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	return buf, src.ReadAt(buf, offset)
}

// release drops buffers that a large package has grown.
func (rd *Reader) release() {
	if cap(rd.packed) > retainedBuffer {
		rd.packed = nil
	}
	if cap(rd.unpacked) > retainedBuffer {
		rd.unpacked = nil
	}
	if cap(rd.manifest.text) > retainedBuffer {
		rd.manifest = manifestMemory{}
	}
}
