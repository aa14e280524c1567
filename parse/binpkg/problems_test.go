package binpkg

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"emaudit/parse"
)

func hasCode(code string) func(parse.Diagnostic) bool {
	return func(d parse.Diagnostic) bool { return d.Code == code }
}

func TestEveryProblemHasAStableName(t *testing.T) {
	t.Parallel()
	tree, err := parser.ParseFile(token.NewFileSet(), "problems.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$|^(truncated|uncompressed)$`)
	codes := map[string]bool{}
	ast.Inspect(tree, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Problem") {
			return true
		}
		code, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		codes[code] = true
		if !kebab.MatchString(code) {
			t.Errorf("%s: %q is not kebab-case", spec.Names[0], code)
		}
		if spec.Comment == nil {
			t.Errorf("%s: no comment", spec.Names[0])
		}
		return true
	})
	for code := range effects {
		if !codes[code] {
			t.Errorf("effect of %s, which is no problem", code)
		}
	}
	if effect("a problem that nobody decided about") != Damaged {
		t.Error("a problem without an effect does no harm")
	}
}

func TestDamageOutweighsWhatIsUnknown(t *testing.T) {
	t.Parallel()
	order := []Integrity{Whole, Unchecked, Unknown, Damaged}
	for i, a := range order {
		for j, b := range order {
			if got := worst(a, b); got != order[max(i, j)] {
				t.Errorf("worst(%s, %s) = %s", a, b, got)
			}
		}
	}
}

// Problems returns the codes of the diagnostics without duplicates, in order of
// appearance.
func (p *Package) Problems() []string {
	codes := make([]string, 0, len(p.Diagnostics))
	for _, d := range p.Diagnostics {
		if !slices.Contains(codes, d.Code) {
			codes = append(codes, d.Code)
		}
	}
	return codes
}

// Installable reports whether Portage would extract the image, and whether that is
// known.
func (v *Verification) Installable() (yes, known bool) {
	switch {
	case v.Integrity == Damaged || slices.Contains(v.Problems(), ProblemImageDevice):
		return false, true
	case v.Integrity == Whole && v.Image != nil:
		return true, true
	}
	return false, false
}
