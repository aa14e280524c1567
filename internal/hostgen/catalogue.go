package hostgen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A pkg is one package and slot of the generated repository. It includes the
// installed instance at the current time of a history.
type pkg struct {
	order          int // position in the catalogue
	category, name string
	slot           string
	subslot        int // soname version of a library, 0 for other packages
	style          versionStyle
	version        [3]int
	revision       int
	iuse           []string
	license        string
	deps           []*pkg // all earlier in the catalogue, so there are no cycles
	dependents     []*pkg // of a library: packages to rebuild when its sub-slot changes
	buildSeconds   float64

	installed *instance
	buildIDs  map[string]int // last BUILD_ID of each PF
}

// versionStyle is the form of a package's versions. A package keeps its style, so
// that each version is newer than the previous one.
type versionStyle int

const (
	dotted   versionStyle = iota // 1.2.3
	short                        // 1.2
	dated                        // 20240131
	snapshot                     // 1.2_p20240131
)

func (p *pkg) cp() string { return p.category + "/" + p.name }

// pf returns the name and current version of the package in the repository.
func (p *pkg) pf() string {
	var v string
	date := strconv.Itoa(20200100 + p.version[1]*100 + p.version[2]%28 + 1)
	switch p.style {
	case dotted:
		v = fmt.Sprintf("%d.%d.%d", p.version[0], p.version[1], p.version[2])
	case short:
		v = fmt.Sprintf("%d.%d", p.version[0], p.version[1]*10+p.version[2])
	case dated:
		v = date
	case snapshot:
		v = fmt.Sprintf("%d.%d_p%s", p.version[0], p.version[1], date)
	}
	if p.revision > 0 {
		v += "-r" + strconv.Itoa(p.revision)
	}
	return p.name + "-" + v
}

// fullSlot returns SLOT as Portage writes it.
func (p *pkg) fullSlot() string {
	if p.subslot == 0 {
		return p.slot
	}
	return p.slot + "/" + strconv.Itoa(p.subslot)
}

func (p *pkg) soname() string {
	return "lib" + strings.TrimPrefix(p.name, "lib") + ".so." + strconv.Itoa(p.subslot)
}

// maxRebuilds is the number of dependents above which a library keeps its sub-slot.
// Otherwise every other run would rebuild half of the host.
const maxRebuilds = 25

// bump moves the repository to the next version.
func (p *pkg) bump(rng *rand.Rand, subslots bool) {
	switch n := rng.IntN(20); {
	case n < 7:
		p.revision++
		return
	case n < 17 && p.version[2] < 9:
		p.version[2]++
	default:
		p.version[1]++
		p.version[2] = 0
		if subslots && p.subslot > 0 && len(p.dependents) <= maxRebuilds {
			p.subslot++
		}
	}
	p.revision = 0
}

var (
	libraryCategories = strings.Fields("dev-libs media-libs net-libs sys-libs x11-libs gui-libs sci-libs")
	otherCategories   = strings.Fields("app-admin app-arch app-crypt app-editors app-misc app-shells app-text " +
		"dev-cpp dev-db dev-go dev-lang dev-perl dev-python dev-ruby dev-util dev-vcs kde-frameworks " +
		"mail-client media-fonts media-gfx media-sound media-video net-analyzer net-dns net-misc sci-mathematics " +
		"sys-apps sys-block sys-devel sys-fs sys-process www-client www-servers x11-apps x11-terms")
	stems = strings.Fields("acorn alder amber anvil arbor argon aspen atlas basil beacon birch bison bramble bridge cactus " +
		"candle canyon cedar cinder clover cobalt comet copper coral crane crystal dahlia delta domino drift ember " +
		"falcon fennel fern flint garnet ginger glacier granite harbor hazel heron indigo iris ivory jade juniper " +
		"kestrel lantern larch lilac linden lotus magnet maple marble meadow nettle nimbus oasis onyx opal orchid " +
		"osprey pebble pepper pine plover poplar quartz raven ridge river rowan saffron sage slate sparrow spruce " +
		"tansy thistle timber topaz umber velvet walnut willow yarrow zephyr")
	shapes    = strings.Fields("%s %s-utils %s-tools py%s %sd %s-common font-%s-100dpi %s++ x%s %s_core go-%s %s-cli %s2html")
	licenses  = strings.Fields("GPL-2 GPL-3+ LGPL-2.1 MIT BSD Apache-2.0 MPL-2.0 ISC")
	flags     = strings.Fields("X acl alsa bzip2 crypt cups curl dbus doc gtk icu idn ipv6 jpeg lzma ncurses nls opus pam pcre png qt6 readline sqlite ssl static-libs systemd test tiff unicode vulkan wayland xml zlib zstd")
	libcName  = "glibc"
	firstLibs = 8 // libraries at the beginning, so that all later packages have dependencies
)

