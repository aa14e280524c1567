package state

import (
	"emaudit/parse/emergelog"
	"emaudit/store/logs"
)

// otherRoots decides which changes of a log concern another root. With
// ROOT=/mnt/target or crossdev, emerge logs into the emerge.log of the host. A merge
// names its root. A removal does not; it concerns the root into which its version was
// last merged.
type otherRoots struct {
	own         string          // the root of the host, with a trailing slash
	here, there map[string]bool // cpvs in this root, and in other roots
}

func newOtherRoots(own string) *otherRoots {
	return &otherRoots{own: own, here: map[string]bool{}, there: map[string]bool{}}
}

// isOther reports whether a merge went into another root.
func (o *otherRoots) isOther(m *logs.Merge) bool { return m.Root != "" && m.Root != o.own }

// merged records a merge. It reports whether the merge went into another root.
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

// removed records a removal. allElsewhere means that all merges of its run went into
// another root. It reports whether the removal concerns another root. If both roots
// have the version, doubt is true: only the installed packages can decide.
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
