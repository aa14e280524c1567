// Package acceptance judges whether Portage would accept a package, by keywords,
// masks, licences, CHOST, EAPI, processor flags and dependencies.
//
// It combines the lists of repositories, profile and administrator as Portage does
// (portage(5), PMS chapter 5).
package acceptance

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/config"
)

// Effect is the consequence of a reason for the use of a binary package.
type Effect string

// The effects.
const (
	EffectRefused Effect = "refused" // Portage does not accept it
	EffectUnknown Effect = "unknown" // files alone do not show it
	EffectNote    Effect = "note"    // Portage accepts it; for information
)

// CodeHeld is the code of a note about a binary package that a rollback holds back.
const CodeHeld = "held"

// Reason is one statement about the use of a binary package.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Effect Effect `json:"effect"`
	// SettleWith finds out what is unknown.
	SettleWith audit.Remedy `json:"settle_with,omitzero"`
}

// Usable says whether Portage accepts a binary package with --usepkgonly.
type Usable string

// The values of Usable.
const (
	UsableYes     Usable = "yes"
	UsableNo      Usable = "no"
	UsableUnknown Usable = "unknown"
)

// Usability combines reasons.
func Usability(reasons []Reason) Usable {
	u := UsableYes
	for _, r := range reasons {
		switch {
		case r.Effect == EffectRefused:
			return UsableNo
		case r.Effect == EffectUnknown:
			u = UsableUnknown
		}
	}
	return u
}

// Acceptance is the set of rules of a host about packages, as far as its files
// show. The rules also apply to binary packages, even with --usepkgonly
// (Package.py, _eval_masks).
type Acceptance struct {
	Settings       map[string]string
	Features       map[string]bool
	chosts         []*regexp.Regexp
	chostProblem   string
	keywords       []string // ACCEPT_KEYWORDS
	acceptKeywords packageList
	profileKeyword packageList
	mask, unmask   packageList
	categories     map[string]bool // nil if no list of categories was read
	licenses       packageList
	properties     packageList
	restricts      packageList
	groups         userconf.LicenseGroups
	profile        bool // a profile was found
	unread         []string
	processor      processor
	// Repositories are the names of the ebuild repositories, the main one first.
	Repositories []string
	// holds are lines of package.mask that rollbacks added.
	holds []held
	// MaskFiles are the mask files of the administrator.
	MaskFiles []string
	// flags caches parsed lists of USE flags, because most builds of a package have
	// equal ones.
	flags map[string]atom.Flags
	// accepted caches accepted values of LICENSE and similar variables that no
	// package list affects.
	accepted map[string]bool
}

// TakeAcceptance loads the rules of a host.
func TakeAcceptance(db audit.Database) (*Acceptance, error) {
	return audit.Once[acceptanceKey](db, func() (*Acceptance, error) { return loadAcceptance(db) })
}

type acceptanceKey struct{}

// NewAcceptance returns the rules of a host without any settings or files.
func NewAcceptance() *Acceptance {
	return &Acceptance{
		Settings: map[string]string{}, Features: map[string]bool{}, groups: userconf.LicenseGroups{},
		flags: map[string]atom.Flags{}, accepted: map[string]bool{},
	}
}

