// Package report is the output edge of emaudit: it turns findings and answers into
// text for people and into data for programs, and with its rooms it is the only
// package that writes either. An [Answer] has all formats, and [Output] chooses one:
//
//   - text for people, by package screen;
//   - [JSON], one document for programs, complete and exact;
//   - CSV, one table for spreadsheets and for awk, by package table.
//
// # Rules
//
// Data goes to standard output and everything else to standard error, as
// "emaudit: ..." in lower case and without a period. The answer comes first,
// then what to do, then the evidence.
//
// # Untrusted text
//
// Log lines, package names, file names and metadata may be hostile. Every writer
// makes every string harmless: [screen.Clean] for people and for CSV, and escapes
// that mean the same in JSON. A caller hands over the text as it was found.
package report

import (
	"io"
	"slices"

	"emaudit/audit"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// The formats. HTML and Markdown are those of the page; the script is that of a rollback.
const (
	FormatTable    = "table"
	FormatJSON     = "json"
	FormatCSV      = "csv"
	FormatHTML     = "html"
	FormatMarkdown = "markdown"
	FormatScript   = "sh"
)

// Output is the destination and the format of an answer.
type Output struct {
	W        io.Writer
	Format   string // FormatTable, FormatJSON or FormatCSV
	Terminal screen.Terminal
	Verbose  bool     // show everything, with the evidence
	Envelope Envelope // of the JSON; findings and diagnostics are the answer's
	// Place is where the commands of the answer are typed.
	Place audit.Place
}

// Answer is one answer in all formats. Which of its parts is used is decided by
// [Output.Write].
type Answer struct {
	Findings    []audit.Finding
	Diagnostics []Diagnostic
	// Keys writes the command's own keys of the JSON.
	Keys func(*JSON)
	// Rows writes the answer as one table of data. It is nil if an answer has none;
	// its findings are then the table.
	Rows func(io.Writer) error
	// Text writes the answer for people, findings included.
	Text func(*screen.Screen)
}

// Write writes the answer in the format of the output.
func (o Output) Write(a Answer) error {
	switch o.Format {
	case FormatJSON:
		envelope := o.Envelope
		envelope.Findings, envelope.Diagnostics = a.Findings, a.Diagnostics
		j := NewJSON(o.W, envelope)
		if a.Keys != nil {
			a.Keys(j)
		}
		return j.Close()
	case FormatCSV:
		if a.Rows != nil {
			return a.Rows(o.W)
		}
		return FindingColumns.CSV(table.All(a.Findings))(o.W)
	}
	s := screen.NewScreen(o.W, o.Terminal)
	a.Text(s)
	s.Root()
	return s.Flush()
}

// FindingColumns describe findings. A terminal has a paragraph of each instead.
var FindingColumns = table.Table[audit.Finding]{
	{Name: "severity", Title: "Severity"},
	{Name: "code", Title: "Code", Type: table.Code},
	{Name: "subject", Title: "Subject"},
	{Name: "message", Title: "Finding"},
	{Name: "remedy", Title: "Remedy", Type: table.Code, Value: func(f *audit.Finding) any { return f.Remedy.String() }},
}.With(
	table.Column[audit.Finding]{Name: "source", Value: func(f *audit.Finding) any { return firstEvidence(f).Source }},
	table.Column[audit.Finding]{Name: "offset", Value: func(f *audit.Finding) any { return firstEvidence(f).Offset }},
)

func firstEvidence(f *audit.Finding) audit.Evidence {
	if len(f.Evidence) == 0 {
		return audit.Evidence{}
	}
	return f.Evidence[0]
}

// FindingOptions is how many findings a person is shown.
func (o Output) FindingOptions() screen.FindingOptions {
	if o.Verbose {
		return screen.FindingOptions{Evidence: true}
	}
	return screen.FindingOptions{PerCode: 5, More: "--verbose"}
}

// LogDiagnostics are the damage of a log, as every answer about it has it.
func LogDiagnostics(source audit.LogSource) []Diagnostic {
	diagnostics := make([]Diagnostic, len(source.Damage))
	for i, d := range source.Damage {
		diagnostics[i] = Diagnostic{Source: d.Source, Offset: d.Offset, Code: d.Code, Message: d.Message}
	}
	return diagnostics
}

// FindingsOf returns the findings of a code.
func FindingsOf(all []audit.Finding, code string) []audit.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f audit.Finding) bool { return f.Code != code })
}
