package hostarchive_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"emaudit/internal/hostarchive"
)

// The times are those that "tar --zstd --full-time -tv" prints for the archive.
func TestTimesAreRestoredToTheNanosecond(t *testing.T) {
	t.Parallel()
	root := hostarchive.Alpha(t)
	for _, want := range []struct{ path, mtime string }{
		{"etc/portage/make.profile", "2026-03-01 09:59:59.449168860"},
		{"var/db/pkg/app-misc/hello-2.1", "2026-10-04 17:21:17.262872300"},
		{"var/db/pkg/app-misc/hello-2.1/CONTENTS", "2026-10-04 17:21:06.235337820"},
		{"var/db/pkg/app-misc/hello-2.1/metadata", "2026-10-04 17:21:17.264281320"},
		{"var/db/pkg/sys-apps/-MERGING-bigthing-1.1", "2026-09-13 10:24:55.471042240"},
		{"var/cache/binpkgs/app-misc/hello/hello-2.1-1.gpkg.tar", "2026-10-04 17:20:48.367376320"},
	} {
		info, err := os.Lstat(filepath.Join(root, want.path))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.ModTime().UTC().Format("2006-01-02 15:04:05.000000000"); got != want.mtime {
			t.Errorf("%s: modified %s, want %s", want.path, got, want.mtime)
		}
	}
}

