package binpkgs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
	"emaudit/store"
	"emaudit/store/inventory"
)

// CoverageVerdict says how closely the best binary package matches an installed
// package.
type CoverageVerdict string

// The verdicts.
const (
	// CoverageExact: the file that was merged, or that the same build created.
	// BINPKGMD5 in the VDB equals its MD5.
	CoverageExact CoverageVerdict = "exact"
	// CoverageSameBuild: the same cpv and BUILD_TIME, but other bytes. It is a copy
	// by quickpkg, or re-signed, or moved, or BINPKGMD5 was not recorded.
	CoverageSameBuild CoverageVerdict = "same-build"
	// CoverageSameVersion: the same cpv from another build.
	CoverageSameVersion CoverageVerdict = "same-version"
	// CoverageLossy: the best match is a package that quickpkg made while installed
	// files were missing. This is known only after the image was read.
	CoverageLossy CoverageVerdict = "lossy"
	// CoverageUnknown: the place of its binary packages could not be read.
	CoverageUnknown CoverageVerdict = "unknown"
	// CoverageRemote: a binhost offers the build, by its index as Portage downloaded
	// it, and no file of the cpv is here.
	CoverageRemote CoverageVerdict = "remote"
	// CoverageNone: there is no usable binary package of this cpv.
	CoverageNone CoverageVerdict = "none"
)

// CoverageVerdicts are all verdicts, the best first.
var CoverageVerdicts = []CoverageVerdict{CoverageExact, CoverageSameBuild, CoverageSameVersion, CoverageLossy, CoverageRemote, CoverageUnknown, CoverageNone}

// Rank returns the rank of the verdict, 0 for the best.
func (v CoverageVerdict) Rank() int { return slices.Index(CoverageVerdicts, v) }

// InstanceRef identifies one binary package.
type InstanceRef struct {
	PkgDir    string        `json:"pkgdir"` // inside the root
	Path      string        `json:"path"`   // relative to PkgDir
	BuildID   *int64        `json:"build_id"`
	BuildTime *int64        `json:"build_time"`
	Size      int64         `json:"size"` // bytes
	Format    binpkg.Format `json:"format"`
	Indexed   bool          `json:"indexed"` // the index has a current entry for it
}

// Ref returns the reference to the binary package that answers hold.
func (b *Binpkg) Ref() *InstanceRef {
	return &InstanceRef{PkgDir: b.Dir.Path, Path: b.Path, BuildID: Known(b.BuildID), BuildTime: Known(b.BuildTime), Size: b.Size, Format: b.Format, Indexed: b.EntryCurrent()}
}

