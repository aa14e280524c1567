// Package binpkgs compares the installed packages with the binary packages.
//
// It answers two questions. Coverage: which build in PKGDIR is the installed one?
// Integrity: is each file in PKGDIR whole, and does the index describe it
// correctly?
package binpkgs

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/store"
	"emaudit/store/inventory"
)

// Inventory holds the installed packages of a host, and every binary package with
// its index entry.
type Inventory struct {
	Installed []inventory.Installed
	// Ever holds the packages that any ingest saw installed, or nil if not
	// requested.
	Ever    []inventory.Installed
	Dirs    []inventory.PkgDir
	Binpkgs []Binpkg
	ByCPV   map[string][]*Binpkg
	// Unread holds the files whose metadata could not be read, by the cpv in their
	// path. They prove nothing, but explain a gap.
	Unread map[string][]*Binpkg
	// Unlisted are folders inside the root that may hold binary packages and that
	// the last ingest could not list.
	Unlisted []string
	// Unmounted are the pkgdirs in Unlisted that no longer show any of their files.
	// The known files may not be available.
	Unmounted []string

	files map[string]*inventory.InstalledFiles // by cpv: see Drift
}

// UnlistedFor returns the unlisted folder in which Portage would keep the binary
// packages of a version, or "". The store's records of these packages are older
// than the last ingest.
func (inv *Inventory) UnlistedFor(cpv string) string {
	category, _, _ := strings.Cut(cpv, "/")
	for _, folder := range inv.Unlisted {
		if !slices.ContainsFunc(inv.Dirs, func(dir inventory.PkgDir) bool { return folder == dir.Path || strings.HasPrefix(folder, dir.Path+"/") }) {
			return folder // a pkgdir of which no ingest has seen anything
		}
		for _, dir := range inv.Dirs {
			if folder == dir.Path || folder == path.Join(dir.Path, category) || folder == path.Join(dir.Path, audit.PackageOf(cpv)) {
				return folder
			}
		}
	}
	return ""
}

// IsUnlisted reports whether a file is in a folder that could not be listed.
func (inv *Inventory) IsUnlisted(file string) bool {
	return slices.ContainsFunc(inv.Unlisted, func(folder string) bool { return strings.HasPrefix(file, folder+"/") })
}

// Binpkg is one instance with its folder and its index entry.
type Binpkg struct {
	*inventory.Instance
	Dir *inventory.PkgDir
	// Entry is what the index says of the file, or nil. Of several entries for its path
	// it is one that describes the file, if there is one.
	Entry *inventory.Listing
}

// EntryCurrent reports whether the index entry describes the file. Portage trusts
// an entry with the size and whole-second mtime of the file (bintree.py,
// _populate_local).
func (b *Binpkg) EntryCurrent() bool {
	return b.Entry != nil && b.Entry.Size == b.Size && b.Entry.MTime == FloorSeconds(b.MTimeNS)
}

// EntryContradicts reports whether a full read found digests that differ from the
// index. Portage compares them before a merge, whatever the Manifest in the file
// says (BinpkgVerifier.py).
func (b *Binpkg) EntryContradicts() bool {
	differs := func(x, y []byte) bool { return len(x) > 0 && len(y) > 0 && !bytes.Equal(x, y) }
	return b.EntryCurrent() && (differs(b.Entry.MD5, b.MD5) || differs(b.Entry.SHA1, b.SHA1))
}

// FloorSeconds returns the whole seconds of a time in nanoseconds.
func FloorSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

// Md5 returns the MD5 of the whole file: from the index if the entry is current,
// otherwise as computed by emaudit, or nil if unknown.
func (b *Binpkg) Md5() []byte {
	if b.MD5 != nil {
		return b.MD5
	}
	if b.EntryCurrent() {
		return b.Entry.MD5
	}
	return nil
}

// Damaged reports whether a reading found the file damaged.
func (b *Binpkg) Damaged() bool {
	return b.Structure == inventory.StructureDamaged || b.Integrity == binpkg.Damaged
}

