package report

import (
	"emaudit/audit"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Check is the answer of one check of an audit, with a summary of one line.
type Check struct {
	Name   string // as it is typed: "coverage"
	Line   screen.SummaryLine
	Answer Answer
	// Step, if it says anything, stands on the one screen for all findings that no
	// other check has.
	Step screen.Step
}

// Checks joins the answers of several checks. For people they follow one
// another; brief shows a line of each and the findings of all, the worst first.
// In JSON the keys of all are side by side; a key that two checks have is named
// NAME_KEY in the second: compatibility_instances.
func Checks(checks []Check, brief bool, o Output) Answer {
	if len(checks) == 1 && !brief {
		return checks[0].Answer
	}
	var all Answer
	var lists [][]audit.Finding
	for _, c := range checks {
		lists = append(lists, c.Answer.Findings)
		all.Diagnostics = append(all.Diagnostics, c.Answer.Diagnostics...)
	}
	all.Findings = audit.MergeFindings(lists...)
	all.Keys = func(j *JSON) {
		for _, c := range checks {
			if c.Answer.Keys != nil {
				j.section = c.Name
				c.Answer.Keys(j)
			}
		}
		j.section = ""
	}
	all.Rows = FindingColumns.CSV(table.All(all.Findings))
	all.Text = func(s *screen.Screen) {
		if brief {
			var lines []screen.SummaryLine
			for _, c := range checks {
				lines = append(lines, c.Line)
			}
			s.Summary(lines)
			s.Blank()
			s.Findings(all.Findings, o.FindingOptions())
			return
		}
		for i, c := range checks {
			if i > 0 {
				s.Blank()
			}
			c.Answer.Text(s)
		}
	}
	return all
}
