package live

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"emaudit/parse/needs"
)

const someNeeds = `{"schema_version":1,"command":"needs","host":"router","host_id":"","known_until":1,"valid_until":2,"needs":[{"cpv":"a/b-1"}]}`

// TestNeedsFilesAreReadAsFilesOfOthers fills a folder with all that another program
// could leave there.
func TestNeedsFilesAreReadAsFilesOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.json")
	for name, text := range map[string]string{
		"router.json": someNeeds, "site/laptop.json": someNeeds, ".router.json.x7Yq": "half", "README": "hello", "torn.json": someNeeds[:100], "empty.json": "",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		os.WriteFile(outside, []byte(someNeeds), 0o600),
		os.Symlink(outside, filepath.Join(dir, "link.json")),
		os.Symlink("router.json", filepath.Join(dir, "same.json")),
		syscall.Mkfifo(filepath.Join(dir, "fifo.json"), 0o644),
		os.WriteFile(filepath.Join(dir, "huge.json"), nil, 0o644),
		os.Truncate(filepath.Join(dir, "huge.json"), 1<<40),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for f := range NeedsFiles([]string{dir, filepath.Join(dir, "none")}) {
		name, _ := filepath.Rel(dir, f.Path)
		switch {
		case f.Err != nil:
			name += " unread"
		case len(f.Damage) > 0:
			name += " damaged"
		case len(f.List.Builds) != 1:
			name += " without builds"
		}
		got = append(got, name)
	}
	want := []string{"README damaged", "empty.json damaged", "fifo.json unread", "huge.json unread", "link.json unread", "router.json", "same.json", "site/laptop.json", "torn.json damaged", "none unread"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	n := 0
	NeedsFiles([]string{dir, dir})(func(needs.File) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d files after the first no", n)
	}
}
