package hostgen

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	// epoch is the beginning of all histories, 2015-01-01.
	epoch int64 = 1420070400
	// idlePart is the part of alpha's idle time that a copy of a host has.
	idlePart = 0.05
	// idle is the shortest time between two lines in which nothing happens, in seconds.
	idle = 600
	// logYears is how long a large log goes back; logNames is how many copies it has
	// under different names.
	logYears = 10.7
	logNames = 40
)

// line is a line of emerge.log, cut behind each name of a package.
type line struct {
	time   int64
	pieces []string
}

func (a *alpha) lines(log []byte) ([]line, error) {
	var lines []line
	for text := range strings.Lines(string(log)) {
		stamp, message, _ := strings.Cut(text, ":")
		at, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("hostgen: %s: %w", logFile, err)
		}
		lines = append(lines, line{at, a.pieces(message)})
	}
	return lines, nil
}

// A clock tells what time it is for a copy when it is a given time for alpha.
type clock struct {
	since []int64 // times of alpha
	added []int64 // seconds, from since on
	last  int64   // time of alpha
}

// clock makes a clock that begins at a time and has a part of alpha's idle time.
func (a *alpha) clock(begin int64, part float64) clock {
	c := clock{last: a.log[len(a.log)-1].time}
	was, now := a.log[0].time, begin
	c.since, c.added = append(c.since, was), append(c.added, now-was)
	for _, l := range a.log {
		if gap := l.time - was; gap > idle {
			now += max(idle, int64(float64(gap)*part))
			c.since, c.added = append(c.since, l.time), append(c.added, now-l.time)
		} else {
			now += gap
		}
		was = l.time
	}
	return c
}

func (c clock) at(t int64) int64 {
	i := sort.Search(len(c.since), func(i int) bool { return c.since[i] > t })
	return t + c.added[max(0, i-1)]
}

// end is when the next copy may begin.
func (c clock) end() int64 { return c.at(c.last) + idle }

// text is at for a number in a text, which is returned with its line end.
func (c clock) text(of string) string {
	digits := strings.TrimRight(of, "\n")
	t, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return of
	}
	return strconv.FormatInt(c.at(t), 10) + of[len(digits):]
}

// history returns the lines of emerge.log of a copy. If it was removed, depclean
// unmerges all that it had installed.
func (a *alpha) history(n number, removed bool) iter.Seq[string] {
	const started = " Started emerge on: "
	return func(yield func(string) bool) {
		for _, l := range a.log {
			at := n.clock.at(l.time)
			text := strings.Join(l.pieces, n.suffix)
			if strings.HasPrefix(text, started) {
				text = started + time.Unix(at, 0).UTC().Format("Jan 02, 2006 15:04:05") + "\n"
			}
			if !yield(strconv.FormatInt(at, 10) + ":" + text) {
				return
			}
		}
		if !removed {
			return
		}
		at := n.clock.at(n.clock.last) + 1
		yield(fmt.Sprintf("%d: Started emerge on: %s\n%[1]d:  *** emerge --depclean\n%[1]d:  >>> depclean\n", at, time.Unix(at, 0).UTC().Format("Jan 02, 2006 15:04:05")))
		for _, folder := range a.installed {
			yield(fmt.Sprintf("%d: === Unmerging... (%s)\n%[1]d:  >>> unmerge success: %[2]s\n", at, a.renamed(folder, n)))
			at++
		}
		yield(fmt.Sprintf("%d:  *** exiting successfully.\n%[1]d:  *** terminating.\n", at))
	}
}

// EmergeLog writes an emerge.log of whole copies, with at least as many lines.
func EmergeLog(w io.Writer, lines int) error {
	a, err := unpack()
	if err != nil {
		return err
	}
	defer os.RemoveAll(a.root)
	copies := (lines + len(a.log) - 1) / len(a.log)
	busy := a.clock(0, 0).end()
	idleTime := a.log[len(a.log)-1].time - a.log[0].time - busy
	const span = logYears * 365.25 * 24 * 3600
	part := min(1, max(0, (span/float64(copies)-float64(busy))/float64(idleTime)))
	at := epoch
	var b bytes.Buffer
	for i := range copies {
		n := numbered(i%logNames, a.clock(at, part))
		at = n.clock.end()
		b.Reset()
		for text := range a.history(n, false) {
			b.WriteString(text)
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
