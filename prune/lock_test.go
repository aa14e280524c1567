package prune

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The holder of a lock is this very test binary, started again: it locks as
// Portage does, by fcntl(2), says so, and waits to be told to end or killed.
func TestMain(m *testing.M) {
	if os.Getenv("PRUNE_TEST_KILL_AT") != "" {
		runToBeKilled()
	}
	if os.Getenv("PRUNE_TEST_INJECT") != "" {
		runToInject()
	}
	if name := os.Getenv("PRUNE_TEST_HOLD_LOCK"); name != "" {
		fd, err := unix.Open(name, unix.O_CREAT|unix.O_RDWR, 0o660)
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		if err == nil {
			err = unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &lock)
		}
		if err != nil {
			os.Stdout.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Stdout.WriteString("locked\n")
		bufio.NewReader(os.Stdin).ReadString('\n')
		if os.Getenv("PRUNE_TEST_UNLINK") != "" {
			os.Remove(name)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// pythonLock locks with the very call that Portage makes (locks.py).
const pythonLock = `
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o660)
fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("locked", flush=True)
sys.stdin.readline()
`

// holder is another process that has the lock.
type holder struct {
	cmd *exec.Cmd
	end func()
}

func hold(t *testing.T, cmd *exec.Cmd) *holder {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h := &holder{cmd: cmd, end: func() { stdin.Close(); cmd.Wait() }}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	return h
}

func holdWithGo(t *testing.T, name string, env ...string) *holder {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "PRUNE_TEST_HOLD_LOCK="+name)...)
	return hold(t, cmd)
}

func TestALivingHolderOfTheLockIsRespected(t *testing.T) {
	t.Parallel()
	holders := map[string]func(t *testing.T, name string) *holder{
		"fcntl": func(t *testing.T, name string) *holder { return holdWithGo(t, name) },
		"python": func(t *testing.T, name string) *holder {
			python, err := exec.LookPath("python3")
			if err != nil {
				t.Skip("no python3 here, which Portage locks with: ", err)
			}
			return hold(t, exec.Command(python, "-c", pythonLock, name))
		},
	}
	for name, start := range holders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTestDir(t, somePaths...)
			h := start(t, filepath.Join(d.top, lockName))
			before := d.snapshot()
			_, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
			if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), lockName) {
				t.Fatalf("got %v, want %v", err, ErrLocked)
			}
			after := d.snapshot()
			if len(after) != len(before) || after["."] != before["."] {
				t.Error("something changed")
			}
			h.end()
			if result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil || result.Files != 3 {
				t.Errorf("after it ended: %+v, %v", result, err)
			}
		})
	}
}

func TestADeadHolderOfTheLockIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	h := holdWithGo(t, filepath.Join(d.top, lockName))
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	h.cmd.Wait()
	if _, err := os.Stat(filepath.Join(d.top, lockName)); err != nil {
		t.Fatalf("the dead leave their lock file: %v", err)
	}
	if result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil || result.Files != 3 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := os.Stat(filepath.Join(d.top, lockName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// Portage unlinks the file when it lets go: a lock on what was unlinked locks
// nothing, and has to be taken again.
func TestALockFileThatIsUnlinkedIsTakenAgain(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	name := filepath.Join(d.top, lockName)
	h := holdWithGo(t, name, "PRUNE_TEST_UNLINK=1")
	root := d.open(nil)
	root.options.LockWait = 20 * time.Second
	done := make(chan error, 1)
	go func() {
		_, err := root.Apply(background, d.candidates(someGone...), ApplyOptions{})
		done <- err
	}()
	h.end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := len(d.index()); got != 2 {
		t.Errorf("%d entries, want 2", got)
	}
}

func TestASecondPruneAtOnceWaitsOrIsRefused(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	candidates := d.candidates(someGone...)
	var second error
	still := func(context.Context) (map[string]bool, error) {
		_, second = d.open(nil).Apply(background, candidates, ApplyOptions{})
		return map[string]bool{somePaths[0]: true, somePaths[3]: true, somePaths[4]: true}, nil
	}
	result, err := d.open(nil).Apply(background, candidates, ApplyOptions{Still: still})
	if err != nil || result.Files != 3 {
		t.Errorf("the first: %+v, %v", result, err)
	}
	if !errors.Is(second, ErrLocked) {
		t.Errorf("the second: %v, want %v", second, ErrLocked)
	}
	// Many at once, all of which wait: each file goes once.
	d = newTestDir(t, somePaths...)
	candidates = d.candidates(someGone...)
	const prunes = 6
	results := make(chan Result, prunes)
	for range prunes {
		p := d.open(nil)
		p.options.LockWait = 20 * time.Second
		go func() {
			result, err := p.Apply(background, candidates, ApplyOptions{})
			if err != nil {
				t.Error(err)
			}
			results <- result
		}()
	}
	files := 0
	for range prunes {
		files += (<-results).Files
	}
	if files != 3 {
		t.Errorf("%d files went, want 3", files)
	}
}

func TestWaitingForTheLockCanBeInterrupted(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	holdWithGo(t, filepath.Join(d.top, lockName))
	p := d.open(nil)
	p.options.LockWait = time.Hour
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := p.Apply(ctx, d.candidates(someGone...), ApplyOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
