package state

import (
	"emaudit/parse/emergelog"
	"emaudit/store/logs"
)

// otherRoots reports which changes of a log are about another root than the host's
// own: that of ROOT=/mnt/target or of crossdev, whose emerge writes into the log
// of the host. A merge names its root; a removal does not, and is of that root
// into which its version was last merged.
type otherRoots struct {
	own         string          // with a slash at its end
	here, there map[string]bool // cpv: merged into the own root, into another, and not removed since
}

func newOtherRoots(own string) *otherRoots {
	return &otherRoots{own: own, here: map[string]bool{}, there: map[string]bool{}}
}

// isOther reports whether a merge went into another root.
func (o *otherRoots) isOther(m *logs.Merge) bool { return m.Root != "" && m.Root != o.own }

// merged takes a merge, and reports whether it went into another root.
func (o *otherRoots) merged(m *logs.Merge) bool {
	in, other := o.here, o.isOther(m)
	if other {
		in = o.there
	}
	if m.Outcome == emergelog.MergeMerged || m.PostinstFailed {
		for _, old := range m.Replaced {
			delete(in, old)
		}
		in[m.CPV] = true
	}
	return other
}

// removed takes a removal of a run, all of whose merges went into another root or
// not, and reports whether it is of another root. It is in doubt where both have
// the version: then only what is installed can tell.
func (o *otherRoots) removed(cpv string, allElsewhere bool) (elsewhere, doubt bool) {
	here, there := o.here[cpv], o.there[cpv]
	if there && !here || allElsewhere {
		delete(o.there, cpv)
		return true, false
	}
	if !there {
		delete(o.here, cpv)
	}
	return false, there
}
