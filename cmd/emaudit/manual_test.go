package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"emaudit/cli/manual"
)

// grammar is the command line as kong sees it.
func grammar(t *testing.T) *kong.Node {
	t.Helper()
	var line commandLine
	parser, err := kong.New(&line, kong.Name("emaudit"), kong.Description("The tool."), kong.Vars(line.vars(&process{})))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Node
}

func TestEveryCommandHasAManualPageWithAllItsFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustRun(t, "manual", dir)
	app := grammar(t)
	for _, node := range append([]*kong.Node{app}, manual.Commands(app)...) {
		page, err := os.ReadFile(filepath.Join(dir, manual.Name(node)+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		text := strings.ReplaceAll(string(page), `\-`, "-")
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"} {
			if !strings.Contains(text, `.SH "`+section+`"`) {
				t.Errorf("%s: no section %s", manual.Name(node), section)
			}
		}
		for _, f := range manual.Flags(node) {
			if !strings.Contains(text, `\fB--`+f.Name+`\fR`) {
				t.Errorf("%s: --%s is not in it", manual.Name(node), f.Name)
			}
		}
		if node.Help == "" || strings.Contains(text, "panic") {
			t.Errorf("%s: no help", manual.Name(node))
		}
	}
}

// TestTheHelpOfACommandIsOneScreen counts the lines of the help of every command.
func TestTheHelpOfACommandIsOneScreen(t *testing.T) {
	t.Parallel()
	for _, node := range manual.Commands(grammar(t)) {
		out, err := emaudit(t, append(strings.Fields(node.FullPath())[1:], "--help")...).Output()
		if err != nil {
			t.Errorf("%s --help: %v", manual.Name(node), err)
		}
		if n := bytes.Count(out, []byte("\n")); n > helpLines || n < 10 {
			t.Errorf("%s --help has %d lines", manual.Name(node), n)
		}
	}
}

// TestTheExamplesOfTheManualPagesParse parses every example, and wants one at
// least for every command.
func TestTheExamplesOfTheManualPagesParse(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, node := range append([]*kong.Node{grammar(t)}, manual.Commands(grammar(t))...) {
		named[node.Name] = true
		if len(usageExamples[node.Name]) == 0 {
			t.Errorf("%s has no example", node.Name)
		}
	}
	for name, examples := range usageExamples {
		if !named[name] {
			t.Errorf("there is no command %s", name)
		}
		for _, e := range examples {
			_, arguments, ok := strings.Cut("| "+e[0], "| emaudit")
			if !ok {
				t.Errorf("%s: not a command of emaudit: %s", name, e[0])
			}
			arguments, _, _ = strings.Cut(arguments, ">")
			if err := parses(t, shellWords(arguments)); err != nil {
				t.Errorf("%s: %v", e[0], err)
			}
			if name != "emaudit" && !slices.Contains(strings.Fields(arguments), name) {
				t.Errorf("%s is no example of %s", e[0], name)
			}
		}
	}
}

func TestTheManualPagesAreWellFormed(t *testing.T) {
	t.Parallel()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("no groff on this machine: the macros of the manual pages are not tested")
	}
	dir := t.TempDir()
	mustRun(t, "manual", dir)
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range pages {
		out, err := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z", page).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("groff %s: %v\n%s", filepath.Base(page), err, out)
		}
	}
}
