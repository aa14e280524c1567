package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/hostarchive"
)

// TestTheShellsComplete lets real shells complete the name of a package and a
// flag.
func TestTheShellsComplete(t *testing.T) {
	if testing.Short() {
		t.Skip("starts shells")
	}
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, "emaudit.db")
	mustRun(t, "--root", hostarchive.Alpha(t), "--db", db, "ingest")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "emaudit")); err != nil {
		t.Fatal(err)
	}
	for shell, script := range map[string]string{
		"bash": `source "$1"
			COMP_WORDS=(emaudit show app-misc/hel); COMP_CWORD=2; _emaudit; echo "${COMPREPLY[@]}"
			COMP_WORDS=(emaudit rollback --fail-on e); COMP_CWORD=3; _emaudit; echo "${COMPREPLY[@]}"`,
		"fish": `source $argv[1]; complete -C "emaudit show app-misc/hel"; complete -C "emaudit rollback --fail-on e"`,
	} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("no %s on this machine: its completion is not tested", shell)
			continue
		}
		file := filepath.Join(dir, shell)
		if err := os.WriteFile(file, mustRun(t, "completion", shell), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "-c", script, file, file)
		if shell == "fish" {
			cmd = exec.Command(path, "--no-config", "-c", script, file)
		}
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "EMAUDIT_DB="+db, "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != "app-misc/hello error" {
			t.Errorf("%s: %v: %q", shell, err, out)
		}
	}
}
