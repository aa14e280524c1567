package merges

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit/aftermath"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Mailbox is elog as a mailbox: unread messages first. marked is how many were
// marked read with this answer, -1 where that was not asked for.
func Mailbox(m *aftermath.Messages, marked int64, asked Asked, o report.Output) report.Answer {
	return report.Answer{
		Findings:    m.Source.Findings,
		Diagnostics: outputDiagnostics(m.Source),
		Keys: func(j *report.JSON) {
			j.Value("messages", m.Rows)
			j.Value("unread", m.Unread)
			j.Value("read", m.Read)
			j.Value("marked_read", max(marked, 0))
		},
		Rows: MessageColumns.CSV(table.All(m.Rows)),
		Text: func(s *screen.Screen) {
			if m.Unread+m.Read == 0 && m.Source.Elog {
				s.Paragraph(0, asked.none(s, "message", screen.Plain, m.Source.ElogLost))
			} else {
				s.Line(MailboxHeadline(m)...)
			}
			for i := range m.Rows {
				s.Blank()
				WriteMessage(s, &m.Rows[i], o.Verbose)
			}
			if marked > 0 {
				s.Blank()
				s.Line(screen.Dim.Text(screen.Count(marked, "message was", "messages were") + " marked read"))
			}
			writeOutputSource(s, m.Source, o)
		},
	}
}

// MessageColumns describe messages. A terminal has a paragraph of each instead.
var MessageColumns = table.Table[aftermath.Message]{
	{Title: "Package", Of: "cpv", Type: table.Package},
	{Title: "When", Of: "saved_at", Type: table.Moment},
	{Title: "Class", Show: func(m *aftermath.Message) screen.Cell { return classRoles[m.Class].Text(m.Class) }},
	{Title: "Message", Type: table.Lines, Value: func(m *aftermath.Message) any {
		if len(m.Lines) > linesOfMessage {
			return strings.Join(m.Lines[:linesOfMessage], "\n") + "\n…"
		}
		return strings.Join(m.Lines, "\n")
	}},
}.With(table.Data[aftermath.Message]("id", "cpv", "saved_at", "class", "phase", "run", "unread", "doubtful", "source", "offset")...).With(
	table.Column[aftermath.Message]{Name: "text", Value: func(m *aftermath.Message) any { return strings.Join(m.Lines, "\n") }},
)

// linesOfMessage is how many lines of a message a table has room for.
const linesOfMessage = 12

func MailboxHeadline(m *aftermath.Messages) []screen.Cell {
	read := ""
	if m.Read > 0 {
		read = ", " + screen.Count(int64(m.Read), "message was", "messages were") + " read before"
	}
	switch {
	case !m.Source.Elog && m.Unread+m.Read == 0:
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": no folder of elog could be read (PORTAGE_ELOG_SYSTEM=\"save_summary\" makes one)")}
	case m.Unread == 0 && m.Source.ElogLost != "":
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": " + m.Source.ElogLost + read)}
	case m.Unread == 0:
		return []screen.Cell{screen.Good.Text("nothing unread"), screen.Plain.Text(read)}
	}
	return []screen.Cell{screen.Warn.Text(fmt.Sprintf("%d unread", m.Unread)), screen.Plain.Text(read)}
}

// classRoles are the roles of elog's classes.
var classRoles = map[string]screen.Role{
	aftermath.ClassError: screen.Bad, aftermath.ClassWarn: screen.Warn, aftermath.ClassQA: screen.Unknown, aftermath.ClassLog: screen.Plain, aftermath.ClassInfo: screen.Dim,
}

// message writes one message: who says it, then all it says.
func WriteMessage(s *screen.Screen, m *aftermath.Message, evidence bool) {
	head := []screen.Cell{classRoles[m.Class].Text(fmt.Sprintf("%-5s", m.Class)), screen.Plain.Text("  "), screen.Bold.Text(m.CPV)}
	when := []screen.Cell{screen.Plain.Text("  " + s.Terminal().Time(m.At) + "  " + m.Phase)}
	if m.Run != nil {
		when = append(when, screen.Dim.Text("  #"+strconv.FormatInt(*m.Run, 10)))
	}
	if !m.Unread {
		when = append(when, screen.Dim.Text("  read"))
	}
	width := 0
	for _, c := range slices.Concat(head, when) {
		width += screen.DisplayWidth(c.Text)
	}
	if page := s.Terminal().Width; page > 0 && width > page {
		s.Line(head...)
		s.Line(append([]screen.Cell{screen.Plain.Text("     ")}, when...)...)
	} else {
		s.Line(append(head, when...)...)
	}
	if m.Doubtful {
		s.Line(screen.Unknown.Text("       two processes wrote at the same time: this may belong to another package"))
	}
	for _, line := range m.Lines {
		s.Paragraph(7, screen.Plain.Text(Untab(line)))
	}
	if evidence {
		s.Line(screen.Dim.Text(fmt.Sprintf("       seen: %s at byte %d", s.Terminal().Path(m.Source), m.Offset)))
	}
}

// Untab replaces tabs, which lists of files in messages and logs are indented
// with, by what they stand for there.
func Untab(line string) string { return strings.ReplaceAll(line, "\t", "    ") }
