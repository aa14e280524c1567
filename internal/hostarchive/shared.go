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

// Shared returns a directory below temp that holds the contents of the .tar.zst
// file at archive. The directory is named after the content of the archive and
// stays, so that one copy serves all processes that only read it: the test
// binaries of go test ./... unpack a host of 2,800 files once, not each for
// itself.
//
// Processes that run at the same time may call it. Each of those that find no
// copy makes one under a name of its own, and the first to rename it wins. A
// copy that was changed afterwards is an error, because what it proves would
// depend on which tests ran before.
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

// ownDirectory makes the directory of this user's shared copies. One that
// somebody else made, in a directory where everybody may, is an error.
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

// unpackOnce makes dir with the host and its fingerprint, unless another process
// does so first.
func unpackOnce(archive, home, dir string) error {
	own, err := os.MkdirTemp(home, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(own)
	if err := os.Chmod(own, 0o755); err != nil { // some tests are an ordinary user
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

// fingerprint stands for the names, types, modes, sizes and modification times
// of everything below root.
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
			size = 0 // is up to the file system
		}
		fmt.Fprintf(h, "%s %v %d %d\n", path[len(root):], info.Mode(), size, info.ModTime().UnixNano())
		return nil
	})
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
