package userconf

import (
	"cmp"
	"strconv"
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// Update is one line of profiles/updates. It gives a package another name or
// another slot.
type Update struct {
	// From and To are the names in a move. They are "" for a slotmove.
	From, To string
	// Atom, FromSlot and ToSlot are the fields of a slotmove.
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
		// Portage accepts neither wildcards nor sub-slots here.
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

// CompareUpdateNames orders the files of profiles/updates, such as "3Q-2026", by
// year and quarter. Other names sort first, by their bytes.
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

// quarter returns the number of the quarter that a file name stands for.
func quarter(name string) (int, bool) {
	q, year, ok := strings.Cut(name, "Q-")
	if !ok || len(q) != 1 || q[0] < '1' || q[0] > '4' || len(year) != 4 {
		return 0, false
	}
	y, err := strconv.Atoi(year)
	return y*4 + int(q[0]-'1'), err == nil && y >= 0
}

// Moves maps former names of packages to their current names.
type Moves map[string]string

// Add adds the moves of one file. Add the files in the order of
// [CompareUpdateNames]. The last move of a name counts.
func (m Moves) Add(updates []Update) {
	for _, u := range updates {
		if u.From == "" || u.From == u.To {
			continue
		}
		// A reused name is no longer a former name.
		delete(m, u.To)
		m[u.From] = u.To
	}
}

// Name returns the current name of the package cp.
func (m Moves) Name(cp string) string {
	// Add creates no cycles, so there are at most len(m) steps. The counter bounds
	// the loop even if a caller has created a cycle.
	for range len(m) {
		to, ok := m[cp]
		if !ok {
			break
		}
		cp = to
	}
	return cp
}

// CPV returns the cpv with the current name of its package. It returns any other
// text unchanged.
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
