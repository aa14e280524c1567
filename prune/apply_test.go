package prune

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit/cleanup"
	"emaudit/parse/pkgindex"
)

func TestApplyTakesFilesAndEntriesAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	before := d.snapshot()
	p := d.open(nil)
	result, err := p.Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := Result{PkgDir: d.path, Journal: "20261004T182000Z", Quarantine: "/var/cache/binpkgs/.emaudit-quarantine", Why: "only its owner and root can rename what lies in PKGDIR", Files: 3, Entries: 2, Skipped: []cleanup.PruneSkip{}, Recovered: []Restored{}}
	want.Size = result.Size
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	kept := []string{somePaths[1], somePaths[2]}
	if diff := cmp.Diff(kept, d.binpkgs()); diff != "" {
		t.Errorf("binary packages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(kept, d.index()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	after := d.snapshot()
	for _, name := range kept {
		if after[name] != before[name] {
			t.Errorf("%s changed: %s", name, after[name])
		}
	}
	for _, name := range indexNames {
		info, err := os.Stat(filepath.Join(d.top, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.ModTime() != time.Unix(testNow, 0) {
			t.Errorf("%s: mtime %v, want TIMESTAMP", name, info.ModTime().UTC())
		}
		if mode, _, _ := strings.Cut(before[name], " "); info.Mode().String() != mode {
			t.Errorf("%s: mode %v, want %s", name, info.Mode(), mode)
		}
	}
	if _, err := os.Stat(filepath.Join(d.top, lockName)); !os.IsNotExist(err) {
		t.Errorf("the lock file stays: %v", err)
	}
}

func TestUndoBringsBackEveryBitAndTime(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	before := d.snapshot()
	if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	restored, err := d.open(nil).Undo(background, "")
	if err != nil {
		t.Fatal(err)
	}
	if restored.Files != 3 || !restored.whole() {
		t.Errorf("restored %+v", restored)
	}
	if diff := cmp.Diff(before, d.snapshot()); diff != "" {
		t.Errorf("PKGDIR (-before +after):\n%s", diff)
	}
	if _, err := d.open(nil).Undo(background, ""); !errors.Is(err, ErrNoJournal) {
		t.Errorf("a second undo: %v, want %v", err, ErrNoJournal)
	}
}

// Several journals are undone in any order; the files and the entries are all
// back in the end.
func TestJournalsAreUndoneInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		paths := randomPaths(r, 12)
		d := newTestDir(t, paths...)
		before := d.snapshot()
		var ids []string
		rest := slices.Clone(paths)
		for range 3 {
			r.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			n := r.IntN(5)
			result, err := d.open(nil).Apply(background, d.candidates(rest[:n]...), ApplyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if result.Journal != "" {
				ids = append(ids, result.Journal)
			}
			rest = rest[n:]
		}
		lastFirst := seed%2 == 0
		if lastFirst {
			slices.Reverse(ids)
		} else {
			r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		}
		for _, id := range ids {
			if _, err := d.open(nil).Undo(background, id); err != nil {
				t.Fatal(err)
			}
			d.indexIsHonest(id)
		}
		if lastFirst {
			if diff := cmp.Diff(before, d.snapshot()); diff != "" {
				t.Fatalf("seed %d: PKGDIR (-before +after):\n%s", seed, diff)
			}
			continue
		}
		slices.Sort(paths)
		if diff := cmp.Diff(paths, d.index()); diff != "" {
			t.Fatalf("seed %d: index (-want +got):\n%s", seed, diff)
		}
		after := d.snapshot()
		for _, p := range paths {
			if after[p] != before[p] {
				t.Errorf("seed %d: %s: %s, want %s", seed, p, after[p], before[p])
			}
		}
	}
}

func TestUndoAddsEntriesToAnIndexThatWasWrittenSince(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	// Portage packs something: another entry, another time, another header.
	added := "app-misc/new/new-1-1.gpkg.tar"
	d.write(added, "content of "+added+" ", testNow*1e9)
	name := filepath.Join(d.top, "Packages")
	text, err := os.ReadFile(name)
	d.check(err)
	index, _ := pkgindex.Parse(text)
	var e pkgindex.Entry
	e.Fields.Set("CPV", "app-misc/new-1")
	e.Fields.Set("PATH", added)
	index.Entries = append(index.Entries, e)
	index.Header.Set("PACKAGES", fmt.Sprint(len(index.Entries)))
	index.Header.Set("CHOST", "i686-pc-linux-gnu")
	var out strings.Builder
	d.check(pkgindex.Write(&out, index))
	d.check(os.WriteFile(name, []byte(out.String()), 0o640))

	if _, err := d.open(nil).Undo(background, ""); err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(somePaths[:4]), added)
	slices.Sort(want)
	if diff := cmp.Diff(want, d.index()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	text, err = os.ReadFile(name)
	d.check(err)
	index, _ = pkgindex.Parse(text)
	for i := range index.Entries {
		if e := &index.Entries[i]; e.Path == somePaths[0] && e.CHOST != "x86_64-pc-linux-gnu" {
			t.Errorf("%s: CHOST %s, want that of the header of then", e.CPV, e.CHOST)
		}
	}
	zipped, err := os.Open(filepath.Join(d.top, "Packages.gz"))
	d.check(err)
	defer zipped.Close()
	unzipped, err := gzip.NewReader(zipped)
	d.check(err)
	text, err = io.ReadAll(unzipped)
	d.check(err)
	twin, _ := pkgindex.Parse(text)
	if diff := cmp.Diff(index, twin); diff != "" {
		t.Errorf("Packages.gz differs:\n%s", diff)
	}
}

// Somebody may have built the same package under the same name meanwhile.
func TestUndoLeavesAloneWhatTookThePlace(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	d.write(somePaths[0], "another build", testNow*1e9)
	d.check(os.RemoveAll(filepath.Join(d.top, "dev-libs")))
	restored, err := d.open(nil).Undo(background, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{somePaths[0]}, restored.Conflicts); diff != "" || restored.Files != 2 {
		t.Errorf("restored %+v", restored)
	}
	d.noneLost(somePaths, "undo")
	if got, _ := os.ReadFile(filepath.Join(d.top, somePaths[0])); string(got) != "another build" {
		t.Errorf("the other build was overwritten: %q", got)
	}
	// When the place is free, the rest comes back too.
	d.check(os.Remove(filepath.Join(d.top, somePaths[0])))
	if restored, err = d.open(nil).Undo(background, ""); err != nil || restored.Files != 1 || !restored.whole() {
		t.Errorf("restored %+v, %v", restored, err)
	}
	if diff := cmp.Diff(somePaths[:4], d.index()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
}

func TestWhatIsNotWhatWasPlannedStays(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	candidates := d.candidates(append(someGone, somePaths[1], somePaths[2], "gone/x/x-1-1.gpkg.tar")...)
	candidates = append(candidates, d.candidates("../../../etc/passwd", "/etc/passwd", ".", Quarantine+"/1")...)
	candidates[5].EntryOnly = false
	d.check(os.Remove(filepath.Join(d.top, somePaths[0])))      // vanished
	d.write(somePaths[3], "another content", 1780000003e9+3003) // replaced, same mtime
	link := filepath.Join(d.top, somePaths[1])
	d.check(os.Rename(link, link+".moved"))
	d.check(os.Symlink(filepath.Base(link)+".moved", link)) // a symlink to the very file
	d.check(os.Rename(filepath.Join(d.top, "app-misc/other"), filepath.Join(d.top, "elsewhere")))
	d.check(os.Symlink("../elsewhere", filepath.Join(d.top, "app-misc/other"))) // a folder behind a symlink
	result, err := d.open(nil).Apply(background, candidates, ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range result.Skipped {
		got[s.Path] = s.Reason
	}
	want := map[string]string{
		somePaths[0]:            "it is gone already",
		somePaths[1]:            "it is a symlink by now",
		somePaths[2]:            "its folder is not one any more",
		somePaths[3]:            "it is another file by now",
		"gone/x/x-1-1.gpkg.tar": "it is gone already",
		"../../../etc/passwd":   "not a path below PKGDIR",
		"/etc/passwd":           "not a path below PKGDIR",
		".":                     "not a path below PKGDIR",
		Quarantine + "/1":       "not a path below PKGDIR",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if result.Files != 1 || result.Entries != 0 {
		t.Errorf("%d files and %d entries went, want 1 and 0", result.Files, result.Entries)
	}
}

func TestWhatIsNeededByNowStays(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	still := func(context.Context) (map[string]bool, error) { return map[string]bool{somePaths[0]: true}, nil }
	result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{Still: still})
	if err != nil {
		t.Fatal(err)
	}
	if result.Files != 1 || len(result.Skipped) != 2 {
		t.Errorf("%+v", result)
	}
}

func TestEntriesWithoutAFileGoAlone(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	d.check(os.Remove(filepath.Join(d.top, somePaths[0])))
	d.ageFolders()
	before := d.snapshot()
	result, err := d.open(nil).Apply(background, d.candidates(somePaths[0]), ApplyOptions{})
	if err != nil || result.Files != 0 || result.Entries != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	if diff := cmp.Diff(somePaths[1:4], d.index()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	if _, err := d.open(nil).Undo(background, ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, d.snapshot()); diff != "" {
		t.Errorf("PKGDIR (-before +after):\n%s", diff)
	}
}

func TestDeleteLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{Delete: true})
	if err != nil || result.Journal != "" || result.Files != 3 {
		t.Fatalf("%+v, %v", result, err)
	}
	if _, err := os.Stat(filepath.Join(d.top, Quarantine)); !os.IsNotExist(err) {
		t.Errorf("the quarantine stays: %v", err)
	}
	if diff := cmp.Diff([]string{somePaths[1], somePaths[2]}, d.index()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
}

func TestEmptyDeletesWhatHasWaitedLongEnough(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	for i, path := range someGone {
		p := d.open(nil)
		p.options.Now = testNow + int64(i)*100
		if _, err := p.Apply(background, d.candidates(path), ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	emptied, err := d.open(nil).Empty(background, testNow+100)
	if err != nil || len(emptied.Journals) != 2 || emptied.Files != 2 {
		t.Fatalf("%+v, %v", emptied, err)
	}
	journals, err := d.open(nil).Journals()
	if err != nil || len(journals) != 1 || journals[0].Status != cleanup.JournalApplied || journals[0].CreatedAt != testNow+200 {
		t.Errorf("%+v, %v", journals, err)
	}
	if _, err := d.open(nil).Undo(background, emptied.Journals[0]); !errors.Is(err, ErrNoJournal) {
		t.Errorf("undo of what was deleted: %v", err)
	}
}

func TestNothingToDoChangesNothing(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	before := d.snapshot()
	result, err := d.open(nil).Apply(background, nil, ApplyOptions{})
	if err != nil || result.Journal != "" {
		t.Fatalf("%+v, %v", result, err)
	}
	if diff := cmp.Diff(before, d.snapshot()); diff != "" {
		t.Errorf("PKGDIR (-before +after):\n%s", diff)
	}
}

func TestPKGDIRMayBeReachedThroughSymlinksInsideTheRoot(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	candidates := d.candidates(someGone...)
	d.check(os.Rename(d.top, filepath.Join(d.root, "big")))
	d.check(os.Symlink("/big", d.top)) // absolute: inside the root
	result, err := d.open(nil).Apply(background, candidates, ApplyOptions{})
	if err != nil || result.Files != 3 {
		t.Fatalf("%+v, %v", result, err)
	}
}

func TestAnIndexThatIsASymlinkStopsEverything(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	name := filepath.Join(d.top, "Packages")
	d.check(os.Rename(name, name+".real"))
	d.check(os.Symlink("Packages.real", name))
	_, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "Packages: is a symlink") {
		t.Errorf("got %v", err)
	}
	if got := d.binpkgs(); len(got) != 4 {
		t.Errorf("%d binary packages are left, want 4", len(got))
	}
}

func TestARefusedIndexStaysAsItIs(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	d.write("Packages", "VERSION: 1\n\nCPV: app-misc/hello-1.0\nPATH: "+somePaths[0]+"\n\n", 1)
	before := d.snapshot()["Packages"]
	result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err != nil || result.Files != 3 || result.Entries != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	if after := d.snapshot()["Packages"]; after != before {
		t.Errorf("it is now %q", after)
	}
}

func TestAJournalOfAnotherVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	d.write(Quarantine+"/20200101T000000Z/journal", `{"version": 99}`, 1)
	d.write(Quarantine+"/20200102T000000Z/journal", `not JSON`, 1)
	d.write(Quarantine+"/20200103T000000Z/journal", `{"version": 1, "moves": [{"number": 1, "path": "../../etc/passwd"}]}`, 1)
	before := d.snapshot()
	if _, err := d.open(nil).Recover(background); err != nil {
		t.Fatal(err)
	}
	after := d.snapshot()
	before["."], after["."] = "", ""
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("PKGDIR (-before +after):\n%s", diff)
	}
	journals, err := d.open(nil).Journals()
	if err != nil || len(journals) != 3 {
		t.Fatalf("%v, %v", journals, err)
	}
	for _, j := range journals {
		if j.Status != cleanup.JournalUnreadable || j.Problem == "" {
			t.Errorf("%+v", j)
		}
	}
	if _, err := d.open(nil).Undo(background, "20200101T000000Z"); err == nil {
		t.Error("undone")
	}
}
