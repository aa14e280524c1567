package ldconf

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cacheOf is an ld.so.cache with some libraries.
func cacheOf(paths ...string) []byte {
	b := append([]byte(cacheMagic), make([]byte, cacheHeader-len(cacheMagic)+cacheEntry*len(paths))...)
	binary.LittleEndian.PutUint32(b[cacheCount:], uint32(len(paths)))
	for i, p := range paths {
		binary.LittleEndian.PutUint32(b[cacheHeader+i*cacheEntry+cacheValue:], uint32(len(b)))
		b = append(append(b, p...), 0)
	}
	return b
}

func TestCacheFolders(t *testing.T) {
	t.Parallel()
	whole := cacheOf("/usr/lib64/libb.so.1", "/usr/lib64/liba.so.1", "/lib/x86_64-linux-gnu/libc.so.6", "relative/libx.so")
	want := []string{"/usr/lib64", "/lib/x86_64-linux-gnu"}
	for _, test := range []struct {
		name string
		b    []byte
		want []string
		ok   bool
	}{
		{"whole", whole, want, true},
		{"behind the old form", append([]byte("ld.so-1.7.0\x00\x00\x00\x00\x00"), whole...), want, true},
		{"cut in the strings", whole[:len(whole)-40], want[:1], true},
		{"cut in the header", whole[:cacheHeader-1], nil, false},
		{"no cache", []byte("text"), nil, false},
		{"empty", nil, nil, false},
	} {
		got, ok := CacheFolders(test.b)
		if diff := cmp.Diff(test.want, got); diff != "" || ok != test.ok {
			t.Errorf("%s: %v (-want +got)\n%s", test.name, ok, diff)
		}
	}
}

// ldconfig knows what the cache of this machine has.
func TestCacheFoldersOfThisMachine(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("/etc/ld.so.cache")
	if err != nil {
		t.Skip("this machine has no ld.so.cache")
	}
	ldconfig, err := exec.LookPath("ldconfig")
	if err != nil {
		ldconfig = "/sbin/ldconfig"
	}
	out, err := exec.Command(ldconfig, "-p").Output()
	if err != nil {
		t.Skipf("ldconfig -p: %v", err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), " => "); ok && !slices.Contains(want, path.Dir(name)) {
			want = append(want, path.Dir(name))
		}
	}
	got, ok := CacheFolders(b)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v (-ldconfig +got)\n%s", ok, diff)
	}
}

func FuzzCacheFolders(f *testing.F) {
	f.Add(cacheOf("/usr/lib64/liba.so.1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		folders, ok := CacheFolders(b)
		if !ok && folders != nil {
			t.Error("what is no cache has folders")
		}
		for _, folder := range folders {
			if !filepath.IsAbs(folder) || filepath.Clean(folder) != folder {
				t.Errorf("%q is no absolute path", folder)
			}
		}
	})
}
