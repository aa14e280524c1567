package rollback

import (
	"fmt"
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/audit/transition"
)

// A plan copies its files to a new folder. That folder is PKGDIR for the commands that
// merge. It holds one file for each version and nothing else. So Portage can neither
// choose another build nor pull in another package, whatever the real PKGDIR and its
// index hold.
//
// The commands have --dynamic-deps=n, so that Portage takes the dependencies of
// installed packages from the VDB, as the verdict does, and not from today's ebuilds.
//
// The commands do not have --ask, which fails without a terminal. Before the first
// change, the plan has the same command with --pretend.

// Titles of steps that other code looks for.
const (
	titleDoIt     = "Do it"
	titleLift     = "Lift what an earlier rollback holds back"
	titleBackup   = "Keep a way forward: package what is installed now"
	titlePretend  = "See what will be done"
	titleEarly    = "Remove what is in the way"
	titleDeselect = "Let the world file ask no more for what came later"
)

// planner writes the steps of one answer.
type planner struct {
	*Judge
	r     *Rollback
	stage string
	asked bool // a step has asked a person whether to continue
}

// step adds a step.
func (p *planner) step(s Step) {
	if len(s.Commands) == 0 {
		return
	}
	p.r.Steps = append(p.r.Steps, s)
	p.r.Plan = append(p.r.Plan, s.Commands...)
}

// change adds a step that changes the installed packages or the world file. Before the
// first such step a person decides.
func (p *planner) change(s Step) {
	if len(s.Commands) > 0 {
		s.Confirm, p.asked = !p.asked, true
	}
	p.step(s)
}

// plan adds all steps.
func (j *Judge) plan(r *Rollback) {
	if r.Carried == 0 {
		return
	}
	p := &planner{Judge: j, r: r, stage: j.stageOf(r)}
	r.Guard = j.guard(r)
	p.step(Step{Title: titleBackup, Commands: j.backup(r)})
	var merges []*Change
	for _, part := range r.best.Merges {
		for _, t := range part {
			merges = append(merges, r.changeOf[t])
		}
	}
	if len(merges) > 0 {
		fetch := p.fetch(merges)
		if len(fetch) > 0 {
			// What is held back, emerge does not fetch either.
			p.change(Step{Title: titleLift, Commands: j.lift(merges)})
			p.step(Step{Title: "Fetch what only a binhost has, and see that it is what its index said", Commands: append(p.makeStage(merges), fetch...)})
		}
		p.step(Step{Title: "Lay out the very files, so that Portage can take no other", Commands: p.layOut(merges, len(fetch) > 0)})
		if len(fetch) == 0 {
			p.change(Step{Title: titleLift, Commands: j.lift(merges)})
		}
	}
	p.merge(merges)
	p.step(Step{Title: "Clear away what an interrupted merge left in the VDB", Commands: j.clearMerging(merges)})
	p.change(Step{Title: "Remove what came later", Commands: p.remove(r.best.Late)})
	if len(merges) > 0 {
		p.step(Step{Title: "Clear the copies away", Commands: []audit.Command{audit.Files("rm", "-r", p.stage)}})
	}
	p.step(Step{Title: "Keep the world file as it was", Commands: j.worldEntries(r)})
	hold, lift := j.holds(r, merges)
	p.step(Step{Title: "Hold it: the next update would undo it", Commands: hold})
	p.step(Step{Title: "See whether libraries are left over", Commands: []audit.Command{audit.Run("emerge", "--pretend", "@preserved-rebuild")}})
	r.Checks = append(r.Checks, audit.Run("dispatch-conf"))
	if r.Package == "" && r.Undo == nil {
		r.Checks = append(r.Checks, audit.Emaudit("diff", "now", r.Target.Argument()))
	}
	r.Checks = append(r.Checks, audit.Run("emerge", "--pretend", "--verbose", "--update", "--deep", "--newuse", "@world"))
	if len(lift) > 0 {
		r.Later = append(r.Later, Step{Title: "To let the newer versions in again", Commands: lift})
	}
	r.Later = append(r.Later, j.keepConfig(r, merges)...)
	if revert := j.revert(r, merges); !revert.IsZero() {
		r.Later = append(r.Later, Step{Title: "To have the ebuilds of then too, which no mask then needs to hold", Commands: []audit.Command{revert}})
	}
}

