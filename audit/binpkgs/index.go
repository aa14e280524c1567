package binpkgs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// place reports a binary package that Portage ignores because of its location,
// mostly without a message, and one that the index describes wrongly.
func (r *integrityRound) place(b *Binpkg) {
	for _, p := range b.Problems {
		if !placeProblems[p.Code] {
			continue
		}
		severity, remedy := audit.SeverityWarning, r.move(b)
		if r.dir.Kind == inventory.KindBinhost {
			severity = audit.SeverityInfo // Portage finds it by the PATH in the remote index
		}
		r.report(severity, p.Code, b.Path, 0, remedy, "Portage ignores it: %s", p.Message)
	}
	if b.Format == binpkg.FormatXpak && r.features["binpkg-request-signature"] && !b.Damaged() {
		remedy := r.replace(b)
		if !r.recreate(b).IsZero() {
			remedy.Commands[0] = remedy.Commands[0].With("BINPKG_FORMAT=gpkg")
		}
		r.note(b, audit.SeverityWarning, audit.CodeBinpkgXpakIgnored, remedy,
			"Portage refuses it, because an xpak cannot be signed (FEATURES=binpkg-request-signature)")
	}
	if b.Visible && b.PathBuildID != 0 && b.BuildID != b.PathBuildID {
		atom := "=" + b.CPV
		if b.BuildID != 0 {
			atom = fmt.Sprintf("=%s-%d", b.CPV, b.BuildID)
		}
		r.note(b, audit.SeverityInfo, audit.CodeBinpkgBuildIDDiffers, audit.Do(audit.Run("emerge", "-pK", atom)).When("where only this build will do, name it as in"),
			"its name says build %d and its metadata say %s: Portage believes the metadata", b.PathBuildID, buildIDOrNone(b.BuildID))
	}
}

// buildIDOrNone formats a build id for a message.
func buildIDOrNone(buildID int64) string {
	if buildID == 0 {
		return "none"
	}
	return fmt.Sprint(buildID)
}

// move returns the command that moves a file to the place for its metadata, or
// removes it if the same build is already there.
func (r *integrityRound) move(b *Binpkg) audit.Remedy {
	for _, o := range r.binpkgs {
		if o != b && o.Visible && o.CPV == b.CPV && o.BuildTime == b.BuildTime && o.Size == b.Size {
			return r.removeWithEntry(b)
		}
	}
	c, err := atom.ParseCPV(b.CPV)
	if err != nil {
		return r.removeWithEntry(b)
	}
	suffix := ".gpkg.tar"
	if b.Format == binpkg.FormatXpak {
		suffix = ".xpak"
	}
	dir := path.Join(r.dir.Path, c.Category, c.PN)
	for id := max(b.BuildID, 1); ; id++ {
		name := fmt.Sprintf("%s-%d%s", c.PF(), id, suffix)
		if r.byPath[path.Join(c.Category, c.PN, name)] == nil {
			return audit.Do(audit.Files("mkdir", "-p", dir), audit.Files("mv", "-n", "--", b.Source(), path.Join(dir, name))).Then(r.fix())
		}
	}
}

// collapsed reports files that are one instance for Portage: they have equal cpv,
// BUILD_ID, size, BUILD_TIME and whole-second mtime (virtual.py:53).
func (r *integrityRound) collapsed() {
	type instance struct {
		cpv                             string
		buildID, size, buildTime, mtime int64
	}
	seen := map[instance]*Binpkg{}
	for _, b := range r.binpkgs {
		if !b.Visible || b.Damaged() {
			continue
		}
		key := instance{b.CPV, b.BuildID, b.Size, b.BuildTime, FloorSeconds(b.MTimeNS)}
		stays := seen[key]
		if stays == nil {
			seen[key] = b
			continue
		}
		goes := b
		if b.EntryCurrent() && !stays.EntryCurrent() {
			stays, goes = b, stays
		}
		seen[key] = stays
		r.note(goes, audit.SeverityWarning, "binpkg-collapsed", r.removeWithEntry(goes), "Portage cannot tell it from %s, and sees only one of the two", stays.Path)
	}
}

