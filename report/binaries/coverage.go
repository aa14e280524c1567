// Package binaries answers about installed and binary packages side by side: which
// have which, whether the files are whole, whether Portage would take them, and all
// that is known of one package. Each function makes a [report.Answer] of an answer of
// audit/binpkgs, audit/acceptance or audit/overview.
package binaries

import (
	"fmt"
	"path"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Coverage is the answer to: does every installed package have a binary
// package?
func Coverage(c *binpkgs.Coverage, o report.Output) report.Answer {
	return report.Answer{
		Findings: c.Findings,
		Keys: func(j *report.JSON) {
			j.Value("packages", c.Rows)
			j.Value("commands", c.Commands)
		},
		Rows: CoverageColumns(true).CSV(table.All(c.Rows)),
		Text: func(s *screen.Screen) {
			s.Sentence(coverageHeadline(c)...)
			s.Blank()
			coverageTable(s, c, o.Verbose)
			if len(c.Commands) > 0 {
				s.Heading("Close the gaps while these packages are installed")
				for _, command := range c.Commands {
					s.Command(2, screen.Cell{}, command.String())
				}
				s.Blank()
			}
			s.Findings(shownOfCoverage(c.Findings, o), o.FindingOptions())
		},
	}
}

// coverageHeadline is the answer in one line.
func coverageHeadline(c *binpkgs.Coverage) []screen.Cell {
	total := len(c.Rows)
	unknown := c.Count(binpkgs.CoverageUnknown)
	role := screen.Good
	if why := c.Unknown(); why != "" {
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": " + why)}
	}
	if c.Covered() < total {
		role = screen.Warn
	}
	line := fmt.Sprintf(" installed packages have a binary package of their build: %d exact, %d same build. The others: %d another build, %d none",
		c.Count(binpkgs.CoverageExact), c.Count(binpkgs.CoverageSameBuild), c.Count(binpkgs.CoverageSameVersion), c.Count(binpkgs.CoverageNone))
	if lossy := c.Count(binpkgs.CoverageLossy); lossy > 0 {
		line += fmt.Sprintf(", %d lossy", lossy)
	}
	if remote := c.Count(binpkgs.CoverageRemote); remote > 0 {
		line += fmt.Sprintf(", %d only on a binhost", remote)
	}
	if unknown > 0 {
		line += fmt.Sprintf(", %d unknown", unknown)
	}
	return []screen.Cell{role.Text(fmt.Sprintf("%d of %d", c.Covered(), total)), screen.Plain.Text(line)}
}

var CoverageRoles = map[binpkgs.CoverageVerdict]screen.Role{
	binpkgs.CoverageExact:       screen.Good,
	binpkgs.CoverageSameBuild:   screen.Good,
	binpkgs.CoverageSameVersion: screen.Warn,
	binpkgs.CoverageLossy:       screen.Warn,
	binpkgs.CoverageRemote:      screen.Warn,
	binpkgs.CoverageUnknown:     screen.Unknown,
	binpkgs.CoverageNone:        screen.Bad,
}

// CoverageColumns describe what covers each installed package. If all is set, they have
// the path of the file, and otherwise only its name.
func CoverageColumns(all bool) table.Table[binpkgs.CoverageRow] {
	return table.Table[binpkgs.CoverageRow]{
		{Name: "cpv", Title: "Package", Type: table.Package, Shrink: screen.CutMiddle, Yield: 3, Min: 24},
		{Name: "slot"},
		{Name: "repo"},
		{Name: "build_time"},
		{Name: "build_id"},
		{Name: "verdict", Title: "Verdict", Order: func(r *binpkgs.CoverageRow) int64 { return int64(r.Verdict.Rank()) }, Show: func(r *binpkgs.CoverageRow) screen.Cell { return CoverageRoles[r.Verdict].Text(string(r.Verdict)) }},
		{Name: "use_equal"},
		{Name: "use_diff", Title: "USE", Shrink: screen.CutEnd, Yield: 2, Optional: true, Show: func(r *binpkgs.CoverageRow) screen.Cell { return screen.Plain.Text(useText(r)) }},
		{Name: "pkgdir", Of: "instance.pkgdir"},
		{Name: "path", Of: "instance.path", Title: "Binpkg", Type: table.Code, Shrink: screen.CutMiddle, Yield: 1, Min: 12, Optional: true, Show: func(r *binpkgs.CoverageRow) screen.Cell {
			switch {
			case r.Instance == nil:
				return screen.Plain.Text(screen.NotKnown)
			case all:
				return screen.Plain.Text(r.Instance.Path)
			}
			return screen.Plain.Text(strings.TrimSuffix(path.Base(r.Instance.Path), "."+string(r.Instance.Format)+".tar"))
		}},
		{Name: "instance_build_id", Of: "instance.build_id"},
		{Name: "instance_build_time", Of: "instance.build_time"},
		{Name: "size", Of: "instance.size", Title: "Size", Type: table.Size, Blank: true, Optional: true},
		{Name: "format", Of: "instance.format"},
		{Name: "indexed", Of: "instance.indexed"},
	}
}

// UseDiffers reports whether the binary package was not built with the same USE flags,
// or might not have been.
func UseDiffers(r binpkgs.CoverageRow) bool {
	return r.Instance != nil && (r.UseEqual == nil || !*r.UseEqual)
}

func useText(r *binpkgs.CoverageRow) string {
	switch {
	case r.Instance == nil || r.UseDiff != "":
		return r.UseDiff
	case r.UseEqual == nil:
		return "unknown"
	case *r.UseEqual:
		return "equal"
	}
	return "differs"
}

// coverageTable lists the packages that are not covered, or all of them.
func coverageTable(s *screen.Screen, c *binpkgs.Coverage, all bool) {
	shown := CoverageColumns(all).Screen(s, 0, table.Where(c.Rows, func(r *binpkgs.CoverageRow) bool {
		return all || r.Verdict != binpkgs.CoverageExact && r.Verdict != binpkgs.CoverageSameBuild
	}))
	if shown > 0 {
		s.Blank()
	}
	if rest := len(c.Rows) - shown; rest > 0 {
		s.Sentence(screen.Dim.Text(fmt.Sprintf("%s covered by the exact file or the same build", screen.Count(int64(rest), "more package is", "more packages are"))), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
		s.Blank()
	}
}

// shownOfCoverage leaves out, unless everything is asked for, the findings that
// the table has said already: that there is no binary package, or only one of
// another build.
func shownOfCoverage(findings []audit.Finding, o report.Output) []audit.Finding {
	if o.Verbose {
		return findings
	}
	var shown []audit.Finding
	for _, f := range findings {
		if f.Code != audit.CodeBinpkgMissing && f.Code != audit.CodeBinpkgOtherBuild {
			shown = append(shown, f)
		}
	}
	return shown
}
