package hostfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// identity is what two descriptors have in common if they are of the same file.
type identity struct {
	dev, inode uint64
}

// identify opens path by one of the resolvers, for description only.
func identify(resolve func(string, int) (int, error), path string, flags int) (identity, error) {
	fd, err := resolve(path, unix.O_PATH|unix.O_CLOEXEC|flags)
	if err != nil {
		return identity{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	return identity{uint64(st.Dev), st.Ino}, err
}

// followInKernel opens path with the kernel's own way with symlinks, which knows no
// owners: in a tree of one user it is what both resolvers must do.
func (r *Root) followInKernel(path string, flags int) (int, error) {
	if path == "" {
		return -1, unix.ENOENT
	}
	how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT}
	return Retry(func() (int, error) { return unix.Openat2(r.fd, path, &how) })
}

// FuzzWalkAgreesWithKernel holds the walk in user space against openat2: for any
// path both arrive at the same file or at the same error, and the file is one
// below the root.
func FuzzWalkAgreesWithKernel(f *testing.F) {
	for name := range tree.links {
		inside := strings.TrimPrefix(name, "root")
		for _, suffix := range []string{"", "/", "/.", "/..", "/../etc/conf", "/inner", "/secret"} {
			f.Add(inside+suffix, false)
			f.Add(inside+suffix, true)
		}
	}
	f.Add("", false)
	f.Add("///..//./", true)
	f.Add("/etc/conf/.", true)

	top := newTree(f)
	r, err := Open(filepath.Join(top, "root"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { r.Close() })
	if _, err := r.followInKernel("/", unix.O_PATH); err != nil {
		f.Skip("the kernel has no openat2 to compare with: ", err)
	}
	inside := map[identity]bool{}
	err = filepath.WalkDir(filepath.Join(top, "root"), func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		inside[identity{uint64(st.Dev), st.Ino}] = true
		return err
	})
	if err != nil {
		f.Fatal(err)
	}

	f.Fuzz(func(t *testing.T, path string, nofollow bool) {
		if strings.IndexByte(path, 0) >= 0 || len(path) > 200 {
			t.Skip("no path that a kernel takes, or longer than the walk is worth")
		}
		flags := 0
		if nofollow {
			flags = unix.O_NOFOLLOW
		}
		kernel, kernelErr := identify(r.followInKernel, path, flags)
		walk, walkErr := identify(r.openByWalk, path, flags)
		if kernel != walk || kernelErr != walkErr {
			t.Fatalf("%q: kernel %v, %v; walk %v, %v", path, kernel, kernelErr, walk, walkErr)
		}
		if both, err := identify(r.openInKernel, path, flags); both != walk || err != walkErr {
			t.Fatalf("%q: walk %v, %v; kernel and walk %v, %v", path, walk, walkErr, both, err)
		}
		if kernelErr == nil && !inside[kernel] {
			t.Fatalf("%q leads out of the root", path)
		}
		if nofollow || walkErr != nil {
			return
		}
		real, err := r.Realpath(path)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		if again, err := identify(r.openInKernel, real, unix.O_NOFOLLOW); err != nil || again != walk {
			t.Fatalf("%q: real path %q is another file: %v, %v", path, real, again, err)
		}
	})
}

func TestAKernelWithoutOpenat2IsDoneWithout(t *testing.T) {
	real := openat2
	defer func() { openat2 = real }()
	dir := filepath.Join(newTree(t), "root")
	for _, refusal := range []error{unix.ENOSYS, unix.EPERM} {
		openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, refusal }
		r, err := Open(dir)
		if err != nil {
			t.Fatalf("%v: %v", refusal, err)
		}
		if got, err := r.ReadFile("/chain", 99); err != nil || string(got) != "conf of the root" {
			t.Errorf("%v: got %q, %v", refusal, got, err)
		}
		if _, err := r.ReadFile("/host-path", 99); err == nil {
			t.Errorf("%v: read a file outside", refusal)
		}
		r.Close()
	}
	openat2 = func(int, string, *unix.OpenHow) (int, error) { return -1, unix.EIO }
	if _, err := Open(dir); !errors.Is(err, unix.EIO) {
		t.Errorf("a disk that fails: %v, want %v", err, unix.EIO)
	}
}

// openat2 says EAGAIN for as long as somebody renames files anywhere.
func TestABusyHostIsAskedAgainAndThenWalked(t *testing.T) {
	real := openat2
	defer func() { openat2 = real }()
	r := openTree(t, resolvers["openat2"])
	for _, busy := range []int{1, maxRestarts - 1, maxRestarts, 10 * maxRestarts} {
		calls := 0
		openat2 = func(dir int, path string, how *unix.OpenHow) (int, error) {
			if calls++; calls <= busy {
				return -1, unix.EAGAIN
			}
			return real(dir, path, how)
		}
		if _, err := r.Stat("/chain"); err != nil {
			t.Errorf("busy %d times: %v", busy, err)
		}
		if want := min(busy+1, maxRestarts); calls != want {
			t.Errorf("busy %d times: asked %d times, want %d", busy, calls, want)
		}
	}
}

// A symlink that is swapped with a folder while we look must not lead out.
func TestASwappedSymlinkDoesNotLeadOut(t *testing.T) {
	t.Parallel()
	for name, force := range resolvers {
		r := openTree(t, force)
		top := filepath.Dir(r.Name())
		if err := os.MkdirAll(filepath.Join(r.Name(), "dir/a"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(r.Name(), "dir/secret"), []byte("fine"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(top, "outside"), filepath.Join(r.Name(), "link")); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var swapping sync.WaitGroup
		swapping.Go(func() {
			dir, link := filepath.Join(r.Name(), "dir"), filepath.Join(r.Name(), "link")
			for {
				select {
				case <-stop:
					return
				default:
					_ = unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
				}
			}
		})
		read := 0
		for range 1000 {
			for _, path := range []string{"/dir/secret", "/dir/a/../secret"} {
				got, err := r.ReadFile(path, 99)
				switch {
				case err == nil && string(got) != "fine":
					t.Fatalf("%s: %s: read %q", name, path, got)
				case err == nil:
					read++
				}
			}
		}
		close(stop)
		swapping.Wait()
		if read == 0 {
			t.Errorf("%s: never read the file that is inside", name)
		}
	}
}

func TestTheWalkLeavesNoDescriptorsOpen(t *testing.T) {
	r := openTree(t, resolvers["walk"])
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no procfs to count descriptors in: ", err)
		}
		return len(names)
	}
	before := count()
	for name := range tree.links {
		path := strings.TrimPrefix(name, "root")
		_, _ = r.Stat(path)
		_, _ = r.Lstat(path + "/..")
		_, _ = r.Realpath(path)
		_, _ = r.ReadFile(path, 1)
		if dir, err := r.OpenDir(path); err == nil {
			dir.Close()
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestTheWalkHasADepthLimit(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	r, err := Open(top)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.resolve = r.openByWalk
	if err := os.MkdirAll(filepath.Join(top, strings.Repeat("d/", maxDepth+9)), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Stat(strings.Repeat("d/", maxDepth-1)); err != nil {
		t.Error(err)
	}
	if _, err := r.Stat(strings.Repeat("d/", maxDepth+9)); err == nil {
		t.Errorf("walked %d folders deep", maxDepth+9)
	}
}
