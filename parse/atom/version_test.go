package atom_test

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"emaudit/parse/atom"
)

// ascending has versions in their order; those in one line are equal.
const ascending = `
0 00 0-r0
0.0
0.0.0
1_alpha_alpha
1_alpha 1_alpha0 1_alpha-r0
1_alpha_p
1_alpha1 1_alpha01
1_alpha10
1_beta
1_pre
1_pre1_p2
1_rc
1_rc_p
1 01 1-r0 1-r00
1-r1 1-r01
1-r10
1_p_alpha
1_p 1_p0 1_p-r0
1_p_p
1_p1
1_p20240101
1a_rc
1a 01a
1b
1z
1.0
1.0a
1.0.0
1.001 1.0010
1.01 1.010
1.1
1.1.0
1.2
1.9
1.10
1.100
2 02
9999
20240101
123456789012345678901234567890
123456789012345678901234567891
`

func TestVersionOrder(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(ascending), "\n")
	for i, older := range lines {
		for _, a := range strings.Fields(older) {
			for j, newer := range lines[i:] {
				for _, b := range strings.Fields(newer) {
					want := -min(j, 1)
					if got, ok := atom.CompareVersions(a, b); !ok || got != want {
						t.Errorf("CompareVersions(%q, %q) = %d, %t, want %d", a, b, got, ok, want)
					}
					if got, ok := atom.CompareVersions(b, a); !ok || got != -want {
						t.Errorf("CompareVersions(%q, %q) = %d, %t, want %d", b, a, got, ok, -want)
					}
				}
			}
		}
	}
}

func TestWhatIsNoVersion(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", ".", "1.", ".1", "1..2", "a", "a1", "1ab", "1A", "1a.2", "1_", "1_gamma", "1_alpha_",
		"1_alpha.1", "1_1", "1-", "1-r", "1-r1-r2", "1-1", "1-r1a", "1-R1", "1_p1a", "v1", " 1", "1 ",
		"1\n", "-1", "+1", "1*", "1_alphap", "1__p", "١", "1.0²",
	} {
		if atom.ValidVersion(s) {
			t.Errorf("ValidVersion(%q) = true", s)
		}
		if c, ok := atom.CompareVersions(s, "1"); ok || c != 0 {
			t.Errorf("CompareVersions(%q, 1) = %d, %t, want 0, false", s, c, ok)
		}
		if c, ok := atom.CompareVersions(s, s); ok || c != 0 {
			t.Errorf("CompareVersions(%q, itself) = %d, %t, want 0, false", s, c, ok)
		}
	}
}

func TestWithoutRevision(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"1.0": "1.0", "1.0-r1": "1.0", "1.0-r00": "1.0", "1.0_p2-r10": "1.0_p2", "1.0_rc1": "1.0_rc1", "": "",
	} {
		if got := atom.WithoutRevision(v); got != want {
			t.Errorf("WithoutRevision(%q) = %q, want %q", v, got, want)
		}
	}
}

var slowVersion = regexp.MustCompile(`^([0-9]+)((?:\.[0-9]+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|p)[0-9]*)*)(?:-r([0-9]+))?$`)

// slowCompare is the order of PMS 3.3 with regular expressions and big numbers:
// obvious, and independent of CompareVersions.
func slowCompare(a, b string) (int, bool) {
	ma, mb := slowVersion.FindStringSubmatch(a), slowVersion.FindStringSubmatch(b)
	if ma == nil || mb == nil {
		return 0, false
	}
	number := func(s string) *big.Int {
		n, _ := new(big.Int).SetString("0"+s, 10)
		return n
	}
	if c := number(ma[1]).Cmp(number(mb[1])); c != 0 {
		return c, true
	}
	na, nb := strings.Split(ma[2], ".")[1:], strings.Split(mb[2], ".")[1:]
	for i := range min(len(na), len(nb)) {
		c := number(na[i]).Cmp(number(nb[i]))
		if na[i][0] == '0' || nb[i][0] == '0' {
			c = strings.Compare(strings.TrimRight(na[i], "0"), strings.TrimRight(nb[i], "0"))
		}
		if c != 0 {
			return c, true
		}
	}
	if len(na) != len(nb) {
		return max(-1, min(1, len(na)-len(nb))), true
	}
	if c := strings.Compare(ma[3], mb[3]); c != 0 {
		return c, true
	}
	// An end of the list stands between _rc and _p, which "none" gives it.
	order := []string{"alpha", "beta", "pre", "rc", "none", "p"}
	sa, sb := strings.Split(ma[4]+"_none", "_")[1:], strings.Split(mb[4]+"_none", "_")[1:]
	for i := range min(len(sa), len(sb)) {
		xa, xb := strings.TrimRight(sa[i], "0123456789"), strings.TrimRight(sb[i], "0123456789")
		if c := slices.Index(order, xa) - slices.Index(order, xb); c != 0 {
			return max(-1, min(1, c)), true
		}
		if c := number(sa[i][len(xa):]).Cmp(number(sb[i][len(xb):])); c != 0 {
			return c, true
		}
	}
	return number(ma[5]).Cmp(number(mb[5])), true
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1.0", "1.00", "1.0-r0")
	f.Add("1.01", "1.1", "1.010")
	f.Add("1.2_alpha1_beta2-r3", "1.2_p", "1.2")
	f.Add("1a", "1.0.9z_rc", "12345678901234567890.001")
	f.Add("0_p1", "1_", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		compare := func(x, y string) (int, bool) {
			got, ok := atom.CompareVersions(x, y)
			want, wantOK := slowCompare(x, y)
			if got != want || ok != wantOK {
				t.Fatalf("CompareVersions(%q, %q) = %d, %t, want %d, %t", x, y, got, ok, want, wantOK)
			}
			if back, _ := atom.CompareVersions(y, x); back != -got {
				t.Fatalf("CompareVersions(%q, %q) = %d, and the other way round %d", x, y, got, back)
			}
			return got, ok
		}
		ab, ok := compare(a, b)
		if ok != (atom.ValidVersion(a) && atom.ValidVersion(b)) {
			t.Fatalf("CompareVersions(%q, %q) is %t, ValidVersion disagrees", a, b, ok)
		}
		bc, okBC := compare(b, c)
		ac, _ := compare(a, c)
		if ok && okBC && ab <= 0 && bc <= 0 && ac != min(ab, bc) {
			t.Fatalf("%q, %q, %q: %d, %d, but first to last %d", a, b, c, ab, bc, ac)
		}
	})
}