// Verdict returns the integrity of the file. It is whole only if Portage would not
// refuse the file. If the file's own checksums are right and the index contradicts
// them, the odd problems of the file decide which one is wrong.
func (b *Binpkg) Verdict() binpkg.Integrity {
	switch {
	case b.Has(binpkg.ProblemEmptyFile) && b.Entry == nil:
		return Empty
	case b.Damaged():
		return binpkg.Damaged
	case b.Integrity != binpkg.Whole || !b.EntryContradicts():
		return Reading(b.Instance)
	case b.odd():
		return binpkg.Damaged
	}
	return binpkg.Unknown
}

// Reading returns what is known of the bytes of a file, without regard to the index.
func Reading(n *inventory.Instance) FileIntegrity {
	switch {
	case n.Size == 0:
		return Empty
	case n.Integrity == Unchecked && n.VerifiedAt == 0:
		return Unread
	}
	return n.Integrity
}

// odd reports whether the content of the file has any problem.
func (b *Binpkg) odd() bool { return slices.ContainsFunc(b.Problems, isOdd) }

func isOdd(p inventory.Problem) bool { return !placeProblems[p.Code] }

// Refresh returns the remedy that makes Portage read a file again whose index entry
// has the right size and mtime but other wrong values.
func (b *Binpkg) Refresh() audit.Remedy {
	return audit.Do(audit.Files("touch", "--", b.Source()), audit.FixIndex)
}

// Unsure says why it is unknown whether a file is whole.
func (b *Binpkg) Unsure() string {
	if b.VerifiedAt == 0 {
		return b.Path + " was not read"
	}
	return b.Path + " was read, with nothing to check it against"
}

// Has reports whether a reading found a problem with the given code.
func (b *Binpkg) Has(code string) bool {
	return slices.ContainsFunc(b.Problems, func(p inventory.Problem) bool { return p.Code == code })
}

// MessageOf returns the message about a problem, or "" if the file does not have
// it.
func (b *Binpkg) MessageOf(code string) string {
	for _, p := range b.Problems {
		if p.Code == code {
			return p.Message
		}
	}
	return ""
}

// Lossy reports whether a file is known to lack installed files.
func (b *Binpkg) Lossy() bool { return b.Has(binpkg.ProblemImageLossy) }

// Source returns the path of the file inside the root.
func (b *Binpkg) Source() string { return path.Join(b.Dir.Path, b.Path) }

// TakeInventory returns the shared inventory, which the caller must not change.
// withMetadata also loads the metadata of the builds.
func TakeInventory(db audit.Database, withMetadata bool) (*Inventory, error) {
	return audit.Once[inventoryKey](db, func() (*Inventory, error) {
		return LoadInventory(db, withMetadata || db.IsShared(), db.IsShared())
	})
}

type inventoryKey struct{}

// TakeInstalled returns the installed packages, which the caller must not change.
// It is for questions that need nothing else.
func TakeInstalled(db audit.Database) ([]inventory.Installed, error) {
	if !db.IsShared() {
		return inventory.ReadInstalled(db.Tx, db.Host)
	}
	inv, err := TakeInventory(db, true)
	if err != nil {
		return nil, err
	}
	return inv.Installed, nil
}

