package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
)

// smallHost is a root that a test writes by hand: an emerge.log and a VDB.
type smallHost struct {
	*hosttest.Host
	t    *testing.T
	root string
	log  strings.Builder
	at   int64 // unix seconds
	// counter is the last COUNTER of a package that was installed.
	counter int
}

// begin is when the history of a small host begins: 2026-03-01 10:00:00 UTC.
const begin = 1772359200

func newSmallHost(t *testing.T) *smallHost {
	t.Helper()
	root := t.TempDir()
	return &smallHost{Host: hosttest.New(t, root), t: t, root: root, at: begin}
}

// line writes a line of emerge.log, a second after the one before.
func (h *smallHost) line(format string, args ...any) {
	fmt.Fprintf(&h.log, "%d: %s\n", h.at, fmt.Sprintf(format, args...))
	h.at++
}

// run writes a run. An event is "+a-2" for a merge, "+a-2/a-1" for one that
// replaces a-1, "=a-2" for one of a binary package, "-a-2" for a removal, "!a-2" for
// a merge that fails, and "~a-2" for one that is cut off while it copies files, as
// the run is; "~a-2/a-1" is cut off after a-1 was removed.
func (h *smallHost) run(args string, events ...string) {
	h.line("Started emerge on: %s", time.Unix(h.at, 0).UTC().Format("Jan 02, 2006 15:04:05"))
	h.line(" *** emerge %s", args)
	failed := false
	for i, e := range events {
		cpv, replaced, _ := strings.Cut(e[1:], "/")
		n := fmt.Sprintf("(%d of %d)", i+1, len(events))
		ebuild := fmt.Sprintf("app-misc/%s::/var/db/repos/gentoo/app-misc/%s/%s.ebuild", cpv, cpv, cpv)
		switch e[0] {
		case '-':
			h.line("=== Unmerging... (app-misc/%s)", cpv)
			h.line(" >>> unmerge success: app-misc/%s", cpv)
			continue
		case '!':
			failed = true
		}
		h.line(" >>> emerge %s app-misc/%s to /", n, cpv)
		if e[0] == '=' {
			h.line(" === %s Merging Binary (app-misc/%s::/var/cache/binpkgs/app-misc/%s/%s-1.gpkg.tar)", n, cpv, strings.Split(cpv, "-")[0], cpv)
		} else {
			h.line(" === %s Cleaning (%s)", n, ebuild)
			h.line(" === %s Compiling/Merging (%s)", n, ebuild)
			if e[0] == '!' {
				continue
			}
			h.line(" === %s Merging (%s)", n, ebuild)
		}
		if e == "~"+cpv {
			return
		}
		h.line(" >>> AUTOCLEAN: app-misc/%s:0", strings.Split(cpv, "-")[0])
		if replaced != "" {
			h.line(" === Unmerging... (app-misc/%s)", replaced)
			h.line(" >>> unmerge success: app-misc/%s", replaced)
		}
		if e[0] == '~' {
			return
		}
		h.line(" === %s Post-Build Cleaning (%s)", n, ebuild)
		h.line(" ::: completed emerge %s app-misc/%s to /", n, cpv)
	}
	if failed {
		h.line(" *** exiting unsuccessfully with status '1'.")
	} else {
		h.line(" *** exiting successfully.")
	}
	h.line(" *** terminating.")
}

// ingest writes the log and reads the host.
func (h *smallHost) ingest() {
	h.t.Helper()
	h.write("var/log/emerge.log", h.log.String())
	h.Ingest(h.at)
}

func (h *smallHost) write(name, content string) {
	h.t.Helper()
	file := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// install makes the VDB hold exactly the given packages, as "a-2" or, with its
// BUILD_TIME, "a-2@1772359300". COUNTER is new for each.
func (h *smallHost) install(packages ...string) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.root, "var/db/pkg")); err != nil {
		h.t.Fatal(err)
	}
	for _, p := range packages {
		h.counter++
		pf, built, _ := strings.Cut(p, "@")
		dir := "var/db/pkg/app-misc/" + pf + "/"
		for name, value := range map[string]string{
			"CATEGORY": "app-misc", "PF": pf, "SLOT": "0", "EAPI": "8", "repository": "gentoo", "CONTENTS": "", "USE": "", "IUSE": "",
			"BUILD_TIME": built, "COUNTER": fmt.Sprint(h.counter),
		} {
			if value != "" || name == "CONTENTS" {
				h.write(dir+name, value+"\n")
			}
		}
	}
}

