package look

import (
	"cmp"
	"fmt"

	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
)

// Build identifies one installed build.
type Build struct {
	CPV       string
	Slot      string // without the sub-slot
	Repo      string // "" if unknown
	BuildTime int64  // unix seconds; 0 if unknown
	BuildID   int64  // 0 if none
	Counter   int64  // COUNTER of the VDB; 0 in a plan
}

// Plan is what a rollback plan promises.
type Plan struct {
	// Merges are the builds that it merges. Removes are the versions that are gone
	// afterwards, including replaced ones.
	Merges  []Build
	Removes []string
	// Missed are the packages that do not come back as they were, with the reason.
	Missed []Missed
	// Config is what happens to protected files: offered, replaced, removed, kept or
	// unknown, as in [rollback.ConfigFile].
	Config map[string]string
	// Holds are the lines that it appends to a file, by file. Lifts are the files of
	// which it deletes holds of earlier rollbacks.
	Holds map[string][]string
	Lifts map[string]bool
}

// Missed is a package of the target that a plan does not restore as it was.
type Missed struct{ CPV, Why string }

// PlanOf returns the promises of a rollback.
func PlanOf(r *rollback.Rollback) Plan {
	p := Plan{Config: map[string]string{}, Holds: map[string][]string{}, Lifts: map[string]bool{}}
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Stays {
			p.Missed = append(p.Missed, Missed{c.CPV(), cmp.Or(firstDetail(c.Reasons), "the plan leaves it as it is")})
			continue
		}
		if c.Before != nil && (c.Chosen == nil || c.Chosen.CPV != c.Before.Logged) {
			p.Removes = append(p.Removes, c.Before.Logged)
		}
		if c.Chosen == nil {
			continue
		}
		p.Merges = append(p.Merges, Build{CPV: c.Chosen.CPV, Slot: c.Chosen.Slot, Repo: c.Chosen.Repo, BuildTime: c.Chosen.BuildTime, BuildID: c.Chosen.BuildID})
		if c.Match == binpkgs.CoverageSameVersion {
			why := "the plan merges another build of the version"
			if c.ToBuildTime != nil {
				why = fmt.Sprintf("%s than that with BUILD_TIME %d", why, *c.ToBuildTime)
			}
			p.Missed = append(p.Missed, Missed{c.Chosen.CPV, why})
		}
	}
	for _, cp := range r.Target.Unknown {
		p.Missed = append(p.Missed, Missed{cp, "nothing tells what was installed of it"})
	}
	for _, f := range r.ConfigFiles {
		p.Config[f.Path] = f.Effect
	}
	for _, step := range r.Steps {
		for _, c := range step.Commands {
			switch _, argv, file := c.Exec(); {
			case argv[0] == "printf" && file != "":
				p.Holds[file] = append(p.Holds[file], argv[2:]...)
			case argv[0] == "sed":
				p.Lifts[argv[len(argv)-1]] = true
			}
		}
	}
	return p
}

func firstDetail(reasons []acceptance.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return reasons[0].Detail
}
