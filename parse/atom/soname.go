package atom

import (
	"errors"
	"fmt"
	"strings"
)

// MaxSonames is the largest accepted length of a REQUIRES or PROVIDES, in bytes.
// The longest known ones, of browsers and office suites, have less than 16 KiB.
const MaxSonames = 1 << 20

// Soname is a shared library that a package requires or provides. The same name in
// two multilib categories means two libraries.
type Soname struct {
	Category string // "x86_64", "x86_32", "arm_64"
	Name     string // "libssl.so.3"
}

// String returns "x86_64: libssl.so.3".
func (s Soname) String() string { return s.Category + ": " + s.Name }

// ParseSonames reads the value of REQUIRES or PROVIDES. It returns an error and no
// sonames if a library has no category, or if a category is empty or repeated.
// Portage masks packages with such values.
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
