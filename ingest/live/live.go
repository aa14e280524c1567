// Package live reads what a command needs of this moment and nothing stores: which
// emerge runs, how much space is left, which ebuilds the repositories have, and what
// Portage itself says of its settings.
package live

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
	"emaudit/parse/mergelist"
	"emaudit/settings"
)

const (
	// maxStatus is the largest size of a live status file, in bytes. It has some
	// hundred bytes for each job.
	maxStatus = 1 << 20
	// maxMtimedb is the largest size of mtimedb, in bytes. It grows with the number
	// of watched files.
	maxMtimedb = 64 << 20
	// maxCommandLine is the number of bytes that are read of a command line.
	maxCommandLine = 1 << 20
)

// Live is what a root itself shows about running emerges. It is not stored.
type Live struct {
	Status []*mergelist.Status // the status files, written with FEATURES=observability
	Emerge *bool               // whether an emerge process is running; nil if unknown, as for another root
	Phases map[string]string   // the ebuild phases of running processes, by cpv
	Resume []mergelist.Item    // the resume list; while emerge runs, the unfinished packages
}

// ReadLive reads what a root shows about running emerges. It omits facts that it
// cannot read.
func ReadLive(root *hostfs.Root, s *settings.Settings) Live {
	var live Live
	processes := processesOf(root)
	if processes != nil {
		running := false
		live.Phases = map[string]string{}
		for _, p := range processes {
			running = running || p.isEmerge()
			if cpv, phase, ok := p.phase(); ok {
				live.Phases[cpv] = phase
			}
		}
		live.Emerge = &running
	}
	live.Status = readStatus(root, s, processes)
	live.Resume, _, _ = ReadResume(root, s)
	return live
}

// HostName returns the name of the machine whose root it is, as far as the root
// says it, and otherwise the name of its folder.
func HostName(root *hostfs.Root) string {
	if root.IsSystem() {
		if name, err := os.Hostname(); err == nil && name != "" {
			return name
		}
		return "localhost"
	}
	if b, err := root.ReadFile("/etc/hostname", 256); err == nil {
		if name := strings.TrimSpace(string(b)); name != "" {
			return name
		}
	}
	return path.Base(root.Name())
}

// maxExcludes is the largest accepted size of a list of excludes, in bytes.
const maxExcludes = 1 << 20

// EcleanExcludes returns the list of packages that eclean never deletes. text is nil
// if there is none.
func EcleanExcludes(root *hostfs.Root, s *settings.Settings) (name string, text []byte, err error) {
	name = path.Join("/", s.EPREFIX(), "etc/eclean/packages.exclude")
	text, err = root.ReadFile(name, maxExcludes)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	return name, text, err
}

// ReadResume reads the resume list of a root, and when it was written, in unix
// seconds. The error is [mergelist.ErrNoList] or [fs.ErrNotExist] if there is none.
func ReadResume(root *hostfs.Root, s *settings.Settings) (items []mergelist.Item, at int64, err error) {
	file := path.Join(s.EROOT(), "var/cache/edb/mtimedb")
	data, err := root.ReadFile(file, maxMtimedb)
	if err != nil {
		return nil, 0, err
	}
	if entry, err := root.Stat(file); err == nil {
		at = entry.MTimeNS / 1e9
	}
	items, err = mergelist.ParseResume(data)
	return items, at, err
}

// readStatus reads the live status files (FEATURES=observability). On the running
// system it ignores files whose process no longer exists.
func readStatus(root *hostfs.Root, s *settings.Settings, processes map[int]processArgs) []*mergelist.Status {
	folder, err := root.OpenDir(path.Join("/", s.EPREFIX(), "run/portage"))
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, err := folder.Names()
	if err != nil {
		return nil
	}
	var all []*mergelist.Status
	for _, name := range names {
		number, ok := strings.CutPrefix(strings.TrimSuffix(name, ".json"), "emerge-")
		pid, err := strconv.Atoi(number)
		if !ok || err != nil || !strings.HasSuffix(name, ".json") {
			continue
		}
		if _, alive := processes[pid]; processes != nil && !alive {
			continue
		}
		data, err := folder.ReadFile(name, maxStatus)
		if err != nil {
			continue
		}
		if status, err := mergelist.ParseStatus(data); err == nil && status.PID == pid {
			all = append(all, status)
		}
	}
	return all
}

// processArgs are the arguments of one process.
type processArgs [][]byte

// processesOf returns the processes of the running system, or nil for another root.
func processesOf(root *hostfs.Root) map[int]processArgs {
	if !root.IsSystem() {
		return nil
	}
	names, err := root.Names("/proc")
	if err != nil {
		return nil
	}
	all := map[int]processArgs{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		line, err := root.ReadFile("/proc/"+name+"/cmdline", maxCommandLine)
		if err == nil && len(line) > 0 {
			all[pid] = bytes.Split(bytes.TrimRight(line, "\x00"), []byte{0})
		}
	}
	return all
}

// PortageProcess returns the id of a process of the running system that is emerge
// or an ebuild phase. It returns 0 if there is none, or for another root.
func PortageProcess(root *hostfs.Root) int {
	for pid, p := range processesOf(root) {
		if _, _, phase := p.phase(); phase || p.isEmerge() {
			return pid
		}
	}
	return 0
}

// isEmerge reports whether the process is emerge, which is Python with the name of
// emerge as an argument.
func (p processArgs) isEmerge() bool {
	for i, word := range p {
		if i < 3 && path.Base(string(word)) == "emerge" {
			return true
		}
	}
	return false
}

// phase parses the name that Portage gives to its processes: "[cat/pf] sandbox
// ebuild.sh PHASE" (process.py, spawn; doebuild.py).
func (p processArgs) phase() (cpv, phase string, ok bool) {
	if len(p) < 3 {
		return "", "", false
	}
	title, found := bytes.CutPrefix(p[0], []byte("["))
	if !found {
		return "", "", false
	}
	name, _, found := bytes.Cut(title, []byte("]"))
	if !found || path.Base(string(p[len(p)-2])) != "ebuild.sh" {
		return "", "", false
	}
	return string(name), string(p[len(p)-1]), true
}

// Running reports whether a process of the running system exists, whoever owns it.
func Running(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