// merge adds the steps that show and do the merges, and the unmerges before them.
func (p *planner) merge(merges []*Change) {
	if len(merges) == 0 {
		return
	}
	var deselect []audit.Command
	for _, w := range p.r.best.Deselect {
		deselect = append(deselect, audit.Run("emerge", "--ignore-default-opts", "--deselect", w.Atom.String()))
	}
	early := p.early()
	look := []string{"--pretend"}
	if len(deselect)+len(early) > 0 {
		// While they are installed, the resolver refuses. With --nodeps it still shows
		// whether the files can be merged.
		look = append(look, "--nodeps")
	}
	p.step(Step{Title: titlePretend, Commands: []audit.Command{p.emerge(merges, look...)}})
	p.change(Step{Title: titleDeselect, Commands: deselect, Undo: p.selectAgain(p.r.best.Deselect)})
	for _, s := range early {
		p.change(s)
	}
	if len(deselect)+len(early) > 0 {
		p.step(Step{Title: "See what will be done now", Commands: []audit.Command{p.emerge(merges, "--pretend")}})
	}
	doIt := Step{Title: titleDoIt, Merges: true}
	for _, part := range p.r.best.Merges {
		var changes []*Change
		for _, t := range part {
			changes = append(changes, p.r.changeOf[t])
		}
		doIt.Commands = append(doIt.Commands, p.emerge(changes))
	}
	p.change(doIt)
}

// early adds the steps that unmerge packages before any merge. A package that comes
// back keeps its entry in the world file.
func (p *planner) early() (steps []Step) {
	var gone, replaced []*transition.Change
	for _, t := range p.r.best.Changes {
		switch {
		case p.r.best.Early[t] == "":
		case t.To == nil:
			gone = append(gone, t)
		default:
			replaced = append(replaced, t)
		}
	}
	for _, part := range []struct {
		changes []*transition.Change
		options []string
	}{{gone, nil}, {replaced, []string{"--deselect=n"}}} {
		if len(part.changes) == 0 {
			continue
		}
		var why []string
		s := Step{Commands: p.remove(part.changes, part.options...)}
		for _, t := range part.changes {
			why = append(why, p.r.best.Early[t])
			s.Undo = append(s.Undo, p.takeBack(t))
		}
		s.Title = titleEarly + ": " + listOf(why)
		steps = append(steps, s)
	}
	return steps
}

// takeBack returns the commands that merge the unmerged packages again.
func (p *planner) takeBack(t *transition.Change) audit.Command {
	return audit.Run("emerge", "--ignore-default-opts", "--oneshot", "--usepkgonly", "--nodeps", "="+t.From.CPV())
}

// emerge returns the command that merges some packages from the folder of the plan.
// --usepkgonly with an update implies --rebuilt-binaries, with which Portage would look
// for newer builds, hence --rebuilt-binaries=n. With FEATURES=getbinpkg it would find
// another package of the same version on a binhost.
func (p *planner) emerge(changes []*Change, options ...string) audit.Command {
	argv := append([]string{"emerge", "--ignore-default-opts"}, options...)
	argv = append(argv, "--oneshot", "--usepkgonly", "--rebuilt-binaries=n", "--dynamic-deps=n")
	if p.Accept.Features["getbinpkg"] {
		argv = append(argv, "--getbinpkg=n")
	}
	for _, c := range changes {
		argv = append(argv, "="+c.Chosen.CPV)
	}
	return audit.Run(argv...).With("PKGDIR=" + p.stage)
}

// remove returns the command that unmerges the old packages of some changes.
func (p *planner) remove(changes []*transition.Change, options ...string) []audit.Command {
	if len(changes) == 0 {
		return nil
	}
	argv := append(append([]string{"emerge", "--ignore-default-opts"}, options...), "--unmerge")
	for _, t := range changes {
		argv = append(argv, "="+t.From.CPV())
	}
	return []audit.Command{audit.Run(argv...)}
}

