package atom

import "strings"

// Reduce returns the dependency for a package with the given USE, in the normal
// form of Portage's use_reduce: no conditionals, and no group that says nothing.
//
//   - A conditional is replaced by its members, or left out.
//   - A group of all is merged into the group around it; inside any other group
//     it stays, unless it has one member.
//   - A || inside a || is merged into it.
//   - A || or ^^ of one member is that member. A ?? of one member stays: it is
//     satisfied whatever becomes of its member.
//   - A || or ^^ that USE has left without members is left out up to EAPI 6; it
//     stays from EAPI 7 on, as something that nothing can satisfy.
//
// Atoms stay as they are written; see [Dep.Evaluate].
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
		default:
			group, remains := node.reduceGroup(use, evaluate)
			switch {
			case !remains:
			case group.Op == AllOf:
				out = append(out, group.Children...)
			default:
				out = append(out, group)
			}
		}
	}
	return out
}

// reduceGroup reduces a || ^^ or ??.
func (d *Dep) reduceGroup(use Flags, evaluate bool) (group Dep, remains bool) {
	members := reduceMembers(nil, d.Children, d.Op, use, evaluate)
	if len(members) == 1 && d.Op != AtMostOneOf {
		return members[0], true
	}
	if len(members) == 0 && (d.emptyIsMet || d.Op == AtMostOneOf) {
		return Dep{}, false
	}
	return Dep{Op: d.Op, Children: members, emptyIsMet: d.emptyIsMet}, true
}

// reduceMembers appends what remains of nodes as members of a group of op.
func reduceMembers(out, nodes []Dep, op DepOp, use Flags, evaluate bool) []Dep {
	for i := range nodes {
		node := &nodes[i]
		var members []Dep
		switch node.Op {
		case Item:
			out = append(out, node.reduceItem(use, evaluate))
			continue
		case AllOf:
			members = reduceAll(nil, node.Children, use, evaluate)
		case IfUSE, UnlessUSE:
			if !node.active(use) {
				continue
			}
			members = reduceAll(nil, node.Children, use, evaluate)
		default:
			group, remains := node.reduceGroup(use, evaluate)
			if !remains {
				continue
			}
			members = []Dep{group}
		}
		switch {
		case len(members) == 0:
		case len(members) > 1:
			out = append(out, Dep{Op: AllOf, Children: members})
		case op == AnyOf && members[0].Op == AnyOf:
			out = append(out, members[0].Children...)
		default:
			out = append(out, members[0])
		}
	}
	return out
}

func (d *Dep) reduceItem(use Flags, evaluate bool) Dep {
	if !evaluate || d.Atom == nil {
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
// atoms, and groups of which no choice remains. Conditionals, which Reduce
// would have removed, are undecided and therefore fail.
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

// SatisfiedNames is Satisfied for the reduced LICENSE, RESTRICT or PROPERTIES:
// accepts reports whether one name is accepted.
func (d Dep) SatisfiedNames(accepts func(name string) bool) (ok bool, unsatisfied []Dep) {
	unsatisfied = d.unsatisfied(nil, func(item *Dep) bool { return accepts(item.Text) })
	return len(unsatisfied) == 0, unsatisfied
}

// SatisfiedUSE decides a REQUIRED_USE, reduced or not, for the given USE.
func (d Dep) SatisfiedUSE(use Flags) (ok bool, unsatisfied []Dep) {
	return d.Reduce(use).SatisfiedNames(func(name string) bool {
		flag, negated := strings.CutPrefix(name, "!")
		return use.Has(flag) != negated
	})
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
	case IfUSE, UnlessUSE:
		return false
	}
	count := 0
	for i := range d.Children {
		if d.Children[i].satisfied(holds) {
			count++
		}
	}
	switch d.Op {
	case AllOf:
		return count == len(d.Children)
	case AnyOf:
		return count > 0 || len(d.Children) == 0 && d.emptyIsMet
	case ExactlyOneOf:
		return count == 1 || len(d.Children) == 0 && d.emptyIsMet
	default:
		return count <= 1
	}
}
