package mergelog

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"
)

func TestCleanLeavesWhatATerminalWouldShow(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"plain", "gcc -c a.c", "gcc -c a.c"},
		{"tab", "\tindented", "\tindented"},
		{"colours", "\x1b[32;01m*\x1b[39;49;00m text", "* text"},
		{"erase and column", "\x1b7\x1b8\x1b[1G\x1b[K 0:43 lib\x0f", " 0:43 lib"},
		{"title", "a\x1b]0;title\x07b", "ab"},
		{"title closed by ST", "a\x1b]0;title\x1b\\b", "ab"},
		{"link", "\x1b]8;;https://example.org\x07text\x1b]8;;\x07", "text"},
		{"unclosed title stays visible", "\x1b]0;rest of the line", "0;rest of the line"},
		{"lone escape at the end", "a\x1b", "a"},
		{"cut sequence", "a\x1b[31", "a"},
		{"charset", "\x1b(Bq", "q"},
		{"progress", " 10%\r 50%\r100%", "100%"},
		{"carriage return of a CRLF", "text\r", "text"},
		{"NUL", "a\x00b", "ab"},
		{"backspace and bell", "a\bb\a", "ab"},
		{"latin-1", "caf\xe9", "caf�"},
		{"C1 control", "a\u009b31mb", "a31mb"},
		{"override", "a\u202etxt.exe", "atxt.exe"},
		{"accents and han", "ünïcödé 文件 ✓", "ünïcödé 文件 ✓"},
	}
	for _, tt := range tests {
		if got := Clean([]byte(tt.line)); got != tt.want {
			t.Errorf("%s: want %q, got %q", tt.name, tt.want, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("\x1b[32;01m*\x1b[39;49;00m text\r\x1b]0;t\x07\xff"))
	f.Fuzz(func(t *testing.T, line []byte) {
		got := Clean(line)
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %q", got)
		}
		for _, r := range got {
			if r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				t.Errorf("%q holds %q", got, r)
			}
		}
		if again := Clean([]byte(got)); again != got {
			t.Errorf("not idempotent: %q, %q", got, again)
		}
	})
}

func TestNames(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 20, 8, 0, time.UTC)
	tests := []struct {
		name, separator string
		want            Name
		ok              bool
	}{
		{"dev-util:failing-1.0:20260301-122008.log", "", Name{Source: SourceBuildLog, CPV: "dev-util/failing-1.0", Time: at}, true},
		{"dev-util:failing-1.0-r1:20260301-122008.log.gz", ":", Name{Source: SourceBuildLog, CPV: "dev-util/failing-1.0-r1", Time: at, Gzip: true}, true},
		{"build/x11-libs/gtk+-3.24:20260301-122008.log", ":", Name{Source: SourceBuildLog, CPV: "x11-libs/gtk+-3.24", Time: at}, true},
		{"dev-util_failing-1.0_p2_20260301-122008.log", "_", Name{Source: SourceBuildLog, CPV: "dev-util/failing-1.0_p2", Time: at, Ambiguous: false}, true},
		{"dev-util-failing-1.0-20260301-122008.log", "-", Name{Source: SourceBuildLog, CPV: "dev-util/failing-1.0", Time: at, Ambiguous: true}, true},
		{"virtual--libc-1--20260301-122008.log", "--", Name{Source: SourceBuildLog, CPV: "virtual/libc-1", Time: at}, true},
		{"elog/dev-util:failing-1.0:20260301-122008.log", "_", Name{Source: SourceElog, CPV: "dev-util/failing-1.0", Time: at}, true},
		{"elog/dev-util/failing-1.0:20260301-122008.log", "", Name{Source: SourceElog, CPV: "dev-util/failing-1.0", Time: at}, true},
		{"elog/summary.log", "", Name{Source: SourceElogSummary}, true},
		{"elog/summary.log-20260301", "", Name{Source: SourceElogSummary}, true},
		{"elog/summary.log-20260301.gz", "", Name{Source: SourceElogSummary, Gzip: true}, true},
		{"elog/summary.log.1.gz", "", Name{Source: SourceElogSummary, Gzip: true}, true},
		{"dev-util:failing-1.0:20260301-122008.log", "_", Name{}, false},
		{"dev-util:failing-1.0:20261301-122008.log", "", Name{}, false},
		{"dev-util:failing-1.0.log", "", Name{}, false},
		{"dev-util:..:20260301-122008.log", "", Name{}, false},
		{"build/../evil/x-1:20260301-122008.log", "", Name{}, false},
		{"other/dev-util:failing-1.0:20260301-122008.log", "", Name{}, false},
		{"elog/summary.txt", "", Name{}, false},
		{"", "", Name{}, false},
	}
	for _, tt := range tests {
		got, ok := ParseName(tt.name, tt.separator)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%q: want %+v %v, got %+v %v", tt.name, tt.want, tt.ok, got, ok)
		}
	}
}

