package binpkg

import (
	"bytes"
	"encoding/binary"
	"errors"

	"emaudit/parse/binpkg/codec"
	"emaudit/parse/binpkg/tarball"
)

const (
	xpakHeader  = 16 // "XPAKPACK", two lengths
	xpakStop    = 8  // "XPAKSTOP"
	xpakTrailer = 16 // "XPAKSTOP", the segment's length, "STOP"
	xpakEntry   = 12 // three integers, plus the name
)

func hasXpakTail(src tarball.File) (bool, error) {
	var tail [xpakTrailer]byte
	err := src.ReadAt(tail[:], max(0, src.Size-xpakTrailer))
	if errors.Is(err, tarball.ErrTruncated) {
		return false, nil
	}
	return string(tail[:8]) == "XPAKSTOP" && string(tail[12:]) == "STOP", err
}

// readXpak reads the segment at the end of the file.
func (rd *Reader) readXpak(p *Package, src tarball.File) error {
	end := src.Size
	segment, err := rd.xpakSegment(p, src)
	if err != nil {
		return err
	}
	if segment != nil {
		end = src.Size - int64(len(segment)) - 8
		rd.readXpakSegment(p, segment, end)
	}
	return rd.findXpakImage(p, src, end)
}

// xpakSegment returns the segment, from XPAKPACK to XPAKSTOP, or nil if it cannot
// be located.
func (rd *Reader) xpakSegment(p *Package, src tarball.File) ([]byte, error) {
	ok, err := hasXpakTail(src)
	if err != nil {
		return nil, err
	}
	if !ok {
		p.diagnose(max(0, src.Size-xpakTrailer), ProblemXpakTail, "xpak: the file does not end in XPAKSTOP, a length, STOP")
		return nil, nil
	}
	var length [4]byte
	if err := src.ReadAt(length[:], src.Size-8); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(length[:]))
	start := src.Size - size - 8
	switch {
	case size < xpakHeader+xpakStop || start < 0:
		p.diagnose(src.Size-8, ProblemXpakTail, "xpak: segment of %d bytes in a file of %d", size, src.Size)
		return nil, nil
	case size > maxMetadataSize:
		p.diagnose(src.Size-8, ProblemMetadataTooLarge, "xpak: segment of %d bytes, limit %d", size, maxMetadataSize)
		return nil, nil
	}
	if rd.packed, err = section(rd.packed, src, start, size); err != nil {
		return nil, err
	}
	if string(rd.packed[:8]) != "XPAKPACK" {
		p.diagnose(start, ProblemXpakTail, "xpak: no XPAKPACK at %d, where the length at the end points", start)
		return nil, nil
	}
	return rd.packed, nil
}

// readXpakSegment reads the index and the values. Both lengths in the header must
// agree with the length of the segment. If they do not, it reads as much of the
// index as is inside the segment, so that the package gets a name.
func (rd *Reader) readXpakSegment(p *Package, segment []byte, at int64) {
	body := segment[xpakHeader : len(segment)-xpakStop]
	indexSize := int64(binary.BigEndian.Uint32(segment[8:]))
	dataSize := int64(binary.BigEndian.Uint32(segment[12:]))
	if indexSize+dataSize != int64(len(body)) {
		p.diagnose(at+8, ProblemXpakIndex, "xpak: index of %d and data of %d bytes in a segment of %d", indexSize, dataSize, len(segment))
		if indexSize > int64(len(body)) {
			return
		}
	}
	index, data := body[:indexSize], body[indexSize:]
	dataAt := at + xpakHeader + indexSize
	rd.beginMetadata(p)
	entries := 0
	for pos := 0; pos < len(index); entries++ {
		entryAt := at + xpakHeader + int64(pos)
		if entries == maxMetadataEntries {
			p.diagnose(entryAt, ProblemMetadataTooLarge, "xpak: more than %d keys", maxMetadataEntries)
			break
		}
		rest := index[pos:]
		if len(rest) < xpakEntry {
			p.diagnose(entryAt, ProblemXpakIndex, "xpak: index ends within an entry")
			break
		}
		nameSize := int64(binary.BigEndian.Uint32(rest))
		if nameSize > int64(len(rest)-xpakEntry) {
			p.diagnose(entryAt, ProblemXpakIndex, "xpak: name of %d bytes, %d left in the index", nameSize, len(rest)-xpakEntry)
			break
		}
		name := rest[4 : 4+nameSize]
		offset := int64(binary.BigEndian.Uint32(rest[4+nameSize:]))
		size := int64(binary.BigEndian.Uint32(rest[8+nameSize:]))
		pos += xpakEntry + int(nameSize)
		if offset+size > int64(len(data)) {
			p.diagnose(entryAt, ProblemXpakIndex, "xpak: %q at %d, %d bytes, in data of %d", shorten(name), offset, size, len(data))
			continue
		}
		rd.xpakKey(p, name, data[offset:offset+size], entryAt, dataAt+offset)
	}
	rd.finishMetadata(p)
}

// xpakKey reads one entry. When Portage merges the package, it joins the name to a
// folder, and loops forever if the name has a ".." component (xpak.py:509).
func (rd *Reader) xpakKey(p *Package, name, value []byte, entryAt, valueAt int64) {
	switch {
	case len(name) == 0 || leavesFolder(name) || bytes.IndexByte(name, 0) >= 0:
		p.diagnose(entryAt, ProblemMetadataPath, "xpak: %q is not a key", shorten(name))
	case bytes.IndexByte(name, '/') >= 0:
		p.diagnose(entryAt, ProblemMetadataNested, "xpak: key %q is in a folder", shorten(name))
	default:
		rd.metadataKey(p, name, value, valueAt)
	}
}

// findXpakImage examines the bytes before the segment.
func (rd *Reader) findXpakImage(p *Package, src tarball.File, end int64) error {
	if end == 0 {
		p.diagnose(0, ProblemImageMissing, "xpak: nothing in front of the segment")
		return nil
	}
	head := rd.head[:min(end, codec.MagicLength)]
	if err := src.ReadAt(head, 0); err != nil {
		return err
	}
	p.ImageSize = end
	p.Compressor = codec.Probe(head)
	if p.Compressor == "" {
		p.diagnose(0, ProblemImageDamaged, "xpak: the image begins with %q, which is of no known compressor", head[:min(len(head), 8)])
	}
	return nil
}
