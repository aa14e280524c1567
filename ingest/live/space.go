package live

import (
	"path"
	"strconv"
	"strings"

	"emaudit/hostfs"
	"emaudit/settings"
)

// Space is the disk space on the file system of one folder.
type Space struct {
	Path  string // inside the root
	Free  int64  // bytes that an unprivileged process may use
	Total int64  // bytes
	Role  string // pkgdir, binhost, extra, tmp
}

// MeasureSpace measures the disk space for binary packages and for builds. For a
// folder that does not exist, it measures the nearest existing parent. It omits
// folders that it cannot measure.
func MeasureSpace(root *hostfs.Root, s *settings.Settings) []Space {
	var all []Space
	add := func(role, dir string) {
		for p := dir; ; p = path.Dir(p) {
			if space, err := root.FreeSpace(p); err == nil {
				all = append(all, Space{Path: dir, Role: role, Free: space.Available, Total: space.Total})
				return
			}
			if p == "/" || p == "." {
				return
			}
		}
	}
	for _, d := range s.PkgDirs() {
		add(string(d.Kind), d.Path)
	}
	add("tmp", s.BuildDir())
	return all
}

// maxMemInfo bounds /proc/meminfo, which has some 1,500 bytes.
const maxMemInfo = 64 << 10

// MeasureMemory returns the memory of the machine in bytes. It returns nil if the
// root is not the running system.
func MeasureMemory(root *hostfs.Root) *int64 {
	if !root.IsSystem() {
		return nil
	}
	data, err := root.ReadFile("/proc/meminfo", maxMemInfo)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 54)
			if err != nil {
				return nil
			}
			bytes := kib << 10
			return &bytes
		}
	}
	return nil
}
