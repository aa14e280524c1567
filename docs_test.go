package emaudit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// codePattern is what the code of a finding, a diagnostic or a reason looks
// like.
var codePattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// sourceCodes returns the codes that the sources give to findings, diagnostics
// and reasons, with the place of one use, and every string literal there is.
func sourceCodes(t *testing.T) (codes map[string]string, literals map[string]bool) {
	t.Helper()
	codes, literals = map[string]string{}, map[string]bool{}
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "internal" || d.Name() == "build" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		// Package report has codes of its own: names of colours.
		if !strings.HasSuffix(path, ".go") || strings.HasPrefix(path, "report/") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		take := func(e ast.Expr) {
			if text, ok := literal(e); ok && codePattern.MatchString(text) {
				codes[text] = files.Position(e.Pos()).String()
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if text, ok := literal(n); ok {
					literals[text] = true
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					take(n.Value)
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if s, ok := left.(*ast.SelectorExpr); ok && s.Sel.Name == "Code" && len(n.Lhs) == len(n.Rhs) {
						take(n.Rhs[i])
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if strings.HasPrefix(name.Name, "Code") && i < len(n.Values) {
						take(n.Values[i])
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes, literals
}

func literal(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(b.Value)
	return text, err == nil
}

// TestEveryCodeIsExplained holds docs/findings.md to the sources: a section for
// each code, in order, and none for a code that no longer is.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	codes, literals := sourceCodes(t)
	if len(codes) < 50 {
		t.Fatalf("only %d codes found in the sources: the search is broken", len(codes))
	}
	doc, err := os.ReadFile("docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	var order []string
	for _, m := range regexp.MustCompile("(?m)^## `?([a-z0-9-]+)`?$").FindAllStringSubmatch(string(doc), -1) {
		if sections[m[1]] {
			t.Errorf("docs/findings.md has two sections %s", m[1])
		}
		sections[m[1]] = true
		order = append(order, m[1])
	}
	for code, place := range codes {
		if !sections[code] {
			t.Errorf("docs/findings.md has no section %s (%s)", code, place)
		}
	}
	for _, section := range order {
		// The reasons of compatibility are put together: "license" and
		// "-refused".
		stem := strings.TrimSuffix(strings.TrimSuffix(section, "-unknown"), "-refused")
		if !literals[section] && !literals[stem] {
			t.Errorf("docs/findings.md explains %s, which no source says", section)
		}
	}
	if !sort.StringsAreSorted(order) {
		for i := 1; i < len(order); i++ {
			if order[i] < order[i-1] {
				t.Errorf("docs/findings.md: %s stands behind %s", order[i], order[i-1])
			}
		}
	}
}
