package postgres

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Table is what the schema says of a table.
type Table struct {
	Name    string
	Columns []Column
	Key     []string // the columns of the primary key
	Unique  []string // the columns of the UNIQUE constraint
	create  string   // the statement that makes it, and the comments before it
	indexes []string
}

// Column is a column of a [Table].
type Column struct {
	Name string
	Type string // INTEGER, TEXT or BLOB
	// References is the table whose ids the column holds. That of an id is the table
	// itself. "" means that the column holds no ids.
	References string
	unique     bool
}

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// pattern compiles an expression at its first use: only a fleet needs any.
func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

var (
	// statement is a statement of the schema with the comments before it.
	statement  = pattern(`(?m)(?:^--.*\n)*^CREATE (TABLE|INDEX|VIEW) (\w+)(?:[^;]|;[^\n]*\S)*;[^\n]*\n`)
	columnLine = pattern(`(?m)^\t(\w+)[ \t]+(INTEGER|TEXT|BLOB)\b([^\n]*?),?[ \t]*(--[^\n]*)?$`)
	references = pattern(`\bREFERENCES (\w+)\(id\)`)
	keyLine    = pattern(`(?m)^\t(PRIMARY KEY|UNIQUE) \(([^)]*)\),?\n`)
	// enumeration is the dictionary of an enumeration, with its words.
	enumeration = pattern(`(?m)^CREATE TABLE \w+ \(code [^\n]*\nINSERT INTO [^\n]*\n`)
	indexClause = pattern(`(?s)CREATE INDEX (\w+) ON (\w+)\(([^)]*)\)(.*);`)
	listComma   = pattern(`, *`)
)

// Schema is the schema of a host, parsed.
type Schema struct {
	Tables       []*Table // each after those that it refers to
	enumerations []string
	views        []string
}

// Parse parses the script that makes the database of a host. It leaves out the tables
// that do not belong to a host.
func Parse(script string) *Schema {
	s := &Schema{enumerations: enumeration().FindAllString(script, -1)}
	for _, m := range statement().FindAllStringSubmatch(script, -1) {
		switch text, name := m[0], m[2]; m[1] {
		case "TABLE":
			if t := parseTable(name, text); slices.ContainsFunc(t.Columns, func(c Column) bool { return c.References != "" }) {
				s.Tables = append(s.Tables, t)
			}
		case "INDEX":
			index := indexClause().FindStringSubmatch(text)
			t := s.Table(index[2])
			t.indexes = append(t.indexes, t.index(name, listComma().Split(index[3], -1), index[4]))
		case "VIEW":
			s.views = append(s.views, text)
		}
	}
	return s
}

// Table returns the table of that name, or nil.
func (s *Schema) Table(name string) *Table {
	for _, t := range s.Tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// OfHost returns the condition for the rows of a host, with one parameter for its id.
// Every table of facts leads to one with the host. "" means a dictionary, which hosts
// share, or the table of hosts.
func (s *Schema) OfHost(t *Table) string {
	if t.Column("host") != nil {
		return "host = ?"
	}
	for _, c := range t.Columns {
		if of := s.Table(c.References); of != nil && of != t {
			if condition := s.OfHost(of); condition != "" {
				return c.Name + " IN (SELECT id FROM " + of.Name + " WHERE " + condition + ")"
			}
		}
	}
	return ""
}

func parseTable(name, text string) *Table {
	t := &Table{Name: name, create: text}
	for _, line := range columnLine().FindAllStringSubmatch(text, -1) {
		c := Column{Name: line[1], Type: line[2], unique: strings.Contains(line[3], "UNIQUE")}
		if r := references().FindStringSubmatch(line[3]); r != nil {
			c.References = r[1]
		}
		if strings.Contains(line[3], "PRIMARY KEY") {
			t.Key = []string{c.Name}
			if c.References == "" && c.Type == "INTEGER" {
				c.References = name
			}
		}
		if c.Name == "host" {
			c.References = "host"
		}
		t.Columns = append(t.Columns, c)
	}
	for _, line := range keyLine().FindAllStringSubmatch(text, -1) {
		columns := listComma().Split(line[2], -1)
		if line[1] == "PRIMARY KEY" {
			t.Key = columns
		} else {
			t.Unique = columns
		}
		if len(t.untilText(columns)) < len(columns) {
			t.create = strings.Replace(t.create, line[0], "", 1)
			t.indexes = append(t.indexes, t.index(name+"_by_key", columns, ""))
		}
	}
	for _, c := range t.Columns {
		if c.unique {
			t.indexes = append(t.indexes, "CREATE INDEX "+name+"_by_"+c.Name+" ON "+name+" USING hash ("+c.Name+");\n")
		}
	}
	return t
}

// untilText returns the columns before the first text.
func (t *Table) untilText(columns []string) []string {
	for i, name := range columns {
		if c := t.Column(name); c != nil && c.Type == "TEXT" {
			return columns[:i]
		}
	}
	return columns
}

// index returns the statement that makes an index, or "".
func (t *Table) index(name string, columns []string, rest string) string {
	if columns = t.untilText(columns); len(columns) == 0 {
		return ""
	}
	return "CREATE INDEX " + name + " ON " + t.Name + " (" + offset().ReplaceAllString(strings.Join(columns, ", "), `"offset"`) + ")" + rest + ";\n"
}

// The statements of PostgreSQL differ in this:
//
//   - The types have other names. Texts compare byte by byte, as in SQLite.
//   - A key or index ends before its first text: PostgreSQL refuses an entry of more
//     than 2,704 bytes, and a path or a message may be longer. The database of the
//     host has checked that the key is unique.
//   - A name is unique within a host, and the fleet has many hosts.
//   - Foreign keys are checked at the end of a transaction, which replaces rows. None
//     of them deletes rows.
//   - A view shows what the role that asks may see.
var dialect = []struct {
	pattern func() *regexp.Regexp
	with    string
}{
	{pattern(`\bINTEGER\b`), "BIGINT"},
	{pattern(`(?m)^\toffset\b`), "\t\"offset\""},
	{pattern(`\bBLOB\b`), "BYTEA"},
	{pattern(`(?m)^(\t\w+[ \t]+TEXT)\b`), `$1 COLLATE "C"`},
	{pattern(`\) WITHOUT ROWID;`), ");"},
	{pattern(`(?m)^(\t[^-\n]*) UNIQUE\b`), "$1"},
	{pattern(` ON DELETE CASCADE\b`), ""},
	{pattern(` DEFERRABLE INITIALLY DEFERRED\b`), ""},
	{pattern(`\bREFERENCES \w+ ?\([\w, ]+\)`), "$0 DEFERRABLE INITIALLY DEFERRED"},
	{pattern(`(?m)^(CREATE VIEW \w+) AS\b`), "$1 WITH (security_invoker = true) AS"},
	// A key was the last line.
	{pattern(`,([ \t]*(?:--[^\n]*)?\n\))`), "$1"},
}

// translate returns a statement of the schema in the words of PostgreSQL.
func translate(text string) string {
	for _, d := range dialect {
		text = d.pattern().ReplaceAllString(text, d.with)
	}
	return text
}
