package screen

import (
	"io"
	"time"
)

const (
	// progressDelay is the time after which progress is drawn for the first
	// time: what is done sooner needs none.
	progressDelay = 200 * time.Millisecond
	// progressInterval is the time between two drawings.
	progressInterval = 100 * time.Millisecond
	// defaultWidth is taken for a terminal that does not tell its width.
	defaultWidth = 80
	// eraseLine moves the cursor to the first column and erases the line
	// (ECMA-48, CR and EL).
	eraseLine = "\r\x1b[K"
)

// Unit is what progress is measured in: [Bytes], or the plural of what is
// counted, such as "files".
type Unit string

// Bytes is progress in bytes, shown in IEC units.
const Bytes Unit = ""

// Progress is one line on a terminal that says how far long work has come:
//
//	verify  1.2 / 1.9 GiB  63 %  410 MiB/s  2 s left
//
// It is drawn from within [Progress.Add], ten times a second at the most, and
// gone after [Progress.Done]. A nil Progress is valid and does nothing. A
// Progress may be used by several goroutines.
type Progress struct {
	messages *Messages
	label    string
	unit     Unit
	total    int64
	// The following are guarded by messages.mu.
	done    int64
	started time.Time
	next    time.Time // when it is drawn again
	ended   bool
}

// Progress begins to show progress of the work called label, of which there is
// total; a total of 0 is not known. It returns nil where no terminal is.
func (m *Messages) Progress(label string, total int64, unit Unit) *Progress {
	if !m.term.IsTerminal {
		return nil
	}
	started := m.now()
	return &Progress{
		messages: m, label: Clean(label), unit: unit, total: total,
		started: started, next: started.Add(progressDelay),
	}
}

// Add says that n more is done.
func (p *Progress) Add(n int64) {
	if p == nil {
		return
	}
	p.messages.mu.Lock()
	defer p.messages.mu.Unlock()
	p.done += n
	now := p.messages.now()
	if p.ended || now.Before(p.next) {
		return
	}
	p.next = now.Add(progressInterval)
	width := p.messages.term.Width
	if width == 0 {
		width = defaultWidth
	}
	// A line that fills the last column would make some terminals scroll.
	io.WriteString(p.messages.out, eraseLine+cutEnd(p.line(now), width-1))
	p.messages.drawn = true
}

// Done takes the line away.
func (p *Progress) Done() {
	if p == nil {
		return
	}
	p.messages.mu.Lock()
	defer p.messages.mu.Unlock()
	p.ended = true
	p.messages.eraseProgress()
}

// line returns what is drawn at the moment now.
func (p *Progress) line(now time.Time) string {
	var line string
	switch {
	case p.unit == Bytes && p.total > 0:
		line = sizeOf(p.done, p.total)
	case p.unit == Bytes:
		line = Size(p.done)
	case p.total > 0:
		line = Number(p.done) + " / " + Number(p.total) + " " + Clean(string(p.unit))
	default:
		line = Number(p.done) + " " + Clean(string(p.unit))
	}
	line = p.label + "  " + line
	if p.total > 0 {
		line += "  " + Percent(p.done, p.total)
	}
	elapsed := now.Sub(p.started).Seconds()
	if elapsed <= 0 || p.done <= 0 {
		return line
	}
	rate := float64(p.done) / elapsed
	if p.unit == Bytes {
		line += "  " + Size(int64(rate)) + "/s"
	} else {
		line += "  " + Number(int64(rate)) + "/s"
	}
	if left := float64(p.total-p.done) / rate; left > 0 {
		// More than a century is shown as not known, before it overflows.
		const century = 100 * 365 * 24 * 3600
		line += "  " + Duration(time.Duration(min(left, century)*float64(time.Second)).Round(time.Second)) + " left"
	}
	return line
}