func TestKeptNames(t *testing.T) {
	tests := []struct {
		name string
		want Name
		ok   bool
	}{
		{"dev-util/failing-1.0/temp/build.log", Name{Source: SourceKeptLog, CPV: "dev-util/failing-1.0"}, true},
		{"dev-util/failing-1.0/temp/build.log.gz", Name{Source: SourceKeptLog, CPV: "dev-util/failing-1.0", Gzip: true}, true},
		{"dev-util/failing-1.0/work/build.log", Name{}, false},
		{"dev-util/failing-1.0/temp/environment", Name{}, false},
		{"dev-util/a/b-1/temp/build.log", Name{}, false},
	}
	for _, tt := range tests {
		if got, ok := ParseKeptName(tt.name); got != tt.want || ok != tt.ok {
			t.Errorf("%q: want %+v %v, got %+v %v", tt.name, tt.want, tt.ok, got, ok)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("dev-util:failing-1.0:20260301-122008.log", ":")
	f.Add("elog/dev-util/failing-1.0:20260301-122008.log", "")
	f.Add("a-b-c-1-20260301-122008.log.gz", "-")
	f.Fuzz(func(t *testing.T, name, separator string) {
		n, ok := ParseName(name, separator)
		if !ok {
			if n != (Name{}) {
				t.Errorf("not a name, yet %+v", n)
			}
			return
		}
		if n.Source == SourceElogSummary {
			return
		}
		category, pf, _ := strings.Cut(n.CPV, "/")
		stamp := n.Time.Format("20060102-150405")
		if !isPMSName(category, false) || !isPMSName(pf, true) || !strings.Contains(name, stamp) {
			t.Errorf("%q: %+v", name, n)
		}
		if again, ok := ParseName("build/"+n.CPV+":"+stamp+".log", ":"); !ok || again.CPV != n.CPV || !again.Time.Equal(n.Time) {
			t.Errorf("%+v written and read again: %+v", n, again)
		}
	})
}

func gunzip(t *testing.T, packed []byte) (string, *GzipReader) {
	t.Helper()
	z := NewGzipReader(bytes.NewReader(packed))
	got, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), z
}

func TestMembersAreOneText(t *testing.T) {
	packed := pack(t, []byte("one\n"), nil, []byte("two\n"))
	if got, z := gunzip(t, packed); got != "one\ntwo\n" || len(z.Diagnostics()) > 0 {
		t.Errorf("got %q, %v", got, z.Diagnostics())
	}
}

func TestACutMemberGivesWhatItHolds(t *testing.T) {
	last := benchmarkLog(100 << 10)
	packed := pack(t, []byte("one\n"), last)
	got, z := gunzip(t, packed[:len(packed)-4000])
	if !strings.HasPrefix("one\n"+string(last), got) || len(got) < 1000 {
		t.Errorf("got %d bytes", len(got))
	}
	if d := z.Diagnostics(); len(d) != 1 || d[0].Code != codeGzipDamaged || d[0].Offset != int64(len(got)) {
		t.Errorf("diagnostics: %v for %d bytes", d, len(got))
	}
}

func TestDamageInOneMemberCostsOnlyThatOne(t *testing.T) {
	damaged := pack(t, benchmarkLog(100<<10))
	damaged[len(damaged)/2] ^= 0x55
	packed := append(damaged, pack(t, []byte("appended later\n"))...)
	got, z := gunzip(t, packed)
	if !strings.HasSuffix(got, "appended later\n") || len(z.Diagnostics()) != 1 {
		t.Errorf("got %d bytes ending in %q, %v", len(got), got[max(0, len(got)-30):], z.Diagnostics())
	}
}

func TestWhatIsNoGzipIsADiagnostic(t *testing.T) {
	if got, z := gunzip(t, []byte("plain text under a .gz name")); got != "" || len(z.Diagnostics()) != 1 {
		t.Errorf("got %q, %v", got, z.Diagnostics())
	}
	if got, z := gunzip(t, nil); got != "" || len(z.Diagnostics()) != 0 {
		t.Errorf("an empty file: got %q, %v", got, z.Diagnostics())
	}
}

func TestAGzipReaderReturnsIOErrors(t *testing.T) {
	broken := errors.New("input/output error")
	packed := pack(t, benchmarkLog(100<<10))
	z := NewGzipReader(io.MultiReader(bytes.NewReader(packed[:len(packed)/2]), iotest.ErrReader(broken)))
	if _, err := io.ReadAll(z); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func FuzzGzipReader(f *testing.F) {
	f.Add(pack(f, []byte("one\n"), []byte("two\n")))
	f.Add([]byte("\x1f\x8b\x08garbage\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		z := NewGzipReader(bytes.NewReader(data))
		got, err := io.ReadAll(io.LimitReader(z, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range z.Diagnostics() {
			if d.Offset < 0 || d.Offset > int64(len(got)) && len(got) < 1<<20 {
				t.Errorf("offset %d of %d", d.Offset, len(got))
			}
		}
		// What was written is read back whatever garbage stands before it,
		// unless that happens to swallow it.
		whole, z := gunzip(t, append(pack(t, data), pack(t, []byte("end"))...))
		if whole != string(data)+"end" || len(z.Diagnostics()) > 0 {
			t.Errorf("round trip: %q, %v", whole, z.Diagnostics())
		}
	})
}
