package userconf

import (
	"cmp"
	"strconv"
	"strings"

	"emaudit/parse/atom"
)

// Move gives a package another name (cat/pn).
type Move struct{ From, To string }

// ParseMoves returns the moves in one file of profiles/updates (PMS 5.4.4; update.py,
// parse_updates). Like Portage, it ignores a move whose names are invalid.
func ParseMoves(b []byte) []Move {
	var moves []Move
	for _, l := range ParseLines(b) {
		if w := l.Words; len(w) == 3 && w[0] == "move" && isPackageName(w[1]) && isPackageName(w[2]) {
			moves = append(moves, Move{w[1], w[2]})
		}
	}
	return moves
}

func isPackageName(name string) bool {
	category, pn, ok := strings.Cut(name, "/")
	return ok && atom.ValidCategory(category) && atom.ValidPN(pn)
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

// Add adds a move. Add the moves in the order of [CompareUpdateNames]. The last move of
// a name counts.
func (m Moves) Add(move Move) {
	if move.From == move.To {
		return
	}
	// A reused name is no longer a former name.
	delete(m, move.To)
	m[move.From] = move.To
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
