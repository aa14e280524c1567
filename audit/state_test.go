package audit

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// truthCommand is one command of the recorded host, with what it did to the
// VDB.
type truthCommand struct {
	N       int                        `json:"n"`
	Date    string                     `json:"date"`
	Cmd     string                     `json:"cmd"`
	Added   map[string]truthPackage    `json:"vdb_added"`
	Removed map[string]truthPackage    `json:"vdb_removed"`
	Changed map[string][2]truthPackage `json:"vdb_changed"`
}

type truthPackage struct {
	BuildTime string `json:"BUILD_TIME"`
	Slot      string `json:"SLOT"`
}

// began is when the command was typed, in unix seconds.
func (c *truthCommand) began(t *testing.T) int64 {
	t.Helper()
	at, err := time.Parse(time.DateTime, c.Date)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// truth is the history of the recorded host: what was installed before each
// command, cpv -> BUILD_TIME.
type truth struct {
	commands []truthCommand
	before   []map[string]int64
	after    map[string]int64
}

func readTruth(t *testing.T) *truth {
	t.Helper()
	tr := &truth{after: map[string]int64{}}
	if err := json.Unmarshal(hostarchive.AlphaTruth(t), &tr.commands); err != nil {
		t.Fatal(err)
	}
	set := func(cpv string, p truthPackage) {
		// A leftover of a killed merge is not installed.
		if strings.Contains(cpv, "/-MERGING-") {
			return
		}
		n, err := strconv.ParseInt(p.BuildTime, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		tr.after[cpv] = n
	}
	for _, c := range tr.commands {
		tr.before = append(tr.before, maps.Clone(tr.after))
		for cpv := range c.Removed {
			delete(tr.after, cpv)
		}
		for cpv, p := range c.Added {
			set(cpv, p)
		}
		for cpv, p := range c.Changed {
			set(cpv, p[1])
		}
	}
	return tr
}

// of returns the command that started a run: the last one typed before it.
func (tr *truth) of(t *testing.T, r *store.Run) int {
	t.Helper()
	i := 0
	for j := range tr.commands {
		if tr.commands[j].began(t) <= r.Started {
			i = j
		}
	}
	return i
}

// TestStatesAreWhatTheVDBWas compares every state that is said to be known
// with the VDB of that moment, as the recording of the host has it: the same
// packages, and the same build wherever a build is named.
func TestStatesAreWhatTheVDBWas(t *testing.T) {
	t.Parallel()
	truth := readTruth(t)
	unknown := map[int]bool{}
	known := 0
	Ask(alphaHost(t), hosttest.Now, func(db Database) error {
		h, err := takePast(db)
		if err != nil {
			return err
		}
		commands := map[int]int64{}
		for _, id := range h.changingRuns() {
			commands[truth.of(t, h.run(id))] = id // the first run of a command comes last
		}
		for i, id := range commands {
			s, err := h.at(Moment{Run: id}, nil, db.Now)
			if err != nil {
				return err
			}
			if !s.target.Known {
				unknown[truth.commands[i].N] = true
				continue
			}
			known++
			want := map[string]int64{}
			for cpv, buildTime := range truth.before[i] {
				want[h.moves.CPV(cpv)] = buildTime
			}
			got := map[string]int64{}
			for _, x := range s.stays {
				got[x.cpv] = h.buildOf(x).buildTime
				if got[x.cpv] == 0 {
					got[x.cpv] = want[x.cpv]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("before command %d, %s (run %d): -VDB +replayed\n%s", truth.commands[i].N, truth.commands[i].Cmd, id, diff)
			}
		}
		return nil
	})
	if known != 45 {
		t.Errorf("%d states are known, want 45", known)
	}
	if diff := cmp.Diff(map[int]bool{}, unknown); diff != "" {
		t.Errorf("commands before which the state is not known: -want +got\n%s", diff)
	}
}

// TestOnePackageInDoubt takes the build log away from which it is known when
// ebuild(1) put oddnames-1.0 in the place of 1.1-r1 (command 69), which
// emerge.log does not have. COUNTER then only tells that it was between the
// commands 63 and 71: of the states in between, that package alone is unknown,
// all others are as they were, and none of them is ready.
func TestOnePackageInDoubt(t *testing.T) {
	t.Parallel()
	truth := readTruth(t)
	root := hostarchive.AlphaCopy(t)
	logs, err := filepath.Glob(filepath.Join(root, "var/log/portage/app-misc:oddnames-1.*:20260830-*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	for _, name := range logs {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	Ask(host, hosttest.Now, func(db Database) error {
		h, err := takePast(db)
		if err != nil {
			return err
		}
		var runs []int64
		for _, id := range h.changingRuns() {
			s, err := h.at(Moment{Run: id}, nil, db.Now)
			if err != nil {
				return err
			}
			if s.target.Known {
				continue
			}
			runs = append(runs, id)
			if diff := cmp.Diff([]string{"app-misc/oddnames"}, s.target.Unknown); diff != "" {
				t.Errorf("run %d: packages in doubt: -want +got\n%s", id, diff)
			}
			want, got := map[string]bool{}, map[string]bool{}
			for cpv := range truth.before[truth.of(t, h.run(id))] {
				if packageOf(cpv) != "app-misc/oddnames" {
					want[h.moves.CPV(cpv)] = true
				}
			}
			for _, x := range s.sure() {
				got[x.cpv] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run %d: what is known: -VDB +replayed\n%s", id, diff)
			}
			r, err := AuditRollback(db, Moment{Run: id}, RollbackOptions{})
			if err != nil {
				return err
			}
			if r.Verdict != NotReady || len(r.Plan) > 0 || !slices.ContainsFunc(r.Unknowns, func(u Unknown) bool {
				return u.Code == "state-unknown" && strings.HasPrefix(u.Detail, "app-misc/oddnames: whether 1.0 or -1.1-r1")
			}) {
				t.Errorf("run %d: %s, %d lines of a plan, unknown: %v", id, r.Verdict, len(r.Plan), r.Unknowns)
			}
			for _, c := range r.Changes {
				if packageOf(c.cpv()) == "app-misc/oddnames" {
					t.Errorf("run %d: a change of what is in doubt: %s", id, plain(c.Change))
				}
			}
		}
		if diff := cmp.Diff([]int64{61, 59, 58, 56}, runs); diff != "" {
			t.Errorf("states that are not known: -want +got\n%s", diff)
		}
		return nil
	})
}

// TestStateRowsAgreeWithStates compares the list of states, which counts over
// all of them at once, with the states one by one.
func TestStateRowsAgreeWithStates(t *testing.T) {
	t.Parallel()
	Ask(alphaHost(t), hosttest.Now, func(db Database) error {
		states, err := AuditStates(db)
		if err != nil {
			return err
		}
		h, err := takePast(db)
		if err != nil {
			return err
		}
		for _, row := range states.Rows {
			s, err := h.at(Moment{Run: row.Run}, nil, db.Now)
			if err != nil {
				return err
			}
			if row.Installed != len(s.sure()) || row.Known != s.target.Known {
				t.Errorf("run %d: listed with %d installed, known %v; it has %d, known %v", row.Run, row.Installed, row.Known, len(s.stays), s.target.Known)
			}
		}
		return nil
	})
}
