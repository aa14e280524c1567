package rollback

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// offers are the builds of one package that binhosts offer, as the binary packages
// that they are once they are fetched.
type offers struct {
	files []*binpkgs.Binpkg
	of    map[*binpkgs.Binpkg]*inventory.Offer
}

// offersOf returns what binhosts offer of a package and a plan can fetch: what the
// index has metadata of, and Portage puts at a path that is known before.
func (j *Judge) offersOf(cp string) *offers {
	if o, ok := j.remote[cp]; ok || j.options.Local || !j.binhosts {
		return cmp.Or(o, &offers{})
	}
	o := &offers{of: map[*binpkgs.Binpkg]*inventory.Offer{}}
	if j.remote == nil {
		j.remote = map[string]*offers{}
	}
	j.remote[cp] = o
	all, err := inventory.OffersOfPackage(j.Db.Tx, j.Db.Host, cp)
	if err != nil {
		j.Past.Err = cmp.Or(j.Past.Err, err)
	}
	for i := range all {
		if b := j.fetchable(&all[i]); b != nil {
			o.files, o.of[b] = append(o.files, b), &all[i]
		}
	}
	return o
}

// fetchable returns the file that Portage makes of an offer in a new PKGDIR, or nil
// where its path depends on more than the offer (bintree.py, _allocate_filename and
// _allocate_filename_multi).
func (j *Judge) fetchable(o *inventory.Offer) *binpkgs.Binpkg {
	b := binpkgs.OfOffer(o)
	ending := map[binpkg.Format]string{binpkg.FormatGpkg: ".gpkg.tar", binpkg.FormatXpak: ".xpak"}[b.Format]
	multi := j.Accept.Features["binpkg-multi-instance"]
	switch {
	case ending == "" || o.Metadata == nil || multi && o.BuildID == 0:
		return nil
	case multi:
		b.Path = fmt.Sprintf("%s/%s-%d%s", audit.PackageOf(o.CPV), path.Base(o.CPV), o.BuildID, ending)
	case ending == ".xpak":
		b.Path = o.CPV + ".tbz2"
	default:
		b.Path = o.CPV + ending
	}
	return b
}

// choose makes a candidate the file of a change.
func (c *Change) choose(j *Judge, x *candidate) {
	c.Match, c.Integrity, c.Unpacked, c.Usable, c.Chosen = x.match, binpkgs.Reading(x.Instance), x.ImageChecked, x.usable, x.JudgedBinpkg
	if o := j.offersOf(audit.PackageOf(x.CPV)).of[x.Binpkg]; o != nil {
		c.Remote, c.offer = binpkgs.NewRemoteOffer(o), o
		return
	}
	c.Instance = x.Ref()
}

// remoteRisks says what the plan fetches, and that the index of a binhost does not
// show all that a file does.
func (j *Judge) remoteRisks(r *Rollback) {
	of := map[string][]*Change{}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Remote != nil && !c.Stays {
			of[c.Remote.Binhost] = append(of[c.Remote.Binhost], c)
		}
	}
	for _, binhost := range slices.Sorted(maps.Keys(of)) {
		var names []string
		for _, c := range of[binhost] {
			names = append(names, c.Chosen.CPV)
		}
		r.Risks = append(r.Risks, Risk{
			Code: "remote", Severity: audit.SeverityWarning,
			Detail: fmt.Sprintf("the plan fetches %s from the binhost %s: %s; %s. Whether the binhost still has them is not known, nor whether they are whole, what their signature says and which files they install",
				audit.Counted(len(names), "package", "packages"), binhost, listOf(names), of[binhost][0].Remote.Age(j.Db.Now)),
		})
	}
}

// Fetched are the packages that the plan fetches from binhosts.
func (r *Rollback) Fetched() (cpvs []string) {
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Remote != nil && !c.Stays {
			cpvs = append(cpvs, c.Chosen.CPV)
		}
	}
	return cpvs
}

// fetch downloads what only binhosts have, into the folder of the plan, and checks
// that each file is the one of the index. Portage puts it into PKGDIR, or into the
// folder of the binhost (BinpkgFetcher.py; bintree.py, getname_build_id).
func (p *planner) fetch(merges []*Change) []audit.Command {
	argv := []string{"emerge", "--ignore-default-opts", "--fetchonly", "--getbinpkg", "--usepkgonly", "--nodeps", "--oneshot"}
	var checks []audit.Command
	for _, c := range merges {
		if c.offer == nil {
			continue
		}
		atom := "=" + c.Chosen.CPV
		if c.Chosen.BuildID != 0 {
			atom += fmt.Sprintf("-%d", c.Chosen.BuildID)
		}
		argv = append(argv, atom)
		checks = append(checks, checkFetched(c.offer, path.Join(p.stage, c.Chosen.Path))...)
	}
	if len(checks) == 0 {
		return nil
	}
	return append([]audit.Command{audit.Run(argv...).With("PKGDIR=" + p.stage)}, checks...)
}

// checkFetched are lines of shell that fail where a file is not what an index
// promised. Each is one list without &&, which set -e would not stop at.
func checkFetched(o *inventory.Offer, file string) (lines []audit.Command) {
	quoted := audit.ShellQuote(file)
	if o.FetchedTo != "" {
		lines = append(lines, audit.Script(fmt.Sprintf("[ -s %s ] || cp -p %s %s", quoted, audit.ShellQuote(path.Join(o.FetchedTo, o.Path)), quoted)))
	}
	check := "[ -s " + quoted + " ]"
	switch {
	case len(o.SHA1) > 0:
		check = fmt.Sprintf("echo %s | sha1sum --check --quiet -", audit.ShellQuote(hex.EncodeToString(o.SHA1)+"  "+file))
	case len(o.MD5) > 0:
		check = fmt.Sprintf("echo %s | md5sum --check --quiet -", audit.ShellQuote(hex.EncodeToString(o.MD5)+"  "+file))
	case o.Size >= 0:
		check = fmt.Sprintf(`[ "$(wc -c < %s)" -eq %d ]`, quoted, o.Size)
	}
	return append(lines, audit.Script(check))
}
