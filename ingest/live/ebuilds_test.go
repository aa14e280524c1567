package live

import (
	"os"
	"path/filepath"
	"testing"

	"emaudit/hostfs"
	"emaudit/internal/hostarchive"
	"emaudit/settings"
)

func TestEbuildsAreFoundInAnyRepository(t *testing.T) {
	t.Parallel()
	root, err := hostfs.Open(hostarchive.Alpha(t))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	s, err := settings.Resolve(root, settings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ebuilds := OpenEbuilds(root, s)
	defer ebuilds.Close()
	for cpv, want := range map[string]bool{
		"app-misc/hello-2.1":       true,
		"app-misc/hello-2.0_rc1":   false, // was there when it was built
		"app-misc/gone-soon-1.1":   false,
		"app-misc/hello-2.1-r99":   false,
		"no-category/no-package-1": false,
	} {
		for range 2 { // listed, and remembered
			if there, known := ebuilds.Find(cpv); there != want || !known {
				t.Errorf("%s: %t, %t; want %t, true", cpv, there, known, want)
			}
		}
	}
	for _, cpv := range []string{"", "hello", "../../etc-1", "app-misc/../x-1", "/-1"} {
		if there, known := ebuilds.Find(cpv); there || known {
			t.Errorf("%q: %t, %t; want neither", cpv, there, known)
		}
	}
	// What a folder holds that cannot be listed is not known.
	own := hostarchive.AlphaCopy(t)
	root, err = hostfs.Open(own)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	folder := filepath.Join(own, s.Repositories()[0].Location, "app-misc/gone-soon")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unread := OpenEbuilds(root, s)
	defer unread.Close()
	if there, known := unread.Find("app-misc/gone-soon-1.1"); there || known {
		t.Errorf("in a folder that cannot be listed: %t, %t", there, known)
	}
	if there, known := unread.Find("app-misc/hello-2.1"); !there || !known {
		t.Errorf("in another folder: %t, %t", there, known)
	}
	if there, known := (&Ebuilds{}).Find("app-misc/hello-2.1"); there || known {
		t.Errorf("without a repository: %t, %t", there, known)
	}
}
