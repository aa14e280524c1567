package hostgen_test

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
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

// options are those of a host that has packages that were removed, and that lacks
// binary packages that were pruned.
var options = hostgen.HostOptions{Installed: 60, Binpkgs: 390}

func TestAHostIsWholeAndAgreesWithItself(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := hostgen.Host(root, options); err != nil {
		t.Fatal(err)
	}
	t.Run("it has what was asked for", func(t *testing.T) { testNumbers(t, root) })
	t.Run("every gpkg is whole", func(t *testing.T) { testGpkgs(t, root) })
	t.Run("index, database and files agree", func(t *testing.T) { testAgreement(t, root) })
	t.Run("log and database agree", func(t *testing.T) { testHistory(t, root) })
}

func testNumbers(t *testing.T, root string) {
	if got := len(glob(t, root, "var/db/pkg/*/*")); got != 100 {
		t.Errorf("%d installed packages, want those of two copies", got)
	}
	if got := len(glob(t, root, "var/cache/binpkgs/*/*/*.gpkg.tar")); got != options.Binpkgs {
		t.Errorf("%d binary packages, want %d", got, options.Binpkgs)
	}
	if _, err := os.Stat(filepath.Join(root, "etc/portage/make.profile/make.defaults")); err != nil {
		t.Error(err)
	}
}

// testHistory replays merges and unmerges of emerge.log.
func testHistory(t *testing.T, root string) {
	log, err := os.ReadFile(filepath.Join(root, "var/log/emerge.log"))
	if err != nil {
		t.Fatal(err)
	}
	event := regexp.MustCompile(`(::: completed emerge|>>> unmerge success:) (?:\(\d+ of \d+\) )?(\S+)`)
	there, last := map[string]bool{}, ""
	for line := range strings.Lines(string(log)) {
		if line[:10] < last {
			t.Fatalf("the log goes back in time: %s", line)
		}
		last = line[:10]
		if m := event.FindStringSubmatch(line); m != nil {
			there[m[2]] = strings.HasPrefix(m[1], ":::")
		}
	}
	for _, dir := range glob(t, root, "var/db/pkg/*/*") {
		cpv := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		if !there[cpv] && !strings.Contains(cpv, "newname") { // a package move
			t.Errorf("%s is installed, but not in the log", cpv)
		}
		delete(there, cpv)
	}
	for cpv, merged := range there {
		if merged && !strings.Contains(cpv, "oldname") {
			t.Errorf("%s is not installed, but in the log", cpv)
		}
	}
}

func TestAFolderWithFilesIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := hostgen.Host(dir, options); err == nil {
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
	if !strings.HasPrefix(h.Name, "image/") {
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
		} else if got, ok := byMD5[strings.TrimSpace(string(sum))]; !ok {
			uncovered++ // its binary package is pruned
		} else if got != cpv {
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
	if uncovered > 25 {
		t.Errorf("%d packages without a binary package, want as many as alpha has", uncovered)
	}
}

func TestALogHasTheLinesThatWereAskedFor(t *testing.T) {
	t.Parallel()
	for _, lines := range []int{1, 5_000} {
		var log bytes.Buffer
		if err := hostgen.EmergeLog(&log, lines); err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(log.Bytes(), []byte("\n")); got < lines || got > lines+2000 {
			t.Errorf("%d lines, want %d", got, lines)
		}
	}
}

func TestBuildLogsHaveTheSizeThatWasAskedFor(t *testing.T) {
	t.Parallel()
	const size, number = 8 << 10, 250
	dir := t.TempDir()
	if err := hostgen.BuildLogs(dir, hostgen.BuildLogOptions{Logs: number, Size: size}); err != nil {
		t.Fatal(err)
	}
	logs := glob(t, dir, "*.log")
	if len(logs) != number {
		t.Errorf("%d logs, want %d", len(logs), number)
	}
	failed := 0
	for _, log := range logs {
		data, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < size {
			t.Errorf("%s: %d bytes, want %d", log, len(data), size)
		}
		if bytes.Contains(data, []byte(" * ERROR: ")) {
			failed++
		}
	}
	if elogs := len(glob(t, dir, "elog/*.log")); failed < 10 || elogs < number/2 {
		t.Errorf("%d failures and %d elog files", failed, elogs)
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
