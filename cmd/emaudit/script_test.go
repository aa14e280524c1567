package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"emaudit/cli/interrupt"
	"emaudit/internal/hostarchive"
	"emaudit/internal/postgrestest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the scripts")

// testNow is the clock of the commands unless EMAUDIT_TEST_NOW says otherwise:
// an hour after the last event of the recorded host alpha.
const testNow = 1791138000 // 2026-10-04 18:20:00 UTC

// benchDir is where benchmarks keep generated hosts; it goes with the process.
var benchDir string

// TestMain makes the test binary the command emaudit of the scripts, with a
// clock and a time zone that do not move. EMAUDIT_TEST_GRACE is how long it may go
// on after a signal.
func TestMain(m *testing.M) {
	testscript.Main(cleanUp{m}, map[string]func(){
		"emaudit": func() {
			now := int64(testNow)
			if s := os.Getenv("EMAUDIT_TEST_NOW"); s != "" {
				n, err := strconv.ParseInt(s, 10, 64)
				if err != nil {
					panic(err)
				}
				now = n
			}
			grace := interrupt.Grace
			if s := os.Getenv("EMAUDIT_TEST_GRACE"); s != "" {
				var err error
				if grace, err = time.ParseDuration(s); err != nil {
					panic(err)
				}
			}
			os.Exit(start(process{
				now: func() time.Time { return time.Unix(now, 0) }, local: time.UTC, grace: grace,
				onHost: os.Getenv("EMAUDIT_TEST_ON_HOST") != "",
			}))
		},
	})
}

// cleanUp gives the tests a folder that outlives a single benchmark.
type cleanUp struct{ tests testscript.TestingM }

// Run runs the tests.
func (c cleanUp) Run() int {
	dir, err := os.MkdirTemp("", "emaudit-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	benchDir = dir
	defer postgrestest.Stop()
	return c.tests.Run()
}

// TestScripts runs every command against real input. $ALPHA is the recorded
// host, which no script changes; alphacopy DIR makes a copy that one may.
func TestScripts(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ALPHA", alpha)
			env.Setenv("EMAUDIT_DB", env.WorkDir+"/state/emaudit.db")
			env.Setenv("EMAUDIT_HOST", "alpha")
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("LC_ALL", "C")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			if cond == "namespaces" {
				cmd := exec.Command("/proc/self/exe", "-test.run=^$")
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET}
				return cmd.Run() == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// standin ROOT: the programs of a plan, for a root without any.
			"standin": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: standin ROOT")
				}
				bin := filepath.Join(ts.MkAbs(args[0]), "usr/bin")
				ts.Check(os.MkdirAll(bin, 0o755))
				build := exec.Command("go", "build", "-o", filepath.Join(bin, "emerge"), "emaudit/internal/standin")
				build.Env = append(os.Environ(), "CGO_ENABLED=0")
				if out, err := build.CombinedOutput(); err != nil {
					ts.Fatalf("go build: %v\n%s", err, out)
				}
				for _, name := range []string{"mkdir", "cp", "rm", "printf", "emaint", "quickpkg"} {
					ts.Check(os.Symlink("emerge", filepath.Join(bin, name)))
				}
			},
			// exits CODE COMMAND: the command ends with exactly that code.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				err = ts.Exec(args[1], args[2:]...)
				got := 0
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					got = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if got != want {
					ts.Fatalf("exit code: want %d, got %d", want, got)
				}
			},
			"alphacopy": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: alphacopy DIR")
				}
				ts.Check(hostarchive.Unpack("../../testdata/hosts/alpha.tar.zst", ts.MkAbs(args[0])))
			},
		},
	})
}
