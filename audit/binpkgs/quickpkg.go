package binpkgs

import (
	"fmt"
	"path"
	"strings"

	"emaudit/audit"
	"emaudit/store/inventory"
)

// InstalledDrift lists the differences between the installed files of a package and
// its CONTENTS, as absolute paths. quickpkg would pack the files in this state.
type InstalledDrift struct {
	// Known reports that the files of this installation were compared with the
	// complete CONTENTS.
	Known bool
	// Missing are files that quickpkg omits, with a warning and success (Portage
	// bug 870229). Changed are files that it packs in their changed form.
	Missing, Changed []string
	// Config are changed files below CONFIG_PROTECT. With --include-config=y, they
	// become unmodified files of the package: see the finding quickpkg-config.
	Config []string
	// Unread are files that could not be read for the comparison.
	Unread []string
}

// Drift returns the differences between the installed files of a package and its
// CONTENTS.
func (inv *Inventory) Drift(p *inventory.Installed) InstalledDrift {
	f := inv.files[p.CPV]
	if f == nil || f.Counter != p.Counter {
		return InstalledDrift{}
	}
	d := InstalledDrift{Known: f.Complete}
	into := map[inventory.DriftState]*[]string{
		inventory.DriftMissing: &d.Missing, inventory.DriftChanged: &d.Changed, inventory.DriftConfig: &d.Config, inventory.DriftUnread: &d.Unread,
	}
	for _, file := range f.Drift {
		if list := into[file.State]; list != nil {
			*list = append(*list, file.Path)
		}
	}
	return d
}

// canQuickpkg reports whether quickpkg can pack a complete package, as far as
// known. It omits missing files.
func (inv *Inventory) canQuickpkg(p *inventory.Installed) bool {
	return CanQuickpkg(p) && len(inv.Drift(p).Missing) == 0
}

// packageNow returns the command that creates a binary package of the installed
// package.
func (inv *Inventory) packageNow(p *inventory.Installed) audit.Command {
	if inv.canQuickpkg(p) {
		return inv.KeepOthers(quickpkgCommand(p.CPV), p.CPV)
	}
	return inv.KeepOthers(rebuildCommand(p.CPV), p.CPV)
}

// KeepOthers returns a command that packs versions, such that it keeps the binary
// packages of their other builds. Without FEATURES=binpkg-multi-instance, Portage writes
// CPV.gpkg.tar or CPV.tbz2 over that of another build (bintree.py, _allocate_filename).
// With the feature, the new file gets a build id, and Portage finds both.
func (inv *Inventory) KeepOthers(c audit.Command, cpvs ...string) audit.Command {
	for _, cpv := range cpvs {
		for _, b := range inv.ByCPV[cpv] {
			if strings.HasPrefix(b.Path, cpv+".") {
				return c.With("FEATURES=binpkg-multi-instance")
			}
		}
	}
	return c
}

// driftFindings reports, for a package without a binary package of its build, what
// quickpkg would pack differently.
func (inv *Inventory) driftFindings(p *inventory.Installed, vdb string) (findings []audit.Finding) {
	d := inv.Drift(p)
	add := func(severity audit.Severity, code string, remedy audit.Remedy, format string, args ...any) {
		findings = append(findings, audit.Finding{
			Code: code, Severity: severity, Subject: p.CPV, Message: fmt.Sprintf(format, args...),
			Evidence: []audit.Evidence{{Source: path.Join(vdb, p.CPV, "CONTENTS")}}, Remedy: remedy,
		})
	}
	if len(d.Missing) > 0 {
		add(audit.SeverityWarning, "installed-files-missing", audit.Do(rebuildCommand(p.CPV)),
			"%s, which quickpkg would leave out: %s", audit.Counted(len(d.Missing), "file of it is missing", "files of it are missing"), firstOfMany(d.Missing))
	}
	if len(d.Changed) > 0 {
		add(audit.SeverityInfo, "installed-files-changed", audit.Do(rebuildCommand(p.CPV)).When("do nothing if that is wanted; otherwise"),
			"%s, and quickpkg packs what is there: %s", audit.Counted(len(d.Changed), "file of it was changed after the installation", "files of it were changed after the installation"), firstOfMany(d.Changed))
	}
	if len(d.Config) > 0 && inv.canQuickpkg(p) {
		add(audit.SeverityWarning, "quickpkg-config", audit.Do(audit.Run(append([]string{"tar", "-cf", "/root/" + path.Base(p.CPV) + "-config.tar"}, d.Config...)...)).When(`run that update with FEATURES="-config-protect-if-modified", or keep a copy`),
			"quickpkg --include-config=y packs changed configuration: %s; once such a package is merged, Portage takes the changed files for the originals, and the next update replaces them without a ._cfg file (bug 464662)", firstOfMany(d.Config))
	}
	if len(d.Unread) > 0 {
		add(audit.SeverityInfo, "installed-files-unread", audit.RemedyPermissions, "%s could not be compared with CONTENTS: %s",
			audit.Counted(len(d.Unread), "file of it", "files of it"), firstOfMany(d.Unread))
	}
	return findings
}

// firstOfMany returns the first three names and the number of the others.
func firstOfMany(names []string) string {
	const most = 3
	text := ""
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
