package binpkgs

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/store"
)

// IntegrityRow is what is known of one file that is, or pretends to be, a
// binary package.
type IntegrityRow struct {
	PkgDir       string   `json:"pkgdir"` // inside the root
	Path         string   `json:"path"`   // relative to it
	CPV          *string  `json:"cpv"`
	BuildID      *int64   `json:"build_id"`
	BuildTime    *int64   `json:"build_time"`
	Size         int64    `json:"size"`  // bytes
	MTime        int64    `json:"mtime"` // unix seconds
	Format       string   `json:"format"`
	Compressor   *string  `json:"compressor"`
	Slot         string   `json:"slot"` // slot[/subslot]; "" where unreadable
	Repo         string   `json:"repo"`
	Indexed      bool     `json:"indexed"` // the index has a current entry for it
	Visible      bool     `json:"visible"` // Portage would take it up from where it lies
	Integrity    string   `json:"integrity"`
	Signature    string   `json:"signature"`
	SignatureKey *string  `json:"signature_key"`
	Origin       string   `json:"origin"`
	VerifiedAt   *int64   `json:"verified_at"` // when every byte was last read
	Problems     []string `json:"problems"`
}

// OtherFile is a file in a pkgdir that is no binary package.
type OtherFile struct {
	PkgDir string `json:"pkgdir"` // inside the root
	Path   string `json:"path"`   // relative to it
	Kind   string `json:"kind"`   // file, symlink, fifo, socket, device, folder, other
	Role   string `json:"role"`   // what it is there for
	Size   int64  `json:"size"`   // bytes
	MTime  int64  `json:"mtime"`  // unix seconds
}

// Integrity is the answer to: is what lies in PKGDIR whole, and does Portage
// see it as it is?
type Integrity struct {
	Rows     []IntegrityRow  `json:"instances"`
	Files    []OtherFile     `json:"files"`
	Findings []audit.Finding `json:"-"`
	// Unread are the pkgdirs that could not be read by the last ingest.
	Unread []string `json:"-"`
}

// Unknown says why nothing is known of any file, "" where something is.
func (i *Integrity) Unknown() string {
	switch {
	case len(i.Rows) > 0:
		return ""
	case len(i.Unread) > 0:
		return strings.Join(i.Unread, ", ") + " could not be read"
	}
	return "no binary package was found"
}

// Count returns the number of files with an integrity: whole, damaged,
// unchecked or unknown.
func (i *Integrity) Count(integrity string) int {
	n := 0
	for _, r := range i.Rows {
		if r.Integrity == integrity {
			n++
		}
	}
	return n
}

// Empty counts the damaged files without a byte that no index lists: names that a
// build reserved, or left. They never held anything that could be damaged.
func (i *Integrity) Empty() int {
	n := 0
	for _, r := range i.Rows {
		if slices.Contains(r.Problems, "empty-file") && !slices.Contains(r.Problems, "binpkg-damaged") {
			n++
		}
	}
	return n
}

// IntegrityOptions are facts that the database does not hold.
type IntegrityOptions struct {
	// Running tells whether a process runs; nil where that cannot be known,
	// because the root is not that of the running system.
	Running func(pid int) bool
	// Only limits the answer to some binary packages, and to what a full read
	// of them shows; nil asks for all of them, for the index and for whatever
	// else lies there.
	Only func(pkgdir, path string) bool
}

// AuditIntegrity holds the index against the files, in both directions, and
// says what is wrong with either, and what Portage does about it.
func AuditIntegrity(db audit.Database, opts IntegrityOptions) (*Integrity, error) {
	r := &integrityRound{Database: db, opts: opts, answer: &Integrity{Rows: []IntegrityRow{}, Files: []OtherFile{}}}
	if err := r.settings(); err != nil {
		return nil, err
	}
	inv, err := TakeInventory(db, false)
	if err != nil {
		return nil, err
	}
	r.inv, r.byCPV = inv, map[string][]*store.Installed{}
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
			r.answer.Unread = append(r.answer.Unread, inv.Dirs[i].Path)
			continue // sources says that nothing is known of it
		}
		if err := r.folder(inv, i); err != nil {
			return nil, fmt.Errorf("pkgdir %s: %w", inv.Dirs[i].Path, err)
		}
	}
	r.answer.Findings = r.findings
	return r.answer, r.Finish(r.answer.Findings)
}

// integrityRound is one asking. Its folder-wide fields are those of the folder
// in hand.
type integrityRound struct {
	audit.Database
	opts     IntegrityOptions
	features map[string]bool
	typed    audit.Place // where its commands are typed
	byCPV    map[string][]*store.Installed
	inv      *Inventory
	findings []audit.Finding
	answer   *Integrity

	dir     *store.PkgDir
	binpkgs []*Binpkg
	byPath  map[string]*Binpkg
	entries []store.IndexEntry
	others  []store.PkgDirFile
	use     map[int64]string     // USE by instance, where their metadata was not read
	codes   map[*Binpkg][]string // of findings about one file that no reading of it shows
}

