package page

import (
	"bufio"
	"io"
	"strings"

	"emaudit/audit"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// writeMarkdown writes a page as GitHub-flavoured Markdown, which wikis and bug
// trackers take.
func writeMarkdown(w io.Writer, v *pageView) error {
	m := &markdown{out: bufio.NewWriter(w)}
	m.line("# " + escapeMarkdown(v.Host) + ": " + escapeMarkdown(v.Answer.Text))
	facts := append([]string{v.Generated.Text, "root " + v.Root}, v.Facts...)
	for i := range facts {
		facts[i] = escapeMarkdown(facts[i])
	}
	m.line(strings.Join(facts, " · "))
	if len(v.Verdicts) > 0 {
		m.table(fill(&pageBuilder{}, &pageTable{}, verdictColumns, table.All(v.Verdicts)))
	}
	if len(v.Steps) > 0 {
		m.line("## To do now")
		for _, step := range v.Steps {
			m.line("1. " + escapeMarkdown(step.Text))
			m.code(step.Command)
		}
	}
	for _, s := range v.Sections {
		m.section(s)
	}
	return m.out.Flush()
}

var verdictColumns = table.Table[pageVerdict]{
	{Title: "Question", Value: func(l *pageVerdict) any { return l.Label }},
	{Title: "Answer", Role: screen.Bold, Value: func(l *pageVerdict) any { return l.Verdict.Text }},
	{Title: "Because", Value: func(l *pageVerdict) any { return l.Text }},
	{Title: "More", Type: table.Code, Value: func(l *pageVerdict) any { return l.Command }},
}

// markdown writes blocks, an empty line between them.
type markdown struct {
	out *bufio.Writer
}

func (m *markdown) line(s string) { m.out.WriteString(s + "\n\n") }

func (m *markdown) section(s *pageSection) {
	title := "## " + escapeMarkdown(s.Title)
	if s.Verdict.Text != "" {
		title += ": " + escapeMarkdown(s.Verdict.Text)
	}
	m.line(title)
	if s.Lead != "" {
		m.line(escapeMarkdown(s.Lead))
	}
	for _, b := range s.Blocks {
		m.block(b)
	}
}

func (m *markdown) block(b pageBlock) {
	switch {
	case b.Heading != "":
		m.line("### " + escapeMarkdown(b.Heading))
	case b.Note != "":
		m.line(escapeMarkdown(b.Note))
	case b.Unknown != nil:
		m.line("**Not known:** " + escapeMarkdown(b.Unknown.Text))
		m.code(b.Unknown.Command)
	case b.Commands != nil:
		m.line(escapeMarkdown(b.Commands.Title) + ":")
		m.code(strings.Join(b.Commands.Lines, "\n"))
	case b.Findings != nil:
		var all []audit.Finding
		for _, f := range b.Findings.Rows {
			all = append(all, f.Finding)
			for _, alike := range f.Alike {
				all = append(all, alike.Finding)
			}
		}
		m.table(fill(&pageBuilder{}, &pageTable{}, report.FindingColumns, table.All(all)))
	case b.Table != nil:
		if b.Table.Caption != "" {
			m.line("### " + escapeMarkdown(b.Table.Caption))
		}
		m.table(b.Table)
	case b.Share != nil:
		m.chart(b.Share.chartHead)
	case b.Bars != nil:
		m.chart(b.Bars.chartHead)
	case b.Line != nil:
		m.chart(b.Line.chartHead)
	case b.Columns != nil:
		m.chart(b.Columns.chartHead)
	}
}

// chart writes the numbers of a chart.
func (m *markdown) chart(c chartHead) {
	m.line("### " + escapeMarkdown(c.Title))
	if c.Table != nil {
		m.table(c.Table)
	}
}

func (m *markdown) table(t *pageTable) {
	for _, c := range t.Columns {
		m.out.WriteString("| " + escapeMarkdown(c.Title) + " ")
	}
	m.out.WriteString("|\n")
	for _, c := range t.Columns {
		m.out.WriteString("| ---")
		if c.Type.Numeric() {
			m.out.WriteByte(':')
		}
		m.out.WriteByte(' ')
	}
	m.out.WriteString("|\n")
	for _, r := range t.Rows {
		for i, c := range r {
			m.out.WriteString("| " + markdownCell(c, t.Columns[i]) + " ")
		}
		m.out.WriteString("|\n")
	}
	m.out.WriteByte('\n')
}

func markdownCell(c pageCell, column pageColumn) string {
	switch {
	case c.Text == "":
		return ""
	case column.Mono():
		return codeSpan(c.Text)
	case c.Role == screen.Bold:
		return "**" + escapeMarkdown(c.Text) + "**"
	}
	return escapeMarkdown(c.Text)
}

// code writes lines to type as a block, with a fence longer than any in them.
func (m *markdown) code(lines string) {
	if lines == "" {
		return
	}
	fence := "```"
	for strings.Contains(lines, fence) {
		fence += "`"
	}
	m.line(fence + "sh\n" + lines + "\n" + fence)
}

// codeSpan writes text as code inside a table, where a bar would end the cell
// even between backquotes.
func codeSpan(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\n", "; "), "|", `\|`)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if fence != "`" {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// escapeMarkdown writes text so that none of it is markup: neither Markdown's
// own, nor HTML, nor the "@name" and "#1" that trackers turn into links.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '|', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '<':
			b.WriteString("&lt;")
		case '&':
			b.WriteString("&amp;")
		case '@':
			b.WriteString("@\u200c")
		case '#':
			b.WriteString("#\u200c")
		case '\n':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
