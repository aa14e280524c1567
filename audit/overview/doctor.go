package overview

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/store"
	"emaudit/store/config"
	"emaudit/store/inventory"
)

// SettingRow is one setting with the place that set it.
type SettingRow struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Doctor answers whether Portage's settings are as a rollback needs them.
type Doctor struct {
	Settings []SettingRow    `json:"settings"`
	Space    []audit.Space   `json:"space"`
	Passed   int             `json:"checks_passed"`
	Checks   int             `json:"checks"`
	Findings []audit.Finding `json:"-"`
}

// The disk space, in bytes, below which the doctor warns.
const (
	// lowPkgDir is too small for the packages of one ordinary update.
	lowPkgDir = 2 << 30
	// lowTmp is too small for the build of a browser or a toolchain (Gentoo's
	// handbook asks for 8 GiB and more).
	lowTmp = 8 << 30
)

// AuditDoctor judges the settings that the last ingest resolved. The caller measures
// the disk space.
func AuditDoctor(db audit.Database, space []audit.Space) (*Doctor, error) {
	settings, err := config.Settings(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	d := &doctorRound{Doctor: &Doctor{Space: space}, byName: settings, features: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		d.Settings = append(d.Settings, SettingRow{Name: name, Value: settings[name].Value, Source: settings[name].Origin})
	}
	for f := range strings.FieldsSeq(d.byName["FEATURES"].Value) {
		d.features[f] = true
	}
	inv, err := binpkgs.TakeInventory(db, false)
	if err != nil {
		return nil, err
	}
	d.packaging()
	if err := d.index(db, inv); err != nil {
		return nil, err
	}
	d.logs()
	d.room()
	for _, kind := range []store.SourceKind{store.SourceSettings, store.SourceVDB, store.SourcePkgDir, store.SourceIndex, store.SourceEmergeLog} {
		findings, err := audit.SourceFindings(db, kind)
		if err != nil {
			return nil, err
		}
		if d.Checks++; len(findings) == 0 {
			d.Passed++
		}
		d.Findings = append(d.Findings, findings...)
	}
	for _, check := range []func(audit.Database) ([]audit.Finding, error){audit.AuditClockForAges, aftermath.SharedSlots} {
		wrong, err := check(db)
		if err != nil {
			return nil, err
		}
		if d.Checks++; len(wrong) == 0 {
			d.Passed++
		}
		d.Findings = append(d.Findings, wrong...)
	}
	return d.Doctor, db.Finish(d.Findings)
}

// doctorRound collects the results of the checks.
type doctorRound struct {
	*Doctor
	byName   map[string]config.Line
	features map[string]bool
}

// check counts one check, and reports f if it failed.
func (d *doctorRound) check(passed bool, f audit.Finding) {
	d.Checks++
	if passed {
		d.Passed++
		return
	}
	if f.Evidence == nil {
		f.Evidence = d.evidence(f.Subject)
	}
	d.Findings = append(d.Findings, f)
}

// evidence returns the file that set a setting, without the line.
func (d *doctorRound) evidence(setting string) []audit.Evidence {
	file, _, _ := strings.Cut(d.byName[setting].Origin, ":")
	if !path.IsAbs(file) {
		return nil
	}
	return []audit.Evidence{{Source: file}}
}

// makeConfLine returns the remedy that adds features.
func makeConfLine(feature string) audit.Remedy {
	return audit.Do(audit.AppendLine(`FEATURES="${FEATURES} `+feature+`"`, "/etc/portage/make.conf"))
}

// packaging checks that merges leave binary packages, and that no package overwrites
// another.
func (d *doctorRound) packaging() {
	options := strings.Fields(d.byName["EMERGE_DEFAULT_OPTS"].Value)
	byOption, excluded := false, ""
	var others []string
	for i, o := range options {
		if !strings.HasPrefix(o, "--buildpkg-exclude") && (i == 0 || options[i-1] != "--buildpkg-exclude") {
			others = append(others, o)
		}
		switch {
		case o == "--buildpkg" || o == "--buildpkg=y" || o == "-b":
			byOption = true
		case o == "--buildpkg=n":
			byOption = false
			d.features["buildpkg"] = false
		case strings.HasPrefix(o, "--buildpkg-exclude="):
			excluded = strings.TrimPrefix(o, "--buildpkg-exclude=")
		case o == "--buildpkg-exclude" && i+1 < len(options):
			excluded = options[i+1]
		}
	}
	d.check(d.features["buildpkg"] || byOption, audit.Finding{
		Code: "buildpkg-off", Severity: audit.SeverityError, Subject: "FEATURES",
		Message: "a merge leaves no binary package: what is updated from now on cannot be rolled back", Remedy: makeConfLine("buildpkg"),
	})
	without := audit.Do(audit.AppendLine(`EMERGE_DEFAULT_OPTS="`+strings.Join(others, " ")+`"`, "/etc/portage/make.conf"))
	if strings.ContainsAny(d.byName["EMERGE_DEFAULT_OPTS"].Value, `"'\\`) {
		without = audit.Advise("remove --buildpkg-exclude from EMERGE_DEFAULT_OPTS in make.conf")
	}
	d.check(excluded == "", audit.Finding{
		Code: "buildpkg-excluded", Severity: audit.SeverityWarning, Subject: "EMERGE_DEFAULT_OPTS",
		Message: "no binary package is made of " + excluded, Remedy: without,
	})
	d.check(d.features["binpkg-multi-instance"], audit.Finding{
		Code: "multi-instance-off", Severity: audit.SeverityWarning, Subject: "FEATURES",
		Message: "a rebuild overwrites the binary package of the same version, so a rebuild cannot be undone", Remedy: makeConfLine("binpkg-multi-instance"),
	})
	d.check(d.byName["BINPKG_FORMAT"].Value != "xpak", audit.Finding{
		Code: "format-xpak", Severity: audit.SeverityInfo, Subject: "BINPKG_FORMAT",
		Message: "xpak packages hold no checksum of their own: only the index can tell whether they are whole", Remedy: audit.Do(audit.AppendLine(`BINPKG_FORMAT="gpkg"`, "/etc/portage/make.conf")),
	})
}

// index checks that the index lists the files that exist.
func (d *doctorRound) index(db audit.Database, inv *binpkgs.Inventory) error {
	trusted := d.features["pkgdir-index-trusted"]
	for i := range inv.Dirs {
		dir := &inv.Dirs[i]
		if dir.Kind != inventory.KindPkgDir {
			continue
		}
		entries, err := inventory.LostEntries(db.Tx, dir.ID)
		if err != nil {
			return err
		}
		unlisted := 0
		for j := range inv.Binpkgs {
			b := &inv.Binpkgs[j]
			if b.Dir == dir && b.Visible && !b.Damaged() && !b.EntryCurrent() {
				unlisted++
			}
		}
		lost := 0
		for _, e := range entries {
			if e.Usable {
				lost++
			}
		}
		why := ""
		if trusted {
			why = ", and Portage trusts the index (FEATURES=pkgdir-index-trusted)"
		}
		d.check(unlisted == 0, audit.Finding{
			Code: audit.CodeIndexBehind, Severity: audit.SeverityWarning, Subject: path.Join(dir.Path, "Packages"),
			Message: fmt.Sprintf("%d binary packages are not in the index, or changed since%s", unlisted, why), Remedy: audit.Do(audit.FixIndex),
			Evidence: []audit.Evidence{{Source: path.Join(dir.Path, "Packages")}},
		})
		d.check(lost == 0, audit.Finding{
			Code: audit.CodeIndexListsMissing, Severity: audit.SeverityWarning, Subject: path.Join(dir.Path, "Packages"),
			Message: fmt.Sprintf("%d entries of the index have no file: a merge of one fails with \"non-existent binary\"", lost), Remedy: audit.Do(audit.FixIndex),
			Evidence: []audit.Evidence{{Source: path.Join(dir.Path, "Packages")}},
		})
	}
	return nil
}

// logs checks that the output of merges is kept.
func (d *doctorRound) logs() {
	d.check(d.byName["PORTAGE_LOGDIR"].Value != "", audit.Finding{
		Code: "logdir-unset", Severity: audit.SeverityInfo, Subject: "PORTAGE_LOGDIR",
		Message: "the log of a successful build is deleted with its build directory, so QA notices and sizes are lost",
		Remedy:  audit.Do(audit.AppendLine(`PORTAGE_LOGDIR="`+d.byName["EPREFIX"].Value+`/var/log/portage"`, "/etc/portage/make.conf")),
	})
	saved := false
	for word := range strings.FieldsSeq(d.byName["PORTAGE_ELOG_SYSTEM"].Value) {
		module, _, _ := strings.Cut(word, ":")
		saved = saved || module == "save" || module == "save_summary"
	}
	d.check(saved, audit.Finding{
		Code: "elog-not-saved", Severity: audit.SeverityWarning, Subject: "PORTAGE_ELOG_SYSTEM",
		Message: "messages of packages are not saved to files, so what an update asked you to do is forgotten",
		Remedy:  audit.Do(audit.AppendLine(`PORTAGE_ELOG_SYSTEM="save_summary:log,warn,error,qa echo"`, "/etc/portage/make.conf")),
	})
}

// room checks that there is disk space for the packages of the next update.
func (d *doctorRound) room() {
	for _, s := range d.Space {
		limit, code, message := int64(lowPkgDir), "pkgdir-full", "too little room for the binary packages of an update"
		switch s.Role {
		case audit.SpaceTmp:
			limit, code, message = lowTmp, "tmpdir-full", "too little room to build a large package"
		case audit.SpacePkgDir:
		default:
			continue
		}
		d.check(s.Free >= limit, audit.Finding{
			Code: code, Severity: audit.SeverityWarning, Subject: s.Path, Message: message, Remedy: audit.Do(audit.Files("df", "-h", s.Path)), Evidence: []audit.Evidence{{Source: s.Path}},
		})
	}
}
