package atom

import (
	"cmp"
	"strings"
)

// version is a version split into its components. All fields are substrings of it.
type version struct {
	numbers  string // "1.02.3": digit strings joined by dots
	letter   byte   // the letter after the last number, or 0
	suffixes string // "_alpha1_p": each with its underscore
	revision string // the digits after "-r"; "" is equal to "0"
}

// The ranks of the suffixes (PMS 3.3, algorithms 3.5 and 3.6). A missing suffix
// ranks between _rc and _p.
const (
	suffixAlpha = iota
	suffixBeta
	suffixPre
	suffixRC
	suffixNone
	suffixP
)

// suffixNames lists a longer name before a name that is its prefix.
var suffixNames = [...]struct {
	name string
	rank int
}{
	{"alpha", suffixAlpha},
	{"beta", suffixBeta},
	{"pre", suffixPre},
	{"p", suffixP},
	{"rc", suffixRC},
}

// ValidVersion reports whether s is a version, with or without a revision
// (PMS 3.2), such as "1.2.3b_rc1_p20240101-r4".
func ValidVersion(s string) bool {
	_, ok := splitVersion(s)
	return ok
}

// CompareVersions returns -1, 0 or 1 if a is older than, equal to, or newer than b
// (PMS 3.3). The order is a total preorder: different spellings such as "1.0" and
// "1.0-r0" can be equal. The second result is false, and the first 0, if a or b is
// not a version.
//
// Numbers may have any number of digits. They are compared as strings, so they
// cannot overflow.
func CompareVersions(a, b string) (int, bool) {
	va, ok := splitVersion(a)
	if !ok {
		return 0, false
	}
	vb, ok := splitVersion(b)
	if !ok {
		return 0, false
	}
	return va.compare(vb), true
}

// WithoutRevision returns the version v without its revision: the PV of a PVR.
func WithoutRevision(v string) string {
	i := len(v)
	for i > 0 && hasClass(v[i-1], isDigit) {
		i--
	}
	if i < len(v) && i >= 2 && v[i-2:i] == "-r" {
		return v[:i-2]
	}
	return v
}

func splitVersion(s string) (v version, ok bool) {
	i := skipDigits(s, 0)
	if i == 0 {
		return version{}, false
	}
	for i < len(s) && s[i] == '.' {
		end := skipDigits(s, i+1)
		if end == i+1 {
			return version{}, false
		}
		i = end
	}
	v.numbers = s[:i]
	if i < len(s) && hasClass(s[i], isLower) {
		v.letter = s[i]
		i++
	}
	start := i
	for i < len(s) && s[i] == '_' {
		name, _ := suffixAt(s[i+1:])
		if name == "" {
			return version{}, false
		}
		i = skipDigits(s, i+1+len(name))
	}
	v.suffixes = s[start:i]
	if i == len(s) {
		return v, true
	}
	if !strings.HasPrefix(s[i:], "-r") {
		return version{}, false
	}
	v.revision = s[i+2:]
	if v.revision == "" || skipDigits(v.revision, 0) != len(v.revision) {
		return version{}, false
	}
	return v, true
}

func skipDigits(s string, i int) int {
	for i < len(s) && hasClass(s[i], isDigit) {
		i++
	}
	return i
}

// suffixAt returns the name of the suffix at the beginning of s, or "".
func suffixAt(s string) (name string, rank int) {
	for _, suffix := range suffixNames {
		if strings.HasPrefix(s, suffix.name) {
			return suffix.name, suffix.rank
		}
	}
	return "", suffixNone
}

func (v version) compare(w version) int {
	if c := compareNumbers(v.numbers, w.numbers); c != 0 {
		return c
	}
	if c := cmp.Compare(v.letter, w.letter); c != 0 {
		return c
	}
	if c := compareSuffixes(v.suffixes, w.suffixes); c != 0 {
		return c
	}
	return compareIntegers(v.revision, w.revision)
}

// compareNumbers compares "1.02.3" with "1.1". The first numbers compare as
// integers. The others do too, unless either has a leading zero; then both compare
// as digits of a fraction. If all common numbers are equal, the version with fewer
// is older.
func compareNumbers(a, b string) int {
	first := true
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		var c int
		if !first && (x[0] == '0' || y[0] == '0') {
			c = strings.Compare(strings.TrimRight(x, "0"), strings.TrimRight(y, "0"))
		} else {
			c = compareIntegers(x, y)
		}
		if c != 0 {
			return c
		}
		first = false
	}
	return cmp.Compare(len(a), len(b))
}

func compareSuffixes(a, b string) int {
	for a != "" || b != "" {
		var rankA, rankB int
		var numberA, numberB string
		rankA, numberA, a = cutSuffix(a)
		rankB, numberB, b = cutSuffix(b)
		if c := cmp.Compare(rankA, rankB); c != 0 {
			return c
		}
		if c := compareIntegers(numberA, numberB); c != 0 {
			return c
		}
	}
	return 0
}

// cutSuffix cuts the first suffix from a valid list of suffixes.
func cutSuffix(s string) (rank int, number, rest string) {
	if s == "" {
		return suffixNone, "", ""
	}
	name, rank := suffixAt(s[1:])
	start := 1 + len(name)
	end := skipDigits(s, start)
	return rank, s[start:end], s[end:]
}

// compareIntegers compares digit strings of any length; "" is 0.
func compareIntegers(a, b string) int {
	a = strings.TrimLeft(a, "0")
	b = strings.TrimLeft(b, "0")
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}
