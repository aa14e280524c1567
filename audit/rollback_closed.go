package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/store"
)

// close checks that the packages of the target belong together: what depends
// on what, what blocks what, and which libraries are needed. They did when the
// target was installed; what takes the place of one of them now may differ.
func (j *rollbackJudge) close(r *Rollback, target *state) {
	changed := map[*stay]*RollbackChange{}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.to != nil {
			changed[c.to] = c
		}
	}
	current := map[string]*stay{}
	for _, s := range j.now.stays {
		current[s.cpv] = s
	}
	w := j.world.beside()
	unsure := map[*member]bool{}
	for _, s := range target.stays {
		c := changed[s]
		m := &member{changed: c != nil}
		switch {
		case c != nil && c.chosen != nil && c.chosen.Metadata != nil:
			m.pkg, m.metadata = c.chosen.pkg, c.chosen.Metadata
		case c == nil && current[s.cpv] != nil && current[s.cpv].row != nil && current[s.cpv].row.Metadata != nil:
			p := current[s.cpv].row
			if here := j.world.find(p.CPV); here != nil && p.CPV == s.cpv {
				m = here
				break
			}
			cpv, err := atom.ParseCPV(s.cpv)
			if err != nil {
				continue
			}
			m.pkg, m.metadata = packageOfMetadata(cpv, p.Slot, p.SubSlot, p.Repo, p.BuildID, p.Metadata), p.Metadata
		default:
			// A gap has no file that tells what it is: of what is said of it,
			// the version and slot are known.
			cpv, err := atom.ParseCPV(s.cpv)
			if err != nil {
				continue
			}
			m.metadata = cmp.Or(j.past.buildOf(s).metadata, &store.Metadata{})
			m.pkg = packageOfMetadata(cpv, j.past.slotOf(s), "", "", 0, m.metadata)
		}
		if target.partly() && target.unsure(packageOf(s.cpv)) {
			// One of several that may have been there: it can help others, and asks
			// for nothing.
			unsure[m] = true
		}
		w.add(m)
	}
	packages, libraries := j.differences(r, w)
	for _, m := range w.members {
		if unsure[m] {
			continue
		}
		var lacks []Unsatisfied
		if !m.changed && j.isHere(m) && !w.relationsOf(m).concern(packages, libraries) {
			// It stays, and so does all that it needs: it lacks what it lacks now.
			lacks = j.lacking(m)
		} else {
			lacks = w.unsatisfiedOf(m, m.changed)
		}
		for _, u := range lacks {
			j.unmet(r, w, m, u)
		}
	}
	j.libc(r)
}

// differences are the packages and the libraries of which a target has others
// than there are now.
func (j *rollbackJudge) differences(r *Rollback, w *world) (packages map[string]bool, libraries map[atom.Soname]bool) {
	packages, libraries = map[string]bool{}, map[atom.Soname]bool{}
	for i := range r.Changes {
		for _, cpv := range []*string{r.Changes[i].From, r.Changes[i].To} {
			if cpv != nil {
				packages[packageOf(*cpv)] = true
			}
		}
	}
	for cp := range w.byCP {
		if !slices.Equal(w.byCP[cp], j.world.byCP[cp]) {
			packages[cp] = true
		}
	}
	for cp := range j.world.byCP {
		if w.byCP[cp] == nil {
			packages[cp] = true
		}
	}
	for s := range j.world.provides {
		if !w.provides[s] {
			libraries[s] = true
		}
	}
	for s := range w.provides {
		if !j.world.provides[s] {
			libraries[s] = true
		}
	}
	return packages, libraries
}

// isHere tells whether a package is the installed one itself.
func (j *rollbackJudge) isHere(m *member) bool {
	return slices.Contains(j.world.byCP[m.cp], m)
}

// lacking is what an installed package lacks now.
func (j *rollbackJudge) lacking(m *member) []Unsatisfied {
	lacks, ok := j.lacks[m]
	if !ok {
		lacks = j.world.unsatisfiedOf(m, false)
		j.lacks[m] = lacks
	}
	return lacks
}

// unmet decides what an unmet dependency of the target means.
func (j *rollbackJudge) unmet(r *Rollback, w *world, m *member, u Unsatisfied) {
	// What is as it is now is no news: a package that stays, and lacks now what
	// it would lack then, lacked it before.
	now := j.lacksNow(m, u)
	cpv := u.CPV
	switch {
	case u.Kind == "soname" && !j.providedNow(u.Dependency):
		// Nothing installed provides it either: Portage does not ask for it
		// (--ignore-soname-deps=y), and it may come from outside of packages.
		if m.changed && !now {
			r.Unknowns = append(r.Unknowns, Unknown{
				Code: "soname-unprovided", Detail: fmt.Sprintf("%s needs %s, which no package of either state provides", cpv, u.Dependency),
				SettleWith: "emerge -pK --ignore-soname-deps=n =" + cpv,
			})
		}
	case !m.changed && now:
		r.Risks = append(r.Risks, Risk{Code: "unmet-already", CPV: &cpv, Detail: "it lacks " + u.Dependency + ", as it does now", Severity: SeverityInfo})
	default:
		r.Unsatisfied = append(r.Unsatisfied, u)
	}
}

// lacksNow tells whether a package lacks, among what is installed now, the
// same thing.
func (j *rollbackJudge) lacksNow(m *member, u Unsatisfied) bool {
	if u.Kind == "soname" {
		return !j.providedNow(u.Dependency)
	}
	return u.Kind != "invalid" && !j.world.satisfies(m, u)
}

func (j *rollbackJudge) providedNow(soname string) bool {
	category, name, _ := strings.Cut(soname, ": ")
	return j.world.provides[atom.Soname{Category: category, Name: name}]
}

// libc never plans an older C library silently: its ebuild refuses, and what
// was linked against the newer one may not start.
func (j *rollbackJudge) libc(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Action == ActionRemove && libcs[packageOf(*c.From)] {
			r.Unsatisfied = append(r.Unsatisfied, Unsatisfied{CPV: *c.From, Dependency: "it would be removed, and what is installed needs a C library to run", Kind: "libc"})
		}
		if c.Action != ActionDowngrade || !libcs[packageOf(*c.To)] {
			continue
		}
		refuses := false
		if c.chosen != nil && c.chosen.Metadata != nil {
			for phase := range strings.FieldsSeq(c.chosen.Metadata.DefinedPhases) {
				refuses = refuses || phase == "preinst" || phase == "pretend" || phase == "setup"
			}
		}
		if refuses {
			r.Unsatisfied = append(r.Unsatisfied, Unsatisfied{CPV: *c.To, Dependency: fmt.Sprintf(">=%s: it refuses in pkg_preinst to take the place of a newer one", *c.From), Kind: "libc"})
			continue
		}
		r.Risks = append(r.Risks, Risk{
			Code: "libc-downgrade", CPV: c.To, Severity: SeverityWarning,
			Detail: fmt.Sprintf("%s would give way to an older C library: programs that were linked against it may no longer start", *c.From),
		})
	}
}
