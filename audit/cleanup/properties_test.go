package cleanup

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/parse/binpkg"
)

// theOtherWay is the change that undoes c.
func theOtherWay(c state.Change) state.Change {
	c.From, c.To, c.FromBuildTime, c.ToBuildTime = c.To, c.From, c.ToBuildTime, c.FromBuildTime
	c.Action = map[state.Action]state.Action{
		state.ActionUpgrade: state.ActionDowngrade, state.ActionDowngrade: state.ActionUpgrade, state.ActionReinstall: state.ActionReinstall, state.ActionInstall: state.ActionRemove, state.ActionRemove: state.ActionInstall,
	}[c.Action]
	return c
}

// Plain is a change as a line of text.
func Plain(c state.Change) string {
	text := func(cpv *string, at *int64) string {
		if cpv == nil {
			return "-"
		}
		if at == nil {
			return *cpv
		}
		return fmt.Sprintf("%s@%d", *cpv, *at)
	}
	return fmt.Sprintf("%s :%s %s > %s", c.Action, c.Slot, text(c.From, c.FromBuildTime), text(c.To, c.ToBuildTime))
}

// TestDiffLaws holds for random states of the recorded host: the difference between
// two is the reverse of that between them the other way round, a state does not differ
// from itself, and applying the difference to the one gives the other.
func TestDiffLaws(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			h := hosttest.New(t, hostarchive.Alpha(t))
			h.Ingest(hosttest.Now)
			audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
				h, err := state.TakePast(db)
				if err != nil {
					return err
				}
				runs := h.ChangingRuns()
				rng := rand.New(rand.NewPCG(seed, 1))
				pick := func() *state.State {
					m := state.Moment{Now: true}
					if i := rng.IntN(len(runs) + 1); i < len(runs) {
						m = state.Moment{Run: runs[i]}
					}
					s, err := h.At(m, nil, db.Now)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				for range 50 {
					a, b := pick(), pick()
					if same := h.Diff(a.Installations, a.Installations); len(same) > 0 {
						t.Fatalf("a state differs from itself: %s", Plain(same[0]))
					}
					var there, back []string
					for _, c := range h.Diff(a.Installations, b.Installations) {
						there = append(there, Plain(c))
					}
					for _, c := range h.Diff(b.Installations, a.Installations) {
						back = append(back, Plain(theOtherWay(c)))
					}
					if diff := cmp.Diff(there, back); diff != "" {
						t.Fatalf("not the reverse: -there +back\n%s", diff)
					}
					set := map[*state.Installation]bool{}
					for _, s := range a.Installations {
						set[s] = true
					}
					for _, c := range h.Diff(a.Installations, b.Installations) {
						delete(set, c.Before)
						if c.After != nil {
							set[c.After] = true
						}
					}
					builds := func(s *state.Installation) string { return fmt.Sprintf("%s@%d", s.CPV, h.BuildOf(s).BuildTime) }
					got, want := map[string]bool{}, map[string]bool{}
					for s := range set {
						got[builds(s)] = true
					}
					for _, s := range b.Installations {
						want[builds(s)] = true
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("applied: -want +got\n%s", diff)
					}
				}
				return nil
			})
		})
	}
}

// TestEveryFileOfAPlanIsNeeded takes away, one at a time, files that a plan uses, flips
// a byte of each, and masks each: the plan no longer counts on them.
func TestEveryFileOfAPlanIsNeeded(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.AlphaCopy(t))
	h.Ingest(hosttest.Now)
	h.Verify(hosttest.Now)
	now := int64(hosttest.Now)
	// good returns the changes of a plan whose file is whole and usable.
	good := func() map[string]rollback.Change {
		all := map[string]rollback.Change{}
		audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
			r, err := rollback.AuditRollback(db, state.Moment{Run: 51}, rollback.Options{})
			if err != nil {
				return err
			}
			for _, c := range r.Changes {
				if c.Instance != nil && !c.Stays && c.Integrity == binpkg.Whole && c.Unpacked && c.Usable == acceptance.UsableYes {
					all[c.Instance.Path] = c
				}
			}
			return nil
		})
		return all
	}
	before := good()
	if len(before) < 10 {
		t.Fatalf("the plan has %d files: the test says nothing", len(before))
	}
	for _, name := range slices.Sorted(maps.Keys(before))[:4] {
		c := before[name]
		file := filepath.Join(h.Root, c.Instance.PkgDir, name)
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		mask := filepath.Join(h.Root, "etc/portage/package.mask")
		masks, err := os.ReadFile(mask)
		if err != nil {
			t.Fatal(err)
		}
		unmask := func() error { return os.WriteFile(mask, masks, 0o644) }
		for _, tt := range []struct {
			name       string
			harm, mend func() error
			verify     bool
		}{
			{"it is away", func() error { return os.Rename(file, file+".aside") }, func() error { return os.Rename(file+".aside", file) }, false},
			{"a byte of it is another", func() error { return flip(file, whole, info.ModTime()) }, func() error { return write(file, whole, info.ModTime()) }, true},
			{"it was written anew, and not read since", func() error { return write(file, whole, info.ModTime().Add(time.Hour)) }, func() error { return write(file, whole, info.ModTime()) }, false},
			{"it is masked", func() error { return os.WriteFile(mask, []byte("="+*c.To+"\n"), 0o644) }, unmask, false},
		} {
			if err := tt.harm(); err != nil {
				t.Fatal(err)
			}
			now++
			h.Ingest(now)
			if tt.verify {
				h.VerifyAll(hosttest.Now)
			}
			if _, still := good()[name]; still {
				t.Errorf("%s counts, although %s", name, tt.name)
			}
			if err := tt.mend(); err != nil {
				t.Fatal(err)
			}
			now++
			h.Ingest(now)
			h.VerifyAll(hosttest.Now)
			if _, again := good()[name]; !again {
				t.Fatalf("%s does not count again after %q was mended", name, tt.name)
			}
		}
	}
}

// flip writes a file with one byte of its image changed, and the time that it
// had: only reading it shows.
func flip(file string, whole []byte, at time.Time) error {
	b := bytes.Clone(whole)
	// In the image, behind its header: what is between the members, nobody
	// looks at but the index.
	b[bytes.Index(b, []byte("image.tar.zst"))+1024] ^= 1
	return write(file, b, at)
}

func write(file string, b []byte, at time.Time) error {
	if err := os.WriteFile(file, b, 0o644); err != nil {
		return err
	}
	return os.Chtimes(file, at, at)
}