func (r *integrityRound) settings() error {
	stored, err := r.Tx.Settings(r.Host)
	r.features = map[string]bool{}
	for _, s := range stored {
		if s.Name == "FEATURES" {
			for f := range strings.FieldsSeq(s.Value) {
				r.features[f] = true
			}
		}
	}
	if err != nil {
		return err
	}
	r.typed, err = r.FindPlace()
	return err
}

// trusted tells whether Portage takes the index for the truth and looks at no
// file (bintree.py, populate).
func (r *integrityRound) trusted() bool { return r.features["pkgdir-index-trusted"] }

// sources reports what could not be read. That a fetched repository has no
// index is as it should be.
func (r *integrityRound) sources(inv *Inventory) error {
	findings, err := audit.SourceFindings(r.Database, store.SourcePkgDir, store.SourceIndex)
	for _, f := range findings {
		index := f.Evidence[0].Source
		i := slices.IndexFunc(inv.Dirs, func(d store.PkgDir) bool { return d.Path == path.Dir(index) })
		if i >= 0 {
			r.dir = &inv.Dirs[i]
		}
		switch {
		case i >= 0 && f.Code == "index-missing":
			f.Remedy = r.fix()
		case f.Remedy.IsZero() && i >= 0:
			f.Remedy = r.anew()
		}
		r.findings = append(r.findings, f)
	}
	return err
}

// fix is [audit.FixIndex] for the folder in hand. Portage then reads the files that
// the index does not list with the size and mtime that they have (bintree.py,
// populate); of the others it believes the index. It writes nothing where it finds
// nothing to add, to drop or to read (emaint/modules/binhost).
func (r *integrityRound) fix() audit.Remedy { return r.inFolder(audit.FixIndex) }

// inFolder makes a command of Portage's work on the folder in hand.
func (r *integrityRound) inFolder(command audit.Command) audit.Remedy {
	if r.dir.Kind == "extra" || r.typed.PkgDir != "" && r.dir.Kind == "pkgdir" {
		return audit.Do(command.With("PKGDIR=" + r.dir.Path))
	}
	return audit.Do(command)
}

// refresh is [binpkg.refresh] for a file of the folder in hand.
func (r *integrityRound) refresh(b *Binpkg) audit.Remedy {
	return audit.Do(audit.Files("touch", "--", b.Source())).Then(r.fix())
}

// anew is what makes Portage write the whole index: what is wrong in its text, or
// in its header alone, stays where Portage finds nothing to change.
func (r *integrityRound) anew() audit.Remedy {
	return audit.Do(audit.Files("rm", "--", r.indexPath())).Then(r.fix())
}

func (r *integrityRound) folder(inv *Inventory, n int) (err error) {
	dir := &inv.Dirs[n]
	r.entries = inv.Entries[n]
	if r.others, err = r.Tx.PkgDirFiles(dir.ID); err != nil {
		return err
	}
	if r.opts.Only == nil && !r.IsShared() {
		if r.use, err = r.Tx.UseOfInstances(dir.ID); err != nil {
			return err
		}
	}
	r.dir, r.binpkgs, r.byPath, r.codes = dir, nil, map[string]*Binpkg{}, map[*Binpkg][]string{}
	for i := range inv.Binpkgs {
		if inv.Binpkgs[i].Dir == dir {
			b := &Binpkg{Instance: inv.Binpkgs[i].Instance, Dir: dir}
			r.binpkgs = append(r.binpkgs, b)
			r.byPath[b.Path] = b
		}
	}
	r.joinEntries()
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
		r.index()
		r.clutter()
	}
	r.rows()
	return nil
}

// joinEntries gives every file its entry of the index: of several, the one that
// describes it as it is.
func (r *integrityRound) joinEntries() {
	for i := range r.entries {
		e := &r.entries[i]
		b := r.byPath[e.Path]
		if !e.Usable || b == nil {
			continue
		}
		former := b.Entry
		b.Entry = e
		if former != nil && !b.EntryCurrent() {
			b.Entry = former
		}
	}
}

