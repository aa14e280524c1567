package overview

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/mergelog"
	"emaudit/store"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// Package is everything known about one package.
type Package struct {
	CP         string              `json:"cp"`
	Installed  []ShownInstalled    `json:"installed"`
	Instances  []ShownInstance     `json:"instances"`
	Events     []ShownEvent        `json:"events"` // the newest first
	Failures   []aftermath.Failure `json:"failures"`
	Messages   []aftermath.Message `json:"messages"`
	Notices    []ShownNotice       `json:"notices"` // of installed builds
	Dependents []ShownDependency   `json:"dependents"`
	// Unread says what could not be read: without it, what is absent is not known to be.
	Unread   struct{ Installed, Instances, Events, Dependents bool } `json:"-"`
	Findings []audit.Finding                                         `json:"-"`
}

// ShownInstalled is one installed version.
type ShownInstalled struct {
	CPV       string `json:"cpv"`
	Slot      string `json:"slot"`
	Repo      string `json:"repo"`
	BuildTime *int64 `json:"build_time"`
	BuildID   *int64 `json:"build_id"`
	Size      int64  `json:"size"` // bytes
	USE       string `json:"use"`
}

// ShownInstance is one binary package of the package.
type ShownInstance struct {
	CPV string `json:"cpv"`
	binpkgs.InstanceRef
	Integrity binpkg.Integrity `json:"integrity"`
	// Match is the verdict about it and the installed build, "" if another version
	// is installed.
	Match binpkgs.CoverageVerdict `json:"match"`
}

// ShownEvent is one merge or removal, with facts from its log.
type ShownEvent struct {
	Event   string `json:"event"` // merge, unmerge
	Run     int64  `json:"run"`
	CPV     string `json:"cpv"`
	Root    string `json:"root"`
	Kind    string `json:"kind"`   // source, binary, unknown; "" for a removal
	Reason  string `json:"reason"` // replaced, explicit, depclean, blocker; "" for a merge
	Outcome string `json:"outcome"`
	// PostinstFailed reports that the package was merged and its pkg_postinst died.
	PostinstFailed bool   `json:"postinst_failed"`
	Started        *int64 `json:"started_at"`
	Seconds        *int64 `json:"seconds"`
	// The fields below come from the log. They are null if there is no log, or if it
	// does not have them.
	Log          *string               `json:"log"`
	LogGone      bool                  `json:"log_gone"`
	Link         history.LinkCertainty `json:"link"`
	BuildBytes   *int64                `json:"build_bytes"`
	InstallBytes *int64                `json:"install_bytes"`
	MemoryBytes  *int64                `json:"memory_bytes"`
	CPUMillis    *int64                `json:"cpu_millis"`
}

// ShownNotice is a QA notice of an installed build.
type ShownNotice struct {
	CPV       string   `json:"cpv"`
	Class     string   `json:"class"`
	Title     string   `json:"title"`
	Details   []string `json:"details"`
	AtRuntime bool     `json:"at_runtime"`
	Log       string   `json:"log"`
	Offset    int64    `json:"offset"`
}

// ShownDependency is an installed package that needs the package.
type ShownDependency struct {
	CPV  string `json:"cpv"`
	Atom string `json:"atom"`
	Kind string `json:"kind"` // rdepend, pdepend, idepend, depend, bdepend
}

// PackageNameError is the error of a name that no known package has, or that several
// have.
type PackageNameError struct {
	Name       string
	Candidates []string // the packages that the name may mean; empty if there is none
	Versions   []string // the known cpvs of the package, if none has the version of the name
	Unread     string   // the installed package of this name, if it could not be read
}

func (e *PackageNameError) Error() string {
	switch {
	case e.Unread != "":
		return fmt.Sprintf("%s is installed, but could not be read", e.Unread)
	case len(e.Versions) > 0:
		return fmt.Sprintf("%s: no such version is known; there are %s", e.Name, strings.Join(e.Versions, ", "))
	case len(e.Candidates) == 0:
		return fmt.Sprintf("no package is called %s", history.BareName(e.Name))
	}
	return fmt.Sprintf("%s: several packages are called so: %s", e.Name, strings.Join(e.Candidates, ", "))
}

// FindPackage returns the category/pn that a person means by a name: pn,
// category/pn, a cpv, an atom with operator and slot, or a part of category/pn that
// only one package has. For a name or a version that is unknown, and for an ambiguous
// name, the error is a [*PackageNameError].
func FindPackage(db audit.Database, name string) (string, error) {
	cp, err := findName(db, name)
	if err != nil || strings.HasSuffix(name, "*") || strings.ContainsAny(name, "<>~") {
		return cp, err
	}
	pf := strings.TrimLeft(name, "=")
	pf, _, _ = strings.Cut(pf, "[")
	pf, _, _ = strings.Cut(pf, ":")
	_, pf = path.Split(pf)
	if pn, _, ok := atom.SplitPF(pf); !ok || pn != path.Base(cp) {
		return cp, nil
	}
	cpvs, err := db.Tx.VersionsOf(cp)
	if err == nil && !slices.Contains(cpvs, path.Dir(cp)+"/"+pf) {
		slices.SortFunc(cpvs, binpkgs.CompareCPV)
		err = &PackageNameError{Name: name, Versions: cpvs}
	}
	return cp, err
}

