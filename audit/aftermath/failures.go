// Package aftermath answers what an update left behind: failed merges, messages of
// packages, configuration files to merge, preserved libraries.
package aftermath

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelog"
	"emaudit/parse/mergelog/cause"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// Resolution says what became of a failed merge.
type Resolution string

// The resolutions.
const (
	Open     Resolution = "open"     // nothing
	Unknown  Resolution = "unknown"  // nothing that is known, and a part of the log could not be read
	Retried  Resolution = "retried"  // the same version was merged later
	Replaced Resolution = "replaced" // another version was merged later in its place
	Removed  Resolution = "removed"  // the package was removed later
)

// CauseUnknown is the cause of a failure that nothing explains.
const CauseUnknown = string(cause.Unknown)

// Failure is one merge that failed.
type Failure struct {
	CPV string `json:"cpv"`
	At  int64  `json:"started_at"` // unix seconds: the beginning of the merge
	Run *int64 `json:"run"`        // null for a merge that emerge.log does not have
	// Phase is the phase that failed, "" if unknown.
	Phase string `json:"phase"`
	// Cause is the class of the first real cause. It is "unknown" if there is no log
	// or the log has no cause. Line is that cause in one line, or a substitute.
	Cause string `json:"cause"`
	Line  string `json:"line"`
	// Message is the argument of die.
	Message string   `json:"message"`
	Excerpt []string `json:"excerpt"`
	// Log is the path of the log, null if none is known. LogGone reports that the
	// file no longer exists.
	Log     *string               `json:"log"`
	LogGone bool                  `json:"log_gone"`
	Link    history.LinkCertainty `json:"link"`
	// ResolvedBy is the package that was merged later in its place, or that was
	// removed. It is null while neither has happened.
	ResolvedBy *string    `json:"resolved_by"`
	ResolvedAt *int64     `json:"resolved_at"`
	Resolution Resolution `json:"resolution"`
	// Installed reports that some version of the package is installed.
	Installed bool `json:"installed"`
	// Retry merges it again.
	Retry audit.Command `json:"-"`

	// Lost is why it is unknown what became of it.
	Lost string `json:"-"`

	// LogOutside says that the log is no file of the root, but a captured session.
	LogOutside bool `json:"-"`

	slot     string         // "" if unknown
	ended    int64          // unix seconds; 0 if unknown
	evidence audit.Evidence // the place of the cause
}

// Failures answers what failed, where and why.
type Failures struct {
	Rows []Failure `json:"failures"`
	// Cut are the merges that were interrupted while they changed what is installed,
	// and that nobody has repaired. They may be older than the other rows.
	Cut      []history.CutMerge `json:"cut_merges"`
	Findings []audit.Finding    `json:"-"` // of open failures
	Source   OutputSource       `json:"-"`
}

// Open counts the packages, by slot, that failed and of which no later merge or
// removal is known. A package that failed three times is one. Of the unknown ones,
// emerge.log may lack that merge.
func (f *Failures) Open() (all, unknown int) {
	open := f.open()
	for _, row := range open {
		if row.Resolution == Unknown {
			unknown++
		}
	}
	return len(open), unknown
}

// open returns the rows that are the newest failure of a package and slot and that
// nothing is known to have resolved, newest first.
func (f *Failures) open() (open []*Failure) {
	newer := map[[2]string]bool{}
	for i := range f.Rows {
		row := &f.Rows[i]
		key := [2]string{audit.PackageOf(row.CPV), row.slot}
		if !newer[key] && row.IsOpen() {
			open = append(open, row)
		}
		newer[key] = true
	}
	return open
}

// IsOpen reports whether nothing is known to have resolved the failure.
func (row *Failure) IsOpen() bool { return row.Resolution == Open || row.Resolution == Unknown }

// packagesAtOnce is the number of packages whose history is held at a time.
const packagesAtOnce = 32

