// Package manual writes manual pages from the grammar of a command line, so that they
// cannot fall behind it.
package manual

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Example is a command line and its purpose, in this order.
type Example [2]string

// Entry is a variable or a file, as roff, and its explanation.
type Entry [2]string

// Book is what the pages of a program have in common, and what its grammar does not
// say.
type Book struct {
	App         *kong.Node
	Version     string
	Date        string // YYYY-MM-DD, or empty if unknown
	Description string
	Environment []Entry
	Files       []Entry
	ExitStatus  string               // lines of a code and its meaning, unless the help of a command has its own
	Examples    map[string][]Example // by name of the command
	SeeAlso     []string             // pages of other programs, as roff
}

// Commands returns the commands that people type.
func Commands(app *kong.Node) []*kong.Node {
	var commands []*kong.Node
	for _, n := range app.Children {
		if n.Type == kong.CommandNode && !n.Hidden {
			commands = append(commands, n)
		}
	}
	return commands
}

// Name returns the name of a page: that of the program, or program-command.
func Name(node *kong.Node) string {
	if node.Parent == nil {
		return node.Name
	}
	return node.Parent.Name + "-" + node.Name
}

// Write writes the page of a command, or of the program, in the macros of man(7).
// Errors of w are not reported: it is a buffer.
func (b *Book) Write(w io.Writer, node *kong.Node) {
	r, app := &roff{w: w}, b.App
	name := Name(node)
	// The date is no text that macro may escape: man(7) wants it as it is.
	fmt.Fprintf(w, ".TH \"%s\" 1 \"%s\" \"%s\" \"User Commands\"\n", r.escape(strings.ToUpper(name)), b.Date, r.escape(app.Name+" "+b.Version))
	r.macro("SH", "NAME")
	r.text(strings.ReplaceAll(name, "-", `\-`) + ` \- ` + r.escape(strings.TrimSuffix(node.Help, ".")))
	r.macro("SH", "SYNOPSIS")
	r.synopsis(app, node)
	detail, status, _ := strings.Cut(node.Detail, "\nEXIT STATUS\n")
	if detail != "" || node == app {
		r.macro("SH", "DESCRIPTION")
	}
	r.prose(detail)
	if node == app {
		r.overview(b)
	}
	if len(node.Positional) > 0 {
		r.macro("SH", "ARGUMENTS")
		for _, p := range node.Positional {
			r.item(`\fI`+r.escape(p.Name)+`\fR`, p.Help)
		}
	}
	if flags := Flags(node); len(flags) > 0 {
		r.macro("SH", "OPTIONS")
		for _, f := range flags {
			r.item(r.flag(f), f.Help)
		}
	}
	if node != app {
		fmt.Fprintln(w, ".PP")
		r.prose("The options of every command are in " + app.Name + "(1).")
	}
	if status == "" {
		status = b.ExitStatus
	}
	r.macro("SH", "EXIT STATUS")
	for line := range strings.Lines(status) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		r.item(r.escape(code), strings.TrimSpace(meaning))
	}
	r.examples(b.Examples[node.Name])
	if node == app {
		r.entries("ENVIRONMENT", b.Environment)
		r.entries("FILES", b.Files)
	}
	r.seeAlso(b, node)
}

// Flags returns the visible flags that belong to a command itself.
func Flags(node *kong.Node) []*kong.Flag {
	var flags []*kong.Flag
	for _, f := range node.Flags {
		if !f.Hidden {
			flags = append(flags, f)
		}
	}
	return flags
}

// roff writes the macros of man(7). Errors of the writer, which is a buffer,
// cannot happen.
type roff struct{ w io.Writer }

// escape makes text inert: no escape sequence, and no minus that turns into a
// hyphen, since options are copied from manual pages.
func (r *roff) escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\(ga", "^", `\(ha`, "~", `\(ti`).Replace(s)
}

func (r *roff) macro(name string, args ...string) {
	fmt.Fprint(r.w, "."+name)
	for _, a := range args {
		fmt.Fprintf(r.w, ` "%s"`, strings.ReplaceAll(r.escape(a), `"`, `\(dq`))
	}
	fmt.Fprintln(r.w)
}