func loadAcceptance(db audit.Database) (*Acceptance, error) {
	a := NewAcceptance()
	settings, err := config.Settings(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	for name, s := range settings {
		a.Settings[name] = s.Value
	}
	for f := range strings.FieldsSeq(a.Settings["FEATURES"]) {
		a.Features[f] = true
	}
	a.keywords = strings.Fields(a.Settings["ACCEPT_KEYWORDS"])
	a.compileChosts()
	files, err := config.Files(db.Tx, db.Host, config.Mask, config.Unmask, config.AcceptKeywords, config.Keywords,
		config.License, config.Properties, config.Restrict, config.LicenseGroups, config.CPUInfo, config.Layout, config.Categories)
	if err != nil {
		return nil, err
	}
	masks, unmasks := maskStack{masters: map[string][]string{}}, maskStack{}
	layouts := slices.DeleteFunc(slices.Clone(files), func(f config.File) bool { return f.Kind != config.Layout })
	slices.SortStableFunc(layouts, func(x, y config.File) int { return cmp.Compare(x.Position, y.Position) })
	for i := range layouts {
		f := &layouts[i]
		masks.repos = append(masks.repos, f.Repo)
		if masters, named := readLayout(f.Content); named {
			masks.masters[f.Repo] = masters
		}
	}
	installed, err := takeInstalledNames(db)
	if err != nil {
		return nil, err
	}
	for i := range files {
		a.read(&files[i], &masks, &unmasks, installed)
	}
	unmasks.repos, a.Repositories = masks.repos, masks.repos
	a.mask, a.unmask = masks.list(true), unmasks.list(false)
	diags, err := db.Tx.Diagnostics(db.Host, store.SourceConfig)
	for _, d := range diags {
		a.unread = append(a.unread, d.Message)
	}
	// Only a profile sets ARCH.
	a.profile = a.Settings["ARCH"] != ""
	return a, err
}

// compileChosts prepares ACCEPT_CHOSTS, a list of regular expressions. If it is
// empty, only CHOST itself is accepted (config.py, _accept_chost).
func (a *Acceptance) compileChosts() {
	words := strings.Fields(a.Settings["ACCEPT_CHOSTS"])
	if len(words) == 0 {
		if chost := a.Settings["CHOST"]; chost != "" {
			words = []string{regexp.QuoteMeta(chost)}
		}
	}
	for _, w := range words {
		re, err := regexp.Compile("^(?:" + w + ")$")
		if err != nil {
			a.chostProblem = fmt.Sprintf("ACCEPT_CHOSTS has %q, which cannot be read", w)
			continue
		}
		a.chosts = append(a.chosts, re)
	}
}

// read adds one configuration file.
func (a *Acceptance) read(f *config.File, masks, unmasks *maskStack, installed map[string]bool) {
	repo := ""
	if f.Layer == config.LayerRepository {
		repo = f.Repo
	}
	lists := map[config.Kind]*packageList{
		config.AcceptKeywords: &a.acceptKeywords, config.Keywords: &a.profileKeyword,
		config.License: &a.licenses, config.Properties: &a.properties, config.Restrict: &a.restricts,
	}
	switch f.Kind {
	case config.Layout:
	case config.LicenseGroups:
		a.groups.Parse(f.Content)
	case config.CPUInfo:
		a.processor = parseProcessor(f.Content)
	case config.Categories:
		if a.categories == nil {
			a.categories = map[string]bool{}
		}
		for line := range strings.Lines(string(f.Content)) {
			line, _, _ = strings.Cut(line, "#")
			a.categories[strings.TrimSpace(line)] = true
		}
	case config.Mask, config.Unmask:
		stack := masks
		if f.Kind == config.Unmask {
			stack = unmasks
		} else if f.Layer == config.LayerUser {
			a.MaskFiles = append(a.MaskFiles, f.Path)
		}
		if repo != "" && !slices.Contains(masks.repos, repo) {
			masks.repos = append(masks.repos, repo) // a repository without layout.conf
		}
		entries := userconf.ParseAtoms(f.Content)
		for _, e := range a.readHolds(f, entries, installed) {
			if wildcardsCount(f) || !e.Atom.Wildcard {
				stack.add(f.Layer, listed{e, repo, f.Path, f.Path})
			}
		}
	default:
		entries := userconf.ParseValues(f.Content)
		for _, e := range entries {
			// The settings include lines that Portage moves to a variable.
			global := e.Text == userconf.EveryPackage && userconf.GlobalVariable(string(f.Kind)) != ""
			if (wildcardsCount(f) || !e.Atom.Wildcard) && !global {
				lists[f.Kind].add(listed{e, repo, f.Path, listSource(f)})
			}
		}
	}
}

// ParseFlags is like [atom.ParseFlags], with a cache.
func (a *Acceptance) ParseFlags(text string) atom.Flags {
	flags, ok := a.flags[text]
	if !ok {
		flags = atom.ParseFlags(text)
		a.flags[text] = flags
	}
	return flags
}

// wildcardsCount reports whether Portage accepts wildcards in a list, which it does
// only in files of the administrator (portage(5), extended atom syntax).
func wildcardsCount(f *config.File) bool { return f.Layer == config.LayerUser }

// PackageOfMetadata returns a build in the form that atoms match.
func PackageOfMetadata(cpv atom.CPV, slot, subslot, repo string, buildID int64, m *store.Metadata) atom.Package {
	return packageWithFlags(cpv, slot, subslot, repo, buildID, m, atom.ParseFlags)
}

func packageWithFlags(cpv atom.CPV, slot, subslot, repo string, buildID int64, m *store.Metadata, parse func(string) atom.Flags) atom.Package {
	p := atom.Package{CPV: cpv, Slot: slot, SubSlot: subslot, Repo: repo, BuildID: int(buildID)}
	if m != nil {
		iuse := m.IUseEffective
		if iuse == "" {
			iuse = m.IUse
		}
		p.USE, p.IUSE = parse(m.Use), parse(iuse)
	}
	return p
}

// judge returns the reasons of Portage about a build. It ignores the location of
// the file.
func (a *Acceptance) judge(p *atom.Package, m *store.Metadata) []Reason {
	var reasons []Reason
	note := func(effect Effect, code, format string, args ...any) {
		r := Reason{Code: code, Detail: fmt.Sprintf(format, args...), Effect: effect}
		if effect == EffectUnknown {
			r.SettleWith = audit.Do(audit.Run("emerge", "-pK", "="+p.CPV.String()))
		}
		reasons = append(reasons, r)
	}
	for _, u := range a.unread {
		note(EffectUnknown, "config-unread", "%s", u)
	}
	switch {
	case m.CHost == "":
	case a.chostProblem != "":
		note(EffectUnknown, audit.CodeCHOSTUnknown, "%s", a.chostProblem)
	case len(a.chosts) == 0:
		note(EffectUnknown, audit.CodeCHOSTUnknown, "built for %s; no CHOST was found in the settings", m.CHost)
	case !slices.ContainsFunc(a.chosts, func(re *regexp.Regexp) bool { return re.MatchString(m.CHost) }):
		note(EffectRefused, audit.CodeCHOSTRefused, "built for %s, but CHOST is %s", m.CHost, a.Settings["CHOST"])
	}
	if eapi := m.EAPI; eapi != "" && !atom.SupportedEAPI(eapi) {
		note(EffectRefused, audit.CodeEAPIRefused, "Portage does not know EAPI %s", eapi)
		return reasons
	}
	judgeMetadata(m, note)
	if category := p.CPV.Category; a.categories != nil && !a.categories[category] {
		note(EffectRefused, "category-unknown", "category %s is in no profiles/categories: Portage leaves it out when it makes an index", category)
	}
	a.judgeKeywords(p, m, note)
	a.judgeNames(p, m, note)
	if by := a.maskedBy(p); by != nil {
		note(EffectRefused, audit.CodePackageMasked, "%s has %s", by.path, by.Text)
	}
	if held := a.Holds(p); len(held) > 0 {
		note(EffectNote, CodeHeld, "a rollback holds it back: %s has %s", held[0].Path, held[0].Text)
	}
	return reasons
}

// judgeMetadata reports metadata that Portage cannot parse. Portage then rejects
// the package (Package.py, _validate_deps).
func judgeMetadata(m *store.Metadata, note reasonFunc) {
	for _, x := range []struct{ name, value string }{
		{"BDEPEND", m.BDepend}, {"DEPEND", m.Depend}, {"IDEPEND", m.IDepend}, {"PDEPEND", m.PDepend}, {"RDEPEND", m.RDepend},
	} {
		if strings.TrimSpace(x.value) == "" {
			continue
		}
		if _, err := atom.ParseDep(x.value, atom.DepAtoms, m.EAPI); err != nil {
			note(EffectRefused, audit.CodeMetadataInvalid, "%s: %v", x.name, err)
		}
	}
	for _, x := range []struct{ name, value string }{{"PROVIDES", m.Provides}, {"REQUIRES", m.Requires}} {
		if _, err := atom.ParseSonames(x.value); err != nil {
			note(EffectRefused, audit.CodeMetadataInvalid, "%s: %v", x.name, err)
		}
	}
}

type reasonFunc func(effect Effect, code, format string, args ...any)

// judgeKeywords compares the KEYWORDS that a build was made with. Later changes of
// the ebuild do not affect them (KeywordsManager.py, getMissingKeywords).
func (a *Acceptance) judgeKeywords(p *atom.Package, m *store.Metadata, note reasonFunc) {
	if len(a.keywords) == 0 || !a.profile {
		note(EffectUnknown, "keywords-unknown", "ACCEPT_KEYWORDS comes from the profile, which was not found")
		return
	}
	keywords := stackWords(strings.Fields(m.Keywords), a.profileKeyword.values(p, nil))
	var testing []string // the keywords that an atom without keywords accepts
	for _, k := range a.keywords {
		if k[0] != '~' && k[0] != '-' {
			testing = append(testing, "~"+k)
		}
	}
	accepted := stackWords(a.keywords, a.acceptKeywords.values(p, testing))
	if !acceptsKeywords(keywords, accepted) {
		shown := m.Keywords
		if shown == "" {
			shown = "none, as live ebuilds have"
		}
		note(EffectRefused, audit.CodeKeywordsRefused, "its KEYWORDS are %s; accepted: %s", shown, strings.Join(accepted, " "))
	}
}

// stackWords adds words to a list. "-x" removes x and "-*" removes all words.
func stackWords(words, more []string) []string {
	words = slices.Clone(words)
	for _, w := range more {
		switch {
		case w == "-*":
			words = words[:0]
		case w[0] == '-':
			words = slices.DeleteFunc(words, func(x string) bool { return x == w[1:] })
		case !slices.Contains(words, w):
			words = append(words, w)
		}
	}
	return words
}

// acceptsKeywords reports whether one of the keywords of a package is accepted.
func acceptsKeywords(keywords, accepted []string) bool {
	if slices.Contains(accepted, "**") {
		return true
	}
	stable, testing := false, false
	for _, k := range keywords {
		switch {
		case k == "*":
			return true
		case k == "~*":
			testing = true
			if slices.ContainsFunc(accepted, func(x string) bool { return x[0] == '~' }) {
				return true
			}
		case slices.Contains(accepted, k):
			return true
		case k[0] == '~':
			testing = true
		case k[0] != '-':
			stable = true
		}
	}
	return testing && slices.Contains(accepted, "~*") || stable && slices.Contains(accepted, "*")
}

// judgeNames compares LICENSE, PROPERTIES and RESTRICT.
func (a *Acceptance) judgeNames(p *atom.Package, m *store.Metadata, note reasonFunc) {
	for _, rule := range []struct {
		code, variable, value string
		list                  *packageList
		byDefault             string
		groups                bool
	}{
		{"license", "ACCEPT_LICENSE", m.License, &a.licenses, "", true},
		{"properties", "ACCEPT_PROPERTIES", m.Properties, &a.properties, "*", false},
		{"restrict", "ACCEPT_RESTRICT", m.Restrict, &a.restricts, "*", false},
	} {
		if strings.TrimSpace(rule.value) == "" {
			continue
		}
		setting := a.Settings[rule.variable]
		if setting == "" {
			setting = rule.byDefault
		}
		own := rule.list.matching(p)
		key := rule.code + " " + m.EAPI + " " + rule.value
		plain := len(own) == 0 && !strings.Contains(rule.value, "?")
		if plain && a.accepted[key] {
			continue
		}
		tokens := append(strings.Fields(setting), rule.list.values(p, nil)...)
		if len(tokens) == 0 {
			note(EffectUnknown, rule.code+"-unknown", "%s was not found in the settings", rule.variable)
			continue
		}
		if rule.groups {
			tokens = a.groups.Expand(tokens)
			if i := slices.IndexFunc(tokens, func(t string) bool {
				return strings.HasPrefix(strings.TrimPrefix(t, "-"), "@") && strings.TrimPrefix(t, "-@") != "EULA"
			}); i >= 0 {
				note(EffectUnknown, rule.code+"-unknown", "%s names the group %s, which no license_groups file defines", rule.variable, tokens[i])
				continue
			}
		}
		dep, err := atom.ParseDep(rule.value, atom.DepNames, m.EAPI)
		if err != nil {
			note(EffectRefused, audit.CodeMetadataInvalid, "%s: %v", strings.TrimPrefix(rule.variable, "ACCEPT_"), err)
			continue
		}
		ok, missing := dep.Reduce(p.USE).SatisfiedNames(func(name string) bool { return acceptsName(name, tokens) })
		switch {
		case !ok:
			note(EffectRefused, rule.code+"-refused", "%s does not accept %s", rule.variable, missing[0])
		case plain:
			a.accepted[key] = true
		}
	}
}

// acceptsName applies the tokens of ACCEPT_LICENSE or a similar variable in their
// order. The last token that concerns the name decides.
func acceptsName(name string, tokens []string) bool {
	accepted := false
	for _, t := range tokens {
		switch t {
		case "*", name:
			accepted = true
		case "-*", "-" + name:
			accepted = false
		}
	}
	return accepted
}

// maskedBy returns the line that masks a package, or nil if none does or another
// line unmasks it.
func (a *Acceptance) maskedBy(p *atom.Package) *listed {
	masks := a.mask.matching(p)
	if len(masks) == 0 || len(a.unmask.matching(p)) > 0 {
		return nil
	}
	return &masks[len(masks)-1]
}
