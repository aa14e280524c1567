// Package cleanup decides which files of PKGDIR can go, and says why each other file
// stays. It also lists what a host needs from a PKGDIR elsewhere.
package cleanup

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/inventory"
)

// Defaults of [PrunePolicy].
const (
	DefaultKeepStates = 3
	DefaultKeepDays   = 30
)

// PrunePolicy says what to keep.
type PrunePolicy struct {
	// KeepStates is the number of states before the last updates whose files stay.
	KeepStates int `json:"keep_states"`
	// KeepDays keeps the files of every state of the last days that a rollback can
	// reach, and every younger file.
	KeepDays int `json:"keep_days"`
	// KeepWeekly and KeepMonthly are how many states stay that stood at the end of the
	// last weeks and months (UTC; a week begins on Monday).
	KeepWeekly  int `json:"keep_weekly"`
	KeepMonthly int `json:"keep_monthly"`
	// KeepVersions is how many of the newest versions of each package stay.
	KeepVersions int `json:"keep_versions"`
	// KeepBuilds is how many of the newest builds stay of each version that stays.
	KeepBuilds int `json:"keep_builds"`
	// KeepLastCopies keeps the last copy of a version whose ebuild is gone, also where
	// nothing else needs it.
	KeepLastCopies bool `json:"keep_last_copies"`
	// MaxSize is the largest total size of the files, in bytes; 0 means no limit.
	MaxSize int64 `json:"max_size"`
	// Excludes name files that always stay.
	Excludes Excludes `json:"-"`
}

// PruneFacts are facts that the store does not hold. The caller reads them for a plan.
type PruneFacts struct {
	// EmergeRuns reports that Portage is at work. An unfinished file may belong to it.
	EmergeRuns bool
	// Ebuild looks for the ebuild of a version. It may be nil.
	Ebuild func(cpv, repo string) acceptance.EbuildState
	// CacheEntry returns the metadata/md5-cache entry of a version in a repository.
	// ok is false if there is none. CacheEntry may be nil.
	CacheEntry func(repo, cpv string) (e userconf.CacheEntry, ok bool)
	// SettledFlags returns the USE flags that a profile masks or forces for any
	// package. It may be nil.
	SettledFlags func() map[string]bool
	// System are the packages of @system, by category/pn; nil if unknown.
	System []string
	// Rollback are facts for the verdicts about the kept states.
	Rollback rollback.Options
	// Fleet are the other hosts that get binary packages from here.
	Fleet PruneFleet
	// TotalsOnly omits these verdicts. The candidates then get only reasons that cost
	// nothing to find.
	TotalsOnly bool
}

// PruneCandidate is one file of a folder of binary packages that can go, or one index
// entry without a file.
type PruneCandidate struct {
	PkgDir  string  `json:"pkgdir"` // inside the root
	Path    string  `json:"path"`   // relative to it
	CPV     *string `json:"cpv"`
	BuildID *int64  `json:"build_id"`
	Size    int64   `json:"size"` // bytes
	Code    string  `json:"code"`
	Reason  string  `json:"reason"`
	// Cost is what is lost with the file, or "".
	Cost string `json:"cost"`
	// EntryOnly is true for an index entry without a file.
	EntryOnly bool `json:"entry_only"`
	// Inode and MTimeNS identify the judged file. Inode is 0 if unknown.
	Inode   uint64 `json:"inode"`
	MTimeNS int64  `json:"mtime_ns"`

	binpkg *binpkgs.Binpkg // nil where it is none
}

// PruneKept is one file that stays.
type PruneKept struct {
	PkgDir string  `json:"pkgdir"`
	Path   string  `json:"path"`
	CPV    *string `json:"cpv"`
	Size   int64   `json:"size"` // bytes
	Code   string  `json:"code"`
	Reason string  `json:"reason"`
	// Needs are the other hosts that need it, with their reasons.
	Needs []PruneNeed `json:"needs"`
}

