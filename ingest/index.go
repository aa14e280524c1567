package ingest

import (
	"encoding/hex"
	"path"

	"emaudit/hostfs"
	"emaudit/parse"
	"emaudit/parse/pkgindex"
	"emaudit/store"
)

// indexReading is what one look at PKGDIR/Packages gave.
type indexReading struct {
	entry  hostfs.Entry
	err    error
	index  *pkgindex.Index // nil where nothing was read
	diags  []parse.Diagnostic
	dir    *hostfs.Dir
	result SourceResult

	unchanged bool // the stored entries are those of this file
}

// readIndex looks at the index without reading it: whether that is needed is
// decided against the stored row, inside the transaction.
func (r *reader) readIndex(dir *hostfs.Dir) *indexReading {
	x := &indexReading{dir: dir}
	x.entry, x.err = dir.Lstat("Packages")
	if x.err == nil && x.entry.Kind == hostfs.Symlink {
		// Portage follows a symlinked index (it writes through it), so it is
		// resolved inside the root.
		x.entry, x.err = r.Root.Stat(path.Join(dir.Path(), "Packages"))
	}
	return x
}

// describe fills the columns about the index in row, and reads the index where
// it is not the one that is stored.
func (x *indexReading) describe(tx *store.Tx, r *reader, dirPath string, row *store.PkgDir) error {
	indexPath := path.Join(dirPath, "Packages")
	x.result = SourceResult{Kind: store.SourceIndex, Path: indexPath}
	source := store.Source{
		Host: r.ID, Kind: store.SourceIndex, Path: indexPath, Inode: x.entry.Inode, Dev: x.entry.Dev,
		Size: x.entry.Size, MTimeNS: x.entry.MTimeNS, ReadAt: r.Now,
	}
	stored, ok, err := tx.FindSource(r.ID, store.SourceIndex, indexPath)
	if err != nil {
		return err
	}
	dirs, err := tx.PkgDirs(r.ID)
	if err != nil {
		return err
	}
	same := ok && stored.Condition == store.ConditionRead && stored.Inode == x.entry.Inode && stored.Size == x.entry.Size && stored.MTimeNS == x.entry.MTimeNS
	if x.err == nil && same {
		for _, d := range dirs {
			if d.Path == dirPath {
				x.unchanged = true
				x.result.Condition = store.ConditionRead
				row.IndexCondition, row.IndexSize, row.IndexMTimeNS, row.IndexInode = d.IndexCondition, d.IndexSize, d.IndexMTimeNS, d.IndexInode
				row.IndexTimestamp, row.IndexPackages = d.IndexTimestamp, d.IndexPackages
				return nil
			}
		}
	}
	row.IndexSize, row.IndexMTimeNS, row.IndexInode, row.IndexPackages = x.entry.Size, x.entry.MTimeNS, x.entry.Inode, -1
	if x.err == nil {
		x.read(r, indexPath)
	}
	source.Condition, source.Problem = condition(x.err)
	x.result.Condition, x.result.Problem = source.Condition, source.Problem
	switch {
	case source.Condition != store.ConditionRead:
		row.IndexCondition = string(source.Condition)
	case x.index.Refused != "":
		row.IndexCondition = "refused"
	default:
		row.IndexCondition = "present"
	}
	if x.index != nil {
		row.IndexTimestamp, _ = x.index.Timestamp()
		if n, ok := x.index.PackageCount(); ok {
			row.IndexPackages = n
		}
		x.result.Read, x.result.Changed = 1, true
	}
	if err := tx.PutSource(&source); err != nil {
		return err
	}
	n, err := tx.ReplaceDiagnostics(source.ID, "", x.diags, r.Now)
	x.result.Damage = n
	return err
}

func (x *indexReading) read(r *reader, indexPath string) {
	file, err := r.Root.OpenFile(indexPath)
	if err != nil {
		x.err = err
		return
	}
	defer file.Close()
	x.index, x.diags, x.err = pkgindex.Read(file)
}

// store replaces the stored entries where the index was read anew.
func (x *indexReading) store(tx *store.Tx, pkgdir int64, _ *SourceResult) error {
	if x.unchanged {
		return nil
	}
	var entries []store.IndexEntry
	if x.index != nil {
		for i := range x.index.Entries {
			e := &x.index.Entries[i]
			entries = append(entries, store.IndexEntry{
				Position: i, Offset: e.Offset, CPV: e.CPV, Path: e.Path, BuildID: max(e.BuildID, 0), BuildTime: max(e.BuildTime, 0),
				Size: orAbsent(e.Fields.Get("SIZE"), e.Size), MTime: orAbsent(e.Fields.Get("MTIME"), e.MTime), MD5: digest(e.MD5), SHA1: digest(e.SHA1),
				Slot: e.Slot + "/" + e.SubSlot, Repo: e.Repo, Use: e.USE, Usable: e.Hidden == pkgindex.Visible,
			})
		}
	}
	return tx.PutIndexEntries(pkgdir, entries)
}

// orAbsent is -1 where the index does not give a number.
func orAbsent(field string, n int64) int64 {
	if field == "" {
		return -1
	}
	return n
}

// digest is the bytes of a hexadecimal digest; nil where there is none.
func digest(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}
