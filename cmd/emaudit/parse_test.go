package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"emaudit/cli/config"
)

// A command line means the same whether kong is told of the commands that it
// names or of all of them, and what is wrong with one is said in the same words.
func TestACommandIsParsedAloneAsAmongAll(t *testing.T) {
	t.Parallel()
	proc := &process{now: time.Now, local: time.UTC}
	var lines [][]string
	for _, examples := range usageExamples {
		for _, e := range examples {
			line := e.line[strings.Index(e.line, "emaudit"):]
			line, _, _ = strings.Cut(line, " > ")
			lines = append(lines, strings.Fields(line)[1:])
		}
	}
	for _, line := range []string{
		"", "log", "log stats", "stats log --last 3", "--last 3 log", "--root / --utc log hosts", "runs 7", "audit integrity log", "logs", "log --no-such-flag",
		"log --last many", "hosts --last 3", "log --pkgdir a --pkgdir b", "-vq log", "stats --sort=-merges", "stats --sort -merges", "log -- --help", "nothing log", "report log",
	} {
		lines = append(lines, strings.Fields(line))
	}
	alone := 0
	for _, args := range lines {
		if len(namedCommands(args)) > 0 {
			alone++
		}
		line, kctx, err := parse(proc, &config.Config{}, args)
		all := new(commandLine)
		parser, parserErr := newParser(proc, &config.Config{}, all, all)
		if parserErr != nil {
			t.Fatal(parserErr)
		}
		want, wantErr := parser.Parse(args)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%q: %v, among all commands %v", args, err, wantErr)
		}
		if err != nil || wantErr != nil {
			continue
		}
		if kctx.Command() != want.Command() {
			t.Errorf("%q is %q, among all commands %q", args, kctx.Command(), want.Command())
		}
		// What was not named has no defaults either, and is not asked.
		command := strings.Fields(want.Command())[0]
		for _, part := range []string{"globals", strings.ToUpper(command[:1]) + command[1:]} {
			got, want := reflect.ValueOf(*line).FieldByName(part), reflect.ValueOf(*all).FieldByName(part)
			if !equal(got, want) {
				t.Errorf("%q: %s is %+v, among all commands %+v", args, part, got, want)
			}
		}
	}
	if alone < 30 {
		t.Errorf("only %d of %d lines name a command", alone, len(lines))
	}
}

// equal compares structs of flags, of which few are exported.
func equal(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if !equal(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		return a.IsNil() == b.IsNil() && (a.IsNil() || equal(a.Elem(), b.Elem()))
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}