// newCatalogue returns n packages, the C library first.
func newCatalogue(rng *rand.Rand, n int) []*pkg {
	libc := &pkg{
		category: "sys-libs", name: libcName, slot: "2.2", style: short, version: [3]int{2, 3, 9},
		license: "LGPL-2.1", buildSeconds: 900, buildIDs: map[string]int{},
	}
	all := []*pkg{libc}
	var libraries []*pkg
	names := map[string]bool{libc.cp(): true}
	for len(all) < n {
		p := newPackage(rng, len(all) <= firstLibs)
		if names[p.cp()] {
			continue
		}
		names[p.cp()] = true
		depend(rng, p, libc, libraries)
		all = append(all, p)
		if p.subslot > 0 {
			libraries = append(libraries, p)
		} else if rng.IntN(40) == 0 && len(all) < n {
			all = append(all, secondSlot(p))
		}
	}
	for i, p := range all {
		p.order = i
	}
	return all
}

func newPackage(rng *rand.Rand, library bool) *pkg {
	p := &pkg{
		slot:         "0",
		style:        versionStyle(rng.IntN(4)),
		version:      [3]int{rng.IntN(9), rng.IntN(12), rng.IntN(9)},
		license:      pick(rng, licenses),
		buildSeconds: min(logNormal(rng, 25, 1.2), 20_000),
		buildIDs:     map[string]int{},
	}
	if rng.IntN(2) > 0 {
		p.style = dotted
	}
	stem := pick(rng, stems)
	if library || rng.IntN(4) == 0 {
		p.category = pick(rng, libraryCategories)
		p.name = "lib" + stem
		if extra := rng.IntN(4); extra > 0 {
			p.name += "-" + pick(rng, stems)
		}
		p.subslot = 1 + rng.IntN(8)
	} else {
		p.category = pick(rng, otherCategories)
		p.name = fmt.Sprintf(pick(rng, shapes), stem)
	}
	for range rng.IntN(7) {
		p.iuse = append(p.iuse, pick(rng, flags))
	}
	slices.Sort(p.iuse)
	p.iuse = slices.Compact(p.iuse)
	return p
}

// secondSlot returns the next major version of p as a package in another slot.
func secondSlot(p *pkg) *pkg {
	q := *p
	p.slot = strconv.Itoa(p.version[0])
	q.version[0]++
	q.slot = strconv.Itoa(q.version[0])
	q.style, p.style = dotted, dotted
	q.buildIDs = map[string]int{}
	for _, dep := range q.deps {
		if dep.subslot > 0 {
			dep.dependents = append(dep.dependents, &q)
		}
	}
	return &q
}

// depend gives p dependencies on the C library and on some libraries. It prefers
// early libraries, because real packages depend mostly on a few libraries.
func depend(rng *rand.Rand, p, libc *pkg, libraries []*pkg) {
	p.deps = []*pkg{libc}
	for range rng.IntN(4) {
		if len(libraries) == 0 {
			return
		}
		index := int(float64(len(libraries)) * rng.Float64() * rng.Float64())
		if dep := libraries[index]; !slices.Contains(p.deps, dep) {
			p.deps = append(p.deps, dep)
			dep.dependents = append(dep.dependents, p)
		}
	}
}
