package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/cli/config"
)

// parse reads the arguments.
//
// kong reads the tags of every flag of every command before it looks at an
// argument, which takes longer than many an answer. So it is told only of the
// commands that the arguments name, and of all of them where that does not do:
// where help is asked for, where a file of configuration may speak of any, and
// where the arguments are wrong, since the message may name another command. The
// flags of commands that kong was not told of do not have their defaults.
func parse(proc *process, files *config.Config, args []string) (*commandLine, *kong.Context, error) {
	if named := namedCommands(args); len(named) > 0 && files.Empty() && !asksForHelp(args) {
		line := new(commandLine)
		parser, err := newParser(proc, files, line, &line.globals, line.dynamic(named)...)
		if err == nil {
			if kctx, err := parser.Parse(args); err == nil {
				return line, kctx, nil
			}
		}
	}
	line := new(commandLine)
	parser, err := newParser(proc, files, line, line)
	if err != nil {
		return line, nil, err
	}
	kctx, err := parser.Parse(args)
	return line, kctx, err
}

// newParser makes a parser of a grammar, a part of line, with what the
// configuration and the environment say of its flags.
func newParser(proc *process, files *config.Config, line *commandLine, grammar any, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(grammar, append(more,
		kong.Name("emaudit"),
		kong.Description("After a Gentoo update: is everything packaged, can I go back, what can go?"),
		kong.Writers(proc.stdout, proc.stderr),
		kong.Exit(func(code int) { panic(stopParsing{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Vars(line.vars(proc)),
		kong.Resolvers(files, config.Environment(proc.getenv)),
		kong.UsageOnError(),
	)...)
}

// namedCommands returns the fields of the commands whose names are among the
// arguments, whether they stand there as such or not; without arguments it is
// the command that is meant then. It returns none where one of them speaks of
// the whole grammar.
func namedCommands(args []string) []reflect.StructField {
	var named []reflect.StructField
	all := reflect.TypeFor[commandLine]()
	for i := range all.NumField() {
		field := all.Field(i)
		_, isCommand := field.Tag.Lookup("cmd")
		_, isDefault := field.Tag.Lookup("default")
		if !isCommand || !slices.Contains(args, strings.ToLower(field.Name)) && (!isDefault || len(args) > 0) {
			continue
		}
		if _, hidden := field.Tag.Lookup("hidden"); hidden {
			return nil
		}
		named = append(named, field)
	}
	return named
}

// dynamic makes some of the commands known to kong, as the tags of their fields
// say.
func (line *commandLine) dynamic(fields []reflect.StructField) []kong.Option {
	options := make([]kong.Option, 0, len(fields))
	for _, field := range fields {
		command := reflect.ValueOf(line).Elem().FieldByIndex(field.Index).Addr().Interface()
		var tags []string
		if value, ok := field.Tag.Lookup("default"); ok {
			tags = []string{`default:"` + value + `"`}
		}
		options = append(options, kong.DynamicCommand(strings.ToLower(field.Name), field.Tag.Get("help"), "", command, tags...))
	}
	return options
}

// asksForHelp tells whether any of the arguments may be a flag for help, alone
// or among other letters.
func asksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--help") || strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.Contains(arg, "h")
	})
}
