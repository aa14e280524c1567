package logfiles

import (
	"bytes"
	"sync"
	"testing"

	"emaudit/internal/hostgen"
)

// generatedLog is an emerge.log of a million lines, made once for a process.
var generatedLog = sync.OnceValues(func() ([]byte, error) {
	lines := 1_000_000
	if testing.Short() {
		lines /= 100
	}
	var log bytes.Buffer
	err := hostgen.EmergeLog(&log, lines)
	return log.Bytes(), err
})

// The budget is the time in which qlop lists the merges of the same log; see
// bench/peers.sh.
func BenchmarkColdEmergeLog(b *testing.B) {
	log, err := generatedLog()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		b.StopTimer()
		h := newLogHost(b)
		h.write("emerge.log", log)
		b.StartTimer()
		h.ingest()
	}
}

// A thousand new lines at the end of a long log.
func BenchmarkAppendedEmergeLog(b *testing.B) {
	log, err := generatedLog()
	if err != nil {
		b.Fatal(err)
	}
	fresh := log
	for range 1000 {
		fresh = fresh[:bytes.LastIndexByte(fresh[:len(fresh)-1], '\n')+1]
	}
	known, fresh := fresh, log[len(fresh):]
	h := newLogHost(b)
	h.write("emerge.log", known)
	h.ingest()
	for b.Loop() {
		h.add("emerge.log", fresh)
		h.ingest()
	}
}
