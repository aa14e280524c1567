package emergelog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder keeps all that a parser delivers.
type recorder struct {
	Open
	damage []Damage
	// order holds the keys of the records as they came.
	order []string
}

func (r *recorder) Merge(m Merge) {
	r.Merges = append(r.Merges, m)
	r.order = append(r.order, fmt.Sprintf("merge %d.%d", m.Run, m.Seq))
}

func (r *recorder) Unmerge(u Unmerge) {
	r.Unmerges = append(r.Unmerges, u)
	r.order = append(r.order, fmt.Sprintf("unmerge %d.%d", u.Run, u.Seq))
}

func (r *recorder) Sync(s Sync) {
	r.Syncs = append(r.Syncs, s)
	r.order = append(r.order, fmt.Sprintf("sync %d.%d", s.Run, s.Seq))
}

func (r *recorder) Run(run Run) {
	r.Runs = append(r.Runs, run)
	r.order = append(r.order, fmt.Sprintf("run %d", run.ID))
}

func (r *recorder) Damage(d Damage) { r.damage = append(r.damage, d) }

// read parses whole files, as rotated ones are: oldest first, the last of them
// still growing. What is open at the end is appended to the final records.
func read(tb testing.TB, files ...[]byte) *recorder {
	tb.Helper()
	var r recorder
	p := NewParser(&r)
	for i, data := range files {
		if _, err := p.Read(context.Background(), bytes.NewReader(data), Position{Source: i}, i < len(files)-1); err != nil {
			tb.Fatal(err)
		}
	}
	open, err := p.Open()
	if err != nil {
		tb.Fatal(err)
	}
	r.Runs = append(r.Runs, open.Runs...)
	r.Merges = append(r.Merges, open.Merges...)
	r.Unmerges = append(r.Unmerges, open.Unmerges...)
	r.Syncs = append(r.Syncs, open.Syncs...)
	return &r
}

func readFile(tb testing.TB, elem ...string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// brief says what happened, a line per run and, indented, per record, in the
// order of the keys.
func (r *recorder) brief() string {
	var b strings.Builder
	for id := int64(1); ; id++ {
		found := false
		for _, run := range r.Runs {
			if run.ID != id {
				continue
			}
			found = true
			fmt.Fprintf(&b, "run %d: %s %s", id, run.Action, run.Outcome)
			if run.ExitStatus > 0 {
				fmt.Fprintf(&b, " (status %d)", run.ExitStatus)
			}
			b.WriteString(flags(run.Headless, "headless", run.Uncertain, "uncertain", run.UnexplainedFailure, "unexplained", run.ClockStepped, "clock set"))
			b.WriteByte('\n')
		}
		if !found {
			return b.String()
		}
		for seq := 1; seq <= len(r.Merges); seq++ {
			for _, m := range r.Merges {
				if m.Run == id && m.Seq == seq {
					b.WriteString(m.brief())
				}
			}
		}
		for _, u := range r.Unmerges {
			if u.Run == id {
				seconds, ok := u.Duration()
				fmt.Fprintf(&b, "  removed %s %s %s%s%s\n", u.CPV, u.Reason, u.Outcome, lasted(seconds, ok), flags(u.Uncertain, "uncertain"))
			}
		}
		for _, s := range r.Syncs {
			if s.Run == id {
				seconds, ok := s.Duration()
				fmt.Fprintf(&b, "  synced %s %s%s%s\n", s.Repo, s.Outcome, lasted(seconds, ok), flags(s.Uncertain, "uncertain"))
			}
		}
	}
}

func (m *Merge) brief() string {
	seconds, ok := m.Duration()
	s := fmt.Sprintf("  %s %s %s to %s%s", m.Outcome, m.Kind, m.CPV, m.Root, lasted(seconds, ok))
	if len(m.Replaced) > 0 {
		s += " replacing " + strings.Join(m.Replaced, " ")
	}
	if m.BuildID > 0 {
		s += fmt.Sprintf(" from build %d", m.BuildID)
	}
	return s + flags(m.Packaged, "packaged", m.World, "world", m.PostinstFailed, "postinst failed", m.BetweenVersions, "between versions", m.Uncertain, "uncertain") + "\n"
}

func lasted(seconds int64, ok bool) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf(" %ds", seconds)
}

// flags joins the names whose condition holds.
func flags(pairs ...any) string {
	s := ""
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].(bool) {
			s += ", " + pairs[i+1].(string)
		}
	}
	return s
}