// PruneState is a state whose files are kept.
type PruneState struct {
	Target  state.Target       `json:"target"`
	Verdict rollback.Readiness `json:"verdict"`
	// Why is why a rollback to it is not ready, or "". Pruning has no effect on it.
	Why string `json:"why"`
	// GivenUp reports that MaxSize takes files that it needs.
	GivenUp bool `json:"given_up"`
}

// PruneStep is one step on the way to [PrunePolicy.MaxSize].
type PruneStep struct {
	Title string `json:"title"`
	// Code is why the files were kept.
	Code  string `json:"code"`
	Cost  string `json:"cost"`
	Files int    `json:"files"`
	Size  int64  `json:"size"` // bytes
	// Taken reports that the files are candidates.
	Taken bool `json:"taken"`
}

// PrunePlan answers which files can go, and which stay. Every file in the folders is in
// exactly one of the two lists, except for the index, locks, and emaudit's own files.
type PrunePlan struct {
	Policy      PrunePolicy      `json:"policy"`
	Candidates  []PruneCandidate `json:"candidates"`
	Kept        []PruneKept      `json:"kept"`
	Reclaimable int64            `json:"reclaimable_bytes"`
	KeptSize    int64            `json:"kept_bytes"`
	// States are the states that KeepStates counts.
	States []PruneState `json:"states"`
	// Endings are the rollbacks that pruning ends or makes worse, the newest first.
	Endings []PruneEnding `json:"endings"`
	// EndingsUnjudged counts the oldest runs whose rollbacks were not judged. It is
	// unknown whether pruning ends one of them.
	EndingsUnjudged int         `json:"endings_unjudged"`
	Steps           []PruneStep `json:"steps"`
	// Hosts are the other hosts for which files are kept.
	Hosts    []PruneHost     `json:"hosts"`
	Findings []audit.Finding `json:"-"`
	// UnreadDirs are the folders of binary packages that the last ingest could not read.
	UnreadDirs []string `json:"-"`

	// Strangers are the hosts to forget of which nothing is known.
	Strangers []string `json:"-"`
	unread    []string // hosts whose file of needs could not be read as a whole
}

// The codes of candidates.
const (
	PruneSuperseded  = "superseded"             // a newer build of the version is kept
	PruneDuplicate   = "duplicate"              // another file of the same build is kept
	PruneOldVersion  = "old-version"            // no kept state needs it
	PruneUninstalled = "not-installed"          // nothing of the package is installed
	PruneNeverUsable = "never-usable"           // Portage will never take it again
	PruneChangedSlot = "changed-subslot"        // the library that it was built with is gone
	PruneChangedIUSE = "changed-iuse"           // its ebuild has other USE flags now
	PruneChangedDeps = "changed-deps"           // its ebuild has other dependencies now
	PruneUnseen      = "unseen"                 // it lies where Portage does not look
	PruneDamaged     = "damaged"                // it cannot be merged
	PruneLeftover    = "leftover"               // of an interrupted build or fetch
	PruneIndexEntry  = "index-entry"            // an entry without a file
	PruneOverBudget  = "over-max-size"          // the budget takes it
	KeepInstalled    = "installed"              // the installed build
	KeepState        = "kept-state"             // a kept state needs it
	KeepPinned       = "pinned"                 // a pinned state needs it
	KeepElsewhere    = "other-host"             // another host needs it
	KeepExcluded     = "excluded"               // --exclude
	KeepImportant    = "important"              // of system, toolchain or boot, for longer
	KeepLastCopy     = "last-copy"              // KeepLastCopies, or it is unknown whether it could be built again
	KeepNewest       = "newest"                 // one of KeepVersions or KeepBuilds
	KeepRecent       = "recent"                 // younger than KeepDays
	KeepUnknownState = audit.CodeStateUnknown   // the needs of a kept state are unknown
	KeepUnread       = "unread"                 // its metadata could not be read
	KeepUnsettled    = "in-use-perhaps"         // unfinished, and a process may be writing it
	KeepForeign      = binpkg.ProblemNotABinpkg // emaudit does not judge it
)

// quarantineFolder is the folder to which package prune moves files.
const quarantineFolder = ".emaudit-quarantine"

