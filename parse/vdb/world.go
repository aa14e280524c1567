package vdb

import (
	"errors"
	"fmt"
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// CodeWorld: Portage ignores this line of world or world_sets.
const CodeWorld = "world-line"

// worldSyntax is the syntax of atoms in the file world (files.py:265). It allows a
// repository, but neither wildcards nor build ids.
var worldSyntax = atom.Syntax{Repo: true}

// ParseWorld reads EROOT/var/lib/portage/world: the packages that the user
// requested by name, which depclean keeps. It has one atom on each line. Lines that
// begin with "#" are comments, and only the first word of a line counts.
func ParseWorld(b []byte) ([]atom.Atom, []parse.Diagnostic) {
	var atoms []atom.Atom
	diags := worldItems(b, func(item string) error {
		a, err := worldSyntax.ParseAtom(item)
		if err == nil {
			atoms = append(atoms, a)
		}
		return err
	})
	return atoms, diags
}

// ParseWorldSets reads EROOT/var/lib/portage/world_sets: the package sets that the
// user requested, in the format of world. The returned names lack the at sign.
func ParseWorldSets(b []byte) ([]string, []parse.Diagnostic) {
	var sets []string
	diags := worldItems(b, func(item string) error {
		set, ok := strings.CutPrefix(item, "@")
		if !ok || set == "" {
			return fmt.Errorf("%.80q: %w", item, errNoSet)
		}
		sets = append(sets, set)
		return nil
	})
	return sets, diags
}

var errNoSet = errors.New("not a set: it does not begin with @")

func worldItems(b []byte, add func(item string) error) []parse.Diagnostic {
	var diags []parse.Diagnostic
	offset := 0
	for line := range strings.Lines(string(b)) {
		start := offset
		offset += len(line)
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := add(words[0]); err != nil {
			diags = append(diags, parse.Diagnosef(int64(start), CodeWorld, "%.200v", err))
		}
	}
	return diags
}
