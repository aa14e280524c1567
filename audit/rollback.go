package audit

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/store"
)

// Readiness is the verdict about a rollback.
type Readiness string

// The verdicts. Ready is said only where every condition that files can show
// was checked and holds.
const (
	Ready             Readiness = "ready"
	ReadyWithWarnings Readiness = "ready-with-warnings"
	NotReady          Readiness = "not-ready"
)

// RollbackChange is what has to be done to one slot of a package.
type RollbackChange struct {
	Change
	// Instance is the binary package that is to be merged; nil for a removal
	// and for a gap.
	Instance *InstanceRef `json:"instance"`
	// Match tells how near it comes to the build that was installed then.
	Match CoverageVerdict `json:"match,omitempty"`
	// Integrity is what is known of the file: whole, unchecked, ...
	Integrity string `json:"integrity,omitempty"`
	// Unpacked tells that the image of the file was unpacked too, which shows
	// what Portage would refuse to extract.
	Unpacked bool     `json:"unpacked"`
	Usable   Usable   `json:"usable"`
	Reasons  []Reason `json:"reasons"`
	// Stays tells that nothing is merged: the build of then cannot be had, and
	// the one of the same version that is installed now takes its place.
	Stays bool `json:"stays"`
	// Forward is the binary package of what is installed now, where it has not
	// been read, so that nobody knows whether it leads back again.
	Forward *InstanceRef `json:"-"`

	chosen *judgedBinpkg // nil where nothing is merged
}

