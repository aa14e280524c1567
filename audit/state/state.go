// Package state answers which builds were installed at a moment.
//
// A state is the set of installed builds. Each ingest records the present state.
// Earlier states are reconstructed from emerge.log, backward from the present one.
// COUNTER and BUILD_TIME of the installed packages show where the log is incomplete;
// see [timeline]. A state that the evidence does not determine is reported as
// unknown, with the reason.
package state

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"emaudit/audit"
	"emaudit/store/inventory"
)

// Target is the state that an answer is about.
type Target struct {
	Run   *int64 `json:"run"` // the state before this run; null if a time was requested
	Time  int64  `json:"state_at"`
	Known bool   `json:"known"`
	// Unknown are the packages (category/name) whose installed version is not known,
	// while the rest of the state is.
	Unknown []string `json:"unknown"`
	Pin     string   `json:"pin,omitempty"` // the requested name
	// Pins are the names of all pins of this state.
	Pins []string `json:"pins"`
	// Args are the arguments of the run.
	Args string `json:"args,omitempty"`
	// Undoes are the runs that a rollback to this state undoes in the same update:
	// Run and the later ones. It is empty if a time was requested.
	Undoes []int64 `json:"undoes"`
}

// Argument returns what names the state on the command line.
func (t Target) Argument() string {
	switch {
	case t.Pin != "":
		return t.Pin
	case t.Run != nil:
		return fmt.Sprintf("run:%d", *t.Run)
	}
	return fmt.Sprintf("@%d", t.Time)
}

// State is what was installed at one moment.
type State struct {
	index         int
	Target        Target
	Installations []*Installation // every installation that is possible
	// Doubts are the reasons why the state is not known. It is known if there are
	// none.
	Doubts []doubt
}

// doubt is a reason why a state, or one package of it, is not known.
type doubt struct {
	cp     string // category/name; "" for the whole state
	why    string
	remedy audit.Remedy
}

// Remedy returns the command that resolves the doubt.
func (d doubt) Remedy() audit.Remedy {
	if d.remedy.IsZero() {
		return audit.Do(audit.Emaudit("states"))
	}
	return d.remedy
}

// Text returns the doubt as one line.
func (d doubt) Text() string {
	if d.cp == "" {
		return d.why
	}
	return d.cp + ": " + d.why
}

// Partly reports whether every doubt concerns a single package, so that the other
// packages are known.
func (s *State) Partly() bool {
	return len(s.Doubts) > 0 && !slices.ContainsFunc(s.Doubts, func(d doubt) bool { return d.cp == "" })
}

// Unsure reports whether a package of the state is in doubt.
func (s *State) Unsure(cp string) bool {
	return slices.ContainsFunc(s.Doubts, func(d doubt) bool { return d.cp == cp })
}

// sure returns the installations of packages without a doubt.
func (s *State) sure() []*Installation {
	if !s.Partly() {
		return s.Installations
	}
	var all []*Installation
	for _, x := range s.Installations {
		if !s.Unsure(audit.PackageOf(x.CPV)) {
			all = append(all, x)
		}
	}
	return all
}

// why returns all doubts as one line.
func (s *State) why() string {
	var all []string
	for _, d := range s.Doubts {
		all = append(all, d.Text())
	}
	return strings.Join(all, "; ")
}

// mark sets Known and Unknown of the target from the doubts.
func (s *State) mark() {
	s.Target.Known = len(s.Doubts) == 0
	s.Target.Unknown = nil
	if s.Partly() {
		for _, d := range s.Doubts {
			if !slices.Contains(s.Target.Unknown, d.cp) {
				s.Target.Unknown = append(s.Target.Unknown, d.cp)
			}
		}
	}
}

// stateAt returns the number of the state at a time.
func (t *timeline) stateAt(at int64) int {
	return sort.Search(len(t.Changes), func(i int) bool { return t.Changes[i].at > at })
}

// stateOf returns the number of the state at a time. If end is true, the end of that
// state is meant: an ingest saw the host at that time, or the time is now.
func (t *timeline) stateOf(at int64) (k int, end bool) {
	k = t.stateAt(at)
	switch {
	case k == len(t.Changes):
		return k, true
	case k > 0 && t.Changes[k-1].kind == changeSnapshot && t.Changes[k-1].at == at:
		return k - 1, true
	case t.Changes[k].kind == changeSnapshot && slices.ContainsFunc(t.seen, func(s inventory.Snapshot) bool { return s.TakenAt <= at && at <= s.ConfirmedAt }):
		return k, true
	}
	return k, false
}

// stateBefore returns the number of the state before a run.
func (t *timeline) stateBefore(r *Run) int {
	began := t.clock.at(r.BeganAt, r.Started)
	return sort.Search(len(t.Changes), func(i int) bool {
		c := &t.Changes[i]
		return c.at > began || c.at == began && c.kind != changeSnapshot && c.Run >= r.ID
	})
}