// pruner makes one plan.
type pruner struct {
	*rollback.Judge
	policy PrunePolicy
	facts  PruneFacts
	plan   *PrunePlan

	keep    map[*binpkgs.Binpkg]*keeping
	usable  map[*binpkgs.Binpkg]bool              // whole, visible to Portage and accepted
	reasons map[*binpkgs.Binpkg]acceptance.Reason // why a file will never be usable again
	steps   []*keptState
	groups  map[*binpkgs.Binpkg]string
	// current are the installed packages, and there the versions in PKGDIR.
	current, there map[string]bool
	unknown        string // why the needs of the kept states are unknown, or ""
	system         importantPackages
	settled        map[string]bool // flags that a profile masks or forces
	// respectsNoUse and ignoresDeps come from EMERGE_DEFAULT_OPTS: Portage takes a
	// binary package although its ebuild has changed.
	respectsNoUse, ignoresDeps bool
}

// keeping is why a file stays: the strongest reason, and the states that need it.
type keeping struct {
	code, reason string
	states       []*keptState
	needs        []PruneNeed // of other hosts
}

// PlanPrune sorts every file of the folders of binary packages into those that
// can go and those that stay.
//
// Unknown files stay: a file that could not be read, and, if the kept states are
// unknown, every file that one of them may need.
func PlanPrune(db audit.Database, policy PrunePolicy, facts PruneFacts) (*PrunePlan, error) {
	// What a binhost offers today keeps no file from being needed.
	facts.Rollback.Local = true
	judge, err := rollback.NewJudge(db, facts.Rollback)
	if err != nil {
		return nil, err
	}
	judge.Planless = true
	p := &pruner{
		Judge: judge, policy: policy, facts: facts,
		plan: &PrunePlan{Policy: policy},
		keep: map[*binpkgs.Binpkg]*keeping{}, usable: map[*binpkgs.Binpkg]bool{}, reasons: map[*binpkgs.Binpkg]acceptance.Reason{}, groups: map[*binpkgs.Binpkg]string{},
		current: map[string]bool{}, there: map[string]bool{},
	}
	if p.plan.UnreadDirs, err = binpkgs.UnreadPkgDirs(db); err != nil {
		return nil, err
	}
	sources, err := audit.SourceFindings(db, store.SourcePkgDir)
	if err != nil {
		return nil, err
	}
	for _, f := range sources {
		if f.Code == audit.CodeSourceUnreadable || f.Code == audit.CodePkgdirUnmounted {
			p.plan.Findings = append(p.plan.Findings, f)
		}
	}
	p.readDefaultOptions()
	p.system = p.systemPackages()
	p.judgeAll()
	if err := p.keepStates(); err != nil {
		return nil, err
	}
	p.keepOthers()
	p.sort()
	if err := p.otherFiles(); err != nil {
		return nil, err
	}
	p.budget()
	if !facts.TotalsOnly {
		if err := p.endings(); err != nil {
			return nil, err
		}
	}
	p.finish()
	return p.plan, cmp.Or(p.Past.Err, db.Finish(p.plan.Findings))
}

// judgeAll finds the files that Portage would accept.
func (p *pruner) judgeAll() {
	for i := range p.Past.Installed {
		p.current[audit.PackageOf(p.Past.Installed[i].CPV)] = true
		p.there[p.Past.Installed[i].CPV] = true
	}
	judge := func(b *binpkgs.Binpkg) *acceptance.JudgedBinpkg { return p.Accept.JudgeBinpkg(b, true) }
	all := p.InstalledPackages().With(acceptance.MembersOf(p.Past.Binpkgs, judge, func(j *acceptance.JudgedBinpkg) bool {
		return acceptance.Usability(j.File) != acceptance.UsableNo
	}))
	for i := range p.Past.Binpkgs {
		j := judge(&p.Past.Binpkgs[i])
		if acceptance.Usability(j.File) != acceptance.UsableYes || j.Metadata == nil {
			continue
		}
		reasons := slices.Concat(j.Own, acceptance.JudgeDependencies(j, p.InstalledPackages(), all))
		i := slices.IndexFunc(reasons, func(r acceptance.Reason) bool { return r.Effect == acceptance.EffectRefused && permanent[r.Code] })
		if i >= 0 {
			p.reasons[j.Binpkg] = reasons[i]
			continue
		}
		p.usable[j.Binpkg] = true
	}
}

