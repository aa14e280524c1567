package hostgen

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A field is one file of build-info: a metadata key of a gpkg, and a file in the
// VDB.
type field struct{ key, value string }

// environment is a sample of the saved environment of a build, the same for all
// packages. emaudit does not read it, but its size matters, because it is most of
// the metadata of a small package.
//
//go:embed environment.bz2
var environment string

const (
	chost    = "x86_64-pc-linux-gnu"
	implicit = "amd64 elibc_glibc kernel_linux"
	features = "assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg " +
		"config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync multilib-strict news parallel-fetch " +
		"pkgdir-index-trusted preserve-libs protect-owned qa-unresolved-soname-deps sandbox strict unmerge-logs"
	revisions = `{"gentoo": "7fe7949a9e424ad0e0d9b9a88a30304c3be374b0"}`
)

// use returns the USE of an instance: a subset of its IUSE, and the flags of the
// profile.
func (in *instance) use() string {
	rng := newRand(in.number, 1)
	enabled := strings.Fields(implicit)
	for _, flag := range in.p.iuse {
		if rng.IntN(2) == 0 {
			enabled = append(enabled, flag)
		}
	}
	slices.Sort(enabled)
	return strings.Join(enabled, " ")
}

func (in *instance) provides() string {
	if in.soname == "" {
		return ""
	}
	return "x86_64: " + in.soname
}

func (in *instance) description() string {
	return "Generated package number " + strconv.Itoa(in.p.order) + " for measuring"
}

func (in *instance) ebuild() string {
	return fmt.Sprintf("EAPI=8\n\nDESCRIPTION=%q\nHOMEPAGE=\"https://example.org/%s\"\nLICENSE=%q\nSLOT=%q\nKEYWORDS=\"amd64\"\nIUSE=%q\n",
		in.description(), in.p.name, in.p.license, in.slot, strings.Join(in.p.iuse, " "))
}

// buildInfo returns the fields of a build, sorted by key. A field with an empty
// value has no file.
func (in *instance) buildInfo(img image) []field {
	var needed, neededELF string
	if libraries := strings.Fields(strings.TrimPrefix(in.requires, "x86_64:")); len(libraries) > 0 {
		list := strings.Join(libraries, ",")
		needed = img[0].path + " " + list + "\n"
		neededELF = fmt.Sprintf("X86_64;%s;%s;;%s;x86_64\n", img[0].path, in.soname, list)
	}
	fields := []field{
		{"BUILD_TIME", line(strconv.FormatInt(in.buildTime, 10))},
		{"CATEGORY", line(in.p.category)},
		{"CBUILD", line(chost)},
		{"CFLAGS", line("-O2 -pipe -march=x86-64-v3")},
		{"CHOST", line(chost)},
		{"CXXFLAGS", line("-O2 -pipe -march=x86-64-v3")},
		{"DEFINED_PHASES", line("compile configure install")},
		{"DESCRIPTION", line(in.description())},
		{"EAPI", line("8")},
		{"FEATURES", line(features)},
		{"HOMEPAGE", line("https://example.org/" + in.p.name)},
		{"INHERITED", line("flag-o-matic multilib toolchain-funcs")},
		{"IUSE", line(strings.Join(in.p.iuse, " "))},
		{"IUSE_EFFECTIVE", line(strings.TrimSpace(implicit + " " + strings.Join(in.p.iuse, " ")))},
		{"KEYWORDS", line("amd64")},
		{"LDFLAGS", line("-Wl,-O1 -Wl,--as-needed")},
		{"LICENSE", line(in.p.license)},
		{"NEEDED", needed},
		{"NEEDED.ELF.2", neededELF},
		{"PF", line(in.pf)},
		{"PROVIDES", line(in.provides())},
		{"RDEPEND", line(in.rdepend)},
		{"REPO_REVISIONS", line(revisions)},
		{"REQUIRES", line(in.requires)},
		{"SIZE", line(strconv.Itoa(img.size()))},
		{"SLOT", line(in.slot)},
		{"USE", line(in.use())},
		{"environment.bz2", environment},
		{in.pf + ".ebuild", in.ebuild()},
		{"repository", line("gentoo")},
	}
	if in.buildID > 0 {
		fields = append(fields, field{"BUILD_ID", strconv.Itoa(in.buildID)}) // Portage writes no newline here
	}
	fields = slices.DeleteFunc(fields, func(f field) bool { return f.value == "" })
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return fields
}

func line(value string) string {
	if value == "" {
		return ""
	}
	return value + "\n"
}
