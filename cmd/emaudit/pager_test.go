package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"emaudit/internal/hostarchive"
)

// pseudoTerminal opens a terminal of a size: what is written to tty can be read
// from screen.
func pseudoTerminal(t *testing.T, rows, columns uint16) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: the pager is not tested: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// onTerminal runs emaudit with standard output on a terminal of 24 rows, and
// returns what the terminal shows and the exit code.
func onTerminal(t *testing.T, columns uint16, env []string, args ...string) (shown string, code int) {
	t.Helper()
	screen, tty := pseudoTerminal(t, 24, columns)
	var stderr bytes.Buffer
	cmd := emaudit(t, args...)
	cmd.Env = append(append(cmd.Env, "TERM=xterm", "PAGER=", "LESS=", "NO_COLOR=1", "COLUMNS="), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, tty, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	// Reading from a terminal that nobody has open any more is an error.
	text, _ := io.ReadAll(screen)
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n") + stderr.String(), cmd.ProcessState.ExitCode()
}

func TestLongOutputOnATerminalIsPaged(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "emaudit.db")
	root := hostarchive.Alpha(t)
	mustRun(t, "--root", root, "--db", db, "ingest")
	// A pager that shows what it gets between marks, as far as it likes.
	dir := t.TempDir()
	program := func(name, script string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := program("whole", `echo "<pager $* LESS=$LESS>"; cat; echo "</pager>"`)
	early := program("early", `read -r line; echo "<saw $line>"`)

	for _, c := range []struct {
		name    string
		env     []string
		args    []string
		code    int
		has, no string
	}{
		{"what is longer than the screen", []string{"PAGER=" + whole + " -x"}, []string{"runs", "--last", "60"}, 0, "<pager -x LESS=FRX>", ""},
		{"all of it, and the exit code with it", []string{"PAGER=" + whole}, []string{"audit", "coverage", "--verbose"}, exitFindings, "40 of 50", ""},
		{"EMAUDIT_PAGER counts more than PAGER", []string{"PAGER=false", "EMAUDIT_PAGER=" + whole}, []string{"log", "--all"}, 0, "</pager>", ""},
		{"the flag counts more than either", []string{"PAGER=false", "EMAUDIT_PAGER=false"}, []string{"log", "--all", "--pager", whole}, 0, "</pager>", ""},
		{"options of the user's stay", []string{"PAGER=" + whole, "LESS=S"}, []string{"log", "--all"}, 0, "<pager  LESS=S>", ""},
		{"what fits on the screen is not paged", []string{"PAGER=" + whole}, []string{"runs", "--last", "2"}, 0, "83", "<pager"},
		{"the newest 20, and how to see all", []string{"PAGER=" + whole}, []string{"log"}, 0, "the newest 20; all of them:  emaudit --root", "<pager"},
		{"--no-pager", []string{"PAGER=" + whole}, []string{"log", "--all", "--no-pager"}, 0, "merge", "<pager"},
		{"EMAUDIT_NO_PAGER", []string{"PAGER=" + whole, "EMAUDIT_NO_PAGER=true"}, []string{"log", "--all"}, 0, "merge", "<pager"},
		{"a terminal that can do nothing", []string{"PAGER=" + whole, "TERM=dumb"}, []string{"log", "--all"}, 0, "merge", "<pager"},
		{"a pager that is cat is none", []string{"PAGER=cat"}, []string{"log", "--all"}, 0, "merge", "<pager"},
		{"a user who saw enough", []string{"PAGER=" + early}, []string{"log", "--all"}, 0, "<saw ", "broken pipe"},
		{"a user who saw enough keeps the exit code", []string{"PAGER=" + early}, []string{"audit", "--verbose"}, exitFindings, "<saw ", "error"},
		{"a pager that is not there", []string{"EMAUDIT_PAGER=/nonexistent/pager"}, []string{"runs", "--last", "60"}, 0, "printing without one", "<pager"},
		{"words are quoted as for a shell", []string{"PAGER=" + whole + ` 'a b' c\ d "e f"`}, []string{"log", "--all"}, 0, "<pager a b c d e f LESS=FRX>", ""},
		{"a command that no shell would take", []string{"EMAUDIT_PAGER=less '"}, []string{"runs", "--last", "60"}, 0, "no closing '; printing without one", "<pager"},
		{"less without R gets it", []string{"PAGER=" + program("less", `echo "<pager $* LESS=$LESS>"; cat`), "LESS=S"}, []string{"log", "--all"}, 0, "<pager -R +G LESS=S>", ""},
		{"under sudo no command of the caller's", []string{"PAGER=" + whole, "SUDO_UID=12345", "PATH=" + dir}, []string{"log", "--all"}, 0, "merge", "<pager"},
		{"under sudo not the flag either", []string{"PAGER=", "SUDO_UID=12345"}, []string{"log", "--all", "--pager", whole}, 0, "not run for another user", "<pager"},
		{"what is carried out is not paged", []string{"PAGER=" + whole}, []string{"prune", "--empty"}, 0, "", "<pager"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shown, code := onTerminal(t, 80, c.env, append([]string{"--root", root, "--db", db, "--no-ingest"}, c.args...)...)
			if code != c.code && c.args[0] != "prune" {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(shown, c.has) {
				t.Errorf("the terminal does not show %q:\n%s", c.has, shown)
			}
			if c.no != "" && strings.Contains(shown, c.no) {
				t.Errorf("the terminal shows %q:\n%s", c.no, shown)
			}
		})
	}
}

// TestTablesFitTheTerminal holds every table to the width of the terminal; a
// wide one shows names that a narrow one has to cut.
func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "emaudit.db")
	root := hostarchive.Alpha(t)
	mustRun(t, "--root", root, "--db", db, "ingest")
	for _, command := range []string{"runs", "log", "stats", "states", "audit coverage --verbose", "rollback --all", "show app-misc/hello", "hosts", "predict --accuracy", "messages --all", "doctor"} {
		cut := map[int]int{}
		for _, columns := range []int{80, 200} {
			args := append([]string{"--root", root, "--db", db, "--no-ingest", "--no-pager", "--host", "alpha"}, strings.Fields(command)...)
			shown, code := onTerminal(t, uint16(columns), nil, args...)
			if code != exitClean && code != exitFindings {
				t.Errorf("%s: exit code %d:\n%s", command, code, shown)
			}
			cut[columns] = strings.Count(shown, "…")
			for line := range strings.Lines(shown) {
				line = strings.TrimRight(line, "\n")
				// Commands and paths are to be copied, and are not cut.
				if n := len([]rune(line)); n > columns && strings.Count(strings.TrimSpace(line), "  ") > 1 {
					t.Errorf("%s: %d columns on a terminal of %d: %s", command, n, columns, line)
				}
			}
		}
		if cut[200] > cut[80] {
			t.Errorf("%s: %d names are cut at 200 columns, %d at 80", command, cut[200], cut[80])
		}
	}
}

