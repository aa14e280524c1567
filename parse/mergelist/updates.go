package mergelist

import (
	"bytes"
	"strings"
)

// Move is a renaming of a package.
type Move struct{ From, To string } // cat/pn

// ParseMoves reads the moves in one file of profiles/updates (PMS 4.4.4): lines of
// the form "move OLD NEW". It ignores other lines, such as slotmove, because they
// rename nothing.
func ParseMoves(data []byte) []Move {
	var moves []Move
	for line := range bytes.Lines(data) {
		words := strings.Fields(string(line))
		if len(words) == 3 && words[0] == "move" && isName(words[1]) && isName(words[2]) {
			moves = append(moves, Move{words[1], words[2]})
		}
	}
	return moves
}

func isName(s string) bool { return strings.Count(s, "/") == 1 && len(s) > 2 }

// UpdateOrder returns a key that orders the files of profiles/updates by time:
// "2026-3" for 3Q-2026. ok is false for other names.
func UpdateOrder(name string) (key string, ok bool) {
	if len(name) != len("3Q-2026") || name[1:3] != "Q-" || name[0] < '1' || name[0] > '4' || strings.Trim(name[3:], "0123456789") != "" {
		return "", false
	}
	return name[3:] + "-" + name[:1], true
}
