// Package state answers what was installed at a moment.
//
// A state is the set of installed builds. Each ingest records it; states before the
// first ingest are replayed backward through emerge.log.
package state

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/store"
)

// Moment names a state of the host, as a person does.
type Moment struct {
	// Run is the number of a run: the state before it.
	Run int64
	// At is a time in unix seconds: the state at its end.
	At int64
	// Pin is the name of a pin.
	Pin string
	// Previous is the state before the last run that changed what is
	// installed.
	Previous bool
	// Now is the state that the last ingest saw; the zero Moment is that too.
	Now bool
}

// Errors of naming a state.
var (
	ErrNoSuchRun      = errors.New("no such run")
	ErrNoSuchPin      = errors.New("no such pin")
	ErrNothingChanged = errors.New("no run changed what is installed")
)

// Target is the state that an answer is about.
type Target struct {
	Run   *int64 `json:"run"` // the state before this run; null where a time was asked for
	Time  int64  `json:"time"`
	Known bool   `json:"known"`
	// Unknown are the packages (cat/pn) of which it is not known what was
	// installed, while the rest of the state is known.
	Unknown []string `json:"unknown"`
	Pin     string   `json:"pin,omitempty"`
	// Args and When describe the run.
	Args string `json:"args,omitempty"`
}

// State is what was installed at one moment.
type State struct {
	index  int
	Target Target
	Stays  []*Stay // all that may have been there
	// doubts say why the state is not known; none: it is known.
	Doubts []doubt
}

// doubt is something that is not known of a state.
type doubt struct {
	cp     string // category/pn that it is about; "" = all of the state
	why    string
	Settle string
}

// Text is the doubt as one line.
func (d doubt) Text() string {
	if d.cp == "" {
		return d.why
	}
	return d.cp + ": " + d.why
}

// Partly tells whether the doubts are about single packages, so that the others
// are known.
func (s *State) Partly() bool {
	return len(s.Doubts) > 0 && !slices.ContainsFunc(s.Doubts, func(d doubt) bool { return d.cp == "" })
}

// Unsure tells whether it is in doubt what was there of a package.
func (s *State) Unsure(cp string) bool {
	return slices.ContainsFunc(s.Doubts, func(d doubt) bool { return d.cp == cp })
}

// sure returns what was certainly there of the packages that are in no doubt.
func (s *State) sure() []*Stay {
	if !s.Partly() {
		return s.Stays
	}
	var all []*Stay
	for _, x := range s.Stays {
		if !s.Unsure(audit.PackageOf(x.CPV)) {
			all = append(all, x)
		}
	}
	return all
}

// why joins the doubts.
func (s *State) why() string {
	var all []string
	for _, d := range s.Doubts {
		all = append(all, d.Text())
	}
	return strings.Join(all, "; ")
}

// mark fills in what the target says of the doubts.
func (s *State) mark() {
	s.Target.Known = len(s.Doubts) == 0
	s.Target.Unknown = []string{}
	if s.Partly() {
		for _, d := range s.Doubts {
			s.Target.Unknown = append(s.Target.Unknown, d.cp)
		}
	}
}

// stateAt is the number of the state at a time.
func (t *timeline) stateAt(at int64) int {
	return sort.Search(len(t.Changes), func(i int) bool { return t.Changes[i].at > at })
}

// stateOf is stateAt; end tells that an ingest saw the host at that time, so that
// the end of the state is meant, or now.
func (t *timeline) stateOf(at int64) (k int, end bool) {
	k = t.stateAt(at)
	switch {
	case k == len(t.Changes):
		return k, true
	case k > 0 && t.Changes[k-1].kind == changeSnapshot && t.Changes[k-1].at == at:
		return k - 1, true
	case t.Changes[k].kind == changeSnapshot && slices.ContainsFunc(t.seen, func(s store.Snapshot) bool { return s.TakenAt <= at && at <= s.ConfirmedAt }):
		return k, true
	}
	return k, false
}

// stateBefore is the number of the state before a run began.
func (t *timeline) stateBefore(r *store.Run) int {
	began := t.clock.at(r.BeganAt, r.Started)
	return sort.Search(len(t.Changes), func(i int) bool {
		c := &t.Changes[i]
		return c.at > began || c.at == began && c.kind != changeSnapshot && c.Run >= r.ID
	})
}

// Run returns the run of a number.
func (t *timeline) Run(id int64) *store.Run {
	i, ok := slices.BinarySearchFunc(t.runs, id, func(r store.Run, id int64) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil
	}
	return &t.runs[i]
}

// ChangingRuns returns the numbers of the runs that changed what is installed,
// the newest first.
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