// rows adds the rows of the folder in hand.
func (r *integrityRound) rows() {
	for _, b := range r.binpkgs {
		if r.opts.Only != nil && !r.opts.Only(r.dir.Path, b.Path) {
			continue
		}
		row := IntegrityRow{
			PkgDir: r.dir.Path, Path: b.Path, CPV: text(b.CPV), BuildID: Known(b.BuildID), BuildTime: Known(b.BuildTime), Size: b.Size,
			MTime: FloorSeconds(b.MTimeNS), Format: b.Format, Compressor: text(b.Compressor), Slot: JoinSlot(b.Slot, b.SubSlot), Repo: b.Repo,
			Indexed: b.EntryCurrent(), Visible: b.Visible, Integrity: b.Verdict(), Signature: b.Signature, SignatureKey: text(b.SignatureKey),
			Origin: b.Origin, VerifiedAt: Known(b.VerifiedAt), Problems: []string{},
		}
		for _, p := range b.Problems {
			if !slices.Contains(row.Problems, p.Code) {
				row.Problems = append(row.Problems, p.Code)
			}
		}
		for _, code := range r.codes[b] {
			if !slices.Contains(row.Problems, code) {
				row.Problems = append(row.Problems, code)
			}
		}
		r.answer.Rows = append(r.answer.Rows, row)
	}
	if r.opts.Only != nil {
		return
	}
	for _, o := range r.others {
		if pretends(o) {
			r.answer.Rows = append(r.answer.Rows, IntegrityRow{
				PkgDir: r.dir.Path, Path: o.Path, Size: o.Size, MTime: FloorSeconds(o.MTimeNS), Format: "unknown", Integrity: "unknown",
				Signature: "unchecked", Origin: "unknown", Problems: []string{o.Role},
			})
		}
		r.answer.Files = append(r.answer.Files, OtherFile{PkgDir: r.dir.Path, Path: o.Path, Kind: o.Kind, Role: o.Role, Size: o.Size, MTime: FloorSeconds(o.MTimeNS)})
	}
	slices.SortStableFunc(r.answer.Rows, func(a, b IntegrityRow) int {
		return cmp.Or(strings.Compare(a.PkgDir, b.PkgDir), strings.Compare(a.Path, b.Path))
	})
}

// pretends tells whether what is no regular file is named like a binary
// package.
func pretends(o store.PkgDirFile) bool {
	if o.Role != "symlink" && o.Role != "not-a-file" {
		return false
	}
	for _, suffix := range []string{".gpkg.tar", ".xpak", ".tbz2"} {
		if strings.HasSuffix(o.Path, suffix) {
			return true
		}
	}
	return false
}

// text is nil for "", which the store keeps for "not known".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// report adds a finding about a path below the folder in hand.
func (r *integrityRound) report(severity audit.Severity, code, rel string, offset int64, remedy audit.Remedy, format string, args ...any) {
	source := path.Join(r.dir.Path, rel)
	r.findings = append(r.findings, audit.Finding{
		Code: code, Severity: severity, Subject: source, Message: fmt.Sprintf(format, args...),
		Evidence: []audit.Evidence{{Source: source, Offset: offset}}, Remedy: remedy,
	})
}

// note is report about a file, whose row gets the code as well.
func (r *integrityRound) note(b *Binpkg, severity audit.Severity, code string, remedy audit.Remedy, format string, args ...any) {
	r.report(severity, code, b.Path, 0, remedy, format, args...)
	r.codes[b] = append(r.codes[b], code)
}

// remove is the command that removes a file of the folder in hand.
func (r *integrityRound) remove(rel string) audit.Remedy {
	return audit.Do(audit.Files("rm", "--", path.Join(r.dir.Path, rel)))
}

// drop are the commands that remove a binary package, and its entry.
func (r *integrityRound) drop(b *Binpkg) audit.Remedy {
	if b.Entry == nil {
		return r.remove(b.Path)
	}
	return r.remove(b.Path).Then(r.fix())
}

// again is what makes the binary package of a file anew: from what is
// installed, or by a build that is not merged; the zero Remedy where it cannot be told of
// what package it is.
func (r *integrityRound) again(b *Binpkg) audit.Remedy {
	name := b.CPV
	if name == "" {
		name = CpvOfPath(b.Path)
	}
	for _, p := range r.byCPV[name] {
		return r.inFolder(r.inv.packageNow(p))
	}
	if name == "" {
		return audit.Remedy{}
	}
	return r.inFolder(PackageOnlyCommand(name))
}

// replace makes the binary package of a file anew, and then removes the file,
// unless the new one takes its name: the other way round, a build that fails
// would leave nothing. With FEATURES=binpkg-multi-instance Portage never takes a
// name that is in use (bintree.py, _allocate_filename_multi).
func (r *integrityRound) replace(b *Binpkg) audit.Remedy {
	again := r.again(b)
	switch {
	case again.IsZero():
		return r.drop(b)
	case !r.features["binpkg-multi-instance"] && (b.Path == CpvOfPath(b.Path)+".gpkg.tar" || b.Path == CpvOfPath(b.Path)+".tbz2"):
		return again
	}
	return again.Then(r.drop(b))
}
