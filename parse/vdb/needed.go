package vdb

import (
	"slices"
	"strings"

	"emaudit/parse"
)

// CodeNeeded: a line of NEEDED.ELF.2 has too few fields.
const CodeNeeded = "needed-line"

// NeededEntry is one line of NEEDED.ELF.2: the sonames that an installed ELF file
// needs and provides.
type NeededEntry struct {
	// Path is the path of the file, as in CONTENTS. It may be hostile: do not open
	// it without checks.
	Path string
	// Soname is the DT_SONAME of a library.
	Soname string
	// Needed holds the DT_NEEDED sonames.
	Needed []string
}

// ParseNeeded reads a file NEEDED.ELF.2.
func ParseNeeded(b []byte) ([]NeededEntry, []parse.Diagnostic) {
	var entries []NeededEntry
	var diags []parse.Diagnostic
	offset := 0
	for line := range strings.Lines(string(b)) {
		start := offset
		offset += len(line)
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		fields := strings.Split(line, ";")
		if len(fields) < 5 {
			diags = append(diags, parse.Diagnosef(int64(start), CodeNeeded, "%d fields instead of at least 5: %.80q", len(fields), line))
			continue
		}
		needed := slices.DeleteFunc(strings.Split(fields[4], ","), func(soname string) bool { return soname == "" })
		entries = append(entries, NeededEntry{Path: fields[1], Soname: fields[2], Needed: needed})
	}
	return entries, diags
}
