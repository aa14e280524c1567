package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"emaudit/cli/config"
)

// TestTheGrammarOfOneCommandParsesAsTheWholeOne parses the examples of all commands, and
// command lines whose command is not the first name of one.
func TestTheGrammarOfOneCommandParsesAsTheWholeOne(t *testing.T) {
	t.Parallel()
	lines := [][]string{
		nil,
		{"-q"},
		{"--host", "runs", "log", "--last", "3"},
		{"--host=log", "runs", "log"},
		{"runs", "log", "stats"},
		{"l", "gcc"},
		{"--host", "log"},
		{"--host", "summary", "runs"},
		{"-q", "--utc", "audit", "coverage", "--remote"},
		{"--root", "prune", "prune", "--explain", "log"},
		{"nonsense"},
		{"log", "--nonsense"},
		{"--last", "3", "log"},
		{"log", "--last", "x"},
		{"--format", "odd", "log"},
		{"log", "--", "runs"},
		{"fleet-schema"},
	}
	for _, examples := range usageExamples {
		for _, e := range examples {
			_, arguments, _ := strings.Cut("| "+e[0], "| emaudit")
			arguments, _, _ = strings.Cut(arguments, ">")
			lines = append(lines, shellWords(arguments))
		}
	}
	proc, files := &process{}, &config.Config{}
	narrowed := 0
	for _, args := range lines {
		whole, context, wholeErr := parseIn(proc, files, args)
		line, narrow, err := parse(proc, files, slices.Clone(args))
		if (err == nil) != (wholeErr == nil) || err != nil && err.Error() != wholeErr.Error() {
			t.Errorf("%q: error %v, by the whole grammar %v", args, err, wholeErr)
			continue
		}
		if err != nil {
			continue
		}
		if narrow.Command() != context.Command() {
			t.Errorf("%q: command %q, by the whole grammar %q", args, narrow.Command(), context.Command())
		}
		// The fields of other commands have their defaults in the one, and nothing in
		// the other.
		command := reflect.ValueOf(narrow.Selected().Target.Addr().Interface())
		if other := reflect.ValueOf(context.Selected().Target.Addr().Interface()); !reflect.DeepEqual(line.globals, whole.globals) || !reflect.DeepEqual(command.Interface(), other.Interface()) {
			t.Errorf("%q: %+v, by the whole grammar %+v", args, command, other)
		}
		if len(narrow.Model.Children) < len(context.Model.Children) {
			narrowed++
		}
	}
	if narrowed < len(lines)/2 {
		t.Errorf("the whole grammar was needed for all but %d of %d command lines", narrowed, len(lines))
	}
}
