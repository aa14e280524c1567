package emaudit_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents returns the texts of README.md, docs/ and contrib/ by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/schema/*.md", "contrib/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
	}
	return texts
}

// headingAnchor is the name that GitHub gives to a heading.
func headingAnchor(heading string) string {
	heading = strings.ToLower(strings.TrimSpace(strings.TrimLeft(heading, "#")))
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 0x7f:
			return r
		}
		return -1
	}, heading)
}

// TestLinksOfTheDocumentsLeadSomewhere follows every link to a file of the
// repository, and to a heading in it.
func TestLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	texts := documents(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	links := 0
	for path, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue
			}
			links++
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s: the link %s leads nowhere: %v", path, m[1], err)
				continue
			}
			if anchor == "" {
				continue
			}
			found := false
			for line := range strings.Lines(texts[file]) {
				found = found || strings.HasPrefix(line, "#") && headingAnchor(line) == anchor
			}
			if !found {
				t.Errorf("%s: %s has no heading %q", path, file, anchor)
			}
		}
	}
	if links == 0 {
		t.Error("no link was found")
	}
}

// TestFilesThatDocumentsNameAreThere looks for the files of Go, SQL and shell that a
// document or a comment names by their path in the repository.
func TestFilesThatDocumentsNameAreThere(t *testing.T) {
	texts := documents(t)
	name := regexp.MustCompile(`\b(audit|bench|cmd|contrib|drill|hostfs|ingest|internal|parse|prune|report|settings|stage|store)/[a-z0-9_/]+\.(go|sql|sh|txtar)\b`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for path, text := range texts {
		for line := range strings.Lines(text) {
			if comment := strings.TrimSpace(line); filepath.Ext(path) == ".go" && !strings.HasPrefix(comment, "//") {
				continue
			}
			for _, file := range name.FindAllString(line, -1) {
				names++
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s names %s: %v", path, file, err)
				}
			}
		}
	}
	if names == 0 {
		t.Error("no file was found")
	}
}

// TestEveryFormatIsDocumented names the formats that are read.
func TestEveryFormatIsDocumented(t *testing.T) {
	text := documents(t)["docs/formats.md"]
	entries, err := os.ReadDir("parse")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.Contains(text, "(../parse/"+e.Name()+")") {
			t.Errorf("docs/formats.md says nothing of parse/%s", e.Name())
		}
	}
}

// TestEveryLogIsInItsIndex: a log whose origin nobody knows proves nothing.
func TestEveryLogIsInItsIndex(t *testing.T) {
	index, err := os.ReadFile("testdata/logs/INDEX.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/logs/*/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !strings.Contains(string(index), "| `"+filepath.Base(file)+"` |") {
			t.Errorf("%s is not in testdata/logs/INDEX.md", file)
		}
	}
}
