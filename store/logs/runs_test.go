package logs

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse"
	"emaudit/parse/emergelog"
	"emaudit/store"
)

func logDB(tb testing.TB) (*store.DB, store.HostID) {
	tb.Helper()
	db, err := store.Open(context.Background(), filepath.Join(tb.TempDir(), "test.db"), store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	var host store.HostID
	err = db.Update(context.Background(), func(tx *store.Tx) (err error) {
		if host, err = tx.EnsureHost("test", "/", 1); err != nil {
			return err
		}
		var parts []Segment
		for i := range 2 {
			parts = append(parts, Segment{Source: store.Source{Host: host, Kind: store.SourceEmergeLog, Path: fmt.Sprintf("/log.%d", i)}, Part: i})
		}
		return PutSegments(tx, host, parts)
	})
	if err != nil {
		tb.Fatal(err)
	}
	return db, host
}

// whole returns records in which every field has a value of its own.
func whole(run int64) (emergelog.Run, emergelog.Merge, emergelog.Unmerge, emergelog.Sync) {
	r := emergelog.Run{
		ID: run, Started: 1000, Ended: 5000, LastSeen: 4999, Args: "--update @world", Action: emergelog.ActionResume,
		Outcome: emergelog.RunFailed, ExitStatus: 1, Merges: 1, Unmerges: 2, Syncs: 3, Merged: 4, Headless: true, Resumed: true,
		UnexplainedFailure: true, Uncertain: true, ClockStepped: true, LowSpace: "too little",
	}
	m := emergelog.Merge{
		Run: run, Seq: 7, CPV: "app-misc/hello-2.0", Root: "/mnt/", N: 3, Of: 9, Kind: emergelog.KindBinary, Outcome: emergelog.MergeMerged,
		Started: 1100, Finished: 1900, Packaged: true, Slot: "2", Binpkg: "/pkg/hello-2.0-4.gpkg.tar", BuildID: 4,
		Steps:    emergelog.Steps{Cleaning: 1101, Fetching: 1102, Compiling: 1103, Built: 1104, Merging: 1105, Autoclean: 1100},
		Replaced: []string{"app-misc/hello-0.9"}, World: true, PostinstFailed: true, BetweenVersions: true,
		ClockStepped: true, Uncertain: true, Usage: &parse.Usage{CPUMillis: 1, MaxMem: -1, MaxSwap: 3, Read: 4, Written: 1 << 50},
	}
	u := emergelog.Unmerge{
		Run: run, Seq: 8, CPV: "app-misc/hello-1.0", Reason: emergelog.UnmergeBlocker, Outcome: emergelog.UnmergeFailed,
		Started: 1200, Finished: 1100, Merge: 7, ClockStepped: true, Uncertain: true,
	}
	y := emergelog.Sync{
		Run: run, Seq: 9, Repo: "gentoo", Location: "/var/db/repos/gentoo", URL: "rsync://x/y", Outcome: emergelog.SyncFailed,
		Started: 0, Finished: 1300, Retries: 3, ClockStepped: true, Uncertain: true,
	}
	return r, m, u, y
}

func TestARunIsReadBackAsItWasStored(t *testing.T) {
	t.Parallel()
	db, host := logDB(t)
	run, merge, unmerge, sync := whole(1)
	source := emergelog.Merge{Run: 1, Seq: 8, CPV: "no cpv at all", RepoPath: "/var/db/repos/gentoo", Outcome: emergelog.MergeRunning}
	err := db.Update(context.Background(), func(tx *store.Tx) error {
		w, err := WriteEmergeLog(tx, host)
		if err != nil {
			return err
		}
		run.Begin, run.End = emergelog.Position{Offset: 5}, emergelog.Position{Source: 1, Offset: 6}
		w.Merge(&merge)
		w.Unmerge(&unmerge)
		w.Unmerge(&emergelog.Unmerge{Run: 1, Seq: 9, CPV: "app-misc/hello-0.9", Outcome: emergelog.UnmergeOK, Merge: 7})
		w.Sync(&sync)
		w.Merge(&source)
		w.Run(&run)
		return w.Close(emergelog.Open{}, []byte("state"), 4999)
	})
	if err != nil {
		t.Fatal(err)
	}
	run.Begin, run.End = emergelog.Position{}, emergelog.Position{}
	err = db.View(context.Background(), func(tx *store.Tx) error {
		log := ReadEmergeLog(tx, host)
		return log.Runs(RunRange{}, OldestFirst, func(got *Run) error {
			var facts Facts
			if err := log.Facts(got, &facts); err != nil {
				return err
			}
			if diff := cmp.Diff(run, got.Run); diff != "" {
				t.Errorf("run (-stored +read)\n%s", diff)
			}
			if got.BeganAt != 5 || got.LastAt != 1<<36+6 {
				t.Errorf("from place %d to %d", got.BeganAt, got.LastAt)
			}
			if diff := cmp.Diff([]emergelog.Merge{merge, source}, []emergelog.Merge{facts.Merges[0].Merge, facts.Merges[1].Merge}); diff != "" {
				t.Errorf("merges (-stored +read)\n%s", diff)
			}
			if diff := cmp.Diff(unmerge, facts.Unmerges[0].Unmerge); diff != "" {
				t.Errorf("removal (-stored +read)\n%s", diff)
			}
			if diff := cmp.Diff(sync, facts.Syncs[0].Sync); diff != "" {
				t.Errorf("sync (-stored +read)\n%s", diff)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A word that is none of an enumeration, or a reference to nothing, is refused.
func TestTheSchemaRefusesWhatIsNoFact(t *testing.T) {
	t.Parallel()
	db, host := logDB(t)
	run, merge, _, _ := whole(1)
	write := func() error {
		return db.Update(context.Background(), func(tx *store.Tx) error {
			w, err := WriteEmergeLog(tx, host)
			if err != nil {
				return err
			}
			w.Merge(&merge)
			w.Run(&run)
			return w.Close(emergelog.Open{}, []byte{1}, 0)
		})
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE merge SET outcome = 'perhaps'", "UPDATE merge SET cp = 99", "UPDATE run SET action = ''", "UPDATE merge SET run = 2", "DELETE FROM run",
		"UPDATE run SET log_part = 9", "DELETE FROM emerge_log_part", "UPDATE merge_usage SET seq = 1",
	} {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(statement)
			return err
		})
		if err == nil {
			t.Errorf("%s: was done", statement)
		}
	}
}

// What is open is stored, and replaced when more is known; what was final stays.
func TestWhatIsOpenIsReplaced(t *testing.T) {
	t.Parallel()
	db, host := logDB(t)
	run, merge, unmerge, _ := whole(1)
	write := func(fn func(w *EmergeLogWriter), open emergelog.Open) {
		t.Helper()
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			w, err := WriteEmergeLog(tx, host)
			if err != nil {
				return err
			}
			fn(w)
			return w.Close(open, []byte{1}, 0)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	outcomes := func() (words []string) {
		t.Helper()
		err := db.View(context.Background(), func(tx *store.Tx) error {
			log := ReadEmergeLog(tx, host)
			return log.Runs(RunRange{}, OldestFirst, func(r *Run) error {
				var facts Facts
				words = append(words, "run "+r.Outcome.String())
				err := log.Facts(r, &facts)
				for _, m := range facts.Merges {
					words = append(words, "merge "+m.Outcome.String())
				}
				for _, u := range facts.Unmerges {
					words = append(words, "removal "+u.Outcome.String())
				}
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return words
	}
	open, running := run, merge
	open.Outcome, running.Outcome, running.Seq = emergelog.RunRunning, emergelog.MergeRunning, 8
	write(func(w *EmergeLogWriter) { w.Merge(&merge) }, emergelog.Open{Runs: []emergelog.Run{open}, Merges: []emergelog.Merge{running}})
	if diff := cmp.Diff([]string{"run running", "merge merged", "merge running"}, outcomes()); diff != "" {
		t.Error(diff)
	}
	write(func(w *EmergeLogWriter) { w.Unmerge(&unmerge) }, emergelog.Open{Runs: []emergelog.Run{open}})
	if diff := cmp.Diff([]string{"run running", "merge merged", "removal failed"}, outcomes()); diff != "" {
		t.Error(diff)
	}
	failed := running
	failed.Outcome = emergelog.MergeFailed
	write(func(w *EmergeLogWriter) { w.Merge(&failed); w.Run(&run) }, emergelog.Open{})
	if diff := cmp.Diff([]string{"run failed", "merge merged", "merge failed", "removal failed"}, outcomes()); diff != "" {
		t.Error(diff)
	}
	err := db.View(context.Background(), func(tx *store.Tx) error {
		var sums []PackageSum
		err := ReadEmergeLog(tx, host).PackageSums(SumQuery{}, func(sum *PackageSum) { sums = append(sums, *sum) })
		if len(sums) != 1 || sums[0].Failures != 1 || sums[0].BinaryUntimed != 1 {
			t.Errorf("sums: %+v", sums)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheDictionariesHaveTheWordsOfTheParser(t *testing.T) {
	t.Parallel()
	db, _ := logDB(t)
	err := db.View(context.Background(), func(tx *store.Tx) error {
		for table, value := range map[string]func(code uint8) fmt.Stringer{
			"run_action":      func(code uint8) fmt.Stringer { return emergelog.Action(code) },
			"run_outcome":     func(code uint8) fmt.Stringer { return emergelog.RunOutcome(code) },
			"merge_kind":      func(code uint8) fmt.Stringer { return emergelog.MergeKind(code) },
			"merge_outcome":   func(code uint8) fmt.Stringer { return emergelog.MergeOutcome(code) },
			"unmerge_reason":  func(code uint8) fmt.Stringer { return emergelog.UnmergeReason(code) },
			"unmerge_outcome": func(code uint8) fmt.Stringer { return emergelog.UnmergeOutcome(code) },
			"sync_outcome":    func(code uint8) fmt.Stringer { return emergelog.SyncOutcome(code) },
		} {
			next := uint8(0)
			err := tx.Query(func(rows *sql.Rows) error {
				var code uint8
				var word string
				err := rows.Scan(&code, &word)
				if code != next || word != value(code).String() {
					t.Errorf("%s %d: %s in the schema, %s in the parser", table, code, word, value(next))
				}
				next++
				return err
			}, "SELECT code, word FROM "+table+" ORDER BY code")
			// A code without a word is "unknown" for the parser.
			if beyond := value(next).String(); beyond != "unknown" {
				t.Errorf("%s has no word for %s", table, beyond)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A load checks foreign keys too, and later transactions check them again for each row.
func TestALoadRefusesAReferenceToNothing(t *testing.T) {
	t.Parallel()
	db, host := logDB(t)
	_, merge, _, _ := whole(1)
	write := func(tx *store.Tx) error {
		w, err := WriteEmergeLog(tx, host)
		if err != nil {
			return err
		}
		w.Merge(&merge) // of no run
		return w.Close(emergelog.Open{}, []byte{1}, 0)
	}
	if err := db.Load(context.Background(), write); err == nil {
		t.Error("a load stored a merge without its run")
	}
	if err := db.Update(context.Background(), write); err == nil {
		t.Error("an update stored a merge without its run")
	}
}
