package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// exitLine is the exit codes in the help of a command; the manual page has a paragraph
// of each.
const exitLine = "Exit: 0 done, 1 error, 2 wrong use, 3 findings (--fail-on),\n      4 part of the input was damaged, 130 interrupted."

// printHelp writes the help of a command: what it does, its own flags, examples and
// exit codes. The flags of every command are those of emaudit --help.
func printHelp(options kong.HelpOptions, kctx *kong.Context) error {
	command := kctx.Selected()
	if command == nil || command.Name == "summary" && len(kctx.Args) > 0 && strings.HasPrefix(kctx.Args[0], "-") {
		return kong.DefaultHelpPrinter(options, kctx)
	}
	for _, f := range kctx.Model.Flags {
		f.Hidden = true
	}
	command.Detail, _, _ = strings.Cut(command.Detail, "\nEXIT STATUS\n")
	if err := kong.DefaultHelpPrinter(options, kctx); err != nil {
		return err
	}
	if examples := usageExamples[command.Name]; len(examples) > 0 {
		fmt.Fprintln(kctx.Stdout, "\nExamples")
		for _, e := range examples {
			fmt.Fprintf(kctx.Stdout, "  %s\n      %s\n", e[0], e[1])
		}
	}
	_, err := fmt.Fprintf(kctx.Stdout, "\n%s\nFlags of every command: emaudit --help\n", exitLine)
	return err
}
