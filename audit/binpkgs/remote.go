package binpkgs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// RemoteOffer is a build that a binhost offers, by its index as Portage downloaded
// it. Whether the binhost still offers it is not known.
type RemoteOffer struct {
	Binhost   string `json:"binhost"`    // host and path of its address
	IndexedAt *int64 `json:"indexed_at"` // when the binhost wrote the index
	BuildTime *int64 `json:"build_time"`
	BuildID   *int64 `json:"build_id"`
	Size      *int64 `json:"size"` // bytes
}

// NewRemoteOffer returns what an answer says of an offer.
func NewRemoteOffer(o *inventory.Offer) *RemoteOffer {
	_, binhost, _ := strings.Cut(o.Folder, "/var/cache/edb/binhost/")
	return &RemoteOffer{Binhost: cmp.Or(binhost, o.Folder), IndexedAt: Known(o.IndexedAt), BuildTime: Known(o.BuildTime), BuildID: Known(o.BuildID), Size: Known(max(o.Size, 0))}
}

// OfOffer returns an offer as the binary package that it is once it is fetched, as far
// as the index tells. A format that Portage does not fetch is unknown.
func OfOffer(o *inventory.Offer) *Binpkg {
	b := &Binpkg{Instance: &inventory.Instance{Traits: &inventory.Traits{}}, Dir: &inventory.PkgDir{Path: o.Folder, Kind: inventory.KindRemote}}
	b.CPV, b.Path, b.Repo, b.BuildTime, b.BuildID, b.Size, b.MD5, b.SHA1 = o.CPV, o.Path, o.Repo, o.BuildTime, o.BuildID, max(o.Size, 0), o.MD5, o.SHA1
	b.Slot, b.SubSlot, _ = strings.Cut(o.Slot, "/")
	b.Metadata, b.Structure, b.Visible, b.Integrity, b.HasEnvironment = o.Metadata, inventory.StructureSound, true, binpkg.Unchecked, true
	switch {
	case strings.HasSuffix(o.Path, ".gpkg.tar"):
		b.Format = binpkg.FormatGpkg
	case strings.HasSuffix(o.Path, ".xpak") || strings.HasSuffix(o.Path, ".tbz2"):
		b.Format = binpkg.FormatXpak
	default:
		b.Format = binpkg.FormatUnknown
	}
	return b
}

// Age says of when the index is.
func (o *RemoteOffer) Age(now int64) string {
	if o.IndexedAt == nil {
		return "its index does not say of when it is"
	}
	return fmt.Sprintf("its index is of %s, %s old", audit.Day(*o.IndexedAt), audit.Counted(int(max(now-*o.IndexedAt, 0)/(24*3600)), "day", "days"))
}

// offersByCPV are what binhosts offer of the installed versions.
type offersByCPV map[string][]inventory.Offer

func remoteOffers(db audit.Database) (offersByCPV, error) {
	all, err := inventory.OffersOfInstalled(db.Tx, db.Host)
	offers := offersByCPV{}
	for _, o := range all {
		offers[o.CPV] = append(offers[o.CPV], o)
	}
	return offers, err
}

// of returns the offer of the build that is installed, or nil.
func (offers offersByCPV) of(p *inventory.Installed) *RemoteOffer {
	i := slices.IndexFunc(offers[p.CPV], func(o inventory.Offer) bool {
		return SameMD5(p.BinpkgMD5, o.MD5) || p.BuildTime != 0 && p.BuildTime == o.BuildTime
	})
	if i < 0 {
		return nil
	}
	return NewRemoteOffer(&offers[p.CPV][i])
}

// remoteFindings says which binhost alone has the binary packages of what is
// installed.
func remoteFindings(db audit.Database, rows []CoverageRow) []audit.Finding {
	var findings []audit.Finding
	packages := map[string][]string{}
	offer := map[string]*RemoteOffer{}
	for i := range rows {
		if r := &rows[i]; r.Verdict == CoverageRemote {
			packages[r.Remote.Binhost] = append(packages[r.Remote.Binhost], r.CPV)
			offer[r.Remote.Binhost] = r.Remote
		}
	}
	for binhost, all := range packages {
		findings = append(findings, audit.Finding{
			Code: "binpkg-remote", Severity: audit.SeverityInfo, Subject: binhost,
			Message:  fmt.Sprintf("of %s, only this binhost has the binary package: %s; %s", audit.Counted(len(all), "package", "packages"), strings.Join(all[:min(len(all), 3)], " "), offer[binhost].Age(db.Now)),
			Evidence: []audit.Evidence{}, Remedy: audit.Do(FetchCommand(all[0], offer[binhost].BuildID)).When("to have one here"),
		})
	}
	audit.SortFindings(findings)
	return findings
}

// FetchCommand downloads a binary package and merges nothing. A build id chooses
// among the builds of a version (portage(5), binpkg-multi-instance).
func FetchCommand(cpv string, buildID *int64) audit.Command {
	atom := "=" + cpv
	if buildID != nil {
		atom += fmt.Sprintf("-%d", *buildID)
	}
	return audit.Run("emerge", "--getbinpkg", "--usepkgonly", "--fetchonly", "--nodeps", "--oneshot", atom)
}
