package look

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/mergelog"
)

// Cause is the reason why a step failed.
type Cause struct {
	CPV   string // "" if the failure concerns no single package
	Phase string // "" if unknown
	Line  string // the line with the cause, or ""
	Log   string // the build log inside the root, "" if there is none
}

// maxLog is the maximum size of a build log in bytes.
const maxLog = 1 << 30

// CauseOf returns why a step failed, from the build log that emerge names, or
// otherwise from the output of emerge. If that log cannot be read, CauseOf returns
// the error and the cause from the output.
func CauseOf(after *hostfs.Root, output []byte) (Cause, error) {
	capture, err := mergelog.ReadCapture(bytes.NewReader(output))
	if err != nil {
		return Cause{}, err
	}
	for _, m := range slices.Backward(capture.Merges) {
		if !m.Failed {
			continue
		}
		c := Cause{CPV: m.CPV, Log: m.LogPath}
		failure := m.Failure
		if m.LogPath != "" {
			var log mergelog.BuildLog
			if log, err = readLog(after, m.LogPath); err == nil && log.Failure != nil {
				failure = log.Failure
			}
		}
		if failure != nil {
			c.Phase, c.Line = string(failure.Phase), cmp.Or(failure.Cause.Line, failure.Message)
		}
		if c.Line == "" && c.Log == "" {
			c.Line = lastWords(output)
		}
		return c, err
	}
	return Cause{Line: lastWords(output)}, nil
}

func readLog(root *hostfs.Root, name string) (mergelog.BuildLog, error) {
	f, err := root.OpenFile(name, maxLog)
	if err != nil {
		return mergelog.BuildLog{}, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		r = mergelog.NewGzipReader(f)
	}
	return mergelog.ReadBuildLog(r)
}

// lastWords returns the line with the reason of a failure: the first one that Portage
// marks with "!!!", or the last one.
func lastWords(output []byte) string {
	var last, marked string
	for line := range bytes.Lines(output) {
		text := strings.TrimSpace(mergelog.Clean(line))
		if text == "" {
			continue
		}
		last = text
		if rest, ok := strings.CutPrefix(text, "!!! "); ok && marked == "" {
			marked = rest
		}
	}
	return cmp.Or(marked, last)
}