// LoadInventory reads the inventory. If ever is set, it reads packages that are
// still installed only once, and also metadata that a binary package shares with
// its installation.
func LoadInventory(db audit.Database, withMetadata, ever bool) (*Inventory, error) {
	inv := &Inventory{ByCPV: map[string][]*Binpkg{}, Unread: map[string][]*Binpkg{}}
	set := store.MetadataSet{}
	if err := inv.loadInstalled(db, withMetadata, ever, set); err != nil {
		return nil, err
	}
	var err error
	if inv.files, err = inventory.ReadInstalledFiles(db.Tx, db.Host); err != nil {
		return nil, err
	}
	if inv.Dirs, err = inventory.PkgDirs(db.Tx, db.Host); err != nil {
		return nil, err
	}
	if inv.Unlisted, inv.Unmounted, err = inventory.UnlistedFolders(db.Tx, db.Host); err != nil {
		return nil, err
	}
	for i := range inv.Dirs {
		dir := &inv.Dirs[i]
		var instances []*inventory.Instance
		if withMetadata {
			instances, err = inventory.InstancesWithMetadata(db.Tx, db.Host, dir.ID, set)
		} else {
			instances, err = inventory.Instances(db.Tx, dir.ID)
		}
		if err != nil {
			return nil, err
		}
		listed, each := withEntries(dir, instances)
		if err := inventory.Listings(db.Tx, dir.ID, each); err != nil {
			return nil, err
		}
		inv.Binpkgs = slices.Concat(inv.Binpkgs, listed)
	}
	for i := range inv.Binpkgs {
		b := &inv.Binpkgs[i]
		if b.CPV != "" {
			inv.ByCPV[b.CPV] = append(inv.ByCPV[b.CPV], b)
		} else if cpv := CpvOfPath(b.Path); cpv != "" {
			inv.Unread[cpv] = append(inv.Unread[cpv], b)
		}
	}
	return inv, nil
}

// withEntries returns the files of a folder, and a function that joins them with the
// entries of its index.
func withEntries(dir *inventory.PkgDir, instances []*inventory.Instance) (all []Binpkg, each func(path string, l inventory.Listing)) {
	all, byPath := make([]Binpkg, len(instances)), make(map[string]*Binpkg, len(instances))
	for i, n := range instances {
		all[i] = Binpkg{Instance: n, Dir: dir}
		byPath[n.Path] = &all[i]
	}
	return all, func(path string, l inventory.Listing) {
		b := byPath[path]
		if b == nil {
			return
		}
		former := b.Entry
		if b.Entry = &l; former != nil && !b.EntryCurrent() {
			b.Entry = former
		}
	}
}

// LoadBinpkgs reads the binary packages of one package (category/pn).
func LoadBinpkgs(db audit.Database, cp string) ([]Binpkg, error) {
	dirs, err := inventory.PkgDirs(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	var all []Binpkg
	for i := range dirs {
		instances, err := inventory.InstancesOf(db.Tx, dirs[i].ID, cp)
		if err != nil {
			return nil, err
		}
		listed, each := withEntries(&dirs[i], instances)
		if err := inventory.ListingsOf(db.Tx, dirs[i].ID, cp, each); err != nil {
			return nil, err
		}
		all = append(all, listed...)
	}
	return all, nil
}

func (inv *Inventory) loadInstalled(db audit.Database, withMetadata, ever bool, set store.MetadataSet) (err error) {
	switch {
	case ever:
		if inv.Ever, err = inventory.InstalledEver(db.Tx, db.Host, set); err != nil {
			return err
		}
		for i := range inv.Ever {
			if inv.Ever[i].RemovedAt == 0 {
				inv.Installed = append(inv.Installed, inv.Ever[i])
			}
		}
	case withMetadata:
		inv.Installed, err = inventory.InstalledWithMetadata(db.Tx, db.Host)
	default:
		inv.Installed, err = inventory.ReadInstalled(db.Tx, db.Host)
	}
	return err
}

// SameMD5 reports whether both hashes are known and equal.
func SameMD5(a, b []byte) bool { return len(a) > 0 && bytes.Equal(a, b) }

// CpvOfPath returns the cpv in the path of a binary package, or "" if there is
// none. The forms are cat/PN/PF-ID.gpkg.tar, cat/PN/PF-ID.xpak, cat/PF.gpkg.tar and
// cat/PF.tbz2.
func CpvOfPath(p string) string {
	dir, name := path.Split(p)
	category, pn, multi := strings.Cut(strings.TrimSuffix(dir, "/"), "/")
	for _, suffix := range []string{".gpkg.tar", ".xpak", ".tbz2"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if multi {
		i := strings.LastIndexByte(name, '-')
		if i < 0 || !strings.HasPrefix(name, pn+"-") {
			return ""
		}
		name = name[:i]
	}
	cpv := category + "/" + name
	if _, err := atom.ParseCPV(cpv); err != nil {
		return ""
	}
	return cpv
}
