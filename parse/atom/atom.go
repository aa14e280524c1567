package atom

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Blocker is the strength of the "!" marks before an atom (PMS 8.3.2).
type Blocker uint8

const (
	NoBlocker   Blocker = iota
	WeakBlock           // !: both may be installed together while Portage merges
	StrongBlock         // !!: both may never be installed at the same time
)

// Operator says how an atom compares versions (PMS 8.3.1).
type Operator uint8

const (
	AnyVersion     Operator = iota // no operator and no version
	Equal                          // =
	EqualGlob                      // = with a trailing *: versions that begin with the given parts
	EqualAnyRev                    // ~: any revision of that version
	Less                           // <
	LessOrEqual                    // <=
	Greater                        // >
	GreaterOrEqual                 // >=
	VersionHas                     // = with *text* as the version: wildcard syntax
)

// SlotOperator is the mark after the slot of an atom (PMS 8.3.3).
type SlotOperator uint8

const (
	NoSlotOperator SlotOperator = iota
	SlotRebuild                 // =: the parent is rebuilt when the slot or sub-slot changes
	SlotAny                     // *: any slot satisfies, also after a later change
)

// Atom describes a set of packages. Dependencies, configuration files and the
// command line of emerge consist of atoms. The zero value matches nothing.
type Atom struct {
	Blocker  Blocker
	Operator Operator
	// CP is "category/name". If Wildcard is set, either part may hold asterisks.
	CP string
	// Version is the PVR without the operator's marks. It is "" for AnyVersion. For
	// VersionHas it is the text between the asterisks.
	Version string
	// BuildID is at least 1, or 0 if the atom has none.
	BuildID      int
	Slot         string
	SubSlot      string
	SlotOperator SlotOperator
	Repo         string
	USE          []USEDep
	// Wildcard reports that CP or Version is a pattern.
	Wildcard bool

	// unevaluated holds the USE dependencies before EvaluateConditionals. A
	// matching package must have each flag in it that has no default, even if the
	// evaluated dependency no longer constrains that flag.
	unevaluated []USEDep
}

// Syntax selects the forms of an atom that a parser accepts.
type Syntax struct {
	// EAPI limits the syntax to one EAPI. "" means the newest.
	EAPI string
	// Wildcard allows */*, app-misc/* and =cat/name-*9999*, the extended atom
	// syntax of portage(5).
	Wildcard bool
	// BuildID allows =cat/name-1.0-3.
	BuildID bool
	// Repo allows ::repository.
	Repo bool
}

// The syntaxes of the command line and of configuration files. EbuildSyntax returns
// the syntax of *DEPEND.
var (
	CommandLineSyntax = Syntax{BuildID: true, Repo: true}
	ConfigFileSyntax  = Syntax{BuildID: true, Repo: true, Wildcard: true}
)

// EbuildSyntax returns the syntax of dependencies in packages of the given EAPI.
func EbuildSyntax(eapi string) Syntax { return Syntax{EAPI: eapi} }

// ParseAtom reads an atom in [CommandLineSyntax]. The result shares the memory
// of s.
func ParseAtom(s string) (Atom, error) { return CommandLineSyntax.ParseAtom(s) }

// ParseAtom reads an atom. The result shares the memory of s. Like Portage, it
// refuses atoms that can never match: a version without an operator, an operator
// without a version, and two different defaults for one flag.
func (x Syntax) ParseAtom(s string) (Atom, error) {
	a, err := x.parse(s)
	if err != nil {
		return Atom{}, fmt.Errorf("atom %s: %w", quoted(s), err)
	}
	return a, nil
}

func (x Syntax) parse(s string) (a Atom, err error) {
	features, ok := featuresOf(x.EAPI)
	if !ok {
		return Atom{}, fmt.Errorf("unknown EAPI %s", quoted(x.EAPI))
	}
	if bracket := strings.IndexByte(s, '['); bracket >= 0 {
		if s[len(s)-1] != ']' {
			return Atom{}, errors.New("no ] at the end")
		}
		if a.USE, err = parseUSEDeps(s[bracket+1 : len(s)-1]); err != nil {
			return Atom{}, err
		}
		s = s[:bracket]
	}
	if len(s) > MaxName {
		return Atom{}, fmt.Errorf("longer than %d bytes", MaxName)
	}
	switch {
	case strings.HasPrefix(s, "!!"):
		a.Blocker, s = StrongBlock, s[2:]
	case strings.HasPrefix(s, "!"):
		a.Blocker, s = WeakBlock, s[1:]
	}
	if name, repo, found := strings.Cut(s, "::"); found {
		if !validRepo(repo) {
			return Atom{}, fmt.Errorf("invalid repository %s", quoted(repo))
		}
		a.Repo, s = repo, name
	}
	if name, slot, found := strings.Cut(s, ":"); found {
		if err := a.parseSlot(slot); err != nil {
			return Atom{}, err
		}
		s = name
	}
	if err := a.parseName(s, x); err != nil {
		return Atom{}, err
	}
	return a, a.permitted(x, features)
}

