package box

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// TestMain is also process 1 of the boxes, the program of their roots ([act]), and
// the program that is killed ([drive]).
func TestMain(m *testing.M) {
	if code, isInit := Init(os.Args); isInit {
		os.Exit(code)
	}
	switch filepath.Base(os.Args[0]) {
	case "act":
		os.Exit(act(os.Args[1:]))
	case "drive":
		os.Exit(drive(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// needNamespaces skips a test where no box can be made, with the reason.
func needNamespaces(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make namespaces")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET}
	if err := cmd.Run(); err != nil {
		t.Skipf("this system forbids namespaces: %v", err)
	}
}

// newRoot makes a root whose only program is this test, as act. It has a file of each
// kind that a box could confuse with the host.
func newRoot(t *testing.T) string {
	t.Helper()
	needNamespaces(t)
	root := t.TempDir()
	for _, dir := range []string{"bin", "dev", "etc", "home/user", "proc", "root", "run/service", "sys", "tmp", "usr/lib", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(program, []byte("/lib64/ld-linux")) && isDynamic(t) {
		t.Skip("this test program is dynamically linked (race detector), so it does not run in a root without libraries")
	}
	for name, content := range map[string]string{"bin/act": string(program), "etc/old": "old\n", "usr/lib/removed": "lower\n", "home/user/secret": "secret\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func isDynamic(t *testing.T) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(maps, []byte("/ld-linux"))
}

// fingerprint is what a tree is: names, kinds, modes, owners, times and contents.
func fingerprint(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		sum := ""
		if d.Type().IsRegular() {
			content, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			sum = fmt.Sprintf("%x", sha256.Sum256(content))
		}
		all[name] = fmt.Sprint(st.Mode, st.Uid, st.Gid, st.Size, st.Nlink, st.Mtim, st.Ctim, sum)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// unchanged fails the test if, at its end, anything below the root is not as it is
// now, or a mount is left.
func unchanged(t *testing.T, root string) {
	t.Helper()
	before, mounts := fingerprint(t, root), mountsNow(t)
	t.Cleanup(func() {
		if d := cmp.Diff(before, fingerprint(t, root)); d != "" {
			t.Errorf("the root has changed:\n%s", d)
		}
		if d := cmp.Diff(mounts, mountsNow(t)); d != "" {
			t.Errorf("the mounts have changed:\n%s", d)
		}
	})
}

func mountsNow(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(mounts)
}

// opened opens a box, which is closed at the end of the test.
func opened(t *testing.T, o Options) (*Box, *bytes.Buffer) {
	t.Helper()
	unchanged(t, o.Root)
	log := &bytes.Buffer{}
	o.Log, o.Now, o.Env = log, time.Now, []string{"PATH=/bin"}
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	group := b.cgroup.dir
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(group); group != "" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left cgroup %s: %v", group, err)
		}
	})
	return b, log
}

// do runs act in a box.
func do(t *testing.T, b *Box, args ...string) Outcome {
	t.Helper()
	o, err := b.Run(t.Context(), Step{Name: strings.Join(args, " "), Argv: append([]string{"act"}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestWritesStayInTheBox(t *testing.T) {
	t.Parallel()
	for _, scratch := range []string{"", t.TempDir()} {
		b, _ := opened(t, Options{Root: newRoot(t), Size: 64 << 20, Scratch: scratch})
		for _, args := range [][]string{{"write", "/etc/new", "new"}, {"write", "/etc/old", "changed"}, {"remove", "/usr/lib/removed"}} {
			if o := do(t, b, args...); !o.OK() {
				t.Fatalf("%v: %+v", args, o)
			}
		}
		for name, want := range map[string]string{"etc/new": "new", "etc/old": "changed", "usr/lib/removed": "", "home/user/secret": ""} {
			got, err := os.ReadFile(filepath.Join(b.Root(), name))
			if string(got) != want || (want == "") != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("merged %s: %q, %v, want %q", name, got, err, want)
			}
		}
		upper := b.Upper()
		if len(upper) != 1 || upper[0].Mount != "/" {
			t.Fatalf("layers: %v", upper)
		}
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(upper[0].Upper, "usr/lib/removed"), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != 0 {
			t.Errorf("the removed file is no whiteout: %v %o", err, st.Mode)
		}
		if used, err := b.Used(); err != nil || used < 0 || scratch == "" && used == 0 {
			t.Errorf("used %d, %v", used, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if scratch != "" {
			if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
				t.Errorf("left in the scratch: %v %v", left, err)
			}
		}
	}
}

func TestRemovedFilesAreNotInTheBox(t *testing.T) {
	t.Parallel()
	b, _ := opened(t, Options{Root: newRoot(t), Size: 64 << 20, Remove: []string{"/etc/old", "/etc/none"}})
	if o := do(t, b, "cat", "/etc/old"); o.OK() {
		t.Error("the file is there")
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	b, log := opened(t, Options{Root: newRoot(t), Size: 64 << 20})
	var events []string
	b.options.Progress = func(e Event) { events = append(events, e.Line) }
	for _, c := range []struct {
		step   Step
		code   int
		signal string
		tail   string
	}{
		{Step{Argv: []string{"act", "say", "one", "two"}}, 0, "", "one two\n"},
		{Step{Argv: []string{"/bin/act", "exit", "3"}}, 3, "", ""},
		{Step{Argv: []string{"act", "die"}}, -1, "SIGKILL", ""},
		{Step{Argv: []string{"emerge"}}, 127, "", "drill: emerge: no such program in the root\n"},
		{Step{Argv: []string{}}, 127, "", "drill: no command\n"},
		{Step{Argv: []string{"act", "env", "A"}, Env: []string{"A=b c"}}, 0, "", "b c\n"},
		{Step{Argv: []string{"act", "dir"}, Dir: "/usr/lib"}, 0, "", "/usr/lib\n"},
		{Step{Argv: []string{"act", "read"}}, 0, "", "0 bytes\n"}, // a step that asks
		{Step{Argv: []string{"act", "say", "line"}, AppendTo: "/etc/old"}, 0, "", ""},
		{Step{Argv: []string{"act", "cat", "/etc/old"}}, 0, "", "old\nline\n"},
		// What a command leaves running ends with it.
		{Step{Argv: []string{"act", "orphan"}}, 0, "", ""},
		{Step{Argv: []string{"act", "processes"}}, 0, "", "2\n"},
	} {
		o, err := b.Run(t.Context(), c.step)
		if err != nil {
			t.Fatal(err)
		}
		if o.ExitCode != c.code || o.Signal != c.signal || o.Tail != c.tail {
			t.Errorf("%v: %+v", c.step.Argv, o)
		}
		if o.OK() != (c.code == 0) {
			t.Errorf("%v: OK is %v", c.step.Argv, o.OK())
		}
	}
	if !strings.Contains(log.String(), "one two\n") || !strings.Contains(strings.Join(events, "|"), "|one two|") {
		t.Errorf("log %q, events %q", log, events)
	}
}

// TestNothingReachesTheHost runs what a hostile package could try. Each attempt says
// what came of it.
func TestNothingReachesTheHost(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	// A service of the host with an abstract socket, and one with a socket and a FIFO
	// in the root.
	abstract := listen(t, "@emaudit-drill-test-"+filepath.Base(filepath.Dir(root)))
	listen(t, filepath.Join(root, "var/lib/socket"))
	if err := unix.Mkfifo(filepath.Join(root, "var/lib/fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	fifo, err := os.OpenFile(filepath.Join(root, "var/lib/fifo"), os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	// A folder that the caller of the program has left open, and a process of the host.
	if err := unix.Dup2(int(open(t, root).Fd()), inherited); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(inherited) })
	other := exec.Command("/proc/self/exe")
	other.Args = []string{"act", "hang"}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	b, log := opened(t, Options{Root: root, Size: 64 << 20})
	do(t, b, "attack", abstract)
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", other.Process.Pid)); err != nil || !strings.Contains(string(state), ") S ") {
		t.Errorf("a process of the host after the attack: %s, %v", state, err)
	}
	for line := range strings.Lines(log.String()) {
		if name, result, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && result == "done" {
			t.Errorf("%s: was not refused", name)
		}
	}
	for name := range attacks("") {
		if !strings.Contains(log.String(), name+": ") {
			t.Errorf("%s was not tried:\n%s", name, log)
		}
	}
	// What it sent to its parent has not ended the box.
	if o := do(t, b, "say", "alive"); !o.OK() {
		t.Errorf("after the attack: %+v", o)
	}
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// listen makes a stream socket, by its path or its abstract name.
func listen(t *testing.T, name string) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: name}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestNetworkHidesAbstractSockets is about a drill with --network.
func TestNetworkHidesAbstractSockets(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	abstract := listen(t, "@emaudit-drill-network-"+filepath.Base(filepath.Dir(root)))
	b, err := Open(t.Context(), Options{Root: root, Size: 64 << 20, Network: true, Now: time.Now, Env: []string{"PATH=/bin"}})
	if impossible := (*ImpossibleError)(nil); errors.As(err, &impossible) {
		t.Skipf("this kernel has no scopes of Landlock: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if o := do(t, b, "connect", abstract); o.OK() {
		t.Errorf("an abstract socket of the host was reached")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	t.Run("fork bomb", func(t *testing.T) {
		t.Parallel()
		if _, err := pidsCgroup(); err != nil {
			t.Skip(err)
		}
		b, _ := opened(t, Options{Root: newRoot(t), Size: 64 << 20, Pids: 100})
		if o := do(t, b, "forks"); o.ExitCode != 7 {
			t.Errorf("the fork bomb did not meet a limit: %+v", o)
		}
		if o := do(t, b, "processes"); o.Tail != "2\n" {
			t.Errorf("processes left: %q", o.Tail)
		}
	})
	t.Run("memory is full", func(t *testing.T) {
		t.Parallel()
		b, _ := opened(t, Options{Root: newRoot(t), Size: 8 << 20})
		if o := do(t, b, "fill", "/var/lib/big"); o.ExitCode != 1 || !strings.Contains(o.Tail, "no space left") {
			t.Errorf("fill: %+v", o)
		}
	})
	t.Run("scratch is full", func(t *testing.T) {
		t.Parallel()
		b, _ := opened(t, Options{Root: newRoot(t), Size: 8 << 20, Scratch: t.TempDir()})
		if o := do(t, b, "fill", "/var/lib/big"); !o.NoRoom || o.OK() {
			t.Errorf("fill: %+v", o)
		}
	})
	t.Run("log", func(t *testing.T) {
		t.Parallel()
		b, log := opened(t, Options{Root: newRoot(t), Size: 8 << 20, LogSize: 1 << 20, TimeLimit: time.Second})
		if o := do(t, b, "flood"); !o.TimedOut {
			t.Errorf("flood: %+v", o)
		}
		if log.Len() > 1<<20+200 || !strings.Contains(log.String(), "the log ends here") {
			t.Errorf("%d bytes in the log, which end with %q", log.Len(), log.String()[max(0, log.Len()-100):])
		}
	})
	t.Run("time", func(t *testing.T) {
		t.Parallel()
		b, _ := opened(t, Options{Root: newRoot(t), Size: 64 << 20, TimeLimit: 200 * time.Millisecond})
		if o := do(t, b, "hang"); !o.TimedOut || o.OK() {
			t.Errorf("hang: %+v", o)
		}
		if _, err := os.Stat(filepath.Join(b.Root(), "etc/old")); err != nil {
			t.Errorf("the tree cannot be looked at: %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	unchanged(t, root)
	if _, err := Open(t.Context(), Options{Root: root, Scratch: filepath.Join(root, "var/lib"), Now: time.Now}); !errors.Is(err, ErrInside) {
		t.Errorf("scratch inside the root: %v", err)
	}
	if _, err := Open(t.Context(), Options{Root: filepath.Join(root, "none"), Now: time.Now}); !errors.Is(err, fs.ErrNotExist) && err == nil {
		t.Errorf("no root: %v", err)
	}
}

func TestKeptBoxIsEntered(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	root := newRoot(t)
	b, _ := opened(t, Options{Root: root, Scratch: scratch, Keep: true})
	do(t, b, "write", "/etc/new", "new")
	kept := b.Kept()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	again, err := Reopen(t.Context(), kept, Options{Log: &log, Now: time.Now, Env: []string{"PATH=/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	if o := do(t, again, "cat", "/etc/new"); o.Tail != "new" {
		t.Errorf("kept: %+v", o)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("after the second one: %v", err)
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	mount := func(at, kind string) *mountinfo.Info { return &mountinfo.Info{Mountpoint: at, FSType: kind} }
	for _, c := range []struct {
		name    string
		root    string
		scratch string
		mounts  []*mountinfo.Info
		keepers []string
		layers  string // overlays
		absent  string
	}{
		{"the root alone", "/", "", []*mountinfo.Info{mount("/", "ext4"), mount("/proc", "proc"), mount("/sys", "sysfs"), mount("/dev", "devtmpfs"), mount("/dev/shm", "tmpfs"), mount("/run", "tmpfs")}, nil, "/", ""},
		{"separate file systems", "/", "", []*mountinfo.Info{mount("/", "xfs"), mount("/usr", "xfs"), mount("/var", "xfs"), mount("/var/tmp/portage", "tmpfs"), mount("/boot", "vfat")}, nil, "/ /boot /usr /var /var/tmp/portage", ""},
		{"of users and of other machines", "/", "", []*mountinfo.Info{mount("/", "xfs"), mount("/home", "xfs"), mount("/home/me/cloud", "fuse.sshfs"), mount("/mnt/usb", "vfat"), mount("/srv/nas", "nfs4")}, nil, "/", "/home (xfs) /home/me/cloud (fuse.sshfs) /mnt/usb (vfat) /srv/nas (nfs4)"},
		{"PKGDIR of another machine", "/", "", []*mountinfo.Info{mount("/", "xfs"), mount("/var/cache/binpkgs", "nfs")}, []string{"/var/cache/binpkgs", "/var/db/repos/gentoo"}, "/ /var/cache/binpkgs", "/var/cache/binpkgs (nfs)"},
		{"PKGDIR of a user", "/", "", []*mountinfo.Info{mount("/", "xfs")}, []string{"/home/me/binpkgs"}, "/ /home/me/binpkgs", ""},
		{"pseudo file systems of a service", "/", "", []*mountinfo.Info{mount("/", "xfs"), mount("/var/lib/nfs/rpc_pipefs", "rpc_pipefs"), mount("/efi", "autofs")}, nil, "/", ""},
		{"another root", "/mnt/gentoo", "", []*mountinfo.Info{mount("/mnt/gentoo", "btrfs"), mount("/mnt/gentoo/usr", "btrfs"), mount("/mnt/gentoo/proc", "proc"), mount("/mnt/gentoo2", "xfs")}, nil, "/ /usr", ""},
		{"the scratch on another disk", "/", "/data/scratch", []*mountinfo.Info{mount("/", "xfs"), mount("/data", "xfs"), mount("/srv", "xfs")}, []string{"/data/binpkgs"}, "/ /data/binpkgs /srv", "/data (xfs)"},
		{"the scratch on a disk below that", "/", "/data/a/scratch", []*mountinfo.Info{mount("/", "xfs"), mount("/data", "xfs"), mount("/data/a", "xfs")}, nil, "/ /data", "/data/a (xfs)"},
		{"the scratch where packages install", "/", "/var/tmp", []*mountinfo.Info{mount("/", "xfs"), mount("/var", "xfs")}, nil, "/ /var", ""},
	} {
		layers, absent := layersOf(c.root, c.scratch, c.mounts, c.keepers)
		var overlays []string
		for _, l := range layers {
			if l.Kind == overlay {
				overlays = append(overlays, l.At)
			}
		}
		if got := strings.Join(overlays, " "); got != c.layers {
			t.Errorf("%s: layers %s, want %s", c.name, got, c.layers)
		}
		if got := strings.Join(absent, " "); got != c.absent {
			t.Errorf("%s: absent %s, want %s", c.name, got, c.absent)
		}
	}
}

func TestLinesAreCut(t *testing.T) {
	t.Parallel()
	var got []string
	each := func(line string) { got = append(got, line) }
	var l lines
	l.add([]byte("a\nb"), each)
	l.add([]byte("c\r\nd"), each)
	l.flush(each)
	if d := cmp.Diff([]string{"a", "bc", "d"}, got); d != "" {
		t.Error(d)
	}
}
