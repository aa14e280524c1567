package binpkg

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"emaudit/parse/binpkg/codec"
	"emaudit/parse/binpkg/tarball"
)

const (
	markerName   = "gpkg-1"
	manifestName = "Manifest"
	sigSuffix    = ".sig"
	clearSigned  = "-----BEGIN PGP SIGNED MESSAGE-----"
	pgpSignature = "-----BEGIN PGP SIGNATURE-----"
)

// trailingChunk is the read size after the end of the archive. The usual padding,
// to a full tar record, is smaller.
const trailingChunk = 64 << 10

// layout holds the indices of the parts of a gpkg in Members, -1 for a missing one.
type layout struct {
	marker, metadata, image, manifest int
	metadataCompressor                codec.Compressor
}

func (rd *Reader) readGpkg(p *Package, src tarball.File) error {
	if err := rd.readMembers(p, src); err != nil {
		return err
	}
	parts := findParts(p)
	checkStructure(p, parts)
	if !rd.AcceptPlain && (p.Compressor == codec.None || parts.metadata >= 0 && parts.metadataCompressor == codec.None) {
		p.diagnose(0, ProblemUncompressed, "not compressed: Portage reads it only with BINPKG_COMPRESS=none")
	}
	if err := rd.checkTrailing(p, src, rd.walk.End); err != nil {
		return err
	}
	if parts.manifest >= 0 && !p.Signed {
		if err := rd.findClearSignature(p, src, p.Members[parts.manifest]); err != nil {
			return err
		}
	}
	if parts.metadata < 0 {
		return nil
	}
	return rd.readGpkgMetadata(p, src, p.Members[parts.metadata], parts.metadataCompressor)
}

// readMembers reads the headers of the outer tar. It stops at a header that is not
// credible, because it cannot find the next one.
func (rd *Reader) readMembers(p *Package, src tarball.File) error {
	w := &rd.walk
	w.Reset(src)
	p.Members = make([]Member, 0, 8)
	var e tarball.Entry
	for {
		err := w.Next(&e)
		var header *tarball.HeaderError
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tarball.ErrTruncated):
			p.diagnose(w.Pos, ProblemTruncated, "member %d at %d: %v", len(p.Members)+1, w.Pos, err)
			w.End = src.Size
			return nil
		case errors.As(err, &header):
			p.diagnose(header.Offset, ProblemHeaderInvalid, "member %d: %v", len(p.Members)+1, err)
			w.End = src.Size
			return nil
		default:
			return err
		}
		if len(p.Members) == maxMembers {
			p.diagnose(e.Header, ProblemTooManyMembers, "more than %d members", maxMembers)
			w.End = src.Size
			return nil
		}
		if !e.Regular() {
			p.diagnose(e.Header, ProblemMemberType, "member %q is not a regular file (type %q)", shorten(e.Name), e.Typeflag)
		}
		p.Members = append(p.Members, Member{Name: string(e.Name), Offset: e.Offset, Size: e.Size})
	}
}

// findParts finds the parts by name, taking the first match as Portage does
// (gpkg.py:2193). It sets the fields that follow from names alone.
func findParts(p *Package) layout {
	parts := layout{marker: -1, metadata: -1, image: -1, manifest: -1}
	for i, m := range p.Members {
		base := m.Base()
		stem, compressor, known := codec.SplitSuffix(base)
		switch {
		case base == markerName:
			parts.marker = i
		case base == manifestName:
			parts.manifest = i
		case strings.HasSuffix(base, sigSuffix):
			p.Signed = true
		case known && stem == "metadata":
			if parts.metadata >= 0 {
				p.diagnose(m.Offset, ProblemMemberAmbiguous, "member %q: a second metadata member", base)
				continue
			}
			parts.metadata, parts.metadataCompressor = i, compressor
		case known && stem == "image":
			if parts.image >= 0 {
				p.diagnose(m.Offset, ProblemMemberAmbiguous, "member %q: a second image member", base)
				continue
			}
			parts.image = i
			p.Compressor, p.ImageOffset, p.ImageSize = compressor, m.Offset, m.Size
		default:
			p.diagnose(m.Offset, ProblemMemberUnknown, "member %q: not known to GLEP 78", shorten([]byte(base)))
		}
	}
	return parts
}

