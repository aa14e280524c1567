package main

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"emaudit/cli/config"

	gocmp "github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
)

// TestDocumentsShowWhatIsPrinted runs every "$ emaudit ..." of the console
// blocks in README.md and docs/ against the recorded host, on a page of 80
// columns, or of 40 where the block is one of "console 40", and compares what is printed. The commands of one document share a
// database and are run in order. -update rewrites the blocks.
func TestDocumentsShowWhatIsPrinted(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, path := range append(documents, "../../README.md") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			db := filepath.Join(t.TempDir(), "emaudit.db")
			printed := rewriteConsole(string(text), func(command, columns string) string {
				examples++
				return example(t, alpha, db, command, columns)
			})
			if *update {
				if err := os.WriteFile(path, []byte(printed), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(text), printed); diff != "" {
				t.Errorf("what is shown is not what is printed (-shown +printed); go test ./cmd/emaudit -run Documents -update rewrites it:\n%s", diff)
			}
		})
	}
	if examples == 0 {
		t.Error("no example was run")
	}
}

// rewriteConsole replaces what follows each command of the console blocks by
// what run prints on a page of so many columns.
func rewriteConsole(text string, run func(command, columns string) string) string {
	var b strings.Builder
	inside, skipping, columns := false, false, ""
	for line := range strings.Lines(text) {
		width, console := strings.CutPrefix(strings.TrimSpace(line), "```console")
		switch {
		case !inside && console:
			inside, skipping, columns = true, false, cmp.Or(strings.TrimSpace(width), "80")
			b.WriteString(line)
		case inside && strings.HasPrefix(line, "```"):
			inside = false
			b.WriteString(line)
		case inside && strings.HasPrefix(line, "$ emaudit"):
			b.WriteString(line)
			b.WriteString(run(strings.TrimSpace(strings.TrimPrefix(line, "$ emaudit")), columns))
			skipping = true
		case inside && skipping:
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// example runs one command; its exit code may say that there are findings, or that it was
// mistyped.
func example(t *testing.T, root, db, arguments, columns string) string {
	t.Helper()
	args := append([]string{"--root", root, "--db", db}, strings.Fields(strings.ReplaceAll(arguments, `"`, ""))...)
	cmd := emaudit(t, args...)
	cmd.Env = append(cmd.Env, "COLUMNS="+columns, "LC_ALL=C", "EMAUDIT_TEST_ON_HOST=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitFindings && exit.ExitCode() != exitUsage) {
		t.Fatalf("emaudit %s: %v\n%s", arguments, err, out)
	}
	return strings.ReplaceAll(string(out), root+"/", "/")
}

// TestCommandsOfTheDocumentsParse parses every command of emaudit that a
// document tells its reader to type, in blocks of sh and inside of sentences. It
// need not be run for that: what it does is tested elsewhere, and that it is
// spelled right is tested here.
func TestCommandsOfTheDocumentsParse(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../contrib/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	inline := regexp.MustCompile("`(emaudit [^`]+)`")
	commands := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var typed []string
		inside := false
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch {
			case strings.HasPrefix(line, "```"):
				inside = line == "```sh"
			case inside:
				if _, command, ok := strings.Cut("| "+strings.TrimPrefix(line, "$ "), "| emaudit"); ok {
					typed = append(typed, "emaudit"+command)
				}
			default:
				for _, m := range inline.FindAllStringSubmatch(line, -1) {
					typed = append(typed, m[1])
				}
			}
		}
		for _, command := range typed {
			// A pattern is no command, and neither is the name of one in a sentence.
			if strings.ContainsAny(command, "…[|") || strings.Contains(command, "COMMAND") || len(strings.Fields(command)) == 2 {
				continue
			}
			commands++
			command, _, _ = strings.Cut(command, ">")
			command, _, _ = strings.Cut(command, " #")
			if err := parses(t, shellWords(command)[1:]); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(path), command, err)
			}
		}
	}
	if commands == 0 {
		t.Error("no command was found")
	}
}

// shellWords splits a command line as a shell does one without variables.
func shellWords(line string) []string {
	found := regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`).FindAllString(line, -1)
	for i := range found {
		found[i] = strings.Trim(found[i], `"'`)
	}
	return found
}

// parses reports what is wrong with a command line. That a file is not there is
// not.
func parses(t *testing.T, args []string) error {
	t.Helper()
	var line commandLine
	parser, err := kong.New(&line, kong.Name("emaudit"), kong.Vars(line.vars(&process{})), kong.Exit(func(int) { panic(stopParsing{}) }), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = recover() }() // --help and --version
	if _, err = parser.Parse(args); err != nil && strings.Contains(err.Error(), "no such file") {
		return nil
	}
	return err
}

// TestTheConfigurationOfTheDocumentsIsOne reads the examples of configuration
// files, in which a key that is no flag is an error.
func TestTheConfigurationOfTheDocumentsIsOne(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			blocks++
			name := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(name, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			files, err := config.Read(func(variable string) string {
				if variable == "EMAUDIT_CONFIG" {
					return name
				}
				return ""
			}, false)
			if err == nil {
				err = files.Check(grammar(t))
			}
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
		}
	}
	if blocks == 0 {
		t.Error("no block of toml was found")
	}
}

// TestHelpHasTheWordsOfTheReadme compares the words that emaudit --help explains with
// the box of README.md.
func TestHelpHasTheWordsOfTheReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, box, found := strings.Cut(string(text), "Six words to know:\n\n| word | meaning |\n|---|---|\n")
	if !found {
		t.Fatal("README.md has no box of words")
	}
	box, _, _ = strings.Cut(box, "\n\n")
	want := strings.Fields(strings.NewReplacer("|", " ", "`", "").Replace(box))
	_, help, _ := strings.Cut(words, ":\n")
	if got := strings.Fields(help); !slices.Equal(got, want) {
		t.Errorf("help explains\n%s\nREADME.md\n%s", got, want)
	}
}
