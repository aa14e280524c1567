// Package hostgen generates Gentoo hosts, emerge.logs and build logs of any size
// for the benchmarks of emaudit, which would otherwise need a machine with years of
// history. It is for measurements only. Parsers are tested with recorded material,
// because a generator writes only what its author knows.
//
// [Host] writes a root directory: the VDB with single files and consolidated
// "metadata", PKGDIR with valid gpkg files and the Packages index, the emerge.log
// of the whole history, make.conf and a minimal repository. They are consistent in
// the same way as on a real host: BINPKGMD5 is the MD5 of the file, BUILD_TIME lies
// between the lines of the merge, built slot operators name the sub-slot installed
// at that time, and Portage's "emaint --check binhost" reports no problem.
//
// [EmergeLog] writes only a log, of any length. Its proportions are those of a busy
// real log, the sample in the tests of emlop: of 1,000 lines about 92 begin a
// merge, 86 complete one, 86 end the unmerge of the previous version, and 15 end a
// sync. There are 45 runs, a third of which only sync. The log has parallel jobs,
// failures with and without --keep-going, and resumed, interrupted and killed runs.
//
// [BuildLogs] writes build logs and elog files.
//
// A seed determines everything: the same options give the same bytes and the same
// modification times.
package hostgen

import (
	"math"
	"math/rand/v2"
)

// newRand returns the random source for one purpose. Different streams are
// independent, so files can be generated in any order.
func newRand(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

func pick[T any](rng *rand.Rand, from []T) T {
	return from[rng.IntN(len(from))]
}

// logNormal returns a log-normally distributed value: most are near the median, and
// a few are many times larger, like real build times and sizes.
func logNormal(rng *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*rng.NormFloat64())
}
