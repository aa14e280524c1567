package overview

import (
	"cmp"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// StoragePoint is the size of the folders of binary packages from a moment on.
type StoragePoint struct {
	At    int64 `json:"changed_at"` // unix seconds
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// StoredBinpkg is one file of a package. It may be gone.
type StoredBinpkg struct {
	CPV       string           `json:"cpv"`
	PkgDir    string           `json:"pkgdir"` // inside the root
	Path      string           `json:"path"`   // relative to PkgDir
	BuildID   *int64           `json:"build_id"`
	BuildTime *int64           `json:"build_time"`
	Size      int64            `json:"size"` // bytes
	Integrity binpkg.Integrity `json:"integrity"`
	WrittenAt int64            `json:"written_at"` // its mtime, unix seconds
	GoneAt    int64            `json:"gone_at"`    // the ingest that no longer saw it; 0 if it exists
}

// StoredPackage sums the files of one package.
type StoredPackage struct {
	CP      string         `json:"cp"` // category/pn; "" for files without a readable name
	Files   int            `json:"files"`
	Bytes   int64          `json:"bytes"`
	Needed  int64          `json:"installed_bytes"` // of the instances of installed builds
	Binpkgs []StoredBinpkg `json:"binpkgs"`         // oldest first, including those that are gone
}

// Storage is the content of the folders of binary packages, by package and over time.
type Storage struct {
	Files    int             `json:"files"`
	Bytes    int64           `json:"bytes"`
	Packages []StoredPackage `json:"packages"` // the largest first
	// Points are the sizes over time. A file counts from its mtime on, until the
	// ingest that no longer saw it. Files that were deleted before the first ingest
	// do not count.
	Points []StoragePoint `json:"points"`
}

// AuditStorage adds up every binary package that exists or existed.
func AuditStorage(db audit.Database, coverage *binpkgs.Coverage) (*Storage, error) {
	inv, err := binpkgs.TakeInventory(db, false)
	if err != nil {
		return nil, err
	}
	needed := map[string]bool{}
	for _, r := range coverage.Rows {
		if r.Instance != nil {
			needed[r.Instance.PkgDir+"\x00"+r.Instance.Path] = true
		}
	}
	s := &Storage{}
	byCP := map[string]*StoredPackage{}
	keep := func(dir *inventory.PkgDir, n *inventory.Instance) {
		cp := audit.PackageOf(n.CPV)
		p := byCP[cp]
		if p == nil {
			p = &StoredPackage{CP: cp}
			byCP[cp] = p
		}
		p.Binpkgs = append(p.Binpkgs, StoredBinpkg{
			CPV: n.CPV, PkgDir: dir.Path, Path: n.Path, BuildID: binpkgs.Known(n.BuildID), BuildTime: binpkgs.Known(n.BuildTime),
			Size: n.Size, Integrity: binpkgs.Reading(n), WrittenAt: binpkgs.FloorSeconds(n.MTimeNS), GoneAt: n.GoneAt,
		})
		if n.GoneAt != 0 {
			return
		}
		s.Files++
		s.Bytes += n.Size
		p.Files++
		p.Bytes += n.Size
		if needed[dir.Path+"\x00"+n.Path] {
			p.Needed += n.Size
		}
	}
	for i := range inv.Binpkgs {
		keep(inv.Binpkgs[i].Dir, inv.Binpkgs[i].Instance)
	}
	for i := range inv.Dirs {
		gone, err := inventory.GoneInstances(db.Tx, inv.Dirs[i].ID)
		if err != nil {
			return nil, err
		}
		for _, n := range gone {
			keep(&inv.Dirs[i], n)
		}
	}
	for _, p := range byCP {
		slices.SortFunc(p.Binpkgs, func(a, b StoredBinpkg) int {
			return cmp.Or(binpkgs.CompareCPV(a.CPV, b.CPV), cmp.Compare(a.WrittenAt, b.WrittenAt), cmp.Compare(a.Path, b.Path))
		})
		s.Packages = append(s.Packages, *p)
	}
	slices.SortFunc(s.Packages, func(a, b StoredPackage) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.CP, b.CP))
	})
	s.Points = storagePoints(s.Packages)
	return s, nil
}

// storagePoints turns the lives of files into sizes through time.
func storagePoints(packages []StoredPackage) []StoragePoint {
	changes := map[int64]StoragePoint{}
	change := func(at int64, files int, bytes int64) {
		c := changes[at]
		c.Files += files
		c.Bytes += bytes
		changes[at] = c
	}
	for _, p := range packages {
		for _, b := range p.Binpkgs {
			if b.GoneAt != 0 && b.GoneAt <= b.WrittenAt {
				continue // the clock was wrong: the file never existed by these times
			}
			change(b.WrittenAt, 1, b.Size)
			if b.GoneAt != 0 {
				change(b.GoneAt, -1, -b.Size)
			}
		}
	}
	points := make([]StoragePoint, 0, len(changes))
	for at, c := range changes {
		points = append(points, StoragePoint{At: at, Files: c.Files, Bytes: c.Bytes})
	}
	slices.SortFunc(points, func(a, b StoragePoint) int { return cmp.Compare(a.At, b.At) })
	for i := 1; i < len(points); i++ {
		points[i].Files += points[i-1].Files
		points[i].Bytes += points[i-1].Bytes
	}
	return points
}
