package merges

import (
	"slices"
	"strconv"

	"emaudit/audit/aftermath"
	"emaudit/report"
	"emaudit/report/screen"
)

// PostUpdate answers which tasks the last update left.
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
	l := PostUpdateLine(p)
	if p.LastRun == nil {
		return []screen.Cell{l.Verdict, screen.Plain.Text(": " + l.Text)}
	}
	text := " after run #" + strconv.FormatInt(*p.LastRun, 10)
	if left := leftBy(p); len(left) > 1 {
		text = ", " + screen.Tally(left[1:]...) + text
	}
	return []screen.Cell{l.Verdict, screen.Plain.Text(text)}
}

// leftBy counts what is left to do, the worst first.
func leftBy(p *aftermath.PostUpdate) []screen.Quantity {
	return slices.DeleteFunc([]screen.Quantity{
		screen.Many(p.BetweenVersions, "interrupted"), screen.Many(p.OpenFailures, "failed"), screen.Many(p.PreservedLibs, "preserved libraries"),
		screen.Many(p.Unread, "unread"), screen.Many(p.ConfigUpdates, "config files"), screen.Many(p.RuntimeNotices, "QA notices"),
	}, func(q screen.Quantity) bool { return q.N == 0 })
}

// PostUpdateLine is the answer in a line: the worst that is left is the verdict, and
// the text has room for two more kinds.
func PostUpdateLine(p *aftermath.PostUpdate) screen.SummaryLine {
	l := screen.SummaryLine{Label: "UPDATE", Command: "emaudit audit update"}
	if p.LastRun == nil {
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), "no update is known"
		return l
	}
	switch left := leftBy(p); {
	case len(left) > 0:
		l.Verdict, l.Text = screen.Warn.Text(screen.Tally(left[0])), screen.Tally(left[1:min(len(left), 3)]...)
		if p.BetweenVersions+p.OpenFailures > 0 {
			l.Verdict.Role = screen.Bad
		}
	case len(p.Findings) > 0:
		l.Verdict = screen.Warn.Text(screen.FindingCounts(p.Findings))
	case p.Lost != "":
		l.Verdict, l.Text = screen.Unknown.Text("nothing known to be left"), p.Lost
	default:
		l.Verdict = screen.Good.Text("nothing left to do")
	}
	return l
}