// at returns the state that a moment means.
func (t *timeline) at(m Moment, pins []store.Pin, now int64) (*State, error) {
	pin := m.Pin
	if pin != "" {
		i := slices.IndexFunc(pins, func(p store.Pin) bool { return p.Name == pin })
		if i < 0 {
			return nil, fmt.Errorf("%q: %w", pin, ErrNoSuchPin)
		}
		m = Moment{Run: pins[i].Run, At: pins[i].At}
		if m.Run != 0 && t.Run(m.Run) == nil {
			m.Run = 0
		}
	}
	if m.Previous {
		changing := t.ChangingRuns()
		if len(changing) == 0 {
			return nil, ErrNothingChanged
		}
		m.Run = changing[0]
	}
	if m.Run < 0 && -m.Run <= int64(len(t.runs)) {
		m.Run = t.runs[int64(len(t.runs))+m.Run].ID
	}
	s := &State{index: len(t.Changes), Target: Target{Time: now, Known: true, Pin: pin}}
	end := true
	switch {
	case m.Run != 0:
		r := t.Run(m.Run)
		if r == nil {
			return nil, fmt.Errorf("run %d: %w", m.Run, ErrNoSuchRun)
		}
		s.index = t.stateBefore(r)
		s.Target.Run, s.Target.Time, s.Target.Args = &r.ID, r.Started, r.Args
	case m.At != 0:
		s.index, end = t.stateOf(m.At)
		s.Target.Time = m.At
	}
	t.fill(s, end)
	if step, ok := t.clock.twice(m.At); ok && s.Target.Run == nil {
		s.Doubts = append(s.Doubts, doubt{"", step.why(), "emaudit states"})
	}
	s.mark()
	return s, nil
}