// findName finds the package of a name, whatever its version.
func findName(db audit.Database, name string) (string, error) {
	word := strings.TrimLeft(name, "=<>~!")
	word, _, _ = strings.Cut(word, "[")
	word, _, _ = strings.Cut(word, ":")
	word = strings.TrimSuffix(word, "*")
	if versions, err := db.Tx.VersionsOf(word); err != nil || len(versions) > 0 {
		return word, err
	}
	// In a fleet, the names of all hosts take longer than the answer.
	known, err := db.Tx.PackageNames()
	if err != nil {
		return "", err
	}
	if c, err := atom.ParseCPV(word); err == nil {
		if _, ok := slices.BinarySearch(known, c.CP()); ok {
			return c.CP(), nil
		}
	}
	if _, ok := slices.BinarySearch(known, word); ok {
		return word, nil
	}
	pn := word
	if stem, _, ok := atom.SplitPF(word); ok && !slices.ContainsFunc(known, func(cp string) bool { return strings.HasSuffix(cp, "/"+word) }) {
		pn = stem
	}
	var candidates []string
	for _, cp := range known {
		if strings.HasSuffix(cp, "/"+pn) {
			candidates = append(candidates, cp)
		}
	}
	if len(candidates) == 0 && len(pn) > 1 {
		for _, cp := range known {
			if strings.Contains(cp, strings.ToLower(pn)) {
				candidates = append(candidates, cp)
			}
		}
	}
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	wrong := &PackageNameError{Name: name, Candidates: candidates}
	if len(candidates) == 0 {
		unread, err := binpkgs.UnreadInstalled(db)
		if err != nil {
			return "", err
		}
		for _, cpv := range unread {
			if cp := audit.PackageOf(cpv); cp == word || path.Base(cp) == pn || cpv == word {
				wrong.Unread = cpv
			}
		}
	}
	return "", wrong
}

