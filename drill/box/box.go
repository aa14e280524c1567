// Package box runs commands in a throw-away copy of a Gentoo root. Their writes go to
// the upper layer of an overlay, and nothing that they do reaches the host.
//
// A box is a process of this program, which is process 1 of its own mount, PID, IPC,
// UTS and network namespaces (namespaces(7)). It mounts an overlay whose lower layer
// is the root, changes its root to that (pivot_root(2)), and starts one command after
// the other. If the process ends for any reason, the kernel ends everything in the
// PID namespace and unmounts everything in the mount namespace. It ends when this
// program does, also by SIGKILL.
//
// # What a command sees
//
//   - the root and the file systems below it that belong to the system, each under an
//     overlay of its own (layout.go says which);
//   - /dev with null, zero, full, random, urandom, tty and pseudo terminals, /proc of
//     the PID namespace, /sys that is read-only;
//   - empty /run, /tmp, /home, /root, /mnt and /media. Folders that the caller names
//     ([Options].Keepers) are there all the same.
//
// # What a command cannot do
//
// It is root, with the capabilities that Portage needs to install files and no other
// (confine.go), and cannot get more (PR_SET_NO_NEW_PRIVS). So it cannot mount, load
// modules, set the clock, trace the process that started it, or reboot. Devices do
// not work on what it can write (MS_NODEV). The network namespace has no other
// interface than lo, and hides the abstract sockets of the host (unix(7)). No service
// listens at the sockets and FIFOs of the root, because the overlay has its own inodes
// for them. A filter of system calls takes away what else root has: the keyrings
// of the host, user namespaces, input for the terminal (seccomp.go).
//
// Its memory, processes and room are limited by the size of the scratch, by a cgroup
// if there is one, and by time. A box is no protection against a hostile kernel
// exploit: an administrator who merges a package trusts it anyway.
package box

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultPids is the largest number of processes and threads in a box.
const DefaultPids = 4096

// DefaultLogSize is the largest output of commands in a log, in bytes. A command may
// print without end, and the log is on a disk of the host.
const DefaultLogSize = 256 << 20

// Options say what a box is made of.
type Options struct {
	// Root is the absolute path of the root, without symbolic links.
	Root string
	// Scratch is the absolute path, without symbolic links, of the folder for what the
	// commands write. It is outside the root, or on another file system below it where
	// packages install nothing; "" is memory.
	Scratch string
	// Size is how many bytes the commands may write; 0 is half of the memory, and no
	// limit in a folder.
	Size int64
	// Network gives the commands the network of the host.
	Network bool
	// Pids is how many processes and threads there may be; 0 is [DefaultPids].
	Pids int
	// Keep leaves the layers in Scratch after Close, for [Reopen].
	Keep bool
	// Env is the environment of all commands, each as NAME=VALUE; PATH is needed.
	Env []string
	// Keepers are folders inside the root, without symbolic links, that the box has
	// on any file system: PKGDIR, DISTDIR, the repositories.
	Keepers []string
	// Remove are files inside the root that are not in the box.
	Remove []string
	// TimeLimit is how long all commands together may take; 0 is no limit.
	TimeLimit time.Duration
	// Log gets what the commands print, and what is missing in the box.
	Log io.Writer
	// LogSize is the largest output in Log, in bytes; 0 is [DefaultLogSize].
	LogSize int64
	// Progress is called with what the commands print, and may be nil.
	Progress func(Event)
	// Terminal gives the commands the terminal of this process instead of the log.
	Terminal bool
	// Now is the clock.
	Now func() time.Time
}

// Step is one command. It is run without a shell.
type Step struct {
	Name string
	Argv []string
	// Env is added to [Options].Env.
	Env []string
	// Dir is the working directory inside the box; "" is "/".
	Dir string
	// AppendTo is a file inside the box that gets the standard output instead of the
	// log.
	AppendTo string
	// Output gets the output too, and may be nil.
	Output io.Writer `json:"-"`
}

// Event is one line that a command printed, or the start of a step if Line is "".
type Event struct {
	Step string
	Line string
}

// Outcome is how a command ended.
type Outcome struct {
	// ExitCode is 127 if the command could not be started, and -1 if a signal
	// ended it.
	ExitCode int
	// Signal names the signal that ended the command, or is "".
	Signal string
	// TimedOut and NoRoom report that the command was killed for that reason. A
	// command that meets a full scratch and ends by itself has its exit code.
	TimedOut bool
	NoRoom   bool
	Duration time.Duration
	// Tail is the end of the output, at most 16 KiB.
	Tail string
}

// OK reports whether the command ended with exit code 0.
func (o Outcome) OK() bool { return o.ExitCode == 0 && o.Signal == "" && !o.TimedOut && !o.NoRoom }

