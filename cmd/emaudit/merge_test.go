package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
)

// TestTheDifferenceIsTheWhole changes a host in every way between two copies of its
// database: a database that merges both has the same facts as one that merges the
// later alone.
func TestTheDifferenceIsTheWhole(t *testing.T) {
	t.Parallel()
	root, dir := filepath.Join(t.TempDir(), "host"), t.TempDir()
	if err := hostarchive.Unpack("../../testdata/hosts/alpha.tar.zst", root); err != nil {
		t.Fatal(err)
	}
	database := func(name string) string { return filepath.Join(dir, name) }
	own := []string{"--root", root, "--host", "alpha", "--db", database("own.db"), "-q"}
	now := "1791138000"
	do := func(args ...string) string {
		t.Helper()
		cmd := emaudit(t, args...)
		cmd.Env = append(cmd.Env, "EMAUDIT_TEST_NOW="+now)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("emaudit %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	do(slices.Concat(own, []string{"ingest"})...)
	do(slices.Concat(own, []string{"pin", "early"})...)
	do("--db", database("own.db"), "export", database("first.db"))
	log, err := os.OpenFile(filepath.Join(root, "var/log/emerge.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = log.WriteString("1791137000: Started emerge on: Oct 04, 2026 18:03:20\n1791137000:  *** emerge --unmerge app-misc/hello\n1791137001:  === Unmerging... (app-misc/hello-2.1)\n1791137002:  >>> unmerge success: app-misc/hello-2.1\n1791137003:  *** exiting successfully.\n1791137003:  *** terminating.\n")
	for _, err := range []error{
		err, log.Close(),
		os.RemoveAll(filepath.Join(root, "var/db/pkg/app-misc/hello-2.1")),
		os.Remove(filepath.Join(root, "var/cache/binpkgs/app-misc/hello/hello-1.1-1.gpkg.tar")),
		os.WriteFile(filepath.Join(root, "var/cache/binpkgs/note"), nil, 0o644),
		os.WriteFile(filepath.Join(root, "etc/portage/package.mask"), []byte("app-misc/warny\n"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	now = "1791138600"
	do(slices.Concat(own, []string{"pin", "--remove", "early"})...)
	do(slices.Concat(own, []string{"verify", "--sample", "5", "--fail-on", "never"})...)
	do("--db", database("own.db"), "export", database("second.db"))
	do("--db", database("both.db"), "merge", database("first.db"))
	if said := do("--db", database("both.db"), "merge", database("second.db"), "--format", "csv"); !strings.Contains(said, "alpha,") || !strings.Contains(said, ",true,0,0") {
		t.Errorf("merge of the second: %s", said)
	}
	do("--db", database("later.db"), "merge", database("second.db"))
	withoutNames := func(facts []string) []string {
		return slices.DeleteFunc(facts, func(row string) bool {
			table, _, _ := strings.Cut(row, " ")
			return slices.Contains([]string{"text", "cp", "cpv", "metadata"}, table)
		})
	}
	want, got := withoutNames(facts(t, database("later.db"))), withoutNames(facts(t, database("both.db")))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-later alone +both)\n%.4000s", diff)
	}
	if said := do("--db", database("both.db"), "merge", database("first.db"), "--format", "csv"); !strings.Contains(said, "alpha,0,false,") {
		t.Errorf("merge of the older one: %s", said)
	}
}
