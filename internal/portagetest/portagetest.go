// Package portagetest runs real Portage in tests that compare results with it. The
// environment variable EMAUDIT_PORTAGE names a checkout of its sources. Without it,
// or without Python, such a test is skipped with the reason.
package portagetest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Checkout returns the folder of the checkout. It skips the test if there is none.
func Checkout(tb testing.TB) string {
	tb.Helper()
	checkout := os.Getenv("EMAUDIT_PORTAGE")
	if checkout == "" {
		tb.Skip("EMAUDIT_PORTAGE does not name a checkout of Portage")
	}
	return checkout
}

// Ask runs a Python script that imports Portage, with the given arguments. It
// decodes the JSON output of the script into answer.
func Ask(tb testing.TB, answer any, script string, args ...string) {
	tb.Helper()
	checkout := Checkout(tb)
	python, err := exec.LookPath("python3")
	if err != nil {
		tb.Skip("no python3 to run Portage with")
	}
	ask := exec.Command(python, append([]string{"-c", script}, args...)...)
	ask.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(checkout, "lib"), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	ask.Stderr = &stderr
	out, err := ask.Output()
	if err != nil {
		tb.Fatalf("portage: %v\n%s", err, stderr.Bytes())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		tb.Fatalf("portage: %v in %.200q", err, out)
	}
}
