package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"emaudit/internal/hostarchive"
)

// TestHostileNamesNeverReachTheTerminal puts control characters, escape
// sequences and invalid UTF-8 into every kind of name that emaudit meets.
func TestHostileNamesNeverReachTheTerminal(t *testing.T) {
	root := hostarchive.AlphaCopy(t)
	const evil = "evil\x1b]0;owned\x07\x1b[31m\u202e\xff\n"
	pkgdir, vdb := filepath.Join(root, "var/cache/binpkgs"), filepath.Join(root, "var/db/pkg")
	binpkg, err := os.ReadFile(filepath.Join(pkgdir, "app-misc/hello/hello-2.1-1.gpkg.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{
		filepath.Join(pkgdir, "app-misc/hello/"+evil+".gpkg.tar"):   binpkg,
		filepath.Join(pkgdir, evil+"/"+evil+"-1-1.gpkg.tar"):        nil,
		filepath.Join(pkgdir, "app-misc/"+evil):                     nil,
		filepath.Join(vdb, "app-misc/"+evil+"-1/SLOT"):              []byte("0"),
		filepath.Join(vdb, "app-misc/-MERGING-"+evil+"/SLOT"):       []byte("0"),
		filepath.Join(vdb, evil+"/x-1/SLOT"):                        []byte("0"),
		filepath.Join(vdb, "app-misc/harmless-1/SLOT"):              []byte("0\x1b[2J"),
		filepath.Join(vdb, "app-misc/harmless-1/repository"):        []byte(evil),
		filepath.Join(root, "etc/portage/make.conf"):                []byte("CFLAGS=\"" + evil + "\"\nFEATURES=\"buildpkg\"\n\"" + evil),
		filepath.Join(root, "etc/portage/repos.conf/"+evil+".conf"): []byte("[" + evil + "]\nlocation = /" + evil + "\n"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.OpenFile(filepath.Join(root, "var/log/emerge.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := io.WriteString(log, "1791138000: Started emerge on: x\n1791138000:  *** emerge "+evil+"\n1791138001:  >>> emerge (1 of 1) app-misc/"+evil+"-1 to /\n"); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "emaudit.db")
	for _, args := range [][]string{{"ingest"}, {"audit", "--verbose"}, {"audit"}, {"doctor"}, {"--verbose"}} {
		for _, format := range []string{"table", "json", "csv"} {
			cmd := emaudit(t, append([]string{"--root", root, "--db", db, "--format", format}, args...)...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				var exit *exec.ExitError
				if !asExit(err, &exit) || exit.ExitCode() != exitFindings && exit.ExitCode() != exitDamaged {
					t.Fatalf("emaudit %v: %v\n%s", args, err, stderr.Bytes())
				}
			}
			for _, out := range []string{stdout.String(), stderr.String()} {
				for _, bad := range []string{"\x1b", "\x07", "\u202e", "\xff"} {
					if i := strings.Index(out, bad); i >= 0 {
						t.Errorf("emaudit %v --format %s: %q in the output: %q", args, format, bad, out[max(0, i-60):min(len(out), i+20)])
					}
				}
			}
		}
	}
}

// TestWhatCannotBeReadIsReportedToAnOrdinaryUser runs emaudit as nobody over
// folders and files that only root may read.
func TestWhatCannotBeReadIsReportedToAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	const nobody = 65534
	// The test binary lies in a folder that others cannot enter.
	open, err := os.MkdirTemp("", "emaudit-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(open, "emaudit")
	if err := os.WriteFile(program, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(open, "root")
	if err := hostarchive.Unpack("../../testdata/hosts/alpha.tar.zst", root); err != nil {
		t.Fatal(err)
	}
	as := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		cmd := exec.Command(program, append([]string{"--root", root, "--db", filepath.Join(open, "db"), "--host", "alpha"}, args...)...)
		cmd.Env = []string{"HOME=" + open, "PATH=" + os.Getenv("PATH")}
		cmd.Dir = open
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		err := cmd.Run()
		got := 0
		var exit *exec.ExitError
		if asExit(err, &exit) {
			got = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("emaudit %v: exit code: want %d, got %d\n%s%s", args, want, got, &out, &errOut)
		}
		return out.String(), errOut.String()
	}
	// quickpkg makes files that only their owner and group may read. Of those
	// nothing is known, which is not the same as that there is nothing.
	out, _ := as(exitFindings, "audit", "coverage")
	if !strings.HasPrefix(out, "39 of 50") || !strings.Contains(out, "binpkg-unread       app-misc/foo-viewer-0.6_alpha3") {
		t.Errorf("a binpkg that cannot be read:\n%s", out)
	}
	quickpkg := filepath.Join(root, "var/cache/binpkgs/app-misc/foo-viewer/foo-viewer-0.6_alpha3-1.gpkg.tar")
	if err := os.Chmod(quickpkg, 0o644); err != nil {
		t.Fatal(err)
	}
	as(exitClean, "ingest")

	if err := os.Chmod(filepath.Join(root, "var/cache/binpkgs"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, _ = as(exitFindings, "audit", "coverage")
	if !strings.Contains(out, "source-unreadable") || !strings.Contains(out, "permission denied") {
		t.Errorf("an unreadable PKGDIR is not reported:\n%s", out)
	}
	if !strings.HasPrefix(out, "40 of 50") {
		t.Errorf("what was known of an unreadable PKGDIR is lost:\n%s", out)
	}
	os.Chmod(filepath.Join(root, "var/cache/binpkgs"), 0o755)

	// One folder of it: what lies there is not gone.
	if err := os.Chmod(filepath.Join(root, "var/cache/binpkgs/app-misc"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, _ = as(exitFindings, "audit", "coverage")
	if !strings.HasPrefix(out, "40 of 50") {
		t.Errorf("what lies in an unreadable folder of PKGDIR is taken for gone:\n%s", out)
	}
	os.Chmod(filepath.Join(root, "var/cache/binpkgs/app-misc"), 0o755)

	hello := filepath.Join(root, "var/db/pkg/app-misc/hello-2.1")
	if err := errors.Join(os.Chmod(hello, 0o700), os.Chtimes(hello, time.Now(), time.Now())); err != nil {
		t.Fatal(err)
	}
	out, _ = as(exitFindings, "audit", "coverage", "--verbose")
	if !strings.Contains(out, "vdb-unread") {
		t.Errorf("an unreadable package of the VDB is not reported:\n%s", out)
	}
	if !strings.HasPrefix(out, "40 of 50") {
		t.Errorf("an unreadable package is taken for one that is gone:\n%s", out)
	}

	category := filepath.Join(root, "var/db/pkg/sys-apps")
	if err := os.Chmod(category, 0o700); err != nil {
		t.Fatal(err)
	}
	out, _ = as(exitFindings, "audit", "coverage", "--verbose")
	if !strings.Contains(out, "vdb-unread") || !strings.Contains(out, "sys-apps: ") {
		t.Errorf("an unreadable category of the VDB is not reported:\n%s", out)
	}
	if !strings.HasPrefix(out, "40 of 50") {
		t.Errorf("the packages of an unreadable category are taken for gone:\n%s", out)
	}
	os.Chmod(category, 0o755)

	// The database in a folder that may not be written: the stored facts
	// still answer, with a warning; without a database it is an error.
	if err := os.Chown(filepath.Join(open, "db"), 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(open, "db"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	out, stderr := as(exitFindings, "audit", "coverage")
	if !strings.HasPrefix(out, "40 of 50") || !strings.Contains(stderr, "answering from what is stored") {
		t.Errorf("a read-only database does not answer:\n%s%s", out, stderr)
	}
	if _, stderr = as(exitError, "ingest"); !strings.Contains(stderr, "cannot be written") || !strings.Contains(stderr, "hint: ") {
		t.Errorf("an ingest into a read-only database: %s", stderr)
	}
}

// asExit reports whether err is the end of a process with an exit code.
func asExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	if ok {
		*exit = e
	}
	return ok
}
