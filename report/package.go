package report

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"emaudit/audit/overview"
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
		Text: func(s *Screen) { s.pkg(p, o.Verbose) },
	}
}

func (s *Screen) pkg(p *overview.Package, all bool) {
	s.Heading(p.CP)
	s.Blank()
	s.installedVersions(p)
	s.instances(p)
	s.events(p, all)
	for i := range p.Failures {
		if f := &p.Failures[i]; all || f.Resolution == "open" {
			s.Heading("Failed")
			s.failure(f, all)
			s.Blank()
		}
	}
	s.packageMessages(p, all)
	if len(p.Notices) > 0 {
		s.Heading("QA notices of what is installed")
		for _, n := range p.Notices {
			s.Paragraph(2, Plain.Text(n.CPV+": "+n.Title))
			for _, d := range n.Details {
				s.Paragraph(4, Dim.Text(untab(d)))
			}
		}
		s.Blank()
	}
	s.dependents(p, all)
}

func (s *Screen) installedVersions(p *overview.Package) {
	if len(p.Installed) == 0 {
		s.Line(Plain.Text("not installed"))
		s.Blank()
		return
	}
	s.Heading("Installed")
	t := s.Table(Column{}, Column{}, Column{}, Column{Align: Right}, Column{Shrink: Wrap}).Indent(2)
	for _, i := range p.Installed {
		t.Row(Plain.Text(i.CPV), Plain.Text(":"+i.Slot), Plain.Text("built "+s.term.Time(timeOf(i.BuildTime))), Plain.Text(Size(i.Size)), Dim.Text(i.USE))
	}
	t.End()
	s.Blank()
}

func (s *Screen) instances(p *overview.Package) {
	if len(p.Instances) == 0 {
		s.Line(Warn.Text("no binary package"))
		s.Blank()
		return
	}
	s.Heading("Binary packages")
	t := s.Table(
		Column{Title: "BINPKG", Shrink: CutMiddle, Yield: 2}, Column{Title: "BUILT"}, Column{Title: "SIZE", Align: Right},
		Column{Title: "STATE"}, Column{Title: "INSTALLED", Optional: true},
	).Indent(2)
	for _, i := range p.Instances {
		match := string(i.Match)
		role := CoverageRoles[i.Match]
		if match == "" {
			match, role = "-", Dim
		}
		// The folder of the package is in the heading of the page; that of
		// another location is not.
		file := strings.TrimPrefix(i.Path, p.CP+"/")
		if i.PkgDir != p.Instances[0].PkgDir {
			file = path.Join(i.PkgDir, i.Path)
		}
		t.Row(Plain.Text(file), Plain.Text(s.term.Time(timeOf(i.BuildTime))), Plain.Text(Size(i.Size)), IntegrityRoles[i.Integrity].Text(string(i.Integrity)), role.Text(match))
	}
	t.End()
	s.Blank()
}

// events writes merges and removals with what they took.
func (s *Screen) events(p *overview.Package, all bool) {
	if len(p.Events) == 0 {
		s.Line(Plain.Text("no merge in emerge.log"))
		s.Blank()
		return
	}
	s.Heading("History")
	t := s.Table(
		Column{Title: "WHEN"}, Column{Title: "RUN", Align: Right}, Column{Title: "DID"}, Column{Title: "VERSION", Shrink: CutMiddle}, Column{Title: "TOOK", Align: Right},
		Column{Title: "BUILD DIR", Align: Right, Optional: true}, Column{Title: "INSTALLED", Align: Right, Optional: true},
		Column{Title: "MEMORY", Align: Right, Optional: true}, Column{Title: "CPU", Align: Right, Optional: true},
	).Indent(2)
	for i := range p.Events {
		if i == shownEvents && !all {
			break
		}
		e := &p.Events[i]
		took, cpu := "", ""
		if e.Seconds != nil {
			took = Seconds(*e.Seconds)
		}
		if e.CPUMillis != nil {
			cpu = Seconds(*e.CPUMillis / 1000)
		}
		role := Plain
		if e.Outcome == "failed" || e.Outcome == "postinst failed" {
			role = Bad
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
		t.Row(Plain.Text(s.term.Time(timeOf(e.Started))), Plain.Text("#"+strconv.FormatInt(e.Run, 10)), role.Text(did), Plain.Text(version), Plain.Text(took),
			Plain.Text(sizeOrNothing(e.BuildBytes)), Plain.Text(sizeOrNothing(e.InstallBytes)), Plain.Text(sizeOrNothing(e.MemoryBytes)), Plain.Text(cpu))
	}
	t.End()
	s.more(len(p.Events)-shownEvents, "older event", "older events", all)
	s.Blank()
}

func sizeOrNothing(n *int64) string {
	if n == nil {
		return ""
	}
	return Size(*n)
}

// more says how many rows were left out.
func (s *Screen) more(rest int, singular, plural string, all bool) {
	if rest > 0 && !all {
		s.Line(Dim.Text(fmt.Sprintf("  %s", Count(int64(rest), singular, plural))), Plain.Text("   "), Code.Text("--verbose"))
	}
}

func (s *Screen) packageMessages(p *overview.Package, all bool) {
	if len(p.Messages) == 0 {
		return
	}
	s.Heading("Messages")
	for i := range p.Messages {
		if i == shownMessages && !all {
			break
		}
		s.message(&p.Messages[i], all)
	}
	s.more(len(p.Messages)-shownMessages, "more message", "more messages", all)
	s.Blank()
}

func (s *Screen) dependents(p *overview.Package, all bool) {
	if len(p.Installed) == 0 {
		return
	}
	if len(p.Dependents) == 0 {
		s.Line(Plain.Text("nothing installed depends on it"))
		return
	}
	s.Heading("Needed by")
	t := s.Table(Column{Shrink: CutMiddle}, Column{}, Column{Shrink: CutEnd, Yield: 1}).Indent(2)
	for i, d := range p.Dependents {
		if i == shownDependents && !all {
			break
		}
		t.Row(Plain.Text(d.CPV), Dim.Text(d.Kind), Plain.Text(d.Atom))
	}
	t.End()
	s.more(len(p.Dependents)-shownDependents, "more package", "more packages", all)
}

func eventRows(w io.Writer, all []overview.ShownEvent) error {
	rows := NewCSV(w, "event", "run", "cpv", "root", "kind", "outcome", "started_at", "seconds", "log", "log_gone", "link", "build_bytes", "install_bytes", "memory_bytes", "cpu_millis")
	for i := range all {
		e := &all[i]
		rows.Row(e.Event, e.Run, e.CPV, e.Root, e.Kind, e.Outcome, e.Started, e.Seconds, textOf(e.Log), e.LogGone, string(e.Link), e.BuildBytes, e.InstallBytes, e.MemoryBytes, e.CPUMillis)
	}
	return rows.Close()
}
