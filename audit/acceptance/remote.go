package acceptance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/store"
	"emaudit/store/inventory"
)

// RemoteVerdict says what binhosts have instead of an installed package.
type RemoteVerdict string

// The verdicts about what binhosts offer.
const (
	RemoteSameBuild    RemoteVerdict = "same-build"    // the very build
	RemoteAccepted     RemoteVerdict = "accepted"      // another build of the version, which Portage would take
	RemoteUnknown      RemoteVerdict = "unknown"       // another build; whether Portage would take it is not known
	RemoteRefused      RemoteVerdict = "refused"       // another build, which Portage would not take
	RemoteOtherVersion RemoteVerdict = "other-version" // the package in other versions
	RemoteNone         RemoteVerdict = "none"          // nothing of the package
)

// remoteVerdicts are the verdicts, the best first.
var remoteVerdicts = []RemoteVerdict{RemoteSameBuild, RemoteAccepted, RemoteUnknown, RemoteRefused, RemoteOtherVersion, RemoteNone}

// RemoteRow is the answer for one installed package.
type RemoteRow struct {
	CPV     string        `json:"cpv"`
	Slot    string        `json:"slot"`
	Verdict RemoteVerdict `json:"verdict"`
	// Offered is the version of Offer; of other-version the newest, if possible of the
	// same slot. Both are empty where nothing is offered.
	Offered string               `json:"offered"`
	Offer   *binpkgs.RemoteOffer `json:"offer"`
	Reasons []Reason             `json:"reasons"`
}

// RemoteCoverage answers what the binhosts have of each installed package, and why
// Portage would compile it nevertheless.
type RemoteCoverage struct {
	Rows []RemoteRow `json:"remote"`
	// Binhosts are the folders of the indexes that were read.
	Binhosts []string        `json:"binhosts"`
	Findings []audit.Finding `json:"-"`
}

// Count returns the number of rows with the given verdict.
func (c *RemoteCoverage) Count(v RemoteVerdict) (n int) {
	for i := range c.Rows {
		if c.Rows[i].Verdict == v {
			n++
		}
	}
	return n
}

