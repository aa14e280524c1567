package overview_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/internal/sharedtest"
	"emaudit/store"
	"emaudit/store/logs"
)

// answer asks a question of a host.
func answer[T any](h *hosttest.Host, question func(audit.Database) (T, error)) T {
	var got T
	audittest.Ask(h, hosttest.Now, func(db audit.Database) (err error) {
		got, err = question(db)
		return err
	})
	return got
}

// TestOverTheRecordedHost asks questions that change nothing of one ingest.
func TestOverTheRecordedHost(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	for name, test := range map[string]func(*testing.T, *hosttest.Host){
		"failures are those that happened":      failuresAreThoseThatHappened,
		"failures say what was done about them": failuresSayWhatWasDoneAboutThem,
		"a name is looked up":                   aNameIsLookedUp,
		"a package is shown with its logs":      aPackageIsShownWithItsLogs,
		"the next update needs room":            theNextUpdateNeedsRoom,
	} {
		t.Run(name, func(t *testing.T) { test(t, h) })
	}
}

func failuresOf(h *hosttest.Host) *aftermath.Failures {
	return answer(h, func(db audit.Database) (*aftermath.Failures, error) { return aftermath.AuditFailures(db, 0) })
}

// failuresAreThoseThatHappened compares with what the recorded host's
// commands said when they failed.
func failuresAreThoseThatHappened(t *testing.T, h *hosttest.Host) {
	var commands []struct {
		SaidFailed []string `json:"said_failed"`
	}
	if err := json.Unmarshal(hostarchive.AlphaTruth(t), &commands); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range commands {
		want = append(want, c.SaidFailed...)
	}
	failures := failuresOf(h)
	var got []string
	for _, f := range failures.Rows {
		got = append(got, f.CPV)
		if f.Run == nil {
			t.Errorf("%s at %d: no run", f.CPV, f.At)
		}
		// One failure of this package left no log.
		if f.Link != history.LinkCertain && (f.CPV != "app-misc/oddnames-1.1-r1" || f.Link != history.LinkNone) {
			t.Errorf("%s at %d: link %s", f.CPV, f.At, f.Link)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-happened +found):\n%s", diff)
	}
}

func failuresSayWhatWasDoneAboutThem(t *testing.T, h *hosttest.Host) {
	failures := failuresOf(h)
	want := map[string]string{
		"dev-util/failcompile-1.1": "replaced dev-util/failcompile-1.2",
		"dev-util/postfail-1.0":    "removed dev-util/postfail-1.0",
		"dev-util/failtest-1.0":    "open ",
		"app-misc/hello-1.0":       "replaced app-misc/hello-1.1-r1",
	}
	for _, f := range failures.Rows {
		by := ""
		if f.ResolvedBy != nil {
			by = *f.ResolvedBy
		}
		if w, ok := want[f.CPV]; ok && string(f.Resolution)+" "+by != w {
			t.Errorf("%s: want %s, got %s %s", f.CPV, w, f.Resolution, by)
		}
		delete(want, f.CPV)
	}
	if len(want) > 0 {
		t.Errorf("not among the failures: %v", want)
	}
	var subjects []string
	if len(failures.Cut) != 1 || failures.Cut[0].CPV != "sys-apps/bigthing-1.1" || failures.Cut[0].Copied {
		t.Errorf("cut: %+v", failures.Cut)
	}
	for _, f := range failures.Findings {
		if f.Code == "merge-cut" {
			continue
		}
		if f.Code != "merge-failed" || len(f.Evidence) == 0 && f.Subject != "app-misc/oddnames-1.1-r1" {
			t.Errorf("finding: %+v", f)
		}
		subjects = append(subjects, f.Subject)
	}
	if diff := cmp.Diff([]string{
		"app-misc/oddnames-1.1-r1", "dev-util/failconf-2.0", "dev-util/failinst-0.3", "dev-util/failsetup-1.0", "dev-util/failtest-1.0",
		"dev-util/fetchfail-1.0", "dev-util/nofetch-1.0",
	}, subjects); diff != "" {
		t.Errorf("open failures, a package a finding (-want +got):\n%s", diff)
	}
}

