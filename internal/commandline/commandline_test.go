package commandline

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line string
		ok   bool
	}{
		{"emerge -1 =a/b-1", true},
		{"emerge --oneshot --usepkg=n --exclude a/b =a/b-1", true},
		{"emerge --oneshott a/b", false},
		{"emerge --oneshot=y a/b", false},
		{"emerge --exclude", false},
		{"emerge -1X a/b", false},
		{"quickpkg --include-config=y =a/b-1", true},
		{"quickpkg --include-configs=y =a/b-1", false},
		{"emaint --fix binhost", true},
		{"emaint --fix binhosts", false},
		{"emaint --check", false},
		{"emerge-webrsync --revert=20260101", true},
	} {
		if _, err := Check(strings.Fields(test.line)); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.line, err)
		}
	}
}

// TestEveryCommandOfTheSourceIsOne checks the literal words of every command that the
// program makes: audit.Run("emerge", ...) with what Plus adds to it.
func TestEveryCommandOfTheSourceIsOne(t *testing.T) {
	t.Parallel()
	commands := 0
	files := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if argv := argvOf(call); len(argv) > 0 {
				known, err := Check(argv)
				if err != nil {
					t.Errorf("%s: %v", files.Position(call.Pos()), err)
				}
				if known {
					commands++
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if commands < 30 {
		t.Errorf("only %d commands of Portage were found", commands)
	}
}

// argvOf returns the words of a call of Run, or of Plus on one. A word that is no
// literal is taken for a package, and one that begins with a literal for the literal
// with something behind it.
func argvOf(call *ast.CallExpr) []string {
	var argv []string
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		if fun.Name != "Run" {
			return nil
		}
	case *ast.SelectorExpr:
		switch of, ok := fun.X.(*ast.CallExpr); {
		case fun.Sel.Name == "Plus" && ok:
			if argv = argvOf(of); argv == nil {
				return nil
			}
		case fun.Sel.Name != "Run":
			return nil
		default:
			if of, ok := fun.X.(*ast.Ident); !ok || of.Name != "audit" {
				return nil
			}
		}
	default:
		return nil
	}
	for _, arg := range call.Args {
		argv = append(argv, wordOf(arg))
	}
	if len(argv) == 0 || strings.HasPrefix(argv[0], "=") {
		return nil
	}
	return argv
}

func wordOf(arg ast.Expr) string {
	switch arg := arg.(type) {
	case *ast.BasicLit:
		if word, err := strconv.Unquote(arg.Value); err == nil {
			return word
		}
	case *ast.BinaryExpr:
		if begin := wordOf(arg.X); begin != "=word" {
			return begin + "word"
		}
	}
	return "=word"
}
