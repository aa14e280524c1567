package screen

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hintedError is an error that knows what to try.
type hintedError struct{ text, hint string }

func (e hintedError) Error() string { return e.text }
func (e hintedError) Hint() string  { return e.hint }

func TestMessages(t *testing.T) {
	t.Parallel()
	first, second := errors.New("gpkg /a: too short"), errors.New("gpkg /b\n: too\x1b[1m short")
	for _, test := range []struct {
		name  string
		write func(*Messages)
		want  string
	}{
		{"an error", func(m *Messages) { m.Error(first) }, "emaudit: gpkg /a: too short\n"},
		{"joined errors have a line each", func(m *Messages) { m.Error(errors.Join(first, errors.Join(second, first))) }, block(`
			emaudit: gpkg /a: too short
			emaudit: gpkg /b\n: too\x1b[1m short
			emaudit: gpkg /a: too short
			`)},
		{"an error that wraps two is one", func(m *Messages) { m.Error(fmt.Errorf("scan: %w, %w", first, first)) }, "emaudit: scan: gpkg /a: too short, gpkg /a: too short\n"},
		{"an error that knows what to try", func(m *Messages) {
			m.Error(fmt.Errorf("ingest: %w", hintedError{"database is locked", "wait for the other emaudit to end"}))
		}, block(`
			emaudit: ingest: database is locked
			emaudit: hint: wait for the other emaudit to end
			`)},
		{"a warning, a hint and a note", func(m *Messages) {
			m.Warning("2 lines are damaged")
			m.Hint("see emaudit audit")
			m.Note("ingested 3 runs")
		}, block(`
			emaudit: warning: 2 lines are damaged
			emaudit: hint: see emaudit audit
			emaudit: ingested 3 runs
			`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			test.write(NewMessages(&out, Terminal{}, nil))
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// testClock is a clock that stands until it is moved.
type testClock struct{ now time.Time }

func (c *testClock) Now() time.Time { return c.now }

func TestProgressOnATerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		total int64
		unit  Unit
		width int
		after time.Duration
		done  int64
		want  string
	}{
		{"bytes", 2040109466, Bytes, 80, 3 * time.Second, 1288490189, "verify  1.2 / 1.9 GiB  63 %  410 MiB/s  2 s left"},
		{"things", 5000, "files", 80, 2 * time.Second, 1204, "verify  1,204 / 5,000 files  24 %  602/s  6 s left"},
		{"bytes of an unknown total", 0, Bytes, 80, time.Second, 1 << 30, "verify  1.0 GiB  1.0 GiB/s"},
		{"things of an unknown total", 0, "files", 80, time.Second, 7, "verify  7 files  7/s"},
		{"all is done", 10, "files", 80, time.Second, 10, "verify  10 / 10 files  100 %  10/s"},
		{"more than all is done", 10, "files", 80, time.Second, 11, "verify  11 / 10 files  110 %  11/s"},
		{"hopeless", 1 << 62, "files", 80, time.Second, 1, "verify  1 / 4,611,686,018,427,387,904 files  1 %  1/s  36500d left"},
		{"a narrow terminal", 5000, "files", 20, time.Second, 1204, "verify  1,204 / 5,…"},
		{"a terminal of unknown width", 10, "files", 0, time.Second, 5, "verify  5 / 10 files  50 %  5/s  1 s left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			clock := &testClock{evening}
			var out strings.Builder
			messages := NewMessages(&out, Terminal{IsTerminal: true, Width: test.width}, clock.Now)
			progress := messages.Progress("verify", test.total, test.unit)
			clock.now = clock.now.Add(test.after)
			progress.Add(test.done)
			progress.Done()
			if diff := cmp.Diff(eraseLine+test.want+eraseLine, out.String()); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgressIsDrawnTenTimesASecond(t *testing.T) {
	t.Parallel()
	clock := &testClock{evening}
	var out strings.Builder
	messages := NewMessages(&out, Terminal{IsTerminal: true, Width: 80}, clock.Now)
	progress := messages.Progress("ingest", 1000, "lines")
	for range 1000 {
		clock.now = clock.now.Add(time.Millisecond)
		progress.Add(1)
	}
	// The first drawing is after 200 ms, so that short work draws nothing.
	if n := strings.Count(out.String(), eraseLine); n != 9 {
		t.Errorf("drawn %d times in a second, want 9", n)
	}
}

func TestProgressIsSilentWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	clock := &testClock{evening}
	progress := NewMessages(&out, Terminal{}, clock.Now).Progress("verify", 10, Bytes)
	if progress != nil {
		t.Error("progress without a terminal is not nil")
	}
	clock.now = clock.now.Add(time.Hour)
	progress.Add(1)
	progress.Done()
	if out.String() != "" {
		t.Errorf("%q was written", out.String())
	}
}

func TestMessageTakesProgressAwayFirst(t *testing.T) {
	t.Parallel()
	clock := &testClock{evening}
	var out strings.Builder
	messages := NewMessages(&out, Terminal{IsTerminal: true}, clock.Now)
	progress := messages.Progress("read", 10, "files")
	progress.Add(1)
	messages.Note("early")
	clock.now = clock.now.Add(time.Second)
	progress.Add(4)
	messages.Note("late")
	progress.Done()
	progress.Add(1)
	want := "emaudit: early\n" + eraseLine + "read  5 / 10 files  50 %  5/s  1 s left" + eraseLine + "emaudit: late\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestMessagesAndProgressAreForSeveralGoroutines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	messages := NewMessages(&out, Terminal{IsTerminal: true}, time.Now)
	progress := messages.Progress("read", 4000, "files")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				progress.Add(1)
			}
			messages.Note("done")
		})
	}
	group.Wait()
	progress.Done()
	if progress.done != 4000 {
		t.Errorf("%d done", progress.done)
	}
	if n := strings.Count(out.String(), "emaudit: done\n"); n != 4 {
		t.Errorf("%d messages", n)
	}
}
