package prune_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit/acceptance"
	"emaudit/audit/cleanup"
	"emaudit/hostfs"
	"emaudit/internal/hosttest"
	"emaudit/prune"
)

// lab runs real Portage on fake hosts; EMAUDIT_LAB is its command, and LAB its
// folder, in which the recorded host alpha is restored. docs/prune-proof.md
// tells what it is and what came out.
type lab struct{ command, dir, host string }

func openLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{command: os.Getenv("EMAUDIT_LAB"), dir: os.Getenv("LAB"), host: fmt.Sprintf("prune-test-%d", os.Getpid())}
	if l.command == "" || l.dir == "" {
		t.Skip("EMAUDIT_LAB and LAB do not name a lab with real Portage: see docs/prune-proof.md")
	}
	l.run(t, "copy", "alpha", l.host)
	t.Cleanup(func() { l.run(t, "remove", l.host) })
	return l
}

func (l *lab) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(l.command, args...).CombinedOutput()
	if err != nil && args[0] != "run" {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// complaints is what emaint has to say, line by line.
func (l *lab) complaints(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for line := range strings.Lines(l.run(t, "run", l.host, "emaint", "--check", "binhost")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "'") || strings.Contains(line, "index") {
			all[line] = true
		}
	}
	return all
}

func (l *lab) root() string { return filepath.Join(l.dir, "hosts", l.host) }

