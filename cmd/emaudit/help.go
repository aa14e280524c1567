package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"emaudit/cli/manual"
)

// exitLine is the exit codes in the help of a command; the manual page has a paragraph
// of each.
const exitLine = "Exit: 0 done, 1 error, 2 wrong use, 3 findings (--fail-on),\n      4 part of the input was damaged, 130 interrupted."

// helpLines is the length of a screen. The help of a command that is longer leaves out
// what it explains last; the manual page has all of it.
const helpLines = 40

// words are those of the box in README.md that a reader does not know at first.
const words = `
Six words:
  run     one invocation of emerge, numbered: #83
  update  a run and the runs that finish it: --resume, --depclean,
          @preserved-rebuild
  build   one result of building a version. A binary package is a copy of a build
  state   what was installed at one moment, such as before run #83
  gap     a build that a rollback needs and that no file supplies
  pin     a state with a name; prune keeps the files that it needs
`

// printHelp writes the help of a command on one screen: what it does, its own flags,
// examples and exit codes. The flags of every command are those of emaudit --help.
// Flags with the tag "rare" are named in one line.
func printHelp(options kong.HelpOptions, kctx *kong.Context) error {
	command := kctx.Selected()
	if command == nil || command.Name == "summary" && len(kctx.Args) > 0 && strings.HasPrefix(kctx.Args[0], "-") {
		if err := kong.DefaultHelpPrinter(options, kctx); err != nil {
			return err
		}
		_, err := io.WriteString(kctx.Stdout, words)
		return err
	}
	for _, f := range kctx.Model.Flags {
		f.Hidden = true
	}
	var rare []string
	for _, f := range command.Flags {
		if f.Tag.Has("rare") {
			rare, f.Hidden = append(rare, "--"+f.Name), true
		}
	}
	out := kctx.Stdout
	if file, ok := out.(*os.File); ok && os.Getenv("COLUMNS") == "" {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			options.WrapUpperBound = min(options.WrapUpperBound, width)
		}
	}
	var page bytes.Buffer
	kctx.Stdout = &page
	defer func() { kctx.Stdout = out }()
	detail, _, _ := strings.Cut(command.Detail, "\nEXIT STATUS\n")
	for short := false; ; short = true {
		page.Reset()
		command.Detail = detail
		if err := kong.DefaultHelpPrinter(options, kctx); err != nil {
			return err
		}
		helpEnd(&page, command, rare, short)
		shorter, ok := withoutLastParagraph(detail)
		if bytes.Count(page.Bytes(), []byte("\n")) <= helpLines || !ok {
			break
		}
		detail = shorter
	}
	_, err := out.Write(page.Bytes())
	return err
}

// withoutLastParagraph returns a text without its last paragraph. An indented list
// belongs to the paragraph before it. ok is false if there is only one.
func withoutLastParagraph(text string) (shorter string, ok bool) {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	last := len(paragraphs) - 1
	if last > 0 && strings.HasPrefix(paragraphs[last], " ") {
		last--
	}
	return strings.Join(paragraphs[:last], "\n\n") + "\n", last > 0
}

// helpEnd writes what follows the flags. short says that part of the text was left out.
func helpEnd(page *bytes.Buffer, command *kong.Node, rare []string, short bool) {
	page.WriteString("\n")
	if examples := usageExamples[command.Name]; len(examples) > 0 {
		page.WriteString("Examples\n")
		writeExamples(page, examples)
		page.WriteString("\n")
	}
	page.WriteString(exitLine + "\n")
	if len(rare) > 0 {
		page.WriteString("Also: " + strings.Join(rare, " ") + "\n")
	}
	page.WriteString("Flags of every command: emaudit --help.")
	if short || len(rare) > 0 {
		fmt.Fprintf(page, " More: man %s", manual.Name(command))
	}
	page.WriteString("\n")
}

// writeExamples writes each example in a line, or all of them in two where one would
// be longer than 80 columns.
func writeExamples(page *bytes.Buffer, examples []manual.Example) {
	width, text := 0, 0
	for _, e := range examples {
		width, text = max(width, len(e[0])), max(text, len(e[1]))
	}
	for _, e := range examples {
		if width+text+4 <= 80 {
			fmt.Fprintf(page, "  %-*s  %s\n", width, e[0], e[1])
			continue
		}
		fmt.Fprintf(page, "  %s\n      %s\n", e[0], e[1])
	}
}
