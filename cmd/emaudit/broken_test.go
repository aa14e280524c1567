package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hosttest"
)

// brokenAnswer is what a program reads of emaudit about a broken PKGDIR.
type brokenAnswer struct {
	Instances []struct {
		Path      string
		Integrity string
		Visible   bool
		Problems  []string
	}
	Findings []struct{ Code, Severity, Subject, Remedy string }
}

// askBroken runs emaudit as a process of its own, and holds it to what it may
// take: 256 MB, and 2 s of a processor.
func askBroken(t *testing.T, db, root string, args ...string) brokenAnswer {
	t.Helper()
	cmd := emaudit(t, append([]string{"--root", root, "--db", db, "--format", "json"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) && (exit.ExitCode() == exitFindings || exit.ExitCode() == exitDamaged) {
		// Both are answers.
	} else if err != nil {
		t.Fatalf("%s: emaudit %v: %v\n%s", filepath.Base(root), args, err, stderr.Bytes())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	// A process begins with the most that its parent ever took (Linux, fs/exec.c,
	// setmax_mm_hiwater_rss), so that below it nothing is known. The race detector takes
	// several times the memory and the time.
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		t.Fatal(err)
	}
	if kib := usage.Maxrss; kib > max(256<<10, own.Maxrss) && !raceDetector {
		t.Errorf("%s: emaudit %v took %d MiB", filepath.Base(root), args, kib>>10)
	}
	if spent := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); spent.Seconds() > 2 && !raceDetector {
		t.Errorf("%s: emaudit %v took %s", filepath.Base(root), args, spent)
	}
	var answer brokenAnswer
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", filepath.Base(root), err)
	}
	return answer
}

// auditBroken asks, within this process, what is known after that.
func auditBroken(t *testing.T, db, root string) brokenAnswer {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), process{
		args:   []string{"--root", root, "--db", db, "--host", "alpha", "--format", "json", "--no-ingest", "audit", "integrity"},
		stdout: &stdout, stderr: &stderr, now: func() time.Time { return time.Unix(testNow, 0) }, local: time.UTC,
	})
	if code != exitClean && code != exitFindings {
		t.Fatalf("%s: exit code %d: %s", filepath.Base(root), code, stderr.Bytes())
	}
	var answer brokenAnswer
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", filepath.Base(root), err)
	}
	return answer
}

// portageSays is what Portage's readers answered about a PKGDIR.
type portageSays struct {
	Populate json.RawMessage
	Files    map[string]map[string]json.RawMessage
}

// refuses reports whether any of them objects to a file, or takes no notice of
// it.
func (p portageSays) refuses(path string) bool {
	if bytes.Contains(p.Populate, []byte(`"raised"`)) || !bytes.Contains(p.Populate, []byte("path="+path+`"`)) {
		return true
	}
	for _, answer := range p.Files[path] {
		if bytes.Contains(answer, []byte(`"raised"`)) {
			return true
		}
	}
	return false
}

// stricter are the cases that Portage takes and emaudit does not call whole;
// docs/containers.md says why.
var stricter = map[string]string{
	"bomb-metadata-200k-members": "unknown",
	"xpak-00-control":            "unchecked",
	"xpak-01-rebuilt":            "unchecked",
	"xpak-data-len-huge":         "damaged",
	"xpak-entry-len-huge":        "damaged",
	"xpak-entry-offset-huge":     "damaged",
	"xpak-flip-image":            "damaged",
	"xpak-flip-metadata":         "unchecked",
	"xpak-name-slash":            "damaged",
}

