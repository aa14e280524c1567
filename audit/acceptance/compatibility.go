package acceptance

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/transition"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/userconf"
	"emaudit/store/inventory"
)

// CompatibilityRow is the answer for one binary package.
type CompatibilityRow struct {
	PkgDir    string   `json:"pkgdir"`
	Path      string   `json:"path"`
	CPV       string   `json:"cpv"`
	BuildID   *int64   `json:"build_id"`
	BuildTime *int64   `json:"build_time"`
	Usable    Usable   `json:"usable"`
	Reasons   []Reason `json:"reasons"`
}

func rowOf(b *binpkgs.Binpkg) CompatibilityRow {
	return CompatibilityRow{PkgDir: b.Dir.Path, Path: b.Path, CPV: b.CPV, BuildID: binpkgs.Known(b.BuildID), BuildTime: binpkgs.Known(b.BuildTime)}
}

// Compatibility answers whether Portage would accept each binary package with
// --usepkgonly, on this host in its current state.
type Compatibility struct {
	// Rows are the answers, by path. They are made as they are asked for.
	Rows     iter.Seq2[*CompatibilityRow, error]
	Findings []audit.Finding

	usable map[Usable]int
}

// Count returns the number of rows with the given answer.
func (c *Compatibility) Count(u Usable) int { return c.usable[u] }

// All returns the number of rows.
func (c *Compatibility) All() int {
	return c.Count(UsableYes) + c.Count(UsableNo) + c.Count(UsableUnknown)
}

// answered is what a row is made of.
type answered struct {
	*binpkgs.Binpkg
	reasons []Reason
}

func (a *answered) row(place audit.Place) *CompatibilityRow {
	row := rowOf(a.Binpkg)
	row.Reasons, row.Usable = slices.Concat([]Reason{}, a.reasons), Usability(a.reasons)
	for i := range row.Reasons {
		row.Reasons[i].SettleWith = row.Reasons[i].SettleWith.At(place)
	}
	return &row
}

// JudgedBinpkg is a binary package with the reasons about it.
type JudgedBinpkg struct {
	*binpkgs.Binpkg
	Pkg atom.Package
	// File holds reasons about the file, Own about its metadata, and place about
	// its location. A staged PKGDIR makes place irrelevant.
	File, Own, place []Reason
}

// JudgeBinpkg returns the reasons of Portage about one binary package, without
// regard to others.
func (a *Acceptance) JudgeBinpkg(b *binpkgs.Binpkg, here bool) *JudgedBinpkg {
	j := &JudgedBinpkg{Binpkg: b}
	j.File = a.judgeFile(b)
	if b.Metadata == nil {
		return j
	}
	cpv, err := atom.ParseCPV(b.CPV)
	if err != nil {
		j.File = append(j.File, Reason{Code: audit.CodeMetadataInvalid, Detail: err.Error(), Effect: EffectRefused})
		return j
	}
	j.Pkg = packageWithFlags(cpv, b.Slot, b.SubSlot, b.Repo, b.BuildID, b.Metadata, a.ParseFlags)
	j.Own = append(a.judge(&j.Pkg, b.Metadata), a.processor.judge(b.Metadata.CFlags, b.Metadata.CXXFlags, b.Metadata.Use, here)...)
	j.Own = append(j.Own, judgeLoss(b)...)
	j.place = a.judgePlace(b)
	return j
}

// mergeable reports whether a merge that finds it where it lies can take it.
func (j *JudgedBinpkg) mergeable() bool {
	return j.Metadata != nil && j.Visible && Usability(j.File) != UsableNo && Usability(j.Own) != UsableNo
}

