package ingest

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"emaudit/hostfs"
	"emaudit/parse/binpkg"
	"emaudit/store"
)

// maxPkgDirDepth is how deep folders below a pkgdir are listed. Portage's
// layouts have two levels; deeper ones hold nothing that it would take, and a
// loop of bind mounts must end.
const maxPkgDirDepth = 4

// pkgFile is one file of a pkgdir as it was listed.
type pkgFile struct {
	dir   string // relative to the pkgdir
	entry hostfs.Entry
	path  string // relative to the pkgdir

	read     *store.Instance // nil where the stored row is still right
	vanished bool
}

// pkgDirs records every folder of binary packages with its index.
func (r *reader) pkgDirs(ctx context.Context) ([]SourceResult, error) {
	var all []SourceResult
	for _, d := range r.Settings.PkgDirs() {
		results, err := r.pkgDir(ctx, d.Path, d.Kind.String())
		all = append(all, results...)
		if err != nil {
			return all, fmt.Errorf("pkgdir %s: %w", d.Path, err)
		}
	}
	return all, nil
}

func (r *reader) pkgDir(ctx context.Context, dirPath, kind string) ([]SourceResult, error) {
	dir, err := r.Root.OpenDir(dirPath)
	if err != nil {
		return r.absent(ctx, store.SourcePkgDir, dirPath, err)
	}
	defer dir.Close()
	scan := pkgScan{reader: r, path: dirPath}
	if err := scan.list(dir, "", 0); err != nil {
		return r.absent(ctx, store.SourcePkgDir, dirPath, err)
	}
	result := SourceResult{Kind: store.SourcePkgDir, Path: dirPath, Condition: store.ConditionRead}
	known, err := scan.known(ctx)
	if err != nil {
		return nil, err
	}
	var changed []*pkgFile
	for _, f := range scan.files {
		if n, ok := known[f.path]; !ok || !sameFile(&n, f.entry) || unread(&n) {
			changed = append(changed, f)
		}
	}
	if err := scan.readAll(ctx, dir, changed); err != nil {
		return nil, err
	}
	result.Read = int64(len(changed))
	index := r.readIndex(dir)
	row := store.PkgDir{Path: dirPath, Kind: kind, ScannedAt: r.Now}
	err = r.db.Update(ctx, func(tx *store.Tx) error {
		source := store.Source{Host: r.ID, Kind: store.SourcePkgDir, Path: dirPath, MTimeNS: dir.ModTimeNS(), Size: int64(len(scan.files)), ReadAt: r.Now}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		if err := index.describe(tx, r, dirPath, &row); err != nil {
			return err
		}
		if err := tx.PutPkgDir(r.ID, &row); err != nil {
			return err
		}
		if err := scan.store(tx, row.ID, &result); err != nil {
			return err
		}
		return index.store(tx, row.ID, &result)
	})
	if err != nil {
		return nil, err
	}
	if err := r.hashForCoverage(ctx, dir, row.ID); err != nil {
		return nil, err
	}
	return append([]SourceResult{result}, index.result), nil
}

// sameFile tells whether a file is the one that was read: inode, size and
// mtime. Portage itself trusts basename, size and whole-second mtime.
func sameFile(n *store.Instance, e hostfs.Entry) bool {
	return n.Inode == e.Inode && n.Size == e.Size && n.MTimeNS == e.MTimeNS
}

// unread tells whether the last ingest could not open the file: a permission
// that was given since changes neither size nor mtime.
func unread(n *store.Instance) bool {
	return len(n.Problems) > 0 && n.Problems[0].Code == codeUnread
}

// pkgScan is one listing of a pkgdir.
type pkgScan struct {
	*reader
	path   string
	files  []*pkgFile
	others []store.PkgDirFile
}

