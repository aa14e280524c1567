package rollback_test

import (
	"encoding/json"
	"io/fs"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/rollback"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/parse/vdb"
	"emaudit/store"
	"emaudit/store/inventory"
)

// fullDisk has every file that a package owns, and a folder for each.
type fullDisk struct {
	files map[string]vdb.ContentsEntry
	names map[string][]string
}

func (d fullDisk) Lstat(name string) (mode fs.FileMode, mtime int64, found bool) {
	if _, ok := d.names[name]; ok {
		return fs.ModeDir, 0, true
	}
	e, ok := d.files[name]
	if e.Kind == vdb.Symlink {
		mode = fs.ModeSymlink
	}
	return mode, e.MTime, ok
}

func (d fullDisk) Real(folder string) string {
	if _, ok := d.names[folder]; ok {
		return folder
	}
	return ""
}

func (d fullDisk) Names(folder string) ([]string, bool) {
	names, ok := d.names[folder]
	return names, ok
}

// TestAVerdictFromRecordedAnswersIsTheOneOfTheDisk: what was recorded of the last
// updates is enough for them, and what was not asked is not made up.
func TestAVerdictFromRecordedAnswersIsTheOneOfTheDisk(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	h.Verify(hosttest.Now) // images, whose files are looked for on the disk
	contents := contentsOf(h.Root)
	disk := fullDisk{map[string]vdb.ContentsEntry{}, map[string][]string{}}
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		installed, err := inventory.ReadInstalled(db.Tx, db.Host)
		for _, row := range installed {
			contents(row.CPV, func(e vdb.ContentsEntry) {
				if e.Kind != vdb.Directory {
					disk.files[e.Path] = e
				}
				for name := e.Path; name != "/" && name != "."; name = path.Dir(name) {
					disk.names[path.Dir(name)] = append(disk.names[path.Dir(name)], path.Base(name))
				}
			})
		}
		return err
	})
	options := rollback.Options{
		Contents: contents, Disk: disk, KernelRelease: "6.12.1", Space: []audit.Space{{Path: "/var/tmp", Role: "tmp", Free: 1 << 20, Total: 1 << 30}},
		Changed: func(e vdb.ContentsEntry) (bool, bool) { return len(e.Path)%2 == 0, len(e.Path)%3 != 0 },
		Ebuild:  func(cpv string) acceptance.EbuildState { return acceptance.EbuildState(len(cpv) % 3) },
	}
	const last = 20
	answers := func(db audit.Database, o rollback.Options) string {
		all, err := rollback.AuditRollbacks(db, last, o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	recorder := rollback.NewRecorder(options)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		verdicts, err := rollback.AuditRollbacks(db, last, recorder.Options())
		if err != nil {
			return err
		}
		facts := recorder.Facts(verdicts)
		if len(facts) < 100 {
			t.Errorf("%d answers of the disk were recorded", len(facts))
		}
		err = h.DB.Update(t.Context(), func(tx *store.Tx) error { return inventory.ReplaceDiskFacts(tx, h.ID, facts) })
		if err != nil {
			return err
		}
		want := answers(db, options)
		if want == answers(db, rollback.WithoutDisk()) {
			t.Error("the disk makes no difference, so that this test shows nothing")
		}
		err = h.DB.View(t.Context(), func(tx *store.Tx) (err error) {
			facts, err = inventory.DiskFacts(tx, h.ID)
			return err
		})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, answers(db, rollback.RecordedDisk(facts))); diff != "" {
			t.Errorf("(-disk +recorded):\n%s", diff)
		}
		got, err := rollback.AuditPackage(db, "app-misc/hello", "", rollback.RecordedDisk(facts[:1]))
		if err != nil {
			return err
		}
		blind, err := rollback.AuditPackage(db, "app-misc/hello", "", rollback.WithoutDisk())
		if diff := cmp.Diff(blind.Verdict, got.Verdict); diff != "" {
			t.Errorf("what was not recorded makes a difference:\n%s", diff)
		}
		return err
	})
}
