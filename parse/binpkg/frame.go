package binpkg

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// maxFrame bounds the frame of a package. That of a real one has 4 kB, and ten
// more where it is signed.
const maxFrame = 1 << 20

// frame returns the digest of all bytes of a gpkg that no hash of its Manifest
// covers: headers, padding and the Manifest itself. Two files of equal size,
// whose members have the hashes of their Manifests and whose frames are equal,
// are the same file, so that a digest of the whole that was computed of one is
// that of the other. It is nil where anything is out of the ordinary.
func (rd *Reader) frame(p *Package, pass *pass, src fileSource) ([]byte, error) {
	if len(p.Diagnostics) > 0 || len(pass.sha512) != len(p.Members)-1 || len(pass.blake2b) != len(p.Members)-1 {
		return nil, nil
	}
	covered := make([]part, 0, len(pass.sha512))
	for _, h := range pass.sha512 {
		covered = append(covered, h.part)
	}
	slices.SortFunc(covered, func(a, b part) int { return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.size, b.size)) })
	// Behind the end there are zeros only, else there were a diagnostic.
	covered = append(covered, part{rd.walk.end, src.size - rd.walk.end})
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
