package ingest

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Running reports whether a process of the running system exists, whoever owns it.
func Running(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