// parseSlot reads the text after the colon: "2", "2/3", "2=", "2/3=", "=", "*".
func (a *Atom) parseSlot(s string) error {
	name := s
	switch {
	case strings.HasSuffix(name, "="):
		a.SlotOperator, name = SlotRebuild, name[:len(name)-1]
	case name == "*":
		a.SlotOperator, name = SlotAny, ""
	}
	if name == "" && a.SlotOperator != NoSlotOperator {
		return nil
	}
	slot, subSlot, found := strings.Cut(name, "/")
	if !ValidSlotName(slot) || found && !ValidSlotName(subSlot) {
		return fmt.Errorf("invalid slot %s", quoted(s))
	}
	a.Slot, a.SubSlot = slot, subSlot
	return nil
}

// parseName reads the operator, the name and the version.
func (a *Atom) parseName(s string, x Syntax) error {
	operator, s := cutOperator(s)
	if glob, ok := strings.CutSuffix(s, "*"); ok && operator == Equal {
		operator, s = EqualGlob, glob
	}
	if x.Wildcard && strings.Contains(s, "*") {
		return a.parseWildcard(operator, s)
	}
	category, name, found := strings.Cut(s, "/")
	if !found {
		return errors.New("no category")
	}
	if !ValidCategory(category) {
		return fmt.Errorf("invalid category %s", quoted(category))
	}
	if operator == AnyVersion {
		if !validName(name, inPN) {
			return fmt.Errorf("invalid package name %s", quoted(name))
		}
		if _, _, ends := cutVersion(name); ends {
			return errors.New("a version without an operator before it")
		}
		a.CP = s
		return nil
	}
	pn, version, ok := SplitPF(name)
	if !ok && x.BuildID && operator != EqualGlob {
		// In "foo-1-2" the last number is a build id, because "foo-1-2" is not a
		// PF.
		if i := strings.LastIndexByte(name, '-'); i >= 0 {
			if id, isID := parseBuildID(name[i+1:]); isID {
				pn, version, ok = SplitPF(name[:i])
				a.BuildID = id
			}
		}
	}
	if !ok {
		return fmt.Errorf("%s is not a package name, a hyphen and a version", quoted(name))
	}
	a.Operator, a.CP, a.Version = operator, s[:len(category)+1+len(pn)], version
	return nil
}

func cutOperator(s string) (Operator, string) {
	switch {
	case strings.HasPrefix(s, ">="):
		return GreaterOrEqual, s[2:]
	case strings.HasPrefix(s, "<="):
		return LessOrEqual, s[2:]
	case strings.HasPrefix(s, ">"):
		return Greater, s[1:]
	case strings.HasPrefix(s, "<"):
		return Less, s[1:]
	case strings.HasPrefix(s, "="):
		return Equal, s[1:]
	case strings.HasPrefix(s, "~"):
		return EqualAnyRev, s[1:]
	}
	return AnyVersion, s
}

// permitted returns an error if the syntax or its EAPI forbids a part of the atom.
func (a *Atom) permitted(x Syntax, f features) error {
	if a.Repo != "" && !x.Repo {
		return errors.New("a repository is not allowed here")
	}
	notIn := func(what string) error { return fmt.Errorf("%s are not allowed in EAPI %s", what, x.EAPI) }
	if (a.Slot != "" || a.SlotOperator != NoSlotOperator) && !f.slotDeps {
		return notIn("slots")
	}
	if (a.SubSlot != "" || a.SlotOperator != NoSlotOperator) && !f.slotOperators {
		return notIn("slot operators and sub-slots")
	}
	if len(a.USE) > 0 && !f.useDeps {
		return notIn("USE dependencies")
	}
	if a.Blocker == StrongBlock && !f.useDeps {
		return notIn("strong blockers")
	}
	if !f.useDepDefaults {
		for _, dep := range a.USE {
			if dep.Default != NoUSEDefault {
				return notIn("defaults of USE dependencies")
			}
		}
	}
	return nil
}

// Category returns the part of CP before the slash.
func (a Atom) Category() string {
	category, _, _ := strings.Cut(a.CP, "/")
	return category
}

