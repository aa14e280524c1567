package live

import (
	"bytes"

	"emaudit/hostfs"
)

// maxRelease is the size in bytes up to which the release of the kernel is read: the
// kernel allows 64 (__NEW_UTS_LEN).
const maxRelease = 256

// KernelRelease returns the release of the kernel that runs, as uname -r prints it. It
// returns "" if the root is not the running system or /proc does not say.
func KernelRelease(root *hostfs.Root) string {
	if !root.IsSystem() {
		return ""
	}
	release, err := root.ReadFile("/proc/sys/kernel/osrelease", maxRelease)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(release))
}
