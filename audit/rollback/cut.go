package rollback

import (
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/state"
	"emaudit/store/inventory"
)

// cuts returns the interrupted merges after which the files of their packages are
// unknown.
func (j *Judge) cuts() []state.CutMerge {
	return slices.DeleteFunc(j.Past.Cut(), func(c state.CutMerge) bool { return !c.Unknown() })
}

// isCut reports whether the files of a package are unknown.
func (j *Judge) isCut(cp string) bool {
	return slices.ContainsFunc(j.cuts(), func(c state.CutMerge) bool { return j.cutPackage(c) == cp })
}

// cutPackage returns the package of an interrupted merge, by its name of today.
func (j *Judge) cutPackage(c state.CutMerge) string {
	return audit.PackageOf(j.Past.Moves.CPV(c.CPV))
}

// installationsOf returns what some stays hold of a package.
func installationsOf(installations []*state.Installation, cp string) []*state.Installation {
	return slices.DeleteFunc(slices.Clone(installations), func(s *state.Installation) bool { return audit.PackageOf(s.CPV) != cp })
}

// registered returns the versions of a package in the VDB.
func (j *Judge) registered(cp string) []*state.Installation {
	return slices.DeleteFunc(installationsOf(j.Now.Installations, cp), func(s *state.Installation) bool { return s.Row == nil })
}

// changesTo compares today's state with another one. Packages of interrupted merges are
// unknown today, so their versions in the VDB count.
func (j *Judge) changesTo(target *state.State) []state.Change {
	changes := j.Past.DiffStates(j.Now, target)
	done := map[string]bool{}
	for _, c := range j.cuts() {
		cp := j.cutPackage(c)
		if done[cp] || !target.Target.Known && !target.Partly() || target.Unsure(cp) || !j.Now.Partly() {
			continue
		}
		done[cp] = true
		changes = append(changes, j.Past.Diff(j.registered(cp), installationsOf(target.Installations, cp))...)
	}
	return changes
}

// repair adds the changes that merge the packages of interrupted merges again. If the
// rollback restores a build of the package, that is enough. Otherwise repair merges the
// registered version from its binary package, or the version whose merge was
// interrupted.
func (j *Judge) repair(r *Rollback) error {
	if len(j.cuts()) == 0 {
		return nil
	}
	slots, err := j.Db.Tx.KnownSlots(j.Db.Host)
	if err != nil {
		return err
	}
	for _, c := range j.cuts() {
		cp, slot := j.cutPackage(c), slots[c.CPV]
		there := slices.DeleteFunc(j.registered(cp), func(s *state.Installation) bool { return !sameSlot(j.Past.SlotOf(s), slot) })
		merged := false
		for i := range r.Changes {
			x := &r.Changes[i]
			if audit.PackageOf(x.CPV()) != cp || !sameSlot(x.Slot, slot) {
				continue
			}
			if x.After == nil && x.Chosen == nil && !x.Stays {
				// Portage does not remove files of the other version when it unmerges
				// one.
				x.Stays = true
				x.Reasons = append(x.Reasons, acceptance.Reason{
					Code: audit.CodeMergeCut, Effect: acceptance.EffectRefused,
					Detail: "what is on disk of it is not known: it is merged again first; a rollback after that removes it",
				})
			}
			if x.Chosen != nil && !x.Stays {
				merged = true
				there = slices.DeleteFunc(there, func(s *state.Installation) bool { return s == x.Before })
			}
		}
		for _, s := range there {
			again := newChange(j.Past.Reinstall(s))
			if err := j.Choose(r, &again); err != nil {
				return err
			}
			r.Changes, merged = append(r.Changes, again), true
		}
		if merged {
			continue
		}
		if err := j.mergeCut(r, c, cp, slot); err != nil {
			return err
		}
	}
	return nil
}

// mergeCut adds the merge of the version whose merge was interrupted, because no
// version of the package is registered.
func (j *Judge) mergeCut(r *Rollback, c state.CutMerge, cp, slot string) error {
	builds, err := j.buildsOf(cp)
	if err != nil {
		return err
	}
	cpv := j.Past.Moves.CPV(c.CPV)
	// If the state has a version that no file supplies, the answer has a change for it.
	asked := slices.ContainsFunc(r.Changes, func(x Change) bool { return audit.PackageOf(x.CPV()) == cp })
	if i := slices.IndexFunc(builds, func(x candidate) bool { return x.CPV == cpv }); i >= 0 {
		again := j.changeTo(nil, builds[i])
		j.doubt(r, again, state.Build{}, 1)
		r.Changes = append(r.Changes, *again)
		if !asked && !slices.Contains(r.Target.Unknown, cp) {
			r.beyond++
		}
		return nil
	}
	again := newChange(j.Past.ChangeTo(nil, cpv, slot, 0))
	again.Usable = acceptance.UsableNo
	j.leave(r, &again, Gap{
		CPV: cpv, Cause: MergeCut, Remedy: c.Finding(j.Db).Remedy,
		Detail: "its merge was interrupted, no version of it is registered, and no binary package of it can be merged",
	})
	r.Changes = append(r.Changes, again)
	return nil
}

// sameSlot reports whether two slots are equal. An unknown slot equals any.
func sameSlot(a, b string) bool { return a == b || a == "" || b == "" }

// cutMerges reports the interrupted merges, and whether the plan merges their packages
// again. No plan can repair a merge that is still running.
func (j *Judge) cutMerges(r *Rollback) {
	for _, c := range j.cuts() {
		f := c.Finding(j.Db)
		cp := j.cutPackage(c)
		switch i := slices.IndexFunc(r.Changes, func(x Change) bool {
			return !x.Stays && x.Chosen != nil && audit.PackageOf(x.CPV()) == cp
		}); {
		case f.Severity == audit.SeverityInfo:
			f.Severity = audit.SeverityError
			r.Unknowns = append(r.Unknowns, Unknown{Code: audit.CodeStateUnknown, Detail: c.CPV + ": " + f.Message, SettleWith: f.Remedy})
		case i >= 0:
			f.Severity = audit.SeverityWarning
			f.Message += "; the plan merges " + *r.Changes[i].To
			if *r.Changes[i].To != j.Past.Moves.CPV(c.CPV) {
				f.Message += ", and files that only the interrupted version has may be left over"
			}
			f.Remedy = audit.Do(r.Command)
		default:
			f.Severity = audit.SeverityWarning
		}
		r.Findings = append(r.Findings, f)
	}
}

// clearMerging returns the commands that remove -MERGING- directories of packages that
// the plan merges. Portage removes only the directory of the version that it merges
// (vartree.py, dbtmpdir), and emaint --fix merges would merge the others.
func (j *Judge) clearMerging(merges []*Change) (commands []audit.Command) {
	unfinished, err := inventory.UnfinishedMerges(j.Db.Tx, j.Db.Host)
	if err != nil {
		j.Past.Err = err
	}
	for _, u := range unfinished {
		cp := audit.PackageOf(j.Past.Moves.CPV(u.CPV))
		if !j.isCut(cp) || !slices.ContainsFunc(merges, func(c *Change) bool { return audit.PackageOf(*c.To) == cp }) {
			continue
		}
		category, pf := path.Split(u.CPV)
		commands = append(commands, audit.Files("rm", "-rf", path.Join(j.vdb, category, "-MERGING-"+pf)))
	}
	return commands
}
