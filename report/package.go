package report

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"emaudit/audit/overview"
	"emaudit/report/screen"
)

// How much of a long history is shown unless everything is asked for.
const (
	shownEvents     = 10
	shownMessages   = 3
	shownDependents = 10
)

// Package is everything known of one package.
func Package(p *overview.Package, o Output) Answer {
	return Answer{
		Keys: func(j *JSON) { j.Value("package", p) },
		Rows: func(w io.Writer) error { return eventRows(w, p.Events) },
		Text: func(s *screen.Screen) { writePackage(s, p, o.Verbose) },
	}
}

func writePackage(s *screen.Screen, p *overview.Package, all bool) {
	s.Heading(p.CP)
	s.Blank()
	writeInstalled(s, p)
	writeInstances(s, p)
	writeEvents(s, p, all)
	for i := range p.Failures {
		if f := &p.Failures[i]; all || f.Resolution == "open" {
			s.Heading("Failed")
			writeFailure(s, f, all)
			s.Blank()
		}
	}
	writePackageMessages(s, p, all)
	if len(p.Notices) > 0 {
		s.Heading("QA notices of what is installed")
		for _, n := range p.Notices {
			s.Paragraph(2, screen.Plain.Text(n.CPV+": "+n.Title))
			for _, d := range n.Details {
				s.Paragraph(4, screen.Dim.Text(untab(d)))
			}
		}
		s.Blank()
	}
	writeDependents(s, p, all)
}

func writeInstalled(s *screen.Screen, p *overview.Package) {
	if len(p.Installed) == 0 {
		s.Line(screen.Plain.Text("not installed"))
		s.Blank()
		return
	}
	s.Heading("Installed")
	t := s.Table(screen.Column{}, screen.Column{}, screen.Column{}, screen.Column{Align: screen.Right}, screen.Column{Shrink: screen.Wrap}).Indent(2)
	for _, i := range p.Installed {
		t.Row(screen.Plain.Text(i.CPV), screen.Plain.Text(":"+i.Slot), screen.Plain.Text("built "+s.Terminal().Time(timeOf(i.BuildTime))), screen.Plain.Text(screen.Size(i.Size)), screen.Dim.Text(i.USE))
	}
	t.End()
	s.Blank()
}

func writeInstances(s *screen.Screen, p *overview.Package) {
	if len(p.Instances) == 0 {
		s.Line(screen.Warn.Text("no binary package"))
		s.Blank()
		return
	}
	s.Heading("Binary packages")
	t := s.Table(
		screen.Column{Title: "BINPKG", Shrink: screen.CutMiddle, Yield: 2}, screen.Column{Title: "BUILT"}, screen.Column{Title: "SIZE", Align: screen.Right},
		screen.Column{Title: "STATE"}, screen.Column{Title: "INSTALLED", Optional: true},
	).Indent(2)
	for _, i := range p.Instances {
		match := string(i.Match)
		role := CoverageRoles[i.Match]
		if match == "" {
			match, role = "-", screen.Dim
		}
		// The folder of the package is in the heading of the page; that of
		// another location is not.
		file := strings.TrimPrefix(i.Path, p.CP+"/")
		if i.PkgDir != p.Instances[0].PkgDir {
			file = path.Join(i.PkgDir, i.Path)
		}
		t.Row(screen.Plain.Text(file), screen.Plain.Text(s.Terminal().Time(timeOf(i.BuildTime))), screen.Plain.Text(screen.Size(i.Size)), IntegrityRoles[i.Integrity].Text(string(i.Integrity)), role.Text(match))
	}
	t.End()
	s.Blank()
}

