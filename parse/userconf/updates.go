package userconf

import (
	"cmp"
	"strconv"
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// Update is one line of profiles/updates: a package that got another name, or
// another slot.
type Update struct {
	// From and To are the names of a move, empty for a slotmove.
	From, To string
	// Atom, FromSlot and ToSlot are those of a slotmove.
	Atom             atom.Atom
	FromSlot, ToSlot string
	Offset           int64
}

// ParseUpdates reads one file of profiles/updates (PMS 5.4.4; update.py,
// parse_updates).
func ParseUpdates(b []byte) ([]Update, []parse.Diagnostic) {
	b, diags := bounded(b)
	var updates []Update
	for l := range lines(b) {
		u, wrong := parseUpdate(l.words)
		if wrong != "" {
			diags = append(diags, parse.Diagnosef(l.offset, CodeLine, "%q: %s", strings.Join(l.words, " "), wrong))
			continue
		}
		u.Offset = l.offset
		updates = append(updates, u)
	}
	return updates, diags
}

func parseUpdate(words []string) (u Update, wrong string) {
	switch words[0] {
	case "move":
		if len(words) != 3 {
			return u, "move takes two names"
		}
		for _, name := range words[1:] {
			category, pn, ok := strings.Cut(name, "/")
			if !ok || !atom.ValidCategory(category) || !atom.ValidPN(pn) {
				return u, "not a package name: " + strconv.Quote(name)
			}
		}
		return Update{From: words[1], To: words[2]}, ""
	case "slotmove":
		if len(words) != 4 {
			return u, "slotmove takes an atom and two slots"
		}
		// Portage takes neither wildcards nor sub-slots here.
		a, err := atom.Syntax{}.ParseAtom(words[1])
		switch {
		case err != nil:
			return u, err.Error()
		case a.Blocker != atom.NoBlocker:
			return u, "a blocker"
		case !atom.ValidSlotName(words[2]) || !atom.ValidSlotName(words[3]):
			return u, "not a slot"
		}
		return Update{Atom: a, FromSlot: words[2], ToSlot: words[3]}, ""
	}
	return u, "neither move nor slotmove"
}

// CompareUpdateNames orders the files of profiles/updates by year and quarter,
// as "3Q-2026"; other names come before, by their bytes.
func CompareUpdateNames(a, b string) int {
	x, okX := quarter(a)
	y, okY := quarter(b)
	switch {
	case okX != okY && okX:
		return 1
	case okX != okY:
		return -1
	case x != y:
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}

// quarter counts the quarters up to that of a file name.
func quarter(name string) (int, bool) {
	q, year, ok := strings.Cut(name, "Q-")
	if !ok || len(q) != 1 || q[0] < '1' || q[0] > '4' || len(year) != 4 {
		return 0, false
	}
	y, err := strconv.Atoi(year)
	return y*4 + int(q[0]-'1'), err == nil && y >= 0
}

// Moves follow packages from their old names to the ones that they have now.
type Moves map[string]string

// Add takes the moves of one file; files are added in the order of
// [CompareUpdateNames]. The last word about a name counts.
func (m Moves) Add(updates []Update) {
	for _, u := range updates {
		if u.From == "" || u.From == u.To {
			continue
		}
		// A name that is given again is no longer an old one.
		delete(m, u.To)
		m[u.From] = u.To
	}
}

// Name returns the name that the package "cat/pn" has now.
func (m Moves) Name(cp string) string {
	// Adding keeps the graph free of cycles, so the number of moves bounds the
	// walk; the counter holds that whatever a caller put in.
	for range len(m) {
		to, ok := m[cp]
		if !ok {
			break
		}
		cp = to
	}
	return cp
}

// CPV returns a cpv under the name that its package has now. What is no cpv
// stays as it is.
func (m Moves) CPV(cpv string) string {
	if len(m) == 0 {
		return cpv
	}
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return cpv
	}
	old := c.CP()
	name := m.Name(old)
	if name == old {
		return cpv
	}
	return name + cpv[len(old):]
}