// permanent are the reasons of a refusal that no line of configuration removes. Masks,
// keywords and licences belong to the administrator, and may be temporary.
var permanent = map[string]bool{
	audit.CodeCHOSTRefused: true, audit.CodeEAPIRefused: true, audit.CodeMetadataInvalid: true, audit.CodeMarchRefused: true, audit.CodeCPUFlagsRefused: true,
	audit.CodeSlotOperatorStale: true, audit.CodeDependencyMissing: true, audit.CodeLibcNewer: true,
}

// hold keeps a file for a reason, unless it has one already.
func (p *pruner) hold(b *binpkgs.Binpkg, code, reason string, s *keptState) {
	k := p.keep[b]
	if k == nil {
		k = &keeping{code: code, reason: reason}
		p.keep[b] = k
	}
	if s != nil {
		k.states = append(k.states, s)
	}
}

// sort decides about every file that is, or claims to be, a binary package.
func (p *pruner) sort() {
	byCPV := map[string]*binpkgs.Binpkg{} // the newest kept file
	byBuild := map[string]*binpkgs.Binpkg{}
	last := map[string]*binpkgs.Binpkg{} // the newest whole file that goes
	for i := range p.Past.Binpkgs {
		b := &p.Past.Binpkgs[i]
		if p.keep[b] == nil {
			if best := last[b.CPV]; p.usable[b] && (best == nil || b.BuildTime > best.BuildTime) {
				last[b.CPV] = b
			}
			continue
		}
		if best := byCPV[b.CPV]; best == nil || b.BuildTime > best.BuildTime {
			byCPV[b.CPV] = b
		}
		if b.BuildTime != 0 {
			byBuild[buildKey(b)] = b
		}
	}
	for i := range p.Past.Binpkgs {
		b := &p.Past.Binpkgs[i]
		if k := p.keep[b]; k != nil {
			p.leave(b, k)
			continue
		}
		code, reason, cost := p.why(b, byCPV[b.CPV], byBuild[buildKey(b)])
		if cost != "" && byCPV[b.CPV] == nil && last[b.CPV] == b {
			cost = "the last build of " + b.CPV
			if p.ebuild(b) == acceptance.EbuildGone {
				cost += ", which could not be built again: its ebuild is gone"
			}
		}
		p.plan.Candidates = append(p.plan.Candidates, candidateOf(b, code, reason, cost))
	}
}

// buildKey identifies a build: all its files have the same key.
func buildKey(b *binpkgs.Binpkg) string {
	if b.BuildTime == 0 || b.CPV == "" {
		return ""
	}
	return fmt.Sprintf("%s %d %s", b.CPV, b.BuildTime, useOf(b.Metadata))
}

// why says why a file can go.
func (p *pruner) why(b, newer, twin *binpkgs.Binpkg) (code, reason, cost string) {
	switch {
	case b.Damaged():
		reason = "it is damaged"
		if len(b.Problems) > 0 {
			reason = b.Problems[0].Code + ": " + b.Problems[0].Message
		}
		if b.Size == 0 {
			return PruneLeftover, "left empty by a build that was killed or failed", ""
		}
		return PruneDamaged, reason, ""
	case p.reasons[b].Code == audit.CodeSlotOperatorStale:
		return PruneChangedSlot, p.reasons[b].Detail, ""
	case p.reasons[b].Code != "":
		return PruneNeverUsable, p.reasons[b].Detail, ""
	case twin != nil:
		return PruneDuplicate, "another file of the same build is kept: " + twin.Source(), ""
	case !b.Visible:
		return PruneUnseen, "Portage does not look in this folder or for this name", "this build of " + b.CPV
	}
	if !p.facts.TotalsOnly {
		if code, reason := p.changedSince(b); code != "" {
			return code, reason + "; emerge --usepkg would build it again", "this build of " + b.CPV + ", which --usepkgonly would accept"
		}
	}
	switch {
	case newer != nil && newer.BuildTime < b.BuildTime:
		return PruneOldVersion, "no kept state needs it; of " + b.CPV + ", " + binpkgs.DescribeBuild(newer) + " is kept", "this build of " + b.CPV
	case newer != nil:
		return PruneSuperseded, "rebuilt since: " + binpkgs.DescribeBuild(newer) + " is kept", "this build of " + b.CPV
	case !p.current[audit.PackageOf(b.CPV)]:
		return PruneUninstalled, "nothing of " + audit.PackageOf(b.CPV) + " is installed, and no kept state needs it", "this build of " + b.CPV
	}
	return PruneOldVersion, "no kept state needs it", "this build of " + b.CPV
}

