package binaries

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Integrity answers whether the files in PKGDIR are whole, and whether Portage sees
// them as they are.
func Integrity(i *binpkgs.Integrity, o report.Output) report.Answer {
	return report.Answer{
		Findings: i.Findings,
		Keys: func(j *report.JSON) {
			report.WriteArray(j, "instances", i.Rows)
			j.Value("files", i.Files)
		},
		Rows: integrityColumns.CSV(i.Rows),
		Text: func(s *screen.Screen) {
			line := IntegrityLine(i)
			switch {
			case line.Text == "":
				s.Line(line.Verdict)
			default:
				s.Line(line.Verdict, screen.Plain.Text(": "+line.Text))
			}
			s.Blank()
			integrityTable(s, i, o.Verbose)
			s.Findings(i.Findings, o.FindingOptions())
		},
	}
}

// IntegrityLine is the answer in one line: how many files are whole, and what the
// others are.
func IntegrityLine(i *binpkgs.Integrity) screen.SummaryLine {
	l := screen.SummaryLine{Label: "INTEGRITY", Command: "emaudit audit integrity"}
	if i.All == 0 {
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), i.Unknown()
		return l
	}
	whole, damaged, empty, unread := i.Count(binpkgs.Whole), i.Count(binpkgs.Damaged), i.Count(binpkgs.Empty), i.NotRead
	read := i.Count(binpkgs.Unread) + i.Count(binpkgs.Unchecked) + i.Count(binpkgs.Unknown) - unread
	role := screen.Good
	switch {
	case damaged > 0:
		role = screen.Bad
	case empty > 0:
		role = screen.Warn
	case unread+read > 0:
		role = screen.Unknown
	}
	if damaged+empty == 0 && unread > 0 {
		l.Command = "emaudit verify"
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d whole", whole, i.All))
	l.Text = screen.Tally(
		screen.Many(damaged, "damaged"), screen.Many(empty, "empty"), screen.Many(unread, "not read"),
		screen.Many(read, "read with nothing to check against"), screen.Many(i.Unlisted, "not in the index"),
	)
	return l
}

// CoverageLine is the answer about coverage in one line.
func CoverageLine(c *binpkgs.Coverage) screen.SummaryLine {
	l := screen.SummaryLine{Label: "COVERAGE", Command: "emaudit audit coverage"}
	if why := c.Unknown(); why != "" {
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), why
		return l
	}
	role := screen.Good
	if c.Covered() < len(c.Rows) {
		role = screen.Warn
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d", c.Covered(), len(c.Rows)))
	l.Text = screen.Tally(
		screen.Many(c.Count(binpkgs.CoverageSameVersion), "another build"), screen.Many(c.Count(binpkgs.CoverageLossy), "lossy"),
		screen.Many(c.Count(binpkgs.CoverageRemote), "only on a binhost"), screen.Many(c.Count(binpkgs.CoverageUnknown), "unknown"), screen.Many(c.Count(binpkgs.CoverageNone), "none"),
	)
	return l
}

var integrityRoles = map[binpkgs.FileIntegrity]screen.Role{binpkgs.Whole: screen.Good, binpkgs.Damaged: screen.Bad, binpkgs.Empty: screen.Warn, binpkgs.Unread: screen.Unknown, binpkgs.Unchecked: screen.Unknown, binpkgs.Unknown: screen.Unknown}

// IntegrityCell is what is known of the bytes of a file, in words.
func IntegrityCell(i binpkgs.FileIntegrity) screen.Cell {
	words := string(i)
	switch i {
	case binpkgs.Unread:
		words = "not read"
	case binpkgs.Unchecked:
		words = "no checksum"
	}
	return integrityRoles[i].Text(words)
}

var signatureRole = map[binpkgs.Signature]screen.Role{
	binpkgs.SignatureValid: screen.Good, binpkgs.SignatureInvalid: screen.Bad, binpkgs.SignatureUnknownKey: screen.Warn, binpkgs.SignatureUnchecked: screen.Dim,
}

// integrityColumns describe the binary packages in PKGDIR.
var integrityColumns = table.Table[binpkgs.IntegrityRow]{
	{Name: "pkgdir"},
	{Name: "path", Title: "Binpkg", Shrink: screen.CutMiddle, Yield: 2, Min: 24},
	{Title: "Integrity", Show: func(r *binpkgs.IntegrityRow) screen.Cell {
		return IntegrityCell(r.Integrity)
	}},
	{Title: "Indexed", Of: "indexed"},
	{Title: "Problems", Of: "problems", Shrink: screen.Wrap, Yield: 1, Min: len(audit.CodeBinpkgBuildIDDiffers)},
	{Title: "Signature", Optional: true, Show: func(r *binpkgs.IntegrityRow) screen.Cell { return signatureRole[r.Signature].Text(string(r.Signature)) }},
	{Title: "Size", Of: "size", Type: table.Size, Optional: true},
}.With(table.Data[binpkgs.IntegrityRow]("cpv", "build_id", "build_time", "size", "mtime", "format", "compressor", "slot", "repo", "indexed", "visible",
	"integrity", "signature", "signature_key", "origin", "verified_at", "problems")...)

// integrityTable lists the files with something to say about, or all of them.
func integrityTable(s *screen.Screen, i *binpkgs.Integrity, all bool) {
	columns := integrityColumns
	signed := false
	for r := range i.Rows {
		signed = signed || signatureRole[r.Signature] != screen.Plain && r.Format == binpkgs.FormatGpkg
	}
	if !signed {
		columns = columns.Without("Signature")
	}
	if !all {
		columns = columns.Without("Size")
	}
	shown := columns.Screen(s, 0, func(yield func(*binpkgs.IntegrityRow, error) bool) {
		for r := range i.Rows {
			worth := all || len(r.Problems) > 0 || r.Integrity == binpkgs.Damaged || r.Integrity == binpkgs.Empty || r.Integrity == binpkgs.Unknown || r.Signature == binpkgs.SignatureInvalid
			if worth && !yield(r, nil) {
				return
			}
		}
	})
	if shown > 0 {
		s.Blank()
	}
	if rest := i.All - shown; rest > 0 {
		s.Line(screen.Dim.Text(screen.Count(int64(rest), "more file", "more files")+" with nothing to report"), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
		s.Blank()
	}
}
