package rollback

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/state"
	"emaudit/parse/atom"
	"emaudit/store"
)

// close checks that the packages of the target belong together: what depends
// on what, what blocks what, and which libraries are needed. They did when the
// target was installed; what takes the place of one of them now may differ.
func (j *RollbackJudge) close(r *Rollback, target *state.State) {
	changed := map[*state.Stay]*RollbackChange{}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.After != nil {
			changed[c.After] = c
		}
	}
	current := map[string]*state.Stay{}
	for _, s := range j.Now.Stays {
		current[s.CPV] = s
	}
	w := j.World.Beside()
	unsure := map[*acceptance.Member]bool{}
	for _, s := range target.Stays {
		c := changed[s]
		m := &acceptance.Member{Changed: c != nil}
		switch {
		case c != nil && c.Chosen != nil && c.Chosen.Metadata != nil:
			m.Pkg, m.Metadata = c.Chosen.Pkg, c.Chosen.Metadata
		case c == nil && current[s.CPV] != nil && current[s.CPV].Row != nil && current[s.CPV].Row.Metadata != nil:
			p := current[s.CPV].Row
			if here := j.World.Find(p.CPV); here != nil && p.CPV == s.CPV {
				m = here
				break
			}
			cpv, err := atom.ParseCPV(s.CPV)
			if err != nil {
				continue
			}
			m.Pkg, m.Metadata = acceptance.PackageOfMetadata(cpv, p.Slot, p.SubSlot, p.Repo, p.BuildID, p.Metadata), p.Metadata
		default:
			// A gap has no file that tells what it is: of what is said of it,
			// the version and slot are known.
			cpv, err := atom.ParseCPV(s.CPV)
			if err != nil {
				continue
			}
			m.Metadata = cmp.Or(j.Past.BuildOf(s).Metadata, &store.Metadata{})
			m.Pkg = acceptance.PackageOfMetadata(cpv, j.Past.SlotOf(s), "", "", 0, m.Metadata)
		}
		if target.Partly() && target.Unsure(audit.PackageOf(s.CPV)) {
			// One of several that may have been there: it can help others, and asks
			// for nothing.
			unsure[m] = true
		}
		w.Add(m)
	}
	packages, libraries := j.differences(r, w)
	for _, m := range w.Members {
		if unsure[m] {
			continue
		}
		var lacks []acceptance.Unsatisfied
		if !m.Changed && j.isHere(m) && !w.RelationsOf(m).Concern(packages, libraries) {
			// It stays, and so does all that it needs: it lacks what it lacks now.
			lacks = j.lacking(m)
		} else {
			lacks = w.UnsatisfiedOf(m, m.Changed)
		}
		for _, u := range lacks {
			j.unmet(r, w, m, u)
		}
	}
	j.libc(r)
}

// differences are the packages and the libraries of which a target has others
// than there are now.
func (j *RollbackJudge) differences(r *Rollback, w *acceptance.World) (packages map[string]bool, libraries map[atom.Soname]bool) {
	packages, libraries = map[string]bool{}, map[atom.Soname]bool{}
	for i := range r.Changes {
		for _, cpv := range []*string{r.Changes[i].From, r.Changes[i].To} {
			if cpv != nil {
				packages[audit.PackageOf(*cpv)] = true
			}
		}
	}
	for cp := range w.ByCP {
		if !slices.Equal(w.ByCP[cp], j.World.ByCP[cp]) {
			packages[cp] = true
		}
	}
	for cp := range j.World.ByCP {
		if w.ByCP[cp] == nil {
			packages[cp] = true
		}
	}
	for s := range j.World.Provides {
		if !w.Provides[s] {
			libraries[s] = true
		}
	}
	for s := range w.Provides {
		if !j.World.Provides[s] {
			libraries[s] = true
		}
	}
	return packages, libraries
}

// isHere tells whether a package is the installed one itself.
func (j *RollbackJudge) isHere(m *acceptance.Member) bool {
	return slices.Contains(j.World.ByCP[m.CP], m)
}

// lacking is what an installed package lacks now.
func (j *RollbackJudge) lacking(m *acceptance.Member) []acceptance.Unsatisfied {
	lacks, ok := j.lacks[m]
	if !ok {
		lacks = j.World.UnsatisfiedOf(m, false)
		j.lacks[m] = lacks
	}
	return lacks
}

// unmet decides what an unmet dependency of the target means.
func (j *RollbackJudge) unmet(r *Rollback, w *acceptance.World, m *acceptance.Member, u acceptance.Unsatisfied) {
	// What is as it is now is no news: a package that stays, and lacks now what
	// it would lack then, lacked it before.
	now := j.lacksNow(m, u)
	cpv := u.CPV
	switch {
	case u.Kind == "soname" && !j.providedNow(u.Dependency):
		// Nothing installed provides it either: Portage does not ask for it
		// (--ignore-soname-deps=y), and it may come from outside of packages.
		if m.Changed && !now {
			r.Unknowns = append(r.Unknowns, Unknown{
				Code: "soname-unprovided", Detail: fmt.Sprintf("%s needs %s, which no package of either state provides", cpv, u.Dependency),
				SettleWith: audit.Do(audit.Run("emerge", "-pK", "--ignore-soname-deps=n", "="+cpv)),
			})
		}
	case !m.Changed && now:
		r.Risks = append(r.Risks, Risk{Code: "unmet-already", CPV: &cpv, Detail: "it lacks " + u.Dependency + ", as it does now", Severity: audit.SeverityInfo})
	default:
		r.Unsatisfied = append(r.Unsatisfied, u)
	}
}

// lacksNow tells whether a package lacks, among what is installed now, the
// same thing.
func (j *RollbackJudge) lacksNow(m *acceptance.Member, u acceptance.Unsatisfied) bool {
	if u.Kind == "soname" {
		return !j.providedNow(u.Dependency)
	}
	return u.Kind != "invalid" && !j.World.Satisfies(m, u)
}

func (j *RollbackJudge) providedNow(soname string) bool {
	category, name, _ := strings.Cut(soname, ": ")
	return j.World.Provides[atom.Soname{Category: category, Name: name}]
}

// libc never plans an older C library silently: its ebuild refuses, and what
// was linked against the newer one may not start.
func (j *RollbackJudge) libc(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Action == state.ActionRemove && acceptance.Libcs[audit.PackageOf(*c.From)] {
			r.Unsatisfied = append(r.Unsatisfied, acceptance.Unsatisfied{CPV: *c.From, Dependency: "it would be removed, and what is installed needs a C library to run", Kind: "libc"})
		}
		if c.Action != state.ActionDowngrade || !acceptance.Libcs[audit.PackageOf(*c.To)] {
			continue
		}
		refuses := false
		if c.Chosen != nil && c.Chosen.Metadata != nil {
			for phase := range strings.FieldsSeq(c.Chosen.Metadata.DefinedPhases) {
				refuses = refuses || phase == "preinst" || phase == "pretend" || phase == "setup"
			}
		}
		if refuses {
			r.Unsatisfied = append(r.Unsatisfied, acceptance.Unsatisfied{CPV: *c.To, Dependency: fmt.Sprintf(">=%s: it refuses in pkg_preinst to take the place of a newer one", *c.From), Kind: "libc"})
			continue
		}
		r.Risks = append(r.Risks, Risk{
			Code: "libc-downgrade", CPV: c.To, Severity: audit.SeverityWarning,
			Detail: fmt.Sprintf("%s would give way to an older C library: programs that were linked against it may no longer start", *c.From),
		})
	}
}
