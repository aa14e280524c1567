package rollback_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/internal/labtest"
)

// TestCollisionsStopPortage gives a package that stays a file of the one that
// the last run's way back merges. emaudit must not call that ready, and Portage
// must stop at it, with the plan that was ready before.
func TestCollisionsStopPortage(t *testing.T) {
	t.Parallel()
	l := &prover{labtest.Open(t)}
	const name = "collision"
	root := l.CopyOfAlpha(name)
	verdict := l.judge(root, 83)
	if verdict.Verdict != rollback.Ready || len(verdict.Changes) != 1 {
		t.Fatalf("without a collision: %s, %d changes", verdict.Verdict, len(verdict.Changes))
	}
	// What the installed version owns as well is no collision: one file is taken
	// away from it, and given to another package.
	var files []string
	contentsOf(root)(*verdict.Changes[0].From, func(file string) { files = append(files, file) })
	if len(files) == 0 {
		t.Fatalf("%s owns nothing", *verdict.Changes[0].From)
	}
	file := slices.Min(files)
	dropFromContents(t, filepath.Join(root, "var/db/pkg", *verdict.Changes[0].From, "CONTENTS"), file)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, file), []byte("of hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	contents, err := os.OpenFile(filepath.Join(root, "var/db/pkg/app-misc/hello-2.1/CONTENTS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(contents, "obj %s d41d8cd98f00b204e9800998ecf8427e 1791134000\n", file); err != nil {
		t.Fatal(err)
	}
	if err := contents.Close(); err != nil {
		t.Fatal(err)
	}
	after := l.judge(root, 83)
	if after.Verdict != rollback.NotReady || !slices.ContainsFunc(after.Risks, func(r rollback.Risk) bool { return r.Code == "file-collision" && strings.Contains(r.Detail, file) }) {
		t.Errorf("%s is owned by app-misc/hello-2.1: %s, risks %v", file, after.Verdict, after.Risks)
	}
	output, err := l.Run("run", name, "bash", "-c", "set -eu\n"+strings.Join(audit.Lines(verdict.Plan), "\n"))
	if err == nil || !strings.Contains(output, "Detected file collision") {
		t.Errorf("Portage does not mind that %s is owned by app-misc/hello-2.1: %v\n%s", file, err, labtest.Tail(output))
	}
}

// dropFromContents takes a file away from an installed package.
func dropFromContents(t *testing.T, contents, file string) {
	t.Helper()
	text, err := os.ReadFile(contents)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, " "+file+" ") {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(contents, []byte(kept.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// buildIDAtom is an atom with a build id, as plans have it.
var buildIDAtom = regexp.MustCompile(`"?=([a-z0-9-]+/[^" ]+)-([0-9]+)"?`)

// TestAtomsMeanTheirFiles asks Portage for every atom with a build id that a
// plan of any run has, one by one: it must find that version and that build.
func TestAtomsMeanTheirFiles(t *testing.T) {
	t.Parallel()
	l := &prover{labtest.Open(t)}
	const name = "atoms"
	root := l.CopyOfAlpha(name)
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	host.Verify(hosttest.Now)
	atoms := map[string]bool{}
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		all, err := rollback.AuditRollbacks(db, 0, rollback.RollbackOptions{Contents: contentsOf(root)})
		for _, r := range all {
			for _, command := range audit.Lines(r.Plan) {
				if strings.HasPrefix(command, "emerge ") && strings.Contains(command, "--usepkgonly") {
					for _, m := range buildIDAtom.FindAllStringSubmatch(command, -1) {
						atoms["="+m[1]+"-"+m[2]] = true
					}
				}
			}
		}
		return err
	})
	if len(atoms) < 10 {
		t.Fatalf("the plans of all runs have %d atoms", len(atoms))
	}
	list := slices.Sorted(maps.Keys(atoms))
	script := `for atom; do echo "atom $atom"; emerge --ask=n --color=n --pretend --oneshot --usepkgonly --rebuilt-binaries=n --nodeps "$atom"; done`
	out, err := l.Run(append([]string{"run", name, "bash", "-c", script, "bash"}, list...)...)
	if err != nil {
		t.Errorf("Portage cannot find all: %v", err)
	}
	found := map[string]string{}
	atom := ""
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "atom "); ok {
			atom = rest
		} else if strings.HasPrefix(line, "[binary ") {
			_, what, _ := strings.Cut(line, "] ")
			// Then come the repository, and what is installed.
			found[atom], _, _ = strings.Cut(strings.TrimSpace(what), " ")
			found[atom], _, _ = strings.Cut(found[atom], "::")
		}
	}
	for _, atom := range list {
		if "="+found[atom] != atom {
			t.Errorf("%s means %q to Portage", atom, found[atom])
		}
	}
	t.Logf("%d atoms", len(list))
}
