package rollback

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store/inventory"
)

// applied is what is installed after the changes of a rollback, cpv ->
// BUILD_TIME, together with the packages of which the verdict says that it is
// another build.
func applied(now map[string]int64, r *Rollback) (after map[string]int64, others map[string]bool) {
	after, others = map[string]int64{}, map[string]bool{}
	for cpv, buildTime := range now {
		after[cpv] = buildTime
	}
	for _, c := range r.Changes {
		if c.From != nil && !c.Stays {
			delete(after, *c.From)
		}
	}
	for _, c := range r.Changes {
		if !c.Stays && c.Match == binpkgs.CoverageSameVersion {
			others[*c.To] = true
		}
		if c.Instance != nil && !c.Stays {
			after[*c.To] = *c.Instance.BuildTime
		}
	}
	return after, others
}

// TestVerdictsAgainstTheTruth judges the way back before every command of the
// recorded host that changed something. What a plan would bring about is held
// against what the VDB was then, and a gap against the files that are there.
// That Portage can carry the plans out is in docs/rollback-proof.md.
func TestVerdictsAgainstTheTruth(t *testing.T) {
	t.Parallel()
	truth := audittest.ReadTruth(t)
	host := audittest.Alpha(t)
	host.Verify(hosttest.Now)
	got := map[Readiness][]int64{}
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		all, err := AuditRollbacks(db, 0, Options{})
		if err != nil {
			return err
		}
		j, err := NewJudge(db, Options{})
		if err != nil {
			return err
		}
		moved := func(set map[string]int64) map[string]int64 {
			named := map[string]int64{}
			for cpv, buildTime := range set {
				named[j.Past.Moves.CPV(cpv)] = buildTime
			}
			return named
		}
		seen := map[int]int64{}
		for _, r := range all {
			seen[truth.Of(t, j.Past.Run(*r.Target.Run).Started)] = *r.Target.Run
		}
		for _, r := range all {
			run := *r.Target.Run
			got[r.Verdict] = append(got[r.Verdict], run)
			if r.Verdict == NotReady && len(r.Plan) > 0 {
				t.Errorf("run %d is not ready, and has a plan", run)
			}
			i := truth.Of(t, j.Past.Run(run).Started)
			if !r.Target.Known || seen[i] != run {
				continue // unknown, or begun by a command that began others before
			}
			then := moved(truth.Before[i])
			for _, g := range r.Gaps {
				for _, b := range j.Past.ByCPV[g.CPV] {
					if b.BuildTime == then[g.CPV] && g.Cause != "damaged" && g.Cause != "masked" && g.Cause != "phase-failed" {
						t.Errorf("run %d: %s is called a gap (%s), and %s is that very build", run, g.CPV, g.Cause, b.Path)
					}
				}
			}
			if r.Verdict == NotReady {
				continue
			}
			// What stays is not as it was then.
			now := moved(truth.After)
			for _, c := range r.Changes {
				if c.Stays && c.To != nil {
					delete(then, *c.To)
				}
				if c.Stays && c.From != nil {
					then[*c.From] = now[*c.From]
				}
			}
			after, others := applied(now, r)
			if r.Verdict == Ready && len(others) > 0 {
				t.Errorf("run %d is ready, with another build of %v", run, others)
			}
			for cpv := range others {
				if _, ok := then[cpv]; ok {
					after[cpv] = then[cpv]
				}
			}
			if diff := cmp.Diff(then, after); diff != "" {
				t.Errorf("run %d: -the VDB then +after the plan\n%s", run, diff)
			}
		}
		return nil
	})
	want := map[Readiness][]int64{
		Ready:             {83},
		ReadyWithWarnings: {3},
		Partial: {
			82, 79, 78, 76, 74, 72, 71, 70, 69, 68, 62, 61, 58, 55, 53, 51, 46, 45, 42, 41, 39, 38, 37, 36, 34, 33, 32, 31,
			27, 23, 22, 18, 12, 9, 7, 6, 5, 4, 2,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts: -want +got\n%s", diff)
	}
}

