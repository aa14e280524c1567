package atom

import "slices"

// Reduce returns the dependency for a package with the given USE flags. The result
// is in the normal form of Portage's use_reduce:
//
//   - A conditional becomes its members if it is active. Otherwise it vanishes.
//   - An all-of group inside an all-of group becomes part of the outer group.
//   - An all-of group inside a || group stays, unless it has only one member.
//   - A || group inside a || group becomes part of the outer group.
//   - A || group with one member becomes that member.
//   - A || group without members vanishes up to EAPI 6. From EAPI 7 on it stays,
//     and nothing satisfies it.
//
// It does not change atoms; see [Dep.Evaluate].
func (d Dep) Reduce(use Flags) Dep { return Dep{Children: reduceAll(nil, d.roots(), use, false)} }

// Evaluate is like Reduce, and also evaluates the conditional USE dependencies of
// each atom for the same USE flags. Portage records dependencies of installed
// packages in this form from EAPI 5 on, and unevaluated before.
func (d Dep) Evaluate(use Flags) Dep { return Dep{Children: reduceAll(nil, d.roots(), use, true)} }

func (d *Dep) roots() []Dep {
	if d.Op == AllOf {
		return d.Children
	}
	return []Dep{*d}
}

// reduceAll appends the reduced nodes to an all-of group.
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

// appendChoice appends the reduced node to a || group.
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

// Satisfied reports whether a fixed set of packages satisfies a reduced dependency.
// The function has reports whether a package of the set matches an atom. A blocker
// is satisfied if has returns false for the atom without its blocker. A package
// does not block itself; has must take care of that.
//
// If the dependency is not satisfied, the second result holds the smallest failing
// parts: atoms, and groups without a satisfied choice. Nodes that Reduce removes
// always fail.
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

// SatisfiedNames is like Satisfied for a reduced LICENSE, RESTRICT or PROPERTIES.
// The function accepts reports whether one name is accepted.
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
