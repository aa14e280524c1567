package rollback

import (
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/audit/transition"
	"emaudit/parse/atom"
	"emaudit/store"
)

// maxAlong bounds how many packages go along with a wish.
const maxAlong = 40

// along adds to the changes of an answer what must go along with them: older
// builds of what stays and needs what goes back, builds of what comes back needs,
// and removals of what blocks them. It adds a change where what is broken is no
// longer broken with it, one after the other, and takes away again what is not
// needed in the end.
func (j *RollbackJudge) along(r *Rollback) error {
	wish := len(r.Changes)
	given := map[string]bool{} // what nothing helps against
	for len(r.Changes) < wish+maxAlong {
		broken := slices.DeleteFunc(j.broken(r), func(b transition.Break) bool { return given[b.CPV+b.Detail] })
		if len(broken) == 0 {
			break
		}
		candidates, err := j.against(r, &broken[0])
		if err != nil {
			return err
		}
		given[broken[0].CPV+broken[0].Detail] = true
		for _, c := range candidates {
			r.Changes = append(r.Changes, c)
			if !slices.ContainsFunc(j.broken(r), func(b transition.Break) bool { return b.CPV == broken[0].CPV && b.Detail == broken[0].Detail }) {
				break
			}
			r.Changes = r.Changes[:len(r.Changes)-1]
		}
	}
	carried := j.carried(r, wish)
	for i := len(r.Changes) - 1; i >= wish; i-- {
		with := r.Changes
		if r.Changes = slices.Delete(slices.Clone(with), i, i+1); j.carried(r, wish) < carried {
			r.Changes = with
		}
	}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.After == nil && c.Chosen != nil {
			j.doubt(r, c, state.Build{}, 1)
		}
	}
	return nil
}

// broken returns what all changes of an answer together would break.
func (j *RollbackJudge) broken(r *Rollback) []transition.Break {
	wish, _ := j.wish(r)
	return j.host.Broken(wish)
}

// carried counts how many of the first changes of an answer are carried out.
func (j *RollbackJudge) carried(r *Rollback, wish int) (n int) {
	p, of := j.transition(r)
	for i := range r.Changes[:wish] {
		for _, t := range p.Changes {
			if of[t] == &r.Changes[i] && t.Dropped == nil {
				n++
			}
		}
	}
	return n
}

// against returns the changes that may mend what is broken, the likeliest first.
func (j *RollbackJudge) against(r *Rollback, b *transition.Break) (all []RollbackChange, err error) {
	changed := func(s *state.Stay) bool {
		return slices.ContainsFunc(r.Changes, func(c RollbackChange) bool { return c.Before == s })
	}
	move := func(s *state.Stay) error {
		builds, err := j.builds(s)
		for _, x := range builds {
			all = append(all, *j.changeTo(s, x))
		}
		return err
	}
	for _, s := range j.Now.Stays {
		if s.Logged != b.CPV || changed(s) {
			continue
		}
		// What stays is broken: another build of it may not be.
		if err := move(s); err != nil {
			return nil, err
		}
		if b.Kind == transition.NeedBlocker && !j.asked(audit.PackageOf(s.CPV)) {
			// It blocks what comes back, and may be there for the newer one alone.
			all = append(all, newChange(j.Past.ChangeTo(s, "", "", 0)))
		}
	}
	for _, a := range b.Atoms {
		if a.Blocker != atom.NoBlocker {
			for _, s := range j.Now.Stays {
				if m := j.host.Now.Find(s.Logged); m != nil && !changed(s) && a.WithoutBlocker().Match(m.Pkg) {
					if err := move(s); err != nil {
						return nil, err
					}
				}
			}
			continue
		}
		builds, err := j.buildsOf(a.CP)
		if err != nil {
			return nil, err
		}
		for _, x := range builds {
			if a.Match(x.Pkg) {
				all = j.place(all, x, changed)
			}
		}
	}
	if b.Soname.Name != "" {
		for cpv, files := range j.Past.ByCPV {
			if !slices.ContainsFunc(files, func(f *binpkgs.Binpkg) bool { return provides(j.Past.Describe(f), b.Soname) }) {
				continue
			}
			builds, err := j.buildsOf(audit.PackageOf(cpv))
			if err != nil {
				return nil, err
			}
			for _, x := range builds {
				if x.CPV == cpv && provides(x.Metadata, b.Soname) {
					all = j.place(all, x, changed)
				}
			}
		}
	}
	return all, nil
}

// provides tells whether a build says that it has a library.
func provides(m *store.Metadata, s atom.Soname) bool {
	if m == nil {
		return false
	}
	all, err := atom.ParseSonames(m.Provides)
	return err == nil && slices.Contains(all, s)
}

// place adds the change that puts a build into its slot, unless that is changed
// already or holds it.
func (j *RollbackJudge) place(all []RollbackChange, x candidate, changed func(*state.Stay) bool) []RollbackChange {
	var holds *state.Stay
	for _, s := range j.Now.Stays {
		if audit.PackageOf(s.CPV) == x.Pkg.CPV.CP() && j.Past.SlotOf(s) == x.Pkg.Slot {
			holds = s
		}
	}
	if holds != nil && changed(holds) {
		return all
	}
	return append(all, *j.changeTo(holds, x))
}