// TestNothingBrokenIsCalledWholeWherePortageRefusesIt verifies every damaged and
// hostile package as a user would.
func TestNothingBrokenIsCalledWholeWherePortageRefusesIt(t *testing.T) {
	t.Parallel()
	dir := hosttest.Broken(t)
	var oracle map[string]portageSays
	readJSON(t, filepath.Join(dir, "oracle-cases.json"), &oracle)
	names := folders(t, filepath.Join(dir, "cases"))
	if len(names) < 70 {
		t.Fatalf("%d cases", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := filepath.Join(dir, "cases", name)
			before := tree(t, root)
			db := filepath.Join(t.TempDir(), "emaudit.db")
			askBroken(t, db, root, "verify")
			answer := auditBroken(t, db, root)
			if len(answer.Instances) == 0 && name != "dir-named-gpkg" {
				t.Error("no row for what pretends to be a binary package")
			}
			for _, n := range answer.Instances {
				refused := oracle[name].refuses(n.Path)
				switch {
				case refused && n.Integrity == "whole" && n.Visible:
					t.Errorf("%s is whole and in its place, and Portage refuses it", n.Path)
				case !refused && n.Integrity != "whole" && n.Integrity != stricter[name]:
					t.Errorf("%s is %s %v, and Portage takes it", n.Path, n.Integrity, n.Problems)
				case (n.Integrity != "whole" && n.Integrity != "unchecked" || len(n.Problems) > 0) && !answer.about(n.Path):
					t.Errorf("%s is %s %v, and no finding says so", n.Path, n.Integrity, n.Problems)
				}
			}
			for _, f := range answer.Findings {
				if f.Remedy == "" {
					t.Errorf("%s of %s has no remedy", f.Code, f.Subject)
				}
			}
			if diff := cmp.Diff(before, tree(t, root)); diff != "" {
				t.Errorf("PKGDIR was changed (-before +after)\n%s", diff)
			}
		})
	}
}

// about reports whether a finding has a path for its subject.
func (a brokenAnswer) about(path string) bool {
	for _, f := range a.Findings {
		if strings.HasSuffix(f.Subject, "/"+path) {
			return true
		}
	}
	return false
}

// brokenIndexes are the findings about each broken index, beside those that all
// have: the files that Portage made were copied, so that TIMESTAMP is not the
// mtime, and PACKAGES counts one more than was kept.
var brokenIndexes = map[string][]string{
	"00-good":                     {},
	"bad-lines":                   {"index-line"},
	"binary-garbage":              {"index-refused"},
	"build-id-text":               {"index-entry-differs", "index-number"},
	"dup-cpv-differs":             {"index-duplicate-path", "index-size-stale"},
	"empty-index":                 {"index-refused"},
	"file-missing":                {"index-lists-missing"},
	"file-unlisted":               {"index-behind"},
	"latin1":                      {"index-encoding"},
	"missing-cpv":                 {"index-behind", "index-cpv"},
	"missing-mtime-size":          {"index-digest-missing"},
	"missing-path":                {"index-behind", "index-lists-missing"},
	"missing-slot-eapi-buildtime": {"index-entry-differs"},
	"no-header":                   {"index-refused"},
	"packages-count-wrong":        {},
	"path-traversal":              {"index-behind", "index-path"},
	"stale-checksums":             {"index-digest-mismatch"},
	"stale-mtime":                 {"index-mtime-stale"},
	"timestamp-future":            {},
	"trunc-index":                 {"index-behind", "index-digest-missing", "index-lists-missing", "index-torn"},
	"version-99":                  {"index-refused"},
}

// TestEveryBrokenIndexHasItsFinding verifies a PKGDIR of three good files under
// every broken index.
func TestEveryBrokenIndexHasItsFinding(t *testing.T) {
	t.Parallel()
	dir := hosttest.Broken(t)
	for _, name := range folders(t, filepath.Join(dir, "index-cases")) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, ok := brokenIndexes[name]
			if !ok {
				t.Fatal("no expectation")
			}
			root := filepath.Join(dir, "index-cases", name)
			db := filepath.Join(t.TempDir(), "emaudit.db")
			askBroken(t, db, root, "verify")
			answer := auditBroken(t, db, root)
			got := []string{}
			for _, f := range answer.Findings {
				switch {
				case f.Code == "index-timestamp", f.Code == "index-count", strings.HasPrefix(f.Code, "index-gz-"), slices.Contains(got, f.Code):
				default:
					got = append(got, f.Code)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got)\n%s", diff)
			}
			integrity := "whole"
			if slices.Contains(got, "index-digest-mismatch") {
				integrity = "unknown" // Portage does not merge it, and nothing tells which of the two is wrong
			}
			for _, n := range answer.Instances {
				if n.Integrity != integrity {
					t.Errorf("%s is %s, and only the index is broken: want %s", n.Path, n.Integrity, integrity)
				}
			}
		})
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func folders(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// tree is every name below a folder with its size and times, which tells
// whether anything was written, made or removed there.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			all[path] = info.Mode().String() + " " + info.ModTime().String()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
