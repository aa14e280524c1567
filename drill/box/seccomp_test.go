package box

import (
	"encoding/binary"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// decide runs the filter on a system call, as the kernel does.
func decide(t *testing.T, program []unix.SockFilter, arch, number uint32, args ...uint64) unix.Errno {
	t.Helper()
	data := make([]byte, 64)
	binary.NativeEndian.PutUint32(data, number)
	binary.NativeEndian.PutUint32(data[archAt:], arch)
	for i, a := range args {
		binary.NativeEndian.PutUint64(data[argumentsAt+8*i:], a)
	}
	a := uint32(0)
	for pc := 0; pc < len(program); pc++ {
		in := program[pc]
		truth := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.NativeEndian.Uint32(data[in.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= in.K
			continue
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
			continue
		case unix.BPF_RET | unix.BPF_K:
			if in.K == unix.SECCOMP_RET_ALLOW {
				return 0
			}
			return unix.Errno(in.K &^ unix.SECCOMP_RET_ERRNO)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			truth = a == in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			truth = a&in.K != 0
		default:
			t.Fatalf("instruction %+v", in)
		}
		if truth {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	t.Fatal("the filter does not end")
	return 0
}

func TestTheFilterOfSystemCalls(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers below are those of amd64")
	}
	all, err := abis()
	if err != nil {
		t.Fatal(err)
	}
	program := filterProgram(all)
	const amd64, i386, x32 = unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, 0x40000000
	for _, test := range []struct {
		what   string
		arch   uint32
		number uint32
		args   []uint64
		want   unix.Errno
	}{
		{"read", amd64, unix.SYS_READ, nil, 0},
		{"keyctl", amd64, unix.SYS_KEYCTL, nil, unix.ENOSYS},
		{"keyctl of x32", amd64, x32 | unix.SYS_KEYCTL, nil, unix.ENOSYS},
		{"add_key, 32 bits", i386, 286, nil, unix.ENOSYS},
		{"what is keyctl elsewhere", i386, unix.SYS_KEYCTL, nil, 0},
		{"io_uring_register", amd64, 427, nil, unix.ENOSYS},
		{"clone3, 32 bits", i386, clone3, nil, unix.ENOSYS},
		{"TCGETS", amd64, unix.SYS_IOCTL, []uint64{0, unix.TCGETS}, 0},
		{"TIOCSTI", amd64, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, unix.EPERM},
		{"TIOCSTI with a bit that the kernel ignores", amd64, unix.SYS_IOCTL, []uint64{0, 1<<32 | unix.TIOCSTI}, unix.EPERM},
		{"TIOCLINUX", amd64, unix.SYS_IOCTL, []uint64{0, unix.TIOCLINUX}, unix.EPERM},
		{"TIOCSTI of x32", amd64, x32 | 514, []uint64{0, unix.TIOCSTI}, unix.EPERM},
		{"TIOCSTI, 32 bits", i386, 54, []uint64{0, unix.TIOCSTI}, unix.EPERM},
		{"fork", amd64, unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, 0},
		{"clone of a user namespace", amd64, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}, unix.EPERM},
		{"unshare of a user namespace", amd64, unix.SYS_UNSHARE, []uint64{unix.CLONE_NEWNS | unix.CLONE_NEWUSER}, unix.EPERM},
		{"unshare of files", amd64, unix.SYS_UNSHARE, []uint64{unix.CLONE_FILES}, 0},
		{"a local socket", amd64, unix.SYS_SOCKET, []uint64{unix.AF_UNIX}, 0},
		{"a netlink socket", amd64, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK}, 0},
		{"a socket of the hypervisor", amd64, unix.SYS_SOCKET, []uint64{unix.AF_VSOCK}, unix.EAFNOSUPPORT},
		{"the same, 32 bits", i386, 359, []uint64{unix.AF_VSOCK}, unix.EAFNOSUPPORT},
		{"socketcall: socket", i386, 102, []uint64{1}, unix.ENOSYS},
		{"socketcall: socketpair", i386, 102, []uint64{8}, 0},
		{"another architecture", unix.AUDIT_ARCH_ARM, 1, nil, unix.ENOSYS},
	} {
		if got := decide(t, program, test.arch, test.number, test.args...); got != test.want {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
	}
}
