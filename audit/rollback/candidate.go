package rollback

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/parse/binpkg"
	"emaudit/parse/emergelog"
	"emaudit/store/inventory"
)

// candidate is a binary package that could replace a build of the past.
type candidate struct {
	*acceptance.JudgedBinpkg
	match   binpkgs.CoverageVerdict
	usable  acceptance.Usable
	equal   bool // its USE equals that of the build, as far as known
	remote  bool // only a binhost has it
	reasons []acceptance.Reason
}

// Choose finds the binary package for one change: the same build if it is usable,
// otherwise another build of the version.
func (j *Judge) Choose(r *Rollback, c *Change) error {
	want := j.Past.BuildOf(c.After)
	var all []candidate
	remote := j.offersOf(audit.PackageOf(c.After.CPV))
	for _, b := range slices.Concat(j.Past.ByCPV[c.After.CPV], remote.files) {
		if b.CPV != c.After.CPV {
			continue
		}
		match := want.Matches(b)
		j.Past.Describe(b)
		judged := j.judgeBinpkg(b, match != binpkgs.CoverageSameVersion)
		reasons := slices.Concat([]acceptance.Reason{}, judged.File, judged.Own)
		x := candidate{JudgedBinpkg: judged, match: match, usable: acceptance.Usability(reasons), reasons: reasons, equal: true, remote: remote.of[b] != nil}
		if want.Metadata != nil && b.Metadata != nil {
			x.equal, _ = binpkgs.DiffUse(want.Metadata.Use, b.Metadata.Use)
		}
		all = append(all, x)
	}
	slices.SortStableFunc(all, compareCandidates)
	if len(all) == 0 || all[0].usable == acceptance.UsableNo {
		c.Usable = acceptance.UsableNo
		j.leave(r, c, j.gap(r, c, all))
		return nil
	}
	best := all[0]
	if c.Action == state.ActionReinstall && best.match == binpkgs.CoverageSameVersion && j.Past.BuildOf(c.Before).Matches(best.Binpkg) != binpkgs.CoverageSameVersion {
		// The best build is the installed one.
		j.leave(r, c, j.gap(r, c, nil))
		return nil
	}
	if m := failedPostinst(c.After); m != nil && !(best.match == binpkgs.CoverageSameVersion && best.BuildTime > m.At) {
		j.leave(r, c, Gap{
			CPV: *c.To, Cause: PhaseFailed, Remedy: audit.Do(audit.Emaudit("show", *c.To)),
			Detail: "its pkg_postinst failed on " + audit.Day(m.At) + ", and fails again for all that is known: emerge stops there, in the middle of the plan",
		})
		return nil
	}
	c.choose(j, &best)
	c.Reasons = append(c.Reasons, best.reasons...)
	if best.Metadata != nil && c.Before != nil {
		if from := j.Past.BuildOf(c.Before); from.Metadata != nil {
			_, c.Use = binpkgs.DiffUse(from.Metadata.Use, best.Metadata.Use)
			c.Dependencies = state.CompareDependencies(from.Metadata, best.Metadata)
		}
	}
	j.doubt(r, c, want, len(all))
	return nil
}

// leave leaves a slot as it is, because no file has the earlier build.
func (j *Judge) leave(r *Rollback, c *Change, gap Gap) {
	c.Stays = true
	c.Reasons = append([]acceptance.Reason{{Code: string(gap.Cause), Detail: gap.Detail, Effect: acceptance.EffectRefused}}, c.Reasons...)
	r.Gaps = append(r.Gaps, gap)
}

// failedPostinst returns the merge that shows that pkg_postinst of the restored build
// dies. Portage installs such a package nevertheless (vartree.py, merge), so the state
// was real. But emerge then merges no further package.
func failedPostinst(s *state.Installation) *state.Merge {
	if s == nil || s.Merge == nil || !s.Merge.PostinstFailed {
		return nil
	}
	return s.Merge
}

