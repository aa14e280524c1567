package pkgindex_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/parse/pkgindex"
)

// largeIndex has the size of the index of a machine that keeps everything:
// alpha's 140 entries 18 times.
func largeIndex(b *testing.B) []byte {
	text := string(readFile(b, hostarchive.Alpha(b), "var/cache/binpkgs/Packages"))
	head, entries, _ := strings.Cut(text, "\n\n")
	var large strings.Builder
	large.WriteString(head + "\n\n")
	for i := range 18 {
		other := strings.NewReplacer("\nCPV: ", fmt.Sprintf("\nCPV: x%d-", i), "\nPATH: ", fmt.Sprintf("\nPATH: x%d-", i))
		other.WriteString(&large, entries)
	}
	return []byte(large.String())
}

func BenchmarkParse2520Entries(b *testing.B) {
	text := largeIndex(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if index, _ := pkgindex.Parse(text); len(index.Entries) != 2520 {
			b.Fatal(len(index.Entries))
		}
	}
}

func BenchmarkWrite2520Entries(b *testing.B) {
	text := largeIndex(b)
	index, _ := pkgindex.Parse(text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := pkgindex.Write(io.Discard, index); err != nil {
			b.Fatal(err)
		}
	}
}