func candidateOf(b *binpkgs.Binpkg, code, reason, cost string) PruneCandidate {
	return PruneCandidate{
		PkgDir: b.Dir.Path, Path: b.Path, CPV: knownText(b.CPV), BuildID: binpkgs.Known(b.BuildID), Size: b.Size,
		Code: code, Reason: reason, Cost: cost, Inode: b.Inode, MTimeNS: b.MTimeNS, binpkg: b,
	}
}

// knownText returns nil for "", which means "unreadable" in the store.
func knownText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (p *pruner) leave(b *binpkgs.Binpkg, k *keeping) {
	p.plan.Kept = append(p.plan.Kept, PruneKept{PkgDir: b.Dir.Path, Path: b.Path, CPV: knownText(b.CPV), Size: b.Size, Code: k.code, Reason: k.reason, Needs: k.needs})
}

// leftoverAge is the age, in seconds, from which no process can still be writing an
// unfinished file: a day, longer than any fetch.
const leftoverAge = 24 * 3600

// unsettled reports whether a process may still be writing a file.
func (p *pruner) unsettled(mtimeNS int64) bool {
	return p.facts.EmergeRuns || p.Db.Now-binpkgs.FloorSeconds(mtimeNS) < leftoverAge
}

// otherFiles decides about files that are no binary packages, and about index entries
// without a file.
func (p *pruner) otherFiles() error {
	there := map[string]bool{}
	for i := range p.Past.Dirs {
		dir := &p.Past.Dirs[i]
		if slices.Contains(p.plan.UnreadDirs, dir.Path) {
			continue
		}
		others, err := inventory.PkgDirFiles(p.Db.Tx, dir.ID)
		if err != nil {
			return err
		}
		for _, o := range others {
			p.other(dir, o)
			there[path.Join(dir.Path, o.Path)] = true
		}
	}
	return p.lostEntries(there)
}

// lostEntries makes candidates of index entries without a file.
func (p *pruner) lostEntries(there map[string]bool) error {
	for i := range p.Past.Dirs {
		dir := &p.Past.Dirs[i]
		if dir.IndexCondition != inventory.IndexPresent {
			continue
		}
		entries, err := inventory.LostEntries(p.Db.Tx, dir.ID)
		if err != nil {
			return err
		}
		for _, e := range entries {
			source := path.Join(dir.Path, e.Path)
			if e.Path == "" || there[source] || p.Past.IsUnlisted(source) || strings.HasPrefix(e.Path, quarantineFolder+"/") {
				continue
			}
			there[source] = true
			p.plan.Candidates = append(p.plan.Candidates, PruneCandidate{
				PkgDir: dir.Path, Path: e.Path, CPV: knownText(e.CPV), BuildID: binpkgs.Known(e.BuildID), Code: PruneIndexEntry, EntryOnly: true,
				Reason: "the index lists it, but the file does not exist: a merge of it fails",
			})
		}
	}
	return nil
}

