package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"

	"emaudit/audit/history"
	"emaudit/hostfs"
	"emaudit/parse/mergelog"
)

// maxTail is how much of the end of a build log is looked at for its last line.
const maxTail = 16 << 10

// maxBuildLog is the size in bytes up to which a build log is opened.
const maxBuildLog = 8 << 30

// lastLines fills in what the builds at work wrote last, as far as their logs
// can be read: they belong to root and to the group portage.
func (s *session) lastLines(runs []history.CurrentRun) {
	dir, err := s.root.OpenDir(s.settings.BuildDir())
	if err != nil {
		return
	}
	defer dir.Close()
	for i := range runs {
		for j := range runs[i].Merges {
			m := &runs[i].Merges[j]
			m.LastLine = lastLineOf(dir, m.CPV)
		}
	}
}

// lastLineOf returns the last line of CAT/PF/temp/build.log (ebuild(5)), empty
// where it cannot be read. Only names that the folders list are opened.
func lastLineOf(dir *hostfs.Dir, cpv string) string {
	category, pf, _ := strings.Cut(cpv, "/")
	held := dir
	for _, name := range []string{category, pf, "temp"} {
		names, err := held.Names()
		if err != nil || !slices.Contains(names, name) {
			return ""
		}
		next, err := held.OpenDir(name)
		if err != nil {
			return ""
		}
		defer next.Close()
		held = next
	}
	f, err := held.OpenFile("build.log", maxBuildLog)
	if err != nil {
		return ""
	}
	defer f.Close()
	return lastLine(f)
}

// lastLine returns the last line of a file that has text, as a terminal shows it.
func lastLine(f *os.File) string {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	tail := make([]byte, min(size, maxTail))
	n, err := f.ReadAt(tail, size-int64(len(tail)))
	if err != nil && err != io.EOF {
		return ""
	}
	lines := bytes.Split(tail[:n], []byte{'\n'})
	for _, line := range slices.Backward(lines) {
		if text := strings.TrimSpace(string(mergelog.Clean(line))); text != "" {
			return text
		}
	}
	return ""
}