// Gap is a package of the earlier state that no usable binary package covers.
type Gap struct {
	CPV string `json:"cpv"`
	// Cause is never-built, pruned, damaged, masked, unaddressable, lossy or
	// unknown.
	Cause  string `json:"cause"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// Risk is something that a rollback does not bring back, or that it can break.
type Risk struct {
	Code   string  `json:"code"`
	CPV    *string `json:"cpv"`
	Detail string  `json:"detail"`
	// Severity is warning for what keeps a rollback from being called ready.
	Severity Severity `json:"severity"`
}

// Unknown is a condition that could not be decided.
type Unknown struct {
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	SettleWith string `json:"settle_with"`
}

// Step is one part of the plan.
type Step struct {
	Title    string   `json:"title"`
	Commands []string `json:"commands"`
	// Confirm tells that a person decides before it.
	Confirm bool `json:"confirm,omitempty"`
}

// Rollback is the answer to: can an earlier state be had again, and how?
type Rollback struct {
	Target      Target           `json:"target"`
	Verdict     Readiness        `json:"verdict"`
	Changes     []RollbackChange `json:"changes"`
	Gaps        []Gap            `json:"gaps"`
	Unsatisfied []Unsatisfied    `json:"unsatisfied"`
	Risks       []Risk           `json:"risks"`
	Unknowns    []Unknown        `json:"unknowns"`
	Plan        []string         `json:"plan"`
	Steps       []Step           `json:"steps"`
	// Checks are to be typed afterwards, besides the plan.
	Checks []string `json:"checks"`
	// Later are steps for the time after: none of them is part of the plan.
	Later []Step `json:"later"`
	// Guard are shell lines that fail where the host is not as the plan found
	// it.
	Guard []string `json:"guard"`
	// Uncovered are the packages installed now, of those that would change, of
	// whose build there is no binary package.
	Uncovered []string `json:"uncovered"`
	// Lost are the packages of the earlier state that the run to be undone
	// replaced or removed, and that cannot be put back: what it cost.
	Lost     []string  `json:"lost"`
	Findings []Finding `json:"-"`

	// early are the installed packages (cpv) that own a file which is to be
	// merged, and are to be removed.
	early []string
}

// RollbackOptions are facts that the caller reads for an answer, since the
// store does not keep them.
type RollbackOptions struct {
	// Protected returns the protected configuration files of an installed
	// package; nil where they cannot be read.
	Protected func(cpv string) []string
	// Contents calls each with what an installed package owns besides folders,
	// and returns false where that cannot be read. It is nil where nobody asks
	// for collisions.
	Contents func(cpv string, each func(path string)) bool
	// Present tells whether there is something at a path of the root; nil where
	// that cannot be told.
	Present func(path string) bool
	// Ebuild tells whether a version could be built today; nil where nobody
	// looks.
	Ebuild func(cpv string) EbuildState
	// Space is the room on the file systems that a rollback writes to.
	Space []Space
}

// AuditRollback judges the way back to an earlier state, and plans it.
func AuditRollback(db Database, m Moment, o RollbackOptions) (*Rollback, error) {
	j, err := judgeWith(db, o, false)
	if err != nil {
		return nil, err
	}
	r, err := j.judge(m)
	if err == nil {
		j.commands.rollback(r)
	}
	return r, err
}

// AuditRollbacks judges the states before the last n runs that changed what is
// installed, the newest first.
func AuditRollbacks(db Database, n int, o RollbackOptions) ([]*Rollback, error) {
	j, err := newRollbackJudge(db, o)
	if err != nil {
		return nil, err
	}
	var all []*Rollback
	for i, run := range j.past.changingRuns() {
		if n > 0 && i >= n {
			break
		}
		r, err := j.judge(Moment{Run: run})
		if err != nil {
			return nil, err
		}
		j.commands.rollback(r)
		all = append(all, r)
	}
	return all, nil
}

// rollbackJudge holds what all verdicts of one host rest on.
type rollbackJudge struct {
	db      Database
	past    *past
	accept  *acceptance
	options RollbackOptions
	now     *state
	world   *world
	asked   map[string]bool // category/pn of the world file
	vdb     string
	judged  map[*binpkg]*judgedBinpkg
	lacks   map[*member][]Unsatisfied // what is installed, lacks now
	// commands are to be told of the PKGDIR that is meant.
	commands commandsOf
	// planless tells that only the verdicts are wanted.
	planless bool
	owned    map[string][]string // by cpv; nil: CONTENTS could not be read
}

func newRollbackJudge(db Database, o RollbackOptions) (*rollbackJudge, error) {
	return judgeWith(db, o, true)
}

// judgeWith is newRollbackJudge; without metadata, that of each binary package
// is read when a verdict asks for it.
func judgeWith(db Database, o RollbackOptions, metadata bool) (*rollbackJudge, error) {
	j := &rollbackJudge{db: db, options: o, asked: map[string]bool{}, judged: map[*binpkg]*judgedBinpkg{}, lacks: map[*member][]Unsatisfied{}}
	var err error
	if j.past, err = takePastWith(db, metadata); err != nil {
		return nil, err
	}
	if j.accept, err = takeAcceptance(db); err != nil {
		return nil, err
	}
	if j.now, err = j.past.at(Moment{Now: true}, nil, db.Now); err != nil {
		return nil, err
	}
	if j.vdb, err = vdbPath(db); err != nil {
		return nil, err
	}
	if j.commands, err = db.commands(); err != nil {
		return nil, err
	}
	files, err := db.Tx.ConfigFiles(db.Host, store.ConfigWorld)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		for line := range strings.Lines(string(f.Content)) {
			if a, err := atom.ParseAtom(strings.TrimSpace(line)); err == nil {
				j.asked[a.CP] = true
			}
		}
	}
	j.world = worldOf(j.past.installed)
	return j, nil
}

// judge answers about one state.
func (j *rollbackJudge) judge(m Moment) (*Rollback, error) {
	r := &Rollback{
		Changes: []RollbackChange{}, Gaps: []Gap{}, Unsatisfied: []Unsatisfied{}, Risks: []Risk{}, Unknowns: []Unknown{},
		Plan: []string{}, Steps: []Step{}, Checks: []string{}, Later: []Step{}, Guard: []string{}, Uncovered: []string{}, Lost: []string{}, Findings: []Finding{},
	}
	target, err := j.past.at(m, j.past.pins, j.db.Now)
	if err != nil {
		return nil, err
	}
	r.Target = target.target
	for _, doubt := range target.doubts {
		r.Findings = append(r.Findings, Finding{
			Code: "state-unknown", Severity: SeverityError, Subject: target.target.String(), Message: doubt.text(),
			Evidence: []Evidence{}, Remedy: cmp.Or(doubt.settle, "emaudit states"),
		})
		r.Unknowns = append(r.Unknowns, Unknown{Code: "state-unknown", Detail: doubt.text(), SettleWith: cmp.Or(doubt.settle, "emaudit states")})
	}
	if err := j.sources(r); err != nil {
		return nil, err
	}
	for _, c := range j.past.diffStates(j.now, target) {
		change := RollbackChange{Change: c, Usable: UsableYes, Reasons: []Reason{}}
		if c.to != nil {
			if err := j.choose(r, &change, target); err != nil {
				return nil, err
			}
		}
		r.Changes = append(r.Changes, change)
	}
	if target.target.Known || target.partly() {
		j.close(r, target)
		j.risks(r)
		j.collisions(r)
	}
	j.forward(r)
	j.cost(r)
	j.conclude(r)
	return r, j.past.err
}

// sources reports what could not be read: an answer that rests on it is not
// whole.
func (j *rollbackJudge) sources(r *Rollback) error {
	findings, err := sourceFindings(j.db, store.SourceVDB, store.SourcePkgDir, store.SourceEmergeLog)
	if err != nil {
		return err
	}
	behind, err := AuditClock(j.db)
	if err != nil {
		return err
	}
	r.Findings = append(r.Findings, behind...)
	unread := map[string]Finding{} // of the VDB, by package
	for _, f := range findings {
		switch f.Code {
		case "vdb-unread":
			unread[f.Subject] = f
		case "vdb-missing", "pkgdir-missing", "emerge-log-missing", "source-unreadable":
			r.Findings = append(r.Findings, f)
			if f.Code != "emerge-log-missing" {
				r.Unknowns = append(r.Unknowns, Unknown{Code: f.Code, Detail: f.Subject + ": " + f.Message, SettleWith: f.Remedy})
			}
		}
	}
	if names := slices.Sorted(maps.Keys(unread)); len(names) > 0 {
		r.Unknowns = append(r.Unknowns, Unknown{
			Code: "vdb-unread", SettleWith: unread[names[0]].Remedy,
			Detail: fmt.Sprintf("%s not read whole, %s first: what it needs, and needs it, is not known", counted(len(names), "installed package was", "installed packages were"), names[0]),
		})
	}
	return nil
}

// close checks that the packages of the target belong together: what depends
// on what, what blocks what, and which libraries are needed (issue of any
// package manager: a state that once was is closed, unless what takes the place
// of a package differs from it).
func (j *rollbackJudge) close(r *Rollback, target *state) {
	changed := map[*stay]*RollbackChange{}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.to != nil {
			changed[c.to] = c
		}
	}
	current := map[string]*stay{}
	for _, s := range j.now.stays {
		current[s.cpv] = s
	}
	w := j.world.beside()
	unsure := map[*member]bool{}
	for _, s := range target.stays {
		c := changed[s]
		m := &member{changed: c != nil}
		switch {
		case c != nil && c.chosen != nil && c.chosen.Metadata != nil:
			m.pkg, m.metadata = c.chosen.pkg, c.chosen.Metadata
		case c == nil && current[s.cpv] != nil && current[s.cpv].row != nil && current[s.cpv].row.Metadata != nil:
			p := current[s.cpv].row
			if here := j.world.find(p.CPV); here != nil && p.CPV == s.cpv {
				m = here
				break
			}
			cpv, err := atom.ParseCPV(s.cpv)
			if err != nil {
				continue
			}
			m.pkg, m.metadata = packageOfMetadata(cpv, p.Slot, p.SubSlot, p.Repo, p.BuildID, p.Metadata), p.Metadata
		default:
			// A gap has no file that tells what it is: of what is said of it,
			// the version and slot are known.
			cpv, err := atom.ParseCPV(s.cpv)
			if err != nil {
				continue
			}
			m.metadata = cmp.Or(j.past.buildOf(s).metadata, &store.Metadata{})
			m.pkg = packageOfMetadata(cpv, j.past.slotOf(s), "", "", 0, m.metadata)
		}
		if target.partly() && target.unsure(packageOf(s.cpv)) {
			// One of several that may have been there: it can help others, and asks
			// for nothing.
			unsure[m] = true
		}
		w.add(m)
	}
	packages, libraries := j.differences(r, w)
	for _, m := range w.members {
		if unsure[m] {
			continue
		}
		var lacks []Unsatisfied
		if !m.changed && j.isHere(m) && !w.relationsOf(m).concern(packages, libraries) {
			// It stays, and so does all that it needs: it lacks what it lacks now.
			lacks = j.lacking(m)
		} else {
			lacks = w.unsatisfiedOf(m, m.changed)
		}
		for _, u := range lacks {
			j.unmet(r, w, m, u)
		}
	}
	j.libc(r)
}

// differences are the packages and the libraries of which a target has others
// than there are now.
func (j *rollbackJudge) differences(r *Rollback, w *world) (packages map[string]bool, libraries map[atom.Soname]bool) {
	packages, libraries = map[string]bool{}, map[atom.Soname]bool{}
	for i := range r.Changes {
		for _, cpv := range []*string{r.Changes[i].From, r.Changes[i].To} {
			if cpv != nil {
				packages[packageOf(*cpv)] = true
			}
		}
	}
	for cp := range w.byCP {
		if !slices.Equal(w.byCP[cp], j.world.byCP[cp]) {
			packages[cp] = true
		}
	}
	for cp := range j.world.byCP {
		if w.byCP[cp] == nil {
			packages[cp] = true
		}
	}
	for s := range j.world.provides {
		if !w.provides[s] {
			libraries[s] = true
		}
	}
	for s := range w.provides {
		if !j.world.provides[s] {
			libraries[s] = true
		}
	}
	return packages, libraries
}

// isHere tells whether a package is the installed one itself.
func (j *rollbackJudge) isHere(m *member) bool {
	return slices.Contains(j.world.byCP[m.cp], m)
}

// lacking is what an installed package lacks now.
func (j *rollbackJudge) lacking(m *member) []Unsatisfied {
	lacks, ok := j.lacks[m]
	if !ok {
		lacks = j.world.unsatisfiedOf(m, false)
		j.lacks[m] = lacks
	}
	return lacks
}

// unmet decides what an unmet dependency of the target means.
func (j *rollbackJudge) unmet(r *Rollback, w *world, m *member, u Unsatisfied) {
	// What is as it is now is no news: a package that stays, and lacks now what
	// it would lack then, lacked it before.
	now := j.lacksNow(m, u)
	cpv := u.CPV
	switch {
	case u.Kind == "soname" && !j.providedNow(u.Dependency):
		// Nothing installed provides it either: Portage does not ask for it
		// (--ignore-soname-deps=y), and it may come from outside of packages.
		if m.changed && !now {
			r.Unknowns = append(r.Unknowns, Unknown{
				Code: "soname-unprovided", Detail: fmt.Sprintf("%s needs %s, which no package of either state provides", cpv, u.Dependency),
				SettleWith: "emerge -pK --ignore-soname-deps=n =" + cpv,
			})
		}
	case !m.changed && now:
		r.Risks = append(r.Risks, Risk{Code: "unmet-already", CPV: &cpv, Detail: "it lacks " + u.Dependency + ", as it does now", Severity: SeverityInfo})
	default:
		r.Unsatisfied = append(r.Unsatisfied, u)
	}
}

// lacksNow tells whether a package lacks, among what is installed now, the
// same thing.
func (j *rollbackJudge) lacksNow(m *member, u Unsatisfied) bool {
	if u.Kind == "soname" {
		return !j.providedNow(u.Dependency)
	}
	return u.Kind != "invalid" && !j.world.satisfies(m, u)
}

func (j *rollbackJudge) providedNow(soname string) bool {
	category, name, _ := strings.Cut(soname, ": ")
	return j.world.provides[atom.Soname{Category: category, Name: name}]
}

// libc never plans an older C library silently: its ebuild refuses, and what
// was linked against the newer one may not start.
func (j *rollbackJudge) libc(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Action == ActionRemove && libcs[packageOf(*c.From)] {
			r.Unsatisfied = append(r.Unsatisfied, Unsatisfied{CPV: *c.From, Dependency: "it would be removed, and what is installed needs a C library to run", Kind: "libc"})
		}
		if c.Action != ActionDowngrade || !libcs[packageOf(*c.To)] {
			continue
		}
		refuses := false
		if c.chosen != nil && c.chosen.Metadata != nil {
			for phase := range strings.FieldsSeq(c.chosen.Metadata.DefinedPhases) {
				refuses = refuses || phase == "preinst" || phase == "pretend" || phase == "setup"
			}
		}
		if refuses {
			r.Unsatisfied = append(r.Unsatisfied, Unsatisfied{CPV: *c.To, Dependency: fmt.Sprintf(">=%s: it refuses in pkg_preinst to take the place of a newer one", *c.From), Kind: "libc"})
			continue
		}
		r.Risks = append(r.Risks, Risk{
			Code: "libc-downgrade", CPV: c.To, Severity: SeverityWarning,
			Detail: fmt.Sprintf("%s would give way to an older C library: programs that were linked against it may no longer start", *c.From),
		})
	}
}

// cost says what the run to be undone cost: the packages that it took away and
// that cannot be put back, and those installed since without a binary package of
// their build, to which there is no way back once they are replaced in their
// turn.
func (j *rollbackJudge) cost(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.from != nil && c.from.row != nil && !j.covered(c.from.row) {
			r.Uncovered = append(r.Uncovered, *c.From)
		}
		if c.to != nil && (c.chosen == nil || c.Stays) && j.tookAway(r.Target.Run, c.to) {
			r.Lost = append(r.Lost, *c.To)
		}
	}
	var parts []string
	if len(r.Lost) > 0 {
		parts = append(parts, fmt.Sprintf("#%d cost the way back to %s: %s", *r.Target.Run, counted(len(r.Lost), "package", "packages"), listOf(r.Lost)))
	}
	if len(r.Uncovered) > 0 {
		parts = append(parts, fmt.Sprintf("%s installed since have no binary package of their build, and the next update would cost the way back to them: %s",
			counted(len(r.Uncovered), "package", "packages"), listOf(r.Uncovered)))
	}
	if len(parts) == 0 {
		return
	}
	remedy := "emaudit audit coverage"
	if commands := j.backup(r); len(commands) > 0 {
		remedy = commands[0]
	}
	r.Findings = append(r.Findings, Finding{
		Code: "rollback-cost", Severity: SeverityInfo, Subject: r.Target.String(), Evidence: []Evidence{}, Message: strings.Join(parts, "; "), Remedy: remedy,
	})
}

// tookAway tells whether a run ended a stay.
func (j *rollbackJudge) tookAway(run *int64, x *stay) bool {
	return run != nil && x.last >= 0 && x.last < len(j.past.changes) && j.past.changes[x.last].run == *run
}

// covered tells whether the very build of an installed package is there as a
// binary package.
func (j *rollbackJudge) covered(p *store.Installed) bool { return len(j.covering(p)) > 0 }

// covering returns the binary packages of the very build of an installed one.
func (j *rollbackJudge) covering(p *store.Installed) (all []*binpkg) {
	for _, b := range j.past.byCPV[p.CPV] {
		if b.Visible && !b.damaged() && match(p, b) != CoverageSameVersion && !b.has("config-stub") {
			all = append(all, b)
		}
	}
	return all
}

// forward reports what the plan would leave no sure way forward to: its binary
// package was not read, so that it is not packaged anew, and may be damaged.
func (j *rollbackJudge) forward(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.from == nil || c.from.row == nil || c.Stays {
			continue
		}
		there := j.covering(c.from.row)
		if len(there) == 0 || slices.ContainsFunc(there, func(b *binpkg) bool { return b.Integrity == "whole" }) {
			continue
		}
		c.Forward = there[0].ref()
		r.Findings = append(r.Findings, Finding{
			Code: "rollback-unverified", Severity: SeverityWarning, Subject: *c.From, Evidence: []Evidence{{Source: there[0].source()}},
			Message: there[0].unsure() + ": whether it would bring back what is installed now is not known", Remedy: "emaudit verify " + shellQuote(there[0].Path),
		})
	}
}

// conclude gives the verdict, and the plan where there is one.
func (j *rollbackJudge) conclude(r *Rollback) {
	for _, g := range r.Gaps {
		r.Findings = append(r.Findings, Finding{
			Code: "rollback-gap", Severity: SeverityError, Subject: g.CPV, Message: g.Cause + ": " + g.Detail,
			Evidence: []Evidence{{Source: path.Join(j.vdb, g.CPV)}}, Remedy: g.Remedy,
		})
	}
	for _, u := range r.Unsatisfied {
		r.Findings = append(r.Findings, Finding{
			Code: "rollback-unsatisfied", Severity: SeverityError, Subject: u.CPV, Message: u.Kind + ": " + u.Dependency,
			Evidence: []Evidence{}, Remedy: "emaudit show " + u.CPV,
		})
	}
	for _, x := range r.Risks {
		if x.Severity == SeverityInfo {
			continue
		}
		f := Finding{Code: "rollback-risk", Severity: x.Severity, Subject: x.Code, Message: x.Detail, Evidence: []Evidence{}, Remedy: "read about it in docs/findings.md before the plan is carried out"}
		if x.CPV != nil {
			f.Subject = *x.CPV
		}
		r.Findings = append(r.Findings, f)
	}
	for _, u := range r.Unknowns {
		if u.Code == "state-unknown" {
			continue // reported as an error
		}
		r.Findings = append(r.Findings, Finding{Code: "rollback-undecided", Severity: SeverityWarning, Subject: u.Code, Message: u.Detail, Evidence: []Evidence{}, Remedy: u.SettleWith})
	}
	SortFindings(r.Findings)
	r.Verdict = Ready
	worst, any := Worst(r.Findings)
	switch {
	case !r.Target.Known || len(r.Gaps) > 0 || len(r.Unsatisfied) > 0 || any && worst == SeverityError:
		r.Verdict = NotReady
	case any && worst == SeverityWarning:
		r.Verdict = ReadyWithWarnings
	}
	if r.Verdict != NotReady && !j.planless {
		j.plan(r)
	}
}
