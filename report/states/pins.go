package states

import (
	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// pinRow is a pin as JSON has it.
type pinRow struct {
	Name      string `json:"name"`
	At        int64  `json:"state_at"`
	Run       *int64 `json:"run"`
	CreatedAt int64  `json:"created_at"`
	Note      string `json:"note"`
	Known     bool   `json:"known"`
	SameAsNow bool   `json:"same_as_now"`
}

func pinRows(pins []state.Pinned) []pinRow {
	var rows []pinRow
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
func Pins(pins []state.Pinned, o report.Output) report.Answer {
	return report.Answer{
		Keys: func(j *report.JSON) {
			j.Value("pin", nil)
			j.Value("target", nil)
			j.Value("pins", pinRows(pins))
		},
		Rows: pinColumns(o).CSV(table.All(pins)),
		Text: func(s *screen.Screen) {
			if len(pins) == 0 {
				s.Line(screen.Plain.Text("no state has a name"), screen.Plain.Text("   "), screen.Code.Text(audit.Emaudit("pin", "NAME").At(o.Place).String()))
				return
			}
			pinColumns(o).Screen(s, 0, table.All(pins))
		},
	}
}

// pinColumns describe the states that have names.
func pinColumns(o report.Output) table.Table[state.Pinned] {
	return table.Table[state.Pinned]{
		{Name: "pin", Title: "Pin", Value: func(p *state.Pinned) any { return p.Name }},
		{Name: "run", Value: func(p *state.Pinned) any { return p.Target.Run }},
		{Name: "state_at", Value: func(p *state.Pinned) any { return p.Target.Time }},
		{Title: "Names", Show: func(p *state.Pinned) screen.Cell {
			if p.SameAsNow {
				return screen.Plain.Text(targetText(p.Target, o) + ", as now")
			}
			return screen.Plain.Text(targetText(p.Target, o))
		}},
		{Name: "known", Title: "Known", Value: func(p *state.Pinned) any { return p.Target.Known }, Show: func(p *state.Pinned) screen.Cell { return knownCell(p.Target.Known) }},
		{Name: "note", Title: "Note", Value: func(p *state.Pinned) any { return p.Note }, Shrink: screen.Wrap, Yield: 1},
	}
}

// knownCell shows whether a state is known.
func knownCell(known bool) screen.Cell {
	if known {
		return screen.Good.Text("yes")
	}
	return screen.Unknown.Text("no")
}

// Pinned is the answer to a state being pinned.
func Pinned(name string, t state.Target, pins []state.Pinned, o report.Output) report.Answer {
	return report.Answer{
		Keys: func(j *report.JSON) {
			j.Value("pin", name)
			j.Value("target", t)
			j.Value("pins", pinRows(pins))
		},
		Rows: pinColumns(o).CSV(table.All(pins)),
		Text: func(s *screen.Screen) {
			s.Line(screen.Bold.Text(name), screen.Plain.Text(" is "+targetText(t, o)))
			if !t.Known {
				s.Line(screen.Unknown.Text("its state is not known"), screen.Plain.Text("   "), screen.Code.Text(audit.Emaudit("states").At(o.Place).String()))
			}
		},
	}
}
