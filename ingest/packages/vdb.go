// Package packages reads the installed packages and the folders of binary packages
// with their indexes. It also reads packages completely, to verify them.
package packages

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/vdb"
	"emaudit/store"
	"emaudit/store/inventory"
)

// vdbEntry is one listed package directory.
type vdbEntry struct {
	category, pf string
	entry        hostfs.Entry

	read     *inventory.Installed // nil if the stored row is still valid
	diags    []parse.Diagnostic
	unread   bool // listed, but unreadable: its stored facts remain
	vanished bool // removed between listing and reading
}

func (e *vdbEntry) cpv() string { return e.category + "/" + e.pf }

// reader reads the sources of this package.
type reader struct{ *ingest.Reader }

// VDB is the source of the installed packages.
func VDB(r *ingest.Reader) ingest.Source {
	return ingest.Source{Kind: store.SourceVDB, Path: r.Settings.VDB(), Read: reader{r}.vdb}
}

// vdb records the installed packages. It does not open a package directory with the
// recorded inode and mtime. That is safe, because Portage changes an entry only by
// renaming files into place, which changes the mtime of the directory.
//
// The VDB is listed while the database is locked for writing, so that of two
// concurrent ingests the one that stores last also has the newer listing. If many
// packages have changed, they are read before, without the lock.
func (r reader) vdb(ctx context.Context) ([]ingest.SourceResult, error) {
	path := r.Settings.VDB()
	dir, err := r.Root.OpenDir(path)
	if err != nil {
		return r.RecordAbsent(ctx, store.SourceVDB, path, err)
	}
	defer dir.Close()
	top, err := r.Root.Stat(path)
	if err != nil {
		return r.RecordAbsent(ctx, store.SourceVDB, path, err)
	}
	scan := vdbScan{reader: r, dir: dir, bookmark: store.Source{Host: r.ID, Kind: store.SourceVDB, Path: path, Dev: top.Dev, Inode: top.Inode, MTimeNS: top.MTimeNS, ReadAt: r.Now}}
	result, err := scan.update(ctx, fewEntries)
	if errors.Is(err, errManyEntries) {
		if err := r.readVDB(ctx, dir, scan.unread); err != nil {
			return nil, err
		}
		scan.readAhead = scan.unread
		result, err = scan.update(ctx, math.MaxInt)
	}
	var unlistable *listError
	switch {
	case errors.As(err, &unlistable):
		return r.RecordAbsent(ctx, store.SourceVDB, path, unlistable.err)
	case err != nil:
		return nil, fmt.Errorf("vdb %s: %w", path, err)
	}
	return []ingest.SourceResult{result}, nil
}

// fewEntries is the number of package directories that may be read under the lock.
// An update has so few, and they take a few milliseconds.
const fewEntries = 64

// errManyEntries ends a transaction that would have to read more than fewEntries
// package directories.
var errManyEntries = errors.New("too many packages to read under the lock")

// listError means that the VDB cannot be listed.
type listError struct{ err error }

func (e *listError) Error() string { return e.err.Error() }
func (e *listError) Unwrap() error { return e.err }

// vdbScan is one scan of the VDB, with its stored state.
type vdbScan struct {
	reader
	dir      *hostfs.Dir
	bookmark store.Source

	unread    []*vdbEntry // entries that the last update read, or that were too many for it
	readAhead []*vdbEntry // entries read before the lock was taken
}

// update lists the VDB and stores the changes, all under the lock. If more than
// limit directories have changed and were not read ahead, it returns errManyEntries
// and leaves them in unread.
func (s *vdbScan) update(ctx context.Context, limit int) (result ingest.SourceResult, err error) {
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		list, err := listVDB(s.dir)
		if err != nil {
			return &listError{err}
		}
		entries := list.entries
		rows, err := inventory.ReadInstalled(tx, s.ID)
		if err != nil {
			return err
		}
		known := make(map[string]inventory.Installed, len(rows))
		for _, p := range rows {
			known[p.CPV] = p
		}
		changed := changedEntries(entries, known)
		s.unread = withoutReadAhead(changed, s.readAhead)
		if len(s.unread) > limit {
			return errManyEntries
		}
		if err := s.readVDB(ctx, s.dir, s.unread); err != nil {
			return err
		}
		result = ingest.SourceResult{
			Kind: store.SourceVDB, Path: s.bookmark.Path, Condition: store.ConditionRead, Read: int64(len(changed)),
			Summary: fmt.Sprintf("%d installed", len(entries)),
		}
		source := s.bookmark
		source.Size = int64(len(entries))
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		// The directory of a killed merge is a state of the host, not damage of the
		// input. The audit reports it.
		if _, err := tx.ReplaceDiagnostics(source.ID, "", list.diags, s.Now); err != nil {
			return err
		}
		if err := inventory.PutUnfinishedMerges(tx, s.ID, list.unfinished); err != nil {
			return err
		}
		if len(changed) == 0 && len(entries) == len(known) {
			return inventory.PutSnapshot(tx, s.ID, false, len(entries), s.Now)
		}
		return s.store(tx, &result, source.ID, entries, known, list.unlisted)
	})
	return result, err
}

