package drill

import (
	"slices"
	"strconv"
	"strings"

	"emaudit/audit/rollback"
	"emaudit/drill/box"
)

// stepsOf returns the commands of a plan as printed. emerge gets --ask=n, because
// EMERGE_DEFAULT_OPTS may have --ask and there is no one to answer.
func stepsOf(r *rollback.Rollback) []box.Step {
	var steps []box.Step
	for _, part := range r.Steps {
		for _, c := range part.Commands {
			s := box.Step{Name: c.Inside().String()}
			s.Env, s.Argv, s.AppendTo = c.Exec()
			if s.Argv[0] == "emerge" {
				s.Argv = slices.Insert(slices.Clone(s.Argv), 1, "--ask=n")
			}
			steps = append(steps, s)
		}
	}
	return steps
}

// Room returns the maximum number of bytes that a drill of a plan writes: copies of
// the binary packages, their installed files, the largest image a second time during
// unpacking, and binary packages made of installed ones.
func Room(r *rollback.Rollback) int64 {
	const logs = 32 << 20 // VDB entries, caches, logs
	var copies, installed, largest, backup int64
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Stays {
			continue
		}
		if c.Chosen != nil {
			copies += c.Chosen.Size
			installed += c.Chosen.InstalledSize
			largest = max(largest, c.Chosen.InstalledSize)
		}
		if c.Before != nil && c.Before.Row != nil {
			backup += c.Before.Row.Size
		}
	}
	return copies + installed + largest + backup + logs
}

// Progress is one finished package of a step.
type Progress struct {
	Package string
	Number  int // of Count, from 1
	Count   int
	Removed bool // the package was removed, not merged
}

// progressOf parses the line of emerge about a finished package
// (_emerge/Scheduler.py, _emerge/unmerge.py).
func progressOf(line string) (p Progress, ok bool) {
	rest, ok := strings.CutPrefix(line, ">>> Completed (")
	if !ok {
		rest, ok = strings.CutPrefix(line, ">>> Unmerging (")
		p.Removed = true
	}
	if !ok {
		return p, false
	}
	counts, rest, ok := strings.Cut(rest, ") ")
	number, count, both := strings.Cut(counts, " of ")
	if !ok || !both {
		return p, false
	}
	var errNumber, errCount error
	p.Number, errNumber = strconv.Atoi(number)
	p.Count, errCount = strconv.Atoi(count)
	name, _, _ := strings.Cut(rest, " ")
	p.Package, _, _ = strings.Cut(strings.TrimRight(name, "."), "::")
	return p, errNumber == nil && errCount == nil && p.Package != ""
}
