package hostarchive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Shared returns a directory below temp with the contents of the .tar.zst file at
// archive. The name of the directory depends on the content of the archive, and the
// directory persists. All processes that only read it share it, so the test
// binaries of go test ./... unpack a host of 2,800 files only once.
//
// Concurrent processes may call it. Each process that finds no copy creates one
// under a unique name, and the first to rename its copy wins. A copy that was
// changed is an error, because test results would otherwise depend on previous
// tests.
func Shared(archive, temp string) (string, error) {
	content, err := os.ReadFile(archive)
	if err != nil {
		return "", err
	}
	home, err := ownDirectory(temp)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(home, fmt.Sprintf("%x", sha256.Sum256(content))[:16])
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := unpackOnce(archive, home, dir); err != nil {
			return "", err
		}
	}
	want, err := os.ReadFile(filepath.Join(dir, "unchanged"))
	if err != nil {
		return "", err
	}
	root := filepath.Join(dir, "root")
	got, err := fingerprint(root)
	if err == nil && got != string(want) {
		err = fmt.Errorf("%s: changed since it was unpacked, which no test may do; remove %s", root, dir)
	}
	return root, err
}

// ownDirectory creates the directory for this user's shared copies. A directory
// that somebody else has created, which is possible in /tmp, is an error.
func ownDirectory(temp string) (string, error) {
	home := filepath.Join(temp, fmt.Sprintf("emaudit-hosts-%d", os.Geteuid()))
	if err := os.Mkdir(home, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(home)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return "", fmt.Errorf("%s: not a directory of the user who runs the tests", home)
	}
	return home, nil
}

// unpackOnce creates dir with the host and its fingerprint, unless another process
// is first.
func unpackOnce(archive, home, dir string) error {
	own, err := os.MkdirTemp(home, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(own)
	if err := os.Chmod(own, 0o755); err != nil { // some tests run as an ordinary user
		return err
	}
	root := filepath.Join(own, "root")
	if err := Unpack(archive, root); err != nil {
		return err
	}
	sum, err := fingerprint(root)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(own, "unchanged"), []byte(sum), 0o600); err != nil {
		return err
	}
	err = os.Rename(own, dir)
	if errors.Is(err, fs.ErrExist) { // not empty: another process was first
		return nil
	}
	return err
}

// fingerprint returns a digest of the names, types, modes, sizes and modification
// times of all files below root.
func fingerprint(root string) (string, error) {
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		size := info.Size()
		if info.IsDir() {
			size = 0 // depends on the file system
		}
		fmt.Fprintf(h, "%s %v %d %d\n", path[len(root):], info.Mode(), size, info.ModTime().UnixNano())
		return nil
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
