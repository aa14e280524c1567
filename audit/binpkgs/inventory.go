// Package binpkgs compares the installed packages with the binary packages.
//
// It answers two questions. Coverage: which build in PKGDIR is the one that is
// installed? Integrity: is each file in PKGDIR whole, and does the index say what
// the file says?
package binpkgs

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/store"
)

// Inventory is what a host has: its installed packages, and every binary
// package with the index entry that stands for it.
type Inventory struct {
	Installed []store.Installed
	// ever is what any ingest saw installed; nil unless it was asked for.
	Ever    []store.Installed
	Dirs    []store.PkgDir
	Entries [][]store.IndexEntry // of the index of each of dirs
	Binpkgs []Binpkg
	ByCPV   map[string][]*Binpkg
	// unread are the files whose metadata could not be read, by the cpv that
	// their path claims. They prove nothing, and explain a gap.
	Unread map[string][]*Binpkg
	// Unlisted are the folders, inside the root, in which binary packages may be
	// that the last ingest could not see.
	Unlisted []string
	// Unmounted are the pkgdirs among them that show nothing of what they held:
	// what is known of them may not be there to be used.
	Unmounted []string

	files map[string]*store.InstalledFiles // by cpv: see Drift
}

// UnlistedFor returns the folder that could not be listed and in which Portage
// would keep the binary packages of a version; "" where there is none. What of
// them is known was known before.
func (inv *Inventory) UnlistedFor(cpv string) string {
	category, _, _ := strings.Cut(cpv, "/")
	for _, folder := range inv.Unlisted {
		for _, dir := range inv.Dirs {
			if folder == dir.Path || folder == path.Join(dir.Path, category) || folder == path.Join(dir.Path, audit.PackageOf(cpv)) {
				return folder
			}
		}
	}
	return ""
}

// IsUnlisted tells whether a file lies in a folder that could not be listed.
func (inv *Inventory) IsUnlisted(file string) bool {
	return slices.ContainsFunc(inv.Unlisted, func(folder string) bool { return strings.HasPrefix(file, folder+"/") })
}

// Binpkg is one instance with its place and what its index says of it.
type Binpkg struct {
	store.Instance
	Dir   *store.PkgDir
	Entry *store.IndexEntry // nil: the index has none for this path
}

// EntryCurrent tells whether the index entry still describes the file: Portage
// trusts an entry whose size and whole-second mtime equal those of the file
// (bintree.py, _populate_local).
func (b *Binpkg) EntryCurrent() bool {
	return b.Entry != nil && b.Entry.Usable && b.Entry.Size == b.Size && b.Entry.MTime == FloorSeconds(b.MTimeNS)
}

// EntryContradicts tells whether a full read found other digests than the index
// has: Portage compares them before it merges, whatever the Manifest inside says
// (BinpkgVerifier.py).
func (b *Binpkg) EntryContradicts() bool {
	differs := func(x, y []byte) bool { return len(x) > 0 && len(y) > 0 && !bytes.Equal(x, y) }
	return b.EntryCurrent() && (differs(b.Entry.MD5, b.MD5) || differs(b.Entry.SHA1, b.SHA1))
}

// FloorSeconds is the whole-second part of a time in nanoseconds.
func FloorSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

// Md5 returns the MD5 of the whole file as far as it is known: the index's
// where its entry still describes the file, else the one that emaudit
// computed; nil where neither is there.
func (b *Binpkg) Md5() []byte {
	if b.MD5 != nil {
		return b.MD5
	}
	if b.EntryCurrent() {
		return b.Entry.MD5
	}
	return nil
}

// Damaged tells whether a reading found the file broken.
func (b *Binpkg) Damaged() bool { return b.Structure == "damaged" || b.Integrity == "damaged" }

// Contradicted tells whether the index has another digest of the very file: what
// its own checksums say of it, Portage does not merge it.
func (b *Binpkg) Contradicted() bool {
	differ := func(want, got []byte) bool { return len(want) > 0 && len(got) > 0 && !bytes.Equal(want, got) }
	return b.EntryCurrent() && (differ(b.Entry.MD5, b.MD5) || differ(b.Entry.SHA1, b.SHA1))
}

// Verdict is the integrity that is said of the file: whole is only what Portage
// would not refuse. Where its own checksums are right and the index contradicts
// them, what is odd about the file tells which of the two is wrong.
func (b *Binpkg) Verdict() string {
	switch {
	case b.Damaged():
		return "damaged"
	case b.Integrity != "whole" || !b.Contradicted():
		return b.Integrity
	case b.odd():
		return "damaged"
	}
	return "unknown"
}

// odd tells whether anything was met in the file that does not belong there.
func (b *Binpkg) odd() bool { return slices.ContainsFunc(b.Problems, isOdd) }

func isOdd(p store.Problem) bool { return !placeProblems[p.Code] }

