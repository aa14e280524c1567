package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/cli/config"
)

// manualCommand writes the manual pages, made from the grammar of the command
// line, so that they cannot fall behind it.
type manualCommand struct {
	Dir string `arg:"" type:"path" help:"Folder that gets a page for each command."`
}

// Help is the long help of the command.
func (*manualCommand) Help() string {
	return "Writes emaudit.1 and a page for each command.\n" + exitStatus
}

// Run writes the pages.
func (c *manualCommand) Run(kctx *kong.Context) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	for _, node := range append([]*kong.Node{kctx.Model.Node}, visibleCommands(kctx.Model.Node)...) {
		var page bytes.Buffer
		writeManual(&page, kctx.Model.Node, node)
		if err := os.WriteFile(filepath.Join(c.Dir, manualName(node)+".1"), page.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// visibleCommands are the commands that people type.
func visibleCommands(app *kong.Node) []*kong.Node {
	var commands []*kong.Node
	for _, n := range app.Children {
		if n.Type == kong.CommandNode && !n.Hidden {
			commands = append(commands, n)
		}
	}
	return commands
}

// manualName is the name of a page: emaudit, emaudit-audit.
func manualName(node *kong.Node) string {
	if node.Parent == nil {
		return "emaudit"
	}
	return "emaudit-" + node.Name
}

// writeManual writes the page of a command in the macros of man(7).
func writeManual(w io.Writer, app, node *kong.Node) {
	r := &roff{w: w}
	name := manualName(node)
	r.macro("TH", strings.ToUpper(name), "1", "", "emaudit", "User Commands")
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
		r.overview(app)
	}
	if len(node.Positional) > 0 {
		r.macro("SH", "ARGUMENTS")
		for _, p := range node.Positional {
			r.item(`\fI`+r.escape(p.Name)+`\fR`, p.Help)
		}
	}
	if flags := shownFlags(node); len(flags) > 0 {
		r.macro("SH", "OPTIONS")
		for _, f := range flags {
			r.item(r.flag(f), f.Help)
		}
	}
	if node != app {
		fmt.Fprintln(w, ".PP")
		r.prose("The options of every command are in emaudit(1).")
	}
	if status == "" {
		_, status, _ = strings.Cut(exitStatus, "\nEXIT STATUS\n")
	}
	r.macro("SH", "EXIT STATUS")
	for line := range strings.Lines(status) {
		code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		r.item(r.escape(code), strings.TrimSpace(meaning))
	}
	r.examples(node)
	if node == app {
		r.surroundings()
	}
	r.seeAlso(app, node)
}

// shownFlags are the flags that belong to a command itself.
func shownFlags(node *kong.Node) []*kong.Flag {
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

// text writes a line that is roff already.
func (r *roff) text(line string) {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	fmt.Fprintln(r.w, line)
}

// item writes a tagged paragraph.
func (r *roff) item(tag, help string) {
	fmt.Fprintln(r.w, ".TP")
	r.text(tag)
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
			continue
		case indented && !literal:
			if begun {
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
		r.text(r.escape(line))
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
	line := `\fBemaudit\fR [\fIoptions\fR]`
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

// overview describes emaudit as a whole.
func (r *roff) overview(app *kong.Node) {
	r.prose(`emaudit answers three questions after every update. Does every installed package
have a whole binary package? Can I go back, and with which commands? Which
files in PKGDIR can go? It reads emerge.log, the output of merges, the
database of installed packages, PKGDIR and its index, and keeps what it read in
a database of its own, which outlives rotated logs and deleted packages.

It never runs emerge, and changes nothing but with "prune --apply" and
"prune --undo". What it could not check, it calls unknown.`)
	r.macro("SH", "COMMANDS")
	for _, n := range visibleCommands(app) {
		r.item(`\fB`+r.escape(n.Name)+`\fR`, n.Help)
	}
}

// examples shows what to type, and what for.
func (r *roff) examples(node *kong.Node) {
	r.macro("SH", "EXAMPLES")
	for _, e := range usageExamples[node.Name] {
		r.item(`\fB`+r.escape(e.line)+`\fR`, e.purpose)
	}
}

// surroundings are the environment and the files.
func (r *roff) surroundings() {
	r.macro("SH", "ENVIRONMENT")
	r.item(`\fBEMAUDIT_\fINAME\fR`, "Sets the option --name, with underscores for hyphens: EMAUDIT_FAIL_ON=never.")
	r.item(`\fBEMAUDIT_CONFIG\fR`, "A configuration file to read instead of the usual ones.")
	r.item(`\fBPAGER\fR`, "The pager for output longer than the screen. EMAUDIT_PAGER overrides it. The default is less, with LESS=FRX unless LESS is set.")
	r.item(`\fBNO_COLOR\fR, \fBCLICOLOR_FORCE\fR`, "No colour; colour also where the output is no terminal.")
	r.macro("SH", "FILES")
	r.item(r.escape(config.System), "Options for all users; $XDG_CONFIG_HOME/emaudit/config.toml is read after it. A key is the name of an option. A table with the name of a command holds options for that command only.")
	r.item(r.escape("/var/lib/emaudit/emaudit.db"), "The database of root. Other users have theirs under $XDG_STATE_HOME (~/.local/state).")
}

func (r *roff) seeAlso(app, node *kong.Node) {
	r.macro("SH", "SEE ALSO")
	var pages []string
	if node != app {
		pages = append(pages, `\fBemaudit\fR(1)`)
	} else {
		for _, n := range visibleCommands(app) {
			pages = append(pages, `\fB`+r.escape(manualName(n))+`\fR(1)`)
		}
	}
	pages = append(pages, `\fBemerge\fR(1)`, `\fBquickpkg\fR(1)`, `\fBmake.conf\fR(5)`, `\fBportage\fR(5)`)
	r.text(strings.Join(pages, ",\n"))
}
