package prune_test

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/hostfs"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hostgen"
	"emaudit/internal/hosttest"
	"emaudit/parse/userconf"
	"emaudit/prune"
	"emaudit/store"
)

const pkgdir = "/var/cache/binpkgs"

// day is one day in seconds.
const day = 24 * 3600

// promise is what pruning must not change: coverage, and the way back to every
// state that the policy keeps.
type promise struct {
	Coverage []binpkgs.CoverageVerdict
	Verdicts map[string]rollback.Readiness
	Files    map[string]string            // what a rollback would merge, by state and cpv
	All      map[int64]rollback.Readiness // of every state before a run
}

// judgedStates is how many states are asked for at least: all of them take
// long.
const judgedStates = 8

// ask runs a question over the database at the given time.
func ask(h *hosttest.Host, now int64, question func(audit.Database) error) {
	h.View(func(tx *store.Tx) error { return question(audit.Database{Tx: tx, Host: h.ID, Now: now}) })
}

// promised asks for what a policy promises.
func promised(t *testing.T, h *hosttest.Host, now int64, policy cleanup.PrunePolicy) promise {
	t.Helper()
	p := promise{Verdicts: map[string]rollback.Readiness{}, Files: map[string]string{}, All: map[int64]rollback.Readiness{}}
	ask(h, now, func(db audit.Database) error {
		coverage, err := binpkgs.AuditCoverage(db)
		if err != nil {
			return err
		}
		for _, row := range coverage.Rows {
			p.Coverage = append(p.Coverage, row.Verdict)
		}
		all, err := rollback.AuditRollbacks(db, 0, rollback.Options{})
		if err != nil {
			return err
		}
		for _, r := range all {
			p.All[*r.Target.Run] = r.Verdict
		}
		for i, r := range all[:min(len(all), max(policy.KeepStates, judgedStates))] {
			young := r.Target.Time >= now-int64(policy.KeepDays)*day && r.Verdict != rollback.NotReady
			if i >= policy.KeepStates && !young {
				continue
			}
			p.add(fmt.Sprint("run ", *r.Target.Run), r)
		}
		pins, err := db.Tx.Pins(db.Host)
		if err != nil {
			return err
		}
		for _, pin := range pins {
			r, err := rollback.AuditRollback(db, state.Moment{Pin: pin.Name}, rollback.Options{})
			if err != nil {
				return err
			}
			p.add("pin "+pin.Name, r)
		}
		return nil
	})
	return p
}

func (p *promise) add(name string, r *rollback.Rollback) {
	p.Verdicts[name] = r.Verdict
	for _, c := range r.Changes {
		if c.Instance != nil && c.Usable != acceptance.UsableNo {
			p.Files[name+" "+*c.To] = c.Instance.Path
		}
	}
}

// without leaves out the states that a plan gives up, and those that it names for
// their age alone, which the budget may take as well. Pins stay.
func (p promise) without(plan *cleanup.PrunePlan) promise {
	keeps := map[string]bool{}
	for _, s := range plan.States {
		keeps[fmt.Sprint("run ", *s.Target.Run)] = !s.GivenUp
	}
	rest := promise{Coverage: p.Coverage, Verdicts: map[string]rollback.Readiness{}, Files: map[string]string{}}
	for name, v := range p.Verdicts {
		if keeps[name] || strings.HasPrefix(name, "pin ") {
			rest.Verdicts[name] = v
		}
	}
	for name, file := range p.Files {
		state := name[:strings.LastIndexByte(name, ' ')]
		if keeps[state] || strings.HasPrefix(name, "pin ") {
			rest.Files[name] = file
		}
	}
	return rest
}

func planOf(h *hosttest.Host, now int64, policy cleanup.PrunePolicy, facts cleanup.PruneFacts) (plan *cleanup.PrunePlan) {
	ask(h, now, func(db audit.Database) (err error) {
		plan, err = cleanup.PlanPrune(db, policy, facts)
		return err
	})
	return plan
}