// Real Portage has nothing new to say after a prune, sees the packages that
// stay, merges one of them, and has everything back after the undo.
func TestPortageAgreesWithWhatIsLeft(t *testing.T) {
	l := openLab(t)
	top := filepath.Join(l.root(), pkgdir)
	h := hosttest.New(t, l.root())
	now := int64(hosttest.Now + 2*day)
	h.Ingest(now)
	policy := cleanup.PrunePolicy{KeepStates: cleanup.DefaultKeepStates, KeepDays: cleanup.DefaultKeepDays}
	facts := cleanup.PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }}
	said, before := l.complaints(t), promised(t, h, now, policy)
	if len(said) == 0 {
		t.Error("emaint has nothing to say of alpha as it is: is this alpha?")
	}
	was := listing(t, top)
	root, err := hostfs.Open(l.root())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	p, err := prune.Open(root, pkgdir, prune.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	apply := func() {
		t.Helper()
		h.Ingest(now)
		result, err := p.Apply(context.Background(), planOf(h, now, policy, facts).Candidates, prune.ApplyOptions{})
		if err != nil || result.Files < 50 {
			t.Fatalf("%+v, %v", result, err)
		}
	}
	undo := func() map[string]string {
		t.Helper()
		if _, err := p.Undo(context.Background(), ""); err != nil {
			t.Fatal(err)
		}
		return listing(t, top)
	}

	apply()
	if diff := cmp.Diff(was, undo()); diff != "" {
		t.Errorf("undone at once (-before +after):\n%s", diff)
	}

	apply()
	for line := range l.complaints(t) {
		if !said[line] {
			t.Errorf("emaint is not content: %s", line)
		}
	}
	h.Ingest(now)
	if diff := cmp.Diff(before, promised(t, h, now, policy)); diff != "" {
		t.Errorf("promises (-before +after):\n%s", diff)
	}
	seen := l.run(t, "run", l.host, "emerge", "--ask=n", "--color=n", "-pK", "=app-misc/warny-0.3-2")
	if !strings.Contains(seen, "app-misc/warny-0.3-2") {
		t.Errorf("Portage does not see what a kept state needs:\n%s", seen)
	}
	lost := l.run(t, "run", l.host, "emerge", "--ask=n", "--color=n", "-pK", "=sys-libs/libfoo-1.0")
	if !strings.Contains(lost, "no binary packages") {
		t.Errorf("Portage sees what is gone:\n%s", lost)
	}
	back := undo()
	// Portage's lock file came and went since: the time of PKGDIR itself is
	// that of then.
	was["."], back["."] = "", ""
	if diff := cmp.Diff(was, back); diff != "" {
		t.Errorf("undone after Portage was there (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(said, l.complaints(t)); diff != "" {
		t.Errorf("emaint (-before +after):\n%s", diff)
	}

	// A package is built in between: the undo adds to the index that Portage
	// has written.
	apply()
	l.run(t, "run", l.host, "emerge", "--ask=n", "--oneshot", "--usepkg=n", "--buildpkg", "app-misc/hello")
	undo()
	after := l.complaints(t)
	for line := range after {
		if !said[line] {
			t.Errorf("emaint is not content after a build and an undo: %s", line)
		}
	}
}

// A prune waits for, or gives way to, Portage's own lock.
func TestPortagesLockIsTheSame(t *testing.T) {
	l := openLab(t)
	root, err := hostfs.Open(l.root())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	p, err := prune.Open(root, pkgdir, prune.Options{Now: hosttest.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	// hold waits for the lock, unless it is told not to, and says what it got.
	program := `
import os, portage, sys
from portage.exception import TryAgain
from portage.locks import lockfile, unlockfile
try:
    lock = lockfile("/mnt/pkgs/Packages", wantnewlockfile=1, flags=os.O_NONBLOCK if "now" in sys.argv else 0)
except TryAgain:
    print("refused", flush=True)
    sys.exit()
print("locked", flush=True)
sys.stdin.readline()
unlockfile(lock)
`
	script := filepath.Join(l.root(), "var/tmp/hold.py")
	if err := os.MkdirAll(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	// A host of the lab is an overlay, in which a lock is on another inode than
	// outside: PKGDIR is bound into it.
	bind := filepath.Join(l.root(), pkgdir) + "=/mnt/pkgs"
	hold := func(args ...string) *exec.Cmd {
		return exec.Command(l.command, append([]string{"run", l.host, "--bind", bind, "--stdin", "env", "PYTHONPATH=/usr/lib/portage-lab/lib", "python3", "-B", "/var/tmp/hold.py"}, args...)...)
	}

	// While a prune has it, Portage does not get it; and gets it afterwards,
	// although the file that it waits with is unlinked then.
	waiting := hold()
	stdout, err := waiting.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Apply(context.Background(), nil, prune.ApplyOptions{Still: func(context.Context) (map[string]bool, error) {
		if out, err := hold("now").CombinedOutput(); err != nil || !strings.Contains(string(out), "refused") {
			t.Errorf("while a prune has the lock, Portage said %q, %v", out, err)
		}
		return nil, waiting.Start()
	}})
	if err != nil {
		t.Fatal(err)
	}
	if said, _ := io.ReadAll(stdout); !strings.Contains(string(said), "locked") {
		t.Errorf("after the prune, Portage said %q", said)
	}
	if err := waiting.Wait(); err != nil {
		t.Error(err)
	}

	cmd := hold()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, _ := stdout.Read(buf)
	if !strings.Contains(string(buf[:n]), "locked") {
		t.Fatalf("Portage said %q", buf[:n])
	}
	if _, err := p.Recover(context.Background()); err == nil {
		t.Error("the lock that Portage holds was taken")
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Recover(context.Background()); err != nil {
		t.Errorf("after Portage let go: %v", err)
	}
}

// Real Portage adds packages (bintree.inject, by quickpkg) and mends the index
// (emaint --fix binhost) while files go and come back. In the end every package is
// there with its entry, and emaint is content.
func TestPortageAddsAndMendsMeanwhile(t *testing.T) {
	l := openLab(t)
	top := filepath.Join(l.root(), pkgdir)
	bind := top + "=/mnt/pkgs"
	portage := func(words ...string) (string, error) {
		out, err := exec.Command(l.command, append([]string{"run", l.host, "--bind", bind, "PKGDIR=/mnt/pkgs"}, words...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := portage("emaint", "--fix", "binhost"); err != nil {
		t.Logf("emaint at the beginning: %v\n%s", err, out)
	}
	root, err := hostfs.Open(l.root())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	h := hosttest.New(t, l.root())
	now := int64(hosttest.Now + 2*day)
	h.Ingest(now)
	policy := cleanup.PrunePolicy{KeepStates: cleanup.DefaultKeepStates, KeepDays: cleanup.DefaultKeepDays}
	facts := cleanup.PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }}
	candidates := planOf(h, now, policy, facts).Candidates
	p, err := prune.Open(root, pkgdir, prune.Options{Now: now, LockWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	before := listing(t, top)

	const times = 6
	ended := make(chan error)
	var died atomic.Int32
	loop := func(words ...string) {
		var err error
		for range times {
			out, failed := portage(words...)
			// emaint first looks at every file without the lock, and dies where
			// one goes meanwhile, whoever takes it; it has changed nothing then.
			unlocked := strings.Contains(out, "bintree._populate_local(reindex=True)") && strings.Contains(out, "FileNotFoundError")
			if unlocked {
				died.Add(1)
			} else if failed != nil && words[0] == "quickpkg" || strings.Contains(out, "Traceback") {
				err = fmt.Errorf("%q: %v\n%s", words, failed, out)
			}
		}
		ended <- err
	}
	go loop("quickpkg", "--include-config=y", "app-misc/hello")
	go loop("emaint", "--fix", "binhost")
	rounds := 0
	for running := 2; running > 0; rounds++ {
		result, err := p.Apply(context.Background(), candidates, prune.ApplyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if result.Journal != "" {
			if _, err := p.Undo(context.Background(), result.Journal); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			running--
		default:
		}
	}
	t.Logf("%d rounds; emaint died %d times of %d before it had the lock", rounds, died.Load(), times)
	after := listing(t, top)
	for name := range before {
		if _, ok := after[name]; !ok {
			t.Errorf("%s is lost", name)
		}
	}
	added := 0
	for name := range after {
		if _, ok := before[name]; !ok && strings.HasPrefix(name, "app-misc/hello/") && strings.HasSuffix(name, ".gpkg.tar") {
			added++
		}
	}
	if added != times {
		t.Errorf("%d packages were added, want %d", added, times)
	}
	if out, err := portage("emaint", "--check", "binhost"); err != nil || strings.Contains(out, "is not") {
		t.Errorf("emaint in the end: %v\n%s", err, out)
	}
}
