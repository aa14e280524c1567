package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
)

// TestDocumentsShowWhatIsPrinted runs every "$ emaudit ..." of the console
// blocks in README.md and docs/ against the recorded host, on a page of 80
// columns, and compares what is printed. The commands of one document share a
// database and are run in order. -update rewrites the blocks.
func TestDocumentsShowWhatIsPrinted(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, path := range append(documents, "../../README.md") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			db := filepath.Join(t.TempDir(), "emaudit.db")
			printed := rewriteConsole(string(text), func(command string) string {
				examples++
				return example(t, alpha, db, command)
			})
			if *update {
				if err := os.WriteFile(path, []byte(printed), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(text), printed); diff != "" {
				t.Errorf("what is shown is not what is printed (-shown +printed); go test ./cmd/emaudit -run Documents -update rewrites it:\n%s", diff)
			}
		})
	}
	if examples == 0 {
		t.Error("no example was run")
	}
}

// rewriteConsole replaces what follows each command of the console blocks by
// what run prints.
func rewriteConsole(text string, run func(command string) string) string {
	var b strings.Builder
	inside, skipping := false, false
	for line := range strings.Lines(text) {
		switch {
		case !inside && strings.TrimSpace(line) == "```console":
			inside, skipping = true, false
			b.WriteString(line)
		case inside && strings.HasPrefix(line, "```"):
			inside = false
			b.WriteString(line)
		case inside && strings.HasPrefix(line, "$ emaudit"):
			b.WriteString(line)
			b.WriteString(run(strings.TrimSpace(strings.TrimPrefix(line, "$ emaudit"))))
			skipping = true
		case inside && skipping:
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// example runs one command; its exit code may say that there are findings.
func example(t *testing.T, root, db, arguments string) string {
	t.Helper()
	args := append([]string{"--root", root, "--db", db}, strings.Fields(strings.ReplaceAll(arguments, `"`, ""))...)
	cmd := emaudit(t, args...)
	cmd.Env = append(cmd.Env, "COLUMNS=80", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitFindings) {
		t.Fatalf("emaudit %s: %v\n%s", arguments, err, out)
	}
	return strings.ReplaceAll(string(out), root, "/")
}
