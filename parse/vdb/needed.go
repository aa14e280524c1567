package vdb

import (
	"strings"

	"emaudit/parse"
)

// CodeNeeded: a line of NEEDED.ELF.2 has too few fields.
const CodeNeeded = "needed-line"

// NeededEntry is one line of NEEDED.ELF.2: the sonames that an installed ELF file
// needs and provides.
type NeededEntry struct {
	// Arch is the machine in the ELF header, such as X86_64.
	Arch string
	// Path is the path of the file, as in CONTENTS. It may be hostile: do not open
	// it without checks.
	Path string
	// Soname is the DT_SONAME of a library.
	Soname string
	// Runpaths holds the directories of DT_RUNPATH or DT_RPATH.
	Runpaths []string
	// Needed holds the DT_NEEDED sonames.
	Needed []string
	// Category is the multilib category, such as x86_64. It is "" if the line has
	// none.
	Category string
}

// noRunpath means in the output of scanelf that there is no runpath.
const noRunpath = "  -  "

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
		e := NeededEntry{
			Arch:   fields[0],
			Path:   fields[1],
			Soname: fields[2],
			Needed: splitNonEmpty(fields[4], ","),
		}
		if fields[3] != noRunpath {
			e.Runpaths = splitNonEmpty(fields[3], ":")
		}
		if len(fields) > 5 {
			e.Category = fields[5]
		}
		entries = append(entries, e)
	}
	return entries, diags
}

func splitNonEmpty(s, sep string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, sep) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}
