package emaudit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakePrograms makes a folder with shell scripts by name, and returns PATH with it.
func fakePrograms(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return "PATH=" + dir + ":" + os.Getenv("PATH")
}

// TestTheHookOfPortageLosesNoMerge lets three merges end while an ingest is at work:
// the second ingest begins after the last of them, and there is no third.
func TestTheHookOfPortageLosesNoMerge(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("not root: the hook does nothing")
	}
	dir := t.TempDir()
	hook, err := os.ReadFile("contrib/portage/bashrc")
	if err != nil {
		t.Fatal(err)
	}
	// The copy keeps its locks here, and does not leave its background jobs, so that
	// the script can wait for them.
	text := strings.NewReplacer("/run/lock", dir, "disown", ":").Replace(string(hook))
	if err := os.WriteFile(filepath.Join(dir, "bashrc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// An ingest ends when the file "end" is there. What has ended before an ingest is
	// what it reads.
	path := fakePrograms(t, map[string]string{
		"sleep": "exit 0\n",
		"emaudit": `echo "ingest after $(cat "$DIR/merged")" >>"$DIR/said"
			until [ -e "$DIR/end" ]; do /bin/sleep 0.01; done` + "\n",
	})
	cmd := exec.Command("bash", "-c", `
		merge() { echo $1 >"$DIR/merged"; EBUILD_PHASE=postinst; source "$DIR/bashrc"; }
		merge first
		until [ -e "$DIR/said" ]; do /bin/sleep 0.01; done
		merge second; merge third; merge fourth
		# One hook waits, the others have left.
		until [ "$(jobs -pr | wc -l)" = 2 ]; do /bin/sleep 0.01; jobs >/dev/null; done
		touch "$DIR/end"
		wait`)
	cmd.Env = append(os.Environ(), path, "DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	said, err := os.ReadFile(filepath.Join(dir, "said"))
	if want := "ingest after first\ningest after fourth\n"; err != nil || string(said) != want {
		t.Errorf("got %q, %v, want %q", said, err, want)
	}
}

// TestPeriodicJobsPrintOnlyWhatIsToBeMailed runs each job with an emaudit that prints
// something and exits with each code.
func TestPeriodicJobsPrintOnlyWhatIsToBeMailed(t *testing.T) {
	t.Parallel()
	mailed := map[string][]int{"hourly": {1, 3}, "daily": {1, 3}, "weekly": {1, 3, 4}}
	for job, codes := range mailed {
		for _, code := range []int{0, 1, 3, 4} {
			cmd := exec.Command("contrib/openrc/emaudit-periodic", job)
			cmd.Env = append(os.Environ(), fakePrograms(t, map[string]string{
				"emaudit": fmt.Sprintf("case $2 in report) exit %d;; esac; echo \"$2 said\"; exit %d\n", code, code),
			}))
			out, err := cmd.CombinedOutput()
			want := false
			for _, c := range codes {
				want = want || c == code
			}
			if got := len(out) > 0; got != want {
				t.Errorf("%s, exit code %d: printed %q", job, code, out)
			}
			if failed := err != nil; failed != (code == 1) {
				t.Errorf("%s, exit code %d: %v", job, code, err)
			}
		}
	}
}

// TestInstallBeforeBuildSaysWhatToDo also holds that nothing was installed by then.
func TestInstallBeforeBuildSaysWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := exec.Command("make", "install", "EMAUDIT="+filepath.Join(dir, "none"), "DESTDIR="+filepath.Join(dir, "installed")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "type make, as yourself, and then make install") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "installed")); !os.IsNotExist(err) {
		t.Errorf("something was installed: %v", err)
	}
}
