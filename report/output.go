package report

import (
	"io"

	"emaudit/audit"
	"emaudit/report/screen"
)

// Output is where an answer goes and in which format.
type Output struct {
	W        io.Writer
	Format   string // table, json, csv
	Terminal screen.Terminal
	Verbose  bool     // show everything, with the evidence
	Envelope Envelope // of the JSON; findings and diagnostics are the answer's
}

// Answer is one answer in all formats. Which of its parts is used is decided by
// [Output.Write].
type Answer struct {
	Findings    []audit.Finding
	Diagnostics []Diagnostic
	// Keys writes the command's own keys of the JSON.
	Keys func(*JSON)
	// Rows writes the answer as one table of data; nil where an answer has
	// none, and then its findings are the table.
	Rows func(io.Writer) error
	// Text writes the answer for people, findings included.
	Text func(*screen.Screen)
}

// Write writes the answer in the format of the output.
func (o Output) Write(a Answer) error {
	switch o.Format {
	case "json":
		envelope := o.Envelope
		envelope.Findings, envelope.Diagnostics = a.Findings, a.Diagnostics
		j := NewJSON(o.W, envelope)
		if a.Keys != nil {
			a.Keys(j)
		}
		return j.Close()
	case "csv":
		if a.Rows != nil {
			return a.Rows(o.W)
		}
		return findingRows(o.W, a.Findings)
	}
	s := screen.NewScreen(o.W, o.Terminal)
	a.Text(s)
	return s.Flush()
}

// findingRows writes findings as CSV.
func findingRows(w io.Writer, findings []audit.Finding) error {
	c := NewCSV(w, "severity", "code", "subject", "message", "remedy", "source", "offset")
	for _, f := range findings {
		var at audit.Evidence
		if len(f.Evidence) > 0 {
			at = f.Evidence[0]
		}
		c.Row(string(f.Severity), f.Code, f.Subject, f.Message, f.Remedy.String(), at.Source, at.Offset)
	}
	return c.Close()
}
