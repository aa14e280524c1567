package atom

import (
	"slices"
	"strings"
)

// Flags is a set of USE flags, such as the IUSE or USE of one package. It is sorted
// and has no duplicates. The zero value is the empty set.
type Flags []string

// ParseFlags reads the value of IUSE, IUSE_EFFECTIVE or USE: flags between white
// space, in any order. It drops the default marks of IUSE ("+ssl", "-doc"). The
// result shares the memory of s.
func ParseFlags(s string) Flags {
	flags := Flags(strings.Fields(s))
	for i, flag := range flags {
		if len(flag) > 1 && (flag[0] == '+' || flag[0] == '-') {
			flags[i] = flag[1:]
		}
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}

// Has reports whether flag is in the set.
func (f Flags) Has(flag string) bool {
	_, found := slices.BinarySearch(f, flag)
	return found
}

// String returns the flags in order, joined by spaces.
func (f Flags) String() string { return strings.Join(f, " ") }