// list lists the folder dir, which is called rel below the pkgdir. Symlinks
// are noted and not followed, like Portage's own walk does not follow them.
func (s *pkgScan) list(dir *hostfs.Dir, rel string, depth int) error {
	entries, err := dir.Entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		p := path.Join(rel, e.Name)
		switch {
		case e.Kind == hostfs.Directory && depth < maxPkgDirDepth:
			sub, err := dir.OpenDir(e.Name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				s.others = append(s.others, otherFile(p, e, "unreadable-folder"))
				continue
			}
			err = s.list(sub, p, depth+1)
			sub.Close()
			if err != nil {
				s.others = append(s.others, otherFile(p, e, "unreadable-folder"))
			}
		case e.Kind == hostfs.Directory:
			s.others = append(s.others, otherFile(p, e, "deep-folder"))
		case e.Kind == hostfs.Regular && binpkg.FormatOfName(e.Name) != binpkg.FormatUnknown:
			s.files = append(s.files, &pkgFile{dir: rel, entry: e, path: p})
		default:
			s.others = append(s.others, otherFile(p, e, fileRole(p, e)))
		}
	}
	return nil
}

func otherFile(path string, e hostfs.Entry, role string) store.PkgDirFile {
	kind := "other"
	switch e.Kind {
	case hostfs.Regular:
		kind = "file"
	case hostfs.Symlink:
		kind = "symlink"
	case hostfs.FIFO:
		kind = "fifo"
	case hostfs.Socket:
		kind = "socket"
	case hostfs.CharDevice, hostfs.BlockDevice:
		kind = "device"
	case hostfs.Directory:
		kind = "folder"
	}
	return store.PkgDirFile{Path: path, Kind: kind, Role: role, Size: e.Size, MTimeNS: e.MTimeNS}
}

// fileRole says what a file that is no binary package is there for, by its
// name (binpkg-and-vdb: "Other files a scanner meets").
func fileRole(p string, e hostfs.Entry) string {
	name := path.Base(p)
	switch {
	case p == "Packages" || p == "Packages.gz":
		return "index"
	case strings.HasSuffix(name, ".portage_lockfile"):
		return "lock"
	case strings.HasSuffix(name, ".partial"):
		return "partial"
	case strings.Contains(name, "._checksum_failure_."):
		return "checksum-failure"
	case strings.Contains(name, ".gpkg.tar") || strings.Contains(name, ".xpak.") || strings.Contains(name, ".tbz2."):
		return "temporary"
	case p == name && strings.HasPrefix(name, "Packages"):
		return "temporary"
	case e.Kind == hostfs.Symlink:
		return "symlink"
	}
	return "stray"
}

// known returns the stored rows of the pkgdir by path.
func (s *pkgScan) known(ctx context.Context) (map[string]store.Instance, error) {
	known := map[string]store.Instance{}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		id, ok, err := findPkgDir(tx, s.ID, s.path)
		if err != nil || !ok {
			return err
		}
		rows, err := tx.Instances(id)
		for _, n := range rows {
			known[n.Path] = n
		}
		return err
	})
	return known, err
}

func findPkgDir(tx *store.Tx, host store.HostID, path string) (int64, bool, error) {
	dirs, err := tx.PkgDirs(host)
	for _, d := range dirs {
		if d.Path == path {
			return d.ID, true, nil
		}
	}
	return 0, false, err
}

