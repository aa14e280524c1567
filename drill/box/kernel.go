package box

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// devices are the character devices that every program may expect
// (Documentation/admin-guide/devices.txt). They are created and not bound from the
// root, because a small root lacks them.
var devices = []struct {
	name         string
	major, minor uint32
}{
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
}

// deviceLinks are the symbolic links of /dev.
var deviceLinks = [][2]string{
	{"pts/ptmx", "ptmx"}, {"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
}

// Root could write to the read-only paths below /proc without any capability,
// because only the mode of the file decides. They include settings of the kernel and
// sysrq. The hidden paths show the memory, keys and devices of the host. The lists
// are those of the OCI runtimes (https://github.com/opencontainers/runtime-spec,
// maskedPaths).
var (
	readOnlyProc = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
	hiddenProc   = []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/latency_stats", "/proc/mtrr",
		"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	}
)

// kernelFolders makes /dev, /proc and /sys.
func (t *tree) kernelFolders() error {
	if err := t.fileSystem("/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, name := range readOnlyProc {
		if err := t.cover(name, name); err != nil {
			return err
		}
	}
	if err := t.devices(); err != nil {
		return err
	}
	for _, name := range hiddenProc {
		if err := t.cover(name, ""); err != nil {
			return err
		}
	}
	// With the network of the host /sys is one file system for both, so only this
	// mount is made read-only.
	if err := t.fileSystem("/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	return t.cover("/sys", "/sys")
}

// fileSystem mounts a new file system of the kernel.
func (t *tree) fileSystem(at, kind string, flags uintptr, options string) error {
	target, err := t.folder(at)
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := unix.Mount(kind, descriptor(target), kind, flags, options); err != nil {
		return fmt.Errorf("%s: mount %s: %w", at, kind, err)
	}
	return nil
}

// cover mounts something read-only over a path, if it is there: a path of the tree,
// or what is empty.
func (t *tree) cover(at, with string) error {
	target, err := t.open(at)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(target)
	source := descriptor(target)
	if with == "" {
		var st unix.Stat_t
		if err := unix.Fstat(target, &st); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if source = path.Join(t.nodes, "null"); st.Mode&unix.S_IFMT == unix.S_IFDIR {
			if source, err = t.newFolder(0o555); err != nil {
				return err
			}
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return bind(source, target, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_RDONLY)
		}
	}
	return bind(source, target, readOnly|unix.MOUNT_ATTR_NOEXEC)
}

// devices makes /dev. Devices work only where the box has made them: everywhere else
// MS_NODEV is set.
func (t *tree) devices() error {
	target, err := t.folder("/dev")
	if err != nil {
		return err
	}
	source := path.Join(t.nodes, "dev")
	err = unix.Mkdir(source, 0o755)
	if err == nil {
		err = bind(source, target, writable|unix.MOUNT_ATTR_NOEXEC)
	}
	unix.Close(target)
	if err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for _, d := range devices {
		node := path.Join(t.nodes, d.name)
		if err := errors.Join(unix.Mknod(node, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))), unix.Chmod(node, 0o666),
			unix.Mknod(path.Join(source, d.name), unix.S_IFREG|0o666, 0)); err != nil {
			return fmt.Errorf("/dev/%s: %w", d.name, err)
		}
		place, err := t.open("/dev/" + d.name)
		if err != nil {
			return err
		}
		err = bind(node, place, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC)
		unix.Close(place)
		if err != nil {
			return fmt.Errorf("/dev/%s: %w", d.name, err)
		}
	}
	for _, l := range deviceLinks {
		if err := unix.Symlink(l[0], path.Join(source, l[1])); err != nil {
			return fmt.Errorf("/dev/%s: %w", l[1], err)
		}
	}
	if err := t.fileSystem("/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"); err != nil {
		return err
	}
	return t.empty(layer{At: "/dev/shm", Mode: 0o1777})
}

// enter changes the root to the merged tree, and gives up that of the host.
func (t *tree) enter() error {
	if err := unix.Fchdir(t.root); err != nil {
		return fmt.Errorf("merged root: %w", err)
	}
	// Both roots are stacked at one place, so no folder for the old one is needed
	// (pivot_root(2), "pivot_root(".", ".")").
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("root of the host: %w", err)
	}
	for _, fd := range []int{t.root, t.base} {
		unix.Close(fd)
	}
	return unix.Chdir("/")
}
