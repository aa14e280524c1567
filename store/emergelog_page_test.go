package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/emergelog"
)

// counted is what a package's facts sum up to, counted one by one.
type counted struct {
	CP                         string
	Unmerges, Failures         int
	FirstAt, LastAt            int64
	Durations, BinaryDurations []int64
	Untimed, BinaryUntimed     int
	Runs                       []int64
}

// stored returns what is stored of a package in the same form.
func stored(t *testing.T, log *EmergeLog, packages ...string) []counted {
	t.Helper()
	var all []counted
	err := log.Histories(packages, func(h *PackageHistory) {
		all = append(all, counted{
			CP: h.CP, Unmerges: h.Unmerges, Failures: h.Failures, FirstAt: h.FirstAt, LastAt: h.LastAt,
			Durations: h.Durations.AppendTo(nil), BinaryDurations: h.BinaryDurations.AppendTo(nil), Untimed: h.Untimed, BinaryUntimed: h.BinaryUntimed,
			Runs: h.Runs.AppendTo(nil),
		})
	})
	for i := range all {
		// Where emerges run side by side, merges do not end in the order of runs.
		slices.Sort(all[i].Durations)
		slices.Sort(all[i].BinaryDurations)
		runs, runsErr := log.RunsOf([]string{all[i].CP})
		if !slices.Equal(runs, slices.Compact(slices.Sorted(slices.Values(all[i].Runs)))) {
			t.Errorf("%s alone is in the runs %v, among all in %v", all[i].CP, runs, all[i].Runs)
		}
		all[i].Runs = runs
		err = errors.Join(err, runsErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b counted) int { return strings.Compare(a.CP, b.CP) })
	return all
}

