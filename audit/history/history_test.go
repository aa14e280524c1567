package history_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/parse/mergelist"
)

// events returns the events of a query, a line for each.
func events(t *testing.T, h *hosttest.Host, q history.LogQuery) []string {
	t.Helper()
	var lines []string
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		for e, err := range history.AuditLog(db, q) {
			if err != nil {
				return err
			}
			lines = append(lines, fmt.Sprint(e.At, " ", e.Run, " ", e.Kind, " ", e.Merge.CPV, e.Unmerge.CPV, e.Sync.Repo))
			e.Merge, e.Unmerge, e.Sync = history.MergeEvent{}, history.UnmergeEvent{}, history.SyncEvent{}
		}
		return nil
	})
	return lines
}

func search(t *testing.T, mode history.SearchMode, patterns ...string) history.Search {
	t.Helper()
	s, err := history.NewSearch(patterns, mode)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPartsOfAHistoryAreThoseOfTheWhole(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	all := events(t, h, history.LogQuery{})
	if len(all) != 291 {
		t.Errorf("%d events, want 176 merges, 107 removals and 8 syncs", len(all))
	}
	times := slices.Clone(all)
	slices.SortStableFunc(times, func(a, b string) int {
		switch {
		case a[:10] < b[:10]:
			return -1
		case a[:10] > b[:10]:
			return 1
		}
		return 0
	})
	if diff := cmp.Diff(times, all); diff != "" {
		t.Errorf("not by time (-sorted +got)\n%s", diff)
	}
	for _, n := range []int{1, 5, 100, 1000} {
		n := min(n, len(all))
		if diff := cmp.Diff(all[:n], events(t, h, history.LogQuery{First: n})); diff != "" {
			t.Errorf("the first %d (-want +got)\n%s", n, diff)
		}
		if diff := cmp.Diff(all[len(all)-n:], events(t, h, history.LogQuery{Last: n})); diff != "" {
			t.Errorf("the last %d (-want +got)\n%s", n, diff)
		}
	}
	var some []string
	for _, line := range all {
		if line >= "1778446820" && line[:10] <= "1780841811" {
			some = append(some, line)
		}
	}
	if diff := cmp.Diff(some, events(t, h, history.LogQuery{Period: audit.Period{Since: 1778446820, Until: 1780841811}})); diff != "" {
		t.Errorf("a period (-want +got)\n%s", diff)
	}
	kinds := 0
	for _, k := range []history.EventKind{history.EventMerge, history.EventUnmerge, history.EventSync} {
		kinds += len(events(t, h, history.LogQuery{Kinds: []history.EventKind{k}}))
	}
	if kinds != len(all) {
		t.Errorf("%d events by kind, %d in all", kinds, len(all))
	}
}

// TestEventsInATableAreThoseOfTheWhole compares what is read of an event for a table with
// what is read of all of it.
func TestEventsInATableAreThoseOfTheWhole(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	shown := func(q history.LogQuery) (lines []string) {
		audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
			for e, err := range history.AuditLog(db, q) {
				if err != nil {
					return err
				}
				m, u, s := new(history.MergeEvent), new(history.UnmergeEvent), new(history.SyncEvent)
				switch e.Kind {
				case history.EventMerge:
					m = &e.Merge
				case history.EventUnmerge:
					u = &e.Unmerge
				default:
					s = &e.Sync
				}
				line := fmt.Sprint(e.Run, e.At, m.CPV, m.Root, m.Kind, m.Outcome, m.PostinstFailed, m.Replaced, m.Change, u.CPV, u.Reason, u.Outcome, s.Repo, s.Outcome)
				for _, n := range []*int64{m.StartedAt, m.EndedAt, m.Seconds, u.Seconds, s.Seconds} {
					if n != nil {
						line += fmt.Sprint(" ", *n)
					}
				}
				lines = append(lines, line)
			}
			return nil
		})
		return lines
	}
	for _, q := range []history.LogQuery{{}, {Last: 20}, {Outcomes: []string{history.MergeFailed}}, {Search: search(t, history.SearchAny, "app-misc/hello")}, {Search: search(t, history.SearchAny, ">=app-misc/hello-1.1:0")}} {
		inTable := q
		inTable.InTable = true
		if diff := cmp.Diff(shown(q), shown(inTable)); diff != "" {
			t.Errorf("%+v (-whole +in a table)\n%s", q, diff)
		}
	}
}