// compareCandidates orders candidates, the best first.
func compareCandidates(a, b candidate) int {
	return cmp.Or(
		audit.CompareBools(a.usable == acceptance.UsableNo, b.usable == acceptance.UsableNo),
		a.match.Rank()-b.match.Rank(),
		audit.CompareBools(a.remote, b.remote),
		audit.CompareBools(b.equal, a.equal),
		audit.CompareBools(a.Origin == binpkg.OriginQuickpkg, b.Origin == binpkg.OriginQuickpkg),
		audit.CompareBools(b.usable == acceptance.UsableYes, a.usable == acceptance.UsableYes),
		audit.CompareBools(b.Integrity == binpkg.Whole, a.Integrity == binpkg.Whole),
		audit.CompareBools(b.EntryCurrent(), a.EntryCurrent()),
		cmp.Compare(b.BuildTime, a.BuildTime),
		strings.Compare(a.Source(), b.Source()),
	)
}

func (j *Judge) judgeBinpkg(b *binpkgs.Binpkg, here bool) *acceptance.JudgedBinpkg {
	// Only the verdict about the processor knows which build was installed here.
	if judged, ok := j.judged[b]; ok && here {
		return judged
	}
	judged := j.Accept.JudgeBinpkg(b, here)
	if here {
		j.judged[b] = judged
	}
	return judged
}

// doubt reports what is wrong or unknown about the chosen file.
func (j *Judge) doubt(r *Rollback, c *Change, want state.Build, candidates int) {
	file := c.Chosen
	warn := func(code string, remedy audit.Remedy, format string, args ...any) {
		r.Findings = append(r.Findings, audit.Finding{
			Code: code, Severity: audit.SeverityWarning, Subject: *c.To, Message: fmt.Sprintf(format, args...),
			Evidence: []audit.Evidence{{Source: file.Source()}}, Remedy: remedy,
		})
	}
	for _, reason := range c.Reasons {
		switch {
		case reason.Effect == acceptance.EffectUnknown:
			r.Unknowns = append(r.Unknowns, Unknown{Code: reason.Code, Detail: *c.To + ": " + reason.Detail, SettleWith: reason.SettleWith})
		case reason.Effect == acceptance.EffectNote && reason.Code != acceptance.CodeHeld:
			warn(audit.CodeRollbackLossy, audit.Do(audit.Emaudit("verify", file.Path)), "%s: %s", file.Path, reason.Detail)
		}
	}
	switch {
	case c.Remote != nil: // remoteRisks says it
	case file.Integrity != binpkg.Whole:
		warn(audit.CodeRollbackUnverified, r.settle(file.Binpkg), "%s: whether it is whole is not known", file.Unsure())
	case !file.ImageChecked:
		warn(audit.CodeRollbackUnverified, audit.Do(r.Command.Plus("--verify")), "%s is whole, but its image was not unpacked: whether Portage can extract it is not known", file.Path)
	}
	if c.Match != binpkgs.CoverageSameVersion {
		return
	}
	diff := ""
	if want.Metadata != nil && file.Metadata != nil {
		if equal, d := binpkgs.DiffUse(want.Metadata.Use, file.Metadata.Use); !equal {
			diff = "; USE differs: " + d
		}
	}
	if want.BuildTime == 0 {
		warn(audit.CodeRollbackBuildUnknown, audit.Do(audit.Emaudit("show", *c.To)), "which build of it was installed is not known; %s is one of %d that are there%s", binpkgs.DescribeBuild(file.Binpkg), candidates, diff)
		return
	}
	warn(audit.CodeRollbackOtherBuild, audit.Do(audit.Emaudit("show", *c.To)), "the build of %s is not usable or not there; %s takes its place%s", audit.Day(want.BuildTime), binpkgs.DescribeBuild(file.Binpkg), diff)
}

// settle returns what shows whether a binary package of the plan will do: reading
// the files of the plan. Where no checksum vouches for a file, reading it again would
// show nothing, but a drill merges it.
func (r *Rollback) settle(b *binpkgs.Binpkg) audit.Remedy {
	if b.VerifiedAt == 0 {
		return audit.Do(r.Command.Plus("--verify"))
	}
	return audit.Do(r.Command.Instead("drill"))
}

// gap says why no file covers a package, and what to do about it.
func (j *Judge) gap(r *Rollback, c *Change, refused []candidate) Gap {
	g := j.findGap(c, refused)
	if g.Remedy.Program() == "emerge" && j.options.Ebuild != nil && j.options.Ebuild(g.CPV) == acceptance.EbuildGone {
		g.Detail += "; no repository has its ebuild any more"
		g.Remedy = j.ebuildBack(r, g.CPV, g.Remedy)
	}
	return g
}

