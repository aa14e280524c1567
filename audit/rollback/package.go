package rollback

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
)

// Errors in the name of a package or build to restore.
var (
	ErrNotInstalled = errors.New("no such package is installed")
	ErrAmbiguous    = errors.New("several packages are called so")
	ErrNoBuild      = errors.New("no such build is there")
)

// AuditPackage judges the rollback of one installed package to a build, with only the
// packages that must go along. name is NAME, CATEGORY/NAME or either with :SLOT. build
// is a version, a version with a build id (1.2-3), the path of a file, or "" for the
// next older build that can be merged.
func AuditPackage(db audit.Database, name, build string, o Options) (*Rollback, error) {
	return surely(o, func(o Options) (*Rollback, error) { return auditPackage(db, name, build, o) })
}

func auditPackage(db audit.Database, name, build string, o Options) (*Rollback, error) {
	j, err := judgeWith(db, o, false)
	if err != nil {
		return nil, err
	}
	s, err := j.named(name)
	if err != nil {
		return nil, err
	}
	c, err := j.back(s, build)
	if err != nil {
		return nil, err
	}
	r := new(Rollback)
	r.Package = audit.PackageOf(s.CPV)
	r.Target = state.Target{Time: db.Now, Known: true}
	r.Command = audit.Emaudit("rollback", name)
	if build != "" {
		r.Command = r.Command.Plus("--to", build)
	}
	return j.answer(r, []Change{*c})
}

// AuditUndo judges the undo of one run. The changes of later runs stay.
func AuditUndo(db audit.Database, run int64, o Options) (*Rollback, error) {
	return surely(o, func(o Options) (*Rollback, error) { return auditUndo(db, run, o) })
}

func auditUndo(db audit.Database, run int64, o Options) (*Rollback, error) {
	j, err := judgeWith(db, o, false)
	if err != nil {
		return nil, err
	}
	changes, later, before, err := j.Past.Undo(run)
	if err != nil {
		return nil, err
	}
	r := new(Rollback)
	r.Target, r.then = before.Target, before
	r.Undo = r.Target.Run
	r.Command = audit.Emaudit("rollback", "--undo", fmt.Sprint(*r.Target.Run))
	if len(later) > 0 {
		r.Findings = append(r.Findings, audit.Finding{
			Code: "rollback-later", Severity: audit.SeverityInfo, Subject: r.Target.String(),
			Message: "later runs changed these again, and they are left alone: " + listOf(later), Remedy: audit.Do(audit.Emaudit("rollback", "--to", r.Target.Argument())).When("to go back behind those, too"),
		})
	}
	wish := make([]Change, len(changes))
	for i := range changes {
		wish[i] = newChange(changes[i])
		if changes[i].After != nil {
			if err := j.Choose(r, &wish[i]); err != nil {
				return nil, err
			}
		}
	}
	return j.answer(r, wish)
}

// answer judges a state that never existed: the requested changes, and those that must
// go along.
func (j *Judge) answer(r *Rollback, wish []Change) (*Rollback, error) {
	j.sources(r)
	r.Changes = wish
	if err := j.repair(r); err != nil {
		return nil, err
	}
	if err := j.along(r); err != nil {
		return nil, err
	}
	j.best(r)
	j.risks(r)
	j.finish(r)
	r.put(j.typed)
	return r, j.Past.Err
}

// named returns the installed package with a name.
func (j *Judge) named(name string) (*state.Installation, error) {
	name, slot, _ := strings.Cut(name, ":")
	var found []*state.Installation
	for _, s := range j.Now.Installations {
		cp := audit.PackageOf(s.CPV)
		if (cp == name || path.Base(cp) == name) && (slot == "" || j.Past.SlotOf(s) == slot) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s: %w", name, ErrNotInstalled)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, s := range found {
		names = append(names, audit.PackageOf(s.CPV)+":"+j.Past.SlotOf(s))
	}
	return nil, fmt.Errorf("%s: %w: %s", name, ErrAmbiguous, strings.Join(names, ", "))
}

