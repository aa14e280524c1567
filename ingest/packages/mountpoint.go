package packages

import (
	"path"
	"strings"

	"emaudit/hostfs"
)

// maxFstab is the largest accepted size of /etc/fstab, in bytes.
const maxFstab = 1 << 20

// unmountedBy returns the mount point of the file system in /etc/fstab that should
// contain the folder and is not mounted, or "". Like mountpoint(1), it compares device
// numbers. It omits bind mounts, which have the number of their source.
func unmountedBy(root *hostfs.Root, folder string) string {
	fstab, err := root.ReadFile("/etc/fstab", maxFstab)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(fstab)) {
		// fstab(5): device, mount point, type, options.
		fields := strings.Fields(line)
		if len(fields) < 4 || strings.HasPrefix(fields[0], "#") || strings.Contains(fields[3], "bind") {
			continue
		}
		point := path.Clean(fields[1])
		if point == "/" || point != folder && !strings.HasPrefix(folder, point+"/") {
			continue
		}
		inside, err := deviceOf(root, point)
		if err != nil {
			continue
		}
		if outside, err := deviceOf(root, path.Dir(point)); err == nil && inside == outside {
			return point
		}
	}
	return ""
}

// deviceOf returns the device number of a folder.
func deviceOf(root *hostfs.Root, folder string) (uint64, error) {
	dir, err := root.OpenDir(folder)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	dev, _ := dir.ID()
	return dev, nil
}
