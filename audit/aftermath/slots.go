package aftermath

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/store/inventory"
)

// SharedSlots reports the slots in which more than one version of a package is
// registered. Portage never leaves a slot like that. The cause is an interrupted
// merge, or a VDB that was copied over another. The files of both versions exist, and
// an unmerge of one removes files of the other.
func SharedSlots(db audit.Database) ([]audit.Finding, error) {
	installed, err := binpkgs.TakeInstalled(db)
	if err != nil {
		return nil, err
	}
	vdb, err := binpkgs.VdbPath(db)
	if err != nil {
		return nil, err
	}
	bySlot := map[string][]*inventory.Installed{}
	for i := range installed {
		p := &installed[i]
		slot := audit.PackageOf(p.CPV) + ":" + p.Slot
		bySlot[slot] = append(bySlot[slot], p)
	}
	var findings []audit.Finding
	for slot, all := range bySlot {
		if len(all) == 1 {
			continue
		}
		// The version that was merged last is the wanted one.
		slices.SortFunc(all, func(a, b *inventory.Installed) int {
			return cmp.Or(cmp.Compare(a.Counter, b.Counter), binpkgs.CompareCPV(a.CPV, b.CPV))
		})
		var names []string
		f := audit.Finding{Code: audit.CodeSlotShared, Severity: audit.SeverityError, Subject: slot}
		for _, p := range all {
			names = append(names, path.Base(p.CPV))
			f.Evidence = append(f.Evidence, audit.Evidence{Source: path.Join(vdb, p.CPV)})
		}
		last := all[len(all)-1]
		f.Message = fmt.Sprintf("%d versions of it are registered as installed: %s", len(all), strings.Join(names, ", "))
		f.Remedy = audit.Do(audit.Run("emerge", "--oneshot", "="+last.CPV))
		findings = append(findings, f)
	}
	audit.SortFindings(findings)
	return findings, nil
}
