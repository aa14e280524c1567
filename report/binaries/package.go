package binaries

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/report"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// How much of a long history is shown unless everything is asked for.
const (
	shownEvents     = 10
	shownMessages   = 3
	shownDependents = 10
)

// Package is everything known of one package.
func Package(p *overview.Package, o report.Output) report.Answer {
	return report.Answer{
		Keys:     func(j *report.JSON) { j.Value("package", p) },
		Findings: p.Findings,
		Rows:     eventColumns(p).CSV(table.All(p.Events)),
		Text: func(s *screen.Screen) {
			writePackage(s, p, o.Verbose)
			if len(p.Findings) > 0 {
				s.Findings(p.Findings, o.FindingOptions())
			}
		},
	}
}

func writePackage(s *screen.Screen, p *overview.Package, all bool) {
	s.Heading(p.CP)
	s.Blank()
	writeInstalled(s, p)
	writeInstances(s, p)
	writeEvents(s, p, all)
	for i := range p.Failures {
		if f := &p.Failures[i]; all || f.IsOpen() {
			s.Heading("Failed")
			merges.WriteFailure(s, f, all)
			s.Blank()
		}
	}
	writePackageMessages(s, p, all)
	if len(p.Notices) > 0 {
		s.Heading("QA notices of what is installed")
		for _, n := range p.Notices {
			s.Paragraph(2, screen.Plain.Text(n.CPV+": "+n.Title))
			for _, d := range n.Details {
				s.Paragraph(4, screen.Dim.Text(merges.Untab(d)))
			}
		}
		s.Blank()
	}
	writeDependents(s, p, all)
}

// absent returns a line for what was not found, or for what could not be read.
func absent(unread bool, unknown string, none screen.Cell) screen.Cell {
	if unread {
		return screen.Unknown.Text(unknown)
	}
	return none
}

func writeInstalled(s *screen.Screen, p *overview.Package) {
	if len(p.Installed) == 0 {
		s.Line(absent(p.Unread.Installed, "whether it is installed is unknown", screen.Plain.Text("not installed")))
		s.Blank()
		return
	}
	s.Heading("Installed")
	table.Table[overview.ShownInstalled]{
		{Show: func(i *overview.ShownInstalled) screen.Cell { return screen.Plain.Text(i.CPV) }},
		{Show: func(i *overview.ShownInstalled) screen.Cell { return screen.Plain.Text(":" + i.Slot) }},
		{Show: func(i *overview.ShownInstalled) screen.Cell {
			return screen.Plain.Text("built " + s.Terminal().Time(merges.TimeOf(i.BuildTime)))
		}},
		{Type: table.Size, Show: func(i *overview.ShownInstalled) screen.Cell { return screen.Plain.Text(screen.Size(i.Size)) }},
		{Shrink: screen.Wrap, Show: func(i *overview.ShownInstalled) screen.Cell { return screen.Dim.Text(i.USE) }},
	}.Screen(s, 2, table.All(p.Installed))
	s.Blank()
}

func writeInstances(s *screen.Screen, p *overview.Package) {
	if len(p.Instances) == 0 {
		s.Line(absent(p.Unread.Instances, "its binary packages are unknown", screen.Warn.Text("no binary package")))
		s.Blank()
		return
	}
	s.Heading("Binary packages")
	// The folder of the package is in the heading of the page; that of another
	// location is not.
	file := func(i *overview.ShownInstance) string {
		if i.PkgDir != p.Instances[0].PkgDir {
			return path.Join(i.PkgDir, i.Path)
		}
		return strings.TrimPrefix(i.Path, p.CP+"/")
	}
	table.Table[overview.ShownInstance]{
		{Title: "Binpkg", Shrink: screen.CutMiddle, Yield: 2, Show: func(i *overview.ShownInstance) screen.Cell { return screen.Plain.Text(file(i)) }},
		{Title: "Built", Of: "build_time", Type: table.Moment},
		{Title: "Size", Of: "size", Type: table.Size},
		{Title: "Integrity", Show: func(i *overview.ShownInstance) screen.Cell { return IntegrityCell(i.Integrity) }},
		{Title: "Installed", Optional: true, Show: func(i *overview.ShownInstance) screen.Cell {
			if i.Match == "" {
				return screen.Dim.Text("-")
			}
			return CoverageRoles[i.Match].Text(string(i.Match))
		}},
	}.Screen(s, 2, table.All(p.Instances))
	s.Blank()
}