// readAll reads structure and metadata of files, several at once.
func (s *pkgScan) readAll(ctx context.Context, dir *hostfs.Dir, files []*pkgFile) error {
	if len(files) == 0 {
		return nil
	}
	meter := s.begin("binpkgs", int64(len(files)), false)
	defer meter.Done()
	folders, closeAll := openFolders(dir, files)
	defer closeAll()
	work := make(chan *pkgFile)
	group, ctx := errgroup.WithContext(ctx)
	for range min(s.Jobs, len(files)) {
		group.Go(func() error {
			rd := binpkg.NewReader()
			for f := range work {
				f.instance(rd, folders[f.dir])
				meter.Add(1)
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(work)
		for _, f := range files {
			select {
			case work <- f:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return group.Wait()
}

// openFolders opens each folder that holds one of files once.
func openFolders(dir *hostfs.Dir, files []*pkgFile) (map[string]*hostfs.Dir, func()) {
	folders := map[string]*hostfs.Dir{"": dir}
	var open func(rel string) *hostfs.Dir
	open = func(rel string) *hostfs.Dir {
		if d, ok := folders[rel]; ok {
			return d
		}
		parent, name := path.Split(rel)
		up := open(strings.TrimSuffix(parent, "/"))
		if up == nil {
			folders[rel] = nil
			return nil
		}
		d, err := up.OpenDir(name)
		if err != nil {
			d = nil
		}
		folders[rel] = d
		return d
	}
	for _, f := range files {
		open(f.dir)
	}
	return folders, func() {
		for rel, d := range folders {
			if rel != "" && d != nil {
				d.Close()
			}
		}
	}
}

// instance reads one file into a row.
func (f *pkgFile) instance(rd *binpkg.Reader, folder *hostfs.Dir) {
	n := &store.Instance{
		Path: f.path, Inode: f.entry.Inode, Size: f.entry.Size, MTimeNS: f.entry.MTimeNS, PathBuildID: pathBuildID(f.entry.Name),
		Format: string(binpkg.FormatUnknown), Origin: string(binpkg.OriginUnknown), Signed: "unknown",
		Structure: "unknown", Integrity: "unknown", Signature: "unchecked",
	}
	f.read = n
	unread := func(err error) {
		if errors.Is(err, fs.ErrNotExist) {
			f.vanished = true
		}
		n.Problems = []store.Problem{{Code: codeUnread, Message: err.Error()}}
	}
	if folder == nil {
		unread(errors.New("its folder could not be opened"))
		return
	}
	file, err := folder.OpenFile(f.entry.Name)
	if err != nil {
		unread(err)
		return
	}
	defer file.Close()
	p, err := rd.Read(file, f.entry.Size, binpkg.FormatOfName(f.entry.Name))
	if err != nil {
		unread(err)
		return
	}
	n.Format, n.Compressor, n.Origin = string(p.Format), string(p.Compressor), string(p.Origin)
	n.CPV, n.Repo, n.BuildTime, n.BuildID = p.CPV(), p.Repository, max(p.BuildTime, 0), max(p.BuildID, 0)
	n.Slot, n.SubSlot, _ = strings.Cut(p.Slot, "/")
	if n.SubSlot == "" {
		n.SubSlot = n.Slot
	}
	n.InstalledSize, n.HasEnvironment = p.InstalledSize, p.HasEnvironment
	n.Signed = "none"
	if p.Signed {
		n.Signed = "signed"
	}
	n.Metadata = metadataOf(p)
	n.Integrity, n.Signature = string(p.Integrity), "unchecked"
	if !p.Signed {
		n.Signature = "none"
	}
	switch p.Integrity {
	case binpkg.Unchecked:
		n.Structure = "sound"
	case binpkg.Damaged:
		n.Structure = "damaged"
	}
	for _, d := range p.Diagnostics {
		n.Problems = append(n.Problems, store.Problem{Code: d.Code, Message: d.Message, Offset: d.Offset})
	}
	if n.Structure == "sound" {
		var code, message string
		if n.Visible, code, message = placement(f.path, p); code != "" {
			n.Problems = append(n.Problems, store.Problem{Code: code, Message: message})
		}
	}
}

// metadataOf is the stored form of what a binary package says of itself.
func metadataOf(p *binpkg.Package) *store.Metadata {
	if len(p.Names) == 0 {
		return nil
	}
	mask := p.Others["PKG_INSTALL_MASK"]
	if mask == "" {
		mask = p.Others["INSTALL_MASK"]
	}
	return &store.Metadata{
		EAPI: p.EAPI, Use: p.Use, IUse: p.IUse, IUseEffective: p.Others["IUSE_EFFECTIVE"], Keywords: p.Keywords, License: p.License,
		Properties: p.Properties, Restrict: p.Restrict, CHost: p.CHost, CFlags: p.Others["CFLAGS"], CXXFlags: p.Others["CXXFLAGS"],
		Features: p.Others["FEATURES"], BDepend: p.BDepend, Depend: p.Depend, RDepend: p.RDepend, PDepend: p.PDepend, IDepend: p.IDepend,
		Requires: p.Requires, Provides: p.Provides, DefinedPhases: p.Phases, Description: p.Description, InstallMask: mask,
	}
}

// store records what changed since the last ingest, against the rows as they
// are inside the transaction.
func (s *pkgScan) store(tx *store.Tx, pkgdir int64, result *SourceResult) error {
	rows, err := tx.Instances(pkgdir)
	if err != nil {
		return err
	}
	known := map[string]store.Instance{}
	for _, n := range rows {
		known[n.Path] = n
	}
	var added, gone int
	seen := map[string]bool{}
	for _, f := range s.files {
		if f.vanished {
			continue
		}
		seen[f.path] = true
		old, ok := known[f.path]
		if f.read == nil || ok && sameFile(&old, f.entry) && unread(&old) == unread(f.read) {
			continue
		}
		if ok {
			if err := tx.RemoveInstance(old.ID, s.Now); err != nil {
				return err
			}
		}
		f.read.PkgDir = pkgdir
		if err := tx.AddInstance(f.read, s.Now); err != nil {
			return err
		}
		added++
	}
	for _, n := range rows {
		if !seen[n.Path] {
			if err := tx.RemoveInstance(n.ID, s.Now); err != nil {
				return err
			}
			gone++
		}
	}
	files, err := tx.PkgDirFiles(pkgdir)
	if err != nil {
		return err
	}
	if !equalFiles(files, s.others) {
		if err := tx.PutPkgDirFiles(pkgdir, s.others); err != nil {
			return err
		}
		result.Changed = true
	}
	result.Changed = result.Changed || added+gone > 0
	result.Summary = fmt.Sprintf("%d binpkgs", len(seen))
	if len(rows) > 0 && added+gone > 0 {
		result.Summary += fmt.Sprintf(", %d new, %d gone", added, gone)
	}
	return nil
}

func equalFiles(a, b []store.PkgDirFile) bool {
	if len(a) != len(b) {
		return false
	}
	byPath := map[string]store.PkgDirFile{}
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

// hashForCoverage computes MD5 and SHA1 of the files on which the verdict
// "exact" hangs and whose hash no current index entry gives: those of a build
// that is installed and has a BINPKGMD5.
func (r *reader) hashForCoverage(ctx context.Context, dir *hostfs.Dir, pkgdir int64) error {
	var wanted []store.Instance
	err := r.db.View(ctx, func(tx *store.Tx) (err error) {
		wanted, err = tx.InstancesToHash(r.ID, pkgdir)
		return err
	})
	if err != nil || len(wanted) == 0 {
		return err
	}
	var total int64
	files := make([]*pkgFile, len(wanted))
	for i, n := range wanted {
		total += n.Size
		files[i] = &pkgFile{dir: strings.TrimSuffix(path.Dir(n.Path), "."), path: n.Path}
	}
	meter := r.begin("hashing", total, true)
	defer meter.Done()
	folders, closeAll := openFolders(dir, files)
	defer closeAll()
	type hashes struct{ md5, sha1 []byte }
	sums := make([]hashes, len(wanted))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(r.Jobs)
	for i, n := range wanted {
		group.Go(func() error {
			folder := folders[files[i].dir]
			if folder == nil || groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			file, err := folder.OpenFile(path.Base(n.Path))
			if err != nil {
				return nil // the next scan says what became of it
			}
			defer file.Close()
			m, s := md5.New(), sha1.New()
			copied, err := io.Copy(io.MultiWriter(m, s), io.LimitReader(file, n.Size+1))
			if err == nil && copied == n.Size {
				sums[i] = hashes{m.Sum(nil), s.Sum(nil)}
			}
			meter.Add(n.Size)
			return groupCtx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *store.Tx) error {
		for i, n := range wanted {
			if sums[i].md5 != nil {
				if err := tx.SetInstanceHashes(n.ID, sums[i].md5, sums[i].sha1); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
