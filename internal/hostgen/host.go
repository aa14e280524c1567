package hostgen

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// HostOptions are the parameters of [Host].
type HostOptions struct {
	Installed int    // number of installed packages
	Binpkgs   int    // number of binary packages in PKGDIR, at least Installed
	ImageSize int    // median size of a package's files in bytes; the mean is about 3.5 times as large
	Seed      uint64 // seed of all random choices
}

const (
	initialRun  = 120 // packages installed by one run of the set-up
	removedPart = 25  // depclean removes one of this many packages later
)

// Host writes the root directory of a host to dir, which must be absent or empty.
// Two percent of the installed packages were built without a binary package. All
// others have their binary package in PKGDIR.
func Host(dir string, o HostOptions) (LogCounts, error) {
	if o.Installed < 2 || o.Binpkgs < o.Installed {
		return LogCounts{}, errors.New("hostgen: a host needs two installed packages, and no fewer binary packages than that")
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return LogCounts{}, errors.New("hostgen: " + dir + " is not empty")
	}
	logPath := filepath.Join(dir, "var/log/emerge.log")
	if err := os.MkdirAll(filepath.Dir(logPath), 0o755); err != nil {
		return LogCounts{}, err
	}
	f, err := os.Create(logPath)
	if err != nil {
		return LogCounts{}, err
	}
	defer f.Close()

	rng := newRand(o.Seed, 0)
	h := &history{rng: rng, log: newLogWriter(f), now: epoch, gap: 12 * 3600, keep: true}
	catalogue := newCatalogue(rng, o.Installed+o.Installed/removedPart)
	h.setUp(catalogue, o.Installed)
	h.grow(catalogue, o.Binpkgs)
	if err := errors.Join(h.log.flush(), f.Close()); err != nil {
		return LogCounts{}, err
	}
	when := time.Unix(h.now, 0)
	if err := os.Chtimes(logPath, when, when); err != nil {
		return LogCounts{}, err
	}
	return h.log.counts, h.write(dir, catalogue, o)
}

// setUp installs the catalogue and removes packages until n remain.
func (h *history) setUp(catalogue []*pkg, n int) {
	h.sync()
	for chunk := range slices.Chunk(catalogue, initialRun) {
		jobs := make([]job, len(chunk))
		for i, p := range chunk {
			jobs[i] = job{p: p}
		}
		h.merge("--jobs=4 --quiet-build=y @world", jobs, 4, complete)
	}
	if surplus := len(catalogue) - n; surplus > 0 {
		h.depclean(pickInstalled(h.rng, catalogue, surplus))
	}
}

// grow updates and rebuilds packages until there are n binary packages. It resumes
// a run that fails, so that the installed packages are always consistent.
func (h *history) grow(catalogue []*pkg, n int) {
	for len(h.packed) < n {
		switch k := h.rng.IntN(100); {
		case k < 33:
			h.sync()
		case k < 55:
			h.abandon()
		default:
			how := pick(h.rng, []ending{complete, complete, complete, complete, failed, keptGoing, interrupted, killed})
			jobs := h.installedJobs(catalogue, n-len(h.packed))
			rest := h.merge("--deep --newuse --update --quiet-build=y @world", jobs, pick(h.rng, []int{1, 1, 2}), how)
			if len(rest) > 0 {
				h.merge("--resume", rest, 1, complete)
			}
		}
	}
}

// installedJobs returns an update with at most limit binary packages. If the
// sub-slot of a library changes, all dependents are rebuilt after it.
func (h *history) installedJobs(catalogue []*pkg, limit int) []job {
	chosen := map[*pkg]job{}
	installed := 0
	for _, p := range catalogue {
		if p.installed != nil {
			installed++
		}
	}
	for want := min(1+int(h.rng.ExpFloat64()*5.8), limit, installed); len(chosen) < want; {
		p := pick(h.rng, catalogue)
		if _, twice := chosen[p]; twice || p.installed == nil {
			continue
		}
		binary := p.installed.buildID > 0 && h.rng.IntN(12) == 0
		chosen[p] = job{p, binary}
		if binary || h.rng.IntN(3) == 0 {
			continue
		}
		subslot := p.subslot
		p.bump(h.rng, len(chosen)+maxRebuilds < limit)
		if p.subslot == subslot {
			continue
		}
		for _, dependent := range p.dependents {
			if dependent.installed != nil {
				chosen[dependent] = job{p: dependent}
			}
		}
	}
	jobs := make([]job, 0, len(chosen))
	for _, j := range chosen {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b job) int { return a.p.order - b.p.order })
	return jobs
}

