package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/labtest"
)

// TestARollbackFetchesFromABinhost takes the file away that the last rollback of the
// recorded host needs, and gives the host a binhost that has it. Real Portage carries
// the plan out: where binrepos.conf names the binhost, it keeps what it fetched in a
// folder of the binhost, and where PORTAGE_BINHOST does, in PKGDIR. The plan stops
// before it changes anything where the binhost has another file by then.
func TestARollbackFetchesFromABinhost(t *testing.T) {
	t.Parallel()
	lab := labtest.Open(t)
	binhost := lab.CopyOfAlpha("fetch-binhost")
	client := lab.CopyOfAlpha("fetch-client")
	const cpv, file = "app-misc/warny-0.3", "var/cache/binpkgs/app-misc/warny/warny-0.3-2.gpkg.tar"
	inClient := func(args ...string) (string, error) {
		return lab.Run(append([]string{"run", "fetch-client", "--date", "2026-10-04 18:40", "--bind", filepath.Join(binhost, "var/cache/binpkgs") + "=/srv/binhost"}, args...)...)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	makeConf := filepath.Join(client, "etc/portage/make.conf")
	before, err := os.ReadFile(makeConf)
	if err != nil {
		t.Fatal(err)
	}
	inPkgDir := string(before) + "\nPORTAGE_BINHOST=\"file:///srv/binhost\"\n"
	write(makeConf, inPkgDir)
	if err := os.Remove(filepath.Join(client, file)); err != nil {
		t.Fatal(err)
	}
	// The index comes with any question that looks at binhosts.
	if out, err := inClient("emerge", "--ask=n", "--pretend", "--getbinpkg", "--usepkgonly", "--nodeps", "="+cpv); err != nil {
		t.Fatalf("the index: %v\n%s", err, labtest.Tail(out))
	}
	plan := func() string {
		t.Helper()
		cmd := emaudit(t, "--root", client, "--host", "client", "--db", filepath.Join(t.TempDir(), "client.db"), "rollback", "--format", "sh")
		cmd.Env = append(cmd.Env, "EMAUDIT_TEST_NOW=1791139200")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "--fetchonly") {
			t.Fatalf("no plan that fetches: %v\n%s%s", err, &stderr, out)
		}
		return string(out)
	}
	// Another file of the same build: the plan stops at it.
	kept, err := os.ReadFile(filepath.Join(binhost, file))
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(binhost, file), string(kept[:len(kept)-1])+"x")
	if out, err := inClient("sh", "-c", plan()); err == nil {
		t.Errorf("the plan takes another file\n%s", labtest.Tail(out))
	}
	if lab.Installed("fetch-client")[cpv] != 0 {
		t.Fatal("another file is installed")
	}
	write(filepath.Join(binhost, file), string(kept))
	for _, conf := range []struct{ name, makeConf, binrepos string }{
		{"PORTAGE_BINHOST", inPkgDir, ""},
		{"binrepos.conf", string(before), "[ours]\npriority = 10\nsync-uri = file:///srv/binhost\nverify-signature = false\n"},
	} {
		write(makeConf, conf.makeConf)
		write(filepath.Join(client, "etc/portage/binrepos.conf"), conf.binrepos)
		if err := os.RemoveAll(filepath.Join(client, "var/tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(client, "var/tmp"), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := inClient("sh", "-c", plan()); err != nil {
			t.Errorf("%s: %v\n%s", conf.name, err, labtest.Tail(out))
			continue
		}
		if got := lab.Installed("fetch-client")[cpv]; got != 1789294343 {
			t.Errorf("%s: of %s, the build of %d is installed", conf.name, cpv, got)
		}
		if out, err := inClient("emerge", "--ask=n", "--oneshot", "--nodeps", "-K", "=app-misc/warny-0.2"); err != nil {
			t.Fatalf("back to warny-0.2: %v\n%s", err, labtest.Tail(out))
		}
	}
}