// AuditFailures lists the merges that failed since a time, the newest first. A
// failure is known from emerge.log, from a build log, or from both. The build log has
// the cause.
func AuditFailures(db audit.Database, since int64) (*Failures, error) {
	buildLogs, err := logs.BuildLogs(db.Tx, db.Host, logs.BuildLogQuery{Since: since, Failed: true})
	if err != nil {
		return nil, err
	}
	failed, err := logs.ReadEmergeLog(db.Tx, db.Host).FailedMerges(since)
	if err != nil {
		return nil, err
	}
	installed, err := binpkgs.TakeInstalled(db)
	if err != nil {
		return nil, err
	}
	errors, err := logs.ElogMessages(db.Tx, db.Host, logs.ElogQuery{Since: since, Classes: []mergelog.Class{mergelog.ClassError}})
	if err != nil {
		return nil, err
	}
	slots, err := db.Tx.KnownSlots(db.Host)
	if err != nil {
		return nil, err
	}
	// The history of some packages at a time: that of all would be most of the log.
	logOf := func(l logs.BuildLog) string { return audit.PackageOf(l.CPV) }
	mergeOf := func(m logs.Merge) string { return audit.PackageOf(m.CPV) }
	logsOf, failedOf := byPackage(buildLogs, logOf), byPackage(failed, mergeOf)
	for cp := range failedOf {
		if _, found := logsOf[cp]; !found {
			logsOf[cp] = nil
		}
	}
	failures := &Failures{Rows: []Failure{}, Cut: []history.CutMerge{}}
	if failures.Source, err = auditOutputSource(db); err != nil {
		return nil, err
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(logsOf)), packagesAtOnce) {
		h, err := history.LoadMergeHistory(db, some)
		if err != nil {
			return nil, err
		}
		for _, cp := range some {
			failures.add(h, logsOf[cp], failedOf[cp], errors, slots)
		}
	}
	args, err := failures.arguments(db)
	if err != nil {
		return nil, err
	}
	failures.finish(installed, args)
	cut, err := history.FindCutMerges(db)
	if err != nil {
		return nil, err
	}
	failures.Cut = append(failures.Cut, cut...)
	place, err := db.FindPlace()
	if err != nil {
		return nil, err
	}
	for i := range failures.Rows {
		failures.Rows[i].Retry = failures.Rows[i].Retry.At(place)
	}
	for i := range cut {
		failures.Findings = append(failures.Findings, cut[i].Finding(db))
	}
	return failures, db.Finish(failures.Findings)
}

// Only keeps the failures of some packages (cpv) in a part of the history, and of
// them the newest n; 0 means all.
func (f *Failures) Only(wanted func(cpv string) bool, period audit.Period, n int) {
	f.Rows = slices.DeleteFunc(f.Rows, func(r Failure) bool { return !wanted(r.CPV) || !period.Contains(r.At) })
	if n > 0 {
		f.Rows = f.Rows[:min(n, len(f.Rows))]
	}
	f.Cut = slices.DeleteFunc(f.Cut, func(c history.CutMerge) bool { return !wanted(c.CPV) })
	f.Findings = slices.DeleteFunc(f.Findings, func(x audit.Finding) bool { return !wanted(x.Subject) })
}

// arguments returns what the runs of the failures were asked for, by run.
func (f *Failures) arguments(db audit.Database) (map[int64]string, error) {
	var runs []int64
	for i := range f.Rows {
		if r := f.Rows[i].Run; r != nil {
			runs = append(runs, *r)
		}
	}
	slices.Sort(runs)
	args := map[int64]string{}
	err := logs.ReadEmergeLog(db.Tx, db.Host).RunsNumbered(slices.Compact(runs), func(r *logs.Run) error {
		args[r.ID] = r.Args
		return nil
	})
	return args, err
}

// selects reports whether a run was to add a package to @world: the package was
// asked for by its name, without --oneshot. What came along as a dependency or from a
// set must not get there by a second try.
func selects(args, cpv string) bool {
	cp := audit.PackageOf(cpv)
	asked := false
	for word := range strings.FieldsSeq(args) {
		switch {
		case word == "--oneshot", word == "--onlydeps", word == "--oneshot=y", word == "--onlydeps=y":
			return false
		case strings.HasPrefix(word, "--"):
		case strings.HasPrefix(word, "-"):
			if strings.ContainsAny(word, "1o") {
				return false
			}
		default:
			name, _, _ := strings.Cut(strings.TrimLeft(word, "=<>~"), ":")
			asked = asked || name == cp || name == cpv || name == path.Base(cp) || name == path.Base(cpv)
		}
	}
	return asked
}

// remedy returns what an administrator does about a failure. A build that fails for
// a reason in its log fails again until that is mended, so the log comes first. What
// failed for lack of memory or room, or by a signal, is merged again.
func (row *Failure) remedy() audit.Remedy {
	switch cause.Class(row.Cause) {
	case cause.Memory, cause.Space, cause.Signal:
		return audit.Do(row.Retry)
	}
	if row.Log == nil || row.LogGone {
		return audit.Do(row.Retry)
	}
	read := audit.Do(audit.Files("less", *row.Log))
	if row.LogOutside {
		read = audit.Do(audit.Here("less", *row.Log))
	}
	switch {
	case strings.Contains(row.Line, "fetch restriction"):
		return read.When("fetch its files by hand, as the log says")
	case row.Phase == string(mergelog.PhaseSetup):
		return read.When("do what pkg_setup asks for, such as an option of the kernel")
	}
	return read
}

