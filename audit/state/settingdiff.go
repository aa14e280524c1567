package state

import (
	"cmp"
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/store"
	"emaudit/store/config"
)

// Settings are part of a state: with other USE flags, CFLAGS or masks the next emerge
// --newuse rebuilds or refuses the same builds.

// SettingChange is a difference in Portage's configuration between two states: a
// variable, or the lines of one list about one atom.
type SettingChange struct {
	Kind    config.Kind `json:"kind"`    // setting, package.use, package.mask, ...
	Subject string      `json:"subject"` // the variable, or the atom
	Before  *string     `json:"before"`  // null = none
	After   *string     `json:"after"`
	Origin  string      `json:"origin"` // file:line of After, or of Before if After is null
}

// settingKinds are the compared lists. The package lists of a profile change with
// every sync, so only its variables and its name are compared.
var settingKinds = []config.Kind{
	config.LineSetting, config.LineProvided, config.Use, config.Mask, config.Unmask, config.AcceptKeywords, config.Keywords,
	config.License, config.Properties, config.Restrict, config.Env,
}

// settings returns the lines of configuration in force when a state began, or those
// of today for the present state. known is false if the state ended before the first
// ingest.
func (h *Past) settings(s *State) (lines []config.Line, known bool, err error) {
	switch {
	case s.Target.Run == nil && s.index == len(h.Changes):
		lines, err = config.Lines(h.tx, h.host, settingKinds...)
		return lines, err == nil, err
	case s.index == 0:
		return config.LinesDuring(h.tx, h.host, 0, s.Target.Time, settingKinds...)
	}
	return config.LinesDuring(h.tx, h.host, h.Changes[s.index-1].at, s.Target.Time, settingKinds...)
}

// DiffSettings compares the configuration of two states. known is false if that of
// either state is unknown.
func (h *Past) DiffSettings(a, b *State) (changes []SettingChange, known bool, err error) {
	before, known, err := h.settings(a)
	if err != nil || !known {
		return nil, false, err
	}
	after, known, err := h.settings(b)
	if err != nil || !known {
		return nil, false, err
	}
	return diffSettings(before, after), true, nil
}

func diffSettings(before, after []config.Line) []SettingChange {
	type key struct {
		kind    config.Kind
		subject string
	}
	gather := func(lines []config.Line) (map[key][]string, map[key]string) {
		values, origins := map[key][]string{}, map[key]string{}
		for _, l := range lines {
			if l.Layer == config.LayerProfile && l.Kind != config.LineSetting {
				continue
			}
			k := key{l.Kind, l.Subject}
			values[k], origins[k] = append(values[k], l.Value), l.Origin
		}
		return values, origins
	}
	was, wasFrom := gather(before)
	is, isFrom := gather(after)
	var changes []SettingChange
	said := func(values map[key][]string, k key) *string {
		lines, ok := values[k]
		if !ok {
			return nil
		}
		text := strings.Join(lines, " ")
		return &text
	}
	for k := range was {
		x, y := said(was, k), said(is, k)
		if y == nil || *x != *y {
			changes = append(changes, SettingChange{Kind: k.kind, Subject: k.subject, Before: x, After: y, Origin: cmp.Or(isFrom[k], wasFrom[k])})
		}
	}
	for k := range is {
		if _, ok := was[k]; !ok {
			changes = append(changes, SettingChange{Kind: k.kind, Subject: k.subject, After: said(is, k), Origin: isFrom[k]})
		}
	}
	slices.SortFunc(changes, func(a, b SettingChange) int {
		return cmp.Or(cmp.Compare(slices.Index(settingKinds, a.Kind), slices.Index(settingKinds, b.Kind)), cmp.Compare(a.Subject, b.Subject))
	})
	return changes
}

// compilerSettings are the variables, other than USE, that determine the result of a
// build.
var compilerSettings = []string{"CHOST", "CBUILD", "CFLAGS", "CXXFLAGS", "LDFLAGS", "FFLAGS", "FCFLAGS", "RUSTFLAGS", "make.profile"}

// ForCompiler reports whether the change is of a variable that determines the result
// of a build. emerge --newuse does not rebuild for these.
func (c *SettingChange) ForCompiler() bool {
	return c.Kind == config.LineSetting && slices.Contains(compilerSettings, c.Subject)
}

// Concerns reports whether the change matters for a package that comes back from
// before it: emerge --newuse would rebuild it, a mask would refuse it, or it was
// built with other compiler settings. If the metadata of the build are unknown, m is
// nil and every flag counts.
func (c *SettingChange) Concerns(cpv string, m *store.Metadata) bool {
	if c.Kind != config.LineSetting {
		parsed, err := atom.ParseCPV(cpv)
		a, bad := atom.ConfigFileSyntax.ParseAtom(c.Subject)
		if err != nil || bad != nil {
			return true
		}
		a.Slot, a.SubSlot, a.Repo = "", "", ""
		if !a.MatchIgnoringUSE(atom.Package{CPV: parsed}) {
			return false
		}
		return c.Kind != config.Use || m == nil || c.hasFlagOf(m.IUse, "")
	}
	switch {
	case c.ForCompiler():
		return true
	case m == nil:
		return c.Subject == "USE"
	case c.Subject == "USE":
		return c.hasFlagOf(m.IUse, "")
	}
	return c.hasFlagOf(m.IUse, strings.ToLower(c.Subject)+"_")
}

// hasFlagOf reports whether the change affects a flag in IUSE.
func (c *SettingChange) hasFlagOf(iuse, prefix string) bool {
	words := func(text *string) map[string]bool {
		set := map[string]bool{}
		if text != nil {
			for w := range strings.FieldsSeq(*text) {
				set[w] = true
			}
		}
		return set
	}
	before, after := words(c.Before), words(c.After)
	for flag := range strings.FieldsSeq(iuse) {
		flag = strings.TrimLeft(flag, "+-")
		name, ok := strings.CutPrefix(flag, prefix)
		if !ok {
			continue
		}
		if before[name] != after[name] || before["-"+name] != after["-"+name] || before["*"] != after["*"] || before["-*"] != after["-*"] {
			return true
		}
	}
	return false
}
