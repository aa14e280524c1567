// Package rollback judges whether an earlier state can be restored, and plans the
// commands that restore it.
package rollback

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/audit/transition"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
	"emaudit/store"
	"emaudit/store/inventory"
)

// Readiness is the verdict about a rollback.
type Readiness string

// The verdicts. Ready means that every condition that files can show was checked and
// is met.
const (
	Ready             Readiness = "ready"
	ReadyWithWarnings Readiness = "ready-with-warnings"
	// Partial means that the plan restores some packages and leaves others as they
	// are, and that the produced state was checked and is sound.
	Partial Readiness = "partial"
	// NotReady means that nothing can be restored, or that nothing is known.
	NotReady Readiness = "not-ready"
)

// Change is the change of one slot of a package.
type Change struct {
	state.Change
	// Instance is the binary package to merge. It is nil for a removal, for a gap, and
	// for what is fetched.
	Instance *binpkgs.InstanceRef `json:"instance"`
	// Remote is what a binhost offers and the plan fetches; nil for anything else.
	Remote *binpkgs.RemoteOffer `json:"remote"`
	// Match is the verdict about the binary package and the build that was installed.
	Match binpkgs.CoverageVerdict `json:"match,omitempty"`
	// Integrity is the integrity of the file: whole, unread, ...
	Integrity binpkg.Integrity `json:"integrity,omitempty"`
	// Unpacked reports that the image of the file was unpacked, too. That shows what
	// Portage would refuse to extract.
	Unpacked bool                `json:"unpacked"`
	Usable   acceptance.Usable   `json:"usable"`
	Reasons  []acceptance.Reason `json:"reasons"`
	// Stays reports that the plan leaves the slot as it is today. The first of
	// Reasons says why.
	Stays bool `json:"stays"`
	// Forward is the binary package of the installed build, if it was not read in
	// full. It is then unknown whether it can restore that build.
	Forward *binpkgs.InstanceRef `json:"-"`

	Chosen *acceptance.JudgedBinpkg `json:"-"` // nil where nothing is merged
	offer  *inventory.Offer         // of Remote
}

// again reports that the change merges the registered version again, because an
// interrupted merge left its files unknown.
func (c *Change) again() bool { return c.Before != nil && c.Before == c.After }

// Unread returns the binary packages that were not read in full: those that the plan
// merges, and those of the builds that would be brought back from it.
func (r *Rollback) Unread() (all []*binpkgs.InstanceRef) {
	for _, c := range r.Changes {
		if c.Instance != nil && (c.Integrity != binpkg.Whole || !c.Unpacked) {
			all = append(all, c.Instance)
		}
		if c.Forward != nil {
			all = append(all, c.Forward)
		}
	}
	return all
}

// Cause says why no build can supply a package.
type Cause string

// The causes.
const (
	NeverBuilt    Cause = "never-built"         // it was merged without --buildpkg
	Remote        Cause = "remote"              // a binhost offers it
	Pruned        Cause = "pruned"              // its file is gone
	Damaged       Cause = "damaged"             // Portage refuses its file
	Masked        Cause = "masked"              // Portage would not take its file
	Unaddressable Cause = "unaddressable"       // no atom names its file and no other
	Lossy         Cause = "lossy"               // its file lacks what was installed
	MergeCut      Cause = audit.CodeMergeCut    // its last merge was interrupted
	PhaseFailed   Cause = audit.CodePhaseFailed // its own script refused before
	CauseUnknown  Cause = "unknown"
)

// Gap is a package of the earlier state that no usable binary package covers.
type Gap struct {
	CPV    string       `json:"cpv"`
	Cause  Cause        `json:"cause"`
	Detail string       `json:"detail"`
	Remedy audit.Remedy `json:"remedy"`
}

// Risk is something that a rollback does not restore, or that it can break.
type Risk struct {
	Code   string  `json:"code"`
	CPV    *string `json:"cpv"`
	Detail string  `json:"detail"`
	// Severity is a warning if the risk rules out the verdict Ready.
	Severity audit.Severity `json:"severity"`
}

