package box

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A filter of system calls (seccomp(2)) refuses what neither capabilities nor
// namespaces take away from root:
//
//   - keyrings: those of a user are shared by all of its processes (keyrings(7));
//   - user namespaces, in which a process has all capabilities;
//   - input for the terminal, which the shell of the host would read after a drill
//     with a terminal (TIOCSTI, TIOCLINUX; ioctl_tty(2));
//   - socket families that no network namespace confines, such as AF_VSOCK, which
//     leads to the hypervisor;
//   - io_uring, whose requests no filter sees.

// abi is one kind of system calls of a kernel.
type abi struct {
	arch       uint32
	mask       uint32 // the bits of a number that count
	keyrings   []uint32
	ioctls     []uint32
	socket     uint32
	socketcall uint32 // 0 if there is none
	unshare    uint32
	clone      uint32
	cloneFlags uint32 // the argument of clone that has the flags
}

// Numbers that all architectures have in common.
const (
	ioUringSetup = 425 // and the next two
	clone3       = 435
)

// architectures are the native ones, as audit(7) names them.
var architectures = map[string]uint32{
	"386": unix.AUDIT_ARCH_I386, "amd64": unix.AUDIT_ARCH_X86_64, "arm": unix.AUDIT_ARCH_ARM, "arm64": unix.AUDIT_ARCH_AARCH64, "loong64": unix.AUDIT_ARCH_LOONGARCH64,
	"ppc64": unix.AUDIT_ARCH_PPC64, "ppc64le": unix.AUDIT_ARCH_PPC64LE, "riscv64": unix.AUDIT_ARCH_RISCV64, "s390x": unix.AUDIT_ARCH_S390X,
}

// abis returns the native ABI and the 32-bit one that the kernel also has.
func abis() ([]abi, error) {
	arch, known := architectures[runtime.GOARCH]
	if !known {
		return nil, fmt.Errorf("no filter of system calls is known for %s", runtime.GOARCH)
	}
	native := abi{
		arch: arch, mask: ^uint32(0), keyrings: []uint32{unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL},
		ioctls: []uint32{unix.SYS_IOCTL}, socket: unix.SYS_SOCKET, unshare: unix.SYS_UNSHARE, clone: unix.SYS_CLONE,
	}
	if runtime.GOARCH == "s390x" {
		native.cloneFlags = 1 // its first argument is the stack (clone(2))
	}
	all := []abi{native}
	switch runtime.GOARCH {
	case "amd64":
		// The calls of x32 have a bit more, and an ioctl of their own.
		all[0].mask = ^uint32(0x40000000)
		all[0].ioctls = append(all[0].ioctls, 514)
		all = append(all, abi{arch: unix.AUDIT_ARCH_I386, mask: ^uint32(0), keyrings: []uint32{286, 287, 288}, ioctls: []uint32{54}, socket: 359, socketcall: 102, unshare: 310, clone: 120})
	case "arm64":
		all = append(all, abi{arch: unix.AUDIT_ARCH_ARM, mask: ^uint32(0), keyrings: []uint32{309, 310, 311}, ioctls: []uint32{54}, socket: 281, socketcall: 102, unshare: 337, clone: 120})
	}
	return all, nil
}

// families are the sockets that a drill may have. A network namespace confines them.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

// filterCalls installs the filter for this thread and the commands that it starts.
func filterCalls() error {
	all, err := abis()
	if err != nil {
		return err
	}
	program := filterProgram(all)
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return fmt.Errorf("filter of system calls: seccomp: %w", errno)
	}
	return nil
}

// Offsets in struct seccomp_data.
const (
	numberAt    = 0
	archAt      = 4
	argumentsAt = 16
)

func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

// argument loads the lower half of an argument: that of an int.
func argument(i uint32) unix.SockFilter {
	at := argumentsAt + 8*i
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		at += 4
	}
	return load(at)
}

func jump(kind uint16, k uint32, yes, no int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | kind | unix.BPF_K, K: k, Jt: uint8(yes), Jf: uint8(no)}
}

func allow() unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
}

func refuse(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}

// filterProgram is the filter. A call of another ABI is not there.
func filterProgram(all []abi) []unix.SockFilter {
	program := []unix.SockFilter{load(archAt)}
	for _, a := range all {
		calls := a.filter()
		program = append(program, jump(unix.BPF_JEQ, a.arch, 1, 0), unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(calls))})
		program = append(program, calls...)
	}
	return append(program, refuse(unix.ENOSYS))
}

func (a abi) filter() []unix.SockFilter {
	program := []unix.SockFilter{load(numberAt), {Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: a.mask}}
	// on adds what decides about one call.
	on := func(number uint32, then ...unix.SockFilter) {
		if number != 0 {
			program = append(append(program, jump(unix.BPF_JEQ, number, 0, len(then))), then...)
		}
	}
	for _, number := range append([]uint32{ioUringSetup, ioUringSetup + 1, ioUringSetup + 2, clone3}, a.keyrings...) {
		on(number, refuse(unix.ENOSYS)) // as in a kernel without it, so that libraries do without
	}
	for _, number := range a.ioctls {
		on(number, argument(1), jump(unix.BPF_JEQ, unix.TIOCSTI, 1, 0), jump(unix.BPF_JEQ, unix.TIOCLINUX, 0, 1), refuse(unix.EPERM), allow())
	}
	on(a.unshare, argument(0), jump(unix.BPF_JSET, unix.CLONE_NEWUSER, 0, 1), refuse(unix.EPERM), allow())
	on(a.clone, argument(a.cloneFlags), jump(unix.BPF_JSET, unix.CLONE_NEWUSER, 0, 1), refuse(unix.EPERM), allow())
	known := []unix.SockFilter{argument(0)}
	for i, family := range families {
		known = append(known, jump(unix.BPF_JEQ, family, len(families)-i, 0))
	}
	on(a.socket, append(known, refuse(unix.EAFNOSUPPORT), allow())...)
	// The family is in memory, where the filter does not see it. Its first call is
	// socket(2).
	on(a.socketcall, argument(0), jump(unix.BPF_JEQ, 1, 0, 1), refuse(unix.ENOSYS), allow())
	return append(program, allow())
}