// judgeFile reports problems that keep Portage from reading or trusting a file.
func (a *Acceptance) judgeFile(b *binpkgs.Binpkg) []Reason {
	var reasons []Reason
	add := func(effect Effect, code string, settle audit.Remedy, format string, args ...any) {
		reasons = append(reasons, Reason{Code: code, Detail: fmt.Sprintf(format, args...), Effect: effect, SettleWith: settle})
	}
	switch {
	case b.Damaged():
		detail := "the file is damaged"
		if len(b.Problems) > 0 {
			detail = b.Problems[0].Message
		}
		add(EffectRefused, audit.CodeBinpkgDamaged, audit.Remedy{}, "%s", detail)
	case b.CPV == "" || b.Metadata == nil:
		add(EffectUnknown, audit.CodeMetadataUnread, audit.Do(audit.Emaudit("verify", b.Source())), "its metadata could not be read")
	case !b.Visible:
		add(EffectRefused, audit.CodeBinpkgUnseen, audit.Remedy{}, "Portage does not look in this folder or for this name")
	}
	if b.Integrity == binpkg.Unknown {
		add(EffectUnknown, audit.CodeBinpkgUnverifiable, audit.Do(audit.Emaudit("verify", b.Source())), "emaudit could not tell whether it is whole")
	}
	for _, p := range b.Problems {
		switch p.Code {
		case binpkg.ProblemImageDevice:
			add(EffectRefused, binpkg.ProblemImageDevice, audit.Remedy{}, "%s: Portage does not extract it", p.Message)
		case binpkg.ProblemOtherPacker:
			add(EffectUnknown, binpkg.ProblemOtherPacker, audit.Do(audit.Run("emerge", "-pK", "="+b.CPV)), "%s: whether the program of the name unpacks it depends on how it was built", p.Message)
		case binpkg.ProblemUncompressed:
			if a.Settings["BINPKG_COMPRESS"] != "" && a.Settings["BINPKG_COMPRESS"] != "none" {
				add(EffectUnknown, "uncompressed", audit.Do(audit.Run("emerge", "-pK", "="+b.CPV)), "its members are not compressed; Portage reads that only with an empty BINPKG_COMPRESS")
			}
		}
	}
	a.judgeSignature(b, add)
	return reasons
}

// judgeSignature reports the result of the signature check that Portage makes
// before a merge (gpkg.py, _verify_binpkg).
func (a *Acceptance) judgeSignature(b *binpkgs.Binpkg, add func(effect Effect, code string, settle audit.Remedy, format string, args ...any)) {
	switch {
	case a.Features["binpkg-request-signature"] && b.Format == binpkg.FormatXpak:
		add(EffectRefused, binpkg.ProblemSignatureMissing, audit.Remedy{}, "FEATURES has binpkg-request-signature, and an xpak cannot be signed")
	case a.Features["binpkg-request-signature"] && b.Signed == inventory.SignedNo:
		add(EffectRefused, binpkg.ProblemSignatureMissing, audit.Remedy{}, "FEATURES has binpkg-request-signature, and it is not signed")
	case a.Features["binpkg-ignore-signature"] || b.Signed == inventory.SignedNo || b.Signed == "":
	case b.Signature == binpkg.SignatureInvalid:
		add(EffectRefused, binpkg.ProblemSignatureInvalid, audit.Remedy{}, "its signature does not match its bytes")
	case b.Signature == binpkg.SignatureUnknownKey:
		add(EffectRefused, binpkg.ProblemSignatureUnknownKey, audit.Remedy{}, "it is signed with a key that is not in the keyring")
	case b.Signature != binpkg.SignatureValid && b.Format == binpkg.FormatGpkg:
		add(EffectUnknown, "signature-unchecked", audit.Do(audit.Emaudit("verify", b.Source())), "it is signed, and the signature was not checked")
	}
}

