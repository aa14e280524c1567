package page

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/report"
	"emaudit/report/screen"
)

// A page is made in two steps: the facts become a pageView, which is text,
// numbers and geometry, and the templates give it its look. Markdown and JSON
// are written from the same pageView.

// pageView is everything that a page shows.
type pageView struct {
	Host, Root string
	Generated  pageTime
	Version    string
	// Answer is the page in one sentence.
	Answer   screen.Cell
	Facts    []string
	Verdicts []pageVerdict
	Steps    []screen.Step
	Sections []*pageSection
	Packages []*pagePackage

	findings []audit.Finding
}

// pageTime is a moment for people and for machines.
type pageTime struct {
	Text    string
	Machine string // RFC 3339
}

// pageVerdict is one line at the top of the page.
type pageVerdict struct {
	Label, Text, Command string
	Verdict              screen.Cell
	Section              string // id of the section that says more
}

// pageSection is one part of the page. Its blocks come in the order in which
// they are read.
type pageSection struct {
	ID, Title string
	Verdict   screen.Cell
	Lead      string // one or two sentences
	Blocks    []pageBlock
}

// add appends blocks, leaving out those that are empty.
func (s *pageSection) add(blocks ...pageBlock) {
	for _, b := range blocks {
		if b != (pageBlock{}) {
			s.Blocks = append(s.Blocks, b)
		}
	}
}

// pageBlock is one piece of a section: exactly one of its fields is set.
type pageBlock struct {
	Heading  string
	Note     string
	Unknown  *pageUnknown
	Commands *pageCommands
	Findings *pageFindings
	Table    *pageTable
	Share    *shareChart
	Bars     *barChart
	Line     *lineChart
	Columns  *columnChart
}

// pageUnknown says that something is not known, and what would settle it.
type pageUnknown struct {
	Text    string
	Command string
}

// pageCommands are lines to type.
type pageCommands struct {
	Title string
	Lines []string
}

// pageFindings are findings in the order in which they came.
type pageFindings struct {
	Rows []pageFinding
	More int // how many are left out
}

// pageFinding is one finding, with those that the same command mends.
type pageFinding struct {
	audit.Finding
	Link  string // address of the subject's own section; "" where it has none
	Alike []pageFinding
}

// Others heads the list of findings that are like this one.
func (f pageFinding) Others() string { return fmt.Sprintf("and %d more like it", len(f.Alike)) }

// pagePackage is the section of one package. There are thousands of them on a
// page, and what a browser needs for it goes with the number of elements: so
// its tables are lines of text in columns, each list one element.
type pagePackage struct {
	ID, CP  string
	Facts   []screen.Cell
	Builds  *pageCell     // how long they took; nil for a few
	Binpkgs []screen.Cell // a line each
	Merges  []screen.Cell

	files, events pageLines
}

// pageLines are lines with columns in them.
type pageLines [][]screen.Cell

// lines aligns the columns of all lines; a line has the role of the worst of
// its cells. Two spaces are between columns, none behind the last.
func (l pageLines) lines() []screen.Cell {
	var widths []int
	for _, row := range l {
		for i := range row {
			row[i].Text = screen.Clean(row[i].Text)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], screen.DisplayWidth(row[i].Text))
		}
	}
	lines := make([]screen.Cell, 0, len(l))
	for _, row := range l {
		var line strings.Builder
		role := screen.Plain
		for i, c := range row {
			line.WriteString(c.Text)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-screen.DisplayWidth(c.Text)+screen.Gutter))
			}
			if c.Role == screen.Bad {
				role = screen.Bad
			}
		}
		lines = append(lines, role.Text(line.String()))
	}
	return lines
}

// Href is the address of the package's section.
func (p *pagePackage) Href() string { return "#" + p.ID }

// pageWord is a piece of a command. One that is whole is an option or a name
// with a hyphen in it, behind which a browser would otherwise break a line.
type pageWord struct {
	Text  string
	Whole bool
}

// pageWords splits a command so that the pieces together are the command.
func pageWords(command string) []pageWord {
	var words []pageWord
	begin := 0
	for at := 0; at < len(command); {
		end := at
		for end < len(command) && command[end] != ' ' && command[end] != '\n' {
			end++
		}
		// What is longer than a line has to be broken somewhere.
		if end-at <= 2*unbroken && strings.ContainsAny(command[at:end], "-?") && (len(command) > unbroken || strings.Contains(command, " ")) {
			if begin < at {
				words = append(words, pageWord{Text: command[begin:at]})
			}
			words = append(words, pageWord{Text: command[at:end], Whole: true})
			begin = end
		}
		at = end + 1
	}
	if begin < len(command) {
		words = append(words, pageWord{Text: command[begin:]})
	}
	return words
}

// cleanLines is [screen.Clean], except that line feeds stay: commands have several
// lines, and in a page a line feed does nothing.
func cleanLines(s string) string {
	if screen.CleanPrefix(s) == len(s) {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = screen.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// generated is the time of the page.
func generated(o report.Output) pageTime {
	at := o.Envelope.GeneratedAt
	return pageTime{Text: o.Terminal.Time(at), Machine: time.Unix(at, 0).UTC().Format(time.RFC3339)}
}

// cleanText makes every string below v harmless: the one place where untrusted
// text enters a page. What html/template does comes after it.
func cleanText(v any) { cleanValue(reflect.ValueOf(v)) }

func cleanValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			cleanValue(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				cleanValue(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			cleanValue(v.Index(i))
		}
	case reflect.String:
		if clean := cleanLines(v.String()); clean != v.String() {
			v.SetString(clean)
		}
	}
}