// Unknown is a condition that nobody could decide.
type Unknown struct {
	Code       string       `json:"code"`
	Detail     string       `json:"detail"`
	SettleWith audit.Remedy `json:"settle_with"`
}

// Step is one part of the plan.
type Step struct {
	Title    string          `json:"title"`
	Commands []audit.Command `json:"commands"`
	// Confirm reports that a person decides before it.
	Confirm bool `json:"confirm,omitempty"`
	// Undo takes the step back: what to type if the plan stops after it.
	Undo []audit.Command `json:"undo,omitempty"`
	// Merges reports that the step merges the packages of the plan. After it, no
	// earlier step is taken back.
	Merges bool `json:"-"`
}

// Rollback answers whether an earlier state can be restored, and how.
type Rollback struct {
	Target state.Target `json:"target"`
	// Package is the one package (category/name) to restore. Undo is the one run to
	// undo. If both are empty, the state of Target is restored.
	Package string    `json:"package,omitempty"`
	Undo    *int64    `json:"undo,omitempty"`
	Verdict Readiness `json:"verdict"`
	// Carried is the number of the Wished changes that the plan carries out. A package
	// whose earlier version is unknown counts as a change that it does not carry out.
	Carried int      `json:"carried"`
	Wished  int      `json:"wished"`
	Changes []Change `json:"changes"`
	Gaps    []Gap    `json:"gaps"`
	// Unsatisfied is why the plan dropped changes.
	Unsatisfied []Unsatisfied `json:"unsatisfied"`
	Risks       []Risk        `json:"risks"`
	Unknowns    []Unknown     `json:"unknowns"`
	// ConfigFiles are the protected files that the plan affects.
	ConfigFiles []ConfigFile `json:"config_files"`
	// Enter is the command that enters the root, in which a person types the commands
	// of the plan. It is "" for the running system.
	Enter string          `json:"enter"`
	Plan  []audit.Command `json:"plan"`
	Steps []Step          `json:"steps"`
	// Checks are commands to type after the plan.
	Checks []audit.Command `json:"checks"`
	// Later are steps for later. None of them is part of the plan.
	Later []Step `json:"later"`
	// Guard are shell lines that fail if the host is not as the plan found it.
	Guard []string `json:"guard"`
	// Uncovered are the installed packages that would change and whose build has no
	// binary package.
	Uncovered []string `json:"uncovered"`
	// Lost are the packages of the earlier state that the undone run replaced or
	// removed and that cannot be restored.
	Lost []string `json:"lost"`
	// Proof is what the last drill of the target says, nil where there was none.
	Proof    *Proof          `json:"proof"`
	Findings []audit.Finding `json:"-"`
	// Command is the command that asks for this answer.
	Command audit.Command `json:"-"`

	best *transition.Plan
	// plan and installed are the digests of the commands and of what is installed.
	plan, installed []byte
	// then is the state to restore. It is nil if one package is restored.
	then *state.State
	// beyond is the number of merges of packages that the state does not have.
	beyond   int
	changeOf map[*transition.Change]*Change
}

// Options are facts that the store does not hold. The caller reads them.
type Options struct {
	// Contents calls each for every entry of an installed package's CONTENTS. It
	// returns false if CONTENTS cannot be read. It is nil if files do not count.
	Contents func(cpv string, each func(vdb.ContentsEntry)) bool
	// Disk is nil if the files of the root cannot be read.
	Disk transition.Disk
	// Changed reports whether a regular file is no longer as a package installed it,
	// and false where that cannot be told; nil where nobody looks.
	Changed func(e vdb.ContentsEntry) (changed, known bool)
	// Ebuild reports whether a version could be built today. It may be nil.
	Ebuild func(cpv string) acceptance.EbuildState
	// KernelRelease is that of the kernel that runs (uname -r), "" where the root is
	// not the running system or that is not known.
	KernelRelease string
	// Local reports that the offers of binhosts do not count.
	Local bool
	// Space is the disk space of the file systems that a rollback writes to.
	Space []audit.Space
	// Repositories are the ebuild repositories, nil if they are not known.
	Repositories []inventory.Repository
	// Folders are those of [audit.Place].
	Folders []string

	missed *bool // of a [recordedDisk]
}