// ask asks a question of what the last ingest stored.
func (h *smallHost) ask(question func(*Past, audit.Database) error) {
	h.t.Helper()
	audittest.Ask(h.Host, h.at, func(db audit.Database) error {
		past, err := TakePast(db)
		if err != nil {
			return err
		}
		return question(past, db)
	})
}

// TestWhichRunsAreOneUpdate holds the rule: a run belongs to the update before it
// where a fact ties it to that, and time alone does not.
func TestWhichRunsAreOneUpdate(t *testing.T) {
	t.Parallel()
	type run struct {
		wait   int64 // seconds since the run before
		args   string
		events string
	}
	const hour, day = 3600, 24 * 3600
	for _, test := range []struct {
		name string
		runs []run
		want [][]int64
	}{
		{"two wishes of one minute", []run{{0, "--update @world", "+a-2/a-1"}, {10, "b", "+b-1"}}, [][]int64{{1}, {2}}},
		{
			"resume, depclean and preserved-rebuild",
			[]run{{0, "--update @world", "+a-2/a-1 !b-2"}, {60, "--resume", "+c-2/c-1"}, {60, "--depclean", "-d-1"}, {60, "@preserved-rebuild", "+c-2/c-2"}},
			[][]int64{{1, 2, 3, 4}},
		},
		{"a resume after a week", []run{{0, "--update @world", "+a-2/a-1 !b-2"}, {7 * day, "--resume", "+b-2/b-1"}}, [][]int64{{1, 2}}},
		{"a resume of what a later run did not touch", []run{{0, "b c", "+b-2/b-1 !c-2"}, {60, "d", "+d-1"}, {60, "--resume", "+c-2/c-1"}}, [][]int64{{1, 2, 3}}},
		{"a resume of nothing that failed", []run{{0, "b", "+b-2/b-1"}, {60, "--resume", "+c-2/c-1"}}, [][]int64{{1}, {2}}},
		{"depclean within a day", []run{{0, "--update @world", "+a-2/a-1"}, {20 * hour, "--depclean", "-d-1"}}, [][]int64{{1, 2}}},
		{"depclean days later", []run{{0, "--update @world", "+a-2/a-1"}, {3 * day, "--depclean", "-d-1"}}, [][]int64{{1}, {2}}},
		{"depclean of a package is a wish", []run{{0, "--update @world", "+a-2/a-1"}, {60, "--depclean d", "-d-1"}}, [][]int64{{1}, {2}}},
		{"a sync in between changes nothing", []run{{0, "--update @world", "+a-2/a-1"}, {60, "--sync", ""}, {60, "--depclean", "-d-1"}}, [][]int64{{1, 3}}},
		{"live packages are rebuilt for their own sake", []run{{0, "--update @world", "+a-2/a-1"}, {60, "@live-rebuild", "+l-9/l-9"}}, [][]int64{{1}, {2}}},
		{"a package that failed is tried again", []run{{0, "--update @world", "+a-2/a-1 !b-2"}, {hour, "--oneshot b", "+b-2/b-1"}}, [][]int64{{1, 2}}},
		{"the same request after a failure", []run{{0, "--update @world", "+a-2/a-1 !b-2"}, {hour, "--update --newuse @world", "+c-2/c-1"}}, [][]int64{{1, 2}}},
		{"the same request after none", []run{{0, "--update @world", "+a-2/a-1"}, {hour, "--update @world", "+c-2/c-1"}}, [][]int64{{1}, {2}}},
		{"a failure that was mended is none", []run{{0, "--update @world", "+a-2/a-1 !b-2"}, {60, "b", "+b-2/b-1"}, {60, "--oneshot b", "+b-2/b-2"}}, [][]int64{{1, 2}, {3}}},
		{"what failed changed nothing", []run{{0, "b", "!b-2"}, {2 * day, "c", "+c-1"}}, [][]int64{{2}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newSmallHost(t)
			for _, r := range test.runs {
				h.at += r.wait
				h.run(r.args, strings.Fields(r.events)...)
			}
			h.ingest()
			h.ask(func(past *Past, _ audit.Database) error {
				var got [][]int64
				for _, u := range past.Updates() {
					got = append([][]int64{u.Runs}, got...)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				return nil
			})
		})
	}
}

// TestRunsAtOnceAreOneUpdate writes two runs whose lines alternate: there is no
// state between them.
func TestRunsAtOnceAreOneUpdate(t *testing.T) {
	t.Parallel()
	h := newSmallHost(t)
	h.run("--update @world", "+a-2/a-1", "+b-2/b-1")
	first := strings.SplitAfter(h.log.String(), "\n")
	h.log.Reset()
	h.run("c", "+c-1")
	second := strings.SplitAfter(h.log.String(), "\n")
	h.log.Reset()
	middle := len(first) / 2
	for _, line := range append(append(append([]string{}, first[:middle]...), second...), first[middle:]...) {
		h.log.WriteString(line)
	}
	h.ingest()
	h.ask(func(past *Past, _ audit.Database) error {
		if u := past.Updates(); len(u) != 1 || len(u[0].Runs) != 2 {
			t.Errorf("%+v", u)
		}
		return nil
	})
}

// TestARunThatChangesNothingIsNoUpdate merges the very build that is installed
// again: Portage counts a merge, and the same builds are installed as before.
func TestARunThatChangesNothingIsNoUpdate(t *testing.T) {
	t.Parallel()
	const one, two = "a-1@1772359000", "a-2@1772359100"
	h := newSmallHost(t)
	h.install(one)
	h.run("a", "=a-1")
	h.ingest()
	for _, step := range []struct{ event, installed string }{{"=a-2/a-1", two}, {"=a-2/a-2", two}, {"=a-2/a-2", two}, {"=a-1/a-2", one}} {
		h.at += 24 * 3600 * 2
		h.install(step.installed)
		h.run("--oneshot --usepkgonly a", step.event)
		h.ingest()
	}
	h.ask(func(past *Past, db audit.Database) error {
		var runs []int64
		for _, u := range past.Updates() {
			runs = append(runs, u.Run)
		}
		if diff := cmp.Diff([]int64{5, 2, 1}, runs); diff != "" {
			t.Errorf("updates: -want +got\n%s", diff)
		}
		if all := past.ChangingRuns(); len(all) != 5 {
			t.Errorf("every run stays addressable: %d", all)
		}
		previous, err := past.At(Moment{Previous: true}, nil, db.Now)
		if err != nil {
			return err
		}
		if *previous.Target.Run != 5 || len(previous.Installations) != 1 || previous.Installations[0].CPV != "app-misc/a-2" {
			t.Errorf("previous: %+v", previous.Target)
		}
		states, err := AuditStates(db)
		if err != nil {
			return err
		}
		same := map[int64]string{}
		for _, r := range states.Rows {
			same[r.Run] = r.SameAs
		}
		if diff := cmp.Diff(map[int64]string{1: "", 2: "now", 5: ""}, same); diff != "" {
			t.Errorf("states that came again: -want +got\n%s", diff)
		}
		return nil
	})
}

// TestUpdatesOfTheRecordedHost names the updates of the recorded host that took
// several runs.
func TestUpdatesOfTheRecordedHost(t *testing.T) {
	t.Parallel()
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		past, err := TakePast(db)
		if err != nil {
			return err
		}
		got := map[int64][]int64{}
		for _, u := range past.Updates() {
			if len(u.Runs) > 1 {
				got[u.Run] = u.Runs
			}
		}
		want := map[int64][]int64{
			18: {18, 19, 20, 21}, // --resume, --resume --skipfirst, and the same request again
			27: {27, 29},         // @preserved-rebuild, which had nothing to do, and -c
			46: {46, 47},         // no binary package of hello-1.0, so another version
			53: {53, 54},         // slowbuild was killed, and is among what is updated then
			55: {55, 56},         // killed, and resumed
			58: {58, 59},         // -C, then -c
			76: {76, 77},         // at once
			79: {79, 80, 81},     // its --resume came after another run
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		return nil
	})
}
