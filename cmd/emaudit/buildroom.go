package main

import (
	"strconv"
	"strings"

	"emaudit/audit/history"
	"emaudit/ingest"
)

// maxMemInfo bounds /proc/meminfo, which has some 1,500 bytes.
const maxMemInfo = 64 << 10

// buildRoom measures what there is to build in: the free space where packages
// are built, and the memory of the machine, if the root is that of the running
// system.
func (s *session) buildRoom() history.Room {
	room := history.Room{TmpDir: s.settings.BuildDir()}
	for _, space := range ingest.MeasureSpace(s.root, s.settings) {
		if space.Role == "tmp" {
			room.FreeBytes = &space.Free
		}
	}
	if !s.root.IsSystem() {
		return room
	}
	data, err := s.root.ReadFile("/proc/meminfo", maxMemInfo)
	if err != nil {
		return room
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 54)
			if err == nil {
				ram := kib << 10
				room.RAMBytes = &ram
			}
		}
	}
	return room
}