// judgePlace reports whether Portage finds the file at its location and can select
// it.
func (a *Acceptance) judgePlace(b *binpkgs.Binpkg) []Reason {
	var reasons []Reason
	trusted := a.Features["pkgdir-index-trusted"]
	switch {
	case b.Dir.Kind != inventory.KindPkgDir:
		reasons = append(reasons, Reason{Code: "outside-pkgdir", Detail: "it is in " + b.Dir.Path + "; Portage sees it only if it is copied to a staged PKGDIR", Effect: EffectNote})
	case b.EntryContradicts() && !b.Damaged():
		reasons = append(reasons, Reason{Code: audit.CodeIndexStale, Detail: "Packages lists another digest, and Portage compares digests before a merge", Effect: EffectRefused, SettleWith: b.Refresh()})
	case b.Entry == nil && trusted:
		reasons = append(reasons, Reason{Code: audit.CodeNotIndexed, Detail: "Packages does not list it, and Portage trusts the index", Effect: EffectRefused})
	case !b.EntryCurrent() && trusted && b.Entry != nil:
		reasons = append(reasons, Reason{Code: audit.CodeIndexStale, Detail: "Packages describes another file of this name", Effect: EffectRefused})
	}
	if b.EntryContradicts() {
		reasons = append(reasons, Reason{Code: audit.CodeIndexDigestMismatch, Detail: "its digest is not the one in Packages, and Portage compares digests before a merge", Effect: EffectRefused, SettleWith: b.Refresh()})
	}
	if b.Origin == binpkg.OriginQuickpkg {
		reasons = append(reasons, Reason{Code: "quickpkg-copy", Detail: "quickpkg gave it the build id of the original, so no atom selects it", Effect: EffectNote})
	}
	return reasons
}

// judgeLoss reports installed files that the package lacks.
func judgeLoss(b *binpkgs.Binpkg) []Reason {
	var reasons []Reason
	for _, p := range b.Problems {
		if p.Code == binpkg.ProblemConfigStub {
			reasons = append(reasons, Reason{
				Code: binpkg.ProblemConfigStub, Effect: EffectNote,
				Detail: "quickpkg left out its protected configuration files: a merge offers empty files instead",
			})
			break
		}
	}
	if b.Origin == binpkg.OriginQuickpkg && b.Integrity != binpkg.Whole && len(reasons) == 0 {
		reasons = append(reasons, Reason{
			Code: "config-stub-unknown", Effect: EffectNote,
			Detail: "quickpkg made it, perhaps without some of its files", SettleWith: audit.Do(audit.Emaudit("verify", b.Source())),
		})
	}
	if b.Lossy() {
		reasons = append(reasons, Reason{
			Code: binpkg.ProblemImageLossy, Effect: EffectNote,
			Detail: "quickpkg made it while files were missing: " + b.MessageOf(binpkg.ProblemImageLossy),
		})
	}
	if b.Has(binpkg.ProblemImageAltered) {
		reasons = append(reasons, Reason{
			Code: binpkg.ProblemImageAltered, Effect: EffectNote,
			Detail: "quickpkg packed changed files (" + b.MessageOf(binpkg.ProblemImageAltered) + "): once they are merged, Portage takes changed configuration for the original; keep a copy, since " + binpkgs.ConfigBecomesPristine,
		})
	}
	if mask := b.Metadata.InstallMask; mask != "" {
		reasons = append(reasons, Reason{Code: "install-mask", Detail: "files that match " + mask + " were left out when it was built", Effect: EffectNote})
	}
	return reasons
}

// CompatibilityOptions are facts that the store does not hold.
type CompatibilityOptions struct {
	// Ebuild returns the metadata/md5-cache entry of a version in a repository. ok
	// is false if there is none. Ebuild may be nil.
	Ebuild func(repo, cpv string) (e userconf.CacheEntry, ok bool)
	// Needed reports whether a kept state needs a version. What none needs is not to
	// be packaged again. If nil, every version counts as needed.
	Needed func(cpv string) (bool, error)
}

