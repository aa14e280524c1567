package packages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse/binpkg"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/inventory"
)

// maxBinpkg is the largest size of a file that is opened as a binary package, in
// bytes: about ten times that of the largest packages with debug symbols.
const maxBinpkg = 256 << 30

// maxPkgDirDepth is the depth of folders that are listed below a pkgdir. The layouts of
// Portage have two levels, and it ignores deeper ones. The limit also stops a loop of
// bind mounts.
const maxPkgDirDepth = 4

// PkgDirs returns the sources of binary packages.
func PkgDirs(r *ingest.Reader) []ingest.Source {
	var all []ingest.Source
	var paths []string
	for _, d := range r.Settings.PkgDirs() {
		paths = append(paths, d.Path)
		all = append(all, ingest.Source{Kind: store.SourcePkgDir, Path: d.Path, Read: func(ctx context.Context) ([]ingest.SourceResult, error) {
			return reader{r}.pkgDir(ctx, d)
		}})
	}
	for _, d := range r.Settings.RemoteIndexes() {
		paths = append(paths, d.Dir)
	}
	return append(all, ingest.Source{Kind: store.SourceSettings, Path: r.Settings.MakeConf(), Read: func(ctx context.Context) ([]ingest.SourceResult, error) {
		return nil, reader{r}.retirePkgDirs(ctx, paths)
	}})
}

// retirePkgDirs marks folders of earlier ingests that no setting or flag names any
// more.
func (r reader) retirePkgDirs(ctx context.Context, paths []string) error {
	retire := false
	err := r.DB.View(ctx, func(tx *store.Tx) error {
		dirs, err := inventory.PkgDirs(tx, r.ID)
		for _, d := range dirs {
			retire = retire || !slices.Contains(paths, d.Path)
		}
		if err != nil {
			return err
		}
		remote, err := inventory.RemoteFolders(tx, r.ID)
		for _, d := range remote {
			retire = retire || !slices.Contains(paths, d.Path)
		}
		if err != nil {
			return err
		}
		sources, err := tx.Sources(r.ID, store.SourcePkgDir)
		for _, s := range sources {
			retire = retire || !slices.Contains(paths, s.Path)
		}
		return err
	})
	if err != nil || !retire {
		return err
	}
	return r.DB.Update(ctx, func(tx *store.Tx) error { return inventory.RetirePkgDirs(tx, r.ID, paths) })
}

// pkgFile is one listed file of a pkgdir.
type pkgFile struct {
	entry hostfs.Entry
	path  string // relative to the pkgdir

	read     *inventory.Instance // nil if the stored row is still valid
	vanished bool
}

// pkgScan is one scan of a pkgdir, with its stored state.
type pkgScan struct {
	reader
	listing
	path  string
	kind  inventory.PkgDirKind
	named bool // named on the command line, and used unconditionally
	index *indexReading
	names map[string]bool // of a remote index: the packages whose entries are stored

	row         inventory.PkgDir // as stored; zero at the first scan
	source      store.Source     // the stored bookmark
	stamps      map[string]inventory.InstanceStamp
	knownOthers []inventory.PkgDirFile
}