// fill collects what was there, and what is in doubt. end tells that the end
// of the state is meant, and not just some moment in it.
func (t *timeline) fill(s *State, end bool) {
	k := s.index
	// What began in state k may have happened after the moment that is meant.
	inside := func(h hiddenStates) bool { return h.from <= k && (k < h.until || !end && k == h.until) }
	hidden := false
	doubt := func(cp, settle, format string, args ...any) {
		d := doubt{cp, fmt.Sprintf(format, args...), settle}
		if !slices.Contains(s.Doubts, d) {
			s.Doubts = append(s.Doubts, d)
		}
	}
	for _, h := range t.hiding {
		if inside(h) {
			hidden = true
			doubt("", "emaudit states", "%s", h.why)
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
		doubt("", settleWithLog, "there is no emerge.log, and no ingest at that moment")
	default:
		doubt("", settleWithLog, "emerge.log begins later, on %s", audit.Day(t.since))
	}
	var unsure []*Stay
	for _, x := range t.stays {
		if k < x.from || k > x.until {
			continue
		}
		s.Stays = append(s.Stays, x)
		certain := x.first <= k && k <= x.Last
		if !end && certain && x.first == k && x.from < x.first {
			certain = false
		}
		if !certain && !hidden {
			unsure = append(unsure, x)
		}
	}
	slices.SortFunc(s.Stays, func(a, b *Stay) int { return strings.Compare(a.CPV, b.CPV) })
	slices.SortFunc(unsure, func(a, b *Stay) int { return strings.Compare(a.CPV, b.CPV) })
	for i, x := range unsure {
		cp := audit.PackageOf(x.CPV)
		if i > 0 && audit.PackageOf(unsure[i-1].CPV) == cp {
			continue
		}
		var names []string
		for _, y := range unsure[i:] {
			if audit.PackageOf(y.CPV) == cp {
				names = append(names, y.CPV[len(cp):])
			}
		}
		doubt(cp, settleWithLog, "whether %s was installed is told neither by emerge.log nor by a build log", strings.TrimPrefix(strings.Join(names, " or "), "-"))
	}
	if s.Target.Run != nil {
		return
	}
	for _, o := range t.outside {
		if o.from <= s.Target.Time && s.Target.Time < o.until {
			doubt(audit.PackageOf(t.Moves.CPV(o.merge.CPV)), "", "it was being merged at that moment, without emerge")
		}
	}
}

// settleWithLog is what can tell of a state that is not known.
const settleWithLog = "emaudit --emerge-log FILE states, with a rotated part of emerge.log"

// findings reports every disagreement, with the line of the log.
func (t *timeline) findings(db audit.Database) ([]audit.Finding, error) {
	log := db.Tx.EmergeLog(db.Host)
	var all []audit.Finding
	for _, d := range t.disagreements {
		c := t.Changes[d.change]
		f := audit.Finding{Code: "state-disagreement", Severity: audit.SeverityWarning, Subject: d.cpv, Evidence: []audit.Evidence{}}
		if c.kind != changeSnapshot {
			file, offset, err := log.Place(c.place)
			if err != nil {
				return nil, err
			}
			f.Evidence = append(f.Evidence, audit.Evidence{Source: file, Offset: offset})
		}
		switch {
		case d.found == d.cpv:
			f.Message = fmt.Sprintf("it was installed anew without a line in emerge.log, %s", t.window(d))
		case d.found != "":
			f.Message = fmt.Sprintf("emerge.log has it installed, but %s was there later: something replaced it without a line in the log, %s", d.found, t.window(d))
		default:
			f.Message = fmt.Sprintf("emerge.log has it installed, but it was gone later without a line in the log, %s", t.window(d))
		}
		switch {
		case d.settled:
			f.Severity = audit.SeverityInfo
			f.Message += "; COUNTER proves that no other merge is missing around it: in states in between this package is unknown"
		case d.lone:
			f.Severity = audit.SeverityInfo
			f.Message += "; COUNTER proves that no merge at all is missing: in states in between this package is unknown"
		default:
			f.Message += "; states before are unknown"
		}
		f.Remedy = "let every change go through emerge, and run emaudit ingest after it: recorded states need no log"
		all = append(all, f)
	}
	all = append(all, t.outsideFindings()...)
	clock, err := t.clockFindings(log)
	if err != nil {
		return nil, err
	}
	all = append(all, clock...)
	for _, h := range t.hidden {
		c := t.Changes[h.until]
		file, offset, err := log.Place(c.place)
		if err != nil {
			return nil, err
		}
		all = append(all, audit.Finding{
			Code: "state-unlogged-merges", Severity: audit.SeverityWarning, Subject: c.merge.CPV, Evidence: []audit.Evidence{{Source: file, Offset: offset}},
			Message: fmt.Sprintf("COUNTER counts %d merges that emerge.log does not have, %s; states before are unknown", h.least, t.between(h.from, h.until)),
			Remedy:  "look for a rotated part of emerge.log, and name the whole log with --emerge-log FILE",
		})
	}
	return all, nil
}

// window says when what the log does not have happened.
func (t *timeline) window(d disagreement) string {
	return t.between(max(d.from-1, 0), min(d.until, len(t.Changes)))
}

// between names the days of two changes.
func (t *timeline) between(from, until int) string {
	since := audit.Day(t.Changes[from].at)
	if until >= len(t.Changes) {
		return "after " + since
	}
	if to := audit.Day(t.Changes[until].at); to != since {
		return fmt.Sprintf("between %s and %s", since, to)
	}
	return "on " + since
}

// StateRow is one state in the list of states: that before a run.
type StateRow struct {
	Run       int64  `json:"run"`
	StartedAt int64  `json:"started_at"`
	Args      string `json:"args"`
	Outcome   string `json:"outcome"`
	Known     bool   `json:"known"`
	Why       string `json:"why"` // why it is not known
	// Unknown are the packages (cat/pn) that alone are in doubt, where the rest
	// of the state is known.
	Unknown   []string `json:"unknown"`
	Installed int      `json:"installed"` // without those
	// What the run did to it.
	Upgrades   int      `json:"upgrades"`
	Downgrades int      `json:"downgrades"`
	Reinstalls int      `json:"reinstalls"`
	Installs   int      `json:"installs"`
	Removes    int      `json:"removes"`
	Pins       []string `json:"pins"`
}

// States is the answer to: which states can be named, and which are known?
type States struct {
	Rows     []StateRow      `json:"states"`
	Pins     []store.Pin     `json:"-"`
	Findings []audit.Finding `json:"-"`
}

// AuditStates lists the states before the runs that changed what is installed,
// oldest first.
func AuditStates(db audit.Database) (*States, error) {
	h, err := TakePast(db)
	if err != nil {
		return nil, err
	}
	answer := &States{Rows: []StateRow{}, Pins: h.Pins}
	byRun := map[int64][]*change{}
	for i := range h.Changes {
		if c := &h.Changes[i]; c.effective && c.Run != 0 {
			byRun[c.Run] = append(byRun[c.Run], c)
		}
	}
	census := h.census()
	runs := h.ChangingRuns()
	slices.Reverse(runs)
	for _, id := range runs {
		r := h.Run(id)
		k := h.stateBefore(r)
		row := StateRow{Run: id, StartedAt: r.Started, Args: r.Args, Outcome: r.Outcome.String(), Known: true, Unknown: []string{}, Installed: census.installed[k], Pins: []string{}}
		switch why := h.hiddenWhy(k); {
		case why != "":
			row.Known, row.Why = false, why
		case census.doubtful[k] > 0 || h.mayBeYounger(k, r.Started):
			before, err := h.At(Moment{Run: id}, nil, db.Now)
			if err != nil {
				return nil, err
			}
			row.Known, row.Why, row.Unknown, row.Installed = before.Target.Known, before.why(), before.Target.Unknown, len(before.sure())
		}
		for _, p := range h.Pins {
			if p.Run == id || p.Run == 0 && h.stateAt(p.At) == k {
				row.Pins = append(row.Pins, p.Name)
			}
		}
		for _, c := range byRun[id] {
			row.count(h, c)
		}
		answer.Rows = append(answer.Rows, row)
	}
	answer.Findings, err = h.findings(db)
	audit.SortFindings(answer.Findings)
	return answer, err
}

// census counts, for every state, what was installed and what of it is in
// doubt.
type census struct{ installed, doubtful []int }

func (t *timeline) census() census {
	n := len(t.Changes) + 1
	c := census{make([]int, n+1), make([]int, n+1)}
	add := func(counts []int, from, until int) {
		if from = max(from, 0); from <= until && from < n {
			counts[from]++
			counts[min(until, n-1)+1]--
		}
	}
	for _, x := range t.stays {
		add(c.installed, x.from, x.until)
		if x.first > x.Last {
			add(c.doubtful, x.from, x.until)
			continue
		}
		add(c.doubtful, x.from, min(x.first-1, x.until))
		add(c.doubtful, max(x.Last+1, x.from), x.until)
	}
	for k := 1; k < n; k++ {
		c.installed[k] += c.installed[k-1]
		c.doubtful[k] += c.doubtful[k-1]
	}
	return c
}

// hiddenWhy says why nothing is known of a state, "" where it is not hidden.
func (t *timeline) hiddenWhy(k int) string {
	for _, h := range t.hiding {
		if h.from <= k && k < h.until {
			return h.why
		}
	}
	return ""
}

// count adds what one change of the run did.
func (row *StateRow) count(h *Past, c *change) {
	if c.kind == changeUnmerge {
		row.Removes++
		return
	}
	if len(c.merge.Replaced) == 0 {
		row.Installs++
		return
	}
	for _, old := range c.merge.Replaced {
		switch n := binpkgs.CompareCPV(h.Moves.CPV(c.merge.CPV), h.Moves.CPV(old)); {
		case n > 0:
			row.Upgrades++
		case n < 0:
			row.Downgrades++
		default:
			row.Reinstalls++
		}
	}
}

// ParseMoment reads how a person names a state:
//
//	now, previous          what is installed; the state before the last run that changed it
//	run:12, 12, run:-1     the state before that run; negative numbers count from the newest
//	2026-05-10 14:30, 2w   the state at the end of that time, as [ParsePeriod] reads it
//	before-kde             a pin
func ParseMoment(text string, now time.Time, zone *time.Location) (Moment, error) {
	text = strings.TrimSpace(text)
	switch text {
	case "now":
		return Moment{Now: true}, nil
	case "", "previous":
		return Moment{Previous: true}, nil
	}
	if run, ok, err := audit.ParseRun(text); ok || err != nil {
		return Moment{Run: run}, err
	}
	if run, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) < 5 && run > 0 {
		return Moment{Run: run}, nil
	}
	if _, to, err := audit.ParseMoment(text, now, zone); err == nil {
		if to.After(now) {
			to = now
		}
		return Moment{At: to.Unix()}, nil
	}
	if !ValidPin(text) {
		return Moment{}, fmt.Errorf("%q is neither now, previous, a run (run:12), a time (2026-05-10 14:30), nor a pin", text)
	}
	return Moment{Pin: text}, nil
}

// maxPin is the length of the name of a pin, in bytes.
const maxPin = 64

// ValidPin tells whether a pin may have that name: letters, digits and "._-",
// beginning with a letter, and nothing that [ParseMoment] takes for something
// else.
func ValidPin(name string) bool {
	if name == "now" || name == "previous" || name == "today" || name == "yesterday" || len(name) > maxPin || name == "" {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || strings.ContainsRune("._-", r))) {
			return false
		}
	}
	return true
}

// PinAt returns the pin of a state, to be stored under a name.
func PinAt(db audit.Database, name string, m Moment) (store.Pin, Target, error) {
	h, err := TakePast(db)
	if err != nil {
		return store.Pin{}, Target{}, err
	}
	s, err := h.At(m, h.Pins, db.Now)
	if err != nil {
		return store.Pin{}, Target{}, err
	}
	p := store.Pin{Name: name, At: s.Target.Time, CreatedAt: db.Now}
	if s.Target.Run != nil {
		p.Run = *s.Target.Run
	}
	return p, s.Target, nil
}
