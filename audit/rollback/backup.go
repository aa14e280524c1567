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
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
)

// uncovered returns the changes that replace or remove an installed build without a
// whole binary package of that build. It omits what an interrupted merge left, because
// those files belong to no version.
func (j *Judge) uncovered(r *Rollback) (changes []*Change) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Before != nil && c.Before.Row != nil && !c.Stays && !j.covered(c.Before.Row) && !j.isCut(audit.PackageOf(c.Before.CPV)) {
			changes = append(changes, c)
		}
	}
	return changes
}

// unpackaged returns the uncovered changes whose package quickpkg can pack as a whole.
// The plan packs these first.
func (j *Judge) unpackaged(r *Rollback) []*Change {
	return slices.DeleteFunc(j.uncovered(r), func(c *Change) bool {
		return !binpkgs.CanQuickpkg(c.Before.Row) || len(j.driftOf(c.Before).missing) > 0
	})
}

// backup adds the step that packs what would be lost.
func (j *Judge) backup(r *Rollback) []audit.Command {
	var cpvs []string
	for _, c := range j.unpackaged(r) {
		cpvs = append(cpvs, c.Before.Row.CPV)
	}
	if len(cpvs) == 0 {
		return nil
	}
	slices.Sort(cpvs)
	quick := audit.Run("quickpkg", "--include-config=y")
	for _, cpv := range cpvs {
		quick = quick.Plus("=" + cpv)
	}
	// The plan may merge another build of the version from the file that quickpkg would
	// write over.
	return []audit.Command{j.Past.KeepOthers(quick, cpvs...)}
}

// drift is the difference between the files of an installed package and its CONTENTS,
// as far as it affects a package by quickpkg.
type drift struct {
	missing []string
	config  []string // changed files below CONFIG_PROTECT
}

// driftOf compares the files of an installed package with its CONTENTS. If the files
// cannot be read, it returns what the last ingest stored.
func (j *Judge) driftOf(s *state.Installation) drift {
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

// isGone reports whether a path does not exist. A file in an unreadable folder is not
// gone.
func (j *Judge) isGone(name string) bool {
	for ; name != "/" && name != "."; name = path.Dir(name) {
		if names, ok := j.host.Disk.Names(path.Dir(name)); ok {
			return !slices.Contains(names, path.Base(name))
		}
	}
	return false
}

// backupRisks reports what the backup of the plan omits, and what it keeps with an
// unexpected effect.
func (j *Judge) backupRisks(r *Rollback) {
	for _, c := range j.uncovered(r) {
		cpv := c.Before.Row.CPV
		add := func(code, format string, args ...any) {
			r.Risks = append(r.Risks, Risk{Code: code, CPV: &cpv, Severity: audit.SeverityWarning, Detail: fmt.Sprintf(format, args...)})
		}
		rebuild := j.Past.KeepOthers(audit.Run("emerge", "--oneshot", "--usepkg=n", "--buildpkg", "="+cpv), cpv).At(j.typed)
		d := j.driftOf(c.Before)
		switch {
		case len(d.missing) > 0:
			add(audit.CodeBackupIncomplete, "no binary package has its build, and the plan makes none: quickpkg leaves out files that are missing (%s); build it before (%s), or it does not come back", listOf(d.missing), rebuild)
		case !binpkgs.CanQuickpkg(c.Before.Row):
			add(audit.CodeBackupIncomplete, "no binary package has its build, and quickpkg cannot read its entry in the VDB; build it before (%s), or it does not come back", rebuild)
		case len(d.config) > 0:
			add("config-pristine", "quickpkg packs changed configuration (%s): once that package is merged again, Portage takes it for the original, and %s; keep a copy", listOf(d.config), binpkgs.ConfigBecomesPristine)
		}
	}
}

// keepConfig returns the step for later updates that would replace changed
// configuration because quickpkg packed it (Portage bug 464662). It concerns packages
// that the plan merges, and packages that it packs.
func (j *Judge) keepConfig(r *Rollback, merges []*Change) []Step {
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

// alteredConfig returns the protected files that quickpkg packed in a changed form, as
// far as the verification of the package names them.
func (j *Judge) alteredConfig(c *Change) (names []string) {
	_, list, _ := strings.Cut(c.Chosen.MessageOf(binpkg.ProblemImageAltered), " in it: ")
	for name := range strings.SplitSeq(andMore.ReplaceAllString(list, ""), ", ") {
		if name != "" && j.host.Protected(name) {
			names = append(names, name)
		}
	}
	return names
}

// andMore ends a message that does not name all files of a package.
var andMore = regexp.MustCompile(` and \d+ more$`)