// AuditCompatibility answers for each binary package whether Portage would accept it,
// with the reasons.
func AuditCompatibility(db audit.Database, o CompatibilityOptions) (*Compatibility, error) {
	inv, err := binpkgs.TakeInventory(db, true)
	if err != nil {
		return nil, err
	}
	accept, err := TakeAcceptance(db)
	if err != nil {
		return nil, err
	}
	c := &Compatibility{usable: map[Usable]int{}}
	installed := PackagesOf(inv.Installed)
	installedAs := map[string]*inventory.Installed{} // by cpv
	for i := range inv.Installed {
		installedAs[inv.Installed[i].CPV] = &inv.Installed[i]
	}
	judge := func(b *binpkgs.Binpkg) *JudgedBinpkg {
		p := installedAs[b.CPV]
		return accept.JudgeBinpkg(b, p != nil && p.BuildTime == b.BuildTime)
	}
	files := make([]answered, len(inv.Binpkgs))
	for i := range inv.Binpkgs {
		files[i].Binpkg = &inv.Binpkgs[i]
	}
	slices.SortFunc(files, func(a, b answered) int {
		return cmp.Or(strings.Compare(a.Dir.Path, b.Dir.Path), strings.Compare(a.Path, b.Path))
	})
	all := installed.With(MembersOf(inv.Binpkgs, judge, (*JudgedBinpkg).mergeable))
	for i := range files {
		j := judge(files[i].Binpkg)
		reasons := slices.Concat(j.File, j.Own, j.place)
		if j.Metadata != nil {
			reasons = append(reasons, JudgeDependencies(j, installed, all)...)
			reasons = append(reasons, judgeInstalled(j, installedAs[j.CPV])...)
			if o.Ebuild != nil {
				if ebuild, ok := o.Ebuild(j.Repo, j.CPV); ok {
					reasons = append(reasons, judgeEbuild(&j.Pkg, j.Metadata, ebuild)...)
				}
			}
		}
		files[i].reasons = slices.Clip(reasons)
		c.usable[Usability(reasons)]++
		if c.Findings, err = findRefusals(c.Findings, &files[i], o.Needed); err != nil {
			return nil, err
		}
	}
	place, err := db.FindPlace()
	if err != nil {
		return nil, err
	}
	c.Rows = func(yield func(*CompatibilityRow, error) bool) {
		for i := range files {
			if !yield(files[i].row(place), nil) {
				return
			}
		}
	}
	return c, db.Finish(c.Findings)
}

// PackagesOf returns the installed packages as transition sees them.
func PackagesOf(installed []inventory.Installed) *transition.Packages {
	w := transition.NewPackages()
	for i := range installed {
		p := &installed[i]
		if cpv, err := atom.ParseCPV(p.CPV); err == nil && p.Metadata != nil {
			w.Add(transition.NewMember(PackageOfMetadata(cpv, p.Slot, p.SubSlot, p.Repo, p.BuildID, p.Metadata), p.Metadata))
		}
	}
	return w
}

// MembersOf returns a function that finds the binary packages of a cp that count. It
// judges them when asked, because there may be many.
func MembersOf(files []binpkgs.Binpkg, judge func(*binpkgs.Binpkg) *JudgedBinpkg, counts func(*JudgedBinpkg) bool) func(cp string) []*transition.Member {
	byCP := map[string][]*binpkgs.Binpkg{}
	for i := range files {
		if b := &files[i]; b.Metadata != nil && b.CPV != "" {
			cp := audit.PackageOf(b.CPV)
			byCP[cp] = append(byCP[cp], b)
		}
	}
	members := map[string][]*transition.Member{}
	return func(cp string) []*transition.Member {
		all, ok := members[cp]
		if !ok {
			for _, b := range byCP[cp] {
				if j := judge(b); counts(j) {
					all = append(all, transition.NewMember(j.Pkg, j.Metadata))
				}
			}
			members[cp] = all
		}
		return all
	}
}

// JudgeDependencies reports dependencies that are neither installed nor available
// as binary packages. --usepkgonly cannot satisfy them.
func JudgeDependencies(j *JudgedBinpkg, installed, all *transition.Packages) []Reason {
	var reasons []Reason
	m := transition.NewMember(j.Pkg, j.Metadata)
	m.Merged = true
	for _, u := range installed.UnsatisfiedOnce(m) {
		switch u.Kind {
		case transition.NeedBlocker:
			reasons = append(reasons, Reason{Code: "blocked", Detail: "it blocks what is installed: " + u.Dependency, Effect: EffectNote})
			continue
		case transition.NeedInvalid:
			reasons = append(reasons, Reason{Code: audit.CodeMetadataInvalid, Detail: u.Dependency, Effect: EffectRefused})
			continue
		case transition.NeedSoname:
			continue
		}
		if all.Satisfies(m, u) {
			reasons = append(reasons, Reason{Code: audit.CodeNeedsOthers, Detail: "it needs " + u.Dependency + ", which is not installed but has a binary package: merge both together", Effect: EffectNote})
			continue
		}
		code := map[string]string{transition.NeedSlotOperator: audit.CodeSlotOperatorStale, transition.NeedLibc: audit.CodeLibcNewer}[u.Kind]
		reasons = append(reasons, Reason{
			Code: cmp.Or(code, audit.CodeDependencyMissing), Effect: EffectRefused,
			Detail: "it needs " + u.Dependency + ", which is neither installed nor available as a binary package",
		})
	}
	return reasons
}

