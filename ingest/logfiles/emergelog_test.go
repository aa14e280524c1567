package logfiles

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/logs"
)

// logHost is a root that has nothing but logs.
type logHost struct {
	tb   testing.TB
	root string
	db   *store.DB
	id   store.HostID
}

func newLogHost(tb testing.TB) *logHost {
	tb.Helper()
	h := &logHost{tb: tb, root: tb.TempDir()}
	if err := os.MkdirAll(filepath.Join(h.root, "var/log"), 0o755); err != nil {
		tb.Fatal(err)
	}
	var err error
	if h.db, err = store.Open(context.Background(), filepath.Join(tb.TempDir(), "test.db"), store.Options{}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.db.Close() })
	err = h.db.Update(context.Background(), func(tx *store.Tx) (err error) {
		h.id, err = tx.EnsureHost("test", h.root, 1)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// path returns the path of a log.
func (h *logHost) path(name string) string { return filepath.Join(h.root, "var/log", name) }

func (h *logHost) write(name string, data []byte) {
	h.tb.Helper()
	if err := os.WriteFile(h.path(name), data, 0o644); err != nil {
		h.tb.Fatal(err)
	}
}

func (h *logHost) add(name string, data []byte) {
	h.tb.Helper()
	f, err := os.OpenFile(h.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		h.tb.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		h.tb.Fatal(err)
	}
}

func (h *logHost) rename(from, to string) {
	h.tb.Helper()
	if err := os.Rename(h.path(from), h.path(to)); err != nil {
		h.tb.Fatal(err)
	}
}

func (h *logHost) remove(name string) {
	h.tb.Helper()
	if err := os.Remove(h.path(name)); err != nil {
		h.tb.Fatal(err)
	}
}

// ingest reads the logs and returns what came of it.
func (h *logHost) ingest() ingest.SourceResult {
	h.tb.Helper()
	result, err := h.tryIngest()
	if err != nil {
		h.tb.Fatal(err)
	}
	return result
}

func (h *logHost) tryIngest() (ingest.SourceResult, error) {
	root, err := hostfs.Open(h.root)
	if err != nil {
		return ingest.SourceResult{}, err
	}
	defer root.Close()
	resolved, err := settings.Resolve(root, settings.Options{})
	if err != nil {
		return ingest.SourceResult{}, err
	}
	r := reader{&ingest.Reader{Host: ingest.Host{ID: h.id, Root: root, Settings: resolved}, Options: ingest.Options{Now: 2_000_000_000}, DB: h.db}}
	results, err := r.emergeLog(context.Background())
	if err != nil {
		return ingest.SourceResult{}, err
	}
	return results[0], nil
}

// history returns all that is stored, a line for each run and fact, but not
// where in the log it stood.
func (h *logHost) history() string {
	h.tb.Helper()
	var b strings.Builder
	h.view(func(tx *store.Tx) error {
		log := logs.ReadEmergeLog(tx, h.id)
		var facts logs.Facts
		err := log.Runs(logs.RunRange{}, logs.OldestFirst, func(r *logs.Run) error {
			if err := log.Facts(r, &facts); err != nil {
				return err
			}
			fmt.Fprintf(&b, "%+v\n", r.Run)
			for _, m := range facts.Merges {
				fmt.Fprintf(&b, "\t%+v\n", m.Merge)
			}
			for _, u := range facts.Unmerges {
				fmt.Fprintf(&b, "\t%+v\n", u.Unmerge)
			}
			for _, s := range facts.Syncs {
				fmt.Fprintf(&b, "\t%+v\n", s.Sync)
			}
			return nil
		})
		if err != nil {
			return err
		}
		packages, err := tx.PackageNames()
		if err != nil {
			return err
		}
		var sums []string
		err = log.PackageSums(logs.SumQuery{}, func(p *logs.PackageSum) { sums = append(sums, fmt.Sprintf("%+v\n", *p)) })
		slices.Sort(sums)
		b.WriteString(strings.Join(sums, ""))
		for _, name := range packages {
			runs, err := log.RunsOf([]string{name})
			if err != nil {
				return err
			}
			fmt.Fprintln(&b, name, runs)
		}
		return err
	})
	return b.String()
}

func (h *logHost) view(fn func(*store.Tx) error) {
	h.tb.Helper()
	if err := h.db.View(context.Background(), fn); err != nil {
		h.tb.Fatal(err)
	}
}

// diagnostics returns the codes of what is wrong with the logs.
func (h *logHost) diagnostics() []string {
	var codes []string
	h.view(func(tx *store.Tx) error {
		for _, kind := range []store.SourceKind{store.SourceOldEmergeLog, store.SourceEmergeLog} {
			diags, err := tx.Diagnostics(h.id, kind)
			if err != nil {
				return err
			}
			for _, d := range diags {
				codes = append(codes, d.Code)
			}
		}
		return nil
	})
	return codes
}

func alphaLog(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("../../testdata/logs/emerge/alpha.log")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// wholeHistory is what comes of a log that is read at once.
func wholeHistory(tb testing.TB, log []byte) string {
	h := newLogHost(tb)
	h.write("emerge.log", log)
	h.ingest()
	return h.history()
}

// third cuts a log into three, in the middle of a run and in the middle of a
// merge.
func thirds(log []byte) (a, b, c []byte) {
	cut := func(at int) int { return at + bytes.IndexByte(log[at:], '\n') + 1 }
	i, j := cut(len(log)/3), cut(len(log)*2/3)
	return log[:i], log[i:j], log[j:]
}

func TestALogThatGrowsIsReadFromWhereItWas(t *testing.T) {
	t.Parallel()
	log := alphaLog(t)
	want := wholeHistory(t, log)
	h := newLogHost(t)
	const longestLine = 400
	piece := 1000
	for rest := log; len(rest) > 0; piece += 7777 {
		fresh := rest[:min(piece, len(rest))]
		rest = rest[len(fresh):]
		h.add("emerge.log", fresh)
		if result := h.ingest(); result.Read > int64(len(fresh)+longestLine) {
			t.Fatalf("%d bytes read for %d new ones", result.Read, len(fresh))
		}
	}
	if diff := cmp.Diff(want, h.history()); diff != "" {
		t.Errorf("(-whole +in pieces)\n%s", diff)
	}
	if result := h.ingest(); result.Changed || result.Read != 0 {
		t.Errorf("an unchanged log was read again: %+v", result)
	}
	if codes := h.diagnostics(); codes != nil {
		t.Errorf("a whole log is damaged: %v", codes)
	}
}

// Rotation moves files to the names of others, compresses and deletes them; the
// log stays one.
func TestARotatedLogIsOneLog(t *testing.T) {
	t.Parallel()
	log := alphaLog(t)
	want := wholeHistory(t, log)
	a, b, c := thirds(log)
	for _, test := range []struct {
		name string
		do   func(h *logHost)
	}{
		{"renamed twice", func(h *logHost) {
			h.write("emerge.log", a)
			h.ingest()
			h.rename("emerge.log", "emerge.log.1")
			h.write("emerge.log", b)
			h.ingest()
			h.rename("emerge.log.1", "emerge.log.2")
			h.rename("emerge.log", "emerge.log.1")
			h.write("emerge.log", c)
		}},
		{"renamed with lines that were not read yet", func(h *logHost) {
			h.write("emerge.log", a[:len(a)/2])
			h.ingest()
			h.add("emerge.log", a[len(a)/2:])
			h.add("emerge.log", b)
			h.rename("emerge.log", "emerge.log-20260601")
			h.write("emerge.log", c)
		}},
		{"compressed", func(h *logHost) {
			h.write("emerge.log", a)
			h.ingest()
			h.remove("emerge.log")
			h.write("emerge.log.1.gz", gzipped(h.tb, append(bytes.Clone(a), b...)))
			h.write("emerge.log", c)
		}},
		{"copied and truncated", func(h *logHost) {
			h.write("emerge.log", a)
			h.ingest()
			h.add("emerge.log", b)
			h.write("emerge.log.1", append(bytes.Clone(a), b...))
			h.write("emerge.log", c)
		}},
		{"rotated before anything was read, in every format, with names that lie about the order", func(h *logHost) {
			h.write("emerge.log-20260901.xz", xzipped(h.tb, a))
			h.write("emerge.log-20250101.zst", zstdipped(h.tb, b))
			h.write("emerge.log", c)
		}},
		{"rotated and deleted after it was read", func(h *logHost) {
			h.write("emerge.log", a)
			h.ingest()
			h.rename("emerge.log", "emerge.log.1")
			h.write("emerge.log", b)
			h.ingest()
			h.remove("emerge.log.1")
			h.rename("emerge.log", "emerge.log.1")
			h.write("emerge.log", c)
			h.ingest()
			h.remove("emerge.log.1")
		}},
		{"an older file comes to light", func(h *logHost) {
			h.write("emerge.log.1", b)
			h.write("emerge.log", c)
			h.ingest()
			h.write("emerge.log.2.gz", gzipped(h.tb, a))
		}},
		{"the log is gone for a while", func(h *logHost) {
			h.write("emerge.log", a)
			h.ingest()
			h.rename("emerge.log", "elsewhere")
			h.ingest()
			h.rename("elsewhere", "emerge.log")
			h.add("emerge.log", b)
			h.add("emerge.log", c)
		}},
		{"compressed, and not deleted yet", func(h *logHost) {
			h.write("emerge.log.2", a)
			h.write("emerge.log.2.gz", gzipped(h.tb, a))
			h.write("emerge.log.1", b)
			h.write("emerge.log", c)
			h.ingest()
			h.remove("emerge.log.2")
		}},
		{"being compressed while it is read", func(h *logHost) {
			h.write("emerge.log.2", a)
			h.write("emerge.log.1", b)
			h.write("emerge.log", c)
			h.ingest()
			whole := gzipped(h.tb, a)
			h.write("emerge.log.2.gz", whole[:len(whole)/2])
			h.ingest()
			h.write("emerge.log.2.gz", whole)
			h.ingest()
			h.remove("emerge.log.2")
		}},
		{"copied beside itself before the first reading, then growing", func(h *logHost) {
			h.write("emerge.log", a)
			h.write("emerge.log.1", a)
			h.ingest()
			h.add("emerge.log", b)
			h.ingest()
			h.add("emerge.log", c[:100])
			h.ingest()
			h.add("emerge.log", c[100:])
		}},
		{"copied beside itself after it was read, with a last line that grows", func(h *logHost) {
			h.write("emerge.log", a)
			h.add("emerge.log", b[:30])
			h.ingest()
			h.write("emerge.log-20260601", a)
			h.ingest()
			h.add("emerge.log", b[30:])
			h.ingest()
			h.add("emerge.log", c)
		}},
		{"copied whole, in every stage of rotation", func(h *logHost) {
			h.write("emerge.log.3", a)
			h.write("emerge.log.2.xz", xzipped(h.tb, a))
			h.write("emerge.log.1", append(bytes.Clone(a), b...))
			h.write("emerge.log", append(append(bytes.Clone(a), b...), c...))
		}},
		{"a copy deleted and made again", func(h *logHost) {
			h.write("emerge.log", append(append(bytes.Clone(a), b...), c...))
			for range 3 {
				h.write("emerge.log.1", a)
				h.ingest()
				h.remove("emerge.log.1")
				h.ingest()
			}
		}},
		{"emptied for a while", func(h *logHost) {
			h.write("emerge.log", nil)
			h.ingest()
			h.add("emerge.log", a)
			h.ingest()
			h.add("emerge.log", append(bytes.Clone(b), c...))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := newLogHost(t)
			test.do(h)
			h.ingest()
			if diff := cmp.Diff(want, h.history()); diff != "" {
				t.Errorf("(-whole +rotated)\n%s", diff)
			}
			if codes := h.diagnostics(); codes != nil {
				t.Errorf("damage: %v", codes)
			}
			if result := h.ingest(); result.Changed || result.Read != 0 {
				t.Errorf("nothing changed, but: %+v", result)
			}
		})
	}
}

// bzip2 can only be read here, so the file is one of those that were recorded.
func TestABzippedLogIsRead(t *testing.T) {
	t.Parallel()
	h := newLogHost(t)
	old, err := os.ReadFile("../../testdata/logs/emerge/rotated-old.log.bz2")
	if err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadFile("../../testdata/logs/emerge/rotated-new.log")
	if err != nil {
		t.Fatal(err)
	}
	h.write("emerge.log.1.bz2", old)
	h.write("emerge.log", rest)
	h.ingest()
	h.view(func(tx *store.Tx) error {
		log := logs.ReadEmergeLog(tx, h.id)
		var facts logs.Facts
		runs := 0
		err := log.Runs(logs.RunRange{}, logs.OldestFirst, func(r *logs.Run) error {
			runs++
			if err := log.Facts(r, &facts); err != nil {
				return err
			}
			if len(facts.Merges) != 1 {
				t.Fatalf("merges: %+v, want one", facts.Merges)
			}
			m := facts.Merges[0]
			if seconds, ok := m.Duration(); seconds != 51 || !ok {
				t.Errorf("the merge that spans both files took %d s (%v), want 51 s", seconds, ok)
			}
			path, offset, err := log.Place(m.BeganAt)
			if path != "/var/log/emerge.log.1.bz2" || offset != 89 {
				t.Errorf("the merge begins in %s at %d, want byte 89 of the old file", path, offset)
			}
			return err
		})
		if runs != 1 {
			t.Errorf("%d runs, want the one that spans both files", runs)
		}
		return err
	})
}

// Two that read the same log at once store it once.
func TestALogIsReadOnceByTwo(t *testing.T) {
	t.Parallel()
	log := alphaLog(t)
	h := newLogHost(t)
	h.write("emerge.log", log)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			if _, err := h.tryIngest(); err != nil {
				t.Error(err)
			}
		})
	}
	readers.Wait()
	if diff := cmp.Diff(wholeHistory(t, log), h.history()); diff != "" {
		t.Errorf("(-read by one +read by four)\n%s", diff)
	}
}

