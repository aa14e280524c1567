package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/cli/config"
)

// parse reads the arguments, with what the configuration and the environment say
// of their flags. The command line is there also where parsing fails. kong reads
// the tags of all flags of all commands first, which takes 2 ms.
func parse(proc *process, files *config.Config, args []string) (*commandLine, *kong.Context, error) {
	line := new(commandLine)
	parser, err := kong.New(line,
		kong.Name("emaudit"),
		kong.Description("After a Gentoo update: is everything packaged, can I go back, what can go?"),
		kong.ExplicitGroups([]kong.Group{{Key: "what", Title: "What to audit:"}, {Key: "how", Title: "How to answer:"}, {Key: "output", Title: "What to show:"}}),
		kong.Writers(proc.stdout, proc.stderr),
		kong.Exit(func(code int) { panic(stopParsing{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Vars(line.vars(proc)),
		kong.Resolvers(files, config.Environment(proc.getenv)),
		kong.UsageOnError(),
	)
	if err != nil {
		return line, nil, err
	}
	kctx, err := parser.Parse(args)
	return line, kctx, err
}

// asksForHelp reports whether any of the arguments may be a flag for help, alone
// or among other letters.
func asksForHelp(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		return strings.HasPrefix(arg, "--help") || strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") && strings.Contains(arg, "h")
	})
}