// TestElogTellsOfFailuresWithoutALog reads the history of a machine in the wild
// that keeps no build logs.
func TestElogTellsOfFailuresWithoutALog(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	elog := filepath.Join(root, "var/log/portage/elog")
	if err := os.MkdirAll(elog, 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"emerge.log": "var/log/emerge.log", "summary.log": "var/log/portage/elog/summary.log"} {
		data, err := os.ReadFile(sharedtest.Path(t, "real", "apu", from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, to), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h := hosttest.New(t, root)
	h.Ingest(hosttest.Now)
	failures := failuresOf(h)
	if open, unknown := failures.Open(); len(failures.Rows) < 20 || open != 0 {
		t.Errorf("%d failures, %d open, %d of them perhaps", len(failures.Rows), open, unknown)
	}
	phases := map[string]int{}
	for _, f := range failures.Rows {
		phases[f.Phase]++
	}
	if phases["configure"] < 10 || phases["compile"] != 2 {
		t.Errorf("phases: %v", phases)
	}
}

func TestMessagesAreUnreadUntilMarked(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	read := func(filter aftermath.MessageFilter) *aftermath.Messages {
		return answer(h, func(db audit.Database) (*aftermath.Messages, error) { return aftermath.AuditMessages(db, filter) })
	}
	all := read(aftermath.MessageFilter{Unread: true})
	if all.Unread != 98 || all.Read != 0 || len(all.Rows) != 98 {
		t.Fatalf("%d unread, %d read, %d rows", all.Unread, all.Read, len(all.Rows))
	}
	warnings := aftermath.MessageFilter{Classes: []string{"warn"}}
	for _, m := range read(warnings).Rows {
		if m.Class != "warn" || m.Run == nil || m.Doubtful {
			t.Errorf("message: %+v", m)
		}
	}
	err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
		n, err := logs.MarkElogRead(tx, h.ID, read(warnings).IDs(), hosttest.Now)
		if n != 30 {
			t.Errorf("marked %d", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	after := read(aftermath.MessageFilter{})
	if after.Unread != 68 || after.Read != 30 {
		t.Errorf("%d unread, %d read", after.Unread, after.Read)
	}
	for i, m := range after.Rows {
		if m.Unread != (i < 68) || i > 0 && i != 68 && m.At > after.Rows[i-1].At {
			t.Errorf("row %d: unread %v, at %d after %d", i, m.Unread, m.At, after.Rows[i-1].At)
		}
	}
}

func TestAfterTheUpdateThereIsSomethingToDo(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	for name, content := range map[string]string{
		"etc/._cfg0000_fstab":                     "",
		"var/lib/portage/preserved_libs_registry": `{"sys-libs/ncurzes:0":["sys-libs/ncurzes-6.4","7",["/lib64/libncurzes.so.6"]]}`,
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	h := hosttest.New(t, root)
	h.Ingest(hosttest.Now)
	p := answer(h, aftermath.AuditPostUpdate)
	var got []string
	for _, f := range p.Findings {
		if f.Code != "merge-failed" {
			got = append(got, f.Code+" "+f.Subject)
		}
		if f.Remedy.IsZero() || f.Message == "" {
			t.Errorf("finding without message or remedy: %+v", f)
		}
	}
	want := []string{
		"config-update-pending /etc",
		"messages-unread app-misc/warny-0.2",
		"preserved-libs sys-libs/ncurzes-6.4",
		"qa-unresolved-soname sys-libs/glibc-2.40-r2",
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("missing: %s, in %s", w, strings.Join(got, ", "))
		}
	}
}

// TestAMergeThatWasCutBetweenTwoVersionsIsAnError kills emerge when the old
// version is removed and the new one not yet registered.
func TestAMergeThatWasCutBetweenTwoVersionsIsAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	log := filepath.Join(root, "var/log/emerge.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		t.Fatal(err)
	}
	const cut = `1767225600: Started emerge on: Jan 01, 2026 00:00:00
1767225600:  *** emerge app-misc/aa
1767225610:  >>> emerge (1 of 1) app-misc/aa-2.0 to /
1767225610:  === (1 of 1) Cleaning (app-misc/aa-2.0::/var/db/repos/gentoo/app-misc/aa/aa-2.0.ebuild)
1767225611:  === (1 of 1) Compiling/Merging (app-misc/aa-2.0::/var/db/repos/gentoo/app-misc/aa/aa-2.0.ebuild)
1767225650:  === (1 of 1) Merging (app-misc/aa-2.0::/var/db/repos/gentoo/app-misc/aa/aa-2.0.ebuild)
1767225655:  >>> AUTOCLEAN: app-misc/aa:0
1767225655:  === Unmerging... (app-misc/aa-1.0)
1767225657:  >>> unmerge success: app-misc/aa-1.0
1767312000: Started emerge on: Jan 02, 2026 00:00:00
1767312000:  *** emerge --sync
1767312010:  === Sync completed for gentoo
1767312010:  *** terminating.
`
	if err := os.WriteFile(log, []byte(cut), 0o644); err != nil {
		t.Fatal(err)
	}
	h := hosttest.New(t, root)
	h.Ingest(hosttest.Now)
	p := answer(h, aftermath.AuditPostUpdate)
	if p.BetweenVersions != 1 || len(p.Findings) != 1 {
		t.Fatalf("%+v", p)
	}
	f := p.Findings[0]
	if f.Code != "merge-cut" || f.Severity != audit.SeverityError || f.Subject != "app-misc/aa-2.0" || len(f.Evidence) != 1 || f.Evidence[0].Source != "/var/log/emerge.log" {
		t.Errorf("finding: %+v", f)
	}
}

func aNameIsLookedUp(t *testing.T, h *hosttest.Host) {
	for name, want := range map[string]string{
		"hello":                     "app-misc/hello",
		"hello-2.1":                 "app-misc/hello",
		"app-misc/hello":            "app-misc/hello",
		"=app-misc/hello-1.1-r1":    "app-misc/hello",
		">=app-misc/hello-1:0[nls]": "app-misc/hello",
		"=app-misc/hello-1*":        "app-misc/hello",
		"gtk+":                      "x11-libs/gtk+",
		"c++tools_x-0.1_beta":       "dev-cpp/c++tools_x",
		"slowb":                     "dev-util/slowbuild", // a part that only one package has
	} {
		audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
			got, err := overview.FindPackage(db, name)
			if got != want || err != nil {
				t.Errorf("%s: want %s, got %s %v", name, want, got, err)
			}
			return nil
		})
	}
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		_, err := overview.FindPackage(db, "bard")
		var name *overview.PackageNameError
		if !errors.As(err, &name) || len(name.Candidates) != 2 {
			t.Errorf("an ambiguous name: %v", err)
		}
		if _, err := overview.FindPackage(db, "nothing"); !errors.As(err, &name) || len(name.Candidates) != 0 {
			t.Errorf("an unknown name: %v", err)
		}
		for _, version := range []string{"hello-9.9", "=app-misc/hello-9.9", "app-misc/hello-2.1-r1:0"} {
			if _, err := overview.FindPackage(db, version); !errors.As(err, &name) || !slices.Contains(name.Versions, "app-misc/hello-2.1") {
				t.Errorf("%s, an unknown version: %v", version, err)
			}
		}
		return nil
	})
}