// TestASignalEndsThePagerToo: it must not stay on the terminal that the shell has
// back by then.
func TestASignalEndsThePagerToo(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "emaudit.db")
	root := hostarchive.Alpha(t)
	mustRun(t, "--root", root, "--db", db, "ingest")
	deaf := filepath.Join(t.TempDir(), "deaf")
	if err := os.WriteFile(deaf, []byte("#!/bin/sh\ntrap '' TERM INT HUP\necho '<pager>'\nwhile :; do sleep 0.1; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	polite := filepath.Join(t.TempDir(), "polite")
	if err := os.WriteFile(polite, []byte("#!/bin/sh\ntrap 'echo \"<ended>\"; exit' TERM\necho '<pager>'\nwhile :; do sleep 0.1; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{deaf, polite} {
		for _, sent := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			t.Run(filepath.Base(program)+" "+sent.String(), func(t *testing.T) {
				t.Parallel()
				if signal.Ignored(sent) {
					t.Skip("the tests run under nohup(1), and what they start ignores the signal, too")
				}
				screen, tty := pseudoTerminal(t, 24, 80)
				cmd := emaudit(t, "--root", root, "--db", db, "--no-ingest", "log", "--all", "--pager", program)
				cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=1", "COLUMNS=")
				if program == polite {
					cmd.Env = append(cmd.Env, endless)
				}
				cmd.Stdout = tty
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				tty.Close()
				var shown bytes.Buffer
				for b := make([]byte, 4096); !strings.Contains(shown.String(), "<pager>"); {
					n, err := screen.Read(b)
					if err != nil {
						t.Fatalf("%v after %q", err, shown.String())
					}
					shown.Write(b[:n])
				}
				if err := cmd.Process.Signal(sent); err != nil {
					t.Fatal(err)
				}
				rest, _ := io.ReadAll(screen)
				shown.Write(rest)
				_ = cmd.Wait()
				if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
					t.Errorf("exit code %d, want %d", code, exitInterrupted)
				}
				if program == polite && !strings.Contains(shown.String(), "<ended>") {
					t.Errorf("the pager had no time to leave the terminal as it was: %q", shown.String())
				}
			})
		}
	}
}
