package hostgen_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"emaudit/internal/hostgen"
)

// options are those of the smallest host that has something of everything.
var options = hostgen.HostOptions{Installed: 40, Binpkgs: 90, ImageSize: 2048, Seed: 1}

func TestTheSameSeedMakesTheSameHost(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: three hosts are many files to make")
	}
	t.Parallel()
	first := fingerprint(t, generateHost(t, options))
	if diff := cmp.Diff(first, fingerprint(t, generateHost(t, options))); diff != "" {
		t.Errorf("two hosts of seed 1 differ:\n%s", diff)
	}
	other := options
	other.Seed = 2
	if cmp.Equal(first, fingerprint(t, generateHost(t, other))) {
		t.Error("seeds 1 and 2 make the same host")
	}
}

func TestAHostIsWholeAndAgreesWithItself(t *testing.T) {
	t.Parallel()
	root := generateHost(t, options)
	t.Run("it has what was asked for", func(t *testing.T) { testNumbers(t, root) })
	t.Run("every gpkg is whole", func(t *testing.T) { testGpkgs(t, root) })
	t.Run("index, database and files agree", func(t *testing.T) { testAgreement(t, root) })
}

func testNumbers(t *testing.T, root string) {
	if got := len(glob(t, root, "var/db/pkg/*/*")); got != options.Installed {
		t.Errorf("%d installed packages, want %d", got, options.Installed)
	}
	if got := len(glob(t, root, "var/cache/binpkgs/*/*/*.gpkg.tar")); got != options.Binpkgs {
		t.Errorf("%d binary packages, want %d", got, options.Binpkgs)
	}
	if _, err := os.Stat(filepath.Join(root, "etc/portage/make.profile/make.defaults")); err != nil {
		t.Error(err)
	}
}