// stageOf returns the folder to which a plan copies its files.
func (j *Judge) stageOf(r *Rollback) string {
	return path.Join("/var/tmp", fmt.Sprintf("%s-%d", r.fileName(), j.Db.Now))
}

// fileName returns the prefix of the names of files that a plan creates.
func (r *Rollback) fileName() string {
	switch {
	case r.Package != "":
		return "emaudit-rollback-" + path.Base(r.Package)
	case r.Target.Run != nil:
		return fmt.Sprintf("emaudit-rollback-run%d", *r.Target.Run)
	}
	return "emaudit-rollback"
}

// about names the target of a rollback, for the comment above a hold.
func (r *Rollback) about() string {
	switch {
	case r.Package != "":
		return r.Package
	case r.Undo != nil:
		return fmt.Sprintf("undo:%d", *r.Undo)
	}
	return r.Target.Argument()
}

// makeStage returns the commands that make the folder of a plan. It must be new: in
// /var/tmp another user could have created it and put packages into it.
func (p *planner) makeStage(merges []*Change) []audit.Command {
	var dirs []string
	for _, c := range merges {
		dirs = append(dirs, path.Join(p.stage, path.Dir(c.Chosen.Path)))
	}
	slices.Sort(dirs)
	return []audit.Command{audit.Files("mkdir", "-m", "755", p.stage), audit.Files(append([]string{"mkdir", "-p"}, slices.Compact(dirs)...)...)}
}

// layOut copies the files of a plan that are not fetched into its folder, which may
// be made already.
func (p *planner) layOut(merges []*Change, made bool) (commands []audit.Command) {
	if !made {
		commands = p.makeStage(merges)
	}
	for _, c := range merges {
		if c.offer == nil {
			commands = append(commands, audit.Files("cp", "-p", c.Chosen.Source(), path.Join(p.stage, c.Chosen.Path)))
		}
	}
	return append(commands, audit.FixIndex.With("PKGDIR="+p.stage))
}

// selectAgain adds the step that puts atoms into the world file again.
func (p *planner) selectAgain(atoms []transition.Wanted) (commands []audit.Command) {
	for _, w := range atoms {
		commands = append(commands, audit.Run("emerge", "--ignore-default-opts", "--noreplace", "--nodeps", w.Atom.String()))
	}
	return commands
}

// worldEntries adds the step that restores missing entries of the world file. An
// unmerge removes the entry of a package, and a merge with --oneshot writes none.
func (j *Judge) worldEntries(r *Rollback) (commands []audit.Command) {
	var names []string
	then, known := j.askedThen(r.Target.Time)
	for _, t := range r.best.Changes {
		c := r.changeOf[t]
		if t.Dropped != nil || t.To == nil {
			continue
		}
		cp := audit.PackageOf(c.Chosen.CPV)
		deselected := slices.ContainsFunc(r.best.Deselect, func(w transition.Wanted) bool { return w.Atom.CP == cp })
		if deselected && !j.asksOtherwise(cp, r.best.Deselect) || !j.asked(cp) && (known && then[cp] || !known && wasAsked(c)) {
			names = append(names, cp)
		}
	}
	slices.Sort(names)
	for _, cp := range slices.Compact(names) {
		commands = append(commands, audit.Run("emerge", "--ignore-default-opts", "--noreplace", "--nodeps", cp))
	}
	return commands
}

// asksOtherwise reports whether the world file has an entry for a package that the plan
// does not deselect.
func (j *Judge) asksOtherwise(cp string, deselected []transition.Wanted) bool {
	return slices.ContainsFunc(j.host.Wanted, func(w transition.Wanted) bool {
		return w.Selected && w.Atom.CP == cp && !slices.ContainsFunc(deselected, func(d transition.Wanted) bool { return d.Atom.String() == w.Atom.String() })
	})
}

// wasAsked reports whether the merge of a restored package wrote it into the world
// file.
func wasAsked(c *Change) bool {
	return c.Action == state.ActionInstall && c.After != nil && c.After.Merge != nil && c.After.Merge.World
}