// runsSince returns the runs since a time, all for 0. ok is false if there is none.
func runsSince(db audit.Database, since int64) (runs logs.RunRange, ok bool, err error) {
	if since == 0 {
		return logs.RunRange{}, true, nil
	}
	return logs.ReadEmergeLog(db.Tx, db.Host).RunsBetween(since, db.Now+1)
}

// IsFailed reports whether emerge.log says that a merge failed, at its end or
// before.
func IsFailed(m *logs.Merge) bool { return m.Outcome == emergelog.MergeFailed || m.PostinstFailed }

// byPackage sorts a list by package, and returns the part of each.
func byPackage[T any](list []T, of func(T) string) map[string][]T {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(of(a), of(b)) })
	parts := map[string][]T{}
	for len(list) > 0 {
		cp, n := of(list[0]), 1
		for n < len(list) && of(list[n]) == cp {
			n++
		}
		parts[cp], list = list[:n], list[n:]
	}
	return parts
}

// NewFailures joins the logs of failures with the failed merges.
func NewFailures(h *history.MergeHistory, buildLogs []logs.BuildLog, failed []logs.Merge, errors []logs.ElogMessage, installed []inventory.Installed, slots map[string]string) *Failures {
	f := &Failures{}
	f.add(h, buildLogs, failed, errors, slots)
	f.finish(installed, map[int64]string{})
	return f
}

// add adds the failures of packages whose history is h.
func (f *Failures) add(h *history.MergeHistory, buildLogs []logs.BuildLog, failed []logs.Merge, errors []logs.ElogMessage, slots map[string]string) {
	before := len(f.Rows)
	seen := map[history.MergeKey]bool{}
	for i := range buildLogs {
		log := &buildLogs[i]
		m, link := h.Link(log)
		row := failureOf(log, link)
		if m != nil {
			k := history.MergeKey{Run: m.Run, Seq: m.Seq}
			if seen[k] {
				continue // the log in PORTAGE_LOGDIR, and its copy in the build directory
			}
			seen[k] = true
			run := m.Run
			row.At, row.Run, row.ended = m.Started, &run, max(row.ended, m.Finished)
		}
		f.Rows = append(f.Rows, row)
	}
	for i := range failed {
		m := &failed[i]
		if seen[history.MergeKey{Run: m.Run, Seq: m.Seq}] {
			continue
		}
		row := Failure{CPV: m.CPV, At: m.Started, ended: history.MergeEnd(m), Run: &m.Run, Cause: CauseUnknown, Line: "its log was not found", Link: history.LinkNone}
		if m.PostinstFailed {
			row.Phase = string(mergelog.PhasePostinst)
		}
		row.fromElog(m, errors)
		f.Rows = append(f.Rows, row)
	}
	for i := range f.Rows[before:] {
		resolve(h, &f.Rows[before+i], slots)
	}
}

// finish sorts the failures and makes their findings.
func (f *Failures) finish(installed []inventory.Installed, args map[int64]string) {
	here := map[string][]*inventory.Installed{}
	for i := range installed {
		cp := audit.PackageOf(installed[i].CPV)
		here[cp] = append(here[cp], &installed[i])
	}
	for i := range f.Rows {
		row := &f.Rows[i]
		now := here[audit.PackageOf(row.CPV)]
		row.Installed = len(now) > 0
		row.resolveByInstalled(now)
		if lost := f.Source.Log.Lost(row.At); lost != "" && row.Resolution == Open {
			row.Resolution, row.Lost = Unknown, lost
		}
		row.Retry = audit.Run("emerge", "--oneshot", "="+row.CPV)
		if row.Run != nil && selects(args[*row.Run], row.CPV) {
			row.Retry = audit.Run("emerge", "="+row.CPV)
		}
	}
	slices.SortStableFunc(f.Rows, func(a, b Failure) int {
		if c := history.CompareTimes(b.At, a.At, 0, 0); c != 0 {
			return c
		}
		return strings.Compare(a.CPV, b.CPV)
	})
	for _, row := range f.open() {
		f.Findings = append(f.Findings, failureFinding(row))
	}
	audit.SortFindings(f.Findings)
}