// An update of a small host has no more packages than the host.
func TestAHostOfTwoPackagesGrows(t *testing.T) {
	t.Parallel()
	const binpkgs = 60
	root := t.TempDir()
	if _, err := hostgen.Host(root, hostgen.HostOptions{Installed: 2, Binpkgs: binpkgs, ImageSize: 64, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if got := len(glob(t, root, "var/cache/binpkgs/*/*/*.gpkg.tar")); got != binpkgs {
		t.Errorf("%d binary packages, want %d", got, binpkgs)
	}
}

func TestImpossibleHostsAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := hostgen.Host(t.TempDir(), hostgen.HostOptions{Installed: 10, Binpkgs: 9}); err == nil {
		t.Error("no error for fewer binary packages than installed ones")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hostgen.Host(dir, options); err == nil {
		t.Error("no error for a directory that is not empty")
	}
}

func testGpkgs(t *testing.T, root string) {
	for _, path := range glob(t, root, "var/cache/binpkgs/*/*/*.gpkg.tar") {
		if err := checkGpkg(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// checkGpkg reads a gpkg with archive/tar alone: the order of GLEP 78, and the
// sizes and hashes of the Manifest.
func checkGpkg(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data)%10240 != 0 {
		return fmt.Errorf("%d bytes are no whole records", len(data))
	}
	members := map[string][]byte{}
	var order []string
	for tr := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			return err
		}
		order = append(order, filepath.Base(h.Name))
		members[filepath.Base(h.Name)] = content
	}
	if want := []string{"gpkg-1", "metadata.tar.zst", "image.tar.zst", "Manifest"}; !cmp.Equal(order, want) {
		return fmt.Errorf("members %v, want %v", order, want)
	}
	for line := range strings.Lines(string(members["Manifest"])) {
		f := strings.Fields(line)
		content := members[f[1]]
		sum := sha512.Sum512(content)
		if f[2] != strconv.Itoa(len(content)) || f[6] != hex.EncodeToString(sum[:]) {
			return fmt.Errorf("manifest says %q of %d bytes", line, len(content))
		}
	}
	zr, err := zstd.NewReader(bytes.NewReader(members["image.tar.zst"]))
	if err != nil {
		return err
	}
	defer zr.Close()
	h, err := tar.NewReader(zr).Next()
	if err != nil {
		return err
	}
	if h.Name != "image/" {
		return fmt.Errorf("the image begins with %s", h.Name)
	}
	return nil
}

func testAgreement(t *testing.T, root string) {
	pkgdir := filepath.Join(root, "var/cache/binpkgs")
	index, err := os.ReadFile(filepath.Join(pkgdir, "Packages"))
	if err != nil {
		t.Fatal(err)
	}
	byMD5 := map[string]string{}
	stanzas := strings.Split(strings.TrimSpace(string(index)), "\n\n")[1:]
	if len(stanzas) != options.Binpkgs {
		t.Errorf("%d entries, want %d", len(stanzas), options.Binpkgs)
	}
	for _, stanza := range stanzas {
		entry := map[string]string{}
		for line := range strings.Lines(stanza) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			entry[key] = value
		}
		path := filepath.Join(pkgdir, entry["PATH"])
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		got := map[string]string{
			"SIZE":  strconv.Itoa(len(data)),
			"MTIME": strconv.FormatInt(info.ModTime().Unix(), 10),
			"MD5":   fmt.Sprintf("%x", md5.Sum(data)),
		}
		for key, value := range got {
			if entry[key] != value {
				t.Errorf("%s: %s: %s, the file has %s", entry["PATH"], key, entry[key], value)
			}
		}
		byMD5[entry["MD5"]] = entry["CPV"]
	}

	uncovered := 0
	for _, dir := range glob(t, root, "var/db/pkg/*/*") {
		cpv := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		sum, err := os.ReadFile(filepath.Join(dir, "BINPKGMD5"))
		if err != nil {
			uncovered++
		} else if got := byMD5[strings.TrimSpace(string(sum))]; got != cpv {
			t.Errorf("%s: BINPKGMD5 is that of %q", cpv, got)
		}
		metadata, err := os.ReadFile(filepath.Join(dir, "metadata"))
		if err != nil {
			t.Error(err)
			continue
		}
		info, err := os.Stat(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		if stamp := fmt.Sprintf("\n#dir_mtime=%d\n", info.ModTime().UnixNano()); !strings.HasSuffix(string(metadata), stamp) {
			t.Errorf("%s: metadata is stale, want it to end with %q", cpv, stamp)
		}
	}
	if uncovered > options.Installed/10 {
		t.Errorf("%d of %d packages without a binary package, want a few", uncovered, options.Installed)
	}
}

// messages are all that a generated emerge.log may say; from emergelog.py and
// its callers in Portage.
var messages = regexp.MustCompile(`^\d{10}: (` + strings.Join([]string{
	`Started emerge on: \w{3} \d\d, \d{4} \d\d:\d\d:\d\d`,
	` \*\*\* emerge --.*`,
	` \*\*\* Resuming merge\.\.\.`,
	` \*\*\* Finished\. Cleaning up\.\.\.`,
	` \*\*\* exiting successfully\.`,
	` \*\*\* exiting unsuccessfully with status '\d+'\.`,
	` \*\*\* terminating\.`,
	` >>> depclean`,
	` === sync`,
	`>>> Syncing repository 'gentoo' into '/var/db/repos/gentoo'\.\.\.`,
	`>>> Starting rsync with rsync://\S+`,
	`=== Sync completed for gentoo`,
	` >>> emerge \(\d+ of \d+\) \S+/\S+ to /`,
	` === \(\d+ of \d+\) (Cleaning|Compiling/Merging|Compiling/Packaging|Merging|Merging Binary|Post-Build Cleaning) \(\S+::\S+\)`,
	` === \(\d+ of \d+\) Updating world file \(\S+\)`,
	` >>> AUTOCLEAN: \S+:\S+`,
	` ?=== Unmerging\.\.\. \(\S+\)`,
	` >>> unmerge success: \S+`,
	` ::: completed emerge \(\d+ of \d+\) \S+/\S+ to /`,
}, "|") + `)$`)

func TestALogIsValidInOrderAndCounted(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	counts, err := hostgen.EmergeLog(&log, 50_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	var got hostgen.LogCounts
	last := ""
	for s := bufio.NewScanner(&log); s.Scan(); got.Lines++ {
		line := s.Text()
		if !messages.MatchString(line) {
			t.Fatalf("line %d: Portage does not write %q", got.Lines+1, line)
		}
		timestamp, message, _ := strings.Cut(line, ": ")
		if timestamp < last {
			t.Fatalf("line %d goes back in time: %s", got.Lines+1, line)
		}
		last = timestamp
		for prefix, n := range map[string]*int{
			"Started emerge on: ":     &got.Runs,
			" >>> emerge (":           &got.Begun,
			" ::: completed emerge (": &got.Completed,
			" >>> unmerge success: ":  &got.Unmerged,
			"=== Sync completed ":     &got.Synced,
		} {
			if strings.HasPrefix(message, prefix) {
				*n++
			}
		}
		if strings.Contains(message, "Merging Binary") {
			got.Binary++
		}
	}
	if diff := cmp.Diff(counts, got); diff != "" {
		t.Errorf("counts (-said +written):\n%s", diff)
	}
	// Of a thousand lines, in the sample that the proportions are taken from.
	for _, want := range []struct {
		name      string
		n, permil int
	}{
		{"runs", got.Runs, 45},
		{"begun", got.Begun, 92},
		{"completed", got.Completed, 87},
		{"unmerged", got.Unmerged, 87},
		{"synced", got.Synced, 15},
	} {
		if low, high := got.Lines*want.permil*8/10_000, got.Lines*want.permil*12/10_000; want.n < low || want.n > high {
			t.Errorf("%s: %d, want %d to %d", want.name, want.n, low, high)
		}
	}
}

func TestTheSameSeedWritesTheSameLog(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	for _, w := range []io.Writer{&a, &b} {
		if _, err := hostgen.EmergeLog(w, 5_000, 7); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two logs of seed 7 differ")
	}
}

func TestBuildLogsHaveTheSizeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	const size = 8 << 10
	dir := t.TempDir()
	if err := hostgen.BuildLogs(dir, hostgen.BuildLogOptions{Logs: 40, Size: size, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	logs := glob(t, dir, "*.log")
	if len(logs) != 40 {
		t.Errorf("%d logs, want 40", len(logs))
	}
	failed := 0
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < size || len(data) > size+4<<10 {
			t.Errorf("%s: %d bytes, want about %d", log, len(data), size)
		}
		if bytes.Contains(data, []byte(" * ERROR: ")) {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d failed, want 2", failed)
	}
	if got := len(glob(t, dir, "elog/*.log")); got != 14 {
		t.Errorf("%d elog files, want 14", got)
	}
}

func generateHost(t *testing.T, o hostgen.HostOptions) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := hostgen.Host(dir, o); err != nil {
		t.Fatal(err)
	}
	return dir
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// fingerprint returns what identifies each file of the host: size and contents,
// and the modification time where it matters.
func fingerprint(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[name] = fmt.Sprintf("%x", md5.Sum(data))
		if strings.HasPrefix(name, "var/cache/binpkgs/") {
			info, err := d.Info()
			if err != nil {
				return err
			}
			files[name] += info.ModTime().String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
