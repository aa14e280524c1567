package hostgen

import (
	"bufio"
	"io"
	"slices"
	"strconv"
)

// A logWriter writes lines of emerge.log and counts the events in them. It keeps
// the first error of the underlying writer for flush.
type logWriter struct {
	w      *bufio.Writer
	number []byte
	counts LogCounts
}

// LogCounts counts the events in a generated emerge.log.
type LogCounts struct {
	Lines     int // all lines
	Runs      int // "Started emerge on"
	Begun     int // ">>> emerge (N of M)"
	Completed int // "::: completed emerge"
	Binary    int // "Merging Binary": the merges in Completed from a binary package
	Unmerged  int // ">>> unmerge success"
	Synced    int // "=== Sync completed"
}

func newLogWriter(w io.Writer) *logWriter {
	return &logWriter{w: bufio.NewWriterSize(w, 1<<20)}
}

// line writes one line. If Portage writes two blanks after the colon, the message
// starts with a blank (lib/_emerge/emergelog.py).
func (l *logWriter) line(time int64, message string) {
	l.number = strconv.AppendInt(l.number[:0], time, 10)
	l.w.Write(l.number)
	l.w.WriteString(": ")
	l.w.WriteString(message)
	l.w.WriteByte('\n')
	l.counts.Lines++
}

func (l *logWriter) flush() error { return l.w.Flush() }

// A timedLine is a line of a job. Jobs run in parallel, so their lines are sorted
// by time before they are written.
type timedLine struct {
	time    int64
	message string
}

func (l *logWriter) sorted(lines []timedLine) {
	slices.SortStableFunc(lines, func(a, b timedLine) int { return int(a.time - b.time) })
	for _, line := range lines {
		l.line(line.time, line.message)
	}
}