// checkStructure applies the rules of GLEP 78 that Portage enforces before it reads
// any content (gpkg.py:1650-1710).
func checkStructure(p *Package, parts layout) {
	for i, m := range p.Members {
		slash := strings.IndexByte(m.Name, '/')
		// Portage finds no common folder where that is "." (os.path.commonpath).
		if slash <= 0 || slash == len(m.Name)-1 || strings.Count(m.Name, "/") != 1 || m.Name[:slash] == "." {
			p.diagnose(m.Offset, ProblemMemberPath, "member %q is not FOLDER/NAME", shorten([]byte(m.Name)))
			continue
		}
		if leavesFolder([]byte(m.Name)) {
			p.diagnose(m.Offset, ProblemMemberName, "member %q is in no folder of its own", shorten([]byte(m.Name)))
		}
		switch prefix := m.Name[:slash]; {
		case p.Prefix == "" && i == 0:
			p.Prefix = prefix
		case p.Prefix != prefix:
			p.diagnose(m.Offset, ProblemPrefixMixed, "member %q is not in the folder of the first, %q", shorten([]byte(m.Name)), shorten([]byte(p.Prefix)))
		}
		for _, earlier := range p.Members[:i] {
			if earlier.Name == m.Name {
				p.diagnose(m.Offset, ProblemMemberDuplicate, "member %q given twice", shorten([]byte(m.Name)))
				break
			}
		}
	}
	if parts.image >= 0 && p.ImageSize == 0 {
		p.diagnose(p.ImageOffset, ProblemImageDamaged, "image: empty, not even the end of a tar")
	}
	if len(p.Members) == maxMembers {
		return // parts that seem to be missing may be among the unread members
	}
	if parts.marker < 0 {
		p.diagnose(0, ProblemMarkerMissing, "no member %s", markerName)
	}
	if parts.metadata < 0 {
		p.diagnose(0, ProblemMetadataMissing, "no metadata member")
	}
	if parts.image < 0 {
		p.diagnose(0, ProblemImageMissing, "no image member")
	}
	if parts.manifest < 0 {
		p.diagnose(0, ProblemManifestMissing, "no Manifest")
	}
}

// checkTrailing looks for nonzero bytes after the end of the archive. No program
// reads them. They make the package unknown only if they are too large to be
// padding.
func (rd *Reader) checkTrailing(p *Package, src tarball.File, end int64) error {
	rest := src.Size - end
	if rest > maxTrailing {
		p.diagnose(end, ProblemTrailingTooLarge, "%d bytes behind the end of the archive, limit %d", rest, maxTrailing)
		return nil
	}
	for at := end; at < src.Size; at += int64(len(rd.packed)) {
		var err error
		if rd.packed, err = section(rd.packed, src, at, min(src.Size-at, trailingChunk)); err != nil {
			return err
		}
		if !tarball.IsZero(rd.packed) {
			first := bytes.IndexFunc(rd.packed, func(r rune) bool { return r != 0 })
			p.diagnose(at+int64(first), ProblemTrailingData, "data behind the end of the archive")
			return nil
		}
	}
	return nil
}

// findClearSignature reports whether a Manifest claims to be signed. Portage looks
// for the second marker anywhere in it (gpkg.py:1711).
func (rd *Reader) findClearSignature(p *Package, src tarball.File, m Member) (err error) {
	if rd.packed, err = section(rd.packed, src, m.Offset, min(m.Size, maxManifestSize)); err != nil {
		return err
	}
	p.Signed = bytes.Contains(rd.packed, []byte(pgpSignature)) || bytes.Contains(rd.packed, []byte(clearSigned))
	return nil
}

func (rd *Reader) readGpkgMetadata(p *Package, src tarball.File, m Member, c codec.Compressor) error {
	if m.Size > maxMetadataSize {
		p.diagnose(m.Offset, ProblemMetadataTooLarge, "metadata: %d bytes packed, limit %d", m.Size, maxMetadataSize)
		return nil
	}
	var err error
	if rd.packed, err = section(rd.packed, src, m.Offset, m.Size); err != nil {
		return err
	}
	sum := crc32.Checksum(rd.packed, castagnoli)
	if sum != 0 && sum == rd.knownMetadata {
		p.MetadataSum = sum
		return nil
	}
	before := len(p.Diagnostics)
	if packer := codec.Actual(c, rd.packed); packer != c {
		p.diagnose(m.Offset, ProblemOtherPacker, "metadata: packed by %s, and named as by %s", packer, c)
		c = packer
	}
	tar, err := rd.unpackMetadata(c)
	switch {
	case errors.Is(err, codec.ErrTooLarge):
		p.diagnose(m.Offset, ProblemMetadataTooLarge, "metadata: more than %d bytes unpacked", maxMetadataSize)
	case errors.Is(err, codec.ErrUnsupported):
		p.diagnose(m.Offset, ProblemCompressor, "metadata: %v", err)
	case err != nil:
		p.diagnose(m.Offset, ProblemMetadataDamaged, "metadata: %v", err)
	default:
		rd.readMetadataTar(p, tar)
	}
	if len(p.Diagnostics) == before {
		p.MetadataSum = sum
	}
	return nil
}

// castagnoli is the CRC-32 polynomial that processors compute with one instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (rd *Reader) unpackMetadata(c codec.Compressor) ([]byte, error) {
	if c == codec.None {
		return rd.packed, nil
	}
	tar, err := rd.codecs.Unpack(rd.unpacked, rd.packed, c, maxMetadataSize)
	rd.unpacked = tar
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return tar, nil
}