// lineLength is how long lines of the source may be: mandoc -T lint wants it.
const lineLength = 80

// text writes a line that is roff already, in several where it is long.
func (r *roff) text(line string) {
	for len(line) > lineLength {
		at := strings.LastIndexByte(line[:lineLength+1], ' ')
		if at <= 0 {
			break
		}
		r.line(line[:at])
		line = line[at+1:]
	}
	r.line(line)
}

// line writes a line that is no macro, whatever it begins with.
func (r *roff) line(line string) {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	fmt.Fprintln(r.w, line)
}

// item writes a tagged paragraph.
func (r *roff) item(tag, help string) {
	fmt.Fprintln(r.w, ".TP")
	r.line(tag)
	r.text(r.escape(help))
}

// prose writes a help text: what is indented is shown as it is.
func (r *roff) prose(s string) {
	s = strings.Trim(s, "\n")
	if s == "" {
		return
	}
	literal, begun := false, false
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, " ")
		switch {
		case line == "" && !literal:
			fmt.Fprintln(r.w, ".PP")
			begun = false
			continue
		case indented && !literal:
			if begun { // .PP has left a line free
				fmt.Fprintln(r.w, ".sp")
			}
			fmt.Fprintln(r.w, ".nf")
			literal = true
		case !indented && literal:
			fmt.Fprintln(r.w, ".fi")
			literal = false
			if line == "" {
				fmt.Fprintln(r.w, ".PP")
				continue
			}
		}
		if literal {
			r.line(r.escape(line))
		} else {
			r.text(r.escape(line))
		}
		begun = true
	}
	if literal {
		fmt.Fprintln(r.w, ".fi")
	}
}

// flag is how a flag is written.
func (r *roff) flag(f *kong.Flag) string {
	var b strings.Builder
	if f.Short != 0 {
		b.WriteString(`\fB\-` + r.escape(string(f.Short)) + `\fR, `)
	}
	b.WriteString(`\fB\-\-` + r.escape(f.Name) + `\fR`)
	if !f.IsBool() {
		b.WriteString(` \fI` + r.escape(f.FormatPlaceHolder()) + `\fR`)
	}
	return b.String()
}

func (r *roff) synopsis(app, node *kong.Node) {
	line := `\fB` + r.escape(app.Name) + `\fR [\fIoptions\fR]`
	if node == app {
		line += ` [\fIcommand\fR ...]`
	} else {
		line += ` \fB` + r.escape(node.Name) + `\fR`
		for _, p := range node.Positional {
			word := `\fI` + r.escape(p.Name) + `\fR`
			if p.IsCumulative() {
				word += " ..."
			}
			if !p.Required {
				word = "[" + word + "]"
			}
			line += " " + word
		}
	}
	r.text(line)
}

// overview describes the program as a whole.
func (r *roff) overview(b *Book) {
	r.prose(b.Description)
	r.macro("SH", "COMMANDS")
	for _, n := range Commands(b.App) {
		r.item(`\fB`+r.escape(n.Name)+`\fR`, n.Help)
	}
}

func (r *roff) examples(examples []Example) {
	r.macro("SH", "EXAMPLES")
	for _, e := range examples {
		r.item(`\fB`+r.escape(e[0])+`\fR`, e[1])
	}
}

func (r *roff) entries(section string, entries []Entry) {
	r.macro("SH", section)
	for _, e := range entries {
		r.item(e[0], e[1])
	}
}

func (r *roff) seeAlso(b *Book, node *kong.Node) {
	r.macro("SH", "SEE ALSO")
	var pages []string
	if node != b.App {
		pages = append(pages, `\fB`+r.escape(b.App.Name)+`\fR(1)`)
	} else {
		for _, n := range Commands(b.App) {
			pages = append(pages, `\fB`+r.escape(Name(n))+`\fR(1)`)
		}
	}
	pages = append(pages, b.SeeAlso...)
	r.text(strings.Join(pages, ",\n"))
}
