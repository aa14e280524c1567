package box

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// act is the program in the roots of the tests.
func act(args []string) int {
	err := actions[args[0]](args[1:])
	var code exitCode
	switch {
	case errors.As(err, &code):
		return int(code)
	case err != nil:
		fmt.Println(err)
		return 1
	}
	return 0
}

type exitCode int

func (exitCode) Error() string { return "" }

var actions = map[string]func([]string) error{
	"write":   func(a []string) error { return os.WriteFile(a[0], []byte(a[1]), 0o644) },
	"remove":  func(a []string) error { return os.Remove(a[0]) },
	"say":     func(a []string) error { _, err := fmt.Println(strings.Join(a, " ")); return err },
	"exit":    func(a []string) error { var n int; fmt.Sscan(a[0], &n); return exitCode(n) },
	"die":     func([]string) error { return errors.Join(unix.Kill(os.Getpid(), unix.SIGKILL), forever()) },
	"env":     func(a []string) error { _, err := fmt.Println(os.Getenv(a[0])); return err },
	"dir":     func([]string) error { dir, err := os.Getwd(); fmt.Println(dir); return err },
	"hang":    func([]string) error { return forever() },
	"connect": func(a []string) error { return connect(a[0]) },
	"cat": func(a []string) error {
		content, err := os.ReadFile(a[0])
		fmt.Print(string(content))
		return err
	},
	"read": func([]string) error {
		content, err := io.ReadAll(os.Stdin)
		fmt.Println(len(content), "bytes")
		return err
	},
	"processes": func([]string) error {
		all, err := filepath.Glob("/proc/[0-9]*")
		fmt.Println(len(all))
		return err
	},
	// A process that its parent leaves behind, with the output open.
	"orphan": func([]string) error {
		cmd := exec.Command("/bin/act", "hang")
		cmd.Stdout = os.Stdout
		cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
		return cmd.Start()
	},
	"forks": func([]string) error {
		for range 1000 {
			if err := exec.Command("/bin/act", "hang").Start(); err != nil {
				return exitCode(7)
			}
		}
		return nil
	},
	"type": func([]string) error { return needs(typeIntoTerminal()) },
	"flood": func([]string) error {
		for line := []byte(strings.Repeat("flood ", 1000) + "\n"); ; {
			if _, err := os.Stdout.Write(line); err != nil {
				return err
			}
		}
	},
	"fill": func(a []string) error {
		f, err := os.Create(a[0])
		if err != nil {
			return err
		}
		for block := make([]byte, 1<<20); ; {
			if _, err := f.Write(block); err != nil {
				return err
			}
			if err := f.Sync(); err != nil {
				return err
			}
			if info, err := f.Stat(); err != nil || info.Size() > 1<<29 {
				return errors.Join(err, errors.New("half a gigabyte was written"))
			}
		}
	},
	"attack": func(a []string) error {
		for name, try := range attacks(a[0]) {
			if err := try(); err != nil {
				fmt.Printf("%s: refused: %v\n", name, err)
			} else {
				fmt.Printf("%s: done\n", name)
			}
		}
		return nil
	},
}

func forever() error {
	time.Sleep(time.Hour)
	return nil
}

func connect(name string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: name})
}

