package acceptance

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/transition"
	"emaudit/parse/atom"
	"emaudit/store"
	"emaudit/store/inventory"
)

// ClientRow is the answer for one binary package and one host that could get it.
type ClientRow struct {
	Host       string `json:"host"`
	KnownUntil int64  `json:"known_until"` // its last ingest, in unix seconds
	CompatibilityRow
}

// AuditClients answers for each binary package of the host that wanted selects, and
// for each of the clients, whether the client could use it with --getbinpkg, as far as
// the stored facts of both tell. What a client would also need may come from the same
// folder of binary packages. placeOf returns where the commands for a client are typed.
func AuditClients(db audit.Database, clients []store.HostSummary, wanted func(*binpkgs.Binpkg) bool, placeOf func(store.Host) audit.Place) ([]ClientRow, error) {
	inv, err := binpkgs.TakeInventory(db, true)
	if err != nil {
		return nil, err
	}
	offered := newOffered(inv)
	rows := []ClientRow{}
	here, err := db.FindPlace()
	if err != nil {
		return nil, err
	}
	for _, h := range clients {
		c, err := newClient(audit.Database{Tx: db.Tx, Host: h.ID, Now: db.Now}, offered)
		if err != nil {
			return nil, err
		}
		place := placeOf(h.Host)
		for i := range inv.Binpkgs {
			b := &inv.Binpkgs[i]
			if !wanted(b) {
				continue
			}
			row := ClientRow{Host: h.Name, KnownUntil: h.KnownUntil, CompatibilityRow: rowOf(b)}
			ofFile, ofClient := c.judge(b)
			row.Reasons = slices.Concat([]Reason{}, settledAt(here, ofFile), settledAt(place, ofClient))
			row.Usable = Usability(row.Reasons)
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b ClientRow) int {
		return cmp.Or(binpkgs.CompareCPV(a.CPV, b.CPV), strings.Compare(a.PkgDir, b.PkgDir), strings.Compare(a.Path, b.Path))
	})
	return rows, nil
}

// settledAt says where the remedies of reasons are typed.
func settledAt(place audit.Place, reasons []Reason) []Reason {
	for i := range reasons {
		reasons[i].SettleWith = reasons[i].SettleWith.At(place)
	}
	return reasons
}

// offered are the binary packages of a host, for its clients.
type offered struct {
	byCP      map[string][]*binpkgs.Binpkg
	providers map[atom.Soname][]string // the packages that are known to have a library
	libc      string                   // the newest C library that is installed on the host, a cpv
}

func newOffered(inv *binpkgs.Inventory) *offered {
	o := &offered{byCP: map[string][]*binpkgs.Binpkg{}, providers: map[atom.Soname][]string{}}
	provides := func(cpv string, m *store.Metadata) {
		if m == nil || m.Provides == "" {
			return
		}
		cp := audit.PackageOf(cpv)
		libraries, _ := atom.ParseSonames(m.Provides) // an unreadable list has none
		for _, s := range libraries {
			if !slices.Contains(o.providers[s], cp) {
				o.providers[s] = append(o.providers[s], cp)
			}
		}
	}
	for i := range inv.Installed {
		p := &inv.Installed[i]
		provides(p.CPV, p.Metadata)
		if transition.Libcs[audit.PackageOf(p.CPV)] && (o.libc == "" || binpkgs.CompareCPV(p.CPV, o.libc) > 0) {
			o.libc = p.CPV
		}
	}
	for i := range inv.Binpkgs {
		if b := &inv.Binpkgs[i]; b.CPV != "" && b.Visible && !b.Damaged() {
			provides(b.CPV, b.Metadata)
			cp := audit.PackageOf(b.CPV)
			o.byCP[cp] = append(o.byCP[cp], b)
		}
	}
	return o
}

