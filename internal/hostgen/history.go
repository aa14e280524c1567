package hostgen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	repository = "/var/db/repos/gentoo"
	pkgdir     = "/var/cache/binpkgs"
)

// An instance is one build of a package.
type instance struct {
	p         *pkg
	number    uint64 // number of the build in the history; the seed of its contents
	pf        string
	slot      string // slot with sub-slot
	soname    string // "" if the package is not a library
	buildTime int64
	buildID   int    // 0: no binary package
	packaged  int64  // time of completion of the binary package
	binpkg    digest // of the binary package, once it is written
	merged    int64  // time of the last merge
	counter   int    // COUNTER of that merge
	rdepend   string
	requires  string
}

// path returns the path of the binary package relative to PKGDIR.
func (in *instance) path() string {
	return fmt.Sprintf("%s/%s/%s-%d.gpkg.tar", in.p.category, in.p.name, in.pf, in.buildID)
}

// A history simulates emerge on a catalogue. It writes emerge.log and maintains the
// installed packages.
type history struct {
	rng     *rand.Rand
	log     *logWriter
	now     int64
	gap     float64 // average seconds between two runs
	counter int
	builds  uint64
	packed  []*instance // every instance with a binary package, oldest first
	keep    bool        // maintain packed; a log alone does not need it
}

// A job is one package in the list of a run.
type job struct {
	p      *pkg
	binary bool // merge the binary package of the installed build
}

// start begins a run. It writes the time and the command line.
func (h *history) start(arguments string) {
	h.now += 1 + int64(h.rng.ExpFloat64()*h.gap)
	h.log.counts.Runs++
	h.log.line(h.now, "Started emerge on: "+time.Unix(h.now, 0).UTC().Format("Jan 02, 2006 15:04:05"))
	h.log.line(h.now, " *** emerge "+arguments)
}

func (h *history) exit(status int) {
	if status == 0 {
		h.log.line(h.now, " *** exiting successfully.")
	} else {
		h.log.line(h.now, fmt.Sprintf(" *** exiting unsuccessfully with status '%d'.", status))
	}
	h.log.line(h.now, " *** terminating.")
}

func (h *history) sync() {
	h.start("--quiet-build=y --sync")
	h.log.line(h.now, " === sync")
	h.log.line(h.now, ">>> Syncing repository 'gentoo' into '"+repository+"'...")
	h.now++
	h.log.line(h.now, ">>> Starting rsync with rsync://192.0.2."+strconv.Itoa(1+h.rng.IntN(250))+"/gentoo-portage")
	h.now += 5 + h.rng.Int64N(90)
	if h.rng.IntN(12) > 0 {
		h.log.counts.Synced++
		h.log.line(h.now, "=== Sync completed for gentoo")
	}
	h.log.line(h.now, " *** terminating.")
}

// abandon is a run without merges: an unsatisfied dependency, or the answer No to
// --ask.
func (h *history) abandon() {
	h.start("--ask --deep --newuse --update --verbose @world")
	h.now += 5 + h.rng.Int64N(60)
	switch h.rng.IntN(4) {
	case 0:
		h.exit(130)
	case 1:
		h.exit(0)
	default:
		h.log.line(h.now, " *** terminating.")
	}
}

// depclean removes packages on request.
func (h *history) depclean(packages []*pkg) {
	h.start("--depclean")
	h.log.line(h.now, " >>> depclean")
	for _, p := range packages {
		cpv := p.category + "/" + p.installed.pf
		h.now += 1 + h.rng.Int64N(3)
		h.log.line(h.now, "=== Unmerging... ("+cpv+")") // one blank: by request
		h.now++
		h.log.line(h.now, " >>> unmerge success: "+cpv)
		h.log.counts.Unmerged++
		p.installed = nil
	}
	h.exit(0)
}

// An ending is the way in which a run of merges ends.
type ending int

const (
	complete    ending = iota
	failed             // one build fails, the run ends with status 1
	keptGoing          // one build fails, the others are merged
	interrupted        // SIGINT: only "terminating" is logged
	killed             // SIGKILL: nothing is logged
)

// merge is a run that merges jobs, several in parallel. It returns the remaining
// jobs after a failure, with the failed one first.
func (h *history) merge(arguments string, jobs []job, parallel int, how ending) []job {
	h.start(arguments)
	if strings.Contains(arguments, "--resume") {
		h.log.line(h.now, " *** Resuming merge...")
	}
	h.now += 2 + h.rng.Int64N(20)
	var failure int
	if how == complete {
		failure = -1
	} else {
		failure = h.rng.IntN(len(jobs))
	}
	rest := h.batch(jobs, parallel, failure)
	if how == keptGoing && len(rest) > 0 {
		// Portage computes the list again and numbers it from 1 (Scheduler.py).
		rest = h.batch(rest, parallel, -1)
	}
	if failure >= 0 {
		rest = append([]job{jobs[failure]}, rest...)
	}
	switch how {
	case complete:
		h.log.line(h.now, " *** Finished. Cleaning up...")
		h.exit(0)
	case failed, keptGoing:
		h.log.line(h.now, " *** Finished. Cleaning up...")
		h.exit(1)
	case interrupted:
		h.log.line(h.now, " *** terminating.")
	case killed:
	}
	return rest
}