// count sums up the facts of all runs, which are final, the slow way.
func count(t *testing.T, log *EmergeLog) []counted {
	t.Helper()
	all := map[string]*counted{}
	of := func(cp string, run int64) *counted {
		if all[cp] == nil {
			all[cp] = &counted{CP: cp}
		}
		if c := all[cp]; !slices.Contains(c.Runs, run) {
			c.Runs = append(c.Runs, run)
		}
		return all[cp]
	}
	var facts Facts
	err := log.Runs(RunRange{}, OldestFirst, func(r *Run) error {
		if err := log.Facts(r, &facts); err != nil {
			return err
		}
		for _, m := range facts.Merges {
			c := of(m.CP, r.ID)
			seconds, timed := m.Duration()
			switch {
			case m.Outcome == emergelog.MergeFailed:
				c.Failures++
			case m.Outcome != emergelog.MergeMerged:
			case m.Kind == emergelog.KindBinary && timed:
				c.BinaryDurations = append(c.BinaryDurations, seconds)
			case m.Kind == emergelog.KindBinary:
				c.BinaryUntimed++
			case timed:
				c.Durations = append(c.Durations, seconds)
			default:
				c.Untimed++
			}
			if at := max(m.Finished, m.Started); m.Outcome == emergelog.MergeMerged {
				c.LastAt = max(c.LastAt, at)
				if c.FirstAt == 0 || at < c.FirstAt {
					c.FirstAt = at
				}
			}
		}
		for _, u := range facts.Unmerges {
			if c := of(u.CP, r.ID); u.Outcome == emergelog.UnmergeOK {
				c.Unmerges++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var list []counted
	for _, name := range slices.Sorted(maps.Keys(all)) {
		slices.Sort(all[name].Durations)
		slices.Sort(all[name].BinaryDurations)
		list = append(list, *all[name])
	}
	return list
}

// checkSums wants the sums that are stored to be those of the facts, of all
// packages at once and of each asked for alone.
func checkSums(t *testing.T, db *DB, host HostID, leastPackages int) {
	t.Helper()
	err := db.View(context.Background(), func(tx *Tx) error {
		log := tx.EmergeLog(host)
		facts, sums := count(t, log), stored(t, log)
		if len(facts) < leastPackages {
			t.Fatalf("facts of %d packages, want %d or more", len(facts), leastPackages)
		}
		if diff := cmp.Diff(facts, sums); diff != "" {
			t.Errorf("-counted +stored\n%s", diff)
		}
		for _, want := range sums {
			if diff := cmp.Diff([]counted{want}, stored(t, log, want.CP, "no-such/package")); diff != "" {
				t.Errorf("%s asked for alone (-among all +alone)\n%s", want.CP, diff)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is appended in whatever pieces, the sums are those of the facts: of
// packages that come back after pages were filled, and of new ones that come in
// the middle.
func TestSumsOfPackagesAreThoseOfTheirFacts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			db, host := logDB(t)
			at := int64(1_700_000_000)
			for range 1 + random.IntN(5) {
				err := db.Update(context.Background(), func(tx *Tx) error {
					w, err := tx.WriteEmergeLog(host)
					if err != nil {
						return err
					}
					for range random.IntN(3 * pagePackages) {
						at += 1000
						cpv := fmt.Sprintf("cat/p%d-%d", random.IntN(4*pagePackages), random.IntN(3))
						run := at / 1000
						m := emergelog.Merge{
							Run: run, Seq: 1, CPV: cpv, Started: at, Finished: at + random.Int64N(500) - 5, Outcome: emergelog.MergeOutcome(random.IntN(3)),
							Kind: emergelog.MergeKind(random.IntN(2)),
						}
						w.Merge(m)
						if random.IntN(2) == 0 {
							w.Unmerge(emergelog.Unmerge{Run: run, Seq: 2, CPV: cpv, Started: at, Finished: at + 1, Outcome: emergelog.UnmergeOutcome(random.IntN(3))})
						}
						w.Run(emergelog.Run{ID: run, Started: at, LastSeen: at + 500, Outcome: emergelog.RunSuccess})
					}
					return w.Close(emergelog.Open{}, []byte{1}, at)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			checkSums(t, db, host, 1)
		})
	}
}

// TestSumsOfEarlierSchemasAreMoved reads testdata/history-9.db.gz, in which the
// last version that kept a row for each package's sums stored the recorded log.
func TestSumsOfEarlierSchemasAreMoved(t *testing.T) {
	t.Parallel()
	db := openStored(t, "testdata/history-9.db.gz")
	var host Host
	err := db.View(context.Background(), func(tx *Tx) (err error) {
		if host, _, err = tx.FindHost("stored"); err != nil {
			return err
		}
		// A run that was at work for long is found by any moment of it.
		log := tx.EmergeLog(host.ID)
		return log.Runs(RunRange{}, OldestFirst, func(r *Run) error {
			moment := (r.Started + r.LastSeen) / 2
			runs, ok, err := log.RunsBetween(moment, moment)
			if !ok || r.ID < runs.First || r.ID > runs.Last {
				t.Errorf("run %d is not among those at work at %d: %v %v", r.ID, moment, runs, ok)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, db, host.ID, pagePackages+1)
	// And they are added to.
	err = db.Update(context.Background(), func(tx *Tx) error {
		w, err := tx.WriteEmergeLog(host.ID)
		if err != nil {
			return err
		}
		for i := range int64(pagePackages + 2) {
			run := 1_000_000 + i
			w.Merge(emergelog.Merge{Run: run, Seq: 1, CPV: fmt.Sprintf("new/p%d-1", i), Started: run, Finished: run + 7, Outcome: emergelog.MergeMerged})
			w.Merge(emergelog.Merge{Run: run, Seq: 2, CPV: "app-misc/hello-9", Started: run, Finished: run + 9, Outcome: emergelog.MergeMerged})
			w.Run(emergelog.Run{ID: run, Started: run, LastSeen: run + 9})
		}
		return w.Close(emergelog.Open{}, []byte{1}, 2_000_000)
	})
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, db, host.ID, 2*pagePackages)
}

// A page that is damaged is an error, and what is read of another is no longer
// than the page.
func FuzzPageOfSums(f *testing.F) {
	whole := newSumsPage(1)
	whole.enter("app-misc/hello").durations = []byte{2, 0x80, 1, 4}
	*whole.enter("dev-libs/bin") = history{unmerges: 1, failures: 2, untimed: 3, binaryUntimed: 4, firstAt: 5, lastAt: 1 << 40, binaryDurations: []byte{6}, runs: []byte{2, 4}}
	f.Add(whole.pack())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		page := unpacker{b: b}
		var read sumsPage
		for len(page.b) > 0 {
			var h history
			before := len(page.b)
			name := h.next(&page)
			if page.err != nil {
				return
			}
			if len(name)+len(h.durations)+len(h.binaryDurations)+len(h.runs) > before-len(page.b) {
				t.Fatal("a record is longer than its bytes")
			}
			read.names, read.sums = append(read.names, string(name)), append(read.sums, h)
		}
		again := unpacker{b: read.pack()}
		for i, want := range read.sums {
			var h history
			if name := h.next(&again); string(name) != read.names[i] || again.err != nil {
				t.Fatalf("record %d is %q, %v; want %q", i, name, again.err, read.names[i])
			}
			if diff := cmp.Diff(want, h, cmp.AllowUnexported(history{})); diff != "" {
				t.Fatalf("record %d is not what was packed\n%s", i, diff)
			}
		}
		if len(again.b) > 0 {
			t.Fatalf("%d bytes more than records", len(again.b))
		}
	})
}
