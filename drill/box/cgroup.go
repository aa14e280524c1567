package box

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// cgroup limits the number of processes of a box (cgroups(7), "pids"). The zero
// cgroup limits nothing.
type cgroup struct{ dir string }

// errNoCgroup is returned if the system has no cgroup that could limit processes.
var errNoCgroup = errors.New("no cgroup with the pids controller")

// newCgroup makes a cgroup of version 1 or 2, and removes those that killed drills
// left.
func newCgroup(pids int) (cgroup, error) {
	top, err := pidsCgroup()
	if err != nil {
		return cgroup{}, err
	}
	stale, err := filepath.Glob(filepath.Join(top, scratchPrefix+"*"))
	if err != nil {
		return cgroup{}, err
	}
	for _, dir := range stale {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), scratchPrefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && errors.Is(unix.Kill(n, 0), unix.ESRCH) {
			_ = os.Remove(dir) // the kernel refuses as long as there is a process in it
		}
	}
	dir, err := os.MkdirTemp(top, scratchPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return cgroup{}, err
	}
	c := cgroup{dir: dir}
	if err := os.WriteFile(filepath.Join(c.dir, "pids.max"), []byte(strconv.Itoa(pids)), 0o644); err != nil {
		return cgroup{}, errors.Join(err, c.remove())
	}
	return c, nil
}

// pidsCgroup is the folder of a cgroup whose children can limit processes.
func pidsCgroup() (string, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return "", err
	}
	for _, m := range mounts {
		if m.FSType == "cgroup" && slices.Contains(strings.Split(m.VFSOptions, ","), "pids") {
			return m.Mountpoint, nil
		}
		control, err := os.ReadFile(filepath.Join(m.Mountpoint, "cgroup.subtree_control"))
		if m.FSType == "cgroup2" && err == nil && slices.Contains(strings.Fields(string(control)), "pids") {
			return m.Mountpoint, nil
		}
	}
	return "", errNoCgroup
}

// add puts a process into the cgroup. Its children inherit the cgroup.
func (c cgroup) add(pid int) error {
	if c.dir == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(c.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

// remove removes the cgroup, which has no processes any more.
func (c cgroup) remove() error {
	if c.dir == "" {
		return nil
	}
	return os.Remove(c.dir)
}