// Refresh is what makes Portage look at a file again of which the index has the
// size and mtime, and something else that is not right.
func (b *Binpkg) Refresh() audit.Remedy {
	return audit.Do(audit.Files("touch", "--", b.Source()), audit.FixIndex)
}

// Unsure says why it is not known whether a file is whole.
func (b *Binpkg) Unsure() string {
	if b.VerifiedAt == 0 {
		return b.Path + " was not read"
	}
	return b.Path + " was read, and nothing vouches for its bytes"
}

// Has tells whether a reading found a problem with a file.
func (b *Binpkg) Has(code string) bool {
	return slices.ContainsFunc(b.Problems, func(p store.Problem) bool { return p.Code == code })
}

// MessageOf returns what a reading says of a problem, "" where it did not find it.
func (b *Binpkg) MessageOf(code string) string {
	for _, p := range b.Problems {
		if p.Code == code {
			return p.Message
		}
	}
	return ""
}

// Lossy tells whether a file is known to lack some of what it is a copy of.
func (b *Binpkg) Lossy() bool { return b.Has("image-lossy") }

// Source is the path of the file inside the root.
func (b *Binpkg) Source() string { return path.Join(b.Dir.Path, b.Path) }

// TakeInventory returns the inventory, which the caller must not change;
// withMetadata it also has what the builds say of themselves.
func TakeInventory(db audit.Database, withMetadata bool) (*Inventory, error) {
	return audit.Once[inventoryKey](db, func() (*Inventory, error) {
		return LoadInventory(db, withMetadata || db.IsShared(), db.IsShared())
	})
}

type inventoryKey struct{}

// TakeInstalled returns what is installed, which the caller must not change, for
// a question that needs nothing else.
func TakeInstalled(db audit.Database) ([]store.Installed, error) {
	if !db.IsShared() {
		return db.Tx.Installed(db.Host)
	}
	inv, err := TakeInventory(db, true)
	if err != nil {
		return nil, err
	}
	return inv.Installed, nil
}

// LoadInventory reads the inventory. With everything that was ever installed,
// what is installed is not read twice, and neither is the metadata that the
// binary package of a build shares with its installation.
func LoadInventory(db audit.Database, withMetadata, ever bool) (*Inventory, error) {
	inv := &Inventory{ByCPV: map[string][]*Binpkg{}, Unread: map[string][]*Binpkg{}}
	set := store.MetadataSet{}
	if err := inv.loadInstalled(db, withMetadata, ever, set); err != nil {
		return nil, err
	}
	var err error
	if inv.files, err = db.Tx.InstalledFiles(db.Host); err != nil {
		return nil, err
	}
	if inv.Dirs, err = db.Tx.PkgDirs(db.Host); err != nil {
		return nil, err
	}
	if inv.Unlisted, inv.Unmounted, err = db.Tx.UnlistedFolders(db.Host); err != nil {
		return nil, err
	}
	for i := range inv.Dirs {
		dir := &inv.Dirs[i]
		entries, err := db.Tx.IndexEntries(dir.ID)
		if err != nil {
			return nil, err
		}
		var instances []store.Instance
		if withMetadata {
			instances, err = db.Tx.InstancesWithMetadata(db.Host, dir.ID, set)
		} else {
			instances, err = db.Tx.Instances(dir.ID)
		}
		if err != nil {
			return nil, err
		}
		inv.Entries = append(inv.Entries, entries)
		byPath := make(map[string]*store.IndexEntry, len(entries))
		for j := range entries {
			if entries[j].Usable {
				byPath[entries[j].Path] = &entries[j]
			}
		}
		inv.Binpkgs = slices.Grow(inv.Binpkgs, len(instances))
		for j := range instances {
			inv.Binpkgs = append(inv.Binpkgs, Binpkg{instances[j], dir, byPath[instances[j].Path]})
		}
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

func (inv *Inventory) loadInstalled(db audit.Database, withMetadata, ever bool, set store.MetadataSet) (err error) {
	switch {
	case ever:
		if inv.Ever, err = db.Tx.InstalledEver(db.Host, set); err != nil {
			return err
		}
		for i := range inv.Ever {
			if inv.Ever[i].RemovedAt == 0 {
				inv.Installed = append(inv.Installed, inv.Ever[i])
			}
		}
	case withMetadata:
		inv.Installed, err = db.Tx.InstalledWithMetadata(db.Host)
	default:
		inv.Installed, err = db.Tx.Installed(db.Host)
	}
	return err
}

// SameMD5 tells whether both hashes are known and equal.
func SameMD5(a, b []byte) bool { return len(a) > 0 && bytes.Equal(a, b) }

// CpvOfPath is the cpv that the path of a binary package claims, "" where it
// claims none: cat/PN/PF-ID.gpkg.tar, cat/PN/PF-ID.xpak, cat/PF.gpkg.tar or
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
