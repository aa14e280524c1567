package mergelog

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
	"emaudit/internal/sharedtest"
)

func location(tb testing.TB, name string) *time.Location {
	tb.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		tb.Skipf("no time zone database: %v", err)
	}
	return l
}

func readSummary(tb testing.TB, r io.Reader, zone *time.Location) []Block {
	tb.Helper()
	var blocks []Block
	if err := ReadSummary(r, zone, func(b Block) error { blocks = append(blocks, b); return nil }); err != nil {
		tb.Fatal(err)
	}
	return blocks
}

func TestSummariesGiveTheirGoldenBlocks(t *testing.T) {
	zone := location(t, "Europe/Berlin")
	for _, file := range inputs(t, "summary/*.log") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			checkGolden(t, file, readSummary(t, bytes.NewReader(mustRead(t, file)), zone))
		})
	}
}

func TestAHeaderThatRepeatsItsGroupOrGoesBackIsText(t *testing.T) {
	elog, err := ReadElog(strings.NewReader("LOG: install\none\nLOG: install\ntwo\nWARN: setup\nthree\nWARN: install\nfour\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Message{
		{Class: ClassLog, Phase: PhaseInstall, Offset: 0, Lines: []string{"one", "LOG: install", "two", "WARN: setup", "three"}},
		{Class: ClassWarn, Phase: PhaseInstall, Offset: 52, Lines: []string{"four"}},
	}
	if diff := cmp.Diff(want, elog.Messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestTextAboveTheFirstGroupIsKeptAndReported(t *testing.T) {
	elog, err := ReadElog(strings.NewReader("stray\x1b[31m text\nLOG: install\none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(elog.Messages) != 2 || elog.Messages[0].Class != ClassNone || elog.Messages[0].Lines[0] != "stray text" {
		t.Errorf("messages: %+v", elog.Messages)
	}
	if len(elog.Diagnostics) != 1 || elog.Diagnostics[0].Code != codeNoHeader {
		t.Errorf("diagnostics: %v", elog.Diagnostics)
	}
}

// TestAlphaSaveFilesAgreeWithItsSummary reads what two elog modules wrote of the
// same messages.
func TestAlphaSaveFilesAgreeWithItsSummary(t *testing.T) {
	dir := filepath.Join(hostarchive.Alpha(t), "var", "log", "portage", "elog")
	f, err := os.Open(filepath.Join(dir, "summary.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	blocks := map[string][]Block{}
	for _, b := range readSummary(t, f, time.UTC) {
		if len(b.Diagnostics) > 0 || b.Interleaved || !b.Complete {
			t.Errorf("%s: %+v", b.CPV, b)
		}
		blocks[b.CPV] = append(blocks[b.CPV], b)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, e := range entries {
		name, ok := ParseName("elog/"+e.Name(), "")
		if !ok || name.Source != SourceElog {
			continue
		}
		elog, err := ReadElog(bytes.NewReader(mustRead(t, filepath.Join(dir, e.Name()))))
		if err != nil || len(elog.Diagnostics) > 0 {
			t.Fatalf("%s: %v %v", e.Name(), err, elog.Diagnostics)
		}
		found := false
		for _, b := range blocks[name.CPV] {
			// The two modules run one after the other.
			if d := b.Time - name.Time.Unix(); d >= -30 && d <= 30 && cmp.Equal(texts(b.Messages), texts(elog.Messages)) {
				found = true
			}
		}
		if !found {
			t.Errorf("%s: no block with the same messages", e.Name())
		}
		compared++
	}
	if compared < 100 {
		t.Errorf("compared %d files", compared)
	}
}

// texts is what two modules have in common of the same messages.
func texts(messages []Message) []Message {
	all := append([]Message{}, messages...)
	for i := range all {
		all[i].Offset = 0
	}
	return all
}

// TestARouterOf2022 reads the summary of a machine in the wild, which began
// without a time zone and got one on the way.
func TestARouterOf2022(t *testing.T) {
	path := sharedtest.Path(t, "real", "apu", "summary.log")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	blocks := readSummary(t, f, location(t, "Asia/Shanghai"))
	if len(blocks) != 66 {
		t.Errorf("want 66 blocks, got %d", len(blocks))
	}
	for _, b := range blocks {
		if len(b.Diagnostics) > 0 || b.Interleaved || b.CPV == "" || len(b.Messages) == 0 {
			t.Errorf("%s at %d: %v", b.CPV, b.Offset, b.Diagnostics)
		}
		if year := time.Unix(b.Time, 0).UTC().Year(); year < 2022 || year > 2023 {
			t.Errorf("%s: year %d", b.CPV, year)
		}
	}
}

func TestLocalTimesBecomeUnixSeconds(t *testing.T) {
	tests := []struct {
		local, abbreviation, zone string
		want                      string
		known                     bool
	}{
		{"2026-07-01 12:00:00", "UTC", "Europe/Berlin", "2026-07-01T12:00:00Z", true},
		{"2026-07-01 12:00:00", "CEST", "Europe/Berlin", "2026-07-01T10:00:00Z", true},
		{"2026-07-01 12:00:00", "CEST", "UTC", "2026-07-01T10:00:00Z", true},
		{"2026-10-25 02:30:00", "CEST", "Europe/Berlin", "2026-10-25T00:30:00Z", true},
		{"2026-10-25 02:30:00", "CET", "Europe/Berlin", "2026-10-25T01:30:00Z", true},
		{"2022-03-25 10:28:00", "-00", "America/Chicago", "2022-03-25T10:28:00Z", true},
		{"2022-03-25 10:28:00", "CST", "Asia/Shanghai", "2022-03-25T02:28:00Z", true},
		{"2022-12-25 10:28:00", "CST", "America/Chicago", "2022-12-25T16:28:00Z", true},
		{"2022-12-25 10:28:00", "+03", "Europe/Istanbul", "2022-12-25T07:28:00Z", true},
		{"2022-12-25 10:28:00", "-0230", "UTC", "2022-12-25T12:58:00Z", true},
		{"2022-12-25 10:28:00", "CST", "Europe/Berlin", "2022-12-25T09:28:00Z", false},
		{"2022-12-25 10:28:00", "", "Europe/Berlin", "2022-12-25T09:28:00Z", false},
	}
	for _, tt := range tests {
		local, err := time.Parse(time.DateTime, tt.local)
		if err != nil {
			t.Fatal(err)
		}
		got, known := unixTime(local, tt.abbreviation, location(t, tt.zone))
		if s := time.Unix(got, 0).UTC().Format(time.RFC3339); s != tt.want || known != tt.known {
			t.Errorf("%s %q in %s: want %s %v, got %s %v", tt.local, tt.abbreviation, tt.zone, tt.want, tt.known, s, known)
		}
	}
}

// Around every change of clocks, what strftime writes of an instant is read as that
// instant: hours that come twice are told apart by the name of the zone. Sydney
// and Berlin change by an hour, Lord Howe by half of one, Dublin and Casablanca
// have their standard time in summer, and St. John's offset is no whole hour.
func TestNoInstantIsLostWhenClocksChange(t *testing.T) {
	for _, zone := range []string{
		"Europe/Berlin", "Australia/Sydney", "Australia/Lord_Howe", "Europe/Dublin", "Africa/Casablanca", "America/St_Johns", "America/Santiago",
	} {
		in, changes := location(t, zone), 0
		_, change := time.Date(2026, 1, 1, 0, 0, 0, 0, in).ZoneBounds()
		for ; change.Year() == 2026; _, change = change.ZoneBounds() {
			changes++
			for minutes := -300; minutes <= 300; minutes += 10 {
				instant := change.Add(time.Duration(minutes) * time.Minute)
				name, _ := instant.In(in).Zone()
				local, err := time.Parse(time.DateTime, instant.In(in).Format(time.DateTime))
				if err != nil {
					t.Fatal(err)
				}
				if got, known := unixTime(local, name, in); got != instant.Unix() || !known {
					t.Errorf("%s: %s %s: got %s, %v; want %s", zone, local.Format(time.DateTime), name, time.Unix(got, 0).UTC(), known, instant)
				}
			}
		}
		if changes < 2 {
			t.Errorf("%s: %d changes of clocks in 2026", zone, changes)
		}
	}
}

func FuzzReadSummary(f *testing.F) {
	for _, file := range inputs(f, "summary/*.log") {
		f.Add(mustRead(f, file))
	}
	zone := location(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, data []byte) {
		blocks := readSummary(t, bytes.NewReader(data), zone)
		next := int64(0)
		for _, b := range blocks {
			if b.Offset != next || b.Size <= 0 {
				t.Fatalf("the block at %d of %d bytes does not follow %d", b.Offset, b.Size, next)
			}
			next = b.Offset + b.Size
			checkMessages(t, b.Messages, b.Offset, next)
		}
		if next != int64(len(data)) {
			t.Errorf("the blocks end at %d of %d", next, len(data))
		}
		again := readSummary(t, iotest.OneByteReader(bytes.NewReader(data)), zone)
		if diff := cmp.Diff(blocks, again); diff != "" {
			t.Errorf("read whole and in pieces (-whole +pieces):\n%s", diff)
		}
		// A block read by itself, from its bookmark on, is the same block.
		if n := len(blocks); n > 1 {
			last := blocks[n-1]
			alone := readSummary(t, bytes.NewReader(data[last.Offset:]), zone)
			if len(alone) != 1 || len(alone[0].Messages) != len(last.Messages) || alone[0].Time != last.Time {
				t.Errorf("from offset %d: %+v, not %+v", last.Offset, alone, last)
			}
		}
	})
}

func FuzzReadElog(f *testing.F) {
	f.Add([]byte("LOG: postinst\nText.\n\nWARN: postinst\n  more\n"))
	f.Add([]byte("LOG: postinst\nLOG: postinst\nINFO: setup\nQA: other\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		elog, err := ReadElog(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		checkMessages(t, elog.Messages, 0, int64(len(data)))
		if len(elog.Diagnostics) > 0 || hasControlsOrIsLong(data) {
			return // a line that is recorded otherwise than it was may look like a header
		}
		again, err := ReadElog(strings.NewReader(writeElog(elog.Messages)))
		if err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(texts(elog.Messages), texts(again.Messages)) {
			t.Errorf("written and read again:\n%s", cmp.Diff(texts(elog.Messages), texts(again.Messages)))
		}
	})
}

func hasControlsOrIsLong(data []byte) bool {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if record(line) != string(line) {
			return true
		}
	}
	return false
}

// writeElog writes messages as Portage does.
func writeElog(messages []Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(string(m.Class) + ": " + string(m.Phase) + "\n")
		for _, line := range m.Lines {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func checkMessages(t *testing.T, messages []Message, from, to int64) {
	t.Helper()
	for _, m := range messages {
		if m.Offset < from || m.Offset >= to {
			t.Errorf("message offset %d is not in [%d, %d)", m.Offset, from, to)
		}
		from = m.Offset + 1
		for _, line := range m.Lines {
			if Clean([]byte(line)) != line {
				t.Errorf("line is not clean: %q", line)
			}
		}
	}
}

func TestCapturesGiveTheirGoldenRecords(t *testing.T) {
	for _, file := range inputs(t, "capture/*.log") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got, err := ReadCapture(bytes.NewReader(mustRead(t, file)))
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, file, got)
		})
	}
}

func FuzzReadCapture(f *testing.F) {
	for _, file := range inputs(f, "capture/*.log") {
		f.Add(mustRead(f, file))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ReadCapture(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		last := int64(-1)
		for _, m := range got.Merges {
			if m.Offset < last || m.Offset >= got.Size {
				t.Errorf("merge %+v after %d, size %d", m, last, got.Size)
			}
			last = m.Offset
			if m.Failure != nil && !m.Failed {
				t.Errorf("%s has a failure and has not failed", m.CPV)
			}
		}
		again, err := ReadCapture(iotest.OneByteReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(CapturedMerge{})); diff != "" {
			t.Errorf("read whole and in pieces (-whole +pieces):\n%s", diff)
		}
		encoded, err := json.Marshal(got)
		if err != nil || bytes.ContainsRune(encoded, 0x1b) {
			t.Errorf("the record holds escapes: %v", err)
		}
	})
}