func TestPackagesAreFoundByEveryKindOfPattern(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	for _, test := range []struct {
		mode    history.SearchMode
		pattern string
		want    int // merges
	}{
		{history.SearchAny, "app-misc/hello", 14},
		{history.SearchAny, "hello", 14},
		{history.SearchAny, "app-misc/hello-1.1", 3},
		{history.SearchAny, "=app-misc/hello-1.1", 3},
		{history.SearchAny, "hello-1.1", 3},
		{history.SearchAny, "=hello-1.1*", 6},
		{history.SearchAny, "<hello-1.1", 2},
		{history.SearchAny, "~app-misc/hello-1.1", 6},
		{history.SearchAny, "dev-lang/tinylang:3.12", 2},
		{history.SearchAny, "x11-libs/gtk+", 3},
		{history.SearchAny, "*+*", 6},
		{history.SearchAny, "sys-kernel/*", 4},
		{history.SearchAny, "/^dev-(cpp|perl)/", 5},
		{history.SearchAny, "app-misc/newname", 2},
		{history.SearchAny, "app-misc/oldname", 1},
		{history.SearchAny, "HELLO", 14},
		{history.SearchAny, "misc/hel", 14},
		{history.SearchExact, "hel", 0},
		{history.SearchExact, "HELLO", 0},
		{history.SearchRegex, "HELLO", 14},
		{history.SearchRegex, "^app-misc/(hello|warny)$", 22},
		{history.SearchExact, "gtk+", 3},
		{history.SearchExact, "*", 0},
		{history.SearchAny, "no/such", 0},
	} {
		q := history.LogQuery{Search: search(t, test.mode, test.pattern), Kinds: []history.EventKind{history.EventMerge}}
		if got := events(t, h, q); len(got) != test.want {
			t.Errorf("%q: %d merges, want %d:\n%v", test.pattern, len(got), test.want, got)
		}
	}
	for _, bad := range []string{"[", "=no-version", ">=", "/[/"} {
		if _, err := history.NewSearch([]string{bad}, history.SearchAny); err == nil {
			t.Errorf("pattern %q was taken", bad)
		}
	}
}

// The sums that the store keeps are those of the facts.
func TestStatisticsDoNotDependOnHowTheyAreCounted(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		kept, err := history.AuditStats(db, history.StatsQuery{})
		if err != nil {
			return err
		}
		counted, err := history.AuditStats(db, history.StatsQuery{Period: audit.Period{Since: 1}})
		if err != nil {
			return err
		}
		rows := func(st *history.Stats) (all []history.PackageStats) {
			for r := range st.Packages.All() {
				all = append(all, *r)
			}
			return all
		}
		if diff := cmp.Diff(rows(kept), rows(counted)); diff != "" {
			t.Errorf("packages (-kept +counted)\n%s", diff)
		}
		if diff := cmp.Diff(kept, counted, cmpopts.IgnoreFields(history.Stats{}, "Packages"), cmpopts.IgnoreUnexported(history.Stats{})); diff != "" {
			t.Errorf("(-kept +counted)\n%s", diff)
		}
		if diff := cmp.Diff(kept.Totals(), counted.Totals()); diff != "" {
			t.Errorf("totals (-kept +counted)\n%s", diff)
		}
		if diff := cmp.Diff(kept.Syncs, counted.Syncs); diff != "" || len(kept.Syncs) == 0 {
			t.Errorf("syncs (-kept +counted)\n%s", diff)
		}
		// All of the recorded log is of one year.
		perYear, err := history.AuditStats(db, history.StatsQuery{Per: history.PerYear})
		if err != nil {
			return err
		}
		total := kept.Totals()[0]
		for name, sum := range map[string]*history.StatsSum{"kept": kept.Sum(), "counted": counted.Sum(), "by year": perYear.Sum()} {
			want := &history.StatsSum{Merges: total.Merges, Binary: total.Binary, Unmerges: total.Unmerges, Failures: total.Failures, Seconds: total.Seconds, Timed: true}
			if diff := cmp.Diff(want, sum); diff != "" {
				t.Errorf("the sum, %s (-total +sum)\n%s", name, diff)
			}
		}
		sum := 0
		perMonth, err := history.AuditStats(db, history.StatsQuery{Per: history.PerMonth})
		if err != nil {
			return err
		}
		for r := range perMonth.Packages.All() {
			sum += r.Merges
		}
		if several := perMonth.Sum(); several != nil {
			t.Errorf("one sum of several months: %+v", several)
		}
		if want := kept.Totals()[0].Merges; sum != want || want != 157 {
			t.Errorf("%d merges by month, %d in all, want 157", sum, want)
		}
		return nil
	})
}

