package history

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
)

// Search selects packages. The zero value selects all.
type Search struct {
	tests []packageTest
	// patterns are the patterns of the tests, as they were given.
	patterns []string
}

// packageTest is one pattern. cpv is called only if the package matches.
type packageTest struct {
	cp  func(cp string) bool
	cpv func(cpv, slot, repo string) bool // nil if the version does not matter
}

// SearchMode says how to interpret the patterns of a search.
type SearchMode int

// The modes of a search.
const (
	// SearchAny interprets a pattern by its form: /text/ is a regular expression,
	// text with * ? or [ is a glob, text with a version or a slot is an atom, and
	// anything else is a part of cat/pn in any case, as emlop searches.
	SearchAny SearchMode = iota
	// SearchRegex interprets all patterns as case-insensitive regular expressions
	// on cat/pn.
	SearchRegex
	// SearchExact interprets all patterns as names.
	SearchExact
)

// NewSearch parses patterns. A package is selected if it matches any of them. An
// invalid pattern is an error.
func NewSearch(patterns []string, mode SearchMode) (Search, error) {
	var s Search
	for _, p := range patterns {
		test, err := parsePattern(p, mode)
		if err != nil {
			return Search{}, err
		}
		s.tests = append(s.tests, test)
		s.patterns = append(s.patterns, p)
	}
	return s, nil
}

// String returns the patterns, separated by commas.
func (s Search) String() string { return strings.Join(s.patterns, ", ") }

// nameLike matches a pattern that can be the name, the version or the atom of a
// package: no glob and no regular expression.
var nameLike = regexp.MustCompile(`^[=<>~!]*[A-Za-z0-9_][A-Za-z0-9+_./:-]*\*?$`)

// Unknown returns the names among the patterns that no package of the database has,
// without operator, version and slot. A glob or a regular expression is no name.
func (s Search) Unknown(db audit.Database) (names []string, err error) {
	var known []string
	for i, t := range s.tests {
		if !nameLike.MatchString(s.patterns[i]) {
			continue
		}
		if known == nil {
			if known, err = packageNames(db); err != nil {
				return nil, err
			}
		}
		if !slices.ContainsFunc(known, t.cp) {
			names = append(names, BareName(s.patterns[i]))
		}
	}
	return names, nil
}

type packageNamesKey struct{}

// packageNames returns [store.Tx.PackageNames].
func packageNames(db audit.Database) ([]string, error) {
	return audit.Once[packageNamesKey](db, db.Tx.PackageNames)
}

// BareName returns the name of a package in a pattern without operator, version and
// slot.
func BareName(pattern string) string {
	name := strings.TrimLeft(pattern, "=<>~!")
	name, _, _ = strings.Cut(name, ":")
	name = strings.TrimSuffix(name, "*")
	category := name[:strings.LastIndexByte(name, '/')+1]
	if stem, _, ok := atom.SplitPF(name[len(category):]); ok {
		return category + stem
	}
	return name
}

