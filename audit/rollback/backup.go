package rollback

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/parse/vdb"
)

// uncovered are the changes to what is installed that the plan undoes and no whole
// binary package of its very build brings back. What an interrupted merge left is of
// no version: nobody wants it back.
func (j *RollbackJudge) uncovered(r *Rollback) (changes []*RollbackChange) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Before != nil && c.Before.Row != nil && !c.Stays && !j.covered(c.Before.Row) && !j.isCut(audit.PackageOf(c.Before.CPV)) {
			changes = append(changes, c)
		}
	}
	return changes
}

// unpackaged are those of the uncovered changes whose package quickpkg can pack whole:
// what is packaged first.
func (j *RollbackJudge) unpackaged(r *Rollback) []*RollbackChange {
	return slices.DeleteFunc(j.uncovered(r), func(c *RollbackChange) bool {
		return !binpkgs.CanQuickpkg(c.Before.Row) || len(j.driftOf(c.Before).missing) > 0
	})
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

// drift is how the files of an installed package differ from what it installed, as far
// as quickpkg would make another package of it.
type drift struct {
	missing []string
	config  []string // protected, and changed
}

// driftOf looks at the files of an installed package. Where nobody can look, it is what
// the last comparison stored.
func (j *RollbackJudge) driftOf(s *state.Stay) drift {
	if d, ok := j.drifts[s.Row.CPV]; ok {
		return d
	}
	var d drift
	looked := j.host.Disk != nil && j.options.Changed != nil && j.host.Contents != nil && j.options.Contents(s.Row.CPV, func(e vdb.ContentsEntry) {
		if e.Kind != vdb.Regular && e.Kind != vdb.Symlink {
			return
		}
		if j.isGone(e.Path) {
			d.missing = append(d.missing, e.Path)
		} else if e.Kind == vdb.Regular && j.host.Protected(e.Path) {
			if changed, known := j.options.Changed(e); changed && known {
				d.config = append(d.config, e.Path)
			}
		}
	})
	if !looked {
		stored := j.Past.Drift(s.Row)
		d = drift{stored.Missing, stored.Config}
	}
	if j.drifts == nil {
		j.drifts = map[string]drift{}
	}
	j.drifts[s.Row.CPV] = d
	return d
}

// isGone tells whether nothing lies at a path. A folder that cannot be read hides what
// is in it.
func (j *RollbackJudge) isGone(name string) bool {
	for ; name != "/" && name != "."; name = path.Dir(name) {
		if names, ok := j.host.Disk.Names(path.Dir(name)); ok {
			return !slices.Contains(names, path.Base(name))
		}
	}
	return false
}

// backupRisks says what the backup of the plan does not keep, or keeps with an effect
// that nobody expects.
func (j *RollbackJudge) backupRisks(r *Rollback) {
	for _, c := range j.uncovered(r) {
		cpv := c.Before.Row.CPV
		add := func(code, format string, args ...any) {
			r.Risks = append(r.Risks, Risk{Code: code, CPV: &cpv, Severity: audit.SeverityWarning, Detail: fmt.Sprintf(format, args...)})
		}
		rebuild := audit.Run("emerge", "--oneshot", "--usepkg=n", "--buildpkg", "="+cpv).At(j.typed)
		d := j.driftOf(c.Before)
		switch {
		case len(d.missing) > 0:
			add("backup-incomplete", "no binary package has its build, and the plan makes none: quickpkg leaves out files that are missing (%s); build it before (%s), or it does not come back", listOf(d.missing), rebuild)
		case !binpkgs.CanQuickpkg(c.Before.Row):
			add("backup-incomplete", "no binary package has its build, and quickpkg cannot read its entry in the VDB; build it before (%s), or it does not come back", rebuild)
		case len(d.config) > 0:
			add("config-pristine", "quickpkg packs changed configuration (%s): once that package is merged again, Portage takes it for the original, and %s; keep a copy", listOf(d.config), binpkgs.ConfigBecomesPristine)
		}
	}
}

// keepConfig is the step for the updates that would replace changed configuration which
// quickpkg packed: of packages that the plan merges, and of those that it packs (Portage
// bug 464662).
func (j *RollbackJudge) keepConfig(r *Rollback, merges []*RollbackChange) []Step {
	var files, packages []string
	add := func(cpv string, names []string) {
		if len(names) > 0 {
			files, packages = append(files, names...), append(packages, audit.PackageOf(cpv))
		}
	}
	for _, c := range merges {
		add(*c.To, j.alteredConfig(c))
	}
	for _, c := range j.unpackaged(r) {
		add(c.Before.CPV, j.driftOf(c.Before).config)
	}
	if len(files) == 0 {
		return nil
	}
	slices.Sort(packages)
	command := audit.Run(append([]string{"emerge", "--oneshot", "--update"}, slices.Compact(packages)...)...).With("FEATURES=-config-protect-if-modified")
	return []Step{{Title: "To keep changed configuration when these are updated (" + listOf(files) + ")", Commands: []audit.Command{command}}}
}

// alteredConfig are the protected files that quickpkg packed as they had been changed,
// as far as the verification of the package names them.
func (j *RollbackJudge) alteredConfig(c *RollbackChange) (names []string) {
	_, list, _ := strings.Cut(c.Chosen.MessageOf("image-altered"), " in it: ")
	for name := range strings.SplitSeq(andMore.ReplaceAllString(list, ""), ", ") {
		if name != "" && j.host.Protected(name) {
			names = append(names, name)
		}
	}
	return names
}

// andMore ends the message about a package of which not all files are named.
var andMore = regexp.MustCompile(` and \d+ more$`)
