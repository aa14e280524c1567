package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// linesOfRuns splits an emerge.log before every "Started emerge on".
func linesOfRuns(b []byte) [][]byte {
	var runs [][]byte
	for line := range bytes.Lines(b) {
		if len(runs) == 0 || bytes.Contains(line, []byte(": Started emerge on: ")) {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], line...)
	}
	return runs
}

// wrongStates returns what is wrong with the states of the recorded host that
// are said to be known, and how many are.
func wrongStates(t *testing.T, truth *audittest.Truth, host *hosttest.Host) (wrong []string, known int) {
	t.Helper()
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		h, err := TakePast(db)
		if err != nil {
			return err
		}
		for i := range truth.Commands {
			at := truth.Commands[i].Began(t)
			s, err := h.At(Moment{At: at}, nil, db.Now)
			if err != nil {
				return err
			}
			if !s.Target.Known {
				continue
			}
			known++
			want := map[string]int64{}
			for cpv, buildTime := range truth.Before[i] {
				want[h.Moves.CPV(cpv)] = buildTime
			}
			for _, x := range s.Installations {
				switch b, ok := want[x.CPV]; {
				case !ok:
					wrong = append(wrong, fmt.Sprintf("before %d: +%s", truth.Commands[i].N, x.CPV))
				case h.BuildOf(x).BuildTime != 0 && h.BuildOf(x).BuildTime != b:
					wrong = append(wrong, fmt.Sprintf("before %d: %s of %d, want %d", truth.Commands[i].N, x.CPV, h.BuildOf(x).BuildTime, b))
				}
				delete(want, x.CPV)
			}
			for cpv := range want {
				wrong = append(wrong, fmt.Sprintf("before %d: -%s", truth.Commands[i].N, cpv))
			}
		}
		return nil
	})
	return wrong, known
}

// TestWhatIsKnownIsTrue takes pieces away from the recorded emerge.log: its
// beginning, and runs out of its middle. Fewer states are then known, and none
// of those is wrong.
func TestWhatIsKnownIsTrue(t *testing.T) {
	t.Parallel()
	truth := audittest.ReadTruth(t)
	root := hostarchive.AlphaCopy(t)
	logFile := filepath.Join(root, "var/log/emerge.log")
	whole, err := os.ReadFile(logFile)
	if err != nil {
		t.Fatal(err)
	}
	runs := linesOfRuns(whole)
	try := func(name string, log []byte, some bool) {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(logFile, log, 0o644); err != nil {
				t.Fatal(err)
			}
			host := hosttest.New(t, root)
			host.Ingest(hosttest.Now)
			wrong, known := wrongStates(t, truth, host)
			if len(wrong) > 0 {
				t.Errorf("%d states are known, and this is not true of them:\n%s", known, strings.Join(wrong, "\n"))
			}
			if known == 0 && some {
				t.Error("no state is known any more")
			}
		})
	}
	try("the whole log", whole, true)
	for _, part := range []int{4, 2} {
		cut := len(runs) - len(runs)/part
		try(fmt.Sprintf("without the first %d runs", cut), bytes.Join(runs[cut:], nil), true)
	}
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var log []byte
		var gone []string
		drop := map[int]bool{}
		for range 1 + rng.IntN(3) {
			drop[rng.IntN(len(runs))] = true
		}
		for i, run := range runs {
			if drop[i] {
				gone = append(gone, fmt.Sprint(i+1))
				continue
			}
			log = append(log, run...)
		}
		// A removal that was not logged can have happened at any time since.
		try("without the runs "+strings.Join(gone, " "), log, false)
	}
}

// TestRecordedStatesNeedNoLog changes what is installed behind emerge's back,
// between two ingests: what each of them saw is known, and what was in between
// is not.
func TestRecordedStatesNeedNoLog(t *testing.T) {
	t.Parallel()
	host := hosttest.New(t, hostarchive.AlphaCopy(t))
	host.Ingest(hosttest.Now)
	if err := os.RemoveAll(filepath.Join(host.Root, "var/db/pkg/app-misc/hello-2.1")); err != nil {
		t.Fatal(err)
	}
	host.Ingest(hosttest.Now + 1000)
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		db.Now = hosttest.Now + 1000
		h, err := TakePast(db)
		if err != nil {
			return err
		}
		has := func(m Moment) (installed, known bool) {
			s, err := h.At(m, nil, db.Now)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range s.Installations {
				installed = installed || x.CPV == "app-misc/hello-2.1"
			}
			return installed, s.Target.Known
		}
		if installed, known := has(Moment{At: hosttest.Now}); !installed || !known {
			t.Errorf("at the first ingest: installed %v, known %v; want both", installed, known)
		}
		if _, known := has(Moment{At: hosttest.Now + 500}); known {
			t.Error("between the ingests: nobody saw it go, and the state is called known")
		}
		if installed, known := has(Moment{Now: true}); installed || !known {
			t.Errorf("now: installed %v, known %v; want it gone, and known", installed, known)
		}
		return nil
	})
}

// TestPinsMeanTheSameMoment holds that a pin of a state is that state.
func TestPinsMeanTheSameMoment(t *testing.T) {
	t.Parallel()
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		pin, target, err := PinAt(db, "here", "", Moment{Run: 72}, false)
		if err != nil {
			return err
		}
		if pin.Run != 72 || pin.At != target.Time {
			t.Errorf("got %+v of %+v", pin, target)
		}
		h, err := TakePast(db)
		if err != nil {
			return err
		}
		a, err := h.At(Moment{Run: 72}, nil, db.Now)
		if err != nil {
			return err
		}
		b, err := h.At(Moment{Pin: "here"}, []store.Pin{pin}, db.Now)
		if err != nil {
			return err
		}
		if a.index != b.index || b.Target.Pin != "here" {
			t.Errorf("the pin means state %d, want %d", b.index, a.index)
		}
		return nil
	})
}
