package audit

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"emaudit/parse/atom"
	"emaudit/store"
)

// inventory is what a host has: its installed packages, and every binary
// package with the index entry that stands for it.
type inventory struct {
	installed []store.Installed
	// ever is what any ingest saw installed; nil unless it was asked for.
	ever    []store.Installed
	dirs    []store.PkgDir
	entries [][]store.IndexEntry // of the index of each of dirs
	binpkgs []binpkg
	byCPV   map[string][]*binpkg
	// unread are the files whose metadata could not be read, by the cpv that
	// their path claims. They prove nothing, and explain a gap.
	unread map[string][]*binpkg
}

// binpkg is one instance with its place and what its index says of it.
type binpkg struct {
	store.Instance
	dir   *store.PkgDir
	entry *store.IndexEntry // nil: the index has none for this path
}

// entryCurrent tells whether the index entry still describes the file: Portage
// trusts an entry whose size and whole-second mtime equal those of the file
// (bintree.py, _populate_local).
func (b *binpkg) entryCurrent() bool {
	return b.entry != nil && b.entry.Usable && b.entry.Size == b.Size && b.entry.MTime == floorSeconds(b.MTimeNS)
}

// entryContradicts tells whether a full read found other digests than the index
// has: Portage compares them before it merges, whatever the Manifest inside says
// (BinpkgVerifier.py).
func (b *binpkg) entryContradicts() bool {
	differs := func(x, y []byte) bool { return len(x) > 0 && len(y) > 0 && !bytes.Equal(x, y) }
	return b.entryCurrent() && (differs(b.entry.MD5, b.MD5) || differs(b.entry.SHA1, b.SHA1))
}

// floorSeconds is the whole-second part of a time in nanoseconds.
func floorSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

// md5 returns the MD5 of the whole file as far as it is known: the index's
// where its entry still describes the file, else the one that emaudit
// computed; nil where neither is there.
func (b *binpkg) md5() []byte {
	if b.MD5 != nil {
		return b.MD5
	}
	if b.entryCurrent() {
		return b.entry.MD5
	}
	return nil
}

// damaged tells whether a reading found the file broken.
func (b *binpkg) damaged() bool { return b.Structure == "damaged" || b.Integrity == "damaged" }

// contradicted tells whether the index has another digest of the very file: what
// its own checksums say of it, Portage does not merge it.
func (b *binpkg) contradicted() bool {
	differ := func(want, got []byte) bool { return len(want) > 0 && len(got) > 0 && !bytes.Equal(want, got) }
	return b.entryCurrent() && (differ(b.entry.MD5, b.MD5) || differ(b.entry.SHA1, b.SHA1))
}

// verdict is the integrity that is said of the file: whole is only what Portage
// would not refuse. Where its own checksums are right and the index contradicts
// them, what is odd about the file tells which of the two is wrong.
func (b *binpkg) verdict() string {
	switch {
	case b.damaged():
		return "damaged"
	case b.Integrity != "whole" || !b.contradicted():
		return b.Integrity
	case b.odd():
		return "damaged"
	}
	return "unknown"
}

// odd tells whether anything was met in the file that does not belong there.
func (b *binpkg) odd() bool { return slices.ContainsFunc(b.Problems, isOdd) }

func isOdd(p store.Problem) bool { return !placeProblems[p.Code] }

// refresh is what makes Portage look at a file again of which the index has the
// size and mtime, and something else that is not right.
func (b *binpkg) refresh() string {
	return "touch -- " + shellQuote(b.source()) + " && " + fixIndex
}

// unsure says why it is not known whether a file is whole.
func (b *binpkg) unsure() string {
	if b.VerifiedAt == 0 {
		return b.Path + " was not read"
	}
	return b.Path + " was read, and nothing vouches for its bytes"
}

// has tells whether a reading found a problem with a file.
func (b *binpkg) has(code string) bool {
	return slices.ContainsFunc(b.Problems, func(p store.Problem) bool { return p.Code == code })
}

