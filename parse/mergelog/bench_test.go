package mergelog

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"
)

// benchmarkLog returns a build log of about size bytes: compiler command lines, a
// warning among every 40 of them, as real ones have.
func benchmarkLog(size int) []byte {
	var b strings.Builder
	b.WriteString(" * Package:    app-misc/big-1.0:0\n * Repository: gentoo\n * USE:        amd64 elibc_glibc\n>>> Unpacking source...\n>>> Compiling source in /w ...\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "x86_64-pc-linux-gnu-g++ -DHAVE_CONFIG_H -I. -I../include -O2 -pipe -march=native -c -o unit%d.o unit%d.cc\n", i, i)
		if i%40 == 0 {
			fmt.Fprintf(&b, "unit%d.cc: In member function ‘std::vector<std::string> a::b::c(int)’:\nunit%d.cc:12:8: warning: unused variable ‘n’ [-Wunused-variable]\n   12 |    int n = std::size(x);\n      |        ^\n", i, i)
		}
	}
	b.WriteString(">>> Source compiled.\n>>> Completed installing app-misc/big-1.0 into /i\n * Final size of installed tree: 99 KiB\n>>> Done.\n")
	return []byte(b.String())
}

func BenchmarkReadBuildLog(b *testing.B) {
	data := benchmarkLog(16 << 20)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadBuildLog(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCopy is what reading alone costs, to compare with.
func BenchmarkCopy(b *testing.B) {
	data := benchmarkLog(16 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{bytes.NewReader(data)}, make([]byte, bufferSize)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadGzipBuildLog(b *testing.B) {
	data := benchmarkLog(16 << 20)
	packed := pack(b, data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadBuildLog(NewGzipReader(bytes.NewReader(packed))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGunzip is what decompressing alone costs.
func BenchmarkGunzip(b *testing.B) {
	data := benchmarkLog(16 << 20)
	packed := pack(b, data)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, z); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadSmallBuildLog(b *testing.B) {
	data := benchmarkLog(2 << 10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadBuildLog(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

// pack compresses parts into one gzip member each.
func pack(tb testing.TB, parts ...[]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	for _, part := range parts {
		z := gzip.NewWriter(&b)
		if _, err := z.Write(part); err != nil {
			tb.Fatal(err)
		}
		if err := z.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}
