package report

import (
	"io"

	"emaudit/audit/state"
	"emaudit/report/screen"
)

// pinRow is a pin as JSON has it.
type pinRow struct {
	Name      string `json:"name"`
	At        int64  `json:"at"`
	Run       *int64 `json:"run"`
	CreatedAt int64  `json:"created_at"`
	Note      string `json:"note"`
	Known     bool   `json:"known"`
	SameAsNow bool   `json:"same_as_now"`
}

func pinRows(pins []state.Pinned) []pinRow {
	rows := []pinRow{}
	for _, p := range pins {
		row := pinRow{Name: p.Name, At: p.At, CreatedAt: p.CreatedAt, Note: p.Note, Known: p.Target.Known, SameAsNow: p.SameAsNow}
		if p.Run != 0 {
			row.Run = &p.Run
		}
		rows = append(rows, row)
	}
	return rows
}

// Pins is the answer to: which states have names?
func Pins(pins []state.Pinned, o Output) Answer {
	return Answer{
		Keys: func(j *JSON) {
			j.Value("pin", nil)
			j.Value("target", nil)
			j.Value("pins", pinRows(pins))
		},
		Rows: func(w io.Writer) error { return pinCSV(w, pins) },
		Text: func(s *screen.Screen) {
			if len(pins) == 0 {
				s.Line(screen.Plain.Text("no state has a name"), screen.Plain.Text("   "), screen.Code.Text("emaudit pin NAME"))
				return
			}
			pinTable(s, pins, o)
		},
	}
}

func pinCSV(w io.Writer, pins []state.Pinned) error {
	c := NewCSV(w, "pin", "run", "time", "known", "note")
	for _, p := range pins {
		c.Row(p.Name, p.Target.Run, p.Target.Time, p.Target.Known, p.Note)
	}
	return c.Close()
}

// pinTable lists pins with the states that they name.
func pinTable(s *screen.Screen, pins []state.Pinned, o Output) {
	t := s.Table(screen.Column{Title: "PIN"}, screen.Column{Title: "NAMES"}, screen.Column{Title: "KNOWN"}, screen.Column{Title: "NOTE", Shrink: screen.Wrap, Yield: 1})
	for _, p := range pins {
		known := screen.Good.Text("yes")
		if !p.Target.Known {
			known = screen.Unknown.Text("no")
		}
		what := targetText(p.Target, o)
		if p.SameAsNow {
			what += ", as now"
		}
		t.Row(screen.Plain.Text(p.Name), screen.Plain.Text(what), known, screen.Plain.Text(p.Note))
	}
	t.End()
}

// Pinned is the answer to a state being pinned.
func Pinned(name string, t state.Target, pins []state.Pinned, o Output) Answer {
	return Answer{
		Keys: func(j *JSON) {
			j.Value("pin", name)
			j.Value("target", t)
			j.Value("pins", pinRows(pins))
		},
		Rows: func(w io.Writer) error { return pinCSV(w, pins) },
		Text: func(s *screen.Screen) {
			s.Line(screen.Bold.Text(name), screen.Plain.Text(" is "+targetText(t, o)))
			if !t.Known {
				s.Line(screen.Unknown.Text("its state is not known"), screen.Plain.Text("   "), screen.Code.Text("emaudit states"))
			}
		},
	}
}
