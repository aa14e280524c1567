package rollback

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/parse/atom"
)

// A plan has one of two forms. Where every file is the only one that an atom
// with its build id means, and the index shows it, one command merges them from
// PKGDIR. Else the files are copied to a folder of their own, which then is
// PKGDIR for one command: there is one file for each version, so Portage can
// choose no other, whatever the index of the real PKGDIR says.
//
// All is merged by one command, for the resolver must see the whole state at
// once. There is no --ask in it: without a terminal that fails. What it would do
// is shown by the same command with --pretend.

// plan writes the steps.
func (j *RollbackJudge) plan(r *Rollback) {
	var merges []*RollbackChange
	var removals []*RollbackChange
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Chosen != nil {
			merges = append(merges, c)
		} else if c.Action == state.ActionRemove {
			removals = append(removals, c)
		}
	}
	if len(merges)+len(removals) == 0 {
		return
	}
	step := func(title string, commands ...audit.Command) {
		if len(commands) > 0 {
			r.Steps = append(r.Steps, Step{Title: title, Commands: commands, Confirm: title == titleDoIt})
			r.Plan = append(r.Plan, commands...)
		}
	}
	r.Guard = j.guard(r)
	step("Keep a way forward: package what is installed now", j.backup(r)...)
	before, after := j.split(r, merges, removals)
	step("Remove what is in the way", j.removalCommand(before)...)
	if len(merges) > 0 {
		if atoms, ok := j.direct(merges); ok {
			step("See what will be done", j.merge(atoms, "--pretend"))
			step(titleDoIt, j.merge(atoms))
		} else {
			j.staged(r, merges, step)
		}
	}
	step("Remove what came later", j.removalCommand(after)...)
	hold, lift := j.holds(r, merges)
	step("Hold it: the next update would undo it", hold...)
	step("See whether libraries are left over", audit.Run("emerge", "--pretend", "@preserved-rebuild"))
	r.Checks = append(r.Checks, audit.Run("dispatch-conf"), audit.Emaudit("diff", "now", argumentOf(r.Target)),
		audit.Run("emerge", "--pretend", "--verbose", "--update", "--deep", "--newuse", "@world"))
	if len(lift) > 0 {
		r.Later = append(r.Later, Step{Title: "To let the newer versions in again", Commands: lift})
	}
	if revert := j.revert(r, merges); !revert.IsZero() {
		r.Later = append(r.Later, Step{Title: "To have the ebuilds of then too, which no mask then needs to hold", Commands: []audit.Command{revert}})
	}
}

// titleDoIt is the step before which a person decides.
const titleDoIt = "Do it"

// merge is the one command that merges. Without
// --rebuilt-binaries=n, which --usepkgonly implies with an update, Portage
// would look for newer builds; with FEATURES=getbinpkg it would find another
// package of the same build id elsewhere.
func (j *RollbackJudge) merge(atoms []string, options ...string) audit.Command {
	argv := append(j.emerge(), options...)
	argv = append(argv, "--oneshot", "--usepkgonly", "--rebuilt-binaries=n")
	if j.Accept.Features["getbinpkg"] {
		argv = append(argv, "--getbinpkg=n")
	}
	return audit.Run(append(argv, atoms...)...)
}

// emerge keeps out what EMERGE_DEFAULT_OPTS adds: a plan says all that its
// commands do.
func (j *RollbackJudge) emerge() []string {
	if strings.TrimSpace(j.Accept.Settings["EMERGE_DEFAULT_OPTS"]) == "" {
		return []string{"emerge"}
	}
	return []string{"emerge", "--ignore-default-opts"}
}

// argumentOf names the state on the command line.
func argumentOf(t state.Target) string {
	switch {
	case t.Pin != "":
		return t.Pin
	case t.Run != nil:
		return fmt.Sprintf("run:%d", *t.Run)
	}
	return fmt.Sprintf("@%d", t.Time)
}

// unpackaged are the changes to what is installed that the plan undoes and no
// whole binary package of its very build brings back: what is packaged first.
func (j *RollbackJudge) unpackaged(r *Rollback) (changes []*RollbackChange) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Before == nil || c.Before.Row == nil || c.Stays {
			continue
		}
		if p := c.Before.Row; !j.covered(p) && binpkgs.CanQuickpkg(p) {
			changes = append(changes, c)
		}
	}
	return changes
}

// backup packages what would be lost.
func (j *RollbackJudge) backup(r *Rollback) []audit.Command {
	var quick []string
	for _, c := range j.unpackaged(r) {
		quick = append(quick, "="+c.Before.Row.CPV)
	}
	if len(quick) == 0 {
		return nil
	}
	slices.Sort(quick)
	return []audit.Command{audit.Run(append([]string{"quickpkg", "--include-config=y"}, quick...)...)}
}

