package rollback

import (
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/store/config"
)

// settingRisks lists settings that differ from those of the state and concern restored
// packages: the next update with --newuse would rebuild or refuse them. A package that
// a mask of today refuses at once is a gap.
func (j *Judge) settingRisks(r *Rollback) {
	merges := slices.DeleteFunc(slices.Clone(r.Changes), func(c Change) bool { return c.Stays || c.Chosen == nil })
	if r.then == nil || len(merges) == 0 {
		return
	}
	changes, known, err := j.Past.DiffSettings(r.then, j.Now)
	switch {
	case err != nil:
		j.Past.Err = err
		return
	case !known:
		r.Risks = append(r.Risks, Risk{
			Code: "settings-unknown", Severity: audit.SeverityInfo,
			Detail: "no ingest saw the settings of then (USE, CFLAGS, masks): whether the next update with --newuse keeps what comes back, only emerge --pretend tells",
		})
		return
	}
	var held []string
	for _, h := range j.Accept.Holds(nil) {
		held = append(held, h.Text)
	}
	for i := range changes {
		x := &changes[i]
		if !narrows(x) || x.Kind == config.Mask && slices.Contains(held, x.Subject) {
			continue
		}
		var concerned []string
		for _, c := range merges {
			if x.Concerns(*c.To, c.Chosen.Metadata) {
				concerned = append(concerned, *c.To)
			}
		}
		if len(concerned) > 0 {
			r.Risks = append(r.Risks, Risk{
				Code: "settings-changed", Severity: audit.SeverityWarning,
				Detail: fmt.Sprintf("%s (%s): %s then, %s today; %s: %s", named(x), x.Origin, spelled(x.Before, x.After), spelled(x.After, x.Before), consequence(x), listOf(concerned)),
			})
		}
	}
}

// narrows reports whether a change of settings can act against the restored packages. A
// mask that is gone, or a keyword that is now accepted, cannot.
func narrows(x *state.SettingChange) bool {
	switch x.Kind {
	case config.Mask:
		return x.After != nil
	case config.Unmask, config.AcceptKeywords, config.Keywords, config.License, config.Properties, config.Restrict:
		return x.Before != nil && (x.After == nil || len(without(*x.Before, x.After)) > 0) || x.After != nil && strings.Contains(" "+*x.After, " -")
	case config.LineProvided:
		return false // the plan judges with today's package.provided
	}
	return true
}

// named returns the subject of a change: the variable, or the list and the atom.
func named(x *state.SettingChange) string {
	if x.Kind == config.LineSetting {
		return x.Subject
	}
	return string(x.Kind) + " of " + x.Subject
}

// spelled returns the words of one side that the other one lacks.
func spelled(text, other *string) string {
	if text == nil {
		return "nothing"
	}
	words := without(*text, other)
	switch {
	case len(words) > 0:
		return strings.Join(words, " ")
	case *text == "":
		return "listed"
	}
	return "without it"
}

// without returns the words of a text that another text lacks.
func without(text string, other *string) []string {
	var lacks []string
	if other != nil {
		lacks = strings.Fields(*other)
	}
	return slices.DeleteFunc(strings.Fields(text), func(w string) bool { return slices.Contains(lacks, w) })
}

// consequence says what a change does to the restored packages.
func consequence(x *state.SettingChange) string {
	switch {
	case x.Kind == config.Env, x.ForCompiler():
		return "a rebuild of these would be another build"
	case x.Kind == config.Use, x.Kind == config.LineSetting:
		return "the next update with --newuse would rebuild these"
	}
	return "the next update may refuse or replace these"
}
