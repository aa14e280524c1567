// Package hostgen makes Gentoo hosts, emerge.logs and build logs of any size for
// the benchmarks of emaudit, which would otherwise need a machine with years of
// history. It is for measuring; what parsers must understand is tested with
// recorded material, because a generator only writes what its author knows.
//
// [Host] writes a whole root directory: the installed-package database with
// per-field files and consolidated "metadata", PKGDIR with valid gpkg files and
// the Packages index, the emerge.log of how all that came to be, make.conf and a
// minimal repository. They agree with each other the way Portage makes them
// agree: BINPKGMD5 is the MD5 of the file, BUILD_TIME lies between the lines of
// its merge, built slot operators name the subslot that was installed then, and
// real Portage's "emaint --check binhost" has nothing to say about the result.
//
// [EmergeLog] writes only a log, of any length, in the proportions of a busy
// real one (counted in the sample that emlop's tests use): of 1,000 lines about
// 92 begin a merge, 86 complete one, 86 end the unmerge of the version before,
// and 15 end a sync; there are 45 runs, a third of which only sync. It has jobs
// that interleave, failures with and without --keep-going, resumed, interrupted
// and killed runs.
//
// [BuildLogs] writes build logs and elog files.
//
// Everything is decided by a seed: the same options give the same bytes and the
// same modification times.
package hostgen

import (
	"math"
	"math/rand/v2"
)

// newRand returns the source of all decisions about one thing. Streams of
// different numbers are independent, so that files can be made in any order.
func newRand(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

func pick[T any](rng *rand.Rand, from []T) T {
	return from[rng.IntN(len(from))]
}

// logNormal returns a value whose logarithm has a normal distribution: most are
// around the median, a few many times as large, as build times and sizes are.
func logNormal(rng *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*rng.NormFloat64())
}