// TestIntervalsAddUp compares the intervals with the statistics of the whole log.
func TestIntervalsAddUp(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		stats, err := history.AuditStats(db, history.StatsQuery{})
		if err != nil {
			return err
		}
		total := stats.Totals()[0]
		want := history.Interval{Source: total.Source.Merges, Binary: total.Binary, Removed: total.Unmerges, BuildSeconds: total.Source.Seconds}
		for _, r := range stats.Runs {
			want.Runs += r.Runs
			want.Failed += r.Failed
			if r.Action == history.ActionSync {
				want.Syncs += r.Succeeded
			} else {
				want.Succeeded += r.Succeeded
			}
		}
		want.CutOff = 4 // two were killed, and two interrupted
		for _, per := range []history.StatsPer{history.PerMonth, history.PerWeek} {
			all, err := history.AuditIntervals(db, per, time.UTC, 1000)
			if err != nil {
				return err
			}
			var got history.Interval
			for _, i := range all {
				got.Runs += i.Runs
				got.Succeeded += i.Succeeded
				got.Syncs += i.Syncs
				got.Failed += i.Failed
				got.CutOff += i.CutOff
				got.Source += i.Source
				got.Binary += i.Binary
				got.Removed += i.Removed
				got.BuildSeconds += i.BuildSeconds
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by %s (-log +intervals):\n%s", per, diff)
			}
			newest, err := history.AuditIntervals(db, per, time.UTC, 4)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(all[len(all)-4:], newest); diff != "" {
				t.Errorf("the newest 4 by %s (-want +got):\n%s", per, diff)
			}
			if last := newest[3]; last.Begin > hosttest.Now || last.Begin < hosttest.Now-31*86400 {
				t.Errorf("the last interval begins at %d, and now is %d", last.Begin, hosttest.Now)
			}
		}
		return nil
	})
}

func TestPredictionIsTheMedianOfTheLastMerges(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	plan := func(jobs int, list ...history.PlannedMerge) (p *history.Prediction) {
		audittest.Ask(h, hosttest.Now, func(db audit.Database) (err error) {
			p, err = history.AuditPredict(db, "test", list, jobs)
			return err
		})
		return p
	}
	one := func(cpv string, binary bool) history.PlannedMerge {
		var m history.PlannedMerge
		m.CPV, m.Binary = cpv, binary
		return m
	}
	// Source: 81 108 125 149 158 176 189 213 425 622, binary: 58 59.
	p := plan(1, one("app-misc/hello-3", false), one("app-misc/hello-3", true), one("no/such-1", false))
	if got := p.Packages[0]; *got.Seconds != 167 || got.Samples != 10 || *got.Low != 131 || *got.High != 207 {
		t.Errorf("source: %d s, %d to %d, of %d", *got.Seconds, *got.Low, *got.High, got.Samples)
	}
	if got := p.Packages[1]; *got.Seconds != 58 || got.Samples != 2 {
		t.Errorf("binary: %d s of %d", *got.Seconds, got.Samples)
	}
	if p.Packages[2].Seconds != nil || p.Unknown != 1 || p.Total != 167+58 || *p.EndsAt != hosttest.Now+p.Total {
		t.Errorf("in all %d s, %d unknown", p.Total, p.Unknown)
	}
	// Two at once take as long as the longer half.
	if p := plan(2, one("app-misc/hello-3", false), one("app-misc/hello-3", true), one("app-misc/hello-3", true)); p.Total != 167 {
		t.Errorf("two at once: %d s", p.Total)
	}
	elapsed := int64(100)
	running := one("app-misc/hello-3", false)
	running.Elapsed = &elapsed
	if p := plan(1, running); p.Total != 67 {
		t.Errorf("of 167 s, 100 are over: %d s left", p.Total)
	}
	// What runs at once shows how many jobs there are; what waits to be installed
	// takes none.
	waiting := running
	waiting.Phase = "merge-wait"
	if p := plan(1, running, running, waiting); p.Total != 67 || p.Jobs != 2 {
		t.Errorf("two that run and one that waits: %d s left with %d jobs", p.Total, p.Jobs)
	}
	if p := plan(1, one("no/such-1", false)); p.EndsAt != nil || p.Total != 0 {
		t.Errorf("nothing is known, but: %+v", p)
	}
}

