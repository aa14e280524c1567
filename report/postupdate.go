package report

import (
	"strconv"

	"emaudit/audit"
)

// PostUpdate is the answer to: what did the last update leave to do?
func PostUpdate(p *audit.PostUpdate, o Output) Answer {
	return Answer{
		Findings: p.Findings,
		Keys:     func(j *JSON) { j.Value("post_update", p) },
		Text: func(s *Screen) {
			s.Line(postUpdateHeadline(p)...)
			s.Blank()
			s.Findings(fromAudit(p.Findings), o.findingOptions())
		},
	}
}

func postUpdateHeadline(p *audit.PostUpdate) []Cell {
	if p.LastRun == nil {
		return []Cell{Unknown.Text("unknown"), Plain.Text(": emerge.log tells of no update")}
	}
	after := Plain.Text(" after run #" + strconv.FormatInt(*p.LastRun, 10))
	if len(p.Findings) == 0 {
		return []Cell{Good.Text("nothing left to do"), after}
	}
	return []Cell{Warn.Text(Count(int64(len(p.Findings)), "thing", "things") + " left to look at"), after}
}