func parsePattern(pattern string, mode SearchMode) (packageTest, error) {
	inner, slashed := strings.CutPrefix(pattern, "/")
	switch {
	case mode == SearchRegex, mode == SearchAny && slashed && len(inner) > 1 && strings.HasSuffix(inner, "/"):
		if mode == SearchAny {
			pattern = strings.TrimSuffix(inner, "/")
		}
		re, err := regexp.Compile("(?i)" + pattern)
		if err != nil {
			return packageTest{}, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		return packageTest{cp: re.MatchString}, nil
	case mode == SearchExact:
		return named(pattern), nil
	case strings.ContainsAny(pattern, "*?[") && !strings.ContainsAny(pattern, "=<>~"):
		if _, err := path.Match(pattern, ""); err != nil {
			return packageTest{}, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		return packageTest{cp: func(cp string) bool {
			if !strings.Contains(pattern, "/") {
				_, cp, _ = strings.Cut(cp, "/")
			}
			ok, _ := path.Match(pattern, cp)
			return ok
		}}, nil
	}
	if !strings.ContainsAny(pattern, "=<>~:") {
		if cpv, err := atom.ParseCPV(pattern); err == nil {
			return packageTest{
				cp:  func(cp string) bool { return cp == cpv.CP() },
				cpv: func(text, _, _ string) bool { return text == pattern },
			}, nil
		}
		if cpv, err := atom.ParseCPV(placeholder + "/" + pattern); err == nil {
			test := named(cpv.PN)
			test.cpv = func(text, _, _ string) bool { return strings.HasSuffix(text, "/"+pattern) }
			return test, nil
		}
		part := strings.ToLower(pattern)
		return packageTest{cp: func(cp string) bool { return strings.Contains(strings.ToLower(cp), part) }}, nil
	}
	text, anyCategory := pattern, !strings.Contains(pattern, "/")
	if anyCategory {
		name := strings.TrimLeft(pattern, "=<>~!")
		text = pattern[:len(pattern)-len(name)] + placeholder + "/" + name
	}
	a, err := atom.ParseAtom(text)
	if err != nil {
		return packageTest{}, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	test := named(a.PN())
	if !anyCategory {
		test = named(a.Category() + "/" + a.PN())
	}
	test.cpv = func(text, slot, repo string) bool {
		c, err := atom.ParseCPV(text)
		if err != nil || slot == "" && a.Slot != "" {
			return false
		}
		if anyCategory {
			c.Category = placeholder
		}
		return a.MatchIgnoringUSE(atom.Package{CPV: c, Slot: slot, Repo: repo})
	}
	return test, nil
}

// placeholder is the category of an atom without one.
const placeholder = "any"

// named matches the package of a name with or without category.
func named(name string) packageTest {
	if strings.Contains(name, "/") {
		return packageTest{cp: func(cp string) bool { return cp == name }}
	}
	return packageTest{cp: func(cp string) bool {
		_, pn, _ := strings.Cut(cp, "/")
		return pn == name
	}}
}

// Matcher returns the function that tells whether a cpv matches, under its old or its
// current name. An atom with a slot matches none.
func (s Search) Matcher(db audit.Database) (func(cpv string) bool, error) {
	r := newRunReader(db)
	err := r.prepare()
	return func(cpv string) bool { return r.matches(s, nameOf(cpv), cpv, "", "") }, err
}

// All reports whether the search selects all packages.
func (s Search) All() bool { return len(s.tests) == 0 }

// versioned reports whether the search selects only some versions of a package.
func (s Search) versioned() bool {
	return slices.ContainsFunc(s.tests, func(t packageTest) bool { return t.cpv != nil })
}

// matchCP reports whether any version of a package can match.
func (s Search) matchCP(cp string) bool {
	for _, t := range s.tests {
		if t.cp(cp) {
			return true
		}
	}
	return len(s.tests) == 0
}

// match reports whether a cpv with its cat/pn matches.
func (s Search) match(cp, cpv, slot, repo string) bool {
	for _, t := range s.tests {
		if t.cp(cp) && (t.cpv == nil || t.cpv(cpv, slot, repo)) {
			return true
		}
	}
	return len(s.tests) == 0
}

// nameOf returns the cat/pn of a cpv, or all of it if it is not a cpv.
func nameOf(cpv string) string {
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return cpv
	}
	return c.CP()
}

// packages returns the packages of the database that match, including their old names.
func (r *runReader) packages(search Search) ([]string, error) {
	all, err := packageNames(r.db)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, cp := range all {
		if search.matchCP(cp) || search.matchCP(r.moves.Name(cp)) {
			found = append(found, cp)
		}
	}
	return found, nil
}

// matches reports whether a cpv with its cat/pn matches, under its old or its
// current name.
func (r *runReader) matches(search Search, cp, cpv, slot, repo string) bool {
	if search.match(cp, cpv, slot, repo) {
		return true
	}
	if len(r.moves) == 0 || search.All() {
		return false
	}
	today := r.moves.Name(cp)
	return today != cp && search.match(today, today+cpv[len(cp):], slot, repo)
}
