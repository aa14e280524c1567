package prune

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"emaudit/hostfs"
)

// runToBeKilled is the process that [TestSIGKILLAtAnyStepLosesNothing] starts: it
// changes the PKGDIR that the environment names, and kills itself at a step.
func runToBeKilled() {
	at, err := strconv.Atoi(os.Getenv("PRUNE_TEST_KILL_AT"))
	if err == nil {
		err = changeUntilKilled(os.Getenv("PRUNE_TEST_ROOT"), os.Getenv("PRUNE_TEST_DO"), at)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func changeUntilKilled(rootDir, what string, at int) error {
	root, err := hostfs.Open(rootDir)
	if err != nil {
		return err
	}
	defer root.Close()
	p, err := Open(root, "/var/cache/binpkgs", Options{Now: testNow})
	if err != nil {
		return err
	}
	p.fail(&fault{at: at, err: errKilled, real: true})
	if what == "undo" {
		_, err = p.Undo(background, "")
		return err
	}
	candidates, err := candidatesOf(filepath.Join(rootDir, p.path), p.path, someGone)
	if err == nil {
		_, err = p.Apply(background, candidates, ApplyOptions{Delete: what == "delete"})
	}
	return err
}

// The kernel ends the process, with its locks, descriptors and all: at every step
// of an apply and of an undo, until one gets through.
func TestSIGKILLAtAnyStepLosesNothing(t *testing.T) {
	t.Parallel()
	for i, what := range []string{"apply", "undo", "apply", "undo"} {
		mode := modes[i/2]
		t.Run(fmt.Sprintf("%s %04o", what, mode), func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				d := newTestDirOf(t, mode, somePaths...)
				before := d.snapshot()
				if what == "undo" {
					if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "PRUNE_TEST_KILL_AT="+strconv.Itoa(at), "PRUNE_TEST_ROOT="+d.root, "PRUNE_TEST_DO="+what)
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err != nil && (!errors.As(err, &exit) || exit.Exited()) {
					t.Fatalf("at step %d: %v: %s", at, err, out)
				}
				d.healed(t, before, &fault{at: at, err: errKilled})
				if t.Failed() {
					t.Fatalf("killed at step %d", at)
				}
				if err == nil {
					if at < 10 {
						t.Errorf("only %d steps", at)
					}
					return
				}
			}
		})
	}
}