// unseen are the options of a host whose disk nobody can look at any more.
func (o Options) unseen() Options {
	blind := WithoutDisk()
	blind.Space, blind.KernelRelease, blind.Local, blind.Repositories, blind.Folders = o.Space, o.KernelRelease, o.Local, o.Repositories, o.Folders
	return blind
}

// surely returns a verdict that rests on no question which a recorded disk could not
// answer.
func surely(o Options, judge func(Options) (*Rollback, error)) (*Rollback, error) {
	r, err := judge(o)
	if o.missed != nil && *o.missed {
		return judge(o.unseen())
	}
	return r, err
}

// AuditRollback judges a rollback to an earlier state, and plans it.
func AuditRollback(db audit.Database, m state.Moment, o Options) (*Rollback, error) {
	return surely(o, func(o Options) (*Rollback, error) { return auditRollback(db, m, o) })
}

func auditRollback(db audit.Database, m state.Moment, o Options) (*Rollback, error) {
	j, err := judgeWith(db, o, false)
	if err != nil {
		return nil, err
	}
	r, err := j.BackTo(m)
	if err == nil {
		r.put(j.typed)
	}
	return r, err
}

// AuditRollbacks judges the states before the last n updates, the newest first. If n is
// 0, it judges all.
func AuditRollbacks(db audit.Database, n int, o Options) ([]*Rollback, error) {
	return auditRollbacks(db, o, func(all []*Rollback) bool { return n > 0 && len(all) >= n })
}

// auditRollbacks judges the states before the last updates until enough says so.
func auditRollbacks(db audit.Database, o Options, enough func([]*Rollback) bool) ([]*Rollback, error) {
	j, err := NewJudge(db, o)
	if err != nil {
		return nil, err
	}
	var all []*Rollback
	for _, u := range j.Past.Updates() {
		if enough(all) {
			break
		}
		r, err := j.BackTo(state.Moment{Run: u.Run})
		if err == nil && o.missed != nil && *o.missed {
			// It remembers answers that are none.
			o = o.unseen()
			if j, err = NewJudge(db, o); err == nil {
				r, err = j.BackTo(state.Moment{Run: u.Run})
			}
		}
		if err != nil {
			return nil, err
		}
		r.put(j.typed)
		all = append(all, r)
	}
	return all, nil
}

// Judge holds the facts for all verdicts of one host.
type Judge struct {
	Db       audit.Database
	Past     *state.Past
	Accept   *acceptance.Acceptance
	options  Options
	Now      *state.State
	host     *transition.Host
	vdb      string
	judged   map[*binpkgs.Binpkg]*acceptance.JudgedBinpkg
	images   map[int64][]binpkg.ImageName // by instance; nil if unknown
	drifts   map[string]drift             // by cpv; see driftOf
	remote   map[string]*offers           // by package; see offersOf
	typed    audit.Place                  // where its commands are typed
	sum      []byte                       // see installedSum
	binhosts bool                         // there are indexes of binhosts
	// unread and behind are the findings about sources and about the clock.
	unread, behind []audit.Finding
	// unknownSets are the sets of @world whose members only Portage can determine.
	unknownSets []string
	// planless reports that the caller wants only verdicts.
	Planless bool
}

// InstalledPackages returns the installed packages.
func (j *Judge) InstalledPackages() *transition.Packages { return j.host.Now }

func NewJudge(db audit.Database, o Options) (*Judge, error) {
	return judgeWith(db, o, true)
}

