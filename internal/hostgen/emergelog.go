package hostgen

import (
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

const (
	logPackages = 2000 // distinct packages in the log of EmergeLog
	logYears    = 10.7 // years that a long log spans
	// linesPerRun is the average number of lines of one run. It determines the
	// intervals between runs, so that a log of any length ends at about the same
	// time.
	linesPerRun = 21.5
)

// epoch is the beginning of all generated histories.
var epoch = time.Date(2015, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()

// EmergeLog writes an emerge.log with at least the given number of lines; it
// completes the last run. Its memory does not grow with the log.
func EmergeLog(w io.Writer, lines int, seed uint64) (LogCounts, error) {
	rng := newRand(seed, 0)
	h := &history{rng: rng, log: newLogWriter(w), now: epoch}
	const year = 365.25 * 24 * 3600
	h.gap = min(logYears*year*0.8/(float64(lines)/linesPerRun), 8*3600)

	// The log begins in the middle of a host's life, with most packages installed.
	catalogue := newCatalogue(rng, logPackages)
	for _, p := range catalogue {
		if rng.IntN(20) > 0 {
			p.installed = h.build(p, epoch, epoch, true)
			p.bump(rng, false)
		}
	}
	for h.log.counts.Lines < lines {
		switch n := rng.IntN(100); {
		case n < 38:
			h.sync()
		case n < 64:
			h.abandon()
		case n < 66:
			h.depclean(pickInstalled(rng, catalogue, 1+rng.IntN(4)))
		default:
			h.update(catalogue)
		}
	}
	return h.log.counts, h.log.flush()
}

// update merges some packages, with the luck of real life.
func (h *history) update(catalogue []*pkg) {
	how := complete
	switch n := h.rng.IntN(100); {
	case n < 17:
		how = failed
	case n < 23:
		how = keptGoing
	case n < 32:
		how = interrupted
	case n < 35:
		how = killed
	}
	arguments := "--deep --newuse --update --verbose --quiet-build=y @world"
	if how == keptGoing {
		arguments = "--keep-going=y " + arguments
	}
	parallel := pick(h.rng, []int{1, 1, 1, 2, 4})
	if parallel > 1 {
		arguments = "--jobs=" + strconv.Itoa(parallel) + " " + arguments
	}
	rest := h.merge(arguments, h.jobs(catalogue), parallel, how)
	if how != complete && how != keptGoing && len(rest) > 1 && h.rng.IntN(3) == 0 {
		h.merge("--resume --skipfirst", rest[1:], parallel, complete)
	}
}

// jobs returns the packages of an update, mostly a handful.
func (h *history) jobs(catalogue []*pkg) []job {
	n := min(1+int(h.rng.ExpFloat64()*5.8), 200)
	jobs := make([]job, 0, n)
	for len(jobs) < n {
		p := pick(h.rng, catalogue)
		if slices.ContainsFunc(jobs, func(j job) bool { return j.p == p }) {
			continue
		}
		binary := p.installed != nil && p.installed.buildID > 0 && h.rng.IntN(5) == 0
		if !binary && h.rng.IntN(3) > 0 {
			p.bump(h.rng, false)
		}
		jobs = append(jobs, job{p, binary})
	}
	return jobs
}

// pickInstalled returns n different installed packages without dependents.
func pickInstalled(rng *rand.Rand, catalogue []*pkg, n int) []*pkg {
	var picked []*pkg
	for len(picked) < n {
		p := pick(rng, catalogue)
		if p.installed != nil && len(p.dependents) == 0 && p.name != libcName && !slices.Contains(picked, p) {
			picked = append(picked, p)
		}
	}
	return picked
}
