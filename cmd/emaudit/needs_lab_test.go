package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/labtest"
)

// TestAClientGetsWhatItNeedsAfterAPrune lets real Portage install an old version on a
// client from a binhost, prunes the binhost with the needs of the client, and lets
// Portage install it anew. Without these needs, the prune takes the package.
func TestAClientGetsWhatItNeedsAfterAPrune(t *testing.T) {
	t.Parallel()
	lab := labtest.Open(t)
	binhost, client := lab.CopyOfAlpha("needs-binhost"), lab.CopyOfAlpha("needs-client")
	const cpv, file = "www-servers/tinyd-1.26.1-r2", "var/cache/binpkgs/www-servers/tinyd/tinyd-1.26.1-r2-1.gpkg.tar"
	for _, err := range []error{
		os.RemoveAll(filepath.Join(client, "var/cache/binpkgs")),
		os.WriteFile(filepath.Join(client, "etc/portage/binrepos.conf"), []byte("[ours]\npriority = 10\nsync-uri = file:///srv/binhost\nverify-signature = false\n"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	install := func() (string, error) {
		return lab.Run("run", "needs-client", "--date", "2026-10-04 18:40", "--bind", filepath.Join(binhost, "var/cache/binpkgs")+"=/srv/binhost",
			"emerge", "--ask=n", "--oneshot", "--nodeps", "-gK", "="+cpv)
	}
	if out, err := install(); err != nil {
		t.Fatalf("first install: %v\n%s", err, labtest.Tail(out))
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "needs"), 0o755); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		cmd := emaudit(t, args...)
		cmd.Env = append(cmd.Env, "EMAUDIT_TEST_NOW=1791200000")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("emaudit %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	do("--root", client, "--host", "client", "--db", filepath.Join(dir, "client.db"), "needs", "--format", "json", "--output", filepath.Join(dir, "needs", "client.json"))
	prune := []string{"--root", binhost, "--host", "binhost", "--db", filepath.Join(dir, "binhost.db"), "prune", "--keep-states", "1", "--keep-days", "0"}
	if said := do(append(prune, "--explain", "="+cpv)...); !strings.Contains(said, "can go") {
		t.Fatalf("without the needs of the client it would stay:\n%s", said)
	}
	do(append(prune, "--needs", filepath.Join(dir, "needs"), "--apply", "--yes")...)
	if _, err := os.Stat(filepath.Join(binhost, file)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(binhost, "var/cache/binpkgs/www-servers/tinyd/tinyd-1.26.1-1.gpkg.tar")); err == nil {
		t.Error("nothing was pruned")
	}
	for _, fetched := range []string{"var/cache/binpkgs", "var/cache/binhost", "var/cache/edb/binhost"} {
		if err := os.RemoveAll(filepath.Join(client, fetched)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := install(); err != nil {
		t.Errorf("after the prune: %v\n%s", err, labtest.Tail(out))
	}
}