// failureOf returns the row of a log with a failure.
func failureOf(log *logs.BuildLog, link history.LinkCertainty) Failure {
	fail := log.Log.Failure
	row := Failure{
		CPV: log.CPV, At: log.At(), ended: max(log.At(), log.WrittenAt), Phase: string(fail.Phase), Cause: string(fail.Cause.Class), Line: fail.Cause.Line,
		Message: fail.Message, Excerpt: fail.Cause.Excerpt, Log: &log.Path, LogOutside: log.Outside, LogGone: log.GoneAt != 0, Link: link,
		evidence: audit.Evidence{Source: log.Path, Offset: fail.Cause.Offset, Outside: log.Outside},
	}
	if row.Line == "" {
		row.Line = fail.Message
	}
	return row
}

// fromElog adds what elog saved about a failure without a known log. Without
// PORTAGE_LOGDIR the log lies in the build directory, and only elog's summary
// remains.
func (row *Failure) fromElog(m *logs.Merge, errors []logs.ElogMessage) {
	for i := range errors {
		e := &errors[i]
		if e.CPV != m.CPV || e.SavedAt < m.Started || e.SavedAt > history.MergeEnd(m)+history.LinkSlack {
			continue
		}
		row.Phase, row.Line, row.Link = string(e.Phase), audit.FirstLine(e.Lines), history.LinkCertain
		for n, line := range e.Lines {
			if strings.HasPrefix(line, "ERROR: ") && n+1 < len(e.Lines) {
				row.Message = strings.TrimSpace(e.Lines[n+1])
				row.Line = row.Message
			}
			if rest, ok := strings.CutPrefix(line, "The complete build log is located at '"); ok {
				path := strings.TrimSuffix(strings.TrimSuffix(rest, "."), "'")
				row.Log = &path
			}
		}
		row.evidence = audit.Evidence{Source: e.Path, Offset: e.Offset}
		return
	}
}

// resolve finds what resolved a failure: a later merge of the same version, a later
// merge of another version in its slot, or the removal of the package. slots are the
// known slots, by cpv. If one of two slots is unknown, they count as equal.
func resolve(h *history.MergeHistory, row *Failure, slots map[string]string) {
	row.Resolution, row.slot = Open, slots[row.CPV]
	for _, m := range h.ByCP[audit.PackageOf(row.CPV)] {
		if m.Started <= row.At || m.Outcome != emergelog.MergeMerged || m.PostinstFailed {
			continue
		}
		if slot := slots[m.CPV]; slot != row.slot && slot != "" && row.slot != "" {
			continue
		}
		// Copies, because a pointer would keep all of the history.
		by, at := m.CPV, m.Finished
		row.ResolvedBy, row.ResolvedAt, row.Resolution = &by, &at, Replaced
		if m.CPV == row.CPV {
			row.Resolution = Retried
		}
		return
	}
	for _, u := range h.Unmerges[row.CPV] {
		if u.Started > row.At && u.Outcome == emergelog.UnmergeOK {
			by, at := u.CPV, u.Finished
			row.ResolvedBy, row.ResolvedAt, row.Resolution = &by, &at, Removed
			return
		}
	}
}

// resolveByInstalled resolves a failure without the log: a build that is newer than
// the failure is installed. ebuild(1) writes no emerge.log.
func (row *Failure) resolveByInstalled(installed []*inventory.Installed) {
	for _, p := range installed {
		if row.Resolution == Open && p.BuildTime > row.ended && (p.Slot == row.slot || row.slot == "") {
			row.ResolvedBy, row.ResolvedAt, row.Resolution = &p.CPV, &p.BuildTime, Replaced
			if p.CPV == row.CPV {
				row.Resolution = Retried
			}
		}
	}
}

// failureFinding reports an open failure.
func failureFinding(row *Failure) audit.Finding {
	f := audit.Finding{
		Code: audit.CodeMergeFailed, Severity: audit.SeverityWarning, Subject: row.CPV, Remedy: row.remedy(),
		Message: "failed", At: row.At,
	}
	if row.Phase != "" {
		f.Message += " in " + row.Phase
	}
	if row.Resolution == Unknown {
		f.Message += ", and whether it was merged since is not known (" + row.Lost + ")"
	} else {
		f.Message += " and was not merged since"
	}
	if row.Line != "" {
		f.Message = fmt.Sprintf("%s: %s", f.Message, row.Line)
	}
	if row.evidence.Source != "" {
		f.Evidence = append(f.Evidence, row.evidence)
	}
	return f
}
