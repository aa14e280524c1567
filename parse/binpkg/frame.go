package binpkg

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"emaudit/parse/binpkg/tarball"
)

// maxFrame bounds the frame of a package. A real one has 4 kB, or 14 kB if the
// package is signed.
const maxFrame = 1 << 20

// frame returns a digest of the bytes of a gpkg that its Manifest does not cover:
// headers, padding and the Manifest itself. If two files have equal sizes and
// frames, and their members match the hashes in their Manifests, the files are
// identical. Then a digest of one whole file holds for the other. frame returns nil
// if the file is in any way unusual.
func (rd *Reader) frame(p *Package, pass *pass, src tarball.File) ([]byte, error) {
	if len(p.Diagnostics) > 0 || len(pass.sha512) != len(p.Members)-1 || len(pass.blake2b) != len(p.Members)-1 {
		return nil, nil
	}
	covered := make([]part, 0, len(pass.sha512))
	for _, h := range pass.sha512 {
		covered = append(covered, h.part)
	}
	slices.SortFunc(covered, func(a, b part) int { return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.size, b.size)) })
	// Only zeros follow the end, otherwise there would be a diagnostic.
	covered = append(covered, part{rd.walk.End, src.Size - rd.walk.End})
	sum := sha256.New()
	var at, total int64
	for _, c := range covered {
		gap := c.offset - at
		if total += gap; gap < 0 || total > maxFrame {
			return nil, nil
		}
		var err error
		if rd.packed, err = section(rd.packed, src, at, gap); err != nil {
			return nil, err
		}
		var place [16]byte
		binary.BigEndian.PutUint64(place[:8], uint64(c.offset))
		binary.BigEndian.PutUint64(place[8:], uint64(c.size))
		sum.Write(rd.packed)
		sum.Write(place[:])
		at = c.offset + c.size
	}
	return sum.Sum(nil), nil
}