// PN returns the package name, the part of CP after the slash.
func (a Atom) PN() string {
	_, pn, _ := strings.Cut(a.CP, "/")
	return pn
}

// WithoutBlocker returns the atom without its "!" marks: the packages it blocks.
func (a Atom) WithoutBlocker() Atom {
	a.Blocker = NoBlocker
	return a
}

// SlotBuilt reports whether the atom binds a package to the sub-slot that it was
// built against (":2/3="). Portage writes this form into the VDB.
func (a Atom) SlotBuilt() bool { return a.SlotOperator == SlotRebuild && a.SubSlot != "" }

// EvaluateConditionals replaces the conditional USE dependencies (flag?, !flag?,
// flag=, !flag=) by plain ones, given the USE flags of the parent. A matching
// package must still have every flag that was named without a default.
func (a Atom) EvaluateConditionals(use Flags) Atom {
	if !slices.ContainsFunc(a.USE, USEDep.conditional) {
		return a
	}
	if a.unevaluated == nil {
		a.unevaluated = a.USE
	}
	evaluated := make([]USEDep, 0, len(a.USE))
	for _, dep := range a.USE {
		if plain, needed := dep.evaluate(use.Has(dep.Flag)); needed {
			evaluated = append(evaluated, plain)
		}
	}
	a.USE = evaluated
	return a
}

var operatorText = [...]string{
	AnyVersion: "", Equal: "=", EqualGlob: "=", EqualAnyRev: "~", Less: "<", LessOrEqual: "<=",
	Greater: ">", GreaterOrEqual: ">=", VersionHas: "=",
}

// String returns the atom in Portage's notation. ParseAtom of it gives an equal
// atom.
func (a Atom) String() string {
	var b strings.Builder
	switch a.Blocker {
	case WeakBlock:
		b.WriteByte('!')
	case StrongBlock:
		b.WriteString("!!")
	}
	b.WriteString(operatorText[a.Operator])
	b.WriteString(a.CP)
	switch a.Operator {
	case AnyVersion:
	case VersionHas:
		b.WriteString("-*")
		b.WriteString(a.Version)
		b.WriteByte('*')
	default:
		b.WriteByte('-')
		b.WriteString(a.Version)
	}
	if a.Operator == EqualGlob {
		b.WriteByte('*')
	}
	if a.BuildID > 0 {
		b.WriteByte('-')
		b.WriteString(strconv.Itoa(a.BuildID))
	}
	if a.Slot != "" || a.SlotOperator != NoSlotOperator {
		b.WriteByte(':')
		b.WriteString(a.Slot)
	}
	if a.SubSlot != "" {
		b.WriteByte('/')
		b.WriteString(a.SubSlot)
	}
	switch a.SlotOperator {
	case SlotRebuild:
		b.WriteByte('=')
	case SlotAny:
		b.WriteByte('*')
	}
	if a.Repo != "" {
		b.WriteString("::")
		b.WriteString(a.Repo)
	}
	for i, dep := range a.USE {
		if i == 0 {
			b.WriteByte('[')
		} else {
			b.WriteByte(',')
		}
		dep.write(&b)
	}
	if len(a.USE) > 0 {
		b.WriteByte(']')
	}
	return b.String()
}

// features are the differences in naming between EAPIs (PMS, appendix of feature
// availability; Portage's eapi.py).
type features struct {
	slotDeps       bool // :slot
	useDeps        bool // [flag] and !! blockers, which EAPI 2 added together
	useDepDefaults bool // [flag(+)]
	slotOperators  bool // := :* :slot/subslot
	emptyAnyOf     bool // an || group without members after USE is satisfied
}

// newestEAPI is the newest EAPI in Portage 3.0.82 and in this package.
const newestEAPI = 9

// SupportedEAPI reports whether eapi is a published EAPI, "0" to "9". Portage masks
// packages of other EAPIs. Their metadata may have a meaning that this package does
// not know.
func SupportedEAPI(eapi string) bool {
	_, ok := featuresOf(eapi)
	return ok
}

// featuresOf returns the features of an EAPI. "" means the newest, for text that
// does not belong to a package.
func featuresOf(eapi string) (features, bool) {
	if eapi == "" {
		return features{
			slotDeps: true, useDeps: true, useDepDefaults: true, slotOperators: true,
		}, true
	}
	if len(eapi) != 1 || !hasClass(eapi[0], isDigit) {
		return features{}, false
	}
	n := eapi[0] - '0'
	return features{
		slotDeps:       n >= 1,
		useDeps:        n >= 2,
		useDepDefaults: n >= 4,
		slotOperators:  n >= 5,
		emptyAnyOf:     n <= 6,
	}, n <= newestEAPI
}
