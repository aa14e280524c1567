package packages

import (
	"path"
	"strings"

	"emaudit/hostfs"
)

// maxFstab is the size in bytes up to which /etc/fstab is read.
const maxFstab = 1 << 20

// unmountedBy returns the path of a file system in /etc/fstab that holds a folder
// and is not mounted, "" if there is none. The device number tells, as in
// mountpoint(1); bind mounts keep that of their source, so they are omitted.
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
