package atom

import (
	"errors"
	"fmt"
	"strings"
)

// MaxSonames is the length in bytes from which a REQUIRES or PROVIDES is
// refused. The longest known, of browsers and office suites, stay below 16 KiB.
const MaxSonames = 1 << 20

// Soname is one shared library that a package requires or provides. Those of
// different multilib categories are different libraries.
type Soname struct {
	Category string // "x86_64", "x86_32", "arm_64"
	Name     string // "libssl.so.3"
}

// String returns "x86_64: libssl.so.3".
func (s Soname) String() string { return s.Category + ": " + s.Name }

// ParseSonames reads the value of REQUIRES or PROVIDES. As for Portage it is an
// error, and nothing is returned, if a library has no category before it, or if
// a category has no library or occurs twice; a package with one is masked.
func ParseSonames(s string) ([]Soname, error) {
	if len(s) > MaxSonames {
		return nil, fmt.Errorf("sonames: longer than %d bytes", MaxSonames)
	}
	var (
		sonames  []Soname
		category string
		seen     = make(map[string]bool)
		empty    bool
	)
	for token := range strings.FieldsSeq(s) {
		name, isCategory := strings.CutSuffix(token, ":")
		switch {
		case isCategory && empty:
			return nil, fmt.Errorf("sonames: category %s is empty", quoted(category))
		case isCategory && name == "":
			return nil, errors.New("sonames: category without a name")
		case isCategory && seen[name]:
			return nil, fmt.Errorf("sonames: category %s occurs twice", quoted(name))
		case isCategory:
			category, empty = name, true
			seen[name] = true
		case category == "":
			return nil, fmt.Errorf("sonames: %s is in no category", quoted(token))
		default:
			sonames = append(sonames, Soname{Category: category, Name: token})
			empty = false
		}
	}
	if empty {
		return nil, fmt.Errorf("sonames: category %s is empty", quoted(category))
	}
	return sonames, nil
}
