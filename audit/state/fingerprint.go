package state

import (
	"fmt"
	"hash/fnv"
)

// fingerprints returns a hash for each state. Two states with the same hash had the
// same builds installed, as far as is known. A build of which only the version is
// known equals no other, and an unknown state has a hash of its own.
func (h *Past) fingerprints() []uint64 {
	if h.prints != nil {
		return h.prints
	}
	n := len(h.Changes) + 1
	prints := make([]uint64, n+1)
	toggle := func(from, until int, of uint64) {
		if from = max(from, 0); from <= until && from < n {
			prints[from] ^= of
			prints[min(until, n-1)+1] ^= of
		}
	}
	for i, x := range h.installations {
		build := fmt.Sprint(x.CPV, " built ", h.Identify(x).BuildTime)
		if h.Identify(x).BuildTime == 0 {
			build = fmt.Sprint(x.CPV, " installation ", i)
		}
		certain, possible := hashOf(build), hashOf(build+" perhaps")
		if x.first > x.Last {
			toggle(x.from, x.until, possible)
			continue
		}
		toggle(x.from, min(x.first-1, x.until), possible)
		toggle(max(x.first, x.from), min(x.Last, x.until), certain)
		toggle(max(x.Last+1, x.from), x.until, possible)
	}
	for _, c := range h.cutSpans {
		toggle(c.from, c.until, hashOf(c.why))
	}
	for k := 1; k < n; k++ {
		prints[k] ^= prints[k-1]
	}
	for k := range prints[:n] {
		if h.whyUnknown(k) != "" {
			prints[k] = hashOf(fmt.Sprint("state ", k))
		}
	}
	h.prints = prints[:n]
	return h.prints
}

func hashOf(text string) uint64 {
	sum := fnv.New64a()
	sum.Write([]byte(text))
	return sum.Sum64()
}

// Same reports whether the same builds were installed in two states, as far as is
// known.
func (h *Past) Same(a, b *State) bool {
	prints := h.fingerprints()
	return prints[a.index] == prints[b.index]
}
