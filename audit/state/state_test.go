package state

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// TestStatesAreWhatTheVDBWas compares every state that is said to be known
// with the VDB of that moment, as the recording of the host has it: the same
// packages, and the same build wherever a build is named.
func TestStatesAreWhatTheVDBWas(t *testing.T) {
	t.Parallel()
	truth := audittest.ReadTruth(t)
	unknown := map[int]bool{}
	known := 0
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		h, err := TakePast(db)
		if err != nil {
			return err
		}
		commands := map[int]int64{}
		for _, id := range h.ChangingRuns() {
			commands[truth.Of(t, h.Run(id).Started)] = id // the first run of a command comes last
		}
		for i, id := range commands {
			s, err := h.At(Moment{Run: id}, nil, db.Now)
			if err != nil {
				return err
			}
			if !s.Target.Known {
				unknown[truth.Commands[i].N] = true
				continue
			}
			known++
			want := map[string]int64{}
			for cpv, buildTime := range truth.Before[i] {
				want[h.Moves.CPV(cpv)] = buildTime
			}
			got := map[string]int64{}
			for _, x := range s.Installations {
				got[x.CPV] = h.BuildOf(x).BuildTime
				if got[x.CPV] == 0 {
					got[x.CPV] = want[x.CPV]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("before command %d, %s (run %d): -VDB +replayed\n%s", truth.Commands[i].N, truth.Commands[i].Cmd, id, diff)
			}
		}
		return nil
	})
	if known != 44 {
		t.Errorf("%d states are known, want 44", known)
	}
	// The merge of manyfiles was killed (command 62) while its files were copied: in
	// the state before it is resumed, what is on disk of it is not known.
	if diff := cmp.Diff(map[int]bool{63: true}, unknown); diff != "" {
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
	truth := audittest.ReadTruth(t)
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
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		h, err := TakePast(db)
		if err != nil {
			return err
		}
		var runs []int64
		for _, id := range h.ChangingRuns() {
			s, err := h.At(Moment{Run: id}, nil, db.Now)
			if err != nil {
				return err
			}
			if s.Target.Known {
				continue
			}
			runs = append(runs, id)
			doubtful := []string{"app-misc/oddnames"}
			if id == 56 { // its merge had been killed
				doubtful = append([]string{"sys-apps/manyfiles"}, doubtful...)
			}
			if diff := cmp.Diff(doubtful, s.Target.Unknown); diff != "" {
				t.Errorf("run %d: packages in doubt: -want +got\n%s", id, diff)
			}
			want, got := map[string]bool{}, map[string]bool{}
			for cpv := range truth.Before[truth.Of(t, h.Run(id).Started)] {
				if !slices.Contains(doubtful, audit.PackageOf(cpv)) {
					want[h.Moves.CPV(cpv)] = true
				}
			}
			for _, x := range s.sure() {
				got[x.CPV] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run %d: what is known: -VDB +replayed\n%s", id, diff)
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
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		states, err := AuditStates(db)
		if err != nil {
			return err
		}
		h, err := TakePast(db)
		if err != nil {
			return err
		}
		for _, row := range states.Rows {
			s, err := h.At(Moment{Run: row.Run}, nil, db.Now)
			if err != nil {
				return err
			}
			if row.Installed != len(s.sure()) || row.Known != s.Target.Known {
				t.Errorf("run %d: listed with %d installed, known %v; it has %d, known %v", row.Run, row.Installed, row.Known, len(s.Installations), s.Target.Known)
			}
		}
		return nil
	})
}