// TestThePlanSaysWhereThereIsNoRoom holds that a plan of whatever run warns of
// each folder that it writes to and that has no room: PORTAGE_TMPDIR where it
// merges, PKGDIR where it packages first, and no other.
func TestThePlanSaysWhereThereIsNoRoom(t *testing.T) {
	t.Parallel()
	full := Options{Space: []audit.Space{{Path: "/var/tmp", Role: "tmp"}, {Path: "/binpkgs", Role: "pkgdir"}, {Path: "/elsewhere", Role: "binhost"}}}
	seen := map[[2]bool]bool{}
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		all, err := AuditRollbacks(db, 0, full)
		if err != nil {
			return err
		}
		for _, r := range all {
			if len(r.Steps) == 0 {
				continue
			}
			script := strings.Join(audit.Lines(r.Plan), "\n")
			merges, packages := strings.Contains(script, "--usepkgonly"), strings.HasPrefix(script, "quickpkg ")
			var want, got []string
			if merges {
				want = append(want, "/var/tmp")
			}
			if packages {
				want = append(want, "/binpkgs")
			}
			for _, x := range r.Risks {
				if x.Code == "disk-space" {
					got = append(got, strings.Fields(x.Detail)[0])
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run %v: folders without room: -want +got\n%s", r.Target, diff)
			}
			seen[[2]bool{merges, packages}] = true
		}
		return nil
	})
	for _, kind := range [][2]bool{{true, true}, {true, false}} {
		if !seen[kind] {
			t.Errorf("no plan that merges: %v, and packages first: %v", kind[0], kind[1])
		}
	}
}

// TestAPackageWhosePostinstDied holds that a package is a gap whose pkg_postinst
// died when it was merged: Portage has it installed, and would stop at it again
// (run 12 of the recorded host; docs/rollback-proof.md).
func TestAPackageWhosePostinstDied(t *testing.T) {
	t.Parallel()
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		for run, want := range map[int64]bool{12: false, 18: true, 29: true, 31: false} {
			r, err := AuditRollback(db, state.Moment{Run: run}, Options{})
			if err != nil {
				return err
			}
			if got := slices.ContainsFunc(r.Gaps, func(g Gap) bool { return g.Cause == "phase-failed" && g.CPV == "dev-util/postfail-1.0" }); got != want {
				t.Errorf("run %d: it is a gap: %v, want %v", run, got, want)
			}
			for _, c := range r.Plan {
				if strings.Contains(c.String(), "postfail") {
					t.Errorf("run %d: the plan merges it: %s", run, c)
				}
			}
		}
		return nil
	})
}

