package interrupt

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program that gets the signals: EMAUDIT_TEST_WORK says how
// it works.
func TestMain(m *testing.M) {
	work := os.Getenv("EMAUDIT_TEST_WORK")
	if work == "" {
		os.Exit(m.Run())
	}
	ctx, stop := Context(func() { os.Exit(99) })
	fmt.Println("ready")
	if work == "deaf" {
		time.Sleep(time.Minute)
	}
	<-ctx.Done()
	stop()
	os.Exit(42)
}

func TestSignalsEndTheProgram(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, work string
		signals    []syscall.Signal
		code       int
		atMost     time.Duration
	}{
		{"SIGINT ends work that looks", "looks", []syscall.Signal{syscall.SIGINT}, 42, Grace},
		{"SIGTERM does", "looks", []syscall.Signal{syscall.SIGTERM}, 42, Grace},
		{"SIGHUP does", "looks", []syscall.Signal{syscall.SIGHUP}, 42, Grace},
		{"one signal ends work that does not look", "deaf", []syscall.Signal{syscall.SIGTERM}, 99, 5 * time.Second},
		{"two end it at once", "deaf", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 99, Grace},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "EMAUDIT_TEST_WORK="+c.work)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			for i, s := range c.signals {
				if i > 0 {
					// Two that are pending at once may be one.
					time.Sleep(50 * time.Millisecond)
				}
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait()
			took := time.Since(begin)
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if took > c.atMost {
				t.Errorf("it took %v, want at most %v", took, c.atMost)
			}
			if c.code == 99 && len(c.signals) == 1 && took < Grace {
				t.Errorf("it took %v: the work had no time to end", took)
			}
		})
	}
}