func (p *pruner) other(dir *inventory.PkgDir, o inventory.PkgDirFile) {
	if o.Role == inventory.RoleIndex || o.Role == inventory.RoleLock || o.Path == quarantineFolder || strings.HasPrefix(o.Path, quarantineFolder+"/") {
		return
	}
	kept := PruneKept{PkgDir: dir.Path, Path: o.Path, Size: o.Size, Code: KeepForeign, Reason: "emaudit judges no " + o.Kind + " of this kind"}
	switch {
	case o.Kind != inventory.RegularFile || o.Role != inventory.RoleTemporary && o.Role != inventory.RolePartial && o.Role != inventory.RoleChecksumFailure:
	case p.policy.Excludes.path(o.Path):
		kept.Code, kept.Reason = KeepExcluded, "--exclude"
	case p.unsettled(o.MTimeNS):
		kept.Code, kept.Reason = KeepUnsettled, "Portage may be using it"
	default:
		reason := map[inventory.FileRole]string{
			inventory.RoleTemporary:       "left over from a build that was killed",
			inventory.RolePartial:         "left over from a fetch or a package move that was interrupted",
			inventory.RoleChecksumFailure: "Portage renamed it because its digest was wrong",
		}[o.Role]
		p.plan.Candidates = append(p.plan.Candidates, PruneCandidate{
			PkgDir: dir.Path, Path: o.Path, Size: o.Size, Code: PruneLeftover, Reason: reason + " on " + audit.Day(binpkgs.FloorSeconds(o.MTimeNS)), MTimeNS: o.MTimeNS,
		})
		return
	}
	p.plan.Kept = append(p.plan.Kept, kept)
}

// finish sums up. It sorts the candidates by size and the kept files by path.
func (p *pruner) finish() {
	slices.SortStableFunc(p.plan.Candidates, func(a, b PruneCandidate) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.PkgDir, b.PkgDir), strings.Compare(a.Path, b.Path))
	})
	slices.SortStableFunc(p.plan.Kept, func(a, b PruneKept) int {
		return cmp.Or(strings.Compare(a.PkgDir, b.PkgDir), strings.Compare(a.Path, b.Path))
	})
	p.plan.Reclaimable, p.plan.KeptSize = 0, 0
	for _, c := range p.plan.Candidates {
		p.plan.Reclaimable += c.Size
	}
	for _, k := range p.plan.Kept {
		p.plan.KeptSize += k.Size
	}
}

// EndingsBy returns the rollbacks that would merge a candidate and that the plan ends
// or makes worse.
func (plan *PrunePlan) EndingsBy(c *PruneCandidate) []PruneEnding {
	return slices.DeleteFunc(slices.Clone(plan.Endings), func(e PruneEnding) bool { return !slices.Contains(e.Files, path.Join(c.PkgDir, c.Path)) })
}

// Explain returns the decisions about one path, about all files of a package, or about
// all files that an atom matches.
func (plan *PrunePlan) Explain(what string) (candidates []PruneCandidate, kept []PruneKept) {
	a, err := atom.ConfigFileSyntax.ParseAtom(what)
	isAtom := err == nil
	matches := func(dir, file string, cpv *string) bool {
		if what == file || what == path.Join(dir, file) || what == path.Base(file) {
			return true
		}
		claimed := binpkgs.CpvOfPath(file)
		if cpv != nil {
			claimed = *cpv
		}
		c, err := atom.ParseCPV(claimed)
		return err == nil && (what == claimed || what == c.PN || isAtom && matchesCPV(a, c))
	}
	for _, c := range plan.Candidates {
		if matches(c.PkgDir, c.Path, c.CPV) {
			candidates = append(candidates, c)
		}
	}
	for _, k := range plan.Kept {
		if matches(k.PkgDir, k.Path, k.CPV) {
			kept = append(kept, k)
		}
	}
	return candidates, kept
}

// PruneTotals is the sum of what can go.
type PruneTotals struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Totals returns the sum of what can go.
func (plan *PrunePlan) Totals() *PruneTotals {
	t := &PruneTotals{Bytes: plan.Reclaimable}
	for i := range plan.Candidates {
		if !plan.Candidates[i].EntryOnly {
			t.Files++
		}
	}
	return t
}
