package logfiles_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"emaudit/internal/hostgen"
	"emaudit/internal/hosttest"
)

// The numbers that count are those of 5,000 logs of 200 KB (docs/performance.md);
// these are the same with fewer logs, beside what reading them alone costs.
const (
	benchLogs = 400
	benchSize = 200 << 10
)

// benchHost is a root with generated build logs; size is that of the files.
func benchHost(b *testing.B, packed bool) (root string, size int64) {
	b.Helper()
	root = b.TempDir()
	logs := filepath.Join(root, "var/log/portage")
	if err := hostgen.BuildLogs(logs, hostgen.BuildLogOptions{Logs: benchLogs, Size: benchSize, Gzip: packed}); err != nil {
		b.Fatal(err)
	}
	conf := filepath.Join(root, "etc/portage/make.conf")
	if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte("PORTAGE_LOGDIR=\"/var/log/portage\"\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(logs, "*.log*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	return root, size
}

func BenchmarkBuildLogsFirstIngest(b *testing.B) {
	for _, packed := range []bool{false, true} {
		b.Run(kindOf(packed), func(b *testing.B) {
			root, size := benchHost(b, packed)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				hosttest.New(b, root).Ingest(hosttest.Now)
			}
		})
	}
}

func BenchmarkBuildLogsSecondIngest(b *testing.B) {
	root, _ := benchHost(b, false)
	h := hosttest.New(b, root)
	h.Ingest(hosttest.Now)
	b.ReportAllocs()
	for b.Loop() {
		h.Ingest(hosttest.Now)
	}
}

// BenchmarkBuildLogsCat is what cat does with the same files.
func BenchmarkBuildLogsCat(b *testing.B) {
	for _, packed := range []bool{false, true} {
		b.Run(kindOf(packed), func(b *testing.B) {
			root, size := benchHost(b, packed)
			files, err := filepath.Glob(filepath.Join(root, "var/log/portage/*.log*"))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(size)
			buf := make([]byte, 128<<10)
			for b.Loop() {
				for _, name := range files {
					f, err := os.Open(name)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf); err != nil {
						b.Fatal(err)
					}
					f.Close()
				}
			}
		})
	}
}

func kindOf(packed bool) string {
	if packed {
		return "gzip"
	}
	return "plain"
}