// batch merges jobs in parallel. The job with index failure does not complete. As
// in Portage, no job starts after that, and batch returns the jobs that have not
// started. It advances the clock to the end of the last job.
func (h *history) batch(jobs []job, parallel, failure int) []job {
	free := make([]int64, parallel) // times at which the parallel slots become free
	for i := range free {
		free[i] = h.now
	}
	var lines []timedLine
	var stop int64
	started := 0
	for i, j := range jobs {
		slot := slices.Index(free, slices.Min(free))
		if stop > 0 && free[slot] >= stop {
			break
		}
		started++
		begin := free[slot]
		for _, dep := range j.p.deps {
			if dep.installed != nil {
				begin = max(begin, dep.installed.merged)
			}
		}
		position := fmt.Sprintf("(%d of %d) ", i+1, len(jobs))
		lines, free[slot] = h.play(lines, j, position, begin, i == failure)
		if i == failure {
			stop = free[slot]
		}
	}
	h.log.sorted(lines)
	h.now = max(h.now, slices.Max(free))
	return jobs[started:]
}

// play appends the lines of one job and returns its end time. The steps are those
// of EbuildBuild.py and Binpkg.py in lib/_emerge.
func (h *history) play(lines []timedLine, j job, position string, now int64, fails bool) ([]timedLine, int64) {
	p := j.p
	in := p.installed
	pf := p.pf()
	source := fmt.Sprintf("%s/%s/%s.ebuild", repository, p.cp(), pf)
	if j.binary {
		pf = in.pf
		source = pkgdir + "/" + in.path()
	}
	cpv := p.category + "/" + pf
	say := func(message string) { lines = append(lines, timedLine{now, message}) }
	origin := " (" + cpv + "::" + source + ")"

	h.log.counts.Begun++
	say(" >>> emerge " + position + cpv + " to /")
	if j.binary {
		if fails {
			return lines, now + 1
		}
		now += h.rng.Int64N(2)
		say(" === " + position + "Merging Binary" + origin)
	} else {
		packs := h.rng.IntN(50) > 0
		step := "Compiling/Merging"
		if packs {
			step = "Compiling/Packaging"
		}
		say(" === " + position + "Cleaning" + origin)
		now += h.rng.Int64N(4)
		say(" === " + position + step + origin)
		begin := now
		now += 2 + int64(p.buildSeconds*(0.8+0.4*h.rng.Float64()))
		if fails {
			return lines, now
		}
		in = h.build(p, begin+(now-begin)*9/10, now, packs)
		say(" === " + position + "Merging" + origin)
	}
	now += 1 + h.rng.Int64N(3)
	slot, _, _ := strings.Cut(in.slot, "/")
	say(" >>> AUTOCLEAN: " + p.cp() + ":" + slot)
	if old := p.installed; old != nil {
		say(" === Unmerging... (" + p.category + "/" + old.pf + ")") // two blanks: by replacement
		now += h.rng.Int64N(3)
		say(" >>> unmerge success: " + p.category + "/" + old.pf)
		h.log.counts.Unmerged++
	}
	now += h.rng.Int64N(4)
	if p.installed == nil && h.rng.IntN(4) == 0 {
		say(" === " + position + "Updating world file (" + cpv + ")")
	}
	say(" === " + position + "Post-Build Cleaning" + origin)
	say(" ::: completed emerge " + position + cpv + " to /")
	h.log.counts.Completed++
	if j.binary {
		h.log.counts.Binary++
	}
	h.counter++
	in.counter, in.merged = h.counter, now
	p.installed = in
	return lines, now
}

// build creates an instance of the current version in the repository, linked to the
// installed libraries.
func (h *history) build(p *pkg, buildTime, packaged int64, packs bool) *instance {
	in := &instance{
		p: p, number: h.builds, pf: p.pf(), slot: p.fullSlot(), buildTime: buildTime, packaged: packaged,
	}
	h.builds++
	if packs {
		p.buildIDs[in.pf]++
		in.buildID = p.buildIDs[in.pf]
	}
	if !h.keep {
		return in
	}
	if packs {
		h.packed = append(h.packed, in)
	}
	if p.subslot > 0 {
		in.soname = p.soname()
	}
	for _, dep := range p.deps {
		on := dep.installed
		if in.rdepend != "" {
			in.rdepend += " "
		}
		switch {
		case dep.name == libcName:
			in.rdepend += ">=" + dep.category + "/" + on.pf
			in.requires = "x86_64: libc.so.6"
		default:
			in.rdepend += dep.cp() + ":" + on.slot + "="
			in.requires += " " + on.soname
		}
	}
	return in
}
