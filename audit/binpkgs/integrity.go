package binpkgs

import (
	"cmp"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/binpkg"
	"emaudit/store"
	"emaudit/store/config"
	"emaudit/store/inventory"
)

// IntegrityRow describes one file that is, or claims to be, a binary package.
type IntegrityRow struct {
	PkgDir       string                `json:"pkgdir"` // inside the root
	Path         string                `json:"path"`   // relative to PkgDir
	CPV          *string               `json:"cpv"`
	BuildID      *int64                `json:"build_id"`
	BuildTime    *int64                `json:"build_time"`
	Size         int64                 `json:"size"`  // bytes
	MTime        int64                 `json:"mtime"` // unix seconds
	Format       binpkg.Format         `json:"format"`
	Compressor   *string               `json:"compressor"`
	Slot         string                `json:"slot"` // slot[/subslot]; "" if unreadable
	Repo         string                `json:"repo"`
	Indexed      bool                  `json:"indexed"` // the index has a current entry for it
	Visible      bool                  `json:"visible"` // Portage would accept it at its location
	Integrity    binpkg.Integrity      `json:"integrity"`
	Signature    binpkg.SignatureState `json:"signature"`
	SignatureKey *string               `json:"signature_key"`
	Origin       binpkg.Origin         `json:"origin"`
	VerifiedAt   *int64                `json:"verified_at"` // when every byte was last read, in unix seconds
	Problems     []string              `json:"problems"`
}

// OtherFile is a file in a pkgdir that is not a binary package.
type OtherFile struct {
	PkgDir string             `json:"pkgdir"` // inside the root
	Path   string             `json:"path"`   // relative to PkgDir
	Kind   string             `json:"kind"`   // file, symlink, fifo, socket, device, folder, other
	Role   inventory.FileRole `json:"role"`   // the purpose of the file
	Size   int64              `json:"size"`   // bytes
	MTime  int64              `json:"mtime"`  // unix seconds
}

// Integrity answers whether the files in PKGDIR are whole, and whether the index
// describes them correctly.
type Integrity struct {
	// Rows describe the files, by path. They are made as they are asked for.
	Rows     iter.Seq2[*IntegrityRow, error]
	All      int             // the number of rows
	Files    []OtherFile     `json:"files"`
	Findings []audit.Finding `json:"-"`
	// Unread are the pkgdirs that the last ingest could not read.
	Unread []string `json:"-"`

	// Unlisted counts the files that belong in an index and are not in it. Those that
	// Portage would not take up anyway do not belong there.
	Unlisted int
	// NotRead counts the binary packages that were never read in full and of which
	// nothing else shows that they are damaged. One that was read and that no checksum
	// vouches for is not among them.
	NotRead     int
	Signatures  map[binpkg.SignatureState]int
	integrities map[binpkg.Integrity]int
}

// Put sets the rows of the answer, and counts them.
func (i *Integrity) Put(rows iter.Seq2[*IntegrityRow, error]) {
	i.Rows, i.Signatures, i.integrities = rows, map[binpkg.SignatureState]int{}, map[binpkg.Integrity]int{}
	for r := range rows {
		i.All++
		i.integrities[r.Integrity]++
		i.Signatures[r.Signature]++
		if r.Visible && !r.Indexed {
			i.Unlisted++
		}
		if (r.Integrity == Unread || r.Integrity == Unknown && r.VerifiedAt == nil) && !r.isOther() {
			i.NotRead++
		}
	}
}

// Unknown says why nothing is known about any file, or "" if anything is.
func (i *Integrity) Unknown() string {
	switch {
	case i.All > 0:
		return ""
	case len(i.Unread) > 0:
		return strings.Join(i.Unread, ", ") + " could not be read"
	}
	return "no binary package was found"
}

// Count returns the number of files with the given integrity: whole, damaged,
// empty, unread, unchecked or unknown.
func (i *Integrity) Count(integrity binpkg.Integrity) int { return i.integrities[integrity] }

// isOther reports whether a row is about a symlink or a device with the name of a
// binary package.
func (r *IntegrityRow) isOther() bool {
	return slices.Contains(r.Problems, string(inventory.RoleSymlink)) || slices.Contains(r.Problems, string(inventory.RoleNotAFile))
}

