package box

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kept are the capabilities of commands: what Portage needs to unpack files with
// their owners, modes and capabilities, to run phases as another user (userpriv), and
// to end what it started. Missing are, among others, sys_admin (mount), sys_module,
// sys_time, sys_boot, sys_ptrace, net_admin, and two that lead out of a chroot or an
// overlay: sys_chroot and dac_read_search (open_by_handle_at(2)). mknod is there for
// packages with device nodes, which do not work anywhere.
var kept = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_SETFCAP,
	unix.CAP_MKNOD,
}

// confine takes away from this thread, and from the commands that it starts, what
// they do not need. A command gets its capabilities when it is executed: as root all
// that are in the bounding set, and the inheritable ones (capabilities(7)).
func confine(s setup) error {
	keep := map[uintptr]bool{}
	for _, c := range kept {
		keep[c] = true
	}
	for c := uintptr(0); c < 64; c++ {
		if keep[c] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // the kernel has no more
		} else if err != nil {
			return fmt.Errorf("capabilities: %w", err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	// A session keyring without a name replaces the one of the user who started the
	// drill (keyrings(7)).
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("keyring: %w", err)
	}
	if s.Network {
		if err := scopeSockets(); err != nil {
			return err
		}
	}
	// The host may pass core dumps to a program outside of all namespaces. A limit of
	// 1 forbids that, too (core(5), fs/coredump.c).
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}); err != nil {
		return fmt.Errorf("core limit: %w", err)
	}
	// This limits phases with userpriv. A cgroup limits root.
	limit := unix.Rlimit{Cur: uint64(s.Pids), Max: uint64(s.Pids)}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
		return fmt.Errorf("process limit: %w", err)
	}
	unix.Umask(0o022)
	return filterCalls()
}

// scopeSockets hides the abstract sockets of the host from commands that share its
// network (landlock(7), Linux 6.12). Older kernels cannot.
func scopeSockets() error {
	attr := unix.LandlockRulesetAttr{Scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("the abstract sockets of the host cannot be hidden together with its network: landlock: %w", errno)
	}
	defer unix.Close(int(fd))
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

// raiseLoopback brings up lo in the network namespace of the box.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	return nil
}