// withoutReadAhead fills entries that were read ahead and have not changed since.
// It returns the others.
func withoutReadAhead(entries, readAhead []*vdbEntry) (unread []*vdbEntry) {
	read := make(map[string]*vdbEntry, len(readAhead))
	for _, e := range readAhead {
		read[e.cpv()] = e
	}
	for _, e := range entries {
		if r := read[e.cpv()]; r != nil && r.entry.Inode == e.entry.Inode && r.entry.MTimeNS == e.entry.MTimeNS {
			*e = *r
		} else {
			unread = append(unread, e)
		}
	}
	return unread
}

// vdbList is the list of package directories in the VDB.
type vdbList struct {
	entries []*vdbEntry
	// unlisted are categories that exist and could not be listed, so that their
	// packages are unknown.
	unlisted   map[string]bool
	unfinished []inventory.UnfinishedMerge
	diags      []parse.Diagnostic
}

// listVDB lists the package directories. It reports names that Portage does not
// accept as packages.
func listVDB(dir *hostfs.Dir) (*vdbList, error) {
	categories, err := dir.Entries()
	if err != nil {
		return nil, err
	}
	list := &vdbList{unlisted: map[string]bool{}}
	for _, c := range categories {
		if c.Kind != hostfs.Directory {
			continue
		}
		if class := vdb.ClassifyCategory(c.Name); class != vdb.NameValid {
			list.note(class, "", c.Name)
			continue
		}
		switch err := list.category(dir, c.Name); {
		case err == nil, errors.Is(err, fs.ErrNotExist):
		default:
			list.unlisted[c.Name] = true
			_, problem := ingest.Condition(err)
			list.diags = append(list.diags, parse.Diagnosef(0, vdb.CodeUnread, "%s: %s", c.Name, problem))
		}
	}
	return list, nil
}

func (l *vdbList) note(class vdb.NameClass, category, name string) {
	if d, ok := class.Diagnostic(category, name); ok {
		l.diags = append(l.diags, d)
	}
}

// category lists the package directories of one category.
func (l *vdbList) category(dir *hostfs.Dir, name string) error {
	sub, err := dir.OpenDir(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	packages, err := sub.Entries()
	if err != nil {
		return err
	}
	for _, p := range packages {
		if p.Kind != hostfs.Directory {
			continue
		}
		class := vdb.ClassifyPackage(p.Name)
		if class == vdb.NameValid {
			l.entries = append(l.entries, &vdbEntry{category: name, pf: p.Name, entry: p})
			continue
		}
		l.note(class, name, p.Name)
		if pf, ok := vdb.MergingPF(p.Name); ok {
			l.unfinished = append(l.unfinished, inventory.UnfinishedMerge{
				CPV: name + "/" + pf, ChangedAt: time.Unix(0, p.MTimeNS).Unix(), Copying: beganToCopy(sub, p.Name),
			})
		}
	}
	return nil
}

// beganToCopy reports whether the merge that fills a directory has begun to copy
// files into the root. Before it copies the first file, Portage creates CONTENTS
// under a temporary name (vartree.py, _merge_contents; util, atomic_ofstream). An
// unreadable directory counts as begun.
func beganToCopy(category *hostfs.Dir, name string) bool {
	dir, err := category.OpenDir(name)
	if err != nil {
		return true
	}
	defer dir.Close()
	names, err := dir.Names()
	return err != nil || slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "CONTENTS") })
}

// changedEntries returns the entries whose directory differs from the stored row.
func changedEntries(entries []*vdbEntry, known map[string]inventory.Installed) []*vdbEntry {
	var changed []*vdbEntry
	for _, e := range entries {
		p, ok := known[e.cpv()]
		if !ok || p.DirInode != e.entry.Inode || p.DirMTimeNS != e.entry.MTimeNS {
			changed = append(changed, e)
		}
	}
	return changed
}

