package packages_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/ingest/packages"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/parse/binpkg"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/inventory"
)

const pkgdir = "var/cache/binpkgs"

// verifyHost is a host whose binary packages are verified.
type verifyHost struct {
	*hosttest.Host
	t *testing.T
}

func newVerifyHost(t *testing.T, root string) verifyHost {
	h := verifyHost{hosttest.New(t, root), t}
	h.Ingest(hosttest.Now)
	return h
}

func (h verifyHost) verify(ctx context.Context, opts packages.VerifyOptions) (packages.VerifyResult, error) {
	h.t.Helper()
	root, err := hostfs.Open(h.Root)
	if err != nil {
		h.t.Fatal(err)
	}
	defer root.Close()
	s, err := settings.Resolve(root, settings.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	if opts.Now == 0 {
		opts.Now = hosttest.Now
	}
	return packages.Verify(ctx, h.DB, ingest.Host{ID: h.ID, Root: root, Settings: s}, opts)
}

// instances are the stored rows by path.
func (h verifyHost) instances() map[string]inventory.Instance {
	h.t.Helper()
	all := map[string]inventory.Instance{}
	err := h.DB.View(context.Background(), func(tx *store.Tx) error {
		dirs, err := inventory.PkgDirs(tx, h.ID)
		if err != nil {
			return err
		}
		rows, err := inventory.Instances(tx, dirs[0].ID)
		for _, n := range rows {
			all[n.Path] = *n
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// counter is a meter that can end the work.
type counter struct {
	left   int64
	cancel context.CancelFunc
}

func (c *counter) Add(n int64) {
	if c.left -= n; c.left < 0 {
		c.cancel()
	}
}
func (c *counter) Done() {}

func TestAnInterruptedVerifyKeepsWhatWasReadAndGoesOn(t *testing.T) {
	t.Parallel()
	host := newVerifyHost(t, hostarchive.Alpha(t))
	ctx, cancel := context.WithCancel(t.Context())
	progress := func(string, int64, bool) ingest.Meter { return &counter{2 << 20, cancel} }
	first, err := host.verify(ctx, packages.VerifyOptions{Jobs: 1, Progress: progress})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the first: %v", err)
	}
	if first.Read == 0 || first.Read >= first.Due || first.Due != 134 {
		t.Fatalf("the first read %d of %d", first.Read, first.Due)
	}
	kept := 0
	for _, n := range host.instances() {
		if n.VerifiedAt != 0 {
			kept++
		}
	}
	if kept != first.Read {
		t.Errorf("%d were read, %d are kept", first.Read, kept)
	}
	second, err := host.verify(t.Context(), packages.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if second.Read != 134-first.Read {
		t.Errorf("the second read %d, want the %d others", second.Read, 134-first.Read)
	}
	third, err := host.verify(t.Context(), packages.VerifyOptions{})
	if err != nil || third.Due != 0 || third.Wanted != 134 {
		t.Errorf("the third: %+v, %v", third, err)
	}
}

func TestASampleRotatesThroughAllFiles(t *testing.T) {
	t.Parallel()
	host := newVerifyHost(t, hostarchive.Alpha(t))
	seen := map[[2]string]int{}
	for night := range 7 {
		result, err := host.verify(t.Context(), packages.VerifyOptions{Sample: 20, Now: hosttest.Now + int64(night)*86400})
		if err != nil || result.Read != 20 || len(result.Files) != 20 {
			t.Fatalf("night %d: %d read, %v", night, result.Read, err)
		}
		for f := range result.Files {
			seen[f]++
		}
	}
	if len(seen) != 134 {
		t.Errorf("7 nights of 20 files reached %d of 134", len(seen))
	}
	for f, times := range seen {
		if times > 2 {
			t.Errorf("%s was read %d times", f[1], times)
		}
	}
}

func TestAFileThatChangedIsReadAgainAndItsOldVerdictIsGone(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	host := newVerifyHost(t, root)
	if _, err := host.verify(t.Context(), packages.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	const changed = "app-misc/hello/hello-2.1-1.gpkg.tar"
	path := filepath.Join(root, pkgdir, changed)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	// Between the listing and the reading it is another file: nothing is said
	// of it until the next ingest has seen it.
	result, err := host.verify(t.Context(), packages.VerifyOptions{All: true})
	if err != nil || result.Changed != 1 || result.Read != 133 {
		t.Errorf("verify over a file that changed: %+v, %v", result, err)
	}
	host.Ingest(hosttest.Now + 60)
	if n := host.instances()[changed]; n.VerifiedAt != 0 || n.Integrity == "whole" {
		t.Errorf("after it changed: %s, verified at %d", n.Integrity, n.VerifiedAt)
	}
	result, err = host.verify(t.Context(), packages.VerifyOptions{Now: hosttest.Now + 60})
	if err != nil || result.Read != 1 {
		t.Errorf("verify after the ingest: %+v, %v", result, err)
	}
	if n := host.instances()[changed]; n.Integrity != "damaged" {
		t.Errorf("a truncated package is %s: %v", n.Integrity, n.Problems)
	}
	// The former file is history, with its verdict.
	err = host.DB.View(t.Context(), func(tx *store.Tx) error {
		dirs, err := inventory.PkgDirs(tx, host.ID)
		if err != nil {
			return err
		}
		gone, err := inventory.GoneInstances(tx, dirs[0].ID)
		if len(gone) != 1 || gone[0].Path != changed || gone[0].Integrity != "whole" {
			t.Errorf("what is gone: %+v", gone)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnotherKeyringIsAReasonToReadAgain verifies signed packages without keys,
// with the right ones and with others.
func TestAnotherKeyringIsAReasonToReadAgain(t *testing.T) {
	t.Parallel()
	signed, err := filepath.Glob("../../parse/binpkg/testdata/signed/*.gpkg.tar")
	if err != nil || len(signed) == 0 {
		t.Fatalf("no signed packages: %v", err)
	}
	root := t.TempDir()
	for _, file := range signed {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, pkgdir, "app-misc", filepath.Base(file))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	host := newVerifyHost(t, root)
	verify := func(keyring string) (packages.VerifyResult, map[string]int) {
		t.Helper()
		opts := packages.VerifyOptions{Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Unix()}
		if keyring != "" {
			data, err := os.ReadFile(filepath.Join("../../parse/binpkg/testdata/signed", keyring))
			if err != nil {
				t.Fatal(err)
			}
			if opts.Keyring, err = binpkg.ReadKeyring(data); err != nil {
				t.Fatal(err)
			}
			digest := sha256.Sum256(data)
			opts.KeyringDigest = digest[:]
		}
		result, err := host.verify(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		states := map[string]int{}
		for _, n := range host.instances() {
			states[string(n.Signature)]++
			if n.Signature == "valid" && n.SignatureKey == "" {
				t.Errorf("%s: valid, by no key", n.Path)
			}
		}
		return result, states
	}
	without, states := verify("")
	if without.Read != len(signed) || states["valid"] != 0 || states["unchecked"] == 0 {
		t.Errorf("without keys: %d read, %v", without.Read, states)
	}
	with, states := verify("pubring.kbx")
	if with.Read == 0 || states["valid"] == 0 {
		t.Errorf("with keys: %d read, %v", with.Read, states)
	}
	if again, _ := verify("pubring.kbx"); again.Due != 0 {
		t.Errorf("with the same keys again: %d due", again.Due)
	}
}

// TestDigestsSettleAnXpak verifies an xpak, which has no checksum of its own,
// with an index that knows it, and with one that knows another.
func TestDigestsSettleAnXpak(t *testing.T) {
	t.Parallel()
	source := filepath.Join(hosttest.Broken(t), "cases/xpak-00-control", pkgdir, "app-backup/snapr-0.0.1_alpha.tbz2")
	data, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, md5, integrity string }{
		{"the digest is right", hexMD5(data), "whole"},
		{"the digest is wrong", strings.Repeat("0", 32), "damaged"},
		{"there is none", "", "unchecked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, pkgdir, "app-backup/snapr-0.0.1_alpha.tbz2")
			made := time.Unix(hosttest.Now, 0)
			index := "VERSION: 0\nPACKAGES: 1\n\nCPV: app-backup/snapr-0.0.1_alpha\nMTIME: 1791138000\nSIZE: " + decimal(len(data)) + "\n"
			if test.md5 != "" {
				index += "MD5: " + test.md5 + "\n"
			}
			err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644), os.Chtimes(path, made, made),
				os.WriteFile(filepath.Join(root, pkgdir, "Packages"), []byte(index+"\n"), 0o644))
			if err != nil {
				t.Fatal(err)
			}
			host := newVerifyHost(t, root)
			if _, err := host.verify(t.Context(), packages.VerifyOptions{}); err != nil {
				t.Fatal(err)
			}
			n := host.instances()["app-backup/snapr-0.0.1_alpha.tbz2"]
			if string(n.Integrity) != test.integrity {
				t.Errorf("%s, want %s: %v", n.Integrity, test.integrity, n.Problems)
			}
			if wrong := slices.ContainsFunc(n.Problems, func(p inventory.Problem) bool { return p.Code == "digest-mismatch" }); wrong != (test.integrity == "damaged") {
				t.Errorf("problems: %v", n.Problems)
			}
		})
	}
}

func hexMD5(data []byte) string { return fmt.Sprintf("%x", md5.Sum(data)) }

func decimal(n int) string { return strconv.Itoa(n) }

func TestAFileThatCouldNotBeReadStaysDue(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	host := newVerifyHost(t, root)
	if _, err := host.verify(t.Context(), packages.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	const rel = "app-misc/hello/hello-2.1-1.gpkg.tar"
	path := filepath.Join(root, pkgdir, rel)
	if err := errors.Join(os.Rename(path, path+".aside"), syscall.Mkfifo(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := host.verify(t.Context(), packages.VerifyOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	if n := host.instances()[rel]; n.Integrity != "unknown" || n.VerifiedAt != 0 {
		t.Errorf("not read: %s, at %d", n.Integrity, n.VerifiedAt)
	}
	if err := os.Rename(path+".aside", path); err != nil {
		t.Fatal(err)
	}
	result, err := host.verify(t.Context(), packages.VerifyOptions{})
	if n := host.instances()[rel]; err != nil || result.Read != 1 || n.Integrity != "whole" || n.VerifiedAt == 0 {
		t.Errorf("readable again: %d read, %s, at %d: %v", result.Read, n.Integrity, n.VerifiedAt, err)
	}
}
