package postgres

import (
	_ "embed" // what only a fleet has
	"fmt"
	"strings"
)

//go:embed fleet.sql
var before string

//go:embed pushed.sql
var after string

// HostBits is the number of bits of an id that are the id in the database of the host.
// The bits above them are the number of the host.
const HostBits = 40

// DDL returns the statements that make the database of a fleet, for psql: the schema,
// roles and row-level security.
func (s *Schema) DDL(version int) string {
	var b strings.Builder
	b.WriteString(before)
	for _, e := range s.enumerations {
		b.WriteString(translate(e))
	}
	for _, t := range s.Tables {
		b.WriteString("\n" + translate(t.create))
		for _, index := range t.indexes {
			b.WriteString(translate(index))
		}
	}
	b.WriteString("\n" + after)
	for _, v := range s.views {
		b.WriteString("\n" + translate(v))
	}
	b.WriteString("\n-- Who may do what.\n")
	for _, t := range append(s.Tables, &Table{Name: "pushed", Columns: []Column{{Name: "host", References: "host"}}}) {
		b.WriteString(t.policies())
	}
	b.WriteString("GRANT SELECT ON ALL TABLES IN SCHEMA public TO emaudit_host, emaudit_reader;\n")
	fmt.Fprintf(&b, "INSERT INTO fleet (version) VALUES (%d);\n\nCOMMIT;\n", version)
	return b.String()
}

// policies returns the statements that keep hosts apart. A row belongs to the host
// that its first column with an id names. All its ids must be of that host, so that no
// host refers to rows of another one.
func (t *Table) policies() string {
	var own []string
	for _, c := range t.Columns {
		switch {
		case t.Name == "host" && c.Name == "id":
			own = append(own, "role = current_user")
		case c.References == "host":
			own = append(own, c.Name+" IN (SELECT id FROM host WHERE role = current_user)")
		case c.References != "":
			own = append(own, fmt.Sprintf("%s >> %d IN (SELECT id FROM host WHERE role = current_user)", c.Name, HostBits))
		}
	}
	check := own[0]
	for _, more := range own[1:] {
		column, _, _ := strings.Cut(more, " ")
		check += fmt.Sprintf(" AND (%s IS NULL OR %s)", column, more)
	}
	return fmt.Sprintf(`ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON %[1]s TO emaudit_host USING (%[2]s) WITH CHECK (%[3]s);
CREATE POLICY reading ON %[1]s FOR SELECT TO emaudit_reader USING (true);
GRANT INSERT, UPDATE, DELETE ON %[1]s TO emaudit_host;
`, t.Name, own[0], check)
}
