package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/hostarchive"
)

// TestTheShellsComplete lets real shells complete the name of a package, the
// value of a flag, a run and a pin; bash breaks the words of the latter at ":".
func TestTheShellsComplete(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts shells")
	}
	t.Parallel()
	dir := t.TempDir()
	db := filepath.Join(dir, "emaudit.db")
	mustRun(t, "--root", hostarchive.Alpha(t), "--db", db, "ingest")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, "--root", hostarchive.Alpha(t), "--db", db, "pin", "before-kde")
	if err := os.Symlink(self, filepath.Join(dir, "emaudit")); err != nil {
		t.Fatal(err)
	}
	for shell, script := range map[string]string{
		"bash": `source "$1"
			ask() { COMP_LINE=$1; COMP_POINT=${#1}; COMPREPLY=(); _emaudit; echo "${COMPREPLY[*]}"; }
			ask "emaudit show app-misc/hel"; ask "emaudit rollback --fail-on e"; ask "emaudit runs 83"; ask "emaudit rollback --to bef"
			ask "emaudit rollback --to run:83" | sed s/^/run:/`,
		"fish": `source $argv[1]
			for line in "show app-misc/hel" "rollback --fail-on e" "runs 83" "rollback --to bef" "rollback --to run:83"
				complete -C "emaudit $line" | cut -f1
			end`,
		"zsh": `autoload -Uz compinit; compinit -u -D; source "$1"
			_describe() { print -rl -- "${${(@P)@[-1]}%:*}" }
			for line in "show app-misc/hel" "rollback --fail-on e" "runs 83" "rollback --to bef" "rollback --to run:83"; do
				words=(emaudit ${=line}); CURRENT=$#words; _emaudit
			done | sed 's/\\//; s/:--.*//; s/:pin$//'`,
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
		switch shell {
		case "zsh":
			cmd = exec.Command(path, "-f", "-c", script, "zsh", file)
		case "fish":
			cmd = exec.Command(path, "--no-config", "-c", script, file)
		}
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "EMAUDIT_DB="+db, "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != "app-misc/hello error 83 before-kde run:83" {
			t.Errorf("%s: %v: %q", shell, err, out)
		}
	}
}
