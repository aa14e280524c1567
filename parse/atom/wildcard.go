package atom

import (
	"errors"
	"fmt"
	"strings"
)

// This file reads the extended atom syntax of portage(5), which only configuration
// files use: an asterisk in the category or the name stands for any characters.
//
// Portage also accepts names such as "+foo/bar" in this syntax. They match nothing
// without an asterisk, so this package refuses them.

// parseWildcard reads an atom that holds an asterisk, without its operator. For
// EqualGlob, s lacks the final asterisk too.
func (a *Atom) parseWildcard(operator Operator, s string) error {
	if a.USE != nil {
		return errors.New("a wildcard with USE dependencies")
	}
	if strings.Contains(s, "**") {
		return errors.New("two asterisks in a row")
	}
	cp := s
	switch operator {
	case AnyVersion:
	case EqualGlob:
		i := strings.LastIndex(s, "-*")
		if i < 0 || !wordsOnly(s[i+2:]) {
			return errors.New("the version of a wildcard is not *text*")
		}
		cp, a.Version = s[:i], s[i+2:]
		a.Operator = VersionHas
	default:
		return errors.New("a wildcard with a comparison")
	}
	category, pn, found := strings.Cut(cp, "/")
	if !found || !validPattern(category, inSlot) || !validPattern(pn, inPN) {
		return fmt.Errorf("invalid wildcard %s", quoted(cp))
	}
	if _, _, ends := cutVersion(pn); ends {
		return errors.New("a version without an operator before it")
	}
	a.CP, a.Wildcard = cp, true
	return nil
}

func validPattern(s string, class uint8) bool {
	if s == "" || !hasClass(s[0], isWord) && s[0] != '*' && s[0] != '+' {
		return false
	}
	for i := range len(s) {
		if s[i] != '*' && !hasClass(s[i], class) {
			return false
		}
	}
	return true
}

func wordsOnly(s string) bool {
	for i := range len(s) {
		if !hasClass(s[i], isWord) {
			return false
		}
	}
	return s != ""
}

// matchPattern reports whether s matches the pattern, in which "*" stands for any
// characters. Neither holds a slash. It takes at most len(s)*len(pattern) steps.
func matchPattern(pattern, s string) bool {
	star, resume := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			resume++
			p, i = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
