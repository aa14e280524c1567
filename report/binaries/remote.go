package binaries

import (
	"fmt"

	"emaudit/audit/acceptance"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Remote is the answer to: what do binhosts have of each installed package, and why is
// it compiled nevertheless?
func Remote(c *acceptance.RemoteCoverage, o report.Output) report.Answer {
	return report.Answer{
		Findings: c.Findings,
		Keys: func(j *report.JSON) {
			j.Value("remote", c.Rows)
			j.Value("binhosts", c.Binhosts)
		},
		Rows: remoteColumns.CSV(table.All(c.Rows)),
		Text: func(s *screen.Screen) { remoteText(s, c, o) },
	}
}

var remoteRoles = map[acceptance.RemoteVerdict]screen.Role{
	acceptance.RemoteSameBuild: screen.Good, acceptance.RemoteAccepted: screen.Good, acceptance.RemoteUnknown: screen.Unknown,
	acceptance.RemoteRefused: screen.Warn, acceptance.RemoteOtherVersion: screen.Warn, acceptance.RemoteNone: screen.Bad,
}

var remoteColumns = table.Table[acceptance.RemoteRow]{
	{Name: "cpv", Title: "Package", Shrink: screen.CutMiddle, Yield: 3},
	{Name: "slot"},
	{Name: "verdict", Title: "Binhost", Show: func(r *acceptance.RemoteRow) screen.Cell {
		return remoteRoles[r.Verdict].Text(string(r.Verdict))
	}},
	{Name: "offered", Title: "Offered", Shrink: screen.CutMiddle, Yield: 2, Optional: true, Show: func(r *acceptance.RemoteRow) screen.Cell {
		if r.Offered == r.CPV {
			return screen.Plain.Text("this version")
		}
		return screen.Plain.Text(r.Offered)
	}},
	{Name: "binhost", Of: "offer.binhost"},
	{Name: "indexed_at", Of: "offer.indexed_at"},
	{Name: "build_time", Of: "offer.build_time"},
	{Name: "build_id", Of: "offer.build_id"},
	{Name: "reasons", Value: func(r *acceptance.RemoteRow) any { return ReasonCodes(r.Reasons) }, Title: "Why", Shrink: screen.Wrap, Yield: 1, Min: 24, Show: func(r *acceptance.RemoteRow) screen.Cell {
		return reasonsCell(r.Reasons, false)
	}},
}

func remoteText(s *screen.Screen, c *acceptance.RemoteCoverage, o report.Output) {
	if len(c.Binhosts) == 0 {
		s.Line(screen.Unknown.Text("unknown"), screen.Plain.Text(": no index of a binhost is here"))
		s.Blank()
		s.Findings(c.Findings, o.FindingOptions())
		return
	}
	there := c.Count(acceptance.RemoteSameBuild) + c.Count(acceptance.RemoteAccepted)
	role := screen.Good
	if there < len(c.Rows) {
		role = screen.Warn
	}
	s.Line(role.Text(fmt.Sprintf("%d of %d", there, len(c.Rows))), screen.Plain.Text(fmt.Sprintf(
		" installed packages would come from a binhost: %d the same build, %d another build; %d unknown, %d refused, %d only in other versions, %d not there",
		c.Count(acceptance.RemoteSameBuild), c.Count(acceptance.RemoteAccepted), c.Count(acceptance.RemoteUnknown), c.Count(acceptance.RemoteRefused),
		c.Count(acceptance.RemoteOtherVersion), c.Count(acceptance.RemoteNone))))
	s.Blank()
	shown := remoteColumns.Screen(s, 0, table.Where(c.Rows, func(r *acceptance.RemoteRow) bool {
		return o.Verbose || r.Verdict != acceptance.RemoteSameBuild && r.Verdict != acceptance.RemoteAccepted
	}))
	if shown > 0 {
		s.Blank()
	}
	s.Findings(c.Findings, o.FindingOptions())
}
