package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/hostgen"
)

// BenchmarkLog asks an ingested log of a million lines. The budgets are those of
// bench/peers.sh: the whole history no slower than emlop tells it, anything
// narrower a tenth of that.
func BenchmarkLog(b *testing.B) {
	lines := 1_000_000
	if testing.Short() {
		lines /= 100
	}
	root := b.TempDir()
	log := filepath.Join(root, "var/log/emerge.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(log)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := hostgen.EmergeLog(w, lines); err != nil {
		b.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	db := filepath.Join(root, "emaudit.db")
	bench(b, "--root", root, "--db", db, "ingest")
	for _, command := range []string{
		"log", "log --only merge", "log --format json", "log --last 20", "log app-misc/*", "log --since 2020-03 --until 2020-03",
		"runs", "stats", "stats --per month", "predict --accuracy",
	} {
		b.Run(strings.ReplaceAll(command, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				bench(b, append([]string{"--root", root, "--db", db, "--no-ingest"}, strings.Fields(command)...)...)
			}
		})
	}
}