// client is a host that could get binary packages of another one.
type client struct {
	accept    *Acceptance
	offered   *offered
	installed []inventory.Installed
	packages  *transition.Packages
	// all are the installed packages and what Portage would take of the offered ones.
	all       *transition.Packages
	provided  map[atom.Soname]bool
	required  map[atom.Soname]bool
	preserved map[string]bool // names of preserved libraries
	libc      string          // the newest C library that is installed, a cpv
	portage   string          // the installed Portage, a cpv
	judged    map[string][]*transition.Member
}

func newClient(db audit.Database, of *offered) (*client, error) {
	accept, err := TakeAcceptance(db)
	if err != nil {
		return nil, err
	}
	installed, err := inventory.InstalledWithMetadata(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	leftovers, err := inventory.Leftovers(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	c := &client{
		accept: accept, offered: of, installed: installed, packages: PackagesOf(installed),
		provided: map[atom.Soname]bool{}, required: map[atom.Soname]bool{}, preserved: map[string]bool{}, judged: map[string][]*transition.Member{},
	}
	for _, l := range leftovers {
		if l.Role == inventory.LeftoverLibrary {
			c.preserved[path.Base(l.Path)] = true
		}
	}
	for i := range installed {
		p := &installed[i]
		switch cp := audit.PackageOf(p.CPV); {
		case transition.Libcs[cp] && (c.libc == "" || binpkgs.CompareCPV(p.CPV, c.libc) > 0):
			c.libc = p.CPV
		case cp == "sys-apps/portage":
			c.portage = p.CPV
		}
		if p.Metadata == nil {
			continue
		}
		for list, text := range map[*map[atom.Soname]bool]string{&c.provided: p.Metadata.Provides, &c.required: p.Metadata.Requires} {
			libraries, _ := atom.ParseSonames(text) // Portage ignores what it cannot read of an installed package
			for _, s := range libraries {
				(*list)[s] = true
			}
		}
	}
	c.all = c.packages.With(c.take)
	return c, nil
}

// take returns the offered binary packages of a name that Portage would take on the
// client.
func (c *client) take(cp string) []*transition.Member {
	members, done := c.judged[cp]
	if done {
		return members
	}
	for _, b := range c.offered.byCP[cp] {
		j := c.accept.JudgeBinpkg(b, c.has(b))
		if b.Metadata != nil && Usability(j.File) != UsableNo && Usability(j.Own) != UsableNo {
			members = append(members, transition.NewMember(j.Pkg, j.Metadata))
		}
	}
	c.judged[cp] = members
	return members
}

// has reports whether the build is installed on the client, so that it has run there.
func (c *client) has(b *binpkgs.Binpkg) bool {
	return slices.ContainsFunc(c.installed, func(p inventory.Installed) bool {
		return p.CPV == b.CPV && p.BuildTime != 0 && p.BuildTime == b.BuildTime
	})
}

// judge returns the reasons about one binary package: those that its file is the cause
// of, and those that the client is.
func (c *client) judge(b *binpkgs.Binpkg) (ofFile, ofClient []Reason) {
	j := c.accept.JudgeBinpkg(b, c.has(b))
	if b.Metadata == nil {
		return j.File, nil
	}
	reasons := j.Own
	if len(c.installed) == 0 {
		return j.File, append(reasons, Reason{Code: "installed-unknown", Effect: EffectUnknown, Detail: "what is installed on the host is not known", SettleWith: audit.Do(audit.Emaudit("ingest"))})
	}
	reasons = append(reasons, JudgeDependencies(j, c.packages, c.all)...)
	reasons = append(reasons, c.judgeEAPI(b)...)
	reasons = append(reasons, c.judgeUse(j)...)
	reasons = append(reasons, c.judgeLibraries(j)...)
	return j.File, reasons
}

// knowsEAPI9 is the first version of Portage that supports EAPI 9 (NEWS of Portage).
// Versions without EAPI 8 are of 2021 and older.
const knowsEAPI9 = "sys-apps/portage-3.0.76"

func (c *client) judgeEAPI(b *binpkgs.Binpkg) []Reason {
	switch {
	case b.Metadata.EAPI != "9":
	case c.portage == "":
		return []Reason{{
			Code: "eapi-unknown", Effect: EffectUnknown, Detail: "it has EAPI 9, and the version of Portage is not known",
			SettleWith: audit.Do(audit.Run("emerge", "--version")),
		}}
	case binpkgs.CompareCPV(c.portage, knowsEAPI9) < 0:
		return []Reason{{Code: audit.CodeEAPIRefused, Effect: EffectRefused, Detail: "it has EAPI 9, which " + c.portage + " does not know"}}
	}
	return nil
}

// judgeUse compares the USE flags of a build with those of the installed package, which
// stand for the configuration of the client: with --getbinpkg, Portage takes no build
// with other flags (depgraph.py, --binpkg-respect-use).
func (c *client) judgeUse(j *JudgedBinpkg) []Reason {
	var of *inventory.Installed
	cp := audit.PackageOf(j.CPV)
	for i := range c.installed {
		p := &c.installed[i]
		if audit.PackageOf(p.CPV) == cp && p.Slot == j.Slot && (of == nil || p.CPV == j.CPV) {
			of = p
		}
	}
	settle := audit.Do(audit.Run("emerge", "-pv", "="+j.CPV))
	flags := map[string]bool{}
	for flag := range strings.FieldsSeq(j.Metadata.IUse) {
		flags[strings.TrimLeft(flag, "+-")] = true
	}
	switch {
	case len(flags) == 0:
		return nil
	case of == nil:
		return []Reason{{Code: audit.CodeUseUnknown, Effect: EffectUnknown, Detail: "it is not installed there, and which USE flags it would have is not known", SettleWith: settle}}
	case of.Metadata == nil:
		return []Reason{{Code: audit.CodeUseUnknown, Effect: EffectUnknown, Detail: "the USE flags of " + of.CPV + " could not be read", SettleWith: settle}}
	}
	known := map[string]bool{}
	for flag := range strings.FieldsSeq(of.Metadata.IUse) {
		known[strings.TrimLeft(flag, "+-")] = true
	}
	both := func(use string) string {
		return strings.Join(slices.DeleteFunc(strings.Fields(use), func(flag string) bool { return !flags[flag] || !known[flag] }), " ")
	}
	if equal, diff := binpkgs.DiffUse(both(of.Metadata.Use), both(j.Metadata.Use)); !equal {
		return []Reason{{Code: audit.CodeUseDiffers, Effect: EffectRefused, Detail: "USE differs from " + of.CPV + ", which is installed there: " + diff}}
	}
	var added []string
	for flag := range flags {
		if !known[flag] {
			added = append(added, flag)
		}
	}
	if len(added) > 0 {
		slices.Sort(added)
		return []Reason{{Code: audit.CodeUseUnknown, Effect: EffectUnknown, Detail: of.CPV + ", which is installed there, does not have these USE flags: " + strings.Join(added, " "), SettleWith: settle}}
	}
	return nil
}

// judgeLibraries reports libraries that the build needs and the client lacks. Portage
// does not check them by default (emerge(1), --ignore-soname-deps), and the programs
// would not start.
func (c *client) judgeLibraries(j *JudgedBinpkg) []Reason {
	needed, err := atom.ParseSonames(j.Metadata.Requires)
	if err != nil {
		return nil // the metadata is refused for it
	}
	own, _ := atom.ParseSonames(j.Metadata.Provides) // the same
	var reasons []Reason
	needsLibc := false
	for _, s := range needed {
		providers := c.offered.providers[s]
		needsLibc = needsLibc || slices.ContainsFunc(providers, func(cp string) bool { return transition.Libcs[cp] })
		switch {
		case c.provided[s], slices.Contains(own, s):
		case len(providers) == 0 && c.required[s]:
			// Other packages of the client need it as well, and no package says that it
			// has it.
		case c.preserved[s.Name]:
			reasons = append(reasons, Reason{Code: "soname-preserved", Effect: EffectNote, Detail: fmt.Sprintf("it needs %s, which is there only as a preserved library", s)})
		case len(providers) == 0:
			reasons = append(reasons, Reason{
				Code: audit.CodeSonameUnknown, Effect: EffectUnknown, Detail: fmt.Sprintf("it needs %s, and no known package has it", s),
				SettleWith: audit.Do(audit.Run("ldconfig", "-p")),
			})
		default:
			if cpv := c.takesProvider(providers, s); cpv != "" {
				reasons = append(reasons, Reason{Code: audit.CodeNeedsOthers, Effect: EffectNote, Detail: fmt.Sprintf("it needs %s, which %s has: merge both together", s, cpv)})
				continue
			}
			reasons = append(reasons, c.lacks(s, providers))
		}
	}
	if needsLibc {
		reasons = append(reasons, c.judgeLibc(j)...)
	}
	return reasons
}

// takesProvider returns an offered package that has a library and that Portage would
// take, or "".
func (c *client) takesProvider(providers []string, s atom.Soname) string {
	for _, cp := range providers {
		for _, m := range c.take(cp) {
			if libraries, _ := atom.ParseSonames(m.Metadata.Provides); slices.Contains(libraries, s) {
				return m.CPV()
			}
		}
	}
	return ""
}

// lacks returns the reason about a library that the client does not have.
func (c *client) lacks(s atom.Soname, providers []string) Reason {
	for i := range c.installed {
		p := &c.installed[i]
		if !slices.Contains(providers, audit.PackageOf(p.CPV)) {
			continue
		}
		if p.Metadata == nil || p.Metadata.Provides == "" {
			return Reason{Code: audit.CodeSonameUnknown, Effect: EffectUnknown, Detail: fmt.Sprintf("it needs %s, and which libraries %s has is not known", s, p.CPV), SettleWith: audit.Do(audit.Run("ldconfig", "-p"))}
		}
		return Reason{Code: audit.CodeSonameMissing, Effect: EffectRefused, Detail: fmt.Sprintf("it needs %s, and %s, which is installed there, has another version of it", s, p.CPV)}
	}
	return Reason{Code: audit.CodeSonameMissing, Effect: EffectRefused, Detail: fmt.Sprintf("it needs %s of %s, which is not installed there", s, strings.Join(providers, " or "))}
}

// judgeLibc compares the C library of the client with that of the host that offers the
// build. Portage adds the version to RDEPEND since 3.0.57 (doebuild.py,
// _inject_libc_dep); older builds do not say it, and may use symbols of the version
// that they were built with.
func (c *client) judgeLibc(j *JudgedBinpkg) []Reason {
	for cp := range transition.Libcs {
		if strings.Contains(j.Metadata.RDepend, ">="+cp+"-") {
			return nil
		}
	}
	settle := audit.Do(audit.Run("ldd", "--version"))
	switch {
	case c.has(j.Binpkg):
	case c.libc == "" || c.offered.libc == "":
		return []Reason{{Code: audit.CodeLibcUnknown, Effect: EffectUnknown, Detail: "which C library it was built with, or which one is installed there, is not known", SettleWith: settle}}
	case audit.PackageOf(c.libc) == audit.PackageOf(c.offered.libc) && binpkgs.CompareCPV(c.libc, c.offered.libc) >= 0:
	default:
		return []Reason{{
			Code: audit.CodeLibcUnknown, Effect: EffectUnknown, SettleWith: settle,
			Detail: fmt.Sprintf("it may have been built with %s, and %s is installed there; its metadata does not name the version that it needs", c.offered.libc, c.libc),
		}}
	}
	return nil
}
