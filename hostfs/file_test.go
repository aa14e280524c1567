package hostfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileBelowAFolderIsReachedThroughNoSymlink(t *testing.T) {
	t.Parallel()
	for name, force := range resolvers {
		r := openTree(t, force)
		root, err := r.OpenDir("/")
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		for _, c := range []struct{ rel, want string }{
			{"etc/conf", "conf of the root"},
			{"abs-file", ""},
			{"rel-file", ""},
			{"to-dir/conf", ""},
			{"to-root/etc/conf", ""},
			{"up/inner", ""},
			{"", ""},
			{".", ""},
			{"..", ""},
			{"etc/../etc/conf", ""},
			{"./etc/conf", ""},
			{"/etc/conf", ""},
			{"etc//conf", ""},
			{"etc/conf/", ""},
			{"etc/conf/x", ""},
			{"no/such", ""},
			{"../outside/secret", ""},
		} {
			f, err := root.OpenBelow(c.rel, 99)
			if err != nil {
				if c.want != "" {
					t.Errorf("%s: %q: %v", name, c.rel, err)
				}
				continue
			}
			got, err := io.ReadAll(io.NewSectionReader(f, 0, 99))
			if c.want == "" || string(got) != c.want || err != nil {
				t.Errorf("%s: %q: read %q, %v; want %q", name, c.rel, got, err, c.want)
			}
			f.Close()
		}
		var kind *KindError
		if _, err := root.OpenBelow("fifo", 99); !errors.As(err, &kind) || kind.Kind != FIFO {
			t.Errorf("%s: FIFO: %v", name, err)
		}
		if _, err := root.OpenBelow("no/such", 99); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want %v", name, err, fs.ErrNotExist)
		}
	}
}

func TestAFileSaysWhetherItWasChangedWhileOpen(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	root, err := r.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, err := root.OpenBelow("etc/conf", 99)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || now != f.Entry() {
		t.Errorf("got %+v, %v; want %+v", now, err, f.Entry())
	}
	if err := os.WriteFile(filepath.Join(r.Name(), "etc/conf"), []byte("longer than it was before"), 0o644); err != nil {
		t.Fatal(err)
	}
	if now, err := f.Stat(); err != nil || now == f.Entry() {
		t.Errorf("got %+v, %v, which is what it was", now, err)
	}
	if n, err := f.ReadAt(make([]byte, 99), 20); n != 5 || err != io.EOF {
		t.Errorf("at the end: %d, %v; want 5, %v", n, err, io.EOF)
	}
}
