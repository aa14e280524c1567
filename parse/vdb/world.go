package vdb

import (
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// CodeWorld: Portage ignores this line of world.
const CodeWorld = "world-line"

// worldSyntax is the syntax of atoms in the file world (files.py:265). It allows a
// repository, but neither wildcards nor build ids.
var worldSyntax = atom.Syntax{Repo: true}

// ParseWorld reads EROOT/var/lib/portage/world: the packages that the user
// requested by name, which depclean keeps. It has one atom on each line. Lines that
// begin with "#" are comments, and only the first word of a line counts.
func ParseWorld(b []byte) ([]atom.Atom, []parse.Diagnostic) {
	var atoms []atom.Atom
	var diags []parse.Diagnostic
	offset := 0
	for line := range strings.Lines(string(b)) {
		start := offset
		offset += len(line)
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		a, err := worldSyntax.ParseAtom(words[0])
		if err != nil {
			diags = append(diags, parse.Diagnosef(int64(start), CodeWorld, "%.200v", err))
			continue
		}
		atoms = append(atoms, a)
	}
	return atoms, diags
}