// write writes everything but the log to disk.
func (h *history) write(dir string, catalogue []*pkg, o HostOptions) error {
	encoders := make(chan *zstd.Encoder, runtime.GOMAXPROCS(0))
	for range cap(encoders) {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		encoders <- enc
	}
	var g errgroup.Group
	g.SetLimit(cap(encoders))
	for _, in := range h.packed {
		g.Go(func() (err error) {
			enc := <-encoders
			defer func() { encoders <- enc }()
			in.binpkg, err = writeGpkg(filepath.Join(dir, pkgdir), in, o.ImageSize, enc)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := writeIndex(filepath.Join(dir, pkgdir), h.packed, h.now+1); err != nil {
		return err
	}
	for _, p := range catalogue {
		if p.installed == nil {
			continue
		}
		g.Go(func() error {
			return writeInstalled(filepath.Join(dir, "var/db/pkg"), p.installed, o.ImageSize)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return writeConfiguration(dir, catalogue)
}

// writeConfiguration writes the configuration of Portage and the ebuilds of
// installed packages. It omits some ebuilds, because real repositories also drop
// old versions.
func writeConfiguration(dir string, catalogue []*pkg) error {
	repo := repository[1:]
	var categories, world []string
	files := []field{
		{"etc/portage/make.conf", "CFLAGS=\"-O2 -pipe -march=x86-64-v3\"\nCXXFLAGS=\"${CFLAGS}\"\nACCEPT_LICENSE=\"*\"\n" +
			"PKGDIR=\"" + pkgdir + "\"\nFEATURES=\"buildpkg binpkg-multi-instance\"\n"},
		{"etc/portage/repos.conf/gentoo.conf", "[DEFAULT]\nmain-repo = gentoo\n\n[gentoo]\nlocation = " + repository + "\n"},
		{repo + "/metadata/layout.conf", "masters =\nthin-manifests = true\n"},
		{repo + "/profiles/repo_name", "gentoo\n"},
		{repo + "/profiles/eapi", "8\n"},
		{repo + "/profiles/arch.list", "amd64\narm64\n"},
		{repo + "/profiles/profiles.desc", "amd64 default/linux/amd64/23.0 stable\n"},
		{repo + "/profiles/default/linux/amd64/23.0/eapi", "8\n"},
		{repo + "/profiles/default/linux/amd64/23.0/make.defaults", "ARCH=\"amd64\"\nACCEPT_KEYWORDS=\"amd64\"\n" +
			"CHOST=\"" + chost + "\"\nELIBC=\"glibc\"\nKERNEL=\"linux\"\nUSE_EXPAND=\"ELIBC KERNEL\"\n" +
			"USE_EXPAND_HIDDEN=\"ELIBC KERNEL\"\nUSE_EXPAND_IMPLICIT=\"ARCH ELIBC KERNEL\"\nUSE_EXPAND_UNPREFIXED=\"ARCH\"\n" +
			"USE_EXPAND_VALUES_ARCH=\"amd64 arm64\"\nUSE_EXPAND_VALUES_ELIBC=\"glibc musl\"\nUSE_EXPAND_VALUES_KERNEL=\"linux Darwin\"\n" +
			"IUSE_IMPLICIT=\"prefix prefix-guest prefix-stack\"\n"},
		{"var/lib/portage/preserved_libs_registry", ""},
	}
	for _, p := range catalogue {
		in := p.installed
		if in == nil {
			continue
		}
		categories = append(categories, p.category)
		if newRand(in.number, 3).IntN(5) == 0 {
			world = append(world, p.cp())
		}
		if newRand(in.number, 4).IntN(10) > 0 {
			files = append(files, field{repo + "/" + p.cp() + "/" + in.pf + ".ebuild", in.ebuild()})
		}
	}
	slices.Sort(categories)
	slices.Sort(world)
	files = append(
		files,
		field{repo + "/profiles/categories", strings.Join(slices.Compact(categories), "\n") + "\n"},
		field{"var/lib/portage/world", strings.Join(slices.Compact(world), "\n") + "\n"},
	)
	for _, f := range files {
		path := filepath.Join(dir, f.key)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.value), 0o644); err != nil {
			return err
		}
	}
	return os.Symlink("../.."+repository+"/profiles/default/linux/amd64/23.0", filepath.Join(dir, "etc/portage/make.profile"))
}
