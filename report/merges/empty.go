package merges

import (
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/report/screen"
)

// Asked is what an answer about the history is about, so that an empty one can say
// so.
type Asked struct {
	Packages string // as they were typed; "" means all
	Period   audit.Period
	// Newest finds the newest that there is whatever the period, or nil. It is called
	// for an empty answer only.
	Newest func() (*Newest, error)
	// Limit is how many of the newest are asked for although nobody has said so, and
	// All shows the others; 0 means that there is no such limit.
	Limit int
	All   audit.Command
}

// rest says how to see what is not shown.
func (a Asked) rest(s *screen.Screen, shown int) {
	if a.Limit > 0 && shown == a.Limit {
		s.Line(screen.Dim.Text(fmt.Sprintf("the newest %d; all of them:  ", a.Limit)), screen.Code.Text(a.All.String()))
	}
}

// Newest is the last of what was asked for.
type Newest struct {
	Name string
	At   int64 // unix seconds
}

// none says what there is none of: "no merge of hello since 2026-11-01 (the last
// one: app-misc/hello-2.1, 2026-10-04)". lost is why that is not known.
func (a Asked) none(s *screen.Screen, what string, role screen.Role, lost string) screen.Cell {
	if lost != "" {
		return screen.Unknown.Text("unknown: " + lost + ", and nothing else shows a " + a.withPeriod(s, what))
	}
	return role.Text("no " + a.withPeriod(s, what))
}

// withPeriod adds what was asked, and the last one that there is.
func (a Asked) withPeriod(s *screen.Screen, text string) string {
	t := s.Terminal()
	if a.Packages != "" {
		text += " of " + a.Packages
	}
	text += periodText(t, a.Period)
	last, err := a.Newest()
	if err != nil {
		s.Fail(err)
	}
	if last != nil {
		text += fmt.Sprintf(" (the last one: %s, %s)", last.Name, t.Time(last.At))
	}
	return text
}

// periodText is a period in words, with a space before it.
func periodText(t screen.Terminal, p audit.Period) string {
	end := func(word string, run, at int64) string {
		switch {
		case run < 0:
			return fmt.Sprintf(" %s run:%d", word, run)
		case run > 0:
			return fmt.Sprintf(" %s run #%d", word, run)
		case at != 0:
			return " " + word + " " + strings.TrimSuffix(t.Time(at), " 00:00")
		}
		return ""
	}
	return end("since", p.FirstRun, p.Since) + end("until", p.LastRun, p.Until)
}
