package atom

import "slices"

// Reduce returns the dependency for a package with the given USE, in the normal
// form of Portage's use_reduce: no conditionals, and no group that says nothing.
//
//   - A conditional is replaced by its members, or left out.
//   - A group of all is merged into the group of all around it; as a member of a
//     || it stays, unless it has but one member itself.
//   - A || inside a || is merged into it.
//   - A || of one member is that member.
//   - A || that USE has left without members is left out up to EAPI 6; from EAPI
//     7 on it stays, as something that nothing can satisfy.
//
// It is not meant for REQUIRED_USE, in whose groups also what USE has emptied
// counts; see [Dep.SatisfiedUSE]. Atoms stay as they are written; see
// [Dep.Evaluate].
func (d Dep) Reduce(use Flags) Dep { return Dep{Children: reduceAll(nil, d.roots(), use, false)} }

// Evaluate is Reduce, and makes the conditional USE dependencies of each atom
// plain for the same USE. What Portage records of an installed package of EAPI
// 5 or later has been through this already; that of earlier ones has not.
func (d Dep) Evaluate(use Flags) Dep { return Dep{Children: reduceAll(nil, d.roots(), use, true)} }

func (d *Dep) roots() []Dep {
	if d.Op == AllOf {
		return d.Children
	}
	return []Dep{*d}
}

// reduceAll appends what remains of nodes as members of a group of all.
func reduceAll(out, nodes []Dep, use Flags, evaluate bool) []Dep {
	for i := range nodes {
		node := &nodes[i]
		switch node.Op {
		case Item:
			out = append(out, node.reduceItem(use, evaluate))
		case AllOf:
			out = reduceAll(out, node.Children, use, evaluate)
		case IfUSE, UnlessUSE:
			if node.active(use) {
				out = reduceAll(out, node.Children, use, evaluate)
			}
		case AnyOf:
			group, remains := node.reduceAnyOf(use, evaluate)
			switch {
			case !remains:
			case group.Op == AllOf:
				out = append(out, group.Children...)
			default:
				out = append(out, group)
			}
		default:
			out = append(out, *node)
		}
	}
	return out
}

func (d *Dep) reduceAnyOf(use Flags, evaluate bool) (group Dep, remains bool) {
	var members []Dep
	for i := range d.Children {
		members = appendChoice(members, &d.Children[i], use, evaluate)
	}
	switch {
	case len(members) == 1:
		return members[0], true
	case len(members) == 0 && d.emptyIsMet:
		return Dep{}, false
	}
	return Dep{Op: AnyOf, Children: members, emptyIsMet: d.emptyIsMet}, true
}

// appendChoice appends what remains of node as a member of a ||.
func appendChoice(out []Dep, node *Dep, use Flags, evaluate bool) []Dep {
	members := reduceAll(nil, []Dep{*node}, use, evaluate)
	switch {
	case len(members) == 0:
		return out
	case len(members) > 1:
		return append(out, Dep{Op: AllOf, Children: members})
	case members[0].Op == AnyOf:
		return append(out, members[0].Children...)
	}
	return append(out, members[0])
}

func (d *Dep) reduceItem(use Flags, evaluate bool) Dep {
	if !evaluate || d.Atom == nil || !slices.ContainsFunc(d.Atom.USE, USEDep.conditional) {
		return *d
	}
	a := d.Atom.EvaluateConditionals(use)
	return Dep{Op: Item, Text: a.String(), Atom: &a}
}

func (d *Dep) active(use Flags) bool { return use.Has(d.Text) == (d.Op == IfUSE) }

// Satisfied decides a reduced dependency over a fixed set of packages, which
// has speaks for: it reports whether some package of the set matches an atom.
// A blocker is satisfied if has is false of the atom that it blocks; that a
// package does not block itself, has must know.
//
// If it is not satisfied, the second result has the smallest parts that fail:
// atoms, and groups of which no choice remains. What Reduce would have removed,
// and the groups of REQUIRED_USE, are undecided and therefore fail.
func (d Dep) Satisfied(has func(Atom) bool) (ok bool, unsatisfied []Dep) {
	unsatisfied = d.unsatisfied(nil, func(item *Dep) bool {
		switch {
		case item.Atom == nil:
			return false
		case item.Atom.Blocker != NoBlocker:
			return !has(item.Atom.WithoutBlocker())
		}
		return has(*item.Atom)
	})
	return len(unsatisfied) == 0, unsatisfied
}

// SatisfiedNames is Satisfied for a reduced LICENSE, RESTRICT or PROPERTIES:
// accepts reports whether one name is accepted.
func (d Dep) SatisfiedNames(accepts func(name string) bool) (ok bool, unsatisfied []Dep) {
	unsatisfied = d.unsatisfied(nil, func(item *Dep) bool { return accepts(item.Text) })
	return len(unsatisfied) == 0, unsatisfied
}

// unsatisfied appends the smallest failing parts of d.
func (d *Dep) unsatisfied(out []Dep, holds func(*Dep) bool) []Dep {
	if d.Op == AllOf {
		for i := range d.Children {
			out = d.Children[i].unsatisfied(out, holds)
		}
		return out
	}
	if !d.satisfied(holds) {
		out = append(out, *d)
	}
	return out
}

func (d *Dep) satisfied(holds func(*Dep) bool) bool {
	switch d.Op {
	case Item:
		return holds(d)
	case AllOf:
		for i := range d.Children {
			if !d.Children[i].satisfied(holds) {
				return false
			}
		}
		return true
	case AnyOf:
		for i := range d.Children {
			if d.Children[i].satisfied(holds) {
				return true
			}
		}
	}
	return false
}
