package vdb

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emaudit/parse"
)

// CodePreserved: the registry of preserved libraries, or a record in it, cannot be
// read.
const CodePreserved = "preserved-libs"

// PreservedLibs are the libraries of a former version of a package that
// FEATURES=preserve-libs keeps, because other packages still need them.
type PreservedLibs struct {
	// CPV is the version that first registered the libraries, unchanged.
	CPV string
	// Counter is the COUNTER of that version, unchanged.
	Counter string
	// Paths are the files. They may be hostile: do not open them without checks.
	Paths []string
}

// ParsePreservedLibs reads EROOT/var/lib/portage/preserved_libs_registry. The file
// is JSON, with a key CP:SLOT for each package and the value [CPV, COUNTER,
// [PATH...]]. An empty file has no records. The result is sorted by key.
func ParsePreservedLibs(b []byte) ([]PreservedLibs, []parse.Diagnostic) {
	if len(b) == 0 {
		return nil, nil
	}
	var registry map[string]json.RawMessage
	if err := json.Unmarshal(b, &registry); err != nil {
		return nil, []parse.Diagnostic{parse.Diagnosef(jsonOffset(err), CodePreserved, "not a registry of preserved libraries: Portage takes it for empty: %v", err)}
	}
	var libs []PreservedLibs
	var diags []parse.Diagnostic
	for _, key := range slices.Sorted(maps.Keys(registry)) {
		l, err := preservedRecord(key, registry[key])
		if err != nil {
			diags = append(diags, parse.Diagnosef(0, CodePreserved, "%.80q: %v", key, err))
			continue
		}
		libs = append(libs, l)
	}
	return libs, diags
}

func preservedRecord(key string, raw json.RawMessage) (PreservedLibs, error) {
	var l PreservedLibs
	if !strings.Contains(key, ":") {
		return l, fmt.Errorf("no slot in the key")
	}
	var record []json.RawMessage
	if err := json.Unmarshal(raw, &record); err != nil {
		return PreservedLibs{}, err
	}
	if len(record) != 3 {
		return PreservedLibs{}, fmt.Errorf("%d values instead of 3", len(record))
	}
	if err := json.Unmarshal(record[0], &l.CPV); err != nil {
		return PreservedLibs{}, fmt.Errorf("cpv: %w", err)
	}
	// Portage writes a string, but accepts a number.
	if err := json.Unmarshal(record[1], &l.Counter); err != nil {
		var n json.Number
		if err := json.Unmarshal(record[1], &n); err != nil {
			return PreservedLibs{}, fmt.Errorf("counter: %w", err)
		}
		l.Counter = n.String()
	}
	l.Counter = strings.TrimSpace(l.Counter)
	if err := json.Unmarshal(record[2], &l.Paths); err != nil {
		return PreservedLibs{}, fmt.Errorf("paths: %w", err)
	}
	return l, nil
}

func jsonOffset(err error) int64 {
	switch err := err.(type) {
	case *json.SyntaxError:
		return err.Offset
	case *json.UnmarshalTypeError:
		return err.Offset
	}
	return 0
}

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