// attacks are attempts to reach the host; abstract is an abstract socket of it. One
// that succeeds does no harm: whoever breaks the box to see this test fail has a host
// that works.
func attacks(abstract string) map[string]func() error {
	write := func(name string) func() error {
		return func() error {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err == nil {
				f.Close()
			}
			return err
		}
	}
	open := func(name string) func() error {
		return func() error {
			f, err := os.Open(name)
			if err == nil {
				f.Close()
			}
			return err
		}
	}
	device := func(dir string) func() error {
		return func() error {
			name := filepath.Join(dir, "disk")
			// Making the node is no harm; using it would be.
			if err := unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
				return err
			}
			return open(name)()
		}
	}
	return map[string]func() error{
		"mount":           func() error { return unix.Mount("none", "/tmp", "tmpfs", 0, "") },
		"remount":         func() error { return unix.Mount("", "/sys", "", unix.MS_REMOUNT|unix.MS_BIND, "") },
		"unmount":         func() error { return unix.Unmount("/proc/sys", unix.MNT_DETACH) },
		"mount namespace": func() error { return unix.Unshare(unix.CLONE_NEWNS) },
		"chroot":          func() error { return unix.Chroot("/usr") },
		"device in root":  device("/etc"),
		"device in tmp":   device("/tmp"),
		"device in dev":   device("/dev"),
		"device in shm":   device("/dev/shm"),
		"reboot":          func() error { return needs(unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_ON)) },
		"clock": func() error {
			var now unix.Timeval
			if err := unix.Gettimeofday(&now); err != nil {
				return err
			}
			return needs(unix.Settimeofday(&now))
		},
		"hostname":          func() error { return unix.Sethostname([]byte("drill")) },
		"module":            func() error { return needs(unix.DeleteModule("none", 0)) },
		"kernel log":        func() error { _, err := unix.Klogctl(3, make([]byte, 100)); return err },
		"sysctl":            write("/proc/sys/kernel/core_pattern"),
		"sysrq":             write("/proc/sysrq-trigger"),
		"sysfs":             write("/sys/kernel/profiling"),
		"process 1 memory":  open("/proc/1/mem"),
		"process 1 program": open("/proc/1/exe"),
		"process 1 root":    open("/proc/1/root/etc"),
		"process 1 files":   open("/proc/1/fd/3"),
		"process 1 environ": open("/proc/1/environ"),
		"trace process 1": func() error {
			// The rights are those of ptrace(2), and nothing stops.
			_, err := unix.ProcessVMReadv(1, []unix.Iovec{{Base: new(byte), Len: 1}}, []unix.RemoteIovec{{Base: 1, Len: 1}}, 0)
			return needs(err)
		},
		"file handle": func() error {
			handle, id, err := unix.NameToHandleAt(unix.AT_FDCWD, "/tmp", 0)
			if err != nil {
				return err
			}
			_ = id
			_, err = unix.OpenByHandleAt(unix.AT_FDCWD, handle, unix.O_RDONLY)
			return err
		},
		"cgroup":                    write("/sys/fs/cgroup/cgroup.procs"),
		"keyring of root":           func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); return err },
		"user namespace":            func() error { return child(&unix.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}, "say") },
		"user namespace of a child": func() error { return child(&unix.SysProcAttr{Unshareflags: unix.CLONE_NEWUSER}, "say") },
		"terminal input":            func() error { return child(&unix.SysProcAttr{Setsid: true}, "type") },
		"hypervisor": func() error {
			fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0)
			if err == nil {
				unix.Close(fd)
			}
			return err
		},
		"io_uring": func() error {
			_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
			return needs(errno)
		},
		"file of the caller": func() error { return unix.Fstat(inherited, new(unix.Stat_t)) },
		// Process 1 and this one get none of it.
		"signals for all": func() error { return unix.Kill(-1, unix.SIGTERM) },
		"abstract socket": func() error { return connect(abstract) },
		"socket":          func() error { return connect("/var/lib/socket") },
		"fifo": func() error {
			f, err := os.OpenFile("/var/lib/fifo", os.O_WRONLY|unix.O_NONBLOCK, 0)
			if err == nil {
				f.Close()
			}
			return err
		},
		"files of users":    open("/home/user/secret"),
		"services":          open("/run/service"),
		"more rights":       func() error { return raiseCapability() },
		"larger core limit": func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}) },
		// Process 1 must outlive whatever it is sent.
		"kill the parent": func() error {
			for s := unix.Signal(1); s < 65; s++ {
				if s != unix.SIGCHLD {
					_ = unix.Kill(1, s)
				}
			}
			time.Sleep(50 * time.Millisecond)
			if err := unix.Kill(1, 0); err != nil {
				return nil
			}
			return errors.New("it lives")
		},
	}
}

// needs returns the error of a system call that failed for a lack of rights, and no
// other error.
func needs(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		return err
	}
	return nil
}

// inherited is a descriptor that a test leaves open for the programs that it starts.
const inherited = 77

// child runs an action in a process with other attributes.
func child(attr *unix.SysProcAttr, action string) error {
	cmd := exec.Command("/bin/act", action)
	cmd.SysProcAttr = attr
	return cmd.Run()
}

// typeIntoTerminal makes a terminal that controls this process, and puts a character
// into its input.
func typeIntoTerminal() error {
	signal.Ignore(unix.SIGHUP) // which it gets when the terminal goes
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer master.Close()
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer terminal.Close()
	letter := byte('x')
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, terminal.Fd(), unix.TIOCSTI, uintptr(unsafe.Pointer(&letter))); errno != 0 {
		return errno
	}
	return nil
}

// raiseCapability asks for CAP_SYS_ADMIN.
func raiseCapability() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Permitted |= 1 << unix.CAP_SYS_ADMIN
	data[0].Effective |= 1 << unix.CAP_SYS_ADMIN
	_, _, errno := unix.Syscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// drive opens a box and says where it is, a line each, until it is killed. Its
// arguments are the root, the scratch, and what is mounted before.
func drive(args []string) int {
	ctx := context.Background()
	root := args[0]
	for _, m := range args[2:] {
		kind, at, _ := strings.Cut(m, "=")
		var err error
		switch kind {
		case "tmpfs":
			err = unix.Mount("none", filepath.Join(root, at), "tmpfs", 0, "")
		case "overlay":
			for _, dir := range []string{"upper", "work"} {
				err = errors.Join(err, os.Mkdir(filepath.Join(at, dir), 0o755))
			}
			err = errors.Join(err, unix.Mount("none", root, "overlay", 0, fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", root, at, at)))
		case "socket":
			// A service, and its socket bound to a place below the root.
			source := filepath.Join(args[0]+"-socket", "s")
			err = os.Mkdir(filepath.Dir(source), 0o755)
			var fd int
			if err == nil {
				fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			}
			if err == nil {
				err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: source}), unix.Listen(fd, 1), unix.Mount(source, filepath.Join(root, at), "", unix.MS_BIND, ""))
			}
		case "write":
			err = os.WriteFile(filepath.Join(root, at), []byte("below\n"), 0o644)
		}
		if err != nil {
			fmt.Println(m, err)
			return 1
		}
	}
	b, err := Open(ctx, Options{Root: root, Scratch: args[1], Size: 64 << 20, Log: os.Stdout, Now: time.Now, Env: []string{"PATH=/bin"}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("opened %d\n", b.init.Process.Pid)
	for _, s := range [][]string{{"write", "/etc/new", "new"}, {"cat", "/usr/lib/removed"}, {"cat", "/home/user/secret"}, {"cat", "/var/lib/mounted"}, {"write", "/var/lib/mounted", "above"}, {"connect", "/etc/old"}, {"say", "hanging"}, {"hang"}} {
		if _, err := b.Run(ctx, Step{Argv: append([]string{"act"}, s...)}); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}
