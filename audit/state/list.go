package state

import (
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
)

// StateRow is one state in the list of states: the one before an update or a run.
type StateRow struct {
	// Run is the first run of the update, and Runs are all of them.
	Run  int64   `json:"run"`
	Runs []int64 `json:"runs"`
	// SameAs names the newest later state with the same builds, in the syntax of
	// [ParseMoment]. It is "" if there is none.
	SameAs    string `json:"same_as"`
	StartedAt int64  `json:"started_at"`
	Args      string `json:"args"`
	Outcome   string `json:"outcome"`
	Known     bool   `json:"known"`
	Why       string `json:"why"` // the reason, if it is not known
	// Unknown are the packages (category/name) in doubt, if the rest of the state is
	// known.
	Unknown   []string `json:"unknown"`
	Installed int      `json:"installed"` // excluding Unknown
	// The changes of the update.
	Upgrades   int      `json:"upgrades"`
	Downgrades int      `json:"downgrades"`
	Reinstalls int      `json:"reinstalls"`
	Installs   int      `json:"installs"`
	Removes    int      `json:"removes"`
	Pins       []string `json:"pins"`
}

// States answers which states can be named and which of them are known.
type States struct {
	Rows     []StateRow      `json:"states"`
	Pins     []Pinned        `json:"-"`
	Findings []audit.Finding `json:"-"`
}

// AuditStates lists the states before the updates that changed what is installed, the
// oldest first.
func AuditStates(db audit.Database) (*States, error) {
	h, err := TakePastWith(db, false)
	if err != nil {
		return nil, err
	}
	updates := h.Updates()
	slices.Reverse(updates)
	return h.list(db, updates)
}

// AuditStatesOfRuns lists the states before the runs that changed what is installed,
// the oldest first. It includes states inside an update.
func AuditStatesOfRuns(db audit.Database) (*States, error) {
	h, err := TakePastWith(db, false)
	if err != nil {
		return nil, err
	}
	var each []Update
	for _, id := range h.ChangingRuns() {
		each = append(each, Update{Run: id, Runs: []int64{id}})
	}
	slices.Reverse(each)
	return h.list(db, each)
}

func (h *Past) list(db audit.Database, updates []Update) (*States, error) {
	answer := &States{}
	byRun := map[int64][]*change{}
	for i := range h.Changes {
		if c := &h.Changes[i]; c.effective && c.Run != 0 {
			byRun[c.Run] = append(byRun[c.Run], c)
		}
	}
	census := h.census()
	for _, u := range updates {
		r := h.Run(u.Run)
		k := h.stateBefore(r)
		row := StateRow{
			Run: u.Run, Runs: u.Runs, StartedAt: r.Started, Args: r.Args, Outcome: h.Run(u.Runs[len(u.Runs)-1]).Outcome.String(),
			Known: true, Installed: census.installed[k], Pins: h.pinsOf(k),
		}
		switch why := h.whyUnknown(k); {
		case why != "":
			row.Known, row.Why = false, why
		case census.doubtful[k] > 0 || len(h.cutIn(k)) > 0 || h.mayBeYounger(k, r.Started):
			before, err := h.At(Moment{Run: u.Run}, nil, db.Now)
			if err != nil {
				return nil, err
			}
			row.Known, row.Why, row.Unknown, row.Installed = before.Target.Known, before.why(), before.Target.Unknown, len(before.sure())
		}
		for _, id := range u.Runs {
			for _, c := range byRun[id] {
				row.count(h, c)
			}
		}
		answer.Rows = append(answer.Rows, row)
	}
	h.markSame(answer.Rows)
	var err error
	if answer.Pins, err = h.pinned(db); err != nil {
		return nil, err
	}
	answer.Findings = h.findings()
	audit.SortFindings(answer.Findings)
	return answer, err
}

// markSame sets SameAs of the rows.
func (h *Past) markSame(rows []StateRow) {
	prints := h.fingerprints()
	later := map[uint64]string{prints[len(prints)-1]: "now"}
	for i := len(rows) - 1; i >= 0; i-- {
		print := prints[h.stateBefore(h.Run(rows[i].Run))]
		rows[i].SameAs = later[print]
		if later[print] == "" {
			later[print] = fmt.Sprintf("run:%d", rows[i].Run)
		}
	}
}

// census counts, for every state, the possible installations and those in doubt.
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
	for _, x := range t.installations {
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

// whyUnknown returns why nothing is known of a state, or "".
func (t *timeline) whyUnknown(k int) string {
	for _, h := range t.unknown {
		if h.from <= k && k < h.until {
			return h.why()
		}
	}
	return ""
}

// count adds a change to the counts of the row.
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
