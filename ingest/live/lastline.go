package live

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/mergelog"
	"emaudit/settings"
)

// maxTail is how much of the end of a build log is searched for its last line, in
// bytes.
const maxTail = 16 << 10

// maxRunningLog is the largest size of a build log that is opened, in bytes.
const maxRunningLog = 8 << 30

// LastLines returns a function that returns the last line in the build log of a
// package (cat/pf) in progress. The line is "" if the log cannot be read, because
// only root and the group portage may read it. closeDir closes the opened folders.
func LastLines(root *hostfs.Root, s *settings.Settings) (of func(cpv string) string, closeDir func() error) {
	dir, err := root.OpenDir(s.BuildDir())
	if err != nil {
		return func(string) string { return "" }, func() error { return nil }
	}
	return func(cpv string) string { return lastLineOf(dir, cpv) }, dir.Close
}

// lastLineOf returns the last line of CAT/PF/temp/build.log (ebuild(5)), or "" if
// it cannot be read. It opens only names that the folders list.
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
	f, err := held.OpenFile("build.log", maxRunningLog)
	if err != nil {
		return ""
	}
	defer f.Close()
	return lastLine(f)
}

// lastLine returns the last line of a file that is not blank, as a terminal shows
// it.
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
