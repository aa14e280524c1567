package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"emaudit/audit/binpkgs"
	"emaudit/parse/binpkg"
	"emaudit/report/screen"
)

// Integrity is the answer to: is what lies in PKGDIR whole, and does Portage
// see it as it is?
func Integrity(i *binpkgs.Integrity, o Output) Answer {
	return Answer{
		Findings: i.Findings,
		Keys: func(j *JSON) {
			j.Value("instances", i.Rows)
			j.Value("files", i.Files)
		},
		Rows: func(w io.Writer) error { return integrityRows(w, i) },
		Text: func(s *screen.Screen) {
			line := IntegrityLine(i)
			switch {
			case line.Text == "":
				s.Line(line.Verdict)
			case len(i.Rows) == 0:
				s.Line(line.Verdict, screen.Plain.Text(": "+line.Text))
			default:
				s.Line(line.Verdict, screen.Plain.Text(", "+line.Text))
			}
			s.Blank()
			integrityTable(s, i, o.Verbose)
			s.Findings(i.Findings, o.findingOptions())
		},
	}
}

// IntegrityLine is the answer in one line: the worst that there is, and then how
// many files are what else.
func IntegrityLine(i *binpkgs.Integrity) screen.SummaryLine {
	l := screen.SummaryLine{Label: "INTEGRITY", Command: "emaudit audit integrity"}
	empty := i.Empty()
	whole, damaged, unchecked, unknown := i.Count(binpkg.Whole), i.Count(binpkg.Damaged)-empty, i.Count(binpkg.Unchecked), i.Count(binpkg.Unknown)
	switch {
	case damaged > 0:
		l.Verdict = screen.Bad.Text(fmt.Sprintf("%d damaged", damaged))
	case empty > 0:
		l.Verdict, empty = screen.Warn.Text(fmt.Sprintf("%d empty", empty)), 0
	case unknown > 0:
		l.Verdict, unknown = screen.Unknown.Text(fmt.Sprintf("%d unknown", unknown)), 0
	case unchecked > 0:
		l.Verdict, unchecked = screen.Unknown.Text(fmt.Sprintf("%d not read", unchecked)), 0
	case whole > 0:
		l.Verdict, whole = screen.Good.Text(fmt.Sprintf("%d whole", whole)), 0
	default:
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), i.Unknown()
		return l
	}
	l.Text = screen.Tally(
		screen.Many(empty, "empty"), screen.Many(unknown, "unknown"), screen.Many(unchecked, "not read"),
		screen.Many(whole, "whole"), screen.Many(unlisted(i), "not in the index"),
	)
	return l
}

// unlisted counts the files that belong in an index and are not in it. Those that
// Portage would not take up anyway do not belong there.
func unlisted(i *binpkgs.Integrity) int {
	n := 0
	for _, r := range i.Rows {
		if r.Visible && !r.Indexed {
			n++
		}
	}
	return n
}

// CoverageLine is the answer about coverage in one line.
func CoverageLine(c *binpkgs.Coverage) screen.SummaryLine {
	l := screen.SummaryLine{Label: "COVERAGE", Command: "emaudit audit coverage"}
	none, other := c.Count(binpkgs.CoverageNone), c.Count(binpkgs.CoverageSameVersion)
	role := screen.Good
	if why := c.Unknown(); why != "" {
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), why
		return l
	}
	lossy := c.Count(binpkgs.CoverageLossy)
	unknown := c.Count(binpkgs.CoverageUnknown)
	if none+other+lossy+unknown > 0 {
		role = screen.Warn
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d", len(c.Rows)-none-unknown, len(c.Rows)))
	l.Text = screen.Tally(
		screen.Many(c.Count(binpkgs.CoverageExact), "exact"), screen.Many(c.Count(binpkgs.CoverageSameBuild), "same build"),
		screen.Many(other, "other build"), screen.Many(lossy, "lossy"), screen.Many(unknown, "unknown"), screen.Many(none, "none"),
	)
	return l
}

var IntegrityRoles = map[binpkg.Integrity]screen.Role{binpkg.Whole: screen.Good, binpkg.Damaged: screen.Bad, binpkg.Unchecked: screen.Unknown, binpkg.Unknown: screen.Unknown}

var signatureRole = map[binpkg.SignatureState]screen.Role{
	binpkg.SignatureValid: screen.Good, binpkg.SignatureInvalid: screen.Bad, binpkg.SignatureUnknownKey: screen.Warn, binpkg.SignatureUnchecked: screen.Dim,
}

// integrityTable lists the files with something to say about, or all of them.
func integrityTable(s *screen.Screen, i *binpkgs.Integrity, all bool) {
	columns := []screen.Column{
		{Title: "BINPKG", Shrink: screen.CutMiddle, Yield: 2, Min: 24},
		{Title: "INTEGRITY"},
		{Title: "INDEXED"},
		{Title: "PROBLEMS", Shrink: screen.Wrap, Yield: 1, Min: len("binpkg-build-id-differs")},
	}
	signed := slices.ContainsFunc(i.Rows, func(r binpkgs.IntegrityRow) bool {
		return signatureRole[r.Signature] != screen.Plain && r.Format == binpkg.FormatGpkg
	})
	if signed {
		columns = append(columns, screen.Column{Title: "SIGNATURE", Optional: true})
	}
	if all {
		columns = append(columns, screen.Column{Title: "SIZE", Align: screen.Right, Optional: true})
	}
	t := s.Table(columns...)
	shown := 0
	for _, r := range i.Rows {
		if !all && len(r.Problems) == 0 && r.Integrity != binpkg.Damaged && r.Integrity != binpkg.Unknown && r.Signature != binpkg.SignatureInvalid {
			continue
		}
		shown++
		indexed := "yes"
		if !r.Indexed {
			indexed = "no"
		}
		cells := []screen.Cell{screen.Plain.Text(r.Path), IntegrityRoles[r.Integrity].Text(string(r.Integrity)), screen.Plain.Text(indexed), screen.Plain.Text(strings.Join(r.Problems, " "))}
		if signed {
			cells = append(cells, signatureRole[r.Signature].Text(string(r.Signature)))
		}
		if all {
			cells = append(cells, screen.Plain.Text(screen.Size(r.Size)))
		}
		t.Row(cells...)
	}
	t.End()
	if shown > 0 {
		s.Blank()
	}
	if rest := len(i.Rows) - shown; rest > 0 {
		s.Line(screen.Dim.Text(screen.Count(int64(rest), "more file", "more files")+" with nothing to report"), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
		s.Blank()
	}
}

func integrityRows(w io.Writer, i *binpkgs.Integrity) error {
	c := NewCSV(w, "pkgdir", "path", "cpv", "build_id", "build_time", "size", "mtime", "format", "compressor", "slot", "repo", "indexed", "visible",
		"integrity", "signature", "signature_key", "origin", "verified_at", "problems")
	for _, r := range i.Rows {
		c.Row(r.PkgDir, r.Path, r.CPV, r.BuildID, r.BuildTime, r.Size, r.MTime, r.Format, r.Compressor, r.Slot, r.Repo, r.Indexed, r.Visible,
			r.Integrity, r.Signature, r.SignatureKey, r.Origin, r.VerifiedAt, strings.Join(r.Problems, " "))
	}
	return c.Close()
}
