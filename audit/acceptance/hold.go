package acceptance

import (
	"bytes"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/store"
)

// HoldMark begins the comment above the lines with which a rollback keeps the next
// update from undoing it.
const HoldMark = "# emaudit hold"

// Hold is a line of package.mask that a rollback added. It masks what is newer
// than the rollback put back, and is lifted by the way forward: so it refuses
// nothing.
type Hold struct {
	Path string // the file
	Text string // the line
}

// isHold tells whether a line is one of a rollback: the lines below [HoldMark] up
// to an empty one or another comment. Where no such comment is above it, a line is
// taken for one that masks what is newer than the very version that is installed
// in its slot: nobody else writes it so.
func isHold(content []byte, e *userconf.Entry, installed map[string]bool) bool {
	a := e.Atom
	if a.Operator != atom.Greater || e.Remove || len(a.USE) > 0 || a.Repo != "" {
		return false
	}
	above := content[:e.Offset]
	for len(above) > 0 {
		above = bytes.TrimSuffix(above, []byte("\n"))
		line := above[bytes.LastIndexByte(above, '\n')+1:]
		above = above[:len(above)-len(line)]
		if bytes.HasPrefix(line, []byte(HoldMark)) {
			return true
		}
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			break
		}
	}
	return a.Slot != "" && a.SubSlot == "" && installed[a.CP+"-"+a.Version]
}

// takeInstalledNames returns the cpv of what is installed.
func takeInstalledNames(db audit.Database) (map[string]bool, error) {
	installed, err := binpkgs.TakeInstalled(db)
	names := make(map[string]bool, len(installed))
	for i := range installed {
		names[installed[i].CPV] = true
	}
	return names, err
}

// Holds returns the lines of rollbacks that hold a package back, or all for nil.
func (a *Acceptance) Holds(p *atom.Package) (all []Hold) {
	for _, e := range a.holds {
		if p == nil || e.Atom.Match(*p) {
			all = append(all, Hold{e.path, e.Text})
		}
	}
	return all
}

// readHolds takes the lines of rollbacks out of a list.
func (a *Acceptance) readHolds(f *store.ConfigFile, entries []userconf.Entry, installed map[string]bool) []userconf.Entry {
	if f.Kind != store.ConfigMask || f.Layer != "user" {
		return entries
	}
	return slices.DeleteFunc(entries, func(e userconf.Entry) bool {
		held := isHold(f.Content, &e, installed)
		if held {
			a.holds = append(a.holds, listed{e, "", f.Path, f.Path})
		}
		return held
	})
}
