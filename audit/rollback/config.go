package rollback

import (
	"emaudit/audit"
	"emaudit/audit/transition"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
)

// ConfigFile is a protected configuration file that a plan is about.
type ConfigFile struct {
	Path string `json:"path"`
	CPV  string `json:"cpv"` // that is put back, or goes
	// Effect is offered (the older file is put beside, as ._cfg0000_NAME),
	// replaced, removed, kept or unknown.
	Effect string `json:"effect"`
}

// configFiles says what becomes of the protected files of what the plan replaces
// or removes. Portage replaces one that is as it was merged, and offers the other
// beside it only where it was changed (FEATURES=config-protect-if-modified, the
// default; vartree.py, _protect); what was changed, it never removes.
func (j *RollbackJudge) configFiles(r *Rollback) {
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
		// What cannot be read, best says.
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
		{"replaced", "nobody changed these files, and the older ones take their place at once; the newer ones come back with their packages"},
		{"offered", "these files were changed: they stay, and the older ones are offered beside them (dispatch-conf)"},
		{"removed", "nobody changed these files, and they go; they come back with their packages"},
		{"kept", "these files were changed, and stay"},
		{"unknown", "whether these files stay or are replaced is not known"},
	} {
		if len(words[x.effect]) > 0 {
			r.Risks = append(r.Risks, Risk{Code: "config-files", Severity: audit.SeverityInfo, Detail: x.detail + ": " + listOf(words[x.effect])})
		}
	}
}

// effect is what becomes of one protected file.
func (j *RollbackJudge) effect(t *transition.Change, e vdb.ContentsEntry, installed bool) string {
	changed, known := false, false
	if j.options.Changed != nil {
		changed, known = j.options.Changed(e)
	}
	installed = installed || t.To != nil && !t.ImageKnown
	switch {
	case !known:
		return "unknown"
	case !changed && installed && j.host.Features["config-protect-if-modified"]:
		return "replaced"
	case installed:
		return "offered"
	case changed:
		return "kept"
	}
	return "removed"
}
