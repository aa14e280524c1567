package acceptance

import (
	"bytes"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/store/config"
)

// HoldMark begins the comment above the lines of package.mask with which a rollback
// prevents the next update from undoing it.
const HoldMark = "# emaudit hold"

// Hold is a line of package.mask that a rollback added. It masks versions newer
// than the restored one. The plan of the way forward removes it, so it refuses
// nothing.
type Hold struct {
	Path string // the file
	Text string // the line
	Mark string // the comment above, which begins with HoldMark; "" without one
}

// held is a hold with the entry that it is.
type held struct {
	Hold
	entry userconf.Entry
}

// findHold reports whether a line was added by a rollback, and the comment above it.
// Such lines follow [HoldMark] up to an empty line or another comment. Without that
// comment, a line that masks versions newer than the installed version of its slot
// counts as one, because nobody else writes such lines.
func findHold(content []byte, e *userconf.Entry, installed map[string]bool) (mark string, found bool) {
	a := e.Atom
	if a.Operator != atom.Greater || e.Remove || len(a.USE) > 0 || a.Repo != "" {
		return "", false
	}
	above := content[:e.Offset]
	for len(above) > 0 {
		above = bytes.TrimSuffix(above, []byte("\n"))
		line := above[bytes.LastIndexByte(above, '\n')+1:]
		above = above[:len(above)-len(line)]
		if bytes.HasPrefix(line, []byte(HoldMark)) {
			return string(line), true
		}
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			break
		}
	}
	return "", a.Slot != "" && a.SubSlot == "" && installed[a.CP+"-"+a.Version]
}

// takeInstalledNames returns the cpvs of installed packages.
func takeInstalledNames(db audit.Database) (map[string]bool, error) {
	installed, err := binpkgs.TakeInstalled(db)
	names := make(map[string]bool, len(installed))
	for i := range installed {
		names[installed[i].CPV] = true
	}
	return names, err
}

// Holds returns the holds that match a package, or all holds if p is nil.
func (a *Acceptance) Holds(p *atom.Package) (all []Hold) {
	for _, h := range a.holds {
		if p == nil || h.entry.Atom.Match(*p) {
			all = append(all, h.Hold)
		}
	}
	return all
}

// readHolds removes the holds from the entries of a list and records them.
func (a *Acceptance) readHolds(f *config.File, entries []userconf.Entry, installed map[string]bool) []userconf.Entry {
	if f.Kind != config.Mask || f.Layer != config.LayerUser {
		return entries
	}
	return slices.DeleteFunc(entries, func(e userconf.Entry) bool {
		mark, found := findHold(f.Content, &e, installed)
		if found {
			a.holds = append(a.holds, held{Hold{f.Path, e.Text, mark}, e})
		}
		return found
	})
}
