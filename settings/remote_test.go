package settings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/hostfs"
	"emaudit/settings"
)

// TestRemoteIndexes names the folders in which Portage keeps the indexes of binhosts
// (bintree.py, _populate_remote_repo).
func TestRemoteIndexes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"etc/portage/make.conf":     "PORTAGE_BINHOST=\"http://user:secret@old.example.org:8080/../../x86/ file:///srv/pkgs not%zzaurl\"\n",
		"etc/portage/binrepos.conf": "[DEFAULT]\nbase = https://bin.example.org\n[one]\nsync-uri = %(base)s/amd64/\n[two]\npriority = 3\n[three]\nsync-uri = https://three.example.org/\nlocation = /srv/three/\n[same]\nsync-uri = https://bin.example.org/amd64\n",
	} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := hostfs.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := settings.Resolve(r, settings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.RemoteIndexes() {
		got = append(got, x.Dir+" "+x.FetchedTo)
	}
	want := []string{
		"/var/cache/edb/binhost/bin.example.org/amd64 ",
		"/var/cache/edb/binhost/three.example.org /srv/three",
		"/var/cache/edb/binhost/old.example.org/x86 ",
		"/var/cache/edb/binhost/srv/pkgs ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