// Known returns nil for 0, which means "not recorded" in the store.
func Known(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// CoverageRow is the answer for one installed package.
type CoverageRow struct {
	CPV       string          `json:"cpv"`
	Slot      string          `json:"slot"` // slot[/subslot]
	Repo      string          `json:"repo"`
	BuildTime *int64          `json:"build_time"`
	BuildID   *int64          `json:"build_id"`
	Verdict   CoverageVerdict `json:"verdict"`
	UseEqual  *bool           `json:"use_equal"` // of the instance; null if there is none
	UseDiff   string          `json:"use_diff"`  // flags that only the instance has (+) and lacks (-)
	Instance  *InstanceRef    `json:"instance"`
	Size      int64           `json:"installed_size"` // bytes
	Remote    *RemoteOffer    `json:"remote"`         // of the verdict remote
}

// Coverage answers whether every installed package has a binary package.
type Coverage struct {
	Rows []CoverageRow `json:"packages"`
	// Commands close all gaps that can be closed now, in as few lines as possible.
	Commands []audit.Command `json:"commands"`
	Findings []audit.Finding `json:"-"`
	// Unread are existing folders of binary packages that the last ingest could not
	// read.
	Unread []string `json:"-"`
}

// Unknown says why no verdict is known, or "" if any is.
func (c *Coverage) Unknown() string {
	switch {
	case len(c.Rows) == 0:
		return "no installed package was found"
	case len(c.Unread) > 0 && c.Count(CoverageUnknown) == len(c.Rows):
		return strings.Join(c.Unread, ", ") + " could not be read"
	}
	return ""
}

// Covered counts the packages whose very build has a binary package here: the file
// that was merged, or another file of that build.
func (c *Coverage) Covered() int { return c.Count(CoverageExact) + c.Count(CoverageSameBuild) }

// Count returns the number of rows with the given verdict.
func (c *Coverage) Count(v CoverageVerdict) int {
	n := 0
	for _, r := range c.Rows {
		if r.Verdict == v {
			n++
		}
	}
	return n
}

// AuditCoverage finds the best binary package of each installed package.
func AuditCoverage(db audit.Database) (*Coverage, error) {
	inv, err := TakeInventory(db, false)
	if err != nil {
		return nil, err
	}
	gone, err := GoneByCPV(db, inv.Dirs)
	if err != nil {
		return nil, err
	}
	c := &Coverage{}
	var quick, rebuild []string
	sources, err := audit.SourceFindings(db, store.SourceVDB, store.SourcePkgDir, store.SourceIndex)
	if err != nil {
		return nil, err
	}
	c.Findings = append(c.Findings, sources...)
	if c.Unread, err = UnreadPkgDirs(db); err != nil {
		return nil, err
	}
	vdb, err := VdbPath(db)
	if err != nil {
		return nil, err
	}
	use := &UseFlags{Tx: db.Tx, Of: map[int64]string{}}
	installed := make([]*inventory.Installed, len(inv.Installed))
	for i := range inv.Installed {
		installed[i] = &inv.Installed[i]
	}
	slices.SortFunc(installed, func(a, b *inventory.Installed) int { return CompareCPV(a.CPV, b.CPV) })
	offers, err := remoteOffers(db)
	if err != nil {
		return nil, err
	}
	unread, err := UnreadInstalled(db)
	if err != nil {
		return nil, err
	}
	for _, cpv := range unread {
		c.Rows = append(c.Rows, CoverageRow{CPV: cpv, Verdict: CoverageUnknown})
	}
	for _, p := range installed {
		row, best, err := Cover(use, p, inv.ByCPV[p.CPV])
		if err != nil {
			return nil, err
		}
		if best == nil {
			row.Remote = offers.of(p)
		}
		unlisted := inv.UnlistedFor(p.CPV)
		if unlisted != "" && (best == nil || slices.Contains(inv.Unmounted, best.Dir.Path)) {
			row.Verdict = CoverageUnknown
		} else if row.Remote != nil {
			row.Verdict = CoverageRemote
		}
		c.Rows = append(c.Rows, row)
		if row.Verdict == CoverageRemote {
			continue
		}
		if row.Verdict == CoverageUnknown && slices.Contains(c.Unread, unlisted) {
			continue // the finding about the unreadable pkgdir is enough
		}
		if f, ok := coverageFinding(p, row, best, slices.Concat(inv.ByCPV[p.CPV], inv.Unread[p.CPV]), gone[p.CPV], path.Join(vdb, p.CPV)); ok {
			if row.Verdict != CoverageLossy && f.Remedy.IsZero() {
				f.Remedy = audit.Do(inv.packageNow(p))
			}
			c.Findings = append(c.Findings, f)
			c.Findings = append(c.Findings, inv.driftFindings(p, vdb)...)
			switch {
			case f.Code == inventory.ProblemUnread || row.Verdict == CoverageUnknown:
			case inv.canQuickpkg(p) && row.Verdict != CoverageLossy:
				quick = append(quick, p.CPV)
			default:
				rebuild = append(rebuild, p.CPV)
			}
		}
	}
	c.Findings = append(c.Findings, remoteFindings(db, c.Rows)...)
	if len(quick) > 0 {
		c.Commands = append(c.Commands, inv.KeepOthers(quickpkgCommand(quick...), quick...))
	}
	if len(rebuild) > 0 {
		c.Commands = append(c.Commands, inv.KeepOthers(rebuildCommand(rebuild...), rebuild...))
	}
	place, err := db.FindPlace()
	if err != nil {
		return nil, err
	}
	place.PutAll(c.Commands)
	return c, db.Finish(c.Findings)
}

// Cover finds the best binary package of an installed one among candidates of the
// same cpv.
func Cover(use *UseFlags, p *inventory.Installed, candidates []*Binpkg) (row CoverageRow, best *Binpkg, err error) {
	row = CoverageRow{
		CPV: p.CPV, Slot: JoinSlot(p.Slot, p.SubSlot), Repo: p.Repo, BuildTime: Known(p.BuildTime), BuildID: Known(p.BuildID),
		Verdict: CoverageNone, Size: p.Size,
	}
	for _, b := range candidates {
		if !b.Visible || b.Damaged() {
			continue
		}
		v := Match(p, b)
		if b.Lossy() {
			v = CoverageLossy
		}
		better := best == nil || v.Rank() < row.Verdict.Rank()
		if !better && v == row.Verdict {
			if better, err = use.preferred(p, b, best); err != nil {
				return row, nil, err
			}
		}
		if better {
			best, row.Verdict = b, v
		}
	}
	if best == nil {
		return row, nil, nil
	}
	row.Instance = best.Ref()
	equal, diff, err := use.compare(p, best)
	row.UseEqual, row.UseDiff = &equal, diff
	return row, best, err
}

// Match returns the verdict for one pair. The strongest evidence decides.
func Match(p *inventory.Installed, b *Binpkg) CoverageVerdict {
	switch {
	case SameMD5(p.BinpkgMD5, b.Md5()):
		return CoverageExact
	case p.BuildTime != 0 && p.BuildTime == b.BuildTime:
		return CoverageSameBuild
	}
	return CoverageSameVersion
}

// UseFlags compares the USE flags of builds. It loads them only if two builds do
// not share their metadata.
type UseFlags struct {
	Tx *store.Tx
	Of map[int64]string // by id of the metadata
}

func (u *UseFlags) load(metadata int64) (string, error) {
	if use, ok := u.Of[metadata]; ok {
		return use, nil
	}
	use, err := u.Tx.MetadataUse(metadata)
	u.Of[metadata] = use
	return use, err
}

// compare reports whether two builds have the same enabled flags. diff lists the
// flags that only the binary package has or lacks.
func (u *UseFlags) compare(p *inventory.Installed, b *Binpkg) (equal bool, diff string, err error) {
	if p.MetadataID == b.MetadataID {
		return true, "", nil
	}
	installed, err := u.load(p.MetadataID)
	if err != nil {
		return false, "", err
	}
	packaged, err := u.load(b.MetadataID)
	if err != nil {
		return false, "", err
	}
	equal, diff = DiffUse(installed, packaged)
	return equal, diff, nil
}

// preferred reports whether b is better than another instance with the same
// verdict: first by equal USE, then by visibility to Portage, then by the highest
// BUILD_TIME, as Portage chooses (dbapi/__init__.py, _cpv_sort_ascending).
func (u *UseFlags) preferred(p *inventory.Installed, b, than *Binpkg) (bool, error) {
	equal, _, err := u.compare(p, b)
	if err != nil {
		return false, err
	}
	thanEqual, _, err := u.compare(p, than)
	switch {
	case err != nil:
		return false, err
	case equal != thanEqual:
		return equal, nil
	case b.EntryCurrent() != than.EntryCurrent():
		return b.EntryCurrent(), nil
	case b.BuildTime != than.BuildTime:
		return b.BuildTime > than.BuildTime, nil
	}
	return b.Source() < than.Source(), nil
}

// DiffUse compares two lists of enabled flags.
func DiffUse(a, b string) (equal bool, diff string) {
	have := map[string]bool{}
	for flag := range strings.FieldsSeq(a) {
		have[flag] = true
	}
	var parts []string
	seen := map[string]bool{}
	for flag := range strings.FieldsSeq(b) {
		if !have[flag] && !seen[flag] {
			parts = append(parts, "+"+flag)
		}
		seen[flag] = true
	}
	for flag := range have {
		if !seen[flag] {
			parts = append(parts, "-"+flag)
		}
	}
	slices.SortFunc(parts, func(x, y string) int { return strings.Compare(x[1:], y[1:]) })
	return len(parts) == 0, strings.Join(parts, " ")
}

// coverageFinding returns the finding about a row. ok is false if there is no
// problem.
func coverageFinding(p *inventory.Installed, row CoverageRow, best *Binpkg, candidates []*Binpkg, gone []*inventory.Instance, vdb string) (audit.Finding, bool) {
	f := audit.Finding{Subject: p.CPV, Severity: audit.SeverityWarning, Evidence: []audit.Evidence{{Source: vdb}}}
	switch row.Verdict {
	case CoverageExact, CoverageSameBuild:
		return audit.Finding{}, false
	case CoverageSameVersion:
		f.Code = audit.CodeBinpkgOtherBuild
		f.Message = fmt.Sprintf("only another build of this version is packaged (%s)", DescribeBuild(best))
		if row.UseDiff != "" {
			f.Message += ", USE differs: " + row.UseDiff
		}
		f.Evidence = append(f.Evidence, audit.Evidence{Source: best.Source()})
		return f, true
	case CoverageLossy:
		f.Code = audit.CodeBinpkgLossy
		f.Message = "quickpkg made its only binary package while files were missing: " + best.MessageOf(binpkg.ProblemImageLossy)
		f.Evidence = append(f.Evidence, audit.Evidence{Source: best.Source()})
		f.Remedy = audit.Do(rebuildCommand(p.CPV))
		return f, true
	}
	if row.Verdict == CoverageUnknown {
		f.Code, f.Remedy = inventory.ProblemUnread, audit.RemedyPermissions
		f.Message = "the folder of its binary package could not be listed: nothing is known about it"
		return f, true
	}
	for _, b := range candidates {
		f.Evidence = append(f.Evidence, audit.Evidence{Source: b.Source()})
		switch {
		case b.Damaged():
			f.Code, f.Severity = audit.CodeBinpkgDamaged, audit.SeverityError
			f.Message = fmt.Sprintf("its binary package is damaged: %s", b.Path)
		case b.CPV == "" && f.Code != audit.CodeBinpkgDamaged:
			f.Code = inventory.ProblemUnread
			f.Message = fmt.Sprintf("its binary package could not be read, so nothing is known about it: %s", b.Path)
			f.Remedy = audit.RemedyPermissions
		case !b.Visible && f.Code == "":
			f.Code = audit.CodeBinpkgUnseen
			f.Message = fmt.Sprintf("its binary package is where Portage does not look: %s", b.Path)
		}
	}
	switch {
	case f.Code != "":
	case len(gone) > 0:
		f.Code = audit.CodeBinpkgGone
		last := gone[len(gone)-1]
		f.Message = fmt.Sprintf("no binary package: %s was there until %s", last.Path, audit.Day(last.GoneAt))
	default:
		f.Code = audit.CodeBinpkgMissing
		f.Message = "no binary package"
		if p.BinpkgMD5 != nil {
			f.Message = "no binary package: one was made or merged, and PKGDIR does not have it"
		} else if p.BuildID == 0 {
			f.Message = "no binary package: it was merged without making one"
		}
	}
	return f, true
}

// DescribeBuild names a build by its build id and day.
func DescribeBuild(b *Binpkg) string {
	var parts []string
	if b.BuildID != 0 {
		parts = append(parts, fmt.Sprintf("build %d", b.BuildID))
	}
	if b.BuildTime != 0 {
		parts = append(parts, "of "+audit.Day(b.BuildTime))
	}
	if len(parts) == 0 {
		return b.Path
	}
	return strings.Join(parts, " ")
}

// CanQuickpkg reports whether quickpkg can pack an installed package. It needs the
// single files of the VDB and fails if only the consolidated file is left (emaint
// vdb --fix --delete-individual-files, Portage 3.0.82). [Inventory.Drift] lists the
// files that it would omit.
func CanQuickpkg(p *inventory.Installed) bool { return p.MetadataState != vdb.MetadataSole }

// quickpkgCommand packs the live files, including changed configuration. The result
// differs from the build, but it is the only way that does not require a successful
// build.
func quickpkgCommand(cpvs ...string) audit.Command {
	return audit.Run(append([]string{"quickpkg", "--include-config=y"}, exactAtoms(cpvs)...)...)
}

// rebuildCommand builds the packages again and keeps their binary packages.
func rebuildCommand(cpvs ...string) audit.Command {
	return audit.Run(append([]string{"emerge", "--oneshot", "--usepkg=n", "--buildpkg"}, exactAtoms(cpvs)...)...)
}

// PackageOnlyCommand builds packages without merging them, because a merge would
// replace the installed versions.
func PackageOnlyCommand(cpvs ...string) audit.Command {
	return audit.Run(append([]string{"emerge", "--oneshot", "--usepkg=n", "--buildpkgonly"}, exactAtoms(cpvs)...)...)
}

func exactAtoms(cpvs []string) []string {
	atoms := make([]string, len(cpvs))
	for i, cpv := range cpvs {
		atoms[i] = "=" + cpv
	}
	return atoms
}

// JoinSlot returns slot/subslot in Portage's notation.
func JoinSlot(slot, subslot string) string {
	if subslot == "" || subslot == slot {
		return slot
	}
	return slot + "/" + subslot
}

// CompareCPV orders cpvs by category, package name and version. It orders other
// strings by bytes.
func CompareCPV(a, b string) int {
	x, errX := atom.ParseCPV(a)
	y, errY := atom.ParseCPV(b)
	if errX != nil || errY != nil {
		return strings.Compare(a, b)
	}
	return atom.Compare(x, y)
}

// GoneByCPV returns the instances that no longer exist, by cpv.
func GoneByCPV(db audit.Database, dirs []inventory.PkgDir) (map[string][]*inventory.Instance, error) {
	gone := map[string][]*inventory.Instance{}
	for _, d := range dirs {
		instances, err := inventory.GoneInstances(db.Tx, d.ID)
		if err != nil {
			return nil, err
		}
		for _, n := range instances {
			if n.CPV != "" {
				gone[n.CPV] = append(gone[n.CPV], n)
			}
		}
	}
	for _, g := range gone {
		slices.SortFunc(g, func(a, b *inventory.Instance) int { return int(a.GoneAt - b.GoneAt) })
	}
	return gone, nil
}

// UnreadPkgDirs returns the folders of binary packages that could not be read.
func UnreadPkgDirs(db audit.Database) ([]string, error) {
	sources, err := db.Tx.Sources(db.Host, store.SourcePkgDir)
	var unread []string
	for _, s := range sources {
		if s.Condition == store.ConditionUnreadable {
			unread = append(unread, s.Path)
		}
	}
	return unread, err
}

// UnreadInstalled returns the installed packages that the last ingest could not read,
// by cpv. Of these only the name is known.
func UnreadInstalled(db audit.Database) ([]string, error) {
	damage, err := db.Tx.Diagnostics(db.Host, store.SourceVDB)
	if err != nil {
		return nil, err
	}
	installed, err := TakeInstalled(db)
	if err != nil {
		return nil, err
	}
	var unread []string
	for _, d := range damage {
		if _, err := atom.ParseCPV(d.Subject); err != nil || d.Code != audit.CodeVDBUnread || slices.Contains(unread, d.Subject) {
			continue
		}
		if !slices.ContainsFunc(installed, func(p inventory.Installed) bool { return p.CPV == d.Subject }) {
			unread = append(unread, d.Subject)
		}
	}
	return unread, nil
}

// VdbPath returns the path of the host's VDB.
func VdbPath(db audit.Database) (string, error) {
	sources, err := db.Tx.Sources(db.Host, store.SourceVDB)
	if err != nil || len(sources) == 0 {
		return "/var/db/pkg", err
	}
	return sources[0].Path, nil
}
