package screen

// Role is the meaning of a piece of text. A terminal with colour derives the look from
// it. A role never changes the text or its width, and the text says the same without
// it.
type Role uint8

// The roles of text.
const (
	// Plain is text without a meaning of its own.
	Plain Role = iota
	// Good is a verdict that holds: READY, whole, exact.
	Good
	// Bad is a verdict that does not hold: NOT READY, damaged, failed.
	Bad
	// Warn is a verdict that holds with a reservation.
	Warn
	// Unknown is what could not be checked. It never looks like Good.
	Unknown
	// Code is a finding code, or a command to be typed.
	Code
	// Dim is what matters less than its neighbours.
	Dim
	// Bold is a heading.
	Bold
)

// sgr holds the "select graphic rendition" sequence of each role (ECMA-48,
// section 8.3.117). Only the eight basic colours are used: they follow the
// palette of the terminal, so that they can be read on light and on dark.
var sgr = [...]string{
	Plain:   "",
	Good:    "\x1b[32m",
	Bad:     "\x1b[1;31m",
	Warn:    "\x1b[33m",
	Unknown: "\x1b[35m",
	Code:    "\x1b[36m",
	Dim:     "\x1b[2m",
	Bold:    "\x1b[1m",
}

const sgrReset = "\x1b[0m"

// Cell is a piece of text with its role: a cell of a table, or a part of a line.
// The text may be hostile; the writers clean it.
type Cell struct {
	Text string
	Role Role
}

// Text returns s as a Cell of role r: report.Bad.Text("NOT READY").
func (r Role) Text(s string) Cell {
	return Cell{Text: s, Role: r}
}

// appendPainted appends text, which is clean already, in the look of role.
func appendPainted(dst []byte, text string, role Role, color bool) []byte {
	if !color || text == "" || int(role) >= len(sgr) || sgr[role] == "" {
		return append(dst, text...)
	}
	dst = append(dst, sgr[role]...)
	dst = append(dst, text...)
	return append(dst, sgrReset...)
}

var roleNames = [...]string{Plain: "", Good: "good", Bad: "bad", Warn: "warn", Unknown: "unknown", Code: "code", Dim: "dim", Bold: "bold"}

// RoleName is the class of a role in the style sheet.
func (c Cell) RoleName() string { return roleNames[c.Role] }