// judgeWith returns a judge. Without metadata, a verdict reads the metadata of each
// binary package that it needs.
func judgeWith(db audit.Database, o Options, metadata bool) (*Judge, error) {
	j := &Judge{Db: db, options: o, judged: map[*binpkgs.Binpkg]*acceptance.JudgedBinpkg{}}
	var err error
	if j.Past, err = state.TakePastWith(db, metadata); err != nil {
		return nil, err
	}
	if j.Accept, err = acceptance.TakeAcceptance(db); err != nil {
		return nil, err
	}
	if j.Now, err = j.Past.At(state.Moment{Now: true}, nil, db.Now); err != nil {
		return nil, err
	}
	if j.vdb, err = binpkgs.VdbPath(db); err != nil {
		return nil, err
	}
	if j.unread, err = audit.SourceFindings(db, store.SourceSettings, store.SourceVDB, store.SourcePkgDir, store.SourceEmergeLog); err != nil {
		return nil, err
	}
	if j.behind, err = audit.AuditClock(db); err != nil {
		return nil, err
	}
	folders, err := inventory.RemoteFolders(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	j.binhosts = len(folders) > 0
	if j.typed, err = db.FindPlace(); err != nil {
		return nil, err
	}
	if o.Folders != nil {
		j.typed.Folders = o.Folders
	}
	return j, j.takeHost()
}

func newChange(c state.Change) Change {
	return Change{Change: c, Usable: acceptance.UsableYes}
}

// BackTo answers for one state.
func (j *Judge) BackTo(m state.Moment) (*Rollback, error) {
	r := new(Rollback)
	target, err := j.Past.At(m, j.Past.Pins, j.Db.Now)
	if err != nil {
		return nil, err
	}
	r.Target, r.then = target.Target, target
	r.Command = audit.Emaudit("rollback", "--to", r.Target.Argument())
	j.reportDoubts(r, target)
	j.sources(r)
	for _, c := range j.changesTo(target) {
		change := newChange(c)
		if c.After != nil {
			if err := j.Choose(r, &change); err != nil {
				return nil, err
			}
		}
		r.Changes = append(r.Changes, change)
	}
	if target.Target.Known || target.Partly() {
		if err := j.repair(r); err != nil {
			return nil, err
		}
		j.best(r)
		j.risks(r)
	}
	j.finish(r)
	return r, j.Past.Err
}

// finish judges what a plan costs, and gives the verdict.
func (j *Judge) finish(r *Rollback) {
	j.cutMerges(r)
	j.held(r)
	j.forward(r)
	j.cost(r)
	j.conclude(r)
}

// reportDoubts reports why a state, or a part of it, is unknown.
func (j *Judge) reportDoubts(r *Rollback, target *state.State) {
	for _, doubt := range target.Doubts {
		r.Findings = append(r.Findings, audit.Finding{
			Code: audit.CodeStateUnknown, Severity: audit.SeverityError, Subject: target.Target.String(), Message: doubt.Text(),
			Remedy: doubt.Remedy(),
		})
		r.Unknowns = append(r.Unknowns, Unknown{Code: audit.CodeStateUnknown, Detail: doubt.Text(), SettleWith: doubt.Remedy()})
	}
}

// sources reports sources that could not be read, without which the answer is
// incomplete.
func (j *Judge) sources(r *Rollback) {
	r.Findings = append(r.Findings, j.behind...)
	unread := map[string]audit.Finding{} // unread files of the VDB, by package
	for _, f := range j.unread {
		switch f.Code {
		case audit.CodeVDBUnread:
			unread[f.Subject] = f
		case audit.CodeEmergeStopped, audit.CodeVDBMissing, audit.CodePkgdirMissing, audit.CodeEmergeLogMissing, audit.CodePkgdirUnmounted, audit.CodeSourceUnreadable:
			r.Findings = append(r.Findings, f)
			if f.Code != audit.CodeEmergeLogMissing {
				r.Unknowns = append(r.Unknowns, Unknown{Code: f.Code, Detail: f.Subject + ": " + f.Message, SettleWith: f.Remedy})
			}
		}
	}
	if names := slices.Sorted(maps.Keys(unread)); len(names) > 0 {
		r.Unknowns = append(r.Unknowns, Unknown{
			Code: audit.CodeVDBUnread, SettleWith: unread[names[0]].Remedy,
			Detail: fmt.Sprintf("%s not read whole, %s first: what it needs, and needs it, is not known", audit.Counted(len(names), "installed package was", "installed packages were"), names[0]),
		})
	}
}

// conclude sets the verdict and the plan.
func (j *Judge) conclude(r *Rollback) {
	// No plan repairs what makes the whole answer doubtful.
	broken := slices.ContainsFunc(r.Findings, func(f audit.Finding) bool {
		return f.Severity == audit.SeverityError && f.Code != audit.CodeStateUnknown
	})
	j.reportGaps(r)
	for _, u := range r.Unsatisfied {
		r.Findings = append(r.Findings, audit.Finding{
			Code: "rollback-unsatisfied", Severity: audit.SeverityError, Subject: u.CPV, Message: u.Kind + ": " + u.Dependency,
			Remedy: audit.Do(audit.Emaudit("show", u.CPV)),
		})
	}
	for _, x := range r.Risks {
		if x.Severity == audit.SeverityInfo {
			continue
		}
		f := audit.Finding{Code: audit.CodeRollbackRisk, Severity: x.Severity, Subject: x.Code, Message: x.Detail, Remedy: audit.Do(audit.Emaudit("explain", audit.CodeRollbackRisk))}
		if x.CPV != nil {
			f.Subject = *x.CPV
		}
		r.Findings = append(r.Findings, f)
	}
	j.reportUnknowns(r)
	audit.SortFindings(r.Findings)
	worst, any := audit.Worst(r.Findings)
	switch {
	case broken || r.best == nil || r.Wished > 0 && r.Carried == 0:
		r.Verdict = NotReady
	case r.Carried < r.Wished:
		r.Verdict = Partial
	case any && worst != audit.SeverityInfo:
		r.Verdict = ReadyWithWarnings
	default:
		r.Verdict = Ready
	}
	if r.Verdict != NotReady && !j.Planless {
		j.plan(r)
		j.prove(r)
	}
}

// reportGaps makes a finding of each gap.
func (j *Judge) reportGaps(r *Rollback) {
	for _, g := range r.Gaps {
		r.Findings = append(r.Findings, audit.Finding{
			Code: "rollback-gap", Severity: audit.SeverityError, Subject: g.CPV, Message: string(g.Cause) + ": " + g.Detail,
			Evidence: []audit.Evidence{{Source: path.Join(j.vdb, g.CPV)}}, Remedy: g.Remedy,
		})
	}
}

// reportUnknowns makes a finding of each condition that nobody could decide.
func (j *Judge) reportUnknowns(r *Rollback) {
	for _, u := range r.Unknowns {
		if u.Code == audit.CodeStateUnknown {
			continue // reported as an error
		}
		r.Findings = append(r.Findings, audit.Finding{Code: audit.CodeRollbackUndecided, Severity: audit.SeverityWarning, Subject: u.Code, Message: u.Detail, Remedy: u.SettleWith})
	}
}

// put adapts all commands to a place. A person carries out the steps inside the root,
// so one line says how to enter it. What comes after them is typed outside.
func (r *Rollback) put(p audit.Place) {
	p.Put(r.Findings)
	r.Command = r.Command.At(p)
	if p.Root != "" && p.Root != "/" {
		r.Enter = audit.Files("chroot", "/").At(p).String()
	}
	put := func(commands []audit.Command) {
		for i, c := range commands {
			if commands[i] = c.At(p); c.Program() != "emaudit" {
				commands[i] = commands[i].Inside()
			}
		}
	}
	put(r.Plan)
	for i := range r.Steps {
		put(r.Steps[i].Commands)
		put(r.Steps[i].Undo)
	}
	p.PutAll(r.Checks)
	for i := range r.Later {
		p.PutAll(r.Later[i].Commands)
	}
	for i := range r.Gaps {
		r.Gaps[i].Remedy = r.Gaps[i].Remedy.At(p)
	}
	for i := range r.Unknowns {
		r.Unknowns[i].SettleWith = r.Unknowns[i].SettleWith.At(p)
	}
	for i := range r.Changes {
		for j := range r.Changes[i].Reasons {
			reason := &r.Changes[i].Reasons[j]
			reason.SettleWith = reason.SettleWith.At(p)
		}
	}
}
