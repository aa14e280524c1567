// Package emaudit_test holds the laws over the whole repository.
package emaudit_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rooms says what each room may import of emaudit. Data flows one way: files
// -> parse -> ingest -> store -> audit -> report, and imports go the same way;
// see docs/design.md.
var rooms = map[string][]string{
	"parse":   {},
	"parse/*": {"parse", "parse/atom", "parse/self"},
	// A package that quickpkg made holds the CONTENTS of the VDB.
	"parse/binpkg": {"parse", "parse/vdb", "parse/self"},
	"hostfs":       {},
	"settings":     {"hostfs", "parse", "parse/makeconf", "parse/atom", "parse/userconf"},
	"store":        {"store/postgres", "parse", "parse/*"},
	"store/*":      {"store", "store/postgres", "parse", "parse/*"},
	"ingest":       {"hostfs", "settings", "store", "store/*", "parse", "parse/*"},
	"ingest/*":     {"ingest", "hostfs", "settings", "store", "store/*", "parse", "parse/*"},
	// The list of all sources.
	"ingest/sources": {"ingest", "ingest/*", "store"},
	"audit":          {"store", "store/*", "parse", "parse/*"},
	// The rooms of audit, each after those that it builds on.
	"audit/binpkgs":    {"audit", "store", "store/*", "parse", "parse/*"},
	"audit/transition": {"store", "store/*", "parse", "parse/*"},
	"audit/acceptance": {"audit", "audit/binpkgs", "audit/transition", "store", "store/*", "parse", "parse/*"},
	"audit/history":    {"audit", "audit/binpkgs", "store", "store/*", "parse", "parse/*"},
	"audit/aftermath":  {"audit", "audit/binpkgs", "audit/history", "store", "store/*", "parse", "parse/*"},
	"audit/state":      {"audit", "audit/binpkgs", "audit/history", "store", "store/*", "parse", "parse/*"},
	"audit/rollback":   {"audit", "audit/binpkgs", "audit/acceptance", "audit/state", "audit/transition", "store", "store/*", "parse", "parse/*"},
	"audit/cleanup":    {"audit", "audit/binpkgs", "audit/acceptance", "audit/state", "audit/rollback", "store", "store/*", "parse", "parse/*"},
	"audit/overview":   {"audit", "audit/*", "store", "store/*", "parse", "parse/*"},
	"prune":            {"audit", "audit/cleanup", "hostfs", "store", "store/*", "parse", "parse/*"},
	"stage":            {"hostfs", "parse", "parse/*"},
	// Namespaces and mounts, and nothing of Gentoo.
	"drill/box":  {},
	"drill":      {"drill/box", "drill/look", "audit/rollback", "audit/transition", "hostfs", "settings", "store"},
	"drill/look": {"audit", "audit/*", "hostfs", "parse", "parse/*"},
	// The rooms of report, each after those that it builds on. They know no parser:
	// the words that they need come from the answers of audit.
	"report/screen":     {"audit", "parse"},
	"report/table":      {"report/screen"},
	"report":            {"report/screen", "report/table", "audit", "audit/*"},
	"report/merges":     {"report", "report/screen", "report/table", "audit", "audit/*"},
	"report/binaries":   {"report", "report/screen", "report/table", "report/merges", "audit", "audit/*"},
	"report/states":     {"report", "report/screen", "report/table", "report/merges", "report/binaries", "audit", "audit/*", "parse/needs"},
	"report/page":       {"report", "report/screen", "report/table", "report/merges", "report/binaries", "report/states", "audit", "audit/*"},
	"report/reporttest": {"report"},
	"cli/*":             {"hostfs"},
	"docs":              {},
	"cmd/emaudit":       {"docs", "cli/*", "audit", "audit/*", "drill", "drill/*", "hostfs", "ingest", "ingest/*", "prune", "stage", "report", "report/*", "settings", "store", "store/*", "parse", "parse/*"},
	"internal/*":        {"*"},
	"internal/*/*":      {"*"},
}

// forbidden names packages outside emaudit that a room must not know.
var forbidden = map[string][]string{
	"parse":  {"database/sql", "os/exec", "net", "github.com/mattn/go-sqlite3", "github.com/alecthomas/kong"},
	"audit":  {"database/sql", "os", "os/exec", "github.com/mattn/go-sqlite3"},
	"report": {"database/sql", "os", "os/exec", "github.com/mattn/go-sqlite3"},
	"ingest": {"database/sql", "github.com/mattn/go-sqlite3"},
}

func TestImportsGoOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		name, inside := strings.CutPrefix(pkg.ImportPath, "emaudit/")
		if !inside {
			continue
		}
		allowed, known := roomOf(name)
		if !known {
			t.Errorf("%s: no room of this name; rooms are listed in layout_test.go and docs/design.md", name)
			continue
		}
		for _, imported := range pkg.Imports {
			if other, inside := strings.CutPrefix(imported, "emaudit/"); inside {
				if !permits(name, allowed, other) {
					t.Errorf("%s imports %s: imports go files -> parse -> ingest -> store -> audit -> report and never back", name, other)
				}
				continue
			}
			room, _, _ := strings.Cut(name, "/")
			for _, f := range forbidden[room] {
				if imported == f {
					t.Errorf("%s imports %s, which its room must not know", name, imported)
				}
			}
		}
	}
}

// sqlMethods are the methods of store.Tx that take SQL.
var sqlMethods = regexp.MustCompile(`\b[tT]x\.(Exec|Insert|Query|QueryRow|Bulk|Raw|RawQuery)\(`)

func TestOnlyTheStoreSpeaksSQL(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "store/") {
			return err
		}
		text, err := os.ReadFile(path)
		if call := sqlMethods.Find(text); call != nil {
			t.Errorf("%s calls %s...): SQL is only in store", path, call)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func roomOf(name string) (allowed []string, known bool) {
	if allowed, known = rooms[name]; known {
		return allowed, true
	}
	room, rest, _ := strings.Cut(name, "/")
	pattern := room + "/*"
	if room == "internal" && strings.Contains(rest, "/") {
		pattern = "internal/*/*"
	}
	allowed, known = rooms[pattern]
	return allowed, known
}

func permits(name string, allowed []string, other string) bool {
	for _, a := range allowed {
		switch {
		case a == "*", a == other:
			return true
		case a == "parse/self":
			// A format may be made of parts: parse/binpkg and its codecs.
			parts := strings.SplitN(name, "/", 3)
			if strings.HasPrefix(other, parts[0]+"/"+parts[1]) {
				return true
			}
		case strings.HasSuffix(a, "/*") && strings.HasPrefix(other, strings.TrimSuffix(a, "*")):
			return true
		}
	}
	return false
}
