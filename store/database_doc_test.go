package store

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const databaseDoc = "../docs/database.md"

// documentedColumn is a line of a table of docs/database.md.
type documentedColumn struct{ name, kind, meaning string }

// columnsOf returns the columns of every table of a new database; the comment
// behind a column in the schema is its meaning.
func columnsOf(t *testing.T, db *DB) (tables []string, columns map[string][]documentedColumn) {
	t.Helper()
	columns = map[string][]documentedColumn{}
	rows, err := db.sql.Query(`SELECT m.name, m.sql, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.rowid, c.cid`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, text string
		var c documentedColumn
		if err := rows.Scan(&table, &text, &c.name, &c.kind); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) > 0 && fields[0] == c.name {
				_, meaning, _ := strings.Cut(line, "-- ")
				c.meaning = strings.ReplaceAll(strings.TrimSpace(meaning), "|", `\|`)
			}
		}
		if !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
		columns[table] = append(columns[table], c)
	}
	return tables, columns
}

// TestTheDocumentedTablesAreTheRealOnes holds docs/database.md to the schema:
// every table has a section with a sentence of its own, and all its columns.
// -update writes the columns; the sentence of a new table is for a person.
func TestTheDocumentedTablesAreTheRealOnes(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	tables, columns := columnsOf(t, db)
	text, err := os.ReadFile(databaseDoc)
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(text), "\n### `")
	head, sections := sections[0], sections[1:]
	sentences := map[string]string{}
	// A column that a migration added has no comment in the schema; what the
	// document says of it was written by hand, and stays.
	byHand := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [A-Z]+ \\| (.*) \\|$")
	var documented []string
	for _, s := range sections {
		table, rest, _ := strings.Cut(s, "`\n")
		sentence, _, _ := strings.Cut(rest, "\n| column |")
		sentences[table] = strings.TrimSpace(sentence)
		documented = append(documented, table)
		for _, m := range row.FindAllStringSubmatch(rest, -1) {
			byHand[table+"."+m[1]] = m[2]
		}
	}
	if diff := cmp.Diff(tables, documented); diff != "" {
		t.Fatalf("the sections of docs/database.md are not the tables (-table +section): write a section \"### `TABLE`\" with a sentence:\n%s", diff)
	}
	var want strings.Builder
	want.WriteString(head)
	for _, table := range tables {
		if sentences[table] == "" {
			t.Errorf("docs/database.md: %s has no sentence that says what it holds", table)
		}
		fmt.Fprintf(&want, "\n### `%s`\n\n%s\n\n| column | type | |\n|---|---|---|\n", table, sentences[table])
		for _, c := range columns[table] {
			if c.meaning == "" {
				c.meaning = byHand[table+"."+c.name]
			}
			fmt.Fprintf(&want, "| `%s` | %s | %s |\n", c.name, c.kind, c.meaning)
		}
	}
	if *rewrite {
		if err := os.WriteFile(databaseDoc, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), want.String()); diff != "" {
		t.Errorf("docs/database.md is not the schema (-document +schema); go test ./store -run Documented -update rewrites it:\n%s", diff)
	}
}

// TestTheDocumentedQueriesRun prepares and runs each example of the document.
func TestTheDocumentedQueriesRun(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	text, err := os.ReadFile(databaseDoc)
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(queries) == 0 {
		t.Fatal("no query was found")
	}
	for _, q := range queries {
		rows, err := db.sql.Query(q[1])
		if err != nil {
			t.Errorf("%s\n%v", q[1], err)
			continue
		}
		for rows.Next() {
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s\n%v", q[1], err)
		}
		rows.Close()
	}
}
