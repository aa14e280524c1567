package drill

import (
	"slices"
	"strconv"
	"strings"

	"emaudit/audit/rollback"
	"emaudit/drill/box"
)

// StepsOf returns the commands of a plan, as they are printed. emerge gets --ask=n:
// nobody is there to answer, and EMERGE_DEFAULT_OPTS may have --ask.
func StepsOf(r *rollback.Rollback) []box.Step {
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

// Room returns how many bytes a drill of a plan takes at most: the copies of the
// binary packages, what they install, the largest image once more while it is
// unpacked, and the packages that are made of what is installed now.
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

// Progress is one package of a step that is done.
type Progress struct {
	Package string
	Number  int // of Count, from 1
	Count   int
	Removed bool // it was removed and not merged
}

// progressOf reads a line of emerge that says that a package is done
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