// AuditRemote compares the installed packages with what binhosts offer, by the
// indexes that Portage downloaded.
func AuditRemote(db audit.Database) (*RemoteCoverage, error) {
	inv, err := binpkgs.TakeInventory(db, true)
	if err != nil {
		return nil, err
	}
	accept, err := TakeAcceptance(db)
	if err != nil {
		return nil, err
	}
	folders, err := inventory.RemoteFolders(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	offered, err := inventory.OffersOfNames(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	c := &RemoteCoverage{Rows: []RemoteRow{}, Binhosts: []string{}, Findings: []audit.Finding{}}
	for _, f := range folders {
		if f.IndexCondition == inventory.IndexPresent {
			c.Binhosts = append(c.Binhosts, f.Path)
		}
	}
	judge := func(b *binpkgs.Binpkg) *JudgedBinpkg {
		return accept.JudgeBinpkg(b, slices.ContainsFunc(inv.Installed, func(p inventory.Installed) bool { return p.CPV == b.CPV && p.BuildTime == b.BuildTime }))
	}
	files := slices.Clone(inv.Binpkgs)
	of := map[string][]*remoteBuild{}
	for i := range offered {
		j := judge(binpkgs.OfOffer(&offered[i]))
		files = append(files, *j.Binpkg)
		cp := audit.PackageOf(j.CPV)
		of[cp] = append(of[cp], &remoteBuild{&offered[i], j})
	}
	installed := PackagesOf(inv.Installed)
	all := installed.With(MembersOf(files, judge, (*JudgedBinpkg).mergeable))
	for i := range inv.Installed {
		p := &inv.Installed[i]
		row := remoteRow(p, of[audit.PackageOf(p.CPV)], func(b *remoteBuild) []Reason {
			reasons := slices.Concat(b.judged.File, b.judged.Own)
			if b.Metadata != nil {
				reasons = append(reasons, JudgeDependencies(b.judged, installed, all)...)
				reasons = append(reasons, judgeUse(p, b.Metadata)...)
			}
			return reasons
		})
		c.Rows = append(c.Rows, row)
	}
	slices.SortFunc(c.Rows, func(a, b RemoteRow) int { return binpkgs.CompareCPV(a.CPV, b.CPV) })
	place, err := db.FindPlace()
	for _, row := range c.Rows {
		for i := range row.Reasons {
			row.Reasons[i].SettleWith = row.Reasons[i].SettleWith.At(place)
		}
	}
	c.Findings = c.findings()
	place.Put(c.Findings)
	return c, err
}

// remoteBuild is an offer with what Portage would say of it.
type remoteBuild struct {
	*inventory.Offer
	judged *JudgedBinpkg
}

// remoteRow finds the best of what is offered of an installed package.
func remoteRow(p *inventory.Installed, all []*remoteBuild, judge func(*remoteBuild) []Reason) RemoteRow {
	row := RemoteRow{CPV: p.CPV, Slot: binpkgs.JoinSlot(p.Slot, p.SubSlot), Verdict: RemoteNone, Reasons: []Reason{}}
	rank := func(v RemoteVerdict) int { return slices.Index(remoteVerdicts, v) }
	for _, b := range all {
		verdict, reasons := RemoteOtherVersion, []Reason{}
		if b.CPV == p.CPV {
			reasons = append(reasons, judge(b)...)
			switch Usability(reasons) {
			case UsableNo:
				verdict = RemoteRefused
			case UsableUnknown:
				verdict = RemoteUnknown
			default:
				verdict = RemoteAccepted
			}
			if verdict != RemoteRefused && (binpkgs.SameMD5(p.BinpkgMD5, b.MD5) || p.BuildTime != 0 && p.BuildTime == b.BuildTime) {
				verdict = RemoteSameBuild
			}
		}
		better := rank(verdict) < rank(row.Verdict)
		if verdict == RemoteOtherVersion && row.Verdict == verdict {
			better = cmp.Or(audit.CompareBools(b.judged.Slot == p.Slot, slotOf(row.Offered, all) == p.Slot), binpkgs.CompareCPV(b.CPV, row.Offered)) > 0
		}
		if better {
			row.Verdict, row.Offered, row.Offer, row.Reasons = verdict, b.CPV, binpkgs.NewRemoteOffer(b.Offer), reasons
		}
	}
	return row
}

func slotOf(cpv string, all []*remoteBuild) string {
	i := slices.IndexFunc(all, func(b *remoteBuild) bool { return b.CPV == cpv })
	return all[i].judged.Slot
}

// judgeUse compares the USE flags of an offer with those of the installed build. The
// installed build stands for the configuration, with which Portage compares
// (depgraph.py, --binpkg-respect-use); an index and the VDB differ in the flags that
// are in no IUSE.
func judgeUse(p *inventory.Installed, m *store.Metadata) []Reason {
	if p.Metadata == nil {
		return []Reason{{
			Code: audit.CodeUseUnknown, Effect: EffectUnknown, Detail: "with which USE flags the package is installed could not be read",
			SettleWith: audit.Do(audit.Run("emerge", "-pv", "="+p.CPV)),
		}}
	}
	counts := map[string]bool{}
	for flag := range strings.FieldsSeq(p.Metadata.IUse + " " + m.IUse) {
		counts[strings.TrimLeft(flag, "+-")] = true
	}
	of := func(use string) string {
		return strings.Join(slices.DeleteFunc(strings.Fields(use), func(flag string) bool { return !counts[flag] }), " ")
	}
	if equal, diff := binpkgs.DiffUse(of(p.Metadata.Use), of(m.Use)); !equal {
		return []Reason{{Code: audit.CodeUseDiffers, Effect: EffectRefused, Detail: "USE differs from what is installed: " + diff}}
	}
	return nil
}

// findings has one finding for each reason why what a binhost has is not taken.
func (c *RemoteCoverage) findings() []audit.Finding {
	findings := []audit.Finding{}
	if len(c.Binhosts) == 0 {
		return append(findings, audit.Finding{
			Code: "binhost-unknown", Severity: audit.SeverityInfo, Subject: "binhost", Message: "no index of a binhost is here: what binhosts offer is not known",
			Evidence: []audit.Evidence{}, Remedy: audit.Do(audit.Run("emerge", "--pretend", "--getbinpkg", "--update", "@world")).When("where a binhost is configured, to download its index"),
		})
	}
	of := map[string][]*RemoteRow{}
	first := map[string]Reason{}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Verdict != RemoteRefused {
			continue
		}
		k := slices.IndexFunc(r.Reasons, func(x Reason) bool { return x.Effect == EffectRefused })
		code := r.Reasons[k].Code
		if of[code] == nil {
			first[code] = r.Reasons[k]
		}
		of[code] = append(of[code], r)
	}
	for _, code := range slices.Sorted(maps.Keys(of)) {
		rows := of[code]
		f := audit.Finding{
			Code: "remote-refused", Severity: audit.SeverityInfo, Subject: code, Evidence: []audit.Evidence{},
			Message: fmt.Sprintf("a binhost has %s that emerge would not take: %s first: %s", audit.Counted(len(rows), "package", "packages"), rows[0].CPV, first[code].Detail),
			Remedy:  audit.Do(audit.Run("emerge", "-pvg", "--usepkgonly", "--nodeps", "="+rows[0].CPV)).When("to see what Portage says"),
		}
		switch code {
		case audit.CodeKeywordsRefused, audit.CodeLicenseRefused, audit.CodePackageMasked:
			f.Remedy = RemedyOf(code, rows[0].CPV, "")
		}
		findings = append(findings, f)
	}
	audit.SortFindings(findings)
	return findings
}
