package mergelog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse"
	"emaudit/parse/mergelog/cause"

	"emaudit/internal/hostarchive"
	"emaudit/internal/sharedtest"
)

// TestLogsGiveTheirGoldenRecords holds one log for each way in which a merge
// ends, and the records that a person found right.
func TestLogsGiveTheirGoldenRecords(t *testing.T) {
	for _, file := range inputs(t, "build/*.log") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			checkGolden(t, file, readBuildLog(t, mustRead(t, file)))
		})
	}
}

func TestCauses(t *testing.T) {
	tests := []struct {
		log   string
		class cause.Class
		phase Phase
		line  string
	}{
		{"compiler-parallel-make", cause.Compiler, PhaseCompile, "proto.h:88:9: error: conflicting types for ‘send_packet’; have ‘int(struct peer *)’"},
		{"compiler-missing-header", cause.MissingFile, PhaseCompile, "../src/tool.cc:19:10: fatal error: boost/regex.hpp: No such file or directory"},
		{"linker-undefined-reference", cause.Linker, PhaseCompile, "main.c:(.text+0x1f): undefined reference to `dgemm_'"},
		{"linker-lld", cause.Linker, PhaseCompile, "ld.lld: error: undefined symbol: png_set_longjmp_fn"},
		{"rust-color", cause.Rust, PhaseCompile, "error[E0433]: failed to resolve: use of undeclared crate or module `serde`"},
		{"rust-plain", cause.Rust, PhaseCompile, "error: expected one of `!` or `::`, found `main`"},
		{"cmake", cause.CMake, PhaseConfigure, "CMake Error at /usr/share/cmake/Modules/FindPackageHandleStandardArgs.cmake:233 (message): Could NOT find ZLIB (missing: ZLIB_LIBRARY ZLIB_INCLUDE_DIR)"},
		{"cargo-build-script", cause.Rust, PhaseCompile, "thread 'main' (7126) panicked at build.rs:1:12: could not find openssl"},
		{"python-chain", cause.Python, PhaseCompile, "ValueError: bad: error: value"},
		{"make-permission", cause.Other, PhaseCompile, "make[2]: ./gen.sh: Permission denied"},
		{"meson-test", cause.Test, PhaseTest, "2/2 unit                FAIL            0.02s   exit status 1"},
		{"ctest", cause.Test, PhaseTest, "The following tests FAILED: 2 - unit (Failed)"},
		{"ninja-keep-going", cause.Compiler, PhaseCompile, "/var/tmp/portage/app-misc/cmake-ninja/b.c:1:20: error: ‘undefined_thing’ undeclared (first use in this function)"},
		{"make-keep-going", cause.Compiler, PhaseCompile, "bad.c:2:22: error: ‘q’ undeclared (first use in this function)"},
		{"misleading", cause.Compiler, PhaseCompile, "x.c:3:9: error: real one here"},
		{"meson", cause.Meson, PhaseConfigure, `../mesonfail-1.8/meson.build:98:6: ERROR: Dependency "libdrm" not found, tried pkgconfig and cmake`},
		{"configure", cause.Configure, PhaseConfigure, "configure: error: Package requirements (openssl >= 3.0) were not met:"},
		{"python", cause.Python, PhaseCompile, "ModuleNotFoundError: No module named 'numpy'"},
		{"patch", cause.Patch, PhasePrepare, "1 out of 2 hunks FAILED -- saving rejects to file src/os_unix.c.rej"},
		{"test", cause.Test, PhaseTest, "FAIL: test-unicode"},
		{"out-of-memory", cause.Memory, PhaseCompile, "x86_64-pc-linux-gnu-g++: fatal error: Killed signal terminated program cc1plus"},
		{"no-space", cause.Space, PhaseCompile, "cc1plus: fatal error: error writing to /var/tmp/portage/app-office/spacefail-24.8/temp/ccA1b2C3.s: No space left on device"},
		{"killed-by-signal", cause.Signal, PhaseCompile, "The ebuild phase 'compile' has been killed by signal 9."},
		{"make-killed", cause.Signal, PhaseCompile, "make[2]: *** [Makefile:9: big.o] Error 137"},
		{"shell-job-killed", cause.Signal, PhaseCompile, "/bin/bash: line 7: 41231 Killed                  ./generate-tables > tables.c"},
		{"exited-unexpectedly", cause.Unknown, PhaseConfigure, ""},
		{"fetch", cause.Fetch, PhaseFetch, "!!! Couldn't download 'fetchme-1.0.tar.xz'. Aborting."},
		{"checksum", cause.Checksum, PhaseFetch, "!!! Fetched file: sum-2.1.tar.gz VERIFY FAILED!"},
		{"collision", cause.Collision, PhaseMerge, "Detected file collision(s): /usr/bin/tool"},
		{"read-only", cause.ReadOnly, PhaseMerge, "NOT merged due to read-only file systems"},
		{"sandbox", cause.Sandbox, PhaseInstall, "ACCESS DENIED:  open_wr:      /usr/libexec/helper"},
		{"outlived-errors", cause.Compiler, PhaseCompile, `unit88.c:5:2: error: #error "no atomic operations"`},
		{"control-characters", cause.Compiler, PhaseCompile, "ä.c:3:1: error: unknown type name ‘foo’ link gnp.exe"},
	}
	for _, tt := range tests {
		t.Run(tt.log, func(t *testing.T) {
			log := readBuildLog(t, mustRead(t, filepath.Join(logs, "build", tt.log+".log")))
			if log.Outcome != OutcomeFailed || log.Failure == nil {
				t.Fatalf("outcome: want failed, got %s", log.Outcome)
			}
			type answer struct {
				Class cause.Class
				Phase Phase
				Line  string
			}
			got := answer{log.Failure.Cause.Class, log.Failure.Phase, log.Failure.Cause.Line}
			if diff := cmp.Diff(answer{tt.class, tt.phase, tt.line}, got); diff != "" {
				t.Errorf("cause (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAlphaAgreesWithTheTruth compares every log of the recorded host with what
// hooks inside the phases have seen.
func TestAlphaAgreesWithTheTruth(t *testing.T) {
	root := hostarchive.Alpha(t)
	var commands []struct {
		Packages []struct {
			CPV       string `json:"cpv"`
			MergeType string `json:"merge_type"`
			Began     int64  `json:"began"`
			DiedIn    string `json:"died_in"`
			Outcome   string `json:"outcome"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(hostarchive.AlphaTruth(t), &commands); err != nil {
		t.Fatal(err)
	}
	logdir := filepath.Join(root, "var", "log", "portage")
	entries, err := os.ReadDir(logdir)
	if err != nil {
		t.Fatal(err)
	}
	logs := map[string][]Name{}
	files := map[Name]string{}
	for _, e := range entries {
		if n, ok := ParseName(e.Name(), ""); ok {
			logs[n.CPV] = append(logs[n.CPV], n)
			files[n] = filepath.Join(logdir, e.Name())
		}
	}
	compared := map[string]int{}
	for _, c := range commands {
		for _, p := range c.Packages {
			if p.Began == 0 {
				continue
			}
			log, ok := nearest(t, logs[p.CPV], files, p.Began)
			if !ok {
				// The log of this failure was not kept.
				if p.CPV != "app-misc/oddnames-1.1-r1" || p.Began != 1791133978 {
					t.Errorf("%s at %d: no log", p.CPV, p.Began)
				}
				continue
			}
			compared[p.Outcome]++
			kind, want := KindSource, OutcomeBuilt
			switch {
			case p.MergeType == "binary" && strings.HasPrefix(p.Outcome, "failed"):
				kind, want = KindBinary, OutcomeFailed
			case p.MergeType == "binary":
				kind, want = KindBinary, OutcomeUnknown
			case strings.HasPrefix(p.Outcome, "failed"), p.Outcome == "merged but postinst died":
				want = OutcomeFailed
			case p.Outcome == "killed" && !log.BinpkgCreated:
				want = OutcomeUnfinished
			}
			if log.Outcome == OutcomeMerged && want == OutcomeBuilt && p.Outcome == "merged" {
				want = OutcomeMerged // emerge --verbose says it
			}
			if log.Kind != kind || log.Outcome != want {
				t.Errorf("%s at %d (%s): want %s %s, got %s %s", p.CPV, p.Began, p.Outcome, kind, want, log.Kind, log.Outcome)
			}
			if p.DiedIn != "" && log.Failure != nil && string(log.Failure.Phase) != p.DiedIn {
				t.Errorf("%s at %d: died in %s, got %s", p.CPV, p.Began, p.DiedIn, log.Failure.Phase)
			}
			if len(log.Diagnostics) > 0 {
				t.Errorf("%s at %d: %v", p.CPV, p.Began, log.Diagnostics)
			}
		}
	}
	if compared["merged"] < 150 || compared["failed in compile"] != 4 {
		t.Errorf("too few logs compared: %v", compared)
	}
}

// nearest reads the log of a build whose directory was prepared closest before
// its first phase began, among those that are no log of a removal.
func nearest(t *testing.T, names []Name, files map[Name]string, began int64) (BuildLog, bool) {
	t.Helper()
	const slack = 90 // seconds; the recording clock runs 20 times as fast
	best, found := BuildLog{}, false
	distance := int64(1 << 62)
	for _, n := range names {
		d := began - n.Time.Unix()
		if d < -slack || d > 10*slack || max(d, -d) >= distance {
			continue
		}
		if log := readBuildLog(t, mustRead(t, files[n])); log.Kind == KindSource || log.Kind == KindBinary {
			best, found, distance = log, true, max(d, -d)
		}
	}
	return best, found
}

func TestTheWildDoesNotConfuse(t *testing.T) {
	dir := sharedtest.Path(t, "logs", "build-logs")
	want := map[string]struct {
		kind    Kind
		outcome Outcome
		phases  int
	}{
		"build.log.color":      {KindUnknown, OutcomeUnknown, 1},
		"build.log.empty":      {KindUnknown, OutcomeUnknown, 0},
		"build.log.notag":      {KindSource, OutcomeUnfinished, 1},
		"build.log.onlytag":    {KindSource, OutcomeUnfinished, 2},
		"build.log.short":      {KindSource, OutcomeUnfinished, 4},
		"build.log.trim":       {KindSource, OutcomeUnfinished, 2},
		"own.failed.color.log": {KindSource, OutcomeFailed, 5},
	}
	for name, w := range want {
		log := readBuildLog(t, mustRead(t, filepath.Join(dir, name)))
		if log.Kind != w.kind || log.Outcome != w.outcome || len(log.Phases) != w.phases || len(log.Diagnostics) > 0 {
			t.Errorf("%s: want %v, got %s %s %d phases, %v", name, w, log.Kind, log.Outcome, len(log.Phases), log.Diagnostics)
		}
	}
}

func TestTheLookBackIsBounded(t *testing.T) {
	line := strings.Repeat("x", 1000) + "\n"
	data := ">>> Compiling source in /w ...\n" + strings.Repeat(line, 2*bufferSize/len(line)) + "a.c:1:1: error: far down\n"
	log := readBuildLog(t, []byte(" * Package:    a/b-1:0\n"+data+" * ERROR: a/b-1::g failed (compile phase):\n *   emake failed\n"))
	if got := log.Failure.Cause.Line; got != "a.c:1:1: error: far down" {
		t.Errorf("cause: %q", got)
	}
}

func TestALongLineIsCutAndTheRestIsRead(t *testing.T) {
	long := strings.Repeat("y", 3*bufferSize)
	data := []byte(" * Package:    a/b-1:0\n>>> Compiling source in /w ...\n" + long + "\n * Final size of installed tree: 4 KiB\n")
	log := readBuildLog(t, data)
	if log.InstalledBytes != 4096 || log.Size != int64(len(data)) || log.Lines != 4 {
		t.Errorf("installed %d, size %d of %d, lines %d", log.InstalledBytes, log.Size, len(data), log.Lines)
	}
}

func TestListsAreBounded(t *testing.T) {
	data := " * Package:    a/b-1:0\n" + strings.Repeat(" * QA Notice: a sentence.\n", maxNotices+5)
	log := readBuildLog(t, []byte(data))
	if len(log.Notices) != maxNotices || len(log.Diagnostics) != 1 || log.Diagnostics[0].Code != codeListCut {
		t.Errorf("%d notices, diagnostics %v", len(log.Notices), log.Diagnostics)
	}
}

func TestAnIOErrorIsReturned(t *testing.T) {
	broken := errors.New("input/output error")
	_, err := ReadBuildLog(io.MultiReader(strings.NewReader(">>> Unpacking source...\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestUsageKeepsWhatWasNotCountedUnknown(t *testing.T) {
	log := readBuildLog(t, []byte("=== Resource usage for a/b-1 [CPU: 3.20s (1.90x), MaxMem: 96.50 MiB, I/O R: 0.00 B, I/O W: 1.20 MiB]\n"))
	want := &parse.Usage{CPUMillis: 3200, MaxMem: 101187584, MaxSwap: -1, Read: 0, Written: 1258291}
	if diff := cmp.Diff(want, log.Usage); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

// checkLaws holds what is true of the record of any input.
func checkLaws(t *testing.T, data []byte, log BuildLog) {
	t.Helper()
	if log.Size != int64(len(data)) {
		t.Errorf("size: want %d, got %d", len(data), log.Size)
	}
	last := PhaseStart{Offset: -1}
	for _, p := range log.Phases {
		if p.Offset <= last.Offset || p.Offset >= log.Size || last.Phase != "" && phaseOrder(p.Phase) <= phaseOrder(last.Phase) {
			t.Errorf("phases: %v after %v, size %d", p, last, log.Size)
		}
		last = p
	}
	for _, n := range log.Notices {
		if n.Offset < 0 || n.Offset >= log.Size {
			t.Errorf("notice offset %d, size %d", n.Offset, log.Size)
		}
	}
	if (log.Outcome == OutcomeFailed) != (log.Failure != nil) {
		t.Errorf("outcome %s, failure %v", log.Outcome, log.Failure)
	}
	if f := log.Failure; f != nil {
		if f.Offset < 0 || f.Offset >= log.Size || f.Cause.Offset < 0 || f.Cause.Offset >= log.Size {
			t.Errorf("failure offset %d, cause offset %d, size %d", f.Offset, f.Cause.Offset, log.Size)
		}
		if f.Message == "" {
			t.Error("a failure without a message")
		}
		checkExcerpt(t, data, f.Cause.Excerpt)
	}
	for _, s := range recorded(log) {
		if c := Clean([]byte(s)); c != s {
			t.Errorf("recorded text is not clean: %q", s)
		}
	}
}

// checkExcerpt holds that an excerpt is a run of lines of the input, cleaned and
// cut.
func checkExcerpt(t *testing.T, data []byte, excerpt []string) {
	t.Helper()
	if len(excerpt) == 0 {
		return
	}
	if len(excerpt) > maxExcerptLines {
		t.Errorf("excerpt of %d lines", len(excerpt))
	}
	var lines []string
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		lines = append(lines, cut(Clean(line[:min(len(line), MaxLine)]), maxText))
	}
	for i := range lines {
		if i+len(excerpt) <= len(lines) && cmp.Equal(lines[i:i+len(excerpt)], excerpt) {
			return
		}
	}
	t.Errorf("the excerpt is no run of lines of the input: %q", excerpt)
}

// recorded returns all text that a record holds.
func recorded(log BuildLog) []string {
	all := []string{log.CPV, log.Slot, log.Repository}
	all = append(all, log.USE...)
	all = append(all, log.Features...)
	all = append(all, log.ConfigUpdates...)
	all = append(all, log.PreservedLibs...)
	for _, n := range log.Notices {
		all = append(append(all, n.Title), n.Details...)
	}
	if f := log.Failure; f != nil {
		all = append(all, f.CPV, f.Message, f.WorkingDir, f.Cause.Line)
		all = append(append(all, f.Snippet...), f.Cause.Excerpt...)
		for _, frame := range f.CallStack {
			all = append(all, frame.File, frame.Call)
		}
	}
	return all
}

func FuzzReadBuildLog(f *testing.F) {
	for _, file := range inputs(f, "build/*.log") {
		f.Add(mustRead(f, file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		log := readBuildLog(t, data)
		checkLaws(t, data, log)
		for _, chunked := range []io.Reader{iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
			again, err := ReadBuildLog(chunked)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(log, again); diff != "" {
				t.Errorf("read whole and in pieces (-whole +pieces):\n%s", diff)
			}
		}
	})
}

func TestGoldenLogsObeyTheLaws(t *testing.T) {
	for _, file := range inputs(t, "build/*.log") {
		data := mustRead(t, file)
		checkLaws(t, data, readBuildLog(t, data))
	}
}

// TestPiecesGiveTheSameRecord reads logs that are longer than the buffer.
func TestPiecesGiveTheSameRecord(t *testing.T) {
	filler := []byte(strings.Repeat(boringLine, 2*bufferSize/len(boringLine)))
	for _, file := range inputs(t, "build/*.log") {
		data := mustRead(t, file)
		half := bytes.IndexByte(data[len(data)/2:], '\n') + len(data)/2 + 1
		long := append(append(append([]byte{}, data[:half]...), filler...), data[half:]...)
		whole := readBuildLog(t, long)
		checkLaws(t, long, whole)
		for _, size := range []int{4095, bufferSize - 1} {
			again, err := ReadBuildLog(&pieces{data: long, size: size})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(whole, again); diff != "" {
				t.Errorf("%s in pieces of %d (-whole +pieces):\n%s", file, size, diff)
			}
		}
	}
}

// pieces is a reader of at most size bytes at once.
type pieces struct {
	data []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.data)
	p.data = p.data[n:]
	return n, nil
}

func TestMemoryDoesNotGrowWithTheLog(t *testing.T) {
	const size = 64 << 20
	var log BuildLog
	allocated := testing.AllocsPerRun(1, func() {
		var err error
		if log, err = ReadBuildLog(io.LimitReader(&endless{line: []byte(boringLine)}, size)); err != nil {
			t.Fatal(err)
		}
	})
	if log.Size != size || allocated > 100 {
		t.Errorf("read %d bytes with %.0f allocations", log.Size, allocated)
	}
}

const boringLine = "x86_64-pc-linux-gnu-gcc -DHAVE_CONFIG_H -I. -O2 -pipe -march=native -c -o unit.o unit.c\n"

// endless repeats a line.
type endless struct {
	line []byte
	at   int
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		c := copy(b[n:], e.line[e.at:])
		n += c
		e.at = (e.at + c) % len(e.line)
	}
	return n, nil
}