// Portage takes a "metadata" file as valid only while #dir_mtime in it is the
// time of its directory: the strictest check of unpacking that there is.
func TestEveryMetadataFileOfTheVDBIsFresh(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(hostarchive.Alpha(t), "var/db/pkg/*/*/metadata"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 40 {
		t.Fatalf("%d metadata files, want most of the 50 packages to have one", len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		_, stamp, found := strings.Cut(string(data), "\n#dir_mtime=")
		if !found {
			t.Errorf("%s: no #dir_mtime", file)
			continue
		}
		want, err := strconv.ParseInt(strings.TrimSpace(stamp), 10, 64)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		info, err := os.Stat(filepath.Dir(file))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.ModTime().UnixNano(); got != want {
			t.Errorf("%s: #dir_mtime=%d, but the directory has %d", file, want, got)
		}
	}
}

func TestInstalledPackagesAreThoseOfTheOracle(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Portage struct {
			Installed []struct{ CPV string }
		} `json:"portage_reindexed"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range oracle.Portage.Installed {
		want = append(want, p.CPV)
	}

	vdb := filepath.Join(hostarchive.Alpha(t), "var/db/pkg")
	dirs, err := filepath.Glob(vdb + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, dir := range dirs {
		if name, _ := filepath.Rel(vdb, dir); !strings.Contains(name, "/-MERGING-") {
			got = append(got, filepath.ToSlash(name))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("installed packages (-oracle +unpacked):\n%s", diff)
	}
}

func TestTruthHasEveryRecordedCommand(t *testing.T) {
	t.Parallel()
	var commands []struct{ Cmd string }
	if err := json.Unmarshal(hostarchive.AlphaTruth(t), &commands); err != nil {
		t.Fatal(err)
	}
	if len(commands) < 91 {
		t.Errorf("%d commands, want at least the 91 of Portage", len(commands))
	}
}

func TestACopyBelongsToItsTest(t *testing.T) {
	t.Parallel()
	log := "var/log/emerge.log"
	a, b := hostarchive.AlphaCopy(t), hostarchive.AlphaCopy(t)
	if err := os.Remove(filepath.Join(a, log)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(b, log)); err != nil {
		t.Errorf("removed from one copy, gone from the other: %v", err)
	}
}

func TestProcessesThatShareAHostUnpackItOnce(t *testing.T) {
	t.Parallel()
	archive := writeArchive(t, []tar.Header{{Typeflag: tar.TypeReg, Name: "etc/a", Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0)}})
	temp := t.TempDir()
	const readers = 8
	dirs := make(chan string, readers)
	for range readers {
		go func() {
			dir, err := hostarchive.Shared(archive, temp)
			if err != nil {
				t.Error(err)
			}
			dirs <- dir
		}()
	}
	first := <-dirs
	for range readers - 1 {
		if dir := <-dirs; dir != first {
			t.Errorf("%s and %s", first, dir)
		}
	}
	kept, err := filepath.Glob(filepath.Join(temp, "*", "*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

func TestASharedHostThatATestChangedIsAnError(t *testing.T) {
	t.Parallel()
	archive := writeArchive(t, []tar.Header{{Typeflag: tar.TypeReg, Name: "etc/a", Mode: 0o644, ModTime: time.Unix(1_700_000_000, 0)}})
	temp := t.TempDir()
	dir, err := hostarchive.Shared(archive, temp)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "etc/a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hostarchive.Shared(archive, temp); err == nil || !strings.Contains(err.Error(), "remove "+filepath.Dir(dir)) {
		t.Errorf("error %v", err)
	}
}

func TestADirectoryThatOthersMayWriteIsNotShared(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	home := filepath.Join(temp, "emaudit-hosts-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := hostarchive.Shared("../../testdata/hosts/alpha.tar.zst", temp); err == nil {
		t.Error("no error")
	}
}

func TestModesLinksAndReadOnlyDirectoriesAreRestored(t *testing.T) {
	t.Parallel()
	when := time.Unix(1_700_000_000, 123_456_789)
	dir := filepath.Join(t.TempDir(), "new", "host")
	archive := writeArchive(t, []tar.Header{
		{Typeflag: tar.TypeDir, Name: "closed/", Mode: 0o555, ModTime: when},
		{Typeflag: tar.TypeReg, Name: "closed/a", Mode: 0o640, ModTime: when.Add(1)},
		{Typeflag: tar.TypeLink, Name: "closed/b", Linkname: "closed/a", ModTime: when.Add(1)},
		{Typeflag: tar.TypeSymlink, Name: "closed/c", Linkname: "/nowhere", ModTime: when.Add(2)},
		{Typeflag: tar.TypeReg, Name: "no/entry/for/parents", Mode: 0o4755, ModTime: when.Add(3)},
	})
	if err := hostarchive.Unpack(archive, dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "closed"), 0o755) })

	for _, want := range []struct {
		path  string
		mode  fs.FileMode
		after time.Duration
	}{
		{"closed", fs.ModeDir | 0o555, 0},
		{"closed/a", 0o640, 1},
		{"closed/b", 0o640, 1},
		{"closed/c", fs.ModeSymlink | 0o777, 2},
		{"no/entry/for/parents", fs.ModeSetuid | 0o755, 3},
	} {
		info, err := os.Lstat(filepath.Join(dir, want.path))
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != want.mode {
			t.Errorf("%s: mode %v, want %v", want.path, info.Mode(), want.mode)
		}
		if got := info.ModTime(); !got.Equal(when.Add(want.after)) {
			t.Errorf("%s: modified %v, want %v", want.path, got, when.Add(want.after))
		}
	}
	a, errA := os.Stat(filepath.Join(dir, "closed/a"))
	b, errB := os.Stat(filepath.Join(dir, "closed/b"))
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		t.Error("closed/b is no hard link of closed/a")
	}
	if target, err := os.Readlink(filepath.Join(dir, "closed/c")); err != nil || target != "/nowhere" {
		t.Errorf("closed/c -> %q, %v", target, err)
	}
}

func TestHostileArchivesWriteNothingOutside(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		members []tar.Header
	}{
		{"a name that climbs", []tar.Header{
			{Typeflag: tar.TypeReg, Name: "../outside"},
		}},
		{"an absolute name", []tar.Header{
			{Typeflag: tar.TypeReg, Name: "/outside"},
		}},
		{"a symbolic link that leads out", []tar.Header{
			{Typeflag: tar.TypeSymlink, Name: "door", Linkname: ".."},
			{Typeflag: tar.TypeReg, Name: "door/outside"},
		}},
		{"a device", []tar.Header{
			{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3},
		}},
		{"the same file twice", []tar.Header{
			{Typeflag: tar.TypeReg, Name: "a"},
			{Typeflag: tar.TypeReg, Name: "a"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			if err := hostarchive.Unpack(writeArchive(t, test.members), filepath.Join(parent, "host")); err == nil {
				t.Error("no error")
			}
			entries, err := os.ReadDir(parent)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 1 {
				t.Errorf("written outside: %v", entries)
			}
		})
	}
}

func TestATornArchiveIsAnError(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("../../testdata/hosts/alpha.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(t.TempDir(), "torn.tar.zst")
	if err := os.WriteFile(torn, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := hostarchive.Unpack(torn, t.TempDir()); err == nil {
		t.Error("no error for half an archive")
	}
}

// writeArchive returns the path of a pax archive in which every regular file
// holds its own name.
func writeArchive(t *testing.T, members []tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	zw, err := zstd.NewWriter(&buf)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(zw)
	for _, h := range members {
		h.Format = tar.FormatPAX
		var content []byte
		if h.Typeflag == tar.TypeReg {
			content = []byte(h.Name)
			h.Size = int64(len(content))
		}
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "host.tar.zst")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
