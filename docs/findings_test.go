package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"emaudit/docs"
)

// TestEverySectionSaysWhatToDo holds the form that emaudit explain shows.
func TestEverySectionSaysWhatToDo(t *testing.T) {
	codes := docs.Codes()
	if !slices.IsSorted(codes) {
		t.Error("the codes are not in alphabetical order")
	}
	for _, code := range codes {
		text, ok := docs.Explain(code)
		paragraphs := strings.Split(text, "\n\n")
		if !ok || len(paragraphs) < 2 || !strings.HasPrefix(paragraphs[len(paragraphs)-1], "What to do: ") {
			t.Errorf("%s: does not end with a paragraph What to do", code)
		}
	}
	if _, ok := docs.Explain("no-such-code"); ok {
		t.Error("a code that does not exist is explained")
	}
}

// TestEveryCodeOfTheSourceHasASection looks for codes where findings and reasons
// are made.
func TestEveryCodeOfTheSourceHasASection(t *testing.T) {
	code := regexp.MustCompile(`(?:Code: +|\tCode\w+ += |Severity[A-Z][a-z]+, |Effect[A-Z][a-z]+, |find\()"([a-z0-9]+(?:-[a-z0-9]+)+)"`)
	found := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range code.FindAllStringSubmatch(string(source), -1) {
			found++
			if _, ok := docs.Explain(m[1]); !ok {
				t.Errorf("%s: docs/findings.md has no section %s", path, m[1])
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d codes found: %v", found, err)
	}
}
