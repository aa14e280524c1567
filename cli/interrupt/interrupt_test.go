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
// it works, and EMAUDIT_TEST_GRACE how long it may go on.
func TestMain(m *testing.M) {
	work := os.Getenv("EMAUDIT_TEST_WORK")
	if work == "" {
		os.Exit(m.Run())
	}
	grace, err := time.ParseDuration(os.Getenv("EMAUDIT_TEST_GRACE"))
	if err != nil {
		panic(err)
	}
	ctx, stop := Context(grace, func() { os.Exit(99) })
	fmt.Println("ready")
	if work == "deaf" {
		time.Sleep(time.Minute)
	}
	<-ctx.Done()
	stop()
	os.Exit(42)
}

// TestSignalsEndTheProgram tells by the exit code what ended it. A grace that no
// test waits for shows that it was not the time that ran out.
func TestSignalsEndTheProgram(t *testing.T) {
	t.Parallel()
	const brief, endless = 200 * time.Millisecond, time.Hour
	for _, c := range []struct {
		name, work string
		grace      time.Duration
		signals    []syscall.Signal
		code       int
	}{
		{"SIGINT ends work that looks", "looks", endless, []syscall.Signal{syscall.SIGINT}, 42},
		{"SIGTERM does", "looks", endless, []syscall.Signal{syscall.SIGTERM}, 42},
		{"SIGHUP does", "looks", endless, []syscall.Signal{syscall.SIGHUP}, 42},
		{"one signal ends work that does not look, after the grace", "deaf", brief, []syscall.Signal{syscall.SIGTERM}, 99},
		{"two end it at once", "deaf", endless, []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 99},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "EMAUDIT_TEST_WORK="+c.work, "EMAUDIT_TEST_GRACE="+c.grace.String())
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
			for _, s := range c.signals {
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if took := time.Since(begin); c.grace == brief && took < brief {
				t.Errorf("it took %v: the work had no time to end", took)
			}
		})
	}
}

// TestTheGraceKeepsThePromise: a second is what the manual promises.
func TestTheGraceKeepsThePromise(t *testing.T) {
	if Grace >= time.Second {
		t.Errorf("Grace is %v", Grace)
	}
}