// split divides the removals into those that are in the way of what is merged,
// and the others, which go last: until the older packages are there, something
// that runs may need them.
func (j *RollbackJudge) split(r *Rollback, merges, removals []*RollbackChange) (before, after []*RollbackChange) {
	removed := map[string]bool{}
	for _, c := range removals {
		removed[*c.From] = true
	}
	w := acceptance.NewWorld()
	replaced := map[string]bool{}
	for _, c := range merges {
		if c.From != nil {
			replaced[*c.From] = true
		}
		if c.Chosen.Metadata != nil {
			w.Add(&acceptance.Member{Pkg: c.Chosen.Pkg, Metadata: c.Chosen.Metadata, Changed: true})
		}
	}
	for _, m := range j.World.Members {
		cpv := m.Pkg.CPV.String()
		if !replaced[cpv] && !removed[cpv] {
			w.Add(m)
		}
	}
	for _, c := range removals {
		if j.inTheWay(w, *c.From) || r.removedEarly(c.Before.Row) {
			before = append(before, c)
		} else {
			after = append(after, c)
		}
	}
	return before, after
}

// inTheWay tells whether a package that is to be removed would keep Portage
// from merging the others while it is there: one blocks the other, or it needs
// what is about to go.
func (j *RollbackJudge) inTheWay(w *acceptance.World, cpv string) bool {
	var m *acceptance.Member
	for _, x := range j.World.ByCP[audit.PackageOf(cpv)] {
		if x.Pkg.CPV.String() == cpv {
			m = x
		}
	}
	if m == nil {
		return false
	}
	for _, u := range w.UnsatisfiedOf(m, false) {
		// What it lacks already, nothing is to be done about.
		if u.Kind != "soname" && u.Kind != "invalid" && !j.lacksNow(m, u) {
			return true
		}
	}
	alone := acceptance.NewWorld()
	alone.Add(m)
	for _, x := range w.Members {
		if !x.Changed {
			continue
		}
		for _, value := range []string{x.Metadata.RDepend, x.Metadata.PDepend} {
			dep, err := atom.ParseDep(value, atom.DepAtoms, x.Metadata.EAPI)
			if err != nil {
				continue
			}
			for item := range dep.Evaluate(x.Pkg.USE).Items {
				if item.Atom.Blocker != atom.NoBlocker && alone.Has(x, item.Atom.WithoutBlocker(), true) {
					return true
				}
			}
		}
	}
	return false
}

func (j *RollbackJudge) removalCommand(changes []*RollbackChange) []audit.Command {
	if len(changes) == 0 {
		return nil
	}
	argv := append(j.emerge(), "--unmerge")
	for _, c := range changes {
		argv = append(argv, "="+*c.From)
	}
	return []audit.Command{audit.Run(argv...)}
}

// direct returns the atoms with build ids, where each means one file.
func (j *RollbackJudge) direct(merges []*RollbackChange) (atoms []string, ok bool) {
	for _, c := range merges {
		b := c.Chosen
		if b.Dir.Kind != "pkgdir" || !b.EntryCurrent() || b.EntryContradicts() || b.BuildID == 0 || b.PathBuildID != b.BuildID || b.Entry.BuildID != b.BuildID || b.Origin == "quickpkg" {
			return nil, false
		}
		// The copy of what is installed, which the backup makes, keeps its build id.
		if c.Before != nil && c.Before.Row != nil && c.Before.CPV == b.CPV && c.Before.Row.BuildID == b.BuildID {
			return nil, false
		}
		for _, other := range j.Past.ByCPV[b.CPV] {
			if other != b.Binpkg && other.BuildID == b.BuildID {
				return nil, false
			}
		}
		atoms = append(atoms, fmt.Sprintf("=%s-%d", b.CPV, b.BuildID))
	}
	return atoms, true
}

// staged writes the steps that copy the files to a PKGDIR of their own.
func (j *RollbackJudge) staged(r *Rollback, merges []*RollbackChange, step func(string, ...audit.Command)) {
	name := "emaudit-rollback"
	if r.Target.Run != nil {
		name += fmt.Sprintf("-run%d", *r.Target.Run)
	}
	stage := path.Join("/var/tmp", fmt.Sprintf("%s-%d", name, j.Db.Now))
	var dirs, atoms []string
	var copies []audit.Command
	for _, c := range merges {
		dir := path.Join(stage, path.Dir(c.Chosen.Path))
		dirs = append(dirs, dir)
		copies = append(copies, audit.Files("cp", "-p", c.Chosen.Source(), path.Join(stage, c.Chosen.Path)))
		atoms = append(atoms, "="+*c.To)
	}
	slices.Sort(dirs)
	// The folder must be new: in /var/tmp anybody could have made it before, and
	// put packages into it.
	mkdir := append([]string{"mkdir", "-p"}, slices.Compact(dirs)...)
	commands := append([]audit.Command{audit.Files("mkdir", "-m", "755", stage), audit.Files(mkdir...)}, copies...)
	step("Lay out the very files, so that Portage can take no other", append(commands, audit.FixIndex.With("PKGDIR="+stage))...)
	step("See what will be done", j.merge(atoms, "--pretend").With("PKGDIR="+stage))
	step(titleDoIt, j.merge(atoms).With("PKGDIR="+stage))
	step("Clear the copies away", audit.Files("rm", "-r", stage))
}