// Run returns the run with a number, or nil.
func (t *timeline) Run(id int64) *Run {
	i, ok := slices.BinarySearchFunc(t.runs, id, func(r Run, id int64) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil
	}
	return &t.runs[i]
}

// ChangingRuns returns the runs that changed what is installed, the newest first.
func (t *timeline) ChangingRuns() []int64 {
	var all []int64
	for i := range t.Changes {
		if c := &t.Changes[i]; c.effective && c.Run != 0 {
			all = append(all, c.Run)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all
}

// fill adds the possible installations of a state and its doubts. If end is true, the
// end of the state is meant, otherwise any moment in it.
func (t *timeline) fill(s *State, end bool) {
	k := s.index
	// An event that begins state k may be later than the requested moment.
	inside := func(h unknownStates) bool { return h.from <= k && (k < h.until || !end && k == h.until) }
	unknown := false
	add := func(cp string, settle audit.Remedy, format string, args ...any) {
		d := doubt{cp, fmt.Sprintf(format, args...), settle}
		if !slices.ContainsFunc(s.Doubts, func(other doubt) bool { return other.Text() == d.Text() }) {
			s.Doubts = append(s.Doubts, d)
		}
	}
	for _, h := range t.unknown {
		if inside(h) {
			unknown = true
			add("", audit.Remedy{}, "%s", h.why())
		}
	}
	covered := t.since > 0 && (s.Target.Time >= t.since || s.Target.Run != nil)
	for _, snap := range t.seen {
		covered = covered || snap.TakenAt <= s.Target.Time && s.Target.Time <= snap.ConfirmedAt
	}
	if k == len(t.Changes) && s.Target.Run == nil {
		covered = covered || len(t.snapshots) > 0
	}
	switch {
	case covered:
	case t.since == 0:
		add("", searchRotatedLog, "there is no emerge.log, and no ingest at that moment")
	default:
		add("", searchRotatedLog, "emerge.log begins later, on %s", audit.Day(t.since))
	}
	for _, c := range t.cutIn(k) {
		add(c.cp, c.remedy, "%s", c.why)
	}
	var unsure []*Installation
	for _, x := range t.installations {
		if k < x.from || k > x.until {
			continue
		}
		s.Installations = append(s.Installations, x)
		certain := x.first <= k && k <= x.Last
		if !end && certain && x.first == k && x.from < x.first {
			certain = false
		}
		if !certain && !unknown {
			unsure = append(unsure, x)
		}
	}
	slices.SortFunc(s.Installations, func(a, b *Installation) int { return strings.Compare(a.CPV, b.CPV) })
	slices.SortFunc(unsure, func(a, b *Installation) int { return strings.Compare(a.CPV, b.CPV) })
	for i, x := range unsure {
		cp := audit.PackageOf(x.CPV)
		if i > 0 && audit.PackageOf(unsure[i-1].CPV) == cp {
			continue
		}
		var names []string
		for _, y := range unsure[i:] {
			if audit.PackageOf(y.CPV) == cp {
				names = append(names, y.CPV[len(cp)+1:])
			}
		}
		settle, why := searchRotatedLog, ""
		if t.logIsWhole(cp) {
			settle, why = takeAnotherState, "; COUNTER proves that emerge.log lacks no line that could"
		}
		add(cp, settle, "neither emerge.log nor a build log shows whether %s was installed%s", strings.Join(names, " or "), why)
	}
	if s.Target.Run != nil {
		return
	}
	if x := t.restored; x != nil && x.after < s.Target.Time && s.Target.Time < x.before {
		add("", audit.Remedy{}, "between %s and %s the root was put back to an earlier state", audit.Minute(x.after), audit.Minute(x.before))
	}
	for _, o := range t.ebuildMerges {
		if o.from <= s.Target.Time && s.Target.Time < o.until {
			add(audit.PackageOf(t.Moves.CPV(o.merge.CPV)), audit.Remedy{}, "it was being merged at that moment, without emerge")
		}
	}
}

// searchRotatedLog is the remedy for a state that a rotated part of the log may
// explain.
var searchRotatedLog = audit.Do(audit.Emaudit("--emerge-log", "FILE", "states")).When("with a rotated part of emerge.log")

// takeAnotherState is the remedy for a state that no log explains.
var takeAnotherState = audit.Do(audit.Emaudit("states")).When("take a state that is known")

// logIsWhole reports whether COUNTER proves that no further log would resolve the
// doubts about a package.
func (t *timeline) logIsWhole(cp string) bool {
	return slices.ContainsFunc(t.disagreements, func(d disagreement) bool { return (d.unloggedRemoval || d.settled) && audit.PackageOf(d.cpv) == cp }) &&
		!slices.ContainsFunc(t.disagreements, func(d disagreement) bool { return !d.unloggedRemoval && !d.settled && audit.PackageOf(d.cpv) == cp })
}