// readVDB reads package directories in parallel.
func (r reader) readVDB(ctx context.Context, dir *hostfs.Dir, entries []*vdbEntry) error {
	if len(entries) == 0 {
		return nil
	}
	meter := r.StartProgress("vdb", int64(len(entries)), false)
	defer meter.Done()
	type opened struct {
		*hostfs.Dir
		err error
	}
	categories := map[string]opened{}
	defer func() {
		for _, c := range categories {
			if c.err == nil {
				c.Close()
			}
		}
	}()
	for _, e := range entries {
		if _, ok := categories[e.category]; !ok {
			d, err := dir.OpenDir(e.category)
			categories[e.category] = opened{d, err}
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(r.Jobs)
	for _, e := range entries {
		group.Go(func() error {
			if category := categories[e.category]; category.err == nil {
				readPackage(category.Dir, e)
			} else {
				e.cannotRead(category.err)
			}
			meter.Add(1)
			return groupCtx.Err()
		})
	}
	return group.Wait()
}

// readPackage fills e from its directory.
func readPackage(category *hostfs.Dir, e *vdbEntry) {
	dir, err := category.OpenDir(e.pf)
	if err == nil {
		defer dir.Close()
		var p *vdb.Package
		p, e.diags, err = vdb.ReadPackage(e.category, e.pf, dir, vdb.WantIUSEEffective|vdb.WantSize|vdb.WantBuildEnv)
		if err == nil {
			e.read = installedOf(p, dir)
			if len(p.Unread) == 0 {
				// A change of permissions does not change the directory, so an
				// incomplete entry must be read again by the next ingest.
				e.read.DirInode, e.read.DirMTimeNS = e.entry.Inode, p.DirMTimeNS
			}
			return
		}
	}
	e.cannotRead(err)
}

// cannotRead records why an entry could not be read.
func (e *vdbEntry) cannotRead(err error) {
	if errors.Is(err, fs.ErrNotExist) {
		e.vanished = true
		return
	}
	e.unread = true
	_, problem := ingest.Condition(err)
	e.diags = append(e.diags, parse.Diagnosef(0, vdb.CodeUnread, "%s", problem))
}

// installedOf returns the row of a package that was read.
func installedOf(p *vdb.Package, dir *hostfs.Dir) *inventory.Installed {
	md5, _ := hex.DecodeString(p.BinpkgMD5)
	if len(md5) == 0 {
		md5 = nil
	}
	_, err := dir.Lstat("environment.bz2")
	state := p.Metadata
	if _, err := dir.Lstat("SLOT"); state == vdb.MetadataFresh && errors.Is(err, fs.ErrNotExist) {
		state = vdb.MetadataSole
	}
	return &inventory.Installed{
		CPV: p.CPV.String(), Slot: p.Slot, SubSlot: p.SubSlot, Repo: p.Repo,
		BuildTime: max(p.BuildTime, 0), BuildID: max(p.BuildID, 0), Counter: p.Counter, BinpkgMD5: md5, Size: max(p.Size, 0),
		HasEnvironment: err == nil, MetadataState: state,
		Metadata: &store.Metadata{
			EAPI: p.EAPI, Use: p.USE, IUse: p.IUSE, IUseEffective: p.IUSEEffective, Keywords: p.Keywords, License: p.License,
			Properties: p.Properties, Restrict: p.Restrict, CHost: p.CHOST, CFlags: p.BuildEnv.CFLAGS, CXXFlags: p.BuildEnv.CXXFLAGS,
			Features: p.BuildEnv.Features, BDepend: p.BDepend, Depend: p.Depend, RDepend: p.RDepend, PDepend: p.PDepend, IDepend: p.IDepend,
			Requires: p.Requires, Provides: p.Provides, DefinedPhases: p.DefinedPhases, Description: p.Description, InstallMask: p.BuildEnv.InstallMask,
		},
	}
}

// store records the changes since the last ingest. known are the stored rows by cpv.
// Rows of categories that could not be listed remain.
func (s *vdbScan) store(tx *store.Tx, result *ingest.SourceResult, source int64, entries []*vdbEntry, known map[string]inventory.Installed, unlisted map[string]bool) error {
	var added, removed, refreshed int
	count := func(diags []parse.Diagnostic, subject string) error {
		n, err := tx.ReplaceDiagnostics(source, subject, diags, s.Now)
		result.Damage += n
		return err
	}
	seen := map[string]bool{}
	for _, e := range entries {
		cpv := e.cpv()
		if e.vanished {
			continue
		}
		seen[cpv] = true
		if e.unread || e.read != nil {
			if err := count(e.diags, cpv); err != nil {
				return err
			}
		}
		if e.read == nil {
			continue
		}
		old, ok := known[cpv]
		if ok && old.BuildTime == e.read.BuildTime && old.Counter == e.read.Counter {
			e.read.ID = old.ID
			if err := inventory.RefreshInstalled(tx, e.read); err != nil {
				return err
			}
			refreshed++
			continue
		}
		if ok {
			if err := inventory.RemoveInstalled(tx, old.ID, s.Now); err != nil {
				return err
			}
			removed++
		}
		if err := inventory.AddInstalled(tx, s.ID, e.read, s.Now); err != nil {
			return err
		}
		added++
	}
	for _, p := range known {
		if category, _, _ := strings.Cut(p.CPV, "/"); unlisted[category] {
			seen[p.CPV] = true
		}
		if !seen[p.CPV] {
			if err := inventory.RemoveInstalled(tx, p.ID, s.Now); err != nil {
				return err
			}
			if err := count(nil, p.CPV); err != nil {
				return err
			}
			removed++
		}
	}
	result.Changed = added+removed+refreshed > 0
	result.Summary = fmt.Sprintf("%d installed", len(seen))
	if added+removed > 0 && len(known) > 0 {
		result.Summary += fmt.Sprintf(", %d added, %d removed", added, removed)
	}
	return inventory.PutSnapshot(tx, s.ID, added+removed > 0, len(seen), s.Now)
}
