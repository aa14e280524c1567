package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/parse/emergelog"
	"emaudit/store"
)

// candidate is a binary package that could be put in the place of a build of
// the past.
type candidate struct {
	*judgedBinpkg
	match   CoverageVerdict
	usable  Usable
	equal   bool // its USE is that of the build, as far as that is known
	reasons []Reason
}

// choose finds the binary package for one change: the very build if it is
// usable, else another build of the version.
func (j *rollbackJudge) choose(r *Rollback, c *RollbackChange, target *state) error {
	want := j.past.buildOf(c.to)
	var all []candidate
	for _, b := range j.past.byCPV[c.to.cpv] {
		match := want.matches(b)
		j.past.describe(b)
		judged, err := j.judgeBinpkg(b, match != CoverageSameVersion)
		if err != nil {
			return err
		}
		reasons := slices.Concat([]Reason{}, judged.file, judged.own)
		x := candidate{judgedBinpkg: judged, match: match, usable: usability(reasons), reasons: reasons, equal: true}
		if want.metadata != nil && b.Metadata != nil {
			x.equal, _ = diffUse(want.metadata.Use, b.Metadata.Use)
		}
		all = append(all, x)
	}
	slices.SortStableFunc(all, compareCandidates)
	if len(all) == 0 || all[0].usable == UsableNo {
		gap := j.gap(r, c, all)
		if c.Action == ActionReinstall && gap.Cause == "damaged" && slices.ContainsFunc(all, candidate.holdsDevice) {
			// No binary package of it can ever be merged: what is installed now
			// was built in place.
			j.stay(r, c, target, gap)
			return nil
		}
		c.Usable = UsableNo
		if len(all) > 0 {
			c.Reasons = append(c.Reasons, all[0].reasons...)
		} else {
			c.Reasons = append(c.Reasons, Reason{Code: gap.Cause, Detail: gap.Detail, Effect: EffectRefused})
		}
		r.Gaps = append(r.Gaps, gap)
		return nil
	}
	best := all[0]
	if c.Action == ActionReinstall && best.match == CoverageSameVersion && j.past.buildOf(c.from).matches(best.binpkg) != CoverageSameVersion {
		j.stay(r, c, target, j.gap(r, c, nil))
		return nil
	}
	c.Instance, c.Match, c.Integrity, c.Unpacked, c.Usable, c.chosen = best.ref(), best.match, best.Integrity, best.ImageChecked, best.usable, best.judgedBinpkg
	c.Reasons = append(c.Reasons, best.reasons...)
	if best.Metadata != nil && c.from != nil {
		if from := j.past.buildOf(c.from); from.metadata != nil {
			_, c.Use = diffUse(from.metadata.Use, best.Metadata.Use)
			c.Dependencies = compareDependencies(from.metadata, best.Metadata)
		}
	}
	j.doubt(r, c, want, len(all))
	return nil
}

// stay handles a build that cannot be had while another of its version is
// installed. That one may stay, unless it is the very run to be undone that put
// it there: a rollback that leaves what the run did is none.
func (j *rollbackJudge) stay(r *Rollback, c *RollbackChange, target *state, gap Gap) {
	if run := target.target.Run; run != nil && c.from.merge != nil && c.from.merge.Merge.Run == *run {
		c.Usable = UsableNo
		c.Reasons = append(c.Reasons, Reason{Code: gap.Cause, Detail: gap.Detail, Effect: EffectRefused})
		r.Gaps = append(r.Gaps, gap)
		return
	}
	c.Stays = true
	c.Reasons = append(c.Reasons, Reason{Code: gap.Cause, Detail: gap.Detail, Effect: EffectNote})
	r.Findings = append(r.Findings, Finding{
		Code: "rollback-other-build", Severity: SeverityWarning, Subject: *c.To, Evidence: []Evidence{{Source: path.Join(j.vdb, *c.From)}},
		Message: "the build of then cannot be had (" + gap.Detail + "); the one that is installed now stays in its place", Remedy: "emaudit show " + *c.To,
	})
}