// source is the path of the file inside the root.
func (b *binpkg) source() string { return path.Join(b.dir.Path, b.Path) }

// takeInventory returns the inventory, which the caller must not change;
// withMetadata it also has what the builds say of themselves.
func takeInventory(db Database, withMetadata bool) (*inventory, error) {
	return Once[inventoryKey](db, func() (*inventory, error) {
		return loadInventory(db, withMetadata || db.IsShared(), db.IsShared())
	})
}

type inventoryKey struct{}

// takeInstalled returns what is installed, which the caller must not change, for
// a question that needs nothing else.
func takeInstalled(db Database) ([]store.Installed, error) {
	if !db.IsShared() {
		return db.Tx.Installed(db.Host)
	}
	inv, err := takeInventory(db, true)
	if err != nil {
		return nil, err
	}
	return inv.installed, nil
}

// loadInventory reads the inventory. With everything that was ever installed,
// what is installed is not read twice, and neither is the metadata that the
// binary package of a build shares with its installation.
func loadInventory(db Database, withMetadata, ever bool) (*inventory, error) {
	inv := &inventory{byCPV: map[string][]*binpkg{}, unread: map[string][]*binpkg{}}
	set := store.MetadataSet{}
	if err := inv.loadInstalled(db, withMetadata, ever, set); err != nil {
		return nil, err
	}
	var err error
	if inv.dirs, err = db.Tx.PkgDirs(db.Host); err != nil {
		return nil, err
	}
	for i := range inv.dirs {
		dir := &inv.dirs[i]
		var entries []store.IndexEntry
		var reading errgroup.Group
		beside := db.Tx.Beside()
		reading.Go(func() (err error) {
			entries, err = beside.IndexEntries(dir.ID)
			return err
		})
		var instances []store.Instance
		if withMetadata {
			instances, err = db.Tx.InstancesWithMetadata(db.Host, dir.ID, set)
		} else {
			instances, err = db.Tx.Instances(dir.ID)
		}
		if err := cmp.Or(err, reading.Wait()); err != nil {
			return nil, err
		}
		inv.entries = append(inv.entries, entries)
		byPath := make(map[string]*store.IndexEntry, len(entries))
		for j := range entries {
			if entries[j].Usable {
				byPath[entries[j].Path] = &entries[j]
			}
		}
		inv.binpkgs = slices.Grow(inv.binpkgs, len(instances))
		for j := range instances {
			inv.binpkgs = append(inv.binpkgs, binpkg{instances[j], dir, byPath[instances[j].Path]})
		}
	}
	for i := range inv.binpkgs {
		b := &inv.binpkgs[i]
		if b.CPV != "" {
			inv.byCPV[b.CPV] = append(inv.byCPV[b.CPV], b)
		} else if cpv := cpvOfPath(b.Path); cpv != "" {
			inv.unread[cpv] = append(inv.unread[cpv], b)
		}
	}
	return inv, nil
}

func (inv *inventory) loadInstalled(db Database, withMetadata, ever bool, set store.MetadataSet) (err error) {
	switch {
	case ever:
		if inv.ever, err = db.Tx.InstalledEver(db.Host, set); err != nil {
			return err
		}
		for i := range inv.ever {
			if inv.ever[i].RemovedAt == 0 {
				inv.installed = append(inv.installed, inv.ever[i])
			}
		}
	case withMetadata:
		inv.installed, err = db.Tx.InstalledWithMetadata(db.Host)
	default:
		inv.installed, err = db.Tx.Installed(db.Host)
	}
	return err
}

// sameMD5 tells whether both hashes are known and equal.
func sameMD5(a, b []byte) bool { return len(a) > 0 && bytes.Equal(a, b) }

// cpvOfPath is the cpv that the path of a binary package claims, "" where it
// claims none: cat/PN/PF-ID.gpkg.tar, cat/PN/PF-ID.xpak, cat/PF.gpkg.tar or
// cat/PF.tbz2.
func cpvOfPath(p string) string {
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
