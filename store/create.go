package store

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strconv"
)

// readers is the group that may read the database of the system. It can also read
// Portage's logs and binary packages.
const readers = "portage"

// create creates an empty file for a new database, so that its mode does not depend
// on the umask: 0640 for root and the group, or 0600 for another user or if the
// group does not exist. It does not change an existing file. SQLite gives the
// write-ahead log and the shared memory file the same owner and mode.
func create(path, group string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.LookupGroup(group)
	if err != nil {
		return nil // no such group: only root reads it
	}
	gid, err := strconv.Atoi(found.Gid)
	if err != nil {
		return err
	}
	if err := file.Chown(0, gid); err != nil {
		return err
	}
	return file.Chmod(0o640)
}