// listing describes everything below a folder, bit by bit and with its times.
func listing(t *testing.T, top string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(top, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(p)
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%v %d:%d inode %d mtime %d", info.Mode(), st.Uid, st.Gid, st.Ino, info.ModTime().UnixNano())
		if name := filepath.Base(p); strings.HasPrefix(name, "Packages") {
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text = fmt.Sprintf("%v %d:%d mtime %d %q", info.Mode(), st.Uid, st.Gid, info.ModTime().UnixNano(), content)
		}
		rel, _ := filepath.Rel(top, p)
		all[rel] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkPartition fails the test unless every file is in one list and no more.
func checkPartition(t *testing.T, plan *cleanup.PrunePlan, root string) {
	t.Helper()
	seen := map[string]int{}
	for _, c := range plan.Candidates {
		if !c.EntryOnly {
			seen[c.Path]++
		}
	}
	for _, k := range plan.Kept {
		seen[k.Path]++
	}
	top := filepath.Join(root, pkgdir)
	err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(top, p)
		if rel == "Packages" || rel == "Packages.gz" || strings.HasSuffix(rel, ".portage_lockfile") {
			return nil
		}
		if seen[rel] != 1 {
			t.Errorf("%s is %d times among candidates and kept, want once", rel, seen[rel])
		}
		delete(seen, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for p := range seen {
		t.Errorf("%s is in the plan and not on disk", p)
	}
	var sizes int64
	for _, c := range plan.Candidates {
		sizes += c.Size
		if c.Code == "" || c.Reason == "" {
			t.Errorf("%s goes without a reason", c.Path)
		}
	}
	for _, k := range plan.Kept {
		if k.Code == "" || k.Reason == "" {
			t.Errorf("%s stays without a reason", k.Path)
		}
	}
	if sizes != plan.Reclaimable {
		t.Errorf("reclaimable: %d, the candidates have %d", plan.Reclaimable, sizes)
	}
}

// roundTrip plans, applies, compares what was promised, undoes, and compares
// everything.
func roundTrip(t *testing.T, h *hosttest.Host, now int64, policy cleanup.PrunePolicy, facts cleanup.PruneFacts) *cleanup.PrunePlan {
	t.Helper()
	h.Ingest(now)
	top := filepath.Join(h.Root, pkgdir)
	before, was := promised(t, h, now, policy), listing(t, top)
	plan := planOf(h, now, policy, facts)
	checkPartition(t, plan, h.Root)
	root, err := hostfs.Open(h.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	p, err := prune.Open(root, pkgdir, prune.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	still := func(context.Context) (map[string]bool, error) {
		h.Ingest(now)
		all := map[string]bool{}
		for _, c := range planOf(h, now, policy, facts).Candidates {
			all[c.Path] = true
		}
		return all, nil
	}
	result, err := p.Apply(context.Background(), plan.Candidates, prune.ApplyOptions{Still: still})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Skipped) > 0 || result.Size != plan.Reclaimable {
		t.Errorf("%+v, planned %d bytes", result, plan.Reclaimable)
	}
	h.Ingest(now + 60)
	after := promised(t, h, now, policy)
	checkEndings(t, plan, before.All, after.All)
	kept := before
	if policy.MaxSize > 0 {
		// Of what the budget gave up, the plan says so.
		kept = before.without(plan)
		after = after.without(plan)
	}
	if diff := cmp.Diff(kept.Verdicts, after.Verdicts); diff != "" {
		t.Errorf("%+v: verdicts (-before +after):\n%s", policy, diff)
	}
	if diff := cmp.Diff(kept.Files, after.Files); diff != "" {
		t.Errorf("%+v: files of rollbacks (-before +after):\n%s", policy, diff)
	}
	if diff := cmp.Diff(before.Coverage, after.Coverage); diff != "" {
		t.Errorf("%+v: coverage (-before +after):\n%s", policy, diff)
	}
	for _, c := range planOf(h, now, policy, facts).Candidates {
		// What is kept only because it could not be built again may have
		// depended on what went.
		if policy.MaxSize == 0 && c.Code != cleanup.PruneNeverUsable && c.Code != cleanup.PruneChangedSlot {
			t.Errorf("%+v: planned again, more can go: %+v", policy, c)
		}
	}
	if result.Journal != "" {
		if _, err := p.Undo(context.Background(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(was, listing(t, top)); diff != "" {
		t.Errorf("%+v: PKGDIR (-before +after):\n%s", policy, diff)
	}
	h.Ingest(now + 120)
	if diff := cmp.Diff(before, promised(t, h, now, policy)); diff != "" {
		t.Errorf("%+v: undone (-before +after):\n%s", policy, diff)
	}
	return plan
}

// checkEndings holds that a plan named every rollback that it ended, and no other. A
// state that is like one of a later run is named by that.
func checkEndings(t *testing.T, plan *cleanup.PrunePlan, before, after map[int64]rollback.Readiness) {
	t.Helper()
	named := map[int64]bool{}
	for _, e := range plan.Endings {
		if run := *e.Target.Run; e.After == rollback.NotReady {
			named[run] = true
			_, judged := before[run] // a state inside an update is not
			if judged && (before[run] == rollback.NotReady || after[run] != rollback.NotReady) {
				t.Errorf("run %d is named, and its verdict went from %s to %s", run, before[run], after[run])
			}
		}
	}
	last := int64(-1)
	for _, run := range slices.Backward(slices.Sorted(maps.Keys(before))) {
		if before[run] != rollback.NotReady && after[run] == rollback.NotReady && !named[run] && !named[last] {
			t.Errorf("the rollback to before run %d was %s, and ended without a word", run, before[run])
		}
		last = run
	}
}

// randomPolicy keeps now more, now less.
func randomPolicy(r *rand.Rand) cleanup.PrunePolicy {
	policy := cleanup.PrunePolicy{KeepStates: r.IntN(8), KeepDays: r.IntN(90)}
	policy.KeepLastCopies = r.IntN(2) == 0
	if r.IntN(4) == 0 {
		policy.MaxSize = 1 << (10 + r.IntN(12))
	}
	for _, line := range []string{"sys-libs", "app-misc/hello", "<dev-libs/libbar-1", "!sys-libs/glibc"} {
		if r.IntN(3) == 0 {
			if err := policy.Excludes.Add(line); err != nil {
				panic(err)
			}
		}
	}
	return policy
}

func randomFacts(r *rand.Rand) cleanup.PruneFacts {
	seed := r.Uint64()
	number := func(cpv string) uint64 {
		n := seed
		for _, c := range cpv {
			n = n*31 + uint64(c)
		}
		return n / 7
	}
	return cleanup.PruneFacts{
		EmergeRuns: r.IntN(4) == 0,
		Ebuild:     func(cpv, _ string) acceptance.EbuildState { return acceptance.EbuildState(number(cpv) % 3) },
		// Every other ebuild has other flags by now.
		CacheEntry: func(_, cpv string) (userconf.CacheEntry, bool) {
			return userconf.CacheEntry{EAPI: "8", IUSE: "new"}, number(cpv)%2 == 0
		},
		System: []string{"sys-apps/bigthing", "app-misc/hello"},
	}
}

// Under random losses, policies and days, no promise is broken by pruning, and
// what was done can be taken back bit by bit.
func TestNoPromiseIsBrokenOnARecordedHost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			root := hostarchive.AlphaCopy(t)
			h := hosttest.New(t, root)
			h.Ingest(hosttest.Now)
			if seed%2 == 1 {
				err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
					return tx.PutPin(h.ID, store.Pin{Name: "good", At: hosttest.Now - int64(r.IntN(200))*day, CreatedAt: hosttest.Now})
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			lose(t, r, filepath.Join(root, pkgdir))
			now := hosttest.Now + int64(r.IntN(60))*day
			policy := randomPolicy(r)
			if seed == 2 {
				// A budget that nothing but the present state fits into.
				policy.KeepStates, policy.MaxSize = 12, 1
			}
			roundTrip(t, h, now, policy, randomFacts(r))
		})
	}
}

// lose deletes and damages some files, as disks and people do.
func lose(t *testing.T, r *rand.Rand, top string) {
	t.Helper()
	err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.HasPrefix(e.Name(), "Packages") {
			return err
		}
		switch r.IntN(20) {
		case 0:
			return os.Remove(p)
		case 1:
			return os.Truncate(p, 700)
		case 2:
			return os.WriteFile(p+"AbCdEfGh."+fmt.Sprint(r.IntN(9999)), []byte("half"), 0o644)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoPromiseIsBrokenOnAMadeUpHost(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(0, 8))
	root := filepath.Join(t.TempDir(), "host")
	if err := hostgen.Host(root, hostgen.HostOptions{Installed: 60, Binpkgs: 220}); err != nil {
		t.Fatal(err)
	}
	h := hosttest.New(t, root)
	now := newest(t, filepath.Join(root, "var/log/emerge.log"))
	goes := 0
	for range 2 {
		goes += len(roundTrip(t, h, now+int64(r.IntN(40))*day, randomPolicy(r), randomFacts(r)).Candidates)
	}
	if goes == 0 {
		t.Error("nothing ever went: the test tests nothing")
	}
}

// newest is the time of a file in unix seconds.
func newest(t testing.TB, name string) int64 {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().Unix()
}

func TestWhatIsPlannedForARecordedHost(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	now := int64(hosttest.Now + 2*day)
	h.Ingest(now)
	there := cleanup.PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }}
	policy := cleanup.PrunePolicy{KeepStates: 3, KeepDays: 30}
	codes := func(plan *cleanup.PrunePlan) map[string]string {
		all := map[string]string{}
		for _, c := range plan.Candidates {
			all[c.Path] = "- " + c.Code
		}
		for _, k := range plan.Kept {
			all[k.Path] = "+ " + k.Code
		}
		return all
	}
	got := codes(planOf(h, now, policy, there))
	for file, want := range map[string]string{
		"app-misc/hello/hello-2.1-1.gpkg.tar":                    "+ installed",
		"app-misc/hello/hello-1.0-1.gpkg.tar":                    "- index-entry",
		"app-misc/hello/hello-2.0-1.gpkg.tar":                    "- leftover", // a reserved name, of a build that was killed
		"app-misc/hello/copy-of-hello.gpkg.tar":                  "- unseen",
		"app-misc/warny/warny-0.3-2.gpkg.tar":                    "+ kept-state",
		"app-misc/livething/livething-9999-1.gpkg.tar":           "- superseded",
		"app-misc/blockerA/blockerA-1.0-1.gpkg.tar":              "- not-installed",
		"sys-kernel/fake-sources/fake-sources-6.6.35-1.gpkg.tar": "+ important",
		"sys-libs/libfoo/libfoo-1.0-1.gpkg.tar":                  "- old-version",
	} {
		if got[file] != want {
			t.Errorf("%s: %s, want %s", file, got[file], want)
		}
	}
	// A last copy stays where nobody knows whether it could be built again. Where its
	// ebuild is gone, it stays if that is asked for.
	gone := cleanup.PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildGone }}
	keeping := policy
	keeping.KeepLastCopies = true
	for _, c := range []struct {
		name   string
		policy cleanup.PrunePolicy
		facts  cleanup.PruneFacts
		want   string
	}{
		{"its ebuild is unknown", policy, cleanup.PruneFacts{}, "+ last-copy"},
		{"its ebuild is gone", policy, gone, "- old-version"},
		{"its ebuild is gone, with KeepLastCopies", keeping, gone, "+ last-copy"},
	} {
		if got := codes(planOf(h, now, c.policy, c.facts))["sys-libs/libfoo/libfoo-1.0-1.gpkg.tar"]; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// While an emerge runs, what is half-made is its.
	busy := there
	busy.EmergeRuns = true
	if got := codes(planOf(h, now, policy, busy))["app-misc/hello/hello-2.0-1.gpkg.tar"]; got != "+ in-use-perhaps" {
		t.Errorf("while an emerge runs: %s, want + in-use-perhaps", got)
	}
	// More states than are known keep all that is whole.
	plan := planOf(h, now, cleanup.PrunePolicy{KeepStates: 10000, KeepDays: 30}, there)
	if len(plan.Findings) == 0 || plan.Findings[0].Code != "prune-states-unknown" {
		t.Errorf("findings: %+v", plan.Findings)
	}
	for file, code := range codes(plan) {
		if slices.Contains([]string{"- superseded", "- old-version", "- not-installed"}, code) {
			t.Errorf("%s: %s, and states that may need it are not known", file, code)
		}
	}
}

func TestABudgetTakesWhatIsWorthLeast(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	now := int64(hosttest.Now + 2*day)
	h.Ingest(now)
	policy := cleanup.PrunePolicy{KeepStates: 8, KeepDays: 200}
	whole := planOf(h, now, policy, cleanup.PruneFacts{})
	taken := 0
	for size := whole.KeptSize; size > 0; size -= 600 << 10 {
		policy.MaxSize = size
		plan := planOf(h, now, policy, cleanup.PruneFacts{})
		if plan.KeptSize > size && (len(plan.Findings) == 0 || !slices.ContainsFunc(plan.Findings, func(f audit.Finding) bool { return f.Code == "prune-over-budget" })) {
			t.Errorf("%d bytes stay of at most %d, and nothing says so", plan.KeptSize, size)
		}
		if len(plan.Candidates) < taken {
			t.Errorf("a smaller budget takes less: %d, and %d before", len(plan.Candidates), taken)
		}
		taken = len(plan.Candidates)
		installed := map[string]bool{}
		for _, k := range whole.Kept {
			installed[k.Path] = k.Code == cleanup.KeepInstalled
		}
		for _, c := range plan.Candidates {
			if installed[c.Path] {
				t.Fatalf("at %d bytes %s goes, which is of what is installed", size, c.Path)
			}
			if c.Code == cleanup.PruneOverBudget && c.Cost == "" {
				t.Errorf("%s goes over the budget and costs nothing", c.Path)
			}
		}
	}
	if taken == len(whole.Candidates) {
		t.Error("the budget took nothing")
	}
}

// made is a large made-up host, for the measurements.
func made(b *testing.B) (*hosttest.Host, int64) {
	b.Helper()
	root := filepath.Join(b.TempDir(), "host")
	if err := hostgen.Host(root, hostgen.HostOptions{Installed: 1000, Binpkgs: 5000}); err != nil {
		b.Fatal(err)
	}
	h := hosttest.New(b, root)
	now := newest(b, filepath.Join(root, "var/log/emerge.log"))
	h.Ingest(now)
	return h, now
}

// BenchmarkPlan plans for 5,000 binary packages of 1,000 installed ones. Its
// budget is 0.3 s.
func BenchmarkPlan(b *testing.B) {
	h, now := made(b)
	facts := cleanup.PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }}
	for b.Loop() {
		plan := planOf(h, now, cleanup.PrunePolicy{KeepStates: cleanup.DefaultKeepStates, KeepDays: cleanup.DefaultKeepDays}, facts)
		b.ReportMetric(float64(len(plan.Candidates)), "candidates")
	}
}

// BenchmarkApply takes 2,000 files away and brings them back. The budget of
// taking them away is 2 s.
func BenchmarkApply(b *testing.B) {
	h, now := made(b)
	facts := cleanup.PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }}
	plan := planOf(h, now, cleanup.PrunePolicy{}, facts)
	candidates := plan.Candidates[:min(2000, len(plan.Candidates))]
	root, err := hostfs.Open(h.Root)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	p, err := prune.Open(root, path.Clean(pkgdir), prune.Options{Now: now})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		result, err := p.Apply(context.Background(), candidates, prune.ApplyOptions{})
		if err != nil || result.Files != len(candidates) {
			b.Fatal(result.Files, err)
		}
		b.ReportMetric(float64(result.Files), "files")
		b.StopTimer()
		if _, err := p.Undo(context.Background(), ""); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
