package packages

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/atom"
	"emaudit/parse/pkgindex"
	"emaudit/store"
	"emaudit/store/inventory"
)

// indexReading is the state of PKGDIR/Packages and of Packages.gz.
type indexReading struct {
	path        string // inside the root
	entry       hostfs.Entry
	err         error
	notExpected bool // no index is expected here, and none exists
	changed     bool // something must be stored

	read    bool // the text was read again
	entries []inventory.IndexEntry
	diags   []parse.Diagnostic
	// The header, if read is true.
	condition           inventory.IndexCondition
	timestamp, packages int64

	compressed          hostfs.Entry
	compressedCondition inventory.IndexCondition

	result ingest.SourceResult
}

// readIndex checks the index, and reads it if it differs from the stored one.
func (s *pkgScan) readIndex(dir *hostfs.Dir) {
	x := &indexReading{path: path.Join(s.path, "Packages")}
	s.index = x
	x.result = ingest.SourceResult{Kind: store.SourceIndex, Path: x.path}
	x.entry, x.err = s.lookAt(dir, "Packages")
	if s.kind == inventory.KindBinhost && errors.Is(x.err, fs.ErrNotExist) {
		// The index of a fetched repository is in /var/cache/edb/binhost
		// (bintree.py, _populate_remote), not in the folder of the packages.
		x.notExpected = true
		x.changed = s.row.IndexCondition != ""
		return
	}
	var compressedErr error
	x.compressed, compressedErr = s.lookAt(dir, "Packages.gz")
	same := x.err == nil && (s.row.IndexCondition == inventory.IndexPresent || s.row.IndexCondition == inventory.IndexRefused) &&
		s.row.IndexInode == x.entry.Inode && s.row.IndexSize == x.entry.Size && s.row.IndexMTimeNS == x.entry.MTimeNS
	sameCompressed := s.row.CompressedCondition != "" && s.row.CompressedInode == x.compressed.Inode &&
		s.row.CompressedSize == x.compressed.Size && s.row.CompressedMTimeNS == x.compressed.MTimeNS
	stillMissing := errors.Is(x.err, fs.ErrNotExist) && s.row.IndexCondition == inventory.IndexMissing
	if (same || stillMissing) && sameCompressed {
		x.result.Condition, x.result.Problem = ingest.Condition(x.err)
		return
	}
	var text []byte
	if x.err == nil {
		text, x.err = s.Root.ReadFile(x.path, pkgindex.MaxSize)
	}
	x.changed = true
	if x.err == nil && !same {
		x.read = true
		x.take(text, s.names)
	}
	x.result.Condition, x.result.Problem = ingest.Condition(x.err)
	switch {
	case errors.Is(compressedErr, fs.ErrNotExist):
		x.compressedCondition = inventory.IndexMissing
	case compressedErr != nil || x.err != nil:
		x.compressedCondition = inventory.IndexUnreadable
	default:
		x.compressedCondition = s.compareCompressed(x.path+".gz", text)
	}
}

// lookAt returns the lstat of a file in the pkgdir. It resolves a symlink inside
// the root, because Portage follows symlinks to its index.
func (s *pkgScan) lookAt(dir *hostfs.Dir, name string) (hostfs.Entry, error) {
	e, err := dir.Lstat(name)
	if err == nil && e.Kind == hostfs.Symlink {
		return s.Root.Stat(path.Join(s.path, name))
	}
	return e, err
}

// compareCompressed compares a compressed index with the text. It stops at the
// first difference, so a decompression bomb costs nothing.
func (s *pkgScan) compareCompressed(path string, text []byte) inventory.IndexCondition {
	file, err := s.Root.OpenFile(path, pkgindex.MaxSize)
	if err != nil {
		return inventory.IndexUnreadable
	}
	defer file.Close()
	z, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return inventory.IndexUnreadable
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := z.Read(buf)
		if n > len(text) || !bytes.Equal(buf[:n], text[:n]) {
			return inventory.IndexDiffers
		}
		text = text[n:]
		switch {
		case err == io.EOF && len(text) == 0:
			return inventory.IndexEqual
		case err == io.EOF:
			return inventory.IndexDiffers
		case err != nil:
			return inventory.IndexUnreadable
		}
	}
}

