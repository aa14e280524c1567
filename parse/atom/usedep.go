package atom

import (
	"fmt"
	"slices"
	"strings"
)

// USEForm is the form of a USE dependency (PMS 8.3.4). The last four depend on the
// USE flags of the parent, the package that has the dependency.
type USEForm uint8

const (
	USEEnabled       USEForm = iota // flag: enabled
	USEDisabled                     // -flag: disabled
	USESame                         // flag=: as in the parent
	USEOpposite                     // !flag=: the opposite of the parent
	USEIfEnabled                    // flag?: enabled if enabled in the parent
	USEIfNotDisabled                // !flag?: disabled if disabled in the parent
)

// USEDefault is the assumed value of a flag that the package does not have.
type USEDefault uint8

const (
	NoUSEDefault    USEDefault = iota // the package must have the flag
	DefaultEnabled                    // (+): as if it were enabled
	DefaultDisabled                   // (-): as if it were disabled
)

// USEDep is one USE dependency between the brackets of an atom.
type USEDep struct {
	Flag    string
	Form    USEForm
	Default USEDefault
}

func (u USEDep) conditional() bool { return u.Form >= USESame }

// String returns the dependency in Portage's notation, such as "!ssl(+)=".
func (u USEDep) String() string {
	var b strings.Builder
	u.write(&b)
	return b.String()
}

func (u USEDep) write(b *strings.Builder) {
	switch u.Form {
	case USEDisabled:
		b.WriteByte('-')
	case USEOpposite, USEIfNotDisabled:
		b.WriteByte('!')
	}
	b.WriteString(u.Flag)
	switch u.Default {
	case DefaultEnabled:
		b.WriteString("(+)")
	case DefaultDisabled:
		b.WriteString("(-)")
	}
	switch u.Form {
	case USESame, USEOpposite:
		b.WriteByte('=')
	case USEIfEnabled, USEIfNotDisabled:
		b.WriteByte('?')
	}
}

// MaxUSEDeps is the largest accepted number of USE dependencies of one atom. The
// longest lists in the Gentoo repository, of python-r1 packages, have tens.
const MaxUSEDeps = 256

// parseUSEDeps reads the text between the brackets.
func parseUSEDeps(s string) ([]USEDep, error) {
	count := strings.Count(s, ",") + 1
	if count > MaxUSEDeps {
		return nil, fmt.Errorf("more than %d USE dependencies", MaxUSEDeps)
	}
	deps := make([]USEDep, 0, count)
	for {
		token, rest, more := strings.Cut(s, ",")
		dep, err := parseUSEDep(token)
		if err != nil {
			return nil, err
		}
		for _, earlier := range deps {
			if earlier.Flag == dep.Flag && earlier.Default != dep.Default {
				return nil, fmt.Errorf("USE flag %s has two defaults", quoted(dep.Flag))
			}
		}
		deps = append(deps, dep)
		if !more {
			return deps, nil
		}
		s = rest
	}
}

func parseUSEDep(token string) (USEDep, error) {
	invalid := func() (USEDep, error) {
		return USEDep{}, fmt.Errorf("invalid USE dependency %s", quoted(token))
	}
	var prefix, suffix byte
	s := token
	if s != "" && (s[0] == '-' || s[0] == '!') {
		prefix, s = s[0], s[1:]
	}
	if s != "" && (s[len(s)-1] == '=' || s[len(s)-1] == '?') {
		suffix, s = s[len(s)-1], s[:len(s)-1]
	}
	dep := USEDep{Flag: s}
	if flag, ok := strings.CutSuffix(s, "(+)"); ok {
		dep.Flag, dep.Default = flag, DefaultEnabled
	} else if flag, ok := strings.CutSuffix(s, "(-)"); ok {
		dep.Flag, dep.Default = flag, DefaultDisabled
	}
	if !validUSEFlag(dep.Flag) {
		return invalid()
	}
	switch [2]byte{prefix, suffix} {
	case [2]byte{0, 0}:
		dep.Form = USEEnabled
	case [2]byte{'-', 0}:
		dep.Form = USEDisabled
	case [2]byte{0, '='}:
		dep.Form = USESame
	case [2]byte{'!', '='}:
		dep.Form = USEOpposite
	case [2]byte{0, '?'}:
		dep.Form = USEIfEnabled
	case [2]byte{'!', '?'}:
		dep.Form = USEIfNotDisabled
	default:
		return invalid()
	}
	return dep, nil
}

// evaluate returns the plain dependency that a conditional one amounts to. needed
// is false if the flag may have either value.
func (u USEDep) evaluate(parentEnabled bool) (dep USEDep, needed bool) {
	dep = USEDep{Flag: u.Flag, Default: u.Default}
	switch u.Form {
	case USESame:
		if !parentEnabled {
			dep.Form = USEDisabled
		}
	case USEOpposite:
		if parentEnabled {
			dep.Form = USEDisabled
		}
	case USEIfEnabled:
		return dep, parentEnabled
	case USEIfNotDisabled:
		dep.Form = USEDisabled
		return dep, !parentEnabled
	default:
		return u, true
	}
	return dep, true
}

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
