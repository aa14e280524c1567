package atom

import "strings"

// SatisfiedUSE reports whether the given USE flags satisfy a REQUIRED_USE. The
// second result holds the smallest failing parts in their original notation.
//
// Inside groups, nodes that USE has emptied still count (Portage's
// check_required_use): an active conditional without members is true, and up to
// EAPI 6 so is a group without members.
func (d Dep) SatisfiedUSE(use Flags) (ok bool, unsatisfied []Dep) {
	unsatisfied = d.unsatisfiedUSE(nil, use)
	return len(unsatisfied) == 0, unsatisfied
}

func (d *Dep) unsatisfiedUSE(out []Dep, use Flags) []Dep {
	switch d.Op {
	case IfUSE, UnlessUSE:
		if !d.active(use) {
			return out
		}
		fallthrough
	case AllOf:
		for i := range d.Children {
			out = d.Children[i].unsatisfiedUSE(out, use)
		}
		return out
	}
	if holds, counts := d.truth(use); counts && !holds {
		out = append(out, *d)
	}
	return out
}

// truth reports whether d holds, and whether it counts as a member of its group.
func (d *Dep) truth(use Flags) (holds, counts bool) {
	if d.Op == Item {
		flag, negated := strings.CutPrefix(d.Text, "!")
		return use.Has(flag) != negated, true
	}
	if (d.Op == IfUSE || d.Op == UnlessUSE) && !d.active(use) {
		return true, false
	}
	members, holding := 0, 0
	for i := range d.Children {
		holds, counts := d.Children[i].truth(use)
		if counts {
			members++
		}
		if counts && holds {
			holding++
		}
	}
	switch d.Op {
	case AllOf:
		return holding == members, members > 0
	case AnyOf:
		return holding > 0 || members == 0 && d.emptyIsMet, true
	case ExactlyOneOf:
		return holding == 1 || members == 0 && d.emptyIsMet, true
	case AtMostOneOf:
		return holding <= 1, true
	default:
		return holding == members, true
	}
}
