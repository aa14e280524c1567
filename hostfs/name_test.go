package hostfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"emaudit/hostfs"
)

func TestTheNameOfARootHasNoSymlinks(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	box := filepath.Join(dir, "box")
	if err := os.Mkdir(box, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("box", filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(box, "up")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"box": box, "alias": box, "alias/": box, "box/up/alias": box, "box/up": dir, "/": "/", "/proc/self/root": "/",
	} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		root, err := hostfs.Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if root.Name() != want {
			t.Errorf("%s is named %s, want %s", path, root.Name(), want)
		}
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	}
}