// index compares the index of the folder with the files.
func (r *integrityRound) index() error {
	doubtful, noDigests, all, err := inventory.DoubtfulEntries(r.Tx, r.dir.ID)
	if err != nil {
		return err
	}
	for _, e := range doubtful {
		if b := r.byPath[e.Path]; b != nil {
			if err := r.compare(b, e); err != nil {
				return err
			}
		} else if !r.inv.IsUnlisted(path.Join(r.dir.Path, e.Path)) {
			r.lost(e)
		}
	}
	if r.dir.IndexCondition != inventory.IndexPresent {
		return nil // index-missing, index-refused and source-unreadable report it
	}
	for _, b := range r.binpkgs {
		if b.Visible && !b.Damaged() && b.Entry == nil {
			severity, effect := audit.SeverityWarning, "Portage does not see it, because it trusts the index (FEATURES=pkgdir-index-trusted)"
			if !r.trusted() {
				severity, effect = audit.SeverityInfo, "Portage adds it, without MD5 and SHA1, at its next run"
			}
			r.note(b, severity, audit.CodeIndexBehind, r.fix(), "not in the index: %s", effect)
		}
	}
	if noDigests > 0 {
		r.report(audit.SeverityInfo, "index-digest-missing", "Packages", 0, r.fix(),
			"%d of %d entries have no MD5 and SHA1, or no SIZE: Portage merges these files without a check", noDigests, all)
	}
	r.stamps()
	return nil
}

// lost reports an entry without a file.
func (r *integrityRound) lost(e *inventory.IndexEntry) {
	severity, effect := audit.SeverityError, "a merge of it fails with \"non-existent binary\""
	if !r.trusted() {
		severity, effect = audit.SeverityWarning, "Portage drops the entry at its next run"
	}
	for _, o := range r.others {
		switch {
		case o.Path == e.Path && o.Role == inventory.RoleSymlink:
			severity, effect = audit.SeverityWarning, "it is a symlink now, and Portage drops the entry at its next scan"
		case o.Role == inventory.RoleChecksumFailure && strings.HasPrefix(o.Path, e.Path+"._checksum_failure_."):
			effect += "; Portage renamed the file after a digest failure: " + path.Base(o.Path)
		}
	}
	base := path.Base(e.Path)
	for _, b := range r.binpkgs {
		if path.Base(b.Path) == base && b.Size == e.Size && FloorSeconds(b.MTimeNS) == e.MTime {
			effect += "; the file is at " + b.Path
		}
	}
	r.findings = append(r.findings, audit.Finding{
		Code: audit.CodeIndexListsMissing, Severity: severity, Subject: path.Join(r.dir.Path, e.Path), Remedy: r.fix(),
		Message:  fmt.Sprintf("the index lists %s, but the file does not exist: %s", e.CPV, effect),
		Evidence: []audit.Evidence{{Source: r.indexPath(), Offset: e.Offset}},
	})
}

func (r *integrityRound) indexPath() string { return path.Join(r.dir.Path, "Packages") }