// back returns the change from an installed package to a build.
func (j *Judge) back(s *state.Installation, build string) (*Change, error) {
	all, err := j.builds(s)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		id := fmt.Sprintf("%s-%d", strings.TrimPrefix(x.CPV, audit.PackageOf(x.CPV)+"-"), x.BuildID)
		version := id[:strings.LastIndexByte(id, '-')]
		if build == version || build == id || build == x.Path || build == path.Base(x.Path) || build == "" && j.older(s, x) {
			return j.changeTo(s, x), nil
		}
	}
	if build == "" {
		return nil, fmt.Errorf("%s: %w that is older and can be merged", s.CPV, ErrNoBuild)
	}
	return nil, fmt.Errorf("%s: %w that can be merged: %s", audit.PackageOf(s.CPV), ErrNoBuild, build)
}

// builds returns the builds in the slot of an installed package that can be merged and
// are not installed. Older ones come first, and then newer ones. Of both, the nearest
// come first.
func (j *Judge) builds(s *state.Installation) ([]candidate, error) {
	all, err := j.buildsOf(audit.PackageOf(s.CPV))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(x candidate) bool {
		return x.Pkg.Slot != j.Past.SlotOf(s) || s.Row != nil && binpkgs.Match(s.Row, x.Binpkg) != binpkgs.CoverageSameVersion && x.CPV == s.CPV
	})
	slices.SortStableFunc(all, func(a, b candidate) int {
		newerA, newerB := !j.older(s, a), !j.older(s, b)
		order := cmp.Or(binpkgs.CompareCPV(b.CPV, a.CPV), cmp.Compare(b.BuildTime, a.BuildTime))
		switch {
		case newerA != newerB:
			return cmp.Or(boolOrder(newerA), -boolOrder(newerB))
		case newerA:
			return -order
		}
		return order
	})
	return all, nil
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// older reports whether a build is older than the installed one.
func (j *Judge) older(s *state.Installation, x candidate) bool {
	n := binpkgs.CompareCPV(x.CPV, s.CPV)
	return n < 0 || n == 0 && x.BuildTime < j.Past.BuildOf(s).BuildTime
}

// buildsOf returns the builds of a package that can be merged, the newest first.
func (j *Judge) buildsOf(cp string) (all []candidate, err error) {
	remote := j.offersOf(cp)
	files := slices.Clone(remote.files)
	for cpv, of := range j.Past.ByCPV {
		if audit.PackageOf(cpv) == cp {
			files = append(files, of...)
		}
	}
	for _, b := range files {
		j.Past.Describe(b)
		judged := j.judgeBinpkg(b, true)
		reasons := slices.Concat([]acceptance.Reason{}, judged.File, judged.Own)
		x := candidate{JudgedBinpkg: judged, match: binpkgs.CoverageSameBuild, usable: acceptance.Usability(reasons), reasons: reasons, equal: true, remote: remote.of[b] != nil}
		if x.usable != acceptance.UsableNo && b.Metadata != nil {
			all = append(all, x)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(binpkgs.CompareCPV(b.CPV, a.CPV), cmp.Compare(b.BuildTime, a.BuildTime), compareCandidates(a, b))
	})
	return all, nil
}

// changeTo returns the change of a slot to a build. The slot is empty if it holds nil.
func (j *Judge) changeTo(s *state.Installation, x candidate) *Change {
	c := newChange(j.Past.ChangeTo(s, x.CPV, x.Pkg.Slot, x.BuildTime))
	c.Reasons = append(c.Reasons, x.reasons...)
	c.choose(j, &x)
	if s != nil {
		if from := j.Past.BuildOf(s); from.Metadata != nil {
			_, c.Use = binpkgs.DiffUse(from.Metadata.Use, x.Metadata.Use)
			c.Dependencies = state.CompareDependencies(from.Metadata, x.Metadata)
		}
	}
	return &c
}
