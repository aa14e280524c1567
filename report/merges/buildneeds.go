package merges

import (
	"fmt"

	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
)

// WithBuildNeeds adds to the answer about a list of merges what building it
// takes of disk and memory, and whether it is there.
func WithBuildNeeds(a report.Answer, n *history.BuildNeeds, o report.Output) report.Answer {
	a.Findings = append(a.Findings, n.Findings...)
	keys, text := a.Keys, a.Text
	a.Keys = func(j *report.JSON) {
		keys(j)
		j.Value("build_needs", n)
	}
	a.Text = func(s *screen.Screen) {
		text(s)
		writeBuildNeeds(s, n)
		s.Findings(n.Findings, o.FindingOptions())
	}
	return a
}

// buildNeeds writes a line for disk and one for memory.
func writeBuildNeeds(s *screen.Screen, n *history.BuildNeeds) {
	if len(n.Rows) == 0 {
		return
	}
	s.Blank()
	line := func(what string, need int64, have *int64, where string) {
		if need == 0 {
			return
		}
		text := fmt.Sprintf("%s  at least %s %s", what, screen.Size(need), where)
		if have == nil {
			s.Line(screen.Plain.Text(text))
			return
		}
		if *have < need {
			s.Line(screen.Plain.Text(text+", "), screen.Bad.Text("only "+screen.Size(*have)+" there"))
			return
		}
		s.Line(screen.Plain.Text(text+", "), screen.Good.Text("which is there"))
	}
	line("disk  ", n.DirBytes, n.FreeBytes, "in "+n.TmpDir)
	line("memory", n.MemoryBytes, n.RAMBytes, "of RAM")
	if len(n.Unknown) > 0 {
		s.Line(screen.Unknown.Text("not counted: " + screen.Count(int64(len(n.Unknown)), "package", "packages") + " of which no build log is known"))
	}
}