// judgeInstalled compares a build with the installed build of the same version, which
// may be nil.
func judgeInstalled(j *JudgedBinpkg, p *inventory.Installed) []Reason {
	if p == nil || p.Metadata == nil || p.BuildTime == j.BuildTime {
		return nil
	}
	if equal, diff := binpkgs.DiffUse(p.Metadata.Use, j.Metadata.Use); !equal {
		return []Reason{{Code: audit.CodeUseDiffers, Detail: "USE differs from what is installed: " + diff, Effect: EffectNote}}
	}
	return nil
}

// findRefusals adds a finding for each reason for which Portage refuses a binary
// package.
func findRefusals(findings []audit.Finding, a *answered, needed func(cpv string) (bool, error)) ([]audit.Finding, error) {
	file := ""
	for _, reason := range mostUrgent(a.reasons) {
		if reason.Effect == EffectNote {
			continue
		}
		file = cmp.Or(file, a.Source())
		f := audit.Finding{
			Code: reason.Code, Severity: audit.SeverityWarning, Subject: file, Message: reason.Detail,
			Evidence: []audit.Evidence{{Source: file}}, Remedy: reason.SettleWith,
		}
		if f.Remedy.IsZero() {
			f.Remedy = RemedyOf(reason.Code, a.CPV, a.Path)
		}
		if needed != nil && f.Remedy.Program() == "emerge" && reason.SettleWith.IsZero() {
			switch keep, err := needed(a.CPV); {
			case err != nil:
				return nil, err
			case !keep:
				f.Remedy = audit.Do(audit.Emaudit("prune", "--explain", file))
			}
		}
		if reason.Effect == EffectUnknown {
			f.Severity = audit.SeverityInfo
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// mostUrgent drops reasons that only count after another problem is solved. While a
// file is damaged, or in a place that Portage does not read, its current metadata
// and index entry say nothing about the future.
func mostUrgent(reasons []Reason) []Reason {
	for i, reason := range reasons {
		if reason.Code == audit.CodeBinpkgDamaged || reason.Code == audit.CodeBinpkgUnseen {
			return reasons[i : i+1]
		}
	}
	return reasons
}

// RemedyOf returns the remedy for a refusal with the given code of the file of a version.
func RemedyOf(code, cpv, file string) audit.Remedy {
	switch code {
	case audit.CodeNotIndexed, audit.CodeIndexStale, audit.CodeIndexDigestMismatch:
		return audit.Do(audit.FixIndex)
	case audit.CodeKeywordsRefused:
		return audit.Do(audit.AppendLine("="+cpv+" **", "/etc/portage/package.accept_keywords"))
	case audit.CodeLicenseRefused:
		return audit.Do(audit.AppendLine("="+cpv+" *", "/etc/portage/package.license"))
	case audit.CodePackageMasked:
		return audit.Do(audit.AppendLine("="+cpv, "/etc/portage/package.unmask"))
	case audit.CodeBinpkgDamaged, audit.CodeMetadataInvalid, audit.CodeEAPIRefused, audit.CodeCHOSTRefused, audit.CodeMarchRefused, audit.CodeCPUFlagsRefused:
		if cpv != "" {
			return audit.Do(binpkgs.PackageOnlyCommand(cpv))
		}
	}
	return audit.Do(audit.Emaudit("show", cmp.Or(cpv, file)))
}