// holdsDevice tells that Portage would not extract the file.
func (c candidate) holdsDevice() bool {
	return slices.ContainsFunc(c.reasons, func(r Reason) bool { return r.Code == "image-device" })
}

// compareCandidates puts the best first.
func compareCandidates(a, b candidate) int {
	refused := func(c candidate) int { return b2i(c.usable == UsableNo) }
	lossy := func(c candidate) int { return b2i(c.Origin == "quickpkg") }
	return cmp.Or(
		refused(a)-refused(b),
		a.match.rank()-b.match.rank(),
		b2i(!a.equal)-b2i(!b.equal),
		lossy(a)-lossy(b),
		b2i(a.usable != UsableYes)-b2i(b.usable != UsableYes),
		b2i(a.Integrity != "whole")-b2i(b.Integrity != "whole"),
		b2i(!a.entryCurrent())-b2i(!b.entryCurrent()),
		cmp.Compare(b.BuildTime, a.BuildTime),
		strings.Compare(a.source(), b.source()),
	)
}

func (j *rollbackJudge) judgeBinpkg(b *binpkg, here bool) (*judgedBinpkg, error) {
	// What was installed here before, only the processor's verdict knows of.
	if judged, ok := j.judged[b]; ok && here {
		return judged, nil
	}
	judged, err := j.accept.judgeBinpkg(b, here)
	if err == nil && here {
		j.judged[b] = judged
	}
	return judged, err
}

// doubt reports what is not as it should be with the chosen file.
func (j *rollbackJudge) doubt(r *Rollback, c *RollbackChange, want build, candidates int) {
	file := c.chosen
	warn := func(code, remedy, format string, args ...any) {
		r.Findings = append(r.Findings, Finding{
			Code: code, Severity: SeverityWarning, Subject: *c.To, Message: fmt.Sprintf(format, args...),
			Evidence: []Evidence{{Source: file.source()}}, Remedy: remedy,
		})
	}
	for _, reason := range c.Reasons {
		switch {
		case reason.Effect == EffectUnknown:
			r.Unknowns = append(r.Unknowns, Unknown{Code: reason.Code, Detail: *c.To + ": " + reason.Detail, SettleWith: reason.SettleWith})
		case reason.Effect == EffectNote:
			warn("rollback-lossy", "emaudit verify "+shellQuote(file.Path), "%s: %s", file.Path, reason.Detail)
		}
	}
	switch remedy := "emaudit verify --images " + shellQuote(file.Path); {
	case file.Integrity != "whole":
		warn("rollback-unverified", remedy, "%s: whether it is whole is not known", file.unsure())
	case !file.ImageChecked:
		warn("rollback-unverified", remedy, "%s is whole, but its image was not unpacked: whether Portage can extract it is not known", file.Path)
	}
	if c.Match != CoverageSameVersion {
		return
	}
	diff := ""
	if want.metadata != nil && file.Metadata != nil {
		if equal, d := diffUse(want.metadata.Use, file.Metadata.Use); !equal {
			diff = "; USE differs: " + d
		}
	}
	if want.buildTime == 0 {
		warn("rollback-build-unknown", "emaudit show "+*c.To, "which build of it was installed is not known; %s is one of %d that are there%s", describeBuild(file.binpkg), candidates, diff)
		return
	}
	warn("rollback-other-build", "emaudit show "+*c.To, "the build of %s is not usable or not there; %s takes its place%s", day(want.buildTime), describeBuild(file.binpkg), diff)
}

// gap says why nothing covers a package, and what to do about it.
func (j *rollbackJudge) gap(r *Rollback, c *RollbackChange, refused []candidate) Gap {
	g := j.findGap(c, refused)
	if strings.HasPrefix(g.Remedy, "emerge ") && j.options.Ebuild != nil && j.options.Ebuild(g.CPV) == EbuildGone {
		g.Detail += "; no repository has its ebuild any more"
		g.Remedy = j.ebuildBack(r, g.CPV) + " && " + g.Remedy
	}
	return g
}