// Layer is one file system of the root in the box.
type Layer struct {
	// Mount is the path inside the root.
	Mount string
	// Upper is the folder with the changes of the commands, as a path of this
	// process. It is "" if Mount is read-only in the box. A character device 0:0 in it
	// marks a removed file.
	Upper string
}

// Errors of a box.
var (
	// ErrNotRoot is returned if the process does not run as root.
	ErrNotRoot = errors.New("only root can make namespaces and mounts")
	// ErrInside is wrapped if Scratch is inside the root.
	ErrInside = errors.New("is inside the root, which is the lower layer of the overlay; name a folder on another file system")
	// ErrEnded is wrapped if the process that holds the box ended.
	ErrEnded = errors.New("the namespaces of the drill ended")
)

// ImpossibleError reports that this kernel or this root does not allow a box. Nothing
// was run.
type ImpossibleError struct {
	// Tried are the attempts, in order, each with its error.
	Tried []string
}

func (e *ImpossibleError) Error() string {
	return "drill: no overlay of the root can be made here: " + strings.Join(e.Tried, "; ")
}

// Hint is what to do about it.
func (*ImpossibleError) Hint() string {
	return "the last lines of dmesg have the kernel's reason; a drill needs overlayfs (CONFIG_OVERLAY_FS) and a root that is no overlay over an overlay"
}

// Box is a running box. Its methods are for one goroutine.
type Box struct {
	options Options
	init    *exec.Cmd
	lines   lines
	conn    *os.File
	out     *json.Encoder
	replies chan reply
	ended   chan struct{} // closed when process 1 was reaped
	cgroup  cgroup
	scratch *scratch // nil: in memory
	layers  []Layer
	uppers  []*os.File
	left    time.Duration // of TimeLimit
	limited bool
	logged  int64 // bytes in the log
	logFull bool
	dead    bool
}

// Open makes a box. If ctx ends while it is made, there is none.
func Open(ctx context.Context, o Options) (_ *Box, err error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	mounts, err := visibleMounts(o.Root)
	if err != nil {
		return nil, err
	}
	s := setup{Root: o.Root, Size: o.Size, Network: o.Network, Pids: cmp.Or(o.Pids, DefaultPids), Terminal: o.Terminal, Remove: o.Remove}
	var absent []string
	s.Layers, absent = layersOf(o.Root, o.Scratch, mounts, slices.DeleteFunc(slices.Clone(o.Keepers), func(k string) bool {
		info, err := os.Lstat(filepath.Join(o.Root, k))
		return err != nil || !info.IsDir()
	}))
	b := newBox(o)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	for _, a := range absent {
		b.note("%s is not in the drill", a)
	}
	if o.Scratch != "" {
		for _, l := range s.Layers {
			if l.Kind == overlay && inLayer(filepath.Join(o.Root, l.At), o.Scratch, mounts) {
				return nil, fmt.Errorf("%s: %w", o.Scratch, ErrInside)
			}
		}
		if b.scratch, err = newScratch(o.Scratch, o.Size, o.Keep); err != nil {
			return nil, err
		}
		s.Scratch = b.scratch.dir
		if err := b.scratch.write(s); err != nil {
			return nil, err
		}
	}
	return b, b.open(ctx, s)
}

// Reopen makes a box from the folder that another box kept ([Options].Keep), and
// keeps it again. The folder decides what the box is made of, and o the rest.
func Reopen(ctx context.Context, dir string, o Options) (_ *Box, err error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	b := newBox(o)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	var s setup
	if b.scratch, s, err = reopenScratch(dir); err != nil {
		return nil, err
	}
	s.Terminal, s.Network = o.Terminal, o.Network
	return b, b.open(ctx, s)
}

func newBox(o Options) *Box {
	if o.Log == nil {
		o.Log = io.Discard
	}
	return &Box{options: o, ended: make(chan struct{}), left: o.TimeLimit, limited: o.TimeLimit > 0}
}

// open starts the namespaces and mounts what the setup says.
func (b *Box) open(ctx context.Context, s setup) (err error) {
	if b.cgroup, err = newCgroup(s.Pids); err != nil {
		b.note("the number of processes is not limited for root: %v", err)
	}
	if err := b.start(); err != nil {
		return err
	}
	return b.handshake(ctx, s)
}

// note writes a line into the log.
func (b *Box) note(format string, args ...any) {
	fmt.Fprintf(b.options.Log, "drill: "+format+"\n", args...)
}

