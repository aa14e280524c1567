package atom

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxName is the largest accepted length of a cpv, and of an atom without its USE
// dependencies, in bytes. A cpv consists of two file names, and a file name has at
// most 255 bytes on every file system that Portage runs on.
const MaxName = 512

// maxBuildIDDigits keeps a build id within the range of int on every platform.
const maxBuildIDDigits = 9

// CPV names one version of one package: category, package name, and version.
// The zero value names nothing.
type CPV struct {
	Category string // "dev-libs"
	PN       string // "openssl"
	Version  string // PVR without the leading hyphen: "3.0.1_p2-r1"
}

// ParseCPV reads "category/name-version". The result shares the memory of s. A
// build id after the version is an error; use [ParseCPVBuildID] to accept one.
func ParseCPV(s string) (CPV, error) {
	if len(s) > MaxName {
		return CPV{}, fmt.Errorf("cpv %s: longer than %d bytes", quoted(s), MaxName)
	}
	category, pf, found := strings.Cut(s, "/")
	if !found {
		return CPV{}, fmt.Errorf("cpv %s: no category", quoted(s))
	}
	if !ValidCategory(category) {
		return CPV{}, fmt.Errorf("cpv %s: invalid category %s", quoted(s), quoted(category))
	}
	pn, version, ok := SplitPF(pf)
	if !ok {
		return CPV{}, fmt.Errorf("cpv %s: %s is not a package name, a hyphen and a version", quoted(s), quoted(pf))
	}
	return CPV{Category: category, PN: pn, Version: version}, nil
}

// ParseCPVBuildID reads "category/name-version-buildid", the name of one binary
// package of a multi-instance PKGDIR. The build id is at least 1.
func ParseCPVBuildID(s string) (CPV, int, error) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return CPV{}, 0, fmt.Errorf("cpv %s: no build id", quoted(s))
	}
	id, ok := parseBuildID(s[i+1:])
	if !ok {
		return CPV{}, 0, fmt.Errorf("cpv %s: invalid build id %s", quoted(s), quoted(s[i+1:]))
	}
	cpv, err := ParseCPV(s[:i])
	if err != nil {
		return CPV{}, 0, err
	}
	return cpv, id, nil
}

// parseBuildID reads a positive number without leading zeros. Portage counts builds
// from 1 (bintree.py, _allocate_filename_multi), so a build id of 0 matches
// nothing.
func parseBuildID(s string) (int, bool) {
	if s == "" || len(s) > maxBuildIDDigits || s[0] == '0' || skipDigits(s, 0) != len(s) {
		return 0, false
	}
	id, err := strconv.Atoi(s)
	return id, err == nil
}

// SplitPF splits a PF such as "font-adobe-100dpi-1.0.4-r1" into name and version.
// The version is the last part that has the form of one. ok is false if there is no
// version, or if the rest is not a package name: "foo-1-2" is not version 2 of
// foo-1 (PMS 3.1.2).
func SplitPF(pf string) (pn, version string, ok bool) {
	pn, version, ok = cutVersion(pf)
	if !ok || !ValidPN(pn) {
		return "", "", false
	}
	return pn, version, true
}

// cutVersion cuts the version from the end of s. It does not check the text before
// it, which may be empty.
func cutVersion(s string) (before, version string, found bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", "", false
	}
	// A version begins with a digit and a revision with "r". If the last hyphen
	// begins a revision, the version begins at the hyphen before that.
	if i+1 < len(s) && s[i+1] == 'r' {
		if i = strings.LastIndexByte(s[:i], '-'); i < 0 {
			return "", "", false
		}
	}
	if !ValidVersion(s[i+1:]) {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// String returns "category/name-version".
func (c CPV) String() string { return c.Category + "/" + c.PN + "-" + c.Version }

// CP returns "category/name", which identifies the package in all its versions.
func (c CPV) CP() string { return c.Category + "/" + c.PN }

// PF returns "name-version", the name of the package's folder in the VDB.
func (c CPV) PF() string { return c.PN + "-" + c.Version }

// PV returns the version without its revision.
func (c CPV) PV() string { return WithoutRevision(c.Version) }

// Compare orders by category, then by name, then by version. Category and name
// compare as strings, versions as in [CompareVersions]. Invalid versions sort
// first.
func Compare(a, b CPV) int {
	if c := strings.Compare(a.Category, b.Category); c != 0 {
		return c
	}
	if c := strings.Compare(a.PN, b.PN); c != 0 {
		return c
	}
	va, okA := splitVersion(a.Version)
	vb, okB := splitVersion(b.Version)
	switch {
	case okA && okB:
		return va.compare(vb)
	case okA:
		return 1
	case okB:
		return -1
	}
	return strings.Compare(a.Version, b.Version)
}