// IntegrityOptions are facts that the database does not hold.
type IntegrityOptions struct {
	// Running reports whether a process is running. It is nil if that cannot be
	// known, because the root is not the running system.
	Running func(pid int) bool
	// Only restricts the answer to some binary packages and the results of reading
	// them in full. If nil, the answer covers all binary packages, the index and
	// all other files.
	Only func(pkgdir, path string) bool
	// Needed reports whether a kept state needs a version. What none needs is not to
	// be packaged again. If nil, every version counts as needed.
	Needed func(cpv string) (bool, error)
}

// AuditIntegrity compares the index and the files in both directions. Its findings
// name the problems and Portage's reaction to them.
func AuditIntegrity(db audit.Database, opts IntegrityOptions) (*Integrity, error) {
	r := &integrityRound{Database: db, opts: opts, answer: &Integrity{}}
	if err := r.settings(); err != nil {
		return nil, err
	}
	inv, err := TakeInventory(db, false)
	if err != nil {
		return nil, err
	}
	if r.answer.Unread, err = UnreadPkgDirs(db); err != nil {
		return nil, err
	}
	r.inv, r.byCPV = inv, map[string][]*inventory.Installed{}
	for i := range inv.Installed {
		p := &inv.Installed[i]
		r.byCPV[p.CPV] = append(r.byCPV[p.CPV], p)
	}
	if opts.Only == nil {
		if err := r.sources(inv); err != nil {
			return nil, err
		}
	}
	for i := range inv.Dirs {
		if opts.Only == nil && slices.Contains(inv.Unmounted, inv.Dirs[i].Path) {
			continue // sources has reported that nothing is known of it
		}
		if err := r.folder(inv, i); err != nil {
			return nil, fmt.Errorf("pkgdir %s: %w", inv.Dirs[i].Path, err)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	slices.SortStableFunc(r.files, func(a, b integrityFile) int {
		return cmp.Or(strings.Compare(a.dir.Path, b.dir.Path), strings.Compare(a.path(), b.path()))
	})
	files := r.files
	r.answer.Put(func(yield func(*IntegrityRow, error) bool) {
		for i := range files {
			if !yield(files[i].row(), nil) {
				return
			}
		}
	})
	r.answer.Findings = r.findings
	return r.answer, r.Finish(r.answer.Findings)
}

// integrityRound is one call of AuditIntegrity. The fields about a folder change
// with each folder.
type integrityRound struct {
	audit.Database
	opts         IntegrityOptions
	features     map[string]bool
	commandPlace audit.Place // where its commands are run
	byCPV        map[string][]*inventory.Installed
	inv          *Inventory
	findings     []audit.Finding
	answer       *Integrity
	files        []integrityFile // of all folders
	err          error           // of opts.Needed

	dir     *inventory.PkgDir
	binpkgs []*Binpkg
	byPath  map[string]*Binpkg
	others  []inventory.PkgDirFile
	codes   map[*Binpkg][]string // codes of findings about a file that reading it does not show
}

func (r *integrityRound) settings() error {
	settings, err := config.Settings(r.Tx, r.Host)
	if err != nil {
		return err
	}
	r.features = map[string]bool{}
	for f := range strings.FieldsSeq(settings["FEATURES"].Value) {
		r.features[f] = true
	}
	r.commandPlace, err = r.FindPlace()
	return err
}

// trusted reports whether Portage trusts the index without looking at the files
// (bintree.py, populate).
func (r *integrityRound) trusted() bool { return r.features["pkgdir-index-trusted"] }

// sources reports sources that could not be read. A fetched repository normally has
// no index.
func (r *integrityRound) sources(inv *Inventory) error {
	findings, err := audit.SourceFindings(r.Database, store.SourcePkgDir, store.SourceIndex)
	for _, f := range findings {
		index := f.Evidence[0].Source
		i := slices.IndexFunc(inv.Dirs, func(d inventory.PkgDir) bool { return d.Path == path.Dir(index) })
		if i >= 0 {
			r.dir = &inv.Dirs[i]
		}
		switch {
		case i >= 0 && f.Code == audit.CodeIndexMissing:
			f.Remedy = r.fix()
		case f.Remedy.IsZero() && i >= 0:
			f.Remedy = r.rewriteIndex()
		}
		r.findings = append(r.findings, f)
	}
	return err
}

// fix returns [audit.FixIndex] for the current folder. Portage then reads the files
// whose size and mtime differ from the index (bintree.py, populate), and trusts the
// index for all others. If there is nothing to add, drop or read, it does not write
// the index (emaint/modules/binhost).
func (r *integrityRound) fix() audit.Remedy { return r.inFolder(audit.FixIndex) }

// inFolder makes a command of Portage apply to the current folder.
func (r *integrityRound) inFolder(command audit.Command) audit.Remedy {
	if r.dir.Kind == inventory.KindExtra || r.commandPlace.PkgDir != "" && r.dir.Kind == inventory.KindPkgDir {
		return audit.Do(command.With("PKGDIR=" + r.dir.Path))
	}
	return audit.Do(command)
}

// refresh returns [Binpkg.Refresh] for a file of the current folder.
func (r *integrityRound) refresh(b *Binpkg) audit.Remedy {
	return audit.Do(audit.Files("touch", "--", b.Source())).Then(r.fix())
}

// rewriteIndex returns the remedy that makes Portage write the whole index again.
// Errors in its text or header otherwise remain if Portage finds nothing to change.
func (r *integrityRound) rewriteIndex() audit.Remedy {
	return audit.Do(audit.Files("rm", "--", r.indexPath())).Then(r.fix())
}

func (r *integrityRound) folder(inv *Inventory, n int) (err error) {
	dir := &inv.Dirs[n]
	if r.others, err = inventory.PkgDirFiles(r.Tx, dir.ID); err != nil {
		return err
	}
	r.dir, r.binpkgs, r.byPath, r.codes = dir, nil, map[string]*Binpkg{}, map[*Binpkg][]string{}
	for i := range inv.Binpkgs {
		if inv.Binpkgs[i].Dir == dir {
			b := &inv.Binpkgs[i]
			r.binpkgs = append(r.binpkgs, b)
			r.byPath[b.Path] = b
		}
	}
	for _, b := range r.binpkgs {
		if r.opts.Only != nil && !r.opts.Only(dir.Path, b.Path) {
			continue
		}
		r.content(b)
		r.digests(b)
		if r.opts.Only == nil {
			r.place(b)
		}
	}
	if r.opts.Only == nil {
		r.unverified()
		r.collapsed()
		if err := r.index(); err != nil {
			return err
		}
		r.clutter()
	}
	r.rows()
	return nil
}

// integrityFile is what a row is made of: a binary package with the codes of findings
// about it, or another file with the name of one.
type integrityFile struct {
	dir    *inventory.PkgDir
	binpkg *Binpkg // nil for another file
	codes  []string
	other  *inventory.PkgDirFile
}

func (f *integrityFile) path() string {
	if f.other != nil {
		return f.other.Path
	}
	return f.binpkg.Path
}

func (f *integrityFile) row() *IntegrityRow {
	if o := f.other; o != nil {
		return &IntegrityRow{
			PkgDir: f.dir.Path, Path: o.Path, Size: o.Size, MTime: FloorSeconds(o.MTimeNS), Format: binpkg.FormatUnknown, Integrity: binpkg.Unknown,
			Signature: binpkg.SignatureUnchecked, Origin: binpkg.OriginUnknown, Problems: []string{string(o.Role)},
		}
	}
	b := f.binpkg
	row := &IntegrityRow{
		PkgDir: f.dir.Path, Path: b.Path, CPV: text(b.CPV), BuildID: Known(b.BuildID), BuildTime: Known(b.BuildTime), Size: b.Size,
		MTime: FloorSeconds(b.MTimeNS), Format: b.Format, Compressor: text(b.Compressor), Slot: JoinSlot(b.Slot, b.SubSlot), Repo: b.Repo,
		Indexed: b.EntryCurrent(), Visible: b.Visible, Integrity: b.Verdict(), Signature: b.Signature, SignatureKey: text(b.SignatureKey),
		Origin: b.Origin, VerifiedAt: Known(b.VerifiedAt),
	}
	for _, p := range b.Problems {
		if !slices.Contains(row.Problems, p.Code) {
			row.Problems = append(row.Problems, p.Code)
		}
	}
	for _, code := range f.codes {
		if !slices.Contains(row.Problems, code) {
			row.Problems = append(row.Problems, code)
		}
	}
	return row
}

// rows adds the rows of the current folder.
func (r *integrityRound) rows() {
	for _, b := range r.binpkgs {
		if r.opts.Only == nil || r.opts.Only(r.dir.Path, b.Path) {
			r.files = append(r.files, integrityFile{dir: r.dir, binpkg: b, codes: r.codes[b]})
		}
	}
	if r.opts.Only != nil {
		return
	}
	for i := range r.others {
		o := &r.others[i]
		if namedLikeBinpkg(*o) {
			r.files = append(r.files, integrityFile{dir: r.dir, other: o})
		}
		r.answer.Files = append(r.answer.Files, OtherFile{PkgDir: r.dir.Path, Path: o.Path, Kind: o.Kind, Role: o.Role, Size: o.Size, MTime: FloorSeconds(o.MTimeNS)})
	}
}

// namedLikeBinpkg reports whether a file that is not regular has the name of a
// binary package.
func namedLikeBinpkg(o inventory.PkgDirFile) bool {
	if o.Role != inventory.RoleSymlink && o.Role != inventory.RoleNotAFile {
		return false
	}
	for _, suffix := range []string{".gpkg.tar", ".xpak", ".tbz2"} {
		if strings.HasSuffix(o.Path, suffix) {
			return true
		}
	}
	return false
}

// text returns nil for "", which means "unknown" in the store.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// report adds a finding about a path below the current folder.
func (r *integrityRound) report(severity audit.Severity, code, rel string, offset int64, remedy audit.Remedy, format string, args ...any) {
	source := path.Join(r.dir.Path, rel)
	r.findings = append(r.findings, audit.Finding{
		Code: code, Severity: severity, Subject: source, Message: fmt.Sprintf(format, args...),
		Evidence: []audit.Evidence{{Source: source, Offset: offset}}, Remedy: remedy,
	})
}

// note is like report for a binary package, and also adds the code to its row.
func (r *integrityRound) note(b *Binpkg, severity audit.Severity, code string, remedy audit.Remedy, format string, args ...any) {
	r.report(severity, code, b.Path, 0, remedy, format, args...)
	r.codes[b] = append(r.codes[b], code)
}

// remove returns the command that removes a file of the current folder.
func (r *integrityRound) remove(rel string) audit.Remedy {
	return audit.Do(audit.Files("rm", "--", path.Join(r.dir.Path, rel)))
}

// removeWithEntry returns the commands that remove a binary package and its entry.
func (r *integrityRound) removeWithEntry(b *Binpkg) audit.Remedy {
	if b.Entry == nil {
		return r.remove(b.Path)
	}
	return r.remove(b.Path).Then(r.fix())
}

// recreate returns the remedy that recreates a binary package, from the installed
// files or by a build without a merge. It returns the zero Remedy if the package of
// the file is unknown, or if nothing needs it.
func (r *integrityRound) recreate(b *Binpkg) audit.Remedy {
	name := b.CPV
	if name == "" {
		name = CpvOfPath(b.Path)
	}
	for _, p := range r.byCPV[name] {
		return r.inFolder(r.inv.packageNow(p))
	}
	if name == "" || !r.needed(name) {
		return audit.Remedy{}
	}
	return r.inFolder(PackageOnlyCommand(name))
}

func (r *integrityRound) needed(cpv string) bool {
	if r.opts.Needed == nil {
		return true
	}
	needed, err := r.opts.Needed(cpv)
	r.err = cmp.Or(r.err, err)
	return needed
}

// replace returns the remedy that recreates a binary package and then removes the
// old file, unless the new one has the same name. In the other order, a failed
// build would leave nothing. With FEATURES=binpkg-multi-instance, Portage never
// reuses a name that exists (bintree.py, _allocate_filename_multi).
func (r *integrityRound) replace(b *Binpkg) audit.Remedy {
	again := r.recreate(b)
	switch {
	case again.IsZero():
		return r.removeWithEntry(b)
	case !r.features["binpkg-multi-instance"] && (b.Path == CpvOfPath(b.Path)+".gpkg.tar" || b.Path == CpvOfPath(b.Path)+".tbz2"):
		return again
	}
	return again.Then(r.removeWithEntry(b))
}