// events writes merges and removals with what they took.
func writeEvents(s *screen.Screen, p *overview.Package, all bool) {
	if len(p.Events) == 0 {
		s.Line(absent(p.Unread.Events, "its history is unknown", screen.Plain.Text("no merge in emerge.log")))
		s.Blank()
		return
	}
	s.Heading("History")
	shown := p.Events
	if !all {
		shown = shown[:min(len(shown), shownEvents)]
	}
	eventColumns(p).Screen(s, 2, table.All(shown))
	writeMore(s, len(p.Events)-shownEvents, "older event", "older events", all)
	s.Blank()
}

// eventColumns describe merges and removals of a package with what they took.
func eventColumns(p *overview.Package) table.Table[overview.ShownEvent] {
	return table.Table[overview.ShownEvent]{
		{Title: "Started", Of: "started_at", Type: table.Moment},
		{Title: "Run", Type: table.Digits, Show: func(e *overview.ShownEvent) screen.Cell { return screen.Plain.Text("#" + strconv.FormatInt(e.Run, 10)) }},
		{Title: "Did", Show: func(e *overview.ShownEvent) screen.Cell {
			if e.Event == history.EventUnmerge.String() {
				return merges.DidRemove(e.Reason, e.Outcome)
			}
			return merges.DidMerge(e.Kind, e.Outcome, e.PostinstFailed)
		}},
		{Title: "Version", Shrink: screen.CutMiddle, Show: func(e *overview.ShownEvent) screen.Cell {
			version := strings.TrimPrefix(e.CPV, p.CP+"-")
			if e.Root != "" && e.Root != "/" {
				version += " to " + e.Root
			}
			return screen.Plain.Text(version)
		}},
		{Title: "Took", Of: "seconds", Type: table.Seconds, Blank: true},
		{Title: "Build dir", Of: "build_bytes", Type: table.Size, Blank: true, Optional: true},
		{Title: "Installed", Of: "install_bytes", Type: table.Size, Blank: true, Optional: true},
		{Title: "Memory", Of: "memory_bytes", Type: table.Size, Blank: true, Optional: true},
		{Title: "CPU", Type: table.Seconds, Blank: true, Optional: true, Value: func(e *overview.ShownEvent) any { return merges.CpuSeconds(e.CPUMillis) }},
	}.With(table.Data[overview.ShownEvent]("event", "run", "cpv", "root", "kind", "reason", "outcome", "postinst_failed", "started_at", "seconds", "log", "log_gone", "link",
		"build_bytes", "install_bytes", "memory_bytes", "cpu_millis")...)
}

// more says how many rows were left out.
func writeMore(s *screen.Screen, rest int, singular, plural string, all bool) {
	if rest > 0 && !all {
		s.Line(screen.Dim.Text(fmt.Sprintf("  %s", screen.Count(int64(rest), singular, plural))), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
	}
}

func writePackageMessages(s *screen.Screen, p *overview.Package, all bool) {
	if len(p.Messages) == 0 {
		return
	}
	s.Heading("Messages")
	for i := range p.Messages {
		if i == shownMessages && !all {
			break
		}
		merges.WriteMessage(s, &p.Messages[i], all)
	}
	writeMore(s, len(p.Messages)-shownMessages, "more message", "more messages", all)
	s.Blank()
}

func writeDependents(s *screen.Screen, p *overview.Package, all bool) {
	if len(p.Installed) == 0 {
		return
	}
	if len(p.Dependents) == 0 {
		s.Line(absent(p.Unread.Dependents, "what depends on it is unknown: packages could not be read", screen.Plain.Text("nothing installed depends on it")))
		return
	}
	s.Heading("Needed by")
	shown := p.Dependents
	if !all {
		shown = shown[:min(len(shown), shownDependents)]
	}
	table.Table[overview.ShownDependency]{
		{Shrink: screen.CutMiddle, Show: func(d *overview.ShownDependency) screen.Cell { return screen.Plain.Text(d.CPV) }},
		{Show: func(d *overview.ShownDependency) screen.Cell { return screen.Dim.Text(d.Kind) }},
		{Shrink: screen.CutEnd, Yield: 1, Show: func(d *overview.ShownDependency) screen.Cell { return screen.Plain.Text(d.Atom) }},
	}.Screen(s, 2, table.All(shown))
	writeMore(s, len(p.Dependents)-shownDependents, "more package", "more packages", all)
}