// compare reports differences between an entry and its file.
func (r *integrityRound) compare(b *Binpkg, e *inventory.IndexEntry) error {
	if b.Damaged() {
		return nil // the index gets a new entry for the replacement
	}
	remedy := r.fix()
	note := func(severity audit.Severity, code, format string, args ...any) {
		r.note(b, severity, code, remedy, format, args...)
		f := &r.findings[len(r.findings)-1]
		f.Evidence = append(f.Evidence, audit.Evidence{Source: r.indexPath(), Offset: e.Offset})
	}
	stale := audit.SeverityInfo // Portage reads the file again
	if r.trusted() {
		stale = audit.SeverityWarning
	}
	switch {
	case e.Size >= 0 && e.Size != b.Size:
		if r.trusted() {
			note(audit.SeverityError, audit.CodeIndexSizeStale, "SIZE is %d in the index, but %d on disk: a merge fails with a digest error, and Portage renames the file", e.Size, b.Size)
		} else {
			note(audit.SeverityInfo, audit.CodeIndexSizeStale, "SIZE is %d in the index, but %d on disk: Portage reads the file again", e.Size, b.Size)
		}
	case e.MTime >= 0 && e.MTime != FloorSeconds(b.MTimeNS):
		note(stale, audit.CodeIndexMtimeStale, "MTIME is %d in the index, but %d on disk: the entry may describe another file", e.MTime, FloorSeconds(b.MTimeNS))
	case e.Size >= 0 && e.MTime >= 0:
		remedy = r.refresh(b)
	}
	if b.CPV == "" {
		return nil
	}
	use, err := r.Tx.MetadataUse(b.MetadataID)
	if err != nil {
		return err
	}
	var differs []string
	for _, d := range []struct{ key, index, file string }{
		{"CPV", e.CPV, b.CPV},
		{"BUILD_ID", buildIDOrNone(e.BuildID), buildIDOrNone(b.BuildID)},
		{"BUILD_TIME", fmt.Sprint(e.BuildTime), fmt.Sprint(b.BuildTime)},
		{"SLOT", JoinSlot(splitSlot(e.Slot)), JoinSlot(b.Slot, b.SubSlot)},
		{"REPO", e.Repo, b.Repo},
		{"USE", sortedWords(e.Use), sortedWords(use)},
	} {
		if d.index != d.file {
			differs = append(differs, fmt.Sprintf("%s is %q in the index, but %q in the file", d.key, d.index, d.file))
		}
	}
	if len(differs) > 0 {
		note(stale, audit.CodeIndexEntryDiffers, "the index entry contradicts the file: %s", strings.Join(differs, "; "))
	}
	return nil
}

func splitSlot(s string) (slot, sub string) {
	slot, sub, _ = strings.Cut(s, "/")
	return slot, sub
}

func sortedWords(s string) string {
	words := strings.Fields(s)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// stamps reports signs that Portage was not the last writer of the index, and a
// Packages.gz that differs from Packages.
func (r *integrityRound) stamps() {
	mtime := FloorSeconds(r.dir.IndexMTimeNS)
	if r.dir.IndexTimestamp != mtime {
		r.report(audit.SeverityInfo, "index-timestamp", "Packages", 0, r.rewriteIndex(),
			"TIMESTAMP is %d but the mtime is %d: something other than Portage wrote, copied or touched the index", r.dir.IndexTimestamp, mtime)
	}
	if r.dir.Kind != inventory.KindPkgDir {
		return
	}
	compress := r.features["compress-index"]
	switch condition := r.dir.CompressedCondition; {
	case compress && condition == inventory.IndexMissing:
		r.report(audit.SeverityWarning, "index-gz-missing", "Packages.gz", 0, r.fix(), "it does not exist, although FEATURES has compress-index: clients of this binhost ask for it first")
	case !compress && condition != inventory.IndexMissing && condition != "":
		r.report(audit.SeverityInfo, "index-gz-unexpected", "Packages.gz", 0, r.remove("Packages.gz"),
			"it exists, although FEATURES lacks compress-index: Portage no longer updates it")
	case condition == inventory.IndexDiffers:
		r.report(audit.SeverityWarning, audit.CodeIndexGZStale, "Packages.gz", 0, r.remove("Packages.gz").Then(r.fix()), "it differs from Packages: clients of this binhost see other packages")
	case condition == inventory.IndexUnreadable:
		r.report(audit.SeverityWarning, audit.CodeIndexGZStale, "Packages.gz", 0, r.remove("Packages.gz").Then(r.fix()), "it cannot be unpacked")
	case condition == inventory.IndexEqual && FloorSeconds(r.dir.CompressedMTimeNS) != mtime:
		r.report(audit.SeverityInfo, audit.CodeIndexGZStale, "Packages.gz", 0, r.fix(), "its mtime differs from that of Packages; Portage sets both to the same time")
	}
}
