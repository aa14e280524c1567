package report

import (
	"fmt"
	"io"
	"path"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/report/screen"
)

// Coverage is the answer to: does every installed package have a binary
// package?
func Coverage(c *binpkgs.Coverage, o Output) Answer {
	return Answer{
		Findings: c.Findings,
		Keys: func(j *JSON) {
			j.Value("packages", c.Rows)
			j.Value("commands", c.Commands)
		},
		Rows: func(w io.Writer) error { return coverageRows(w, c) },
		Text: func(s *screen.Screen) {
			s.Line(coverageHeadline(c)...)
			s.Blank()
			coverageTable(s, c, o.Verbose)
			if len(c.Commands) > 0 {
				s.Heading("Close the gaps while these packages are installed")
				for _, command := range c.Commands {
					s.Line(screen.Plain.Text("  "), screen.Code.Text(command.String()))
				}
				s.Blank()
			}
			s.Findings(o.shownOfCoverage(c.Findings), o.findingOptions())
		},
	}
}

// coverageHeadline is the answer in one line.
func coverageHeadline(c *binpkgs.Coverage) []screen.Cell {
	total := len(c.Rows)
	unknown := c.Count(binpkgs.CoverageUnknown)
	packaged := total - c.Count(binpkgs.CoverageNone) - unknown
	role := screen.Good
	if why := c.Unknown(); why != "" {
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": " + why)}
	}
	if c.Count(binpkgs.CoverageExact)+c.Count(binpkgs.CoverageSameBuild) < total {
		role = screen.Warn
	}
	line := fmt.Sprintf(" installed packages have a binary package: %d exact, %d of the same build, %d of another build, %d none",
		c.Count(binpkgs.CoverageExact), c.Count(binpkgs.CoverageSameBuild), c.Count(binpkgs.CoverageSameVersion), c.Count(binpkgs.CoverageNone))
	if lossy := c.Count(binpkgs.CoverageLossy); lossy > 0 {
		line += fmt.Sprintf(", %d lossy", lossy)
	}
	if unknown > 0 {
		line += fmt.Sprintf(", %d unknown", unknown)
	}
	return []screen.Cell{role.Text(fmt.Sprintf("%d of %d", packaged, total)), screen.Plain.Text(line)}
}

var CoverageRoles = map[binpkgs.CoverageVerdict]screen.Role{
	binpkgs.CoverageExact:       screen.Good,
	binpkgs.CoverageSameBuild:   screen.Good,
	binpkgs.CoverageSameVersion: screen.Warn,
	binpkgs.CoverageLossy:       screen.Warn,
	binpkgs.CoverageUnknown:     screen.Unknown,
	binpkgs.CoverageNone:        screen.Bad,
}

// coverageTable lists the packages that are not covered, or all of them.
func coverageTable(s *screen.Screen, c *binpkgs.Coverage, all bool) {
	t := s.Table(
		screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 3},
		screen.Column{Title: "VERDICT"},
		screen.Column{Title: "USE", Shrink: screen.CutEnd, Yield: 2, Optional: true},
		screen.Column{Title: "BINPKG", Shrink: screen.CutMiddle, Yield: 1},
		screen.Column{Title: "SIZE", Align: screen.Right, Optional: true},
	)
	shown := 0
	for _, r := range c.Rows {
		covered := r.Verdict == binpkgs.CoverageExact || r.Verdict == binpkgs.CoverageSameBuild
		if covered && !all {
			continue
		}
		shown++
		use, file, size := "", "-", ""
		if r.Instance != nil {
			file, size = r.Instance.Path, screen.Size(r.Instance.Size)
			if !all { // of the path, only the build is news beside the package
				file = strings.TrimSuffix(path.Base(file), "."+string(r.Instance.Format)+".tar")
			}
			switch {
			case r.UseDiff != "":
				use = r.UseDiff
			case r.UseEqual != nil && *r.UseEqual:
				use = "equal"
			}
		}
		t.Row(screen.Plain.Text(r.CPV), CoverageRoles[r.Verdict].Text(string(r.Verdict)), screen.Plain.Text(use), screen.Plain.Text(file), screen.Plain.Text(size))
	}
	t.End()
	if shown > 0 {
		s.Blank()
	}
	if rest := len(c.Rows) - shown; rest > 0 {
		s.Line(screen.Dim.Text(fmt.Sprintf("%s covered by the exact file or the same build", screen.Count(int64(rest), "more package is", "more packages are"))), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
		s.Blank()
	}
}

func coverageRows(w io.Writer, c *binpkgs.Coverage) error {
	rows := NewCSV(w, "cpv", "slot", "repo", "build_time", "build_id", "verdict", "use_equal", "use_diff", "pkgdir", "path", "instance_build_id", "instance_build_time", "size", "format", "indexed")
	for _, r := range c.Rows {
		var i binpkgs.InstanceRef
		var size, indexed any
		if r.Instance != nil {
			i = *r.Instance
			size, indexed = i.Size, i.Indexed
		}
		rows.Row(r.CPV, r.Slot, r.Repo, r.BuildTime, r.BuildID, string(r.Verdict), r.UseEqual, r.UseDiff, i.PkgDir, i.Path, i.BuildID, i.BuildTime, size, i.Format, indexed)
	}
	return rows.Close()
}

// shownOfCoverage leaves out, unless everything is asked for, the findings that
// the table has said already: that there is no binary package, or only one of
// another build.
func (o Output) shownOfCoverage(findings []audit.Finding) []audit.Finding {
	if o.Verbose {
		return findings
	}
	var shown []audit.Finding
	for _, f := range findings {
		if f.Code != "binpkg-missing" && f.Code != "binpkg-other-build" {
			shown = append(shown, f)
		}
	}
	return shown
}

// findingOptions is how many findings a person is shown.
func (o Output) findingOptions() screen.FindingOptions {
	if o.Verbose {
		return screen.FindingOptions{Evidence: true}
	}
	return screen.FindingOptions{PerCode: 5, More: "--verbose"}
}
