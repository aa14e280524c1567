package rollback

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	image "emaudit/parse/binpkg"
	"emaudit/parse/vdb"
)

// ownedBy reads what a package of a host owns, as the command does.
func ownedBy(h *hosttest.Host, cpv string, each func(string)) bool {
	f, err := os.Open(filepath.Join(h.Root, "var/db/pkg", cpv, "CONTENTS"))
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = vdb.ReadContents(f, func(e vdb.ContentsEntry) error {
		if e.Kind != vdb.Directory {
			each(e.Path)
		}
		return nil
	})
	return err == nil
}

// TestFilesOfAnotherPackage gives a package that stays a file of one that is to
// be put back. Portage aborts such a merge.
func TestFilesOfAnotherPackage(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	host.Verify(hosttest.Now)
	judge := func(o RollbackOptions) (r *Rollback) {
		audittest.Ask(host, hosttest.Now, func(db audit.Database) (err error) {
			r, err = AuditRollback(db, state.Moment{Previous: true}, o)
			return err
		})
		return r
	}
	options := RollbackOptions{Contents: func(cpv string, each func(string)) bool { return ownedBy(host, cpv, each) }}
	if r := judge(options); r.Verdict != Ready {
		t.Fatalf("without a collision it is %s: %v", r.Verdict, r.Findings)
	}
	var files []string
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		r := judge(options)
		names, ok, err := db.Tx.InstanceFiles(r.Changes[0].Chosen.ID)
		if !ok {
			t.Fatal("the names of its files are not stored")
		}
		image.ReadImageNames(names, func(n image.ImageName) {
			if n.Kind == image.ImageFile {
				files = append(files, n.Path)
			}
		})
		return err
	})
	own := map[string]bool{}
	ownedBy(host, "app-misc/warny-0.2", func(file string) { own[file] = true })
	files = slices.DeleteFunc(files, func(file string) bool { return own[file] })
	file := "/usr/share/warny/new"
	if len(files) > 0 {
		file = files[0]
	} else {
		// It has no file that 0.2 does not have: take one away from that.
		for name := range own {
			file = name
			break
		}
		contents := filepath.Join(root, "var/db/pkg/app-misc/warny-0.2/CONTENTS")
		b, err := os.ReadFile(contents)
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for line := range strings.Lines(string(b)) {
			if !strings.Contains(line, " "+file+" ") {
				kept = append(kept, line)
			}
		}
		if err := os.WriteFile(contents, []byte(strings.Join(kept, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(root, "var/db/pkg/app-misc/hello-2.1/CONTENTS")
	f, err := os.OpenFile(other, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("obj " + file + " d41d8cd98f00b204e9800998ecf8427e 1791134000\n"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r := judge(options)
	if r.Verdict != NotReady || !slices.ContainsFunc(r.Risks, func(x Risk) bool {
		return x.Code == "file-collision" && strings.Contains(x.Detail, file) && strings.Contains(x.Detail, "app-misc/hello-2.1")
	}) {
		t.Errorf("%s is owned by hello-2.1 now: %s, risks %v", file, r.Verdict, r.Risks)
	}
	// Nothing is there at that path: nobody can own it.
	options.Present = func(path string) bool { return path == "/bin/sh" }
	if r := judge(options); r.Verdict != Ready {
		t.Errorf("the file is not on the disk: %s, want ready", r.Verdict)
	}
	options = RollbackOptions{Contents: func(string, func(string)) bool { return false }}
	if r := judge(options); r.Verdict != ReadyWithWarnings || len(r.Unknowns) == 0 {
		t.Errorf("CONTENTS cannot be read: %s, unknown %v", r.Verdict, r.Unknowns)
	}
}
