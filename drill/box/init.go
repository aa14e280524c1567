package box

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Init is process 1 of a box, if that is what the process was started for; args are
// its arguments. A program that opens boxes calls it before anything else, and exits
// with the code.
func Init(args []string) (code int, isInit bool) {
	if len(args) != 2 || args[1] != initArgument {
		return 0, false
	}
	// A process of the box can neither trace this one nor open its files below /proc.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 1, true
	}
	// No signal from a process of the box ends this one (pid_namespaces(7)). The
	// signals are caught, because the commands would inherit ignored ones.
	signal.Notify(make(chan os.Signal, 1))
	conn := os.NewFile(3, "drill")
	// A command could leave the box through a file that the caller left open.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return 1, true
	}
	p := &processOne{out: json.NewEncoder(conn), work: make(chan request)}
	go p.serve()
	for in := json.NewDecoder(conn); ; {
		var q request
		if err := in.Decode(&q); err != nil {
			// The parent has ended. So does this process, and with it the namespaces.
			return 0, true
		}
		if q.Kill {
			killAll()
			continue
		}
		p.work <- q
	}
}

// killAll ends all other processes of the PID namespace, including those that are
// being forked (kill(2), fork(2)).
func killAll() { _ = unix.Kill(-1, unix.SIGKILL) }

// processOne carries out the requests of the parent.
type processOne struct {
	mutex sync.Mutex // of out
	out   *json.Encoder
	work  chan request
	tree  *tree
	setup setup
	null  *os.File
}

// send sends a reply. If that fails, the parent has ended, and so will this process.
func (p *processOne) send(r reply) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_ = p.out.Encode(r)
}

// serve does the work in one thread. [confine] takes privileges from this thread and
// from the commands that it starts. The other threads keep theirs.
func (p *processOne) serve() {
	runtime.LockOSThread()
	for q := range p.work {
		var r reply
		var err error
		switch {
		case q.Setup != nil:
			p.setup = *q.Setup
			p.tree, err = buildTree(p.setup)
			r.ReadOnly, r.Absent, r.Tried = p.tree.readOnly, p.tree.absent, p.tree.tried
		case q.Enter:
			if err = p.tree.enter(); err == nil {
				err = p.prepare()
			}
		case q.Step != nil:
			var e exit
			if e, err = p.run(*q.Step); err != nil {
				p.send(reply{Output: []byte("drill: " + err.Error() + "\n")})
				e, err = exit{Code: 127}, nil
			}
			r.Exit = &e
		}
		if err != nil {
			r.Error = err.Error()
		}
		p.send(r)
	}
}

// prepare removes files, and takes away what the commands do not need.
func (p *processOne) prepare() (err error) {
	for _, name := range p.setup.Remove {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	// If memory runs out, the kernel kills the drill first.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("800"), 0); err != nil {
		return err
	}
	if !p.setup.Network {
		if err := raiseLoopback(); err != nil {
			return err
		}
	}
	if p.null, err = os.OpenFile("/dev/null", os.O_RDWR, 0); err != nil {
		return err
	}
	return confine(p.setup)
}

// run runs a command and ends what it leaves behind.
func (p *processOne) run(s Step) (exit, error) {
	if len(s.Argv) == 0 {
		return exit{}, errNoCommand
	}
	program, err := lookPath(s.Argv[0], s.Env)
	if err != nil {
		return exit{}, err
	}
	dir := s.Dir
	if dir == "" {
		dir = "/"
	}
	attr := &unixProcAttr{Dir: dir, Env: s.Env, Sys: &unix.SysProcAttr{Setsid: true}}
	read := make(chan struct{})
	switch {
	case p.setup.Terminal:
		attr.Files = []uintptr{0, 1, 2}
		attr.Sys.Setsid = false
		close(read)
	default:
		r, w, err := os.Pipe()
		if err != nil {
			return exit{}, err
		}
		defer w.Close()
		stdout := w
		if s.AppendTo != "" {
			if stdout, err = os.OpenFile(s.AppendTo, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o644); err != nil {
				r.Close()
				return exit{}, err
			}
			defer stdout.Close()
		}
		attr.Files = []uintptr{p.null.Fd(), stdout.Fd(), w.Fd()}
		go func() {
			defer close(read)
			defer r.Close()
			p.copy(r)
		}()
		defer func() {
			w.Close()
			<-read
		}()
	}
	pid, err := forkExec(program, s.Argv, attr)
	if err != nil {
		return exit{}, &os.PathError{Op: "exec", Path: program, Err: err}
	}
	var e exit
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil: // ECHILD: there are no more
			return e, nil
		case ended == pid:
			e = exitOf(status)
			killAll()
		}
	}
}

// exitOf is how a process ended.
func exitOf(status unix.WaitStatus) exit {
	if status.Signaled() {
		return exit{Code: -1, Signal: unix.SignalName(status.Signal())}
	}
	return exit{Code: status.ExitStatus()}
}

// copy sends what a command prints.
func (p *processOne) copy(r io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			p.send(reply{Output: buffer[:n]})
		}
		if err != nil {
			return
		}
	}
}

// lookPath finds a program in the PATH of an environment.
func lookPath(name string, env []string) (string, error) {
	for _, candidate := range candidates(name, env) {
		var st unix.Stat_t
		if unix.Stat(candidate, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("%s: no such program in the root", name)
}

// unixProcAttr says how a process is started. Package unix has no fork.
type unixProcAttr = syscall.ProcAttr

// forkExec starts a program. Process 1 waits for all processes at once, which os/exec
// does not allow for.
func forkExec(program string, argv []string, attr *unixProcAttr) (pid int, err error) {
	return syscall.ForkExec(program, argv, attr)
}

// candidates are the paths at which a program may be. The last PATH of env counts.
func candidates(name string, env []string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var all []string
	for i := len(env) - 1; i >= 0; i-- {
		if dirs, ok := strings.CutPrefix(env[i], "PATH="); ok {
			for dir := range strings.SplitSeq(dirs, ":") {
				if path.IsAbs(dir) {
					all = append(all, path.Join(dir, name))
				}
			}
			return all
		}
	}
	return nil
}