// An event is held while later runs are read; what it says must not be theirs.
func TestEventsKeepTheirOwnBuildIDs(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	type key struct {
		run int64
		n   int
		cpv string
	}
	byRun, seen := map[key]int{}, map[int]bool{}
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		for r, err := range history.AuditRuns(db, history.RunQuery{}) {
			if err != nil {
				return err
			}
			for _, m := range r.Merges {
				if m.BuildID != nil {
					byRun[key{r.ID, m.N, m.CPV}] = *m.BuildID
					seen[*m.BuildID] = true
				}
			}
		}
		if len(byRun) < 3 || len(seen) < 2 {
			t.Fatalf("%d binary merges with %d build ids: too few to tell anything", len(byRun), len(seen))
		}
		events := 0
		for e, err := range history.AuditLog(db, history.LogQuery{Last: 10_000, Kinds: []history.EventKind{history.EventMerge}}) {
			if err != nil {
				return err
			}
			if m := &e.Merge; m.BuildID != nil {
				events++
				if want := byRun[key{e.Run, m.N, m.CPV}]; *m.BuildID != want {
					t.Errorf("run %d, %s: build id %d, want %d", e.Run, m.CPV, *m.BuildID, want)
				}
			}
		}
		if events != len(byRun) {
			t.Errorf("%d events with a build id, want %d", events, len(byRun))
		}
		return nil
	})
}

// A caller that wants no more ends the reading.
func TestALogThatIsNotReadToItsEndIsLetGo(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		for range 50 {
			n := 0
			for _, err := range history.AuditLog(db, history.LogQuery{}) {
				if err != nil {
					return err
				}
				if n++; n == 3 {
					break
				}
			}
		}
		return nil
	})
}

// A package that was renamed has one past, in the order of time, whichever of its
// names comes first in the alphabet.
func TestARenamedPackageKeepsTheOrderOfItsMerges(t *testing.T) {
	t.Parallel()
	for _, names := range [][2]string{{"app-misc/zebra", "app-misc/aardvark"}, {"app-misc/aardvark", "app-misc/zebra"}} {
		t.Run(names[0], func(t *testing.T) {
			t.Parallel()
			root := hostarchive.AlphaCopy(t)
			var log strings.Builder
			at := int64(hosttest.Now)
			for i, name := range names {
				for range 7 {
					took := []int64{100, 10}[i]
					fmt.Fprintf(&log, "%d: Started emerge on: Oct 10, 2026 10:00:00\n%d:  *** emerge %s\n%d:  >>> emerge (1 of 1) %s-1 to /\n", at, at, name, at, name)
					fmt.Fprintf(&log, "%d:  ::: completed emerge (1 of 1) %s-1 to /\n%d:  *** exiting successfully.\n%d:  *** terminating.\n", at+took, name, at+took, at+took)
					at += 1000
				}
			}
			appendTo(t, filepath.Join(root, "var/log/emerge.log"), log.String())
			appendTo(t, filepath.Join(root, "var/db/repos/lab/profiles/updates/3Q-2026"), "move "+names[0]+" "+names[1]+"\n")
			h := hosttest.New(t, root)
			h.Ingest(at)
			audittest.Ask(h, at, func(db audit.Database) error {
				stats, err := history.AuditStats(db, history.StatsQuery{Search: search(t, history.SearchExact, names[1])})
				if err != nil {
					return err
				}
				for r := range stats.Packages.All() {
					if r.CP != names[1] || r.Merges != 14 || *r.Predicted != 10 || *r.Source.Trend != 10 || *r.Source.Median != 55 {
						t.Errorf("%s: %d merges, %d s expected, trend %d %%, median %d s", r.CP, r.Merges, *r.Predicted, *r.Source.Trend, *r.Source.Median)
					}
				}
				if n := stats.Packages.Len(); n != 1 {
					t.Errorf("%d rows", n)
				}
				predicted, err := history.AuditPredict(db, "test", []history.PlannedMerge{{Item: mergelist.Item{CPV: names[1] + "-1", Root: "/"}}}, 1)
				if err != nil {
					return err
				}
				if p := predicted.Packages[0]; p.Seconds == nil || *p.Seconds != 10 || p.Samples != 10 {
					t.Errorf("predicted %+v", p)
				}
				return nil
			})
		})
	}
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
