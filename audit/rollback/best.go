package rollback

import (
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/transition"
)

// Unsatisfied is something that all the changes together would break.
type Unsatisfied struct {
	CPV        string `json:"cpv"`
	Dependency string `json:"dependency"`
	// Kind is the Kind of a [transition.Break].
	Kind string `json:"kind"`
}

// best finds the best plan, and adds the reason to each change that it drops.
func (j *Judge) best(r *Rollback) {
	p, changes := j.transition(r)
	r.best, r.changeOf = p, changes
	for t, c := range changes {
		if t.Dropped != nil {
			c.Stays = true
			c.Reasons = append([]acceptance.Reason{{Code: t.Dropped.Kind, Detail: sentence(t.Dropped), Effect: acceptance.EffectRefused}}, c.Reasons...)
		}
	}
	said := map[Unsatisfied]bool{}
	for _, t := range p.Changes {
		if t.Dropped == nil {
			continue
		}
		if u := (Unsatisfied{t.Dropped.CPV, t.Dropped.Detail, t.Dropped.Kind}); !said[u] {
			said[u] = true
			r.Unsatisfied = append(r.Unsatisfied, u)
		}
	}
	for _, set := range j.unknownSets {
		r.Unknowns = append(r.Unknowns, Unknown{
			Code: "set-unknown", Detail: "what " + set + " asks for is not known: @world has it, and Portage puts nothing in the place of what it asks for",
			SettleWith: audit.Do(audit.Run("emerge", "--list-sets")),
		})
	}
	r.Wished, r.Carried = len(r.Changes)+len(r.Target.Unknown)+r.beyond, p.Carried()
	j.doubts(r, p)
}

// sentence describes a break.
func sentence(b *transition.Break) string {
	switch b.Kind {
	case transition.NeedBlocker:
		return b.CPV + " has " + b.Detail
	case transition.NeedSoname:
		return b.CPV + " is linked with " + strings.TrimPrefix(b.Detail[strings.IndexByte(b.Detail, ':')+1:], " ")
	case transition.NeedSet:
		return "@world asks for " + b.Detail
	case transition.NeedDepend, transition.NeedSlotOperator:
		return b.CPV + " needs " + b.Detail
	}
	return b.Detail
}

// doubts reports the conditions that the plan could not decide.
func (j *Judge) doubts(r *Rollback, p *transition.Plan) {
	var unread []string
	for _, d := range p.Doubts {
		switch d.Kind {
		case transition.CodeSonameUnprovided:
			r.Unknowns = append(r.Unknowns, Unknown{
				Code: d.Kind, Detail: fmt.Sprintf("%s needs %s, which no package of either state provides", d.CPV, d.Detail),
				SettleWith: audit.Do(audit.Run("emerge", "-pK", "--ignore-soname-deps=n", "="+d.CPV)),
			})
		case transition.ImageUnread:
			file := ""
			for t, c := range r.changeOf {
				if t.To != nil && t.To.CPV() == d.CPV && c.Chosen.ImageChecked {
					file = c.Chosen.Path
				}
			}
			if file == "" {
				continue // another unknown reports that it was not unpacked
			}
			r.Unknowns = append(r.Unknowns, Unknown{
				Code: "file-collision-unknown", Detail: file + ": which files it holds is not known, so neither whether they belong to another package now",
				SettleWith: audit.Do(audit.Emaudit("verify", "--all", "--images", file)),
			})
		case transition.CodeImageNames:
			r.Unknowns = append(r.Unknowns, Unknown{
				Code: transition.CodeImageNames, Detail: fmt.Sprintf("%s has %s under two names that are one folder today: Portage merges it only where both files are the same", d.CPV, d.Detail),
				SettleWith: audit.Do(audit.Emaudit("drill")),
			})
		case transition.CodeContentsUnread:
			unread = append(unread, d.CPV)
		}
	}
	if len(unread) > 0 {
		r.Unknowns = append(r.Unknowns, Unknown{
			Code: transition.CodeContentsUnread, Detail: "which files these own could not be read, so neither whether a file of theirs would be overwritten: " + listOf(unread),
			SettleWith: audit.Do(audit.Emaudit("rollback")).When("as root, on the host itself"),
		})
	}
}