// start starts process 1.
func (b *Box) start() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("drill: socket: %w", err)
	}
	b.conn = os.NewFile(uintptr(pair[0]), "drill")
	theirs := os.NewFile(uintptr(pair[1]), "drill")
	defer theirs.Close()
	// Without these pipes os/exec opens /dev/null, which a small root does not have.
	stdin, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	w.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"emaudit", initArgument}
	cmd.Env = []string{}
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, b.options.Log, b.options.Log
	if b.options.Terminal {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Setsid:     !b.options.Terminal,
		// A closed socket ends it, too, but not a process that is stopped.
		Pdeathsig: unix.SIGKILL,
	}
	if !b.options.Network {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
	}
	started := make(chan error)
	go func() {
		// Pdeathsig is sent when the thread that started the process ends
		// (https://go.dev/issue/27505), so it is kept until then. It ends with the
		// goroutine.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(b.ended)
		}
	}()
	if err := <-started; err != nil {
		return &ImpossibleError{Tried: []string{fmt.Sprintf("namespaces: %v", err)}}
	}
	b.init, b.out, b.replies = cmd, json.NewEncoder(b.conn), make(chan reply)
	go func() {
		defer close(b.replies)
		for in := json.NewDecoder(b.conn); ; {
			var r reply
			if in.Decode(&r) != nil {
				return
			}
			select {
			case b.replies <- r:
			case <-b.ended:
				return
			}
		}
	}()
	return nil
}

// handshake sends what the box is made of, and opens the upper layers before process
// 1 leaves the root of the host.
func (b *Box) handshake(ctx context.Context, s setup) error {
	if err := b.cgroup.add(b.init.Process.Pid); err != nil {
		return fmt.Errorf("drill: cgroup: %w", err)
	}
	r, err := b.ask(ctx, request{Setup: &s})
	if err != nil {
		return err
	}
	for i, l := range s.Layers {
		if l.Kind != overlay {
			continue
		}
		if r.Absent[i] {
			b.note("%s is not in the drill: it is no file or folder", l.At)
			continue
		}
		layer := Layer{Mount: l.At}
		switch {
		case r.ReadOnly[i]:
			b.note("%s is read-only in the drill", l.At)
		case b.scratch != nil:
			layer.Upper = filepath.Join(b.scratch.dir, upperOf(i))
		default:
			f, err := os.OpenFile(filepath.Join(fmt.Sprintf("/proc/%d/root", b.init.Process.Pid), stagePoint, upperOf(i)), unix.O_PATH|unix.O_DIRECTORY, 0)
			if err != nil {
				return fmt.Errorf("drill: upper layer: %w", err)
			}
			b.uppers = append(b.uppers, f)
			layer.Upper = fmt.Sprintf("/proc/self/fd/%d", f.Fd())
		}
		b.layers = append(b.layers, layer)
	}
	_, err = b.ask(ctx, request{Enter: true})
	return err
}

// ask sends a request and waits for its reply.
func (b *Box) ask(ctx context.Context, q request) (reply, error) {
	if err := b.out.Encode(q); err != nil {
		return reply{}, fmt.Errorf("drill: %w: %w", ErrEnded, err)
	}
	select {
	case <-ctx.Done():
		return reply{}, ctx.Err()
	case r, ok := <-b.replies:
		switch {
		case !ok:
			return reply{}, fmt.Errorf("drill: %w", ErrEnded)
		case r.Error != "":
			return reply{}, &ImpossibleError{Tried: append(r.Tried, r.Error)}
		}
		return r, nil
	}
}

// Root is the merged tree as a path of this process. It is valid until Close.
func (b *Box) Root() string { return fmt.Sprintf("/proc/%d/root", b.init.Process.Pid) }

// Upper returns the layers of the root, the root itself first. They are valid until
// Close.
func (b *Box) Upper() []Layer { return b.layers }

// Used is how many bytes of the scratch the commands have taken. In a folder, what
// others took of its file system since Open counts too.
func (b *Box) Used() (int64, error) {
	if b.scratch != nil {
		used, _, err := b.scratch.used()
		return used, err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(b.uppers[0].Fd()), &st); err != nil {
		return 0, fmt.Errorf("drill: statfs: %w", err)
	}
	return int64(st.Blocks-st.Bfree) * int64(st.Bsize), nil
}

// Kept is the folder that is kept after Close, or "".
func (b *Box) Kept() string {
	if b.scratch != nil && b.scratch.keep {
		return b.scratch.dir
	}
	return ""
}

// Close ends everything in the box and removes what it wrote, except with Keep. It
// may be called more than once.
func (b *Box) Close() error {
	var errs []error
	if b.init != nil {
		_ = b.init.Process.Kill() // an error means that it has ended
		<-b.ended
	}
	for _, f := range b.uppers {
		errs = append(errs, f.Close())
	}
	b.uppers = nil
	if b.conn != nil {
		errs = append(errs, b.conn.Close())
		b.conn = nil
	}
	errs = append(errs, b.cgroup.remove())
	b.cgroup = cgroup{}
	if b.scratch != nil {
		errs = append(errs, b.scratch.close())
		b.scratch = nil
	}
	return errors.Join(errs...)
}