// offered returns the entry of a binhost's index for an earlier build, or nil. If the
// build is unknown, it returns the newest one of the version.
func (j *Judge) offered(s *state.Installation) *binpkgs.RemoteOffer {
	if !j.binhosts {
		return nil
	}
	offers, err := inventory.Offers(j.Db.Tx, j.Db.Host, s.CPV)
	if err != nil {
		j.Past.Err = cmp.Or(j.Past.Err, err)
		return nil
	}
	build := j.Past.Identify(s)
	for i := range offers {
		if o := &offers[i]; build.BuildTime == 0 || build.BuildTime == o.BuildTime || binpkgs.SameMD5(build.MD5(), o.MD5) {
			return binpkgs.NewRemoteOffer(o)
		}
	}
	return nil
}

func (j *Judge) findGap(c *Change, refused []candidate) Gap {
	g := Gap{CPV: *c.To}
	build := audit.Run("emerge", "--usepkg=n", "--buildpkgonly", "--oneshot", "="+g.CPV)
	g.Remedy = audit.Do(build)
	if len(refused) > 0 {
		worst := refused[0]
		i := slices.IndexFunc(worst.reasons, func(x acceptance.Reason) bool { return x.Effect == acceptance.EffectRefused })
		reason := worst.reasons[i]
		g.Detail = fmt.Sprintf("%s: %s", worst.Path, reason.Detail)
		if worst.remote {
			g.Detail = "only a binhost has it: " + reason.Detail
		}
		switch reason.Code {
		case audit.CodeBinpkgDamaged, audit.CodeMetadataInvalid, binpkg.ProblemSignatureInvalid:
			g.Cause = Damaged
		case binpkg.ProblemImageDevice:
			// No binary package of it can be merged, also after another build.
			g.Cause, g.Remedy = Damaged, audit.Do(audit.Run("emerge", "--oneshot", "--usepkg=n", "="+g.CPV))
		case audit.CodeBinpkgUnseen:
			g.Cause = Unaddressable
		default:
			g.Cause = Masked
			g.Remedy = acceptance.RemedyOf(reason.Code, g.CPV, worst.Path)
		}
		return g
	}
	if unread := j.Past.Unread[g.CPV]; len(unread) > 0 {
		g.Cause, g.Detail, g.Remedy = Damaged, unread[0].Path+" could not be read", audit.Do(build)
		if unread[0].Structure == inventory.StructureUnknown {
			g.Cause, g.Remedy = CauseUnknown, audit.RemedyPermissions
		}
		return g
	}
	if offer := j.offered(c.After); offer != nil {
		g.Cause, g.Detail = Remote, fmt.Sprintf("the binhost %s offers it; %s", offer.Binhost, offer.Age(j.Db.Now))
		g.Remedy = audit.Do(binpkgs.FetchCommand(g.CPV, offer.BuildID)).When("fetch it, and ask again")
		return g
	}
	g.Remedy = audit.Do(j.Past.KeepOthers(build, g.CPV))
	want := c.After.Merge
	switch {
	case len(j.Past.Gone[g.CPV]) > 0:
		last := j.Past.Gone[g.CPV][len(j.Past.Gone[g.CPV])-1]
		g.Cause, g.Detail = Pruned, fmt.Sprintf("%s was there until %s", last.Path, audit.Day(last.GoneAt))
	case len(j.Past.LostOf(g.CPV)) > 0:
		g.Cause, g.Detail = Pruned, fmt.Sprintf("Packages still lists %s, and the file is gone", j.Past.LostOf(g.CPV)[0].Path)
	case want != nil && want.Kind == emergelog.KindBinary:
		g.Cause, g.Detail = Pruned, fmt.Sprintf("it was merged from %s, which is gone", cmp.Or(want.Binpkg, "a binpkg"))
	case want != nil && want.Kind == emergelog.KindSource && want.Packaged:
		g.Cause, g.Detail = Pruned, fmt.Sprintf("it was packaged on %s, and no file of it is there", audit.Day(want.At))
	case want != nil && want.Kind == emergelog.KindSource:
		g.Cause, g.Detail = NeverBuilt, fmt.Sprintf("it was merged without --buildpkg on %s", audit.Day(want.At))
	default:
		g.Cause, g.Detail = CauseUnknown, "emerge.log does not tell whether it was ever packaged"
	}
	return g
}
