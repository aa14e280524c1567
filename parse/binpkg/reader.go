package binpkg

import (
	"errors"
	"fmt"
	"io"
)

// Reader reads packages one after the other, keeping its decoders and buffers
// in between. It is for one goroutine at a time.
type Reader struct {
	// AcceptPlain says that this host's Portage packs with BINPKG_COMPRESS=none
	// or empty. GLEP 78 allows gpkgs without compression, but Portage pipes
	// such members through the compressor that it is set to (gpkg.py:1916), and
	// dies on them when that is any other. They are then [Unknown].
	AcceptPlain bool

	codecs   unpacker
	walk     tarWalk              // of the container
	inner    tarWalk              // of metadata.tar or of the image
	packed   []byte               // the packed metadata
	unpacked []byte               // metadata.tar
	turn     uint64               // counts packages
	known    map[string]*knownKey // keys of all packages
	seen     map[string]*knownKey // further keys of the package at hand
	head     [magicLength]byte
	chunks   [2][]byte // of the file that Verify reads
	hashes   hashes
	manifest manifestMemory

	knownMetadata uint32 // of metadata that need not be read: Package.MetadataSum
	keepContents  bool   // of a package whose image will be compared with it
	contents      []byte // CONTENTS of such a package, where quickpkg made it
}

// NewReader returns a Reader.
func NewReader() *Reader { return new(Reader) }

// Read reads the structure and the metadata of the package in r, which has size
// bytes. Of the payload it reads nothing, so that the verdict is at best
// [Unchecked]; see [Reader.Verify].
//
// expect is the format that the file's name promises, see [FormatOfName];
// [FormatUnknown] and "" promise nothing. The content decides how the file is read; if
// it contradicts the name, that is a problem, since Portage believes the name.
//
// Damage is in the Package. The error is that of r, and then the Package is nil.
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
	src := fileSource{r, size}
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
	if errors.Is(err, errTarTruncated) {
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

// detect tells the format by content. A file can be both: a tar with an xpak
// behind it; then expect decides, and without it the xpak, since what follows
// the end of a tar is not part of it.
func (rd *Reader) detect(src fileSource, expect Format) (Format, error) {
	gpkg, xpak := false, false
	err := src.readAt(rd.head[:], 0)
	switch {
	case err == nil:
		magic := string(rd.head[fieldMagic:])
		gpkg = magic == "ustar  \x00" || magic == "ustar\x0000"
	case !errors.Is(err, errTarTruncated):
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
	case expect == FormatXpak && probe(rd.head[:min(src.size, magicLength)]) != "":
		// A packed tar that lost its tail: still what it was made as.
		return FormatXpak, nil
	}
	return FormatUnknown, nil
}

// section reads the size bytes at offset into buf's memory.
func section(buf []byte, src fileSource, offset, size int64) ([]byte, error) {
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	return buf, src.readAt(buf, offset)
}

// release lets go of buffers that one large package made large.
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
