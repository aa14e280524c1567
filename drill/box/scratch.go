package box

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// scratchPrefix begins the names of folders of drills.
const scratchPrefix = "emaudit-drill-"

// keptMark is a file in a scratch that was kept on purpose.
const keptMark = "kept"

// reserve is how many bytes of the file system of a scratch stay free for others.
const reserve = 256 << 20

// scratch is a folder on a disk that holds the layers. A program that works in it
// holds a file lock. If the lock is free, the program was killed, and another one
// may remove the folder.
type scratch struct {
	dir  string
	lock *os.File
	size int64 // bytes that the commands may write; 0: no limit
	free int64 // bytes when it was made
	keep bool
}

// newScratch makes a folder for a drill, and removes those of drills that were
// killed.
func newScratch(above string, size int64, keep bool) (_ *scratch, err error) {
	// While the folder above is locked, no other program removes a folder that has no
	// lock yet.
	parent, err := os.Open(above)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := unix.Flock(int(parent.Fd()), unix.LOCK_EX); err != nil {
		return nil, &fs.PathError{Op: "flock", Path: above, Err: err}
	}
	if err := removeStale(above); err != nil {
		return nil, err
	}
	s := &scratch{size: size, keep: keep}
	if s.dir, err = os.MkdirTemp(above, scratchPrefix); err != nil {
		return nil, err
	}
	if s.lock, err = lockScratch(s.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	_, s.free, err = s.used()
	return s, err
}

// setupFile is the file in a scratch that says what the box is made of.
const setupFile = "setup.json"

// write writes what the box is made of, for [Reopen].
func (s *scratch) write(what setup) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, setupFile), text, 0o600)
}

// reopenScratch takes a scratch that was kept.
func reopenScratch(dir string) (*scratch, setup, error) {
	var what setup
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return nil, what, &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if st.Mode != unix.S_IFDIR|0o700 || st.Uid != uint32(os.Geteuid()) {
		return nil, what, fmt.Errorf("%s: %w", dir, errNotKept)
	}
	if _, err := os.Lstat(filepath.Join(dir, keptMark)); err != nil {
		return nil, what, fmt.Errorf("%s: %w", dir, errNotKept)
	}
	text, err := os.ReadFile(filepath.Join(dir, setupFile))
	if err == nil {
		err = json.Unmarshal(text, &what)
	}
	if err != nil {
		return nil, what, fmt.Errorf("%s: %w", dir, err)
	}
	s := &scratch{dir: dir, keep: true, size: what.Size}
	if s.lock, err = lockScratch(dir); err != nil {
		return nil, what, err
	}
	if _, s.free, err = s.used(); err != nil {
		return nil, what, errors.Join(err, s.close())
	}
	return s, what, nil
}

// LastKept is the folder below a scratch that a drill kept last.
func LastKept(above string) (string, error) {
	marks, err := filepath.Glob(filepath.Join(above, scratchPrefix+"*", keptMark))
	if err != nil {
		return "", err
	}
	last, at := "", int64(0)
	for _, mark := range marks {
		info, err := os.Lstat(mark)
		if err == nil && (last == "" || info.ModTime().UnixNano() > at) {
			last, at = filepath.Dir(mark), info.ModTime().UnixNano()
		}
	}
	if last == "" {
		return "", fmt.Errorf("%s: no drill was kept here; --keep keeps one", above)
	}
	return last, nil
}

var errNotKept = errors.New("is no folder that a drill kept")

// lockScratch takes the lock of a scratch, or fails at once.
func lockScratch(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return f, nil
}

// unlockScratch releases the lock. Closing the file alone is not enough: a process that
// was forked meanwhile holds the lock, too, until it executes its program.
func unlockScratch(lock *os.File) {
	_ = unix.Flock(int(lock.Fd()), unix.LOCK_UN)
	lock.Close()
}

// removeStale removes the scratches that nobody works in, except those that were kept.
func removeStale(above string) error {
	entries, err := os.ReadDir(above)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(above, e.Name())
		var st unix.Stat_t
		if !strings.HasPrefix(e.Name(), scratchPrefix) || unix.Lstat(dir, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Uid != uint32(os.Geteuid()) {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, keptMark)); err == nil {
			continue
		}
		lock, err := lockScratch(dir)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		err = os.RemoveAll(dir)
		if unlockScratch(lock); err != nil {
			return fmt.Errorf("scratch of a drill that was killed: %w", err)
		}
	}
	return nil
}

// used returns how many bytes less are free than at the beginning, and how many are.
func (s *scratch) used() (used, free int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: s.dir, Err: err}
	}
	free = int64(st.Bavail) * int64(st.Bsize)
	return max(0, s.free-free), free, nil
}

// isFull reports whether the commands have written as much as they may.
func (s *scratch) isFull() bool {
	used, free, err := s.used()
	return err != nil || s.size > 0 && used > s.size || free < min(reserve, s.free/2)
}

// close removes the scratch, or marks it as kept.
func (s *scratch) close() error {
	defer unlockScratch(s.lock)
	if s.keep {
		return os.WriteFile(filepath.Join(s.dir, keptMark), nil, 0o600)
	}
	return os.RemoveAll(s.dir)
}

var errNoMemInfo = errors.New("/proc/meminfo does not tell MemAvailable")

// Available is how many bytes a box can take in a scratch folder, or in memory if
// that is "". A drill that takes all of it would starve the host; see [reserve].
func Available(scratch string) (int64, error) {
	if scratch != "" {
		var st unix.Statfs_t
		if err := unix.Statfs(scratch, &st); err != nil {
			return 0, fmt.Errorf("%s: %w", scratch, err)
		}
		return max(0, int64(st.Bavail)*int64(st.Bsize)-reserve), nil
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 53)
			if err != nil {
				return 0, errNoMemInfo
			}
			return max(0, kib<<10-reserve), nil
		}
	}
	return 0, errNoMemInfo
}
