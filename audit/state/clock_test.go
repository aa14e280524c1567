package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"emaudit/audit"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// TestAClockThatWasWrongMakesNoStateWrong sets the clock of the recorded host
// during some of its runs: their lines and the BUILD_TIME of what they built have
// other times then, and nothing else happened. No state before a run that is known
// may be another for it, and no moment that was twice may be known.
func TestAClockThatWasWrongMakesNoStateWrong(t *testing.T) {
	t.Parallel()
	truth := audittest.ReadTruth(t)
	const hour, day, year = 3600, 24 * 3600, 365 * 24 * 3600
	for _, test := range []struct {
		name       string
		first, end int // the runs in which the clock was wrong, from 1
		by         int64
	}{
		{"ahead by an hour, then mended", 1, 60, hour},
		{"ahead by a year, then mended", 1, 30, year},
		{"back by two days for a while", 55, 70, -2 * day},
		{"forgotten for some runs, as with an empty battery", 30, 40, -50 * year},
		{"forgotten for the last runs", 80, 1000, -50 * year},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := hostarchive.AlphaCopy(t)
			commands := shiftRuns(t, truth, root, test.first, test.end, test.by)
			host := hosttest.New(t, root)
			host.Ingest(hosttest.Now + max(test.by, 0))
			known := 0
			audittest.Ask(host, hosttest.Now+max(test.by, 0), func(db audit.Database) error {
				h, err := TakePast(db)
				if err != nil {
					return err
				}
				first := map[int]int64{}
				for _, id := range h.ChangingRuns() {
					first[commands[id-1]] = id // the first run of a command comes last
				}
				for command, id := range first {
					s, err := h.At(Moment{Run: id}, nil, db.Now)
					if err != nil {
						return err
					}
					if !s.Target.Known {
						continue
					}
					known++
					want, got := map[string]bool{}, map[string]bool{}
					for cpv := range truth.Before[command] {
						want[h.Moves.CPV(cpv)] = true
					}
					for _, x := range s.Installations {
						got[x.CPV] = true
					}
					if !maps.Equal(want, got) {
						t.Errorf("before run %d is known, and wrong: %v, want %v", id, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
					}
				}
				for _, step := range h.clock.steps {
					s, err := h.At(Moment{At: (step.at + step.until) / 2}, nil, db.Now)
					if err != nil {
						return err
					}
					if s.Target.Known {
						t.Errorf("a time between %d and %d was twice, and its state is called known", step.at, step.until)
					}
				}
				states, err := AuditStates(db)
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(states.Findings, func(f audit.Finding) bool { return f.Code == "clock-set-back" }) {
					t.Errorf("nobody is told that the clock was set back: %v", states.Findings)
				}
				return nil
			})
			if known < 40 {
				t.Errorf("%d states are known, want nearly all", known)
			}
		})
	}
}

// shiftRuns sets the clock of a host during some runs, and returns of each run by
// which command it was started.
func shiftRuns(t *testing.T, truth *audittest.Truth, root string, first, end int, by int64) (commands []int) {
	t.Helper()
	name := filepath.Join(root, "var/log/emerge.log")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var log []byte
	var from, until int64
	for i, run := range linesOfRuns(whole) {
		at := stampOf(t, run)
		command := 0
		for j := range truth.Commands {
			if truth.Commands[j].Began(t) <= at {
				command = j
			}
		}
		commands = append(commands, command)
		if i+1 < first || i+1 >= end {
			if i+1 == end {
				until = at
			}
			log = append(log, run...)
			continue
		}
		from = cmp.Or(from, at)
		for line := range bytes.Lines(run) {
			_, message, _ := bytes.Cut(line, []byte(":"))
			log = fmt.Appendf(log, "%d:%s", stampOf(t, line)+by, message)
		}
	}
	until = cmp.Or(until, hosttest.Now)
	if err := os.WriteFile(name, log, 0o644); err != nil {
		t.Fatal(err)
	}
	shiftBuildLogs(t, root, from, until, by)
	built, err := filepath.Glob(filepath.Join(root, "var/db/pkg/*/*/BUILD_TIME"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range built {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		at, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		if err != nil || at < from || at >= until {
			continue
		}
		if err := os.WriteFile(name, fmt.Appendln(nil, at+by), 0o644); err != nil {
			t.Fatal(err)
		}
		// It has all values once more.
		if err := os.Remove(filepath.Join(filepath.Dir(name), "metadata")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return commands
}

// shiftBuildLogs sets the clock that named and wrote the build logs of a time.
func shiftBuildLogs(t *testing.T, root string, from, until, by int64) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(root, "var/log/portage/*:*"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	const layout = "20060102-150405"
	for _, name := range logs {
		colon := strings.LastIndexByte(name, ':') + 1
		at, err := time.Parse(layout, name[colon:colon+len(layout)])
		if err != nil {
			t.Fatal(err)
		}
		if at.Unix() < from || at.Unix() >= until {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		shift := time.Duration(by) * time.Second
		moved := name[:colon] + at.Add(shift).Format(layout) + name[colon+len(layout):]
		if err := os.Rename(name, moved); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(moved, info.ModTime().Add(shift), info.ModTime().Add(shift)); err != nil {
			t.Fatal(err)
		}
	}
}

func stampOf(t *testing.T, line []byte) int64 {
	t.Helper()
	stamp, _, _ := bytes.Cut(line, []byte(":"))
	at, err := strconv.ParseInt(string(stamp), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