// TestARemedyBringsTheEbuildBack holds that a gap whose ebuild no repository has any
// more is not to be mended by building what cannot be built: the ebuild comes from the
// VDB, from the history of the repository or from a snapshot, and goes to an overlay.
func TestARemedyBringsTheEbuildBack(t *testing.T) {
	t.Parallel()
	gone := func(string) acceptance.EbuildState { return acceptance.EbuildGone }
	const build = ` manifest && PORTDIR_OVERLAY=/var/db/repos/emaudit emerge --usepkg=n --buildpkgonly --oneshot "=CPV"`
	const own = ` manifest && emerge --usepkg=n --buildpkgonly --oneshot "=CPV"`
	const archive = `gone=$(git -C /r log -1 --diff-filter=D --format=%H -- EBUILD) && git -C /r archive "$gone^"`
	// The version that is to come back is installed as another build, or it is not.
	for _, tt := range []struct {
		name         string
		run          int64
		repositories []inventory.Repository
		want         []string
	}{
		{"from the VDB", 82, []inventory.Repository{{Name: "lab", Location: "/r", SyncType: "git", Main: true, Git: true}}, []string{"'masters = lab'", "cp /var/db/pkg/app-misc/hello-2.1/hello-2.1.ebuild /var/db/repos/emaudit/app-misc/hello && ", build}},
		{"repositories unknown", 82, nil, []string{"'masters = lab'", "cp /var/db/pkg/", build}},
		{"an overlay is there", 82, []inventory.Repository{{Name: "lab", Main: true}, {Name: "mine", Location: "/srv/mine"}}, []string{"mkdir -p /srv/mine/app-misc/hello && cp ", "/srv/mine/app-misc/hello/hello-2.1.ebuild", own}},
		{"from git", 59, []inventory.Repository{{Name: "lab", Location: "/r", SyncType: "git", Main: true, Git: true}}, []string{archive, build}},
		{"from git without history", 59, []inventory.Repository{{Name: "lab", Location: "/r", SyncType: "git", Main: true, Git: true, Shallow: true}}, []string{"git -C /r fetch --unshallow && ", archive, build}},
		{"from a snapshot", 59, []inventory.Repository{{Name: "gentoo", Location: "/r", SyncType: "rsync", Main: true}}, []string{"emerge-webrsync --revert=", ` && emerge --usepkg=n --buildpkgonly --oneshot "=CPV"`}},
		{"from Gentoo's history", 59, []inventory.Repository{{Name: "gentoo", Location: "/r", SyncType: "mercurial", Main: true}}, []string{"git clone --bare --filter=blob:none " + gentooHistory, build}},
		{"from nowhere", 59, []inventory.Repository{{Name: "lab", Location: "/r", SyncType: "rsync", Main: true}}, []string{`the history of lab is not here: once its ebuild is in an overlay: emerge --usepkg=n --buildpkgonly --oneshot "=CPV"`}},
	} {
		audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
			r, err := AuditRollback(db, state.Moment{Run: tt.run}, Options{Ebuild: gone, Repositories: tt.repositories})
			if err != nil {
				return err
			}
			found := 0
			for _, g := range r.Gaps {
				installed := slices.ContainsFunc(r.Changes, func(c Change) bool { return c.From != nil && *c.From == g.CPV })
				if installed != (tt.run == 82) || g.Remedy.Program() == "emaudit" {
					continue
				}
				found++
				for _, want := range tt.want {
					want = strings.NewReplacer("CPV", g.CPV, "EBUILD", audit.PackageOf(g.CPV)+"/"+path.Base(g.CPV)+".ebuild").Replace(want)
					if got := g.Remedy.String(); !strings.Contains(got, want) {
						t.Errorf("%s: %s: want %s in\n%s", tt.name, g.CPV, want, got)
					}
				}
			}
			if found == 0 {
				t.Errorf("%s: no gap is of this kind: %+v", tt.name, r.Gaps)
			}
			return nil
		})
	}
}

// TestAPackageInDoubtStays holds that a state of which one package is in doubt is
// never ready, and that the plan does not touch that package.
func TestAPackageInDoubtStays(t *testing.T) {
	t.Parallel()
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
		for _, id := range []int64{61, 59, 58, 56} {
			r, err := AuditRollback(db, state.Moment{Run: id}, Options{})
			if err != nil {
				return err
			}
			if r.Verdict != Partial || strings.Contains(strings.Join(audit.Lines(r.Plan), " "), "oddnames") || !slices.ContainsFunc(r.Unknowns, func(u Unknown) bool {
				return u.Code == "state-unknown" && strings.HasPrefix(u.Detail, "app-misc/oddnames: neither emerge.log nor a build log shows whether 1.0 or 1.1-r1")
			}) {
				t.Errorf("run %d: %s, %d lines of a plan, unknown: %v", id, r.Verdict, len(r.Plan), r.Unknowns)
			}
			for _, c := range r.Changes {
				if audit.PackageOf(c.CPV()) == "app-misc/oddnames" {
					t.Errorf("run %d: a change of what is in doubt: %+v", id, c.Change)
				}
			}
		}
		return nil
	})
}

// TestRisksHaveOneOrder asks for one answer several times. The plan holds some of its
// facts in maps, whose order changes from one call to the next.
func TestRisksHaveOneOrder(t *testing.T) {
	t.Parallel()
	host := audittest.Alpha(t)
	host.Ingest(hosttest.Now)
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		first := map[int64][]Risk{}
		for range 4 {
			all, err := AuditRollbacks(db, 0, Options{})
			if err != nil {
				return err
			}
			for _, r := range all {
				before, asked := first[*r.Target.Run]
				if !asked {
					first[*r.Target.Run] = r.Risks
				} else if diff := cmp.Diff(before, r.Risks); diff != "" {
					t.Fatalf("before run %d, the risks have another order (-first +later):\n%s", *r.Target.Run, diff)
				}
			}
		}
		return nil
	})
}
