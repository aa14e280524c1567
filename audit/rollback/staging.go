package rollback

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/parse/binpkg"
)

// Staging answers which files hold the builds of a state.
type Staging struct {
	Target state.Target `json:"target"`
	// Files has one binary package for each package of the state with a usable one,
	// sorted by CPV.
	Files []StagedFile `json:"files"`
	// Gaps are the packages of the state without a usable binary package.
	Gaps []Gap `json:"gaps"`
	// Unverified is the number of Files that were never read in full.
	Unverified int             `json:"unverified"`
	Findings   []audit.Finding `json:"-"`
}

// StagedFile is the binary package for one package of a state.
type StagedFile struct {
	CPV string `json:"cpv"`
	// Match is the verdict about it and the build that was installed.
	Match binpkgs.CoverageVerdict `json:"match"`
	*binpkgs.InstanceRef
	// MTimeNS is the modification time of the file that was judged, in unix
	// nanoseconds.
	MTimeNS int64 `json:"-"`
}

// AuditStaging finds a binary package for every package of a state, including those
// that are still installed. It chooses as a rollback
// does, among the files that are here. A state that is not known
// has no files.
func AuditStaging(db audit.Database, m state.Moment, o Options) (*Staging, error) {
	o.Local = true
	j, err := judgeWith(db, o, false)
	if err != nil {
		return nil, err
	}
	target, err := j.Past.At(m, j.Past.Pins, db.Now)
	if err != nil {
		return nil, err
	}
	r := new(Rollback)
	r.Target = target.Target
	r.Command = audit.Emaudit("rollback", "--to", r.Target.Argument())
	j.reportDoubts(r, target)
	j.sources(r)
	j.cutMerges(r)
	s := &Staging{Target: target.Target}
	if target.Target.Known || target.Partly() {
		for _, x := range target.Installations {
			c := newChange(state.Change{Action: state.ActionInstall, To: &x.CPV, After: x})
			if err := j.Choose(r, &c); err != nil {
				return nil, err
			}
			if c.Chosen == nil {
				continue
			}
			s.Files = append(s.Files, StagedFile{CPV: c.Chosen.CPV, Match: c.Match, InstanceRef: c.Instance, MTimeNS: c.Chosen.MTimeNS})
			if c.Integrity != binpkg.Whole {
				s.Unverified++
			}
		}
	}
	slices.SortFunc(s.Files, func(a, b StagedFile) int { return strings.Compare(a.CPV, b.CPV) })
	j.reportGaps(r)
	j.reportUnknowns(r)
	r.put(j.typed)
	s.Gaps = r.Gaps
	// A rollback reports each unverified file. Here one count is enough.
	s.Findings = slices.DeleteFunc(r.Findings, func(f audit.Finding) bool { return f.Code == audit.CodeRollbackUnverified })
	audit.SortFindings(s.Findings)
	return s, j.Past.Err
}