// What cannot be read again is not read twice, and what is gone is not lost.
func TestALogWithoutItsBeginningDoublesNothing(t *testing.T) {
	t.Parallel()
	log := alphaLog(t)
	a, b, c := thirds(log)
	h := newLogHost(t)
	h.write("emerge.log", append(bytes.Clone(a), b...))
	h.ingest()
	// Somebody keeps only the last lines: "tail emerge.log".
	h.remove("emerge.log")
	h.write("emerge.log", append(bytes.Clone(b[bytes.IndexByte(b, '\n')+1:]), c...))
	h.ingest()
	if diff := cmp.Diff(wholeHistory(t, log), h.history()); diff != "" {
		t.Errorf("(-whole +cut)\n%s", diff)
	}
	if diff := cmp.Diff([]string{CodeLogRewritten}, h.diagnostics()); diff != "" {
		t.Error(diff)
	}
}

func TestALogThatCannotBeDecompressedCostsNoOther(t *testing.T) {
	t.Parallel()
	log := alphaLog(t)
	a, b, c := thirds(log)
	h := newLogHost(t)
	broken := gzipped(t, a)
	h.write("emerge.log.2.gz", append([]byte("\x1f\x8b"), broken[4:]...))
	h.write("emerge.log.1", b)
	h.write("emerge.log", c)
	h.ingest()
	if diff := cmp.Diff([]string{CodeLogUndecoded}, h.diagnostics()); diff != "" {
		t.Error(diff)
	}
	if h.history() == "" {
		t.Error("nothing was read of the others")
	}
	if result := h.ingest(); result.Changed {
		t.Errorf("nothing changed, but: %+v", result)
	}
}

func TestOnlyRotatedLogsAreTaken(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"emerge.log.1": true, "emerge.log-20260131": true, "emerge.log-20260131.gz": true, "emerge.log.12.xz": true,
		"emerge.log-2026-01-31_1200.zst": true, "emerge.log.bak": false, "emerge.log": false, "emerge.log~": false, "emerge.log.": false,
		"emerge.log.1.old": false, "emerge-fetch.log": false, "emerge.log.gz": true, "emerge.log.old": true, "emerge.log.old.xz": true,
		"emerge-20260131.log": true, "emerge-20260131.log.gz": true, "emerge.1.log": true, "emerge-.log": false, "emerge-1.txt": false,
	} {
		if got := isRotated("emerge.log", name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func compressed(tb testing.TB, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(tb testing.TB, data []byte) []byte {
	return compressed(tb, data, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })
}

func xzipped(tb testing.TB, data []byte) []byte {
	return compressed(tb, data, func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
}

func zstdipped(tb testing.TB, data []byte) []byte {
	return compressed(tb, data, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}