func aPackageIsShownWithItsLogs(t *testing.T, h *hosttest.Host) {
	p := answer(h, func(db audit.Database) (*overview.Package, error) { return overview.ShowPackage(db, "sys-libs/libfoo") })
	if len(p.Installed) != 1 || p.Installed[0].CPV != "sys-libs/libfoo-2.0.1" || len(p.Instances) != 5 || p.Instances[0].Match != binpkgs.CoverageSameVersion {
		t.Errorf("installed %+v, instances %+v", p.Installed, p.Instances)
	}
	merges, linked := 0, 0
	for _, e := range p.Events {
		if e.Event != "merge" {
			continue
		}
		merges++
		if e.Link == history.LinkCertain && e.BuildBytes != nil && *e.BuildBytes > 0 && e.Seconds != nil {
			linked++
		}
	}
	if merges != 6 || linked != 6 {
		t.Errorf("%d merges, %d with a log", merges, linked)
	}
	var dependents []string
	for _, d := range p.Dependents {
		dependents = append(dependents, d.CPV+" "+d.Kind+" "+d.Atom)
	}
	if diff := cmp.Diff([]string{
		"app-misc/foo-tool-1.3.0 rdepend sys-libs/libfoo:0/2=",
		"app-misc/foo-viewer-0.6_alpha3 rdepend sys-libs/libfoo:0/2=",
		"dev-libs/libbar-1.0_p2-r1 rdepend sys-libs/libfoo:0/2=",
	}, dependents); diff != "" {
		t.Errorf("dependents (-want +got):\n%s", diff)
	}
}

func theNextUpdateNeedsRoom(t *testing.T, h *hosttest.Host) {
	free := int64(1 << 20)
	needs := func(jobs int) *history.BuildNeeds {
		return answer(h, func(db audit.Database) (*history.BuildNeeds, error) {
			return history.AuditBuildNeeds(db, []string{"sys-libs/glibc", "sys-libs/libfoo", "app-misc/never-built"}, jobs, history.Room{TmpDir: "/var/tmp/portage", FreeBytes: &free})
		})
	}
	one, two := needs(1), needs(2)
	if one.DirBytes != 1888<<10 || two.DirBytes != (1888+36)<<10 {
		t.Errorf("one at a time %d, two %d", one.DirBytes, two.DirBytes)
	}
	if len(one.Findings) != 1 || one.Findings[0].Code != "build-space-low" {
		t.Errorf("1 MiB is free, yet %+v", one.Findings)
	}
	if diff := cmp.Diff([]string{"app-misc/never-built"}, one.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}
