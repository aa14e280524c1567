package rollback

import (
	"emaudit/audit"
	"emaudit/audit/transition"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
)

// ConfigFile is a protected configuration file that a plan affects.
type ConfigFile struct {
	Path   string `json:"path"`
	CPV    string `json:"cpv"` // the restored or removed package
	Effect string `json:"effect"`
}

// The effects of a plan on a protected configuration file. Offered means that Portage
// writes the older file as ._cfg0000_NAME.
const (
	EffectReplaced = "replaced"
	EffectOffered  = "offered"
	EffectRemoved  = "removed"
	EffectKept     = "kept"
	EffectUnknown  = "unknown"
)

// configFiles lists the effect of the plan on protected files of packages that it
// replaces or removes. Portage replaces a file that is as it was merged. If somebody
// changed the file, Portage keeps it and offers the other one
// (FEATURES=config-protect-if-modified, the default; vartree.py, _protect). It never
// removes a changed file.
func (j *Judge) configFiles(r *Rollback) {
	if j.host.Contents == nil {
		return
	}
	for _, t := range r.best.Changes {
		if t.Dropped != nil || t.From == nil {
			continue
		}
		installs := map[string]bool{}
		for _, n := range t.Image {
			installs[n.Path] = n.Kind != binpkg.ImageFolder
		}
		name := t.From.CPV()
		if t.To != nil {
			name = t.To.CPV()
		}
		// best reports unreadable CONTENTS.
		_ = j.host.Contents(t.From, func(e vdb.ContentsEntry) {
			if e.Kind == vdb.Regular && j.host.Protected(e.Path) {
				r.ConfigFiles = append(r.ConfigFiles, ConfigFile{e.Path, name, j.effect(t, e, installs[e.Path])})
			}
		})
	}
	words := map[string][]string{}
	for _, f := range r.ConfigFiles {
		words[f.Effect] = append(words[f.Effect], f.Path)
	}
	for _, x := range []struct{ effect, detail string }{
		{EffectReplaced, "nobody changed these files, and the older ones take their place at once; the newer ones come back with their packages"},
		{EffectOffered, "these files were changed: they stay, and the older ones are offered beside them (dispatch-conf)"},
		{EffectRemoved, "nobody changed these files, and they go; they come back with their packages"},
		{EffectKept, "these files were changed, and stay"},
		{EffectUnknown, "whether these files stay or are replaced is not known"},
	} {
		if len(words[x.effect]) > 0 {
			r.Risks = append(r.Risks, Risk{Code: "config-files", Severity: audit.SeverityInfo, Detail: x.detail + ": " + listOf(words[x.effect])})
		}
	}
}

// effect returns the effect of the plan on one protected file.
func (j *Judge) effect(t *transition.Change, e vdb.ContentsEntry, installed bool) string {
	changed, known := false, false
	if j.options.Changed != nil {
		changed, known = j.options.Changed(e)
	}
	installed = installed || t.To != nil && !t.ImageKnown
	switch {
	case !known:
		return EffectUnknown
	case !changed && installed && j.host.Features["config-protect-if-modified"]:
		return EffectReplaced
	case installed:
		return EffectOffered
	case changed:
		return EffectKept
	}
	return EffectRemoved
}
