package report

import (
	"strconv"

	"emaudit/audit/aftermath"
)

// PostUpdate is the answer to: what did the last update leave to do?
func PostUpdate(p *aftermath.PostUpdate, o Output) Answer {
	return Answer{
		Findings: p.Findings,
		Keys:     func(j *JSON) { j.Value("post_update", p) },
		Text: func(s *Screen) {
			s.Line(postUpdateHeadline(p)...)
			s.Blank()
			s.Findings(p.Findings, o.findingOptions())
		},
	}
}

func postUpdateHeadline(p *aftermath.PostUpdate) []Cell {
	if p.LastRun == nil {
		return []Cell{Unknown.Text("unknown"), Plain.Text(": no update is known")}
	}
	after := Plain.Text(" after run #" + strconv.FormatInt(*p.LastRun, 10))
	if len(p.Findings) == 0 {
		return []Cell{Good.Text("nothing left to do"), after}
	}
	return []Cell{Warn.Text(Count(int64(len(p.Findings)), "thing", "things") + " left to look at"), after}
}

// PostUpdateLine is the answer in a line.
func PostUpdateLine(p *aftermath.PostUpdate) SummaryLine {
	l := SummaryLine{Label: "UPDATE", Command: "emaudit audit update"}
	switch {
	case p.LastRun == nil:
		l.Verdict, l.Text = Unknown.Text("unknown"), "no update is known"
		return l
	case len(p.Findings) == 0:
		l.Verdict = Good.Text("nothing left")
	default:
		l.Verdict = Warn.Text(Count(int64(len(p.Findings)), "thing", "things") + " left")
	}
	l.Text = tally(
		tallied{p.OpenFailures, "failed"}, tallied{p.BetweenVersions, "interrupted"}, tallied{p.Unread, "unread"},
		tallied{p.RuntimeNotices, "QA notices"}, tallied{p.ConfigUpdates, "config files"}, tallied{p.PreservedLibs, "preserved libraries"},
	)
	return l
}
