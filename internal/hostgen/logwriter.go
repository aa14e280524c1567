package hostgen

import (
	"bufio"
	"io"
	"slices"
	"strconv"
)

// A logWriter writes emerge.log lines and counts what a reader has to find.
// The first error of the writer beneath is kept for flush.
type logWriter struct {
	w      *bufio.Writer
	number []byte
	counts LogCounts
}

// LogCounts says what a generated emerge.log holds.
type LogCounts struct {
	Lines     int // all lines
	Runs      int // "Started emerge on"
	Begun     int // ">>> emerge (N of M)"
	Completed int // "::: completed emerge"
	Binary    int // "Merging Binary": those of Completed that came from a binary package
	Unmerged  int // ">>> unmerge success"
	Synced    int // "=== Sync completed"
}

func newLogWriter(w io.Writer) *logWriter {
	return &logWriter{w: bufio.NewWriterSize(w, 1<<20)}
}

// line writes one line. The message starts with a blank where Portage writes
// two after the colon (lib/_emerge/emergelog.py).
func (l *logWriter) line(time int64, message string) {
	l.number = strconv.AppendInt(l.number[:0], time, 10)
	l.w.Write(l.number)
	l.w.WriteString(": ")
	l.w.WriteString(message)
	l.w.WriteByte('\n')
	l.counts.Lines++
}

func (l *logWriter) flush() error { return l.w.Flush() }

// A timedLine is a line of a job; jobs run side by side, so their lines are
// sorted by time before they are written.
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