// events writes merges and removals with what they took.
func writeEvents(s *screen.Screen, p *overview.Package, all bool) {
	if len(p.Events) == 0 {
		s.Line(screen.Plain.Text("no merge in emerge.log"))
		s.Blank()
		return
	}
	s.Heading("History")
	t := s.Table(
		screen.Column{Title: "WHEN"}, screen.Column{Title: "RUN", Align: screen.Right}, screen.Column{Title: "DID"}, screen.Column{Title: "VERSION", Shrink: screen.CutMiddle}, screen.Column{Title: "TOOK", Align: screen.Right},
		screen.Column{Title: "BUILD DIR", Align: screen.Right, Optional: true}, screen.Column{Title: "INSTALLED", Align: screen.Right, Optional: true},
		screen.Column{Title: "MEMORY", Align: screen.Right, Optional: true}, screen.Column{Title: "CPU", Align: screen.Right, Optional: true},
	).Indent(2)
	for i := range p.Events {
		if i == shownEvents && !all {
			break
		}
		e := &p.Events[i]
		took, cpu := "", ""
		if e.Seconds != nil {
			took = screen.Seconds(*e.Seconds)
		}
		if e.CPUMillis != nil {
			cpu = screen.Seconds(*e.CPUMillis / 1000)
		}
		role := screen.Plain
		if e.Outcome == "failed" || e.Outcome == "postinst failed" {
			role = screen.Bad
		}
		did := e.Kind + " " + e.Outcome
		if e.Event == "unmerge" {
			did = "removed, " + e.Kind
			if e.Outcome != "ok" {
				did += ", " + e.Outcome
			}
		}
		version := strings.TrimPrefix(e.CPV, p.CP+"-")
		if e.Root != "" && e.Root != "/" {
			version += " to " + e.Root
		}
		t.Row(screen.Plain.Text(s.Terminal().Time(timeOf(e.Started))), screen.Plain.Text("#"+strconv.FormatInt(e.Run, 10)), role.Text(did), screen.Plain.Text(version), screen.Plain.Text(took),
			screen.Plain.Text(sizeOrNothing(e.BuildBytes)), screen.Plain.Text(sizeOrNothing(e.InstallBytes)), screen.Plain.Text(sizeOrNothing(e.MemoryBytes)), screen.Plain.Text(cpu))
	}
	t.End()
	writeMore(s, len(p.Events)-shownEvents, "older event", "older events", all)
	s.Blank()
}

func sizeOrNothing(n *int64) string {
	if n == nil {
		return ""
	}
	return screen.Size(*n)
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
		writeMessage(s, &p.Messages[i], all)
	}
	writeMore(s, len(p.Messages)-shownMessages, "more message", "more messages", all)
	s.Blank()
}

func writeDependents(s *screen.Screen, p *overview.Package, all bool) {
	if len(p.Installed) == 0 {
		return
	}
	if len(p.Dependents) == 0 {
		s.Line(screen.Plain.Text("nothing installed depends on it"))
		return
	}
	s.Heading("Needed by")
	t := s.Table(screen.Column{Shrink: screen.CutMiddle}, screen.Column{}, screen.Column{Shrink: screen.CutEnd, Yield: 1}).Indent(2)
	for i, d := range p.Dependents {
		if i == shownDependents && !all {
			break
		}
		t.Row(screen.Plain.Text(d.CPV), screen.Dim.Text(d.Kind), screen.Plain.Text(d.Atom))
	}
	t.End()
	writeMore(s, len(p.Dependents)-shownDependents, "more package", "more packages", all)
}

func eventRows(w io.Writer, all []overview.ShownEvent) error {
	rows := NewCSV(w, "event", "run", "cpv", "root", "kind", "outcome", "started_at", "seconds", "log", "log_gone", "link", "build_bytes", "install_bytes", "memory_bytes", "cpu_millis")
	for i := range all {
		e := &all[i]
		rows.Row(e.Event, e.Run, e.CPV, e.Root, e.Kind, e.Outcome, e.Started, e.Seconds, textOf(e.Log), e.LogGone, string(e.Link), e.BuildBytes, e.InstallBytes, e.MemoryBytes, e.CPUMillis)
	}
	return rows.Close()
}
