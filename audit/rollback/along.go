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

// maxAlong is the largest number of packages that go along with a requested change.
const maxAlong = 40

// along adds the changes that must go along with those of an answer: older builds of
// packages that need the replaced build, builds that the restored package needs, and
// removals of packages that block it. It tries one change after the other and keeps
// those that repair something. In the end it removes the changes that are not needed.
func (j *Judge) along(r *Rollback) error {
	wish := len(r.Changes)
	given := map[string]bool{} // breaks without a remedy
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

// broken returns what the changes of an answer together would break.
func (j *Judge) broken(r *Rollback) []transition.Break {
	wish, _ := j.wish(r)
	return j.host.Broken(wish)
}

// carried counts the changes among the first ones of an answer that a plan carries
// out.
func (j *Judge) carried(r *Rollback, wish int) (n int) {
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

// against returns the changes that may repair a break, the most likely first.
func (j *Judge) against(r *Rollback, b *transition.Break) (all []Change, err error) {
	changed := func(s *state.Installation) bool {
		return slices.ContainsFunc(r.Changes, func(c Change) bool { return c.Before == s })
	}
	move := func(s *state.Installation) error {
		builds, err := j.builds(s)
		for _, x := range builds {
			all = append(all, *j.changeTo(s, x))
		}
		return err
	}
	for _, s := range j.Now.Installations {
		if s.Logged != b.CPV || changed(s) {
			continue
		}
		// An unchanged package breaks. Another build of it may not.
		if err := move(s); err != nil {
			return nil, err
		}
		if b.Kind == transition.NeedBlocker && !j.asked(audit.PackageOf(s.CPV)) {
			// It blocks the restored package. Perhaps only the newer version needs
			// it.
			all = append(all, newChange(j.Past.ChangeTo(s, "", "", 0)))
		}
	}
	for _, a := range b.Atoms {
		if a.Blocker != atom.NoBlocker {
			for _, s := range j.Now.Installations {
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

// provides reports whether the metadata of a build list a library.
func provides(m *store.Metadata, s atom.Soname) bool {
	if m == nil {
		return false
	}
	all, err := atom.ParseSonames(m.Provides)
	return err == nil && slices.Contains(all, s)
}

// place adds the change that puts a build into its slot, unless the slot changes
// already or holds the build.
func (j *Judge) place(all []Change, x candidate, changed func(*state.Installation) bool) []Change {
	var holds *state.Installation
	for _, s := range j.Now.Installations {
		if audit.PackageOf(s.CPV) == x.Pkg.CPV.CP() && j.Past.SlotOf(s) == x.Pkg.Slot {
			holds = s
		}
	}
	if holds != nil && changed(holds) {
		return all
	}
	return append(all, *j.changeTo(holds, x))
}
