package main

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/cli/config"
	"emaudit/cli/manual"
	"emaudit/cli/suggest"
)

// parse parses the arguments, with the configured values of their flags. The command
// line is not nil even if parsing fails.
func parse(proc *process, files *config.Config, args []string) (*commandLine, *kong.Context, error) {
	// dnf history undo N.
	if i := slices.Index(args, "history"); i >= 0 && i+1 < len(args) && args[i+1] == "undo" {
		args = slices.Delete(slices.Clone(args), i, i+1)
	}
	if others := otherCommands(args); others != "" && !asksForHelp(args) && files.Empty() {
		if line, kctx, err := parseIn(proc, files, args, kong.IgnoreFields(others)); err == nil {
			return line, kctx, nil
		}
		// The whole grammar says what is wrong.
	}
	return parseIn(proc, files, args)
}

// otherCommands returns the pattern of the fields of commandLine that are not the
// command of the arguments, or "" for a command that needs the whole grammar. kong reads
// the tags of all flags of all commands, which takes as long as a question about the last
// runs. If the first name of a command among the arguments is the value of a flag, the
// grammar without the others has no place for the command, so parsing fails.
func otherCommands(args []string) string {
	line := reflect.TypeFor[commandLine]()
	wanted, position := "Summary", len(args)
	var commands []string
	for i := range line.NumField() {
		field := line.Field(i)
		if _, is := field.Tag.Lookup("cmd"); !is {
			continue
		}
		commands = append(commands, field.Name)
		for _, name := range append(strings.Split(field.Tag.Get("aliases"), ","), strings.ToLower(field.Name)) {
			if at := slices.Index(args, name); name != "" && at >= 0 && at < position {
				wanted, position = field.Name, at
			}
		}
	}
	if slices.Contains(grammarReaders, wanted) {
		return ""
	}
	others := slices.DeleteFunc(commands, func(name string) bool { return name == wanted })
	return `^commandLine\.(` + strings.Join(others, "|") + ")$"
}

// grammarReaders are the commands that describe all commands.
var grammarReaders = []string{"Manual", "Completion", "Complete"}

// parseIn parses the arguments by the grammar of commandLine.
func parseIn(proc *process, files *config.Config, args []string, options ...kong.Option) (*commandLine, *kong.Context, error) {
	line := new(commandLine)
	parser, err := kong.New(line, append(options,
		kong.Name("emaudit"),
		kong.Description("After a Gentoo update: is everything packaged, can I go back, what can go?"),
		kong.ExplicitGroups([]kong.Group{{Key: "what", Title: "What to audit:"}, {Key: "how", Title: "How to answer:"}, {Key: "output", Title: "What to show:"}}),
		kong.Writers(proc.stdout, proc.stderr),
		kong.Exit(func(code int) { panic(stopParsing{code}) }),
		kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Vars(line.vars(proc)),
		kong.Resolvers(files, config.Environment(proc.getenv)),
		kong.NamedMapper("database", kong.MapperFunc(databaseName)),
		kong.UsageOnError(),
	)...)
	if err != nil {
		return line, nil, err
	}
	kctx, err := parser.Parse(args)
	return line, kctx, misspelt(parser.Model.Node, err)
}

// misspelt adds suggestions to the error about an unknown command. kong takes its
// name for an argument of the default command.
func misspelt(app *kong.Node, err error) error {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context.Command() != "summary" {
		return err
	}
	word, ok := strings.CutPrefix(err.Error(), "unexpected argument ")
	if !ok {
		return err
	}
	var names []string
	for _, command := range manual.Commands(app) {
		names = append(append(names, command.Name), command.Aliases...)
	}
	return usagef("%q is no command%s", word, suggest.Question(suggest.For(word, names)))
}

// asksForHelp reports whether an argument may be a flag for help, alone or among
// other letters.
func asksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--help") || strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.Contains(arg, "h")
	})
}