// ebuildBack brings an ebuild back that the repositories no longer have: from
// where it lies with what is installed, else from the repository of then.
func (j *rollbackJudge) ebuildBack(r *Rollback, cpv string) string {
	cp, ebuild := packageOf(cpv), path.Base(cpv)+".ebuild"
	if slices.ContainsFunc(j.past.installed, func(p store.Installed) bool { return p.CPV == cpv }) {
		dir := fmt.Sprintf("\"$(portageq get_repo_path / %s)\"/%s", shellQuote(j.mainRepository()), cp)
		return fmt.Sprintf("mkdir -p %s && cp %s %s && ebuild %s/%s manifest", dir, shellQuote(path.Join(j.vdb, cpv, ebuild)), dir, dir, ebuild)
	}
	if slices.Contains(j.accept.repositories, "gentoo") {
		if day := j.syncedBefore(r.Target.Time); day != "" {
			return "emerge-webrsync --revert=" + day
		}
	}
	return fmt.Sprintf("cd \"$(portageq get_repo_path / %s)\" && git checkout \"$(git rev-list -n1 HEAD -- %s)~\" -- %s", shellQuote(j.mainRepository()), path.Join(cp, ebuild), cp)
}

// mainRepository is the name of the repository on which the others rest.
func (j *rollbackJudge) mainRepository() string {
	if len(j.accept.repositories) == 0 {
		return "gentoo"
	}
	return j.accept.repositories[0]
}

func (j *rollbackJudge) findGap(c *RollbackChange, refused []candidate) Gap {
	g := Gap{CPV: *c.To}
	rebuild := fmt.Sprintf("emerge --usepkg=n --buildpkgonly --oneshot \"=%s\"", g.CPV)
	g.Remedy = rebuild
	if len(refused) > 0 {
		worst := refused[0]
		i := slices.IndexFunc(worst.reasons, func(x Reason) bool { return x.Effect == EffectRefused })
		reason := worst.reasons[i]
		g.Detail = fmt.Sprintf("%s: %s", worst.Path, reason.Detail)
		switch reason.Code {
		case "binpkg-damaged", "metadata-invalid", "signature-invalid":
			g.Cause = "damaged"
		case "image-device":
			// No binary package of it can be merged, however often it is built.
			g.Cause, g.Remedy = "damaged", fmt.Sprintf("emerge --oneshot --usepkg=n \"=%s\"", g.CPV)
		case "binpkg-unseen":
			g.Cause = "unaddressable"
		default:
			g.Cause = "masked"
			g.Remedy = remedyOf(reason.Code, &CompatibilityRow{CPV: g.CPV, Path: worst.Path})
		}
		return g
	}
	if unread := j.past.unread[g.CPV]; len(unread) > 0 {
		g.Cause, g.Detail, g.Remedy = "damaged", unread[0].Path+" could not be read", rebuild
		if unread[0].Structure == "unknown" {
			g.Cause, g.Remedy = "unknown", remedyPermissions
		}
		return g
	}
	want := c.to.merge
	switch {
	case len(j.past.gone[g.CPV]) > 0:
		last := j.past.gone[g.CPV][len(j.past.gone[g.CPV])-1]
		g.Cause, g.Detail = "pruned", fmt.Sprintf("%s was there until %s", last.Path, day(last.GoneAt))
	case len(j.past.lostOf(g.CPV)) > 0:
		g.Cause, g.Detail = "pruned", fmt.Sprintf("Packages still lists %s, and the file is gone", j.past.lostOf(g.CPV)[0].Path)
	case want != nil && want.Kind == emergelog.KindBinary:
		g.Cause, g.Detail = "pruned", fmt.Sprintf("it was merged from %s, which is gone", cmp.Or(want.Binpkg, "a binpkg"))
	case want != nil && want.Kind == emergelog.KindSource && want.Packaged:
		g.Cause, g.Detail = "pruned", fmt.Sprintf("it was packaged on %s, and no file of it is there", day(mergedAt(want)))
	case want != nil && want.Kind == emergelog.KindSource:
		g.Cause, g.Detail = "never-built", fmt.Sprintf("it was merged without --buildpkg on %s", day(mergedAt(want)))
	default:
		g.Cause, g.Detail = "unknown", "emerge.log does not tell whether it was ever packaged"
	}
	return g
}