// describe fills the columns about the index in row.
func (x *indexReading) describe(row *inventory.PkgDir) {
	switch {
	case !x.changed:
		return
	case x.notExpected:
		row.IndexCondition, row.IndexSize, row.IndexMTimeNS, row.IndexInode, row.IndexTimestamp, row.IndexPackages = "", 0, 0, 0, 0, -1
		row.CompressedCondition = ""
		return
	}
	row.CompressedCondition = x.compressedCondition
	row.CompressedInode, row.CompressedSize, row.CompressedMTimeNS = x.compressed.Inode, x.compressed.Size, x.compressed.MTimeNS
	row.IndexSize, row.IndexMTimeNS, row.IndexInode = x.entry.Size, x.entry.MTimeNS, x.entry.Inode
	switch {
	case x.err != nil:
		row.IndexCondition, row.IndexTimestamp, row.IndexPackages = inventory.IndexCondition(x.result.Condition), 0, -1
	case x.read:
		row.IndexCondition, row.IndexTimestamp, row.IndexPackages = x.condition, x.timestamp, x.packages
	}
}

// store stores the bookmark of the index, its damage and its entries.
func (x *indexReading) store(tx *store.Tx, s *pkgScan) error {
	if !x.changed {
		return nil
	}
	if x.notExpected {
		return inventory.PutIndexEntries(tx, s.row.ID, 0, nil)
	}
	source := store.Source{
		Host: s.ID, Kind: store.SourceIndex, Path: x.path, Inode: x.entry.Inode, Dev: x.entry.Dev, Size: x.entry.Size, MTimeNS: x.entry.MTimeNS,
		Condition: x.result.Condition, Problem: x.result.Problem, ReadAt: s.Now,
	}
	known, _, err := tx.FindSource(s.ID, store.SourceIndex, x.path)
	if err != nil {
		return err
	}
	if err := tx.PutSource(&source); err != nil {
		return err
	}
	if source.Condition == store.ConditionUnreadable && (known.Condition != source.Condition || known.Problem != source.Problem) {
		x.result.Damage = 1
	}
	if x.err == nil && !x.read {
		return nil // only Packages.gz has changed
	}
	added, err := tx.ReplaceDiagnostics(source.ID, "", x.diags, s.Now)
	if err != nil {
		return err
	}
	x.result.Damage += added
	if x.read {
		x.result.Read, x.result.Changed = 1, true
	}
	return inventory.PutIndexEntries(tx, s.row.ID, x.entry.Size, x.entries)
}

// take reads the text of the index. It keeps the entries in stored form, and nothing of
// the text. Of the index of a binhost, it keeps those of the packages with the given
// names, with their metadata.
func (x *indexReading) take(text []byte, names map[string]bool) {
	index, diags := pkgindex.Parse(text)
	x.diags, x.condition, x.packages = diags, inventory.IndexPresent, -1
	if index == nil {
		return
	}
	if index.Refused != "" {
		x.condition = inventory.IndexRefused
	}
	x.timestamp, _ = index.Timestamp()
	if n, ok := index.PackageCount(); ok {
		x.packages = n
	}
	x.entries = make([]inventory.IndexEntry, 0, len(index.Entries))
	texts := store.Strings{}
	one := func(text string) string { return texts.One(strings.Clone(text)) }
	for i := range index.Entries {
		e := &index.Entries[i]
		var metadata *store.Metadata
		if names != nil {
			cpv, err := atom.ParseCPV(e.CPV)
			if err != nil || !names[cpv.CP()] {
				continue
			}
			metadata = remoteMetadata(e)
		}
		x.entries = append(x.entries, inventory.IndexEntry{
			Offset: e.Offset, CPV: one(e.CPV), Path: strings.Clone(e.Path), BuildID: max(e.BuildID, 0), BuildTime: max(e.BuildTime, 0),
			Size: numberOrAbsent(e.Fields.Get("SIZE"), e.Size), MTime: numberOrAbsent(e.Fields.Get("MTIME"), e.MTime), MD5: digest(e.MD5), SHA1: digest(e.SHA1),
			Slot: one(e.Slot + "/" + e.SubSlot), Repo: one(e.Repo), Use: one(e.USE), Usable: e.Hidden == pkgindex.Visible, Hidden: string(e.Hidden), Metadata: metadata,
		})
	}
}

// numberOrAbsent returns n, or -1 if the index lacks the field.
func numberOrAbsent(field string, n int64) int64 {
	if field == "" {
		return -1
	}
	return n
}

// digest decodes a hexadecimal digest. It returns nil for "".
func digest(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}
