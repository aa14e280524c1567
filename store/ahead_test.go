package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"emaudit/parse/emergelog"
)

// manyRuns stores so many runs, numbered from 1, with a merge each.
func manyRuns(t *testing.T, runs int64) (*DB, HostID) {
	t.Helper()
	db, host := logDB(t)
	err := db.Update(context.Background(), func(tx *Tx) error {
		w, err := tx.WriteEmergeLog(host)
		if err != nil {
			return err
		}
		for id := int64(1); id <= runs; id++ {
			w.Merge(emergelog.Merge{Run: id, Seq: 1, CPV: fmt.Sprintf("app-misc/p%d-%d", id, id), Started: id, Outcome: emergelog.MergeMerged})
			w.Run(emergelog.Run{ID: id, Started: id, Args: fmt.Sprint("of ", id), Outcome: emergelog.RunSuccess})
		}
		return w.Close(emergelog.Open{}, []byte{1}, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	return db, host
}

// Rows that are read ahead are the rows, in their order, wherever the caller
// stops, and whatever it asks meanwhile; and the transaction goes on afterwards.
func TestRowsAreReadAhead(t *testing.T) {
	t.Parallel()
	const runs = firstAhead + 3*mostAhead + 5
	db, host := manyRuns(t, runs)
	broken := errors.New("broken")
	for _, order := range []Order{OldestFirst, NewestFirst} {
		for _, after := range []int64{1, firstAhead, firstAhead + 1, mostAhead, runs - 1, runs, runs + 1} {
			for _, end := range []error{ErrStop, broken} {
				err := db.View(context.Background(), func(tx *Tx) error {
					log := tx.EmergeLog(host)
					var facts Facts
					seen := int64(0)
					err := log.Runs(RunRange{}, order, func(r *Run) error {
						seen++
						want := seen
						if order == NewestFirst {
							want = runs + 1 - seen
						}
						if err := log.Facts(r, &facts); err != nil {
							return err
						}
						if r.ID != want || r.Args != fmt.Sprint("of ", want) || len(facts.Merges) != 1 || facts.Merges[0].CPV != fmt.Sprintf("app-misc/p%d-%d", want, want) {
							t.Fatalf("%s: row %d is run %d, %q, %v", order, seen, r.ID, r.Args, facts.Merges)
						}
						if seen == after {
							return end
						}
						return nil
					})
					if want := min(after, runs); seen != want {
						t.Errorf("%s: %d rows, want %d", order, seen, want)
					}
					if reached := after <= runs; reached && end == broken != errors.Is(err, broken) || !reached && err != nil {
						t.Errorf("%s: after %d: %v", order, after, err)
					}
					last, err := log.LastRun()
					if last != runs {
						t.Errorf("the last run is %d: %v", last, err)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// A query that fails says so.
func TestReadingAheadReportsErrors(t *testing.T) {
	t.Parallel()
	db, _ := logDB(t)
	err := db.View(context.Background(), func(tx *Tx) error {
		each := func(*packedRow) error { return nil }
		if err := tx.ahead("SELECT nothing FROM nowhere", nil, 1, each); err == nil {
			t.Error("a table that is not there is read")
		}
		// Of two rows the first is good; the second overflows.
		if err := tx.ahead("SELECT abs(x) FROM (SELECT 1 AS x UNION ALL SELECT -9223372036854775807 - 1)", nil, 1, each); err == nil {
			t.Error("an overflow is read")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Runs come in the order in which their numbers are asked for, whatever it is,
// and numbers that no run has are passed over.
func TestRunsAreReadInTheOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	const runs = firstAhead + 4*firstAhead + mostAhead + 3
	db, host := manyRuns(t, runs)
	var rising []int64
	for id := int64(1); id <= runs; id++ {
		rising = append(rising, id)
	}
	falling := slices.Clone(rising)
	slices.Reverse(falling)
	mixed := slices.Concat(rising[5:9], falling[2:30], []int64{7, 7, 7, runs + 1, 3}, rising[100:140])
	for name, numbers := range map[string][]int64{"rising": rising, "falling": falling, "mixed": mixed, "one": {4}, "none": nil, "missing": {0, runs + 7}} {
		for _, after := range []int{1, firstAhead, firstAhead + 1, 1 << 20} {
			var want, got []int64
			for _, n := range numbers {
				if n > 0 && n <= runs && len(want) < after {
					want = append(want, n)
				}
			}
			err := db.View(context.Background(), func(tx *Tx) error {
				return tx.EmergeLog(host).RunsNumbered(numbers, func(r *Run) error {
					if r.Args != fmt.Sprint("of ", r.ID) {
						t.Errorf("run %d is %q", r.ID, r.Args)
					}
					if got = append(got, r.ID); len(got) == after {
						return ErrStop
					}
					return nil
				})
			})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, ended after %d: %v, %v, want %v", name, after, err, got, want)
			}
		}
	}
}
