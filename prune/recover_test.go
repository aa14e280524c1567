package prune

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modes are of a PKGDIR with its quarantine in it, and of one with it above.
var modes = []uint32{0o755, 0o2775}

// everyStep runs do with a fault at its first step, its second, and so on until
// it ends before the fault comes, for every kind of fault and of PKGDIR.
func everyStep(t *testing.T, faults []fault, do func(t *testing.T, mode uint32, f *fault)) {
	for i := range len(faults) * len(modes) {
		kind, mode := faults[i/len(modes)], modes[i%len(modes)]
		met := 0
		for at := 1; ; at++ {
			f := kind
			f.at = at
			do(t, mode, &f)
			if t.Failed() {
				t.Fatalf("PKGDIR %04o, after %v\nsteps: %q", mode, &f, f.log)
			}
			if !f.happened() {
				break
			}
			met++
		}
		if met < 10 {
			t.Errorf("%v: only %d steps", kind.err, met)
		}
	}
}

// healed recovers and fails the test unless everything is then either as before
// or as done, and in the latter case undo leads back to before.
func (d *testDir) healed(t *testing.T, before map[string]string, f *fault) {
	t.Helper()
	d.noneLost(somePaths, "right after "+f.String())
	d.indexIsHonest("right after " + f.String())
	if _, err := d.open(nil).Recover(background); err != nil {
		t.Errorf("recover: %v", err)
	}
	d.noneLost(somePaths, "recovered")
	journals, err := d.open(nil).Journals()
	if err != nil {
		t.Error(err)
	}
	if len(journals) > 0 && isStuck(f.err) {
		// What could not be put back at once waits, and nothing else does.
		if _, err := d.open(nil).Undo(background, ""); err != nil {
			t.Errorf("undo: %v", err)
		}
	} else if len(journals) > 0 {
		kept := []string{somePaths[1], somePaths[2]}
		if diff := cmp.Diff(kept, d.index()); diff != "" {
			t.Errorf("index after a whole apply (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(kept, d.binpkgs()); diff != "" {
			t.Errorf("files after a whole apply (-want +got):\n%s", diff)
		}
		if _, err := d.open(nil).Undo(background, ""); err != nil {
			t.Errorf("undo: %v", err)
		}
	}
	after := d.snapshot()
	if left, _ := filepath.Glob(filepath.Join(d.root, "var/cache", Quarantine+"*")); len(left) > 0 {
		t.Errorf("left above PKGDIR: %q", left)
	}
	// Its own time is a matter of who comes last; all else must be as it was.
	own := before["."]
	before["."], after["."] = "", ""
	if isStuck(f.err) {
		// What came back later than the rest was added to the index.
		if diff := cmp.Diff(somePaths[:4], d.index()); diff != "" {
			t.Errorf("index (-want +got):\n%s", diff)
		}
		for name, is := range after {
			// The time of a folder that cannot be set is that of the last change.
			if slices.Contains(indexNames, name) || strings.HasPrefix(is, "d") {
				after[name] = before[name]
			}
		}
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("PKGDIR (-before +after):\n%s", diff)
	}
	before["."] = own
}

func TestAFaultAtAnyStepOfApplyLosesNothing(t *testing.T) {
	t.Parallel()
	everyStep(t, faults, func(t *testing.T, mode uint32, f *fault) {
		d := newTestDirOf(t, mode, somePaths...)
		before := d.snapshot()
		result, err := d.open(f).Apply(background, d.candidates(someGone...), ApplyOptions{})
		var unfinished *UnfinishedError
		if err != nil && f.err != errKilled && !f.stays && !errors.As(err, &unfinished) && result.Journal == "" {
			// One failure is taken back at once.
			if got := d.index(); !slices.Equal(got, somePaths[:4]) {
				t.Errorf("index right after an error: %q", got)
			}
		}
		d.healed(t, before, f)
	})
}

func TestAFaultAtAnyStepOfUndoLosesNothing(t *testing.T) {
	t.Parallel()
	everyStep(t, faults, func(t *testing.T, mode uint32, f *fault) {
		d := newTestDirOf(t, mode, somePaths...)
		before := d.snapshot()
		if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := d.open(f).Undo(background, "")
		if err == nil && f.happened() && f.err == errKilled {
			t.Error("a killed undo returned no error")
		}
		d.healed(t, before, f)
	})
}

// The power may fail again while the damage of the first failure is mended.
func TestAFaultAtAnyStepOfRecoveryLosesNothing(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"rename Packages.gz.new Packages.gz", "create applied"} {
		at := stepOfApply(t, first)
		everyStep(t, faults[:2], func(t *testing.T, mode uint32, f *fault) {
			d := newTestDirOf(t, mode, somePaths...)
			before := d.snapshot()
			d.killApplyAt(t, at)
			_, _ = d.open(f).Recover(background)
			d.healed(t, before, f)
		})
	}
}

// stepOfApply returns the number of a step of an apply without faults.
func stepOfApply(t *testing.T, step string) int {
	t.Helper()
	d := newTestDir(t, somePaths...)
	f := &fault{at: 1 << 30, err: errKilled}
	if _, err := d.open(f).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	at := slices.Index(f.log, step)
	if at < 0 {
		t.Fatalf("no step %q: %q", step, f.log)
	}
	return at + 1
}

// killApplyAt runs an apply that is killed at a step.
func (d *testDir) killApplyAt(t *testing.T, at int) {
	t.Helper()
	f := &fault{at: at, err: errKilled}
	if _, err := d.open(f).Apply(background, d.candidates(someGone...), ApplyOptions{}); !errors.Is(err, errKilled) {
		t.Fatalf("got %v", err)
	}
}

func TestAFaultAtAnyStepOfDeletingLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	everyStep(t, faults, func(t *testing.T, mode uint32, f *fault) {
		d := newTestDirOf(t, mode, somePaths...)
		before := d.snapshot()
		_, err := d.open(f).Apply(background, d.candidates(someGone...), ApplyOptions{Delete: true})
		d.indexIsHonest("right after " + f.String())
		d.noneLost([]string{somePaths[1], somePaths[2]}, f.String())
		if _, err := d.open(nil).Recover(background); err != nil {
			t.Error(err)
		}
		switch len(d.index()) {
		case 4: // taken back
			after := d.snapshot()
			before["."], after["."] = "", ""
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("PKGDIR (-before +after):\n%s", diff)
			}
		case 2: // gone, or still in the quarantine: killed before the first was deleted
			if journals, _ := d.open(nil).Journals(); len(journals) > 0 {
				d.noneLost(somePaths, f.String())
			}
		default:
			t.Errorf("index: %q, %v", d.index(), err)
		}
	})
}

func TestAFaultAtAnyStepOfEmptyIsMended(t *testing.T) {
	t.Parallel()
	everyStep(t, faults, func(t *testing.T, mode uint32, f *fault) {
		d := newTestDirOf(t, mode, somePaths...)
		if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		_, _ = d.open(f).Empty(background, testNow)
		if _, err := d.open(nil).Recover(background); err != nil {
			t.Error(err)
		}
		if journals, _ := d.open(nil).Journals(); len(journals) > 0 {
			// Not begun: whole.
			if restored, err := d.open(nil).Undo(background, ""); err != nil || restored.Files != 3 {
				t.Errorf("undo: %+v, %v", restored, err)
			}
		}
		d.indexIsHonest(f.String())
	})
}
