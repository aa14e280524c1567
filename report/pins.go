package report

import (
	"io"

	"emaudit/audit/state"
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
		Text: func(s *Screen) {
			if len(pins) == 0 {
				s.Line(Plain.Text("no state has a name"), Plain.Text("   "), Code.Text("emaudit pin NAME"))
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
func pinTable(s *Screen, pins []state.Pinned, o Output) {
	t := s.Table(Column{Title: "PIN"}, Column{Title: "NAMES"}, Column{Title: "KNOWN"}, Column{Title: "NOTE", Shrink: Wrap, Yield: 1})
	for _, p := range pins {
		known := Good.Text("yes")
		if !p.Target.Known {
			known = Unknown.Text("no")
		}
		what := targetText(p.Target, o)
		if p.SameAsNow {
			what += ", as now"
		}
		t.Row(Plain.Text(p.Name), Plain.Text(what), known, Plain.Text(p.Note))
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
		Text: func(s *Screen) {
			s.Line(Bold.Text(name), Plain.Text(" is "+targetText(t, o)))
			if !t.Known {
				s.Line(Unknown.Text("its state is not known"), Plain.Text("   "), Code.Text("emaudit states"))
			}
		},
	}
}
