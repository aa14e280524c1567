package screen

import (
	"errors"
	"io"
	"sync"
	"time"
)

// Messages writes messages to standard error. Each is one line that begins with the
// name of the program, in lower case and without a period. A line of progress on the
// terminal is removed first.
//
// Errors of writing are ignored: there is nowhere left to report them. A Messages
// may be used by several goroutines.
type Messages struct {
	mu   sync.Mutex
	out  io.Writer
	term Terminal
	now  func() time.Time
	// drawn says that the cursor stands behind a line of progress.
	drawn bool
}

// NewMessages returns a Messages that writes to w. The clock now measures
// progress; it is not used where w is not a terminal.
func NewMessages(w io.Writer, term Terminal, now func() time.Time) *Messages {
	return &Messages{out: w, term: term, now: now}
}

// Error writes err as "emaudit: ...". Errors that were joined get a line each. An
// error that knows what to try, by a method Hint() string anywhere in its chain,
// has that written behind it.
func (m *Messages) Error(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && isJoin(err, joined.Unwrap()) {
		for _, e := range joined.Unwrap() {
			m.Error(e)
		}
		return
	}
	m.print("", err.Error())
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		m.Hint(hinted.Hint())
	}
}

// isJoin reports whether err consists of nothing but errs, as errors.Join makes
// it, and does not wrap them in text of its own.
func isJoin(err error, errs []error) bool {
	return err.Error() == errors.Join(errs...).Error()
}

// Warning writes text as "emaudit: warning: ...": the answer stands, with a
// reservation.
func (m *Messages) Warning(text string) {
	m.print("warning: ", text)
}

// Hint writes text as "emaudit: hint: ...": what to try.
func (m *Messages) Hint(text string) {
	m.print("hint: ", text)
}

// Note writes text as "emaudit: ...": what a person may want to know of what was
// done.
func (m *Messages) Note(text string) {
	m.print("", text)
}

// print writes one line.
func (m *Messages) print(kind, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.eraseProgress()
	io.WriteString(m.out, "emaudit: "+kind+Clean(text)+"\n")
}

// eraseProgress takes the line of progress away. m.mu is held.
func (m *Messages) eraseProgress() {
	if m.drawn {
		io.WriteString(m.out, eraseLine)
		m.drawn = false
	}
}