// pkgDir records a folder of binary packages with its index.
func (r reader) pkgDir(ctx context.Context, d settings.PkgDir) ([]ingest.SourceResult, error) {
	dirPath := d.Path
	scan := &pkgScan{reader: r, path: dirPath, kind: inventory.PkgDirKind(d.Kind), named: d.Source == settings.PkgDirFlag}
	if err := r.DB.View(ctx, scan.load); err != nil {
		return nil, err
	}
	dir, err := r.Root.OpenDir(dirPath)
	if errors.Is(err, fs.ErrNotExist) && len(scan.stamps) > 0 && !scan.named {
		err = unmountedError{"it is not there", len(scan.stamps)}
	}
	if err != nil {
		return r.RecordAbsent(ctx, store.SourcePkgDir, dirPath, err)
	}
	defer dir.Close()
	if scan.listing, err = list(dir, r.Jobs); err == nil {
		err = scan.mounted(dir)
	}
	if err != nil {
		return r.RecordAbsent(ctx, store.SourcePkgDir, dirPath, err)
	}
	scan.readIndex(dir)
	var changed []*pkgFile
	for _, f := range scan.files {
		if s, ok := scan.stamps[f.path]; !ok || !sameFile(&s, f.entry) || s.Unread {
			changed = append(changed, f)
		}
	}
	if err := scan.readAll(ctx, dir, changed); err != nil {
		return nil, err
	}
	result := ingest.SourceResult{Kind: store.SourcePkgDir, Path: dirPath, Condition: store.ConditionRead, Read: int64(len(changed))}
	if scan.hasChanges(changed) {
		err = r.DB.Update(ctx, func(tx *store.Tx) error { return scan.store(tx, dir, &result) })
	} else {
		result.Summary = scan.summary(0, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := r.hashForCoverage(ctx, dir, scan.row.ID); err != nil {
		return nil, err
	}
	if scan.index.notExpected {
		return []ingest.SourceResult{result}, nil
	}
	return []ingest.SourceResult{result, scan.index.result}, nil
}

// unmountedError means that a pkgdir shows none of its former files, or that its
// file system is not mounted. They are not gone, but out of sight.
type unmountedError struct {
	now   string
	files int // number of former files; 0 at the first ingest
}

func (e unmountedError) Error() string {
	if e.files == 0 {
		return e.now + ": " + inventory.UnmountedQuestion
	}
	return fmt.Sprintf("%s, and %d binary packages were there at the last ingest: %s", e.now, e.files, inventory.UnmountedQuestion)
}

// mounted returns an error if the folder shows none of the former files of the
// pkgdir, or, at the first ingest, if it lies where /etc/fstab mounts a file system. A
// mount point whose file system is not mounted is a different, empty
// folder.
func (s *pkgScan) mounted(dir *hostfs.Dir) error {
	if s.named {
		return nil
	}
	if s.row.ID == 0 && len(s.files)+len(s.others) == 0 {
		if point := unmountedBy(s.Root, s.path); point != "" {
			return unmountedError{now: "it is empty, and /etc/fstab has a file system for " + point}
		}
	}
	if len(s.stamps) == 0 || slices.ContainsFunc(s.files, func(f *pkgFile) bool { return s.stamps[f.path].ID != 0 }) ||
		slices.ContainsFunc(s.others, func(o inventory.PkgDirFile) bool { return o.Role == inventory.RoleUnlisted }) {
		return nil
	}
	dev, inode := dir.ID()
	other := s.source.Inode != 0 && (s.source.Dev != dev || s.source.Inode != inode)
	switch {
	case len(s.files)+len(s.others) == 0, other && len(s.files) == 0:
		return unmountedError{"it is empty", len(s.stamps)}
	case other && s.source.Dev != dev:
		return unmountedError{"it is on another file system than before", len(s.stamps)}
	}
	return nil
}

// sameFile reports whether a file has the recorded inode, size and mtime. Portage
// itself compares the base name, size and whole-second mtime.
func sameFile(n *inventory.InstanceStamp, e hostfs.Entry) bool {
	return n.Inode == e.Inode && n.Size == e.Size && n.MTimeNS == e.MTimeNS
}

// listing holds the files in a folder and below it.
type listing struct {
	files  []*pkgFile
	others []inventory.PkgDirFile
}

// list lists the pkgdir dir, several folders in parallel. Like Portage, it records
// symlinks and does not follow them.
func list(dir *hostfs.Dir, jobs int) (listing, error) {
	entries, err := dir.Entries()
	if err != nil {
		return listing{}, err
	}
	parts := make([]listing, len(entries))
	var group errgroup.Group
	group.SetLimit(jobs)
	for i, e := range entries {
		if e.Kind == hostfs.Directory {
			group.Go(func() error {
				parts[i].entry(dir, e, "", 0)
				return nil
			})
		} else {
			parts[i].entry(dir, e, "", 0)
		}
	}
	_ = group.Wait() // the functions return no error; they record folders that they cannot list
	var all listing
	for _, p := range parts {
		all.files, all.others = append(all.files, p.files...), append(all.others, p.others...)
	}
	return all, nil
}

// folder lists dir, whose path in the pkgdir is rel.
func (l *listing) folder(dir *hostfs.Dir, rel string, depth int) error {
	entries, err := dir.Entries()
	for _, e := range entries {
		l.entry(dir, e, rel, depth)
	}
	return err
}

// entry handles one entry of the folder dir, and the files below it.
func (l *listing) entry(dir *hostfs.Dir, e hostfs.Entry, rel string, depth int) {
	p := path.Join(rel, e.Name)
	switch {
	case e.Kind == hostfs.Directory && strings.HasPrefix(p, quarantine):
	case e.Kind == hostfs.Directory && depth < maxPkgDirDepth:
		sub, err := dir.OpenDir(e.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err == nil {
			err = l.folder(sub, p, depth+1)
			sub.Close()
		}
		if err != nil {
			l.others = append(l.others, otherFile(p, e, inventory.RoleUnlisted))
		}
	case e.Kind == hostfs.Directory:
		l.others = append(l.others, otherFile(p, e, inventory.RoleDeep))
	case e.Kind == hostfs.Regular && binpkg.FormatOfName(e.Name) != binpkg.FormatUnknown:
		l.files = append(l.files, &pkgFile{entry: e, path: p})
	default:
		l.others = append(l.others, otherFile(p, e, fileRole(p, e)))
	}
}

// quarantine is the prefix of the folder in which package prune keeps removed
// files. Portage does not use its files.
const quarantine = ".emaudit-quarantine"

// load loads the stored state of the pkgdir.
func (s *pkgScan) load(tx *store.Tx) error {
	s.stamps = map[string]inventory.InstanceStamp{}
	var err error
	if s.source, _, err = tx.FindSource(s.ID, store.SourcePkgDir, s.path); err != nil {
		return err
	}
	row, ok, err := inventory.FindPkgDir(tx, s.ID, s.path)
	if err != nil || !ok {
		return err
	}
	s.row = row
	stamps, err := inventory.InstanceStamps(tx, row.ID)
	if err != nil {
		return err
	}
	for _, n := range stamps {
		s.stamps[n.Path] = n
	}
	s.knownOthers, err = inventory.PkgDirFiles(tx, row.ID)
	return err
}

// hasChanges reports whether anything must be stored.
func (s *pkgScan) hasChanges(changed []*pkgFile) bool {
	return s.row.ID == 0 || s.row.Kind != s.kind || s.source.Condition != store.ConditionRead || s.source.Inode == 0 || s.index.changed || len(changed) > 0 || len(s.files) != len(s.stamps) || !equalFiles(s.knownOthers, s.others)
}

// inUnlistedFolder reports whether a file is in a folder that could not be listed.
// Such a file is not gone; its stored facts remain.
func (s *pkgScan) inUnlistedFolder(file string) bool {
	return slices.ContainsFunc(s.others, func(o inventory.PkgDirFile) bool {
		return o.Role == inventory.RoleUnlisted && strings.HasPrefix(file, o.Path+"/")
	})
}

// store records the changes since the last ingest. It compares with the rows inside
// the transaction, because another process may have stored changes meanwhile.
func (s *pkgScan) store(tx *store.Tx, dir *hostfs.Dir, result *ingest.SourceResult) error {
	if err := s.load(tx); err != nil {
		return err
	}
	first := s.row.ID == 0
	dev, inode := dir.ID()
	source := store.Source{Host: s.ID, Kind: store.SourcePkgDir, Path: s.path, Dev: dev, Inode: inode, MTimeNS: dir.ModTimeNS(), Size: int64(len(s.files)), ReadAt: s.Now}
	if err := tx.PutSource(&source); err != nil {
		return err
	}
	s.row.Path, s.row.Kind, s.row.ScannedAt = s.path, s.kind, s.Now
	s.index.describe(&s.row)
	if err := inventory.PutPkgDir(tx, s.ID, &s.row); err != nil {
		return err
	}
	if err := s.index.store(tx, s); err != nil {
		return err
	}
	var added []*inventory.Instance
	var gone int
	seen := map[string]bool{}
	for _, f := range s.files {
		if f.vanished {
			continue
		}
		seen[f.path] = true
		old, ok := s.stamps[f.path]
		if f.read == nil || ok && sameFile(&old, f.entry) && (!old.Unread || isUnread(f.read)) {
			continue
		}
		if ok {
			if err := inventory.RemoveInstance(tx, old.ID, s.Now); err != nil {
				return err
			}
		}
		added = append(added, f.read)
	}
	for _, n := range s.stamps {
		if !seen[n.Path] && !s.inUnlistedFolder(n.Path) {
			if err := inventory.RemoveInstance(tx, n.ID, s.Now); err != nil {
				return err
			}
			gone++
		}
	}
	if err := inventory.AddInstances(tx, s.row.ID, added, s.Now); err != nil {
		return err
	}
	if !equalFiles(s.knownOthers, s.others) {
		if err := inventory.PutPkgDirFiles(tx, s.row.ID, s.others); err != nil {
			return err
		}
		result.Changed = true
	}
	result.Changed = result.Changed || first || len(added)+gone > 0
	if first {
		result.Summary = s.summary(0, 0)
	} else {
		result.Summary = s.summary(len(added), gone)
	}
	return nil
}

// summary describes the contents and the changes.
func (s *pkgScan) summary(added, gone int) string {
	there := 0
	for _, f := range s.files {
		if !f.vanished {
			there++
		}
	}
	text := fmt.Sprintf("%d binpkgs", there)
	if added+gone > 0 {
		text += fmt.Sprintf(", %d new, %d gone", added, gone)
	}
	return text
}

func equalFiles(a, b []inventory.PkgDirFile) bool {
	if len(a) != len(b) {
		return false
	}
	byPath := map[string]inventory.PkgDirFile{}
	for _, f := range a {
		byPath[f.Path] = f
	}
	for _, f := range b {
		if byPath[f.Path] != f {
			return false
		}
	}
	return true
}