// ShowPackage collects everything known about a package (category/pn).
func ShowPackage(db audit.Database, cp string) (*Package, error) {
	p := &Package{CP: cp}
	installed, err := inventory.InstalledWithMetadata(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	files, err := binpkgs.LoadBinpkgs(db, cp)
	if err != nil {
		return nil, err
	}
	p.addInstances(installed, files)
	buildLogs, err := logs.BuildLogs(db.Tx, db.Host, logs.BuildLogQuery{CP: cp})
	if err != nil {
		return nil, err
	}
	h, err := history.LoadMergeHistory(db, []string{cp})
	if err != nil {
		return nil, err
	}
	p.addEvents(h, buildLogs)
	var failed []logs.Merge
	for _, m := range h.ByCP[cp] {
		if aftermath.IsFailed(m) {
			failed = append(failed, *m)
		}
	}
	broken := slices.DeleteFunc(slices.Clone(buildLogs), func(l logs.BuildLog) bool { return l.Log.Failure == nil })
	errors, err := logs.ElogMessages(db.Tx, db.Host, logs.ElogQuery{CP: cp, Classes: []mergelog.Class{mergelog.ClassError}})
	if err != nil {
		return nil, err
	}
	slots, err := db.Tx.KnownSlots(db.Host)
	if err != nil {
		return nil, err
	}
	p.Failures = aftermath.NewFailures(h, broken, failed, errors, installed, slots).Rows
	place, err := db.FindPlace()
	if err != nil {
		return nil, err
	}
	for i := range p.Failures {
		p.Failures[i].Retry = p.Failures[i].Retry.At(place)
	}
	messages, err := aftermath.AuditMessages(db, aftermath.MessageFilter{CP: cp})
	if err != nil {
		return nil, err
	}
	p.Messages = messages.Rows
	if err := p.addNotices(db, installed); err != nil {
		return nil, err
	}
	p.addDependents(installed)
	return p, p.addUnread(db)
}

// addUnread adds what could not be read of the sources that a page of a package needs.
func (p *Package) addUnread(db audit.Database) error {
	for kind, unread := range map[store.SourceKind]*bool{
		store.SourceVDB: &p.Unread.Installed, store.SourcePkgDir: &p.Unread.Instances, store.SourceEmergeLog: &p.Unread.Events,
	} {
		findings, err := audit.SourceFindings(db, kind)
		if err != nil {
			return err
		}
		for _, f := range findings {
			whole := f.Code == audit.CodeSourceUnreadable || f.Code == audit.CodePkgdirUnmounted
			if whole || f.Code == audit.CodeVDBUnread && audit.PackageOf(strings.TrimPrefix(f.Subject, path.Dir(path.Dir(f.Subject))+"/")) == p.CP {
				*unread = true
				p.Findings = append(p.Findings, f)
			}
		}
	}
	log, err := audit.AuditLogSource(db)
	if err != nil {
		return err
	}
	p.Unread.Events = log.Lost(0) != ""
	others, err := binpkgs.UnreadInstalled(db)
	if err != nil {
		return err
	}
	p.Unread.Dependents = p.Unread.Installed || len(others) > 0
	folders, _, err := inventory.UnlistedFolders(db.Tx, db.Host)
	for _, folder := range folders {
		p.Unread.Instances = p.Unread.Instances || strings.HasSuffix(folder, "/"+p.CP) || strings.HasSuffix(folder, "/"+path.Dir(p.CP))
	}
	return cmp.Or(err, db.Finish(p.Findings))
}

func (p *Package) addInstances(installed []inventory.Installed, files []binpkgs.Binpkg) {
	var here []*inventory.Installed
	for i := range installed {
		if i := &installed[i]; audit.PackageOf(i.CPV) == p.CP {
			here = append(here, i)
			shown := ShownInstalled{CPV: i.CPV, Slot: binpkgs.JoinSlot(i.Slot, i.SubSlot), Repo: i.Repo, BuildTime: binpkgs.Known(i.BuildTime), BuildID: binpkgs.Known(i.BuildID), Size: i.Size}
			if i.Metadata != nil {
				shown.USE = i.Metadata.Use
			}
			p.Installed = append(p.Installed, shown)
		}
	}
	slices.SortFunc(p.Installed, func(a, b ShownInstalled) int { return binpkgs.CompareCPV(b.CPV, a.CPV) })
	for i := range files {
		b := &files[i]
		shown := ShownInstance{CPV: b.CPV, InstanceRef: *b.Ref(), Integrity: b.Verdict()}
		for _, x := range here {
			if x.CPV == b.CPV {
				shown.Match = binpkgs.Match(x, b)
			}
		}
		p.Instances = append(p.Instances, shown)
	}
	slices.SortFunc(p.Instances, func(a, b ShownInstance) int {
		return cmp.Or(binpkgs.CompareCPV(b.CPV, a.CPV), cmp.Compare(timeOf(b.BuildTime), timeOf(a.BuildTime)), strings.Compare(a.Path, b.Path))
	})
}

func timeOf(t *int64) int64 {
	if t == nil {
		return 0
	}
	return *t
}

// addEvents lists merges and removals, each merge with its log.
func (p *Package) addEvents(h *history.MergeHistory, buildLogs []logs.BuildLog) {
	type linked struct {
		log  *logs.BuildLog
		link history.LinkCertainty
	}
	byMerge, byUnmerge := map[history.MergeKey]linked{}, map[history.MergeKey]linked{}
	for i := range buildLogs {
		if m, link := h.Link(&buildLogs[i]); m != nil {
			byMerge[history.MergeKey{Run: m.Run, Seq: m.Seq}] = linked{&buildLogs[i], link}
		} else if u, ok := h.Removal(&buildLogs[i]); ok {
			byUnmerge[history.MergeKey{Run: u.Run, Seq: u.Seq}] = linked{&buildLogs[i], history.LinkCertain}
		}
	}
	for _, m := range h.ByCP[p.CP] {
		e := ShownEvent{
			Event: history.EventMerge.String(), Run: m.Run, CPV: m.CPV, Root: m.Root, Kind: m.Kind.String(), Outcome: m.Outcome.String(), Started: binpkgs.Known(m.Started), Link: history.LinkNone,
			PostinstFailed: m.PostinstFailed,
		}
		if seconds, ok := m.Duration(); ok {
			e.Seconds = &seconds
		}
		if l, ok := byMerge[history.MergeKey{Run: m.Run, Seq: m.Seq}]; ok {
			e.addLog(l.log, l.link)
		}
		if m.Usage != nil && e.MemoryBytes == nil {
			e.MemoryBytes, e.CPUMillis = audit.Counted64(m.Usage.MaxMem), audit.Counted64(m.Usage.CPUMillis)
		}
		p.Events = append(p.Events, e)
	}
	for cpv, list := range h.Unmerges {
		if audit.PackageOf(cpv) != p.CP {
			continue
		}
		for _, u := range list {
			e := ShownEvent{Event: history.EventUnmerge.String(), Run: u.Run, CPV: u.CPV, Reason: u.Reason.String(), Outcome: u.Outcome.String(), Started: binpkgs.Known(u.Started), Link: history.LinkNone}
			if seconds, ok := u.Duration(); ok {
				e.Seconds = &seconds
			}
			if l, ok := byUnmerge[history.MergeKey{Run: u.Run, Seq: u.Seq}]; ok {
				e.addLog(l.log, l.link)
			}
			p.Events = append(p.Events, e)
		}
	}
	slices.SortStableFunc(p.Events, func(a, b ShownEvent) int {
		return cmp.Or(cmp.Compare(timeOf(b.Started), timeOf(a.Started)), cmp.Compare(b.Run, a.Run), strings.Compare(a.Event, b.Event), strings.Compare(a.CPV, b.CPV))
	})
}

func (e *ShownEvent) addLog(log *logs.BuildLog, link history.LinkCertainty) {
	e.Log, e.LogGone, e.Link = &log.Path, log.GoneAt != 0, link
	e.BuildBytes, e.InstallBytes = audit.Counted64(log.Log.BuildDirBytes), audit.Counted64(log.Log.InstalledBytes)
	if r := log.Log.Usage; r != nil {
		e.MemoryBytes, e.CPUMillis = audit.Counted64(r.MaxMem), audit.Counted64(r.CPUMillis)
	}
}

// addNotices lists the QA notices of the installed builds.
func (p *Package) addNotices(db audit.Database, installed []inventory.Installed) error {
	builds, err := logs.SourceBuilds(db.Tx, db.Host)
	if err != nil {
		return err
	}
	files := aftermath.LogsOfBuilds(builds, installed)
	notices, err := logs.QANotices(db.Tx, db.Host, logs.BuildLogQuery{CP: p.CP})
	for i := range notices {
		n := &notices[i]
		if !files[n.File] {
			continue
		}
		p.Notices = append(p.Notices, ShownNotice{CPV: n.CPV, Class: n.Class, Title: n.Title, Details: n.Details, AtRuntime: n.BreaksAtRuntime, Log: n.Path, Offset: n.Offset})
	}
	return err
}

// addDependents lists the installed packages with an atom that an installed version
// of the package satisfies. Their dependencies are evaluated with the USE of their
// build.
func (p *Package) addDependents(installed []inventory.Installed) {
	var targets []atom.Package
	for i := range installed {
		if audit.PackageOf(installed[i].CPV) != p.CP {
			continue
		}
		if pkg, ok := matchable(&installed[i]); ok {
			targets = append(targets, pkg)
		}
	}
	if len(targets) == 0 {
		return
	}
	for i := range installed {
		d := &installed[i]
		if d.Metadata == nil {
			continue
		}
		for _, dep := range []struct{ kind, value string }{
			{"rdepend", d.Metadata.RDepend},
			{"pdepend", d.Metadata.PDepend},
			{"idepend", d.Metadata.IDepend},
			{"depend", d.Metadata.Depend},
			{"bdepend", d.Metadata.BDepend},
		} {
			if a, ok := dependsOn(dep.value, d.Metadata, p.CP, targets); ok {
				p.Dependents = append(p.Dependents, ShownDependency{CPV: d.CPV, Atom: a, Kind: dep.kind})
				break
			}
		}
	}
	slices.SortFunc(p.Dependents, func(a, b ShownDependency) int { return binpkgs.CompareCPV(a.CPV, b.CPV) })
}

// matchable is an installed package in the form that atoms match.
func matchable(i *inventory.Installed) (atom.Package, bool) {
	cpv, err := atom.ParseCPV(i.CPV)
	if err != nil || i.Metadata == nil {
		return atom.Package{}, false
	}
	iuse := i.Metadata.IUseEffective
	if iuse == "" {
		iuse = i.Metadata.IUse
	}
	return atom.Package{
		CPV: cpv, Slot: i.Slot, SubSlot: i.SubSlot, Repo: i.Repo, IUSE: atom.ParseFlags(iuse), USE: atom.ParseFlags(i.Metadata.Use), BuildID: int(i.BuildID),
	}, true
}

// dependsOn returns the first atom of a dependency string that names the package and
// matches one of targets.
func dependsOn(value string, m *store.Metadata, cp string, targets []atom.Package) (string, bool) {
	if !strings.Contains(value, cp) {
		return "", false
	}
	dep, err := atom.ParseDep(value, atom.DepAtoms, m.EAPI)
	if err != nil {
		return "", false
	}
	use := atom.ParseFlags(m.Use)
	for item := range dep.Evaluate(use).Items {
		if item.Atom == nil || strings.HasPrefix(item.Text, "!") || item.Atom.Category()+"/"+item.Atom.PN() != cp {
			continue
		}
		a := item.Atom.EvaluateConditionals(use)
		for _, target := range targets {
			if a.Match(target) {
				return item.Text, true
			}
		}
	}
	return "", false
}
