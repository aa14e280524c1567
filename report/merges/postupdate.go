package merges

import (
	"strconv"

	"emaudit/audit/aftermath"
	"emaudit/report"
	"emaudit/report/screen"
)

// PostUpdate is the answer to: what did the last update leave to do?
func PostUpdate(p *aftermath.PostUpdate, o report.Output) report.Answer {
	return report.Answer{
		Findings: p.Findings,
		Keys:     func(j *report.JSON) { j.Value("post_update", p) },
		Text: func(s *screen.Screen) {
			s.Line(postUpdateHeadline(p)...)
			s.Blank()
			s.Findings(p.Findings, o.FindingOptions())
		},
	}
}

func postUpdateHeadline(p *aftermath.PostUpdate) []screen.Cell {
	if p.LastRun == nil {
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": no update is known")}
	}
	after := screen.Plain.Text(" after run #" + strconv.FormatInt(*p.LastRun, 10))
	if len(p.Findings) == 0 {
		return []screen.Cell{screen.Good.Text("nothing left to do"), after}
	}
	return []screen.Cell{screen.Warn.Text(screen.Count(int64(len(p.Findings)), "thing", "things") + " left to look at"), after}
}

// PostUpdateLine is the answer in a line.
func PostUpdateLine(p *aftermath.PostUpdate) screen.SummaryLine {
	l := screen.SummaryLine{Label: "UPDATE", Command: "emaudit audit update"}
	switch {
	case p.LastRun == nil:
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), "no update is known"
		return l
	case len(p.Findings) == 0:
		l.Verdict = screen.Good.Text("nothing left")
	default:
		l.Verdict = screen.Warn.Text(screen.Count(int64(len(p.Findings)), "thing", "things") + " left")
	}
	l.Text = screen.Tally(
		screen.Many(p.OpenFailures, "failed"), screen.Many(p.BetweenVersions, "interrupted"), screen.Many(p.Unread, "unread"),
		screen.Many(p.RuntimeNotices, "QA notices"), screen.Many(p.ConfigUpdates, "config files"), screen.Many(p.PreservedLibs, "preserved libraries"),
	)
	return l
}
