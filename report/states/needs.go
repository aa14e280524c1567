package states

import (
	"fmt"
	"strings"

	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// needRow is a need as JSON has it.
type needRow struct {
	CPV       string               `json:"cpv"`
	BuildTime *int64               `json:"build_time"`
	BuildID   *int64               `json:"build_id"`
	Repo      string               `json:"repo"`
	MD5       string               `json:"md5"`
	SHA1      string               `json:"sha1"`
	Size      *int64               `json:"size"`
	Reasons   []cleanup.NeedReason `json:"reasons"`
}

// needColumns describe the builds that a host must still be able to get.
var needColumns = table.Table[needRow]{
	{Name: "cpv", Title: "Package"},
	{Name: "build_time", Title: "Built", Type: table.Moment},
	{Name: "build_id"},
	{Name: "repo"},
	{Name: "md5"},
	{Name: "sha1"},
	{Name: "size", Title: "Size", Type: table.Size, Blank: true},
	{Name: "reasons", Title: "For", Shrink: screen.Wrap, Yield: 1, Value: func(r *needRow) any { return needReasons(r.Reasons) }},
}

// Needs answers which builds a host must still be able to get.
func Needs(list *cleanup.NeedList, o report.Output) report.Answer {
	rows := make([]needRow, len(list.Builds))
	for i, b := range list.Builds {
		rows[i] = needRow{b.CPV, binpkgs.Known(b.BuildTime), binpkgs.Known(b.BuildID), b.Repo, b.MD5, b.SHA1, binpkgs.Known(b.Size), b.Reasons}
	}
	return report.Answer{
		Keys: func(j *report.JSON) {
			j.Value("host_id", list.HostID)
			j.Value("known_until", list.KnownUntil)
			j.Value("valid_until", list.ValidUntil)
			j.Value("needs", rows)
		},
		Rows: needColumns.CSV(table.All(rows)),
		Text: func(s *screen.Screen) {
			s.Line(screen.Bold.Text(fmt.Sprintf("%s must be able to get %s", list.Host, screen.Count(int64(len(list.Builds)), "build", "builds"))),
				screen.Plain.Text(fmt.Sprintf("; known until %s, valid until %s", o.Terminal.Time(list.KnownUntil), o.Terminal.Time(list.ValidUntil))))
			needColumns.Screen(s, 0, table.All(rows))
		},
	}
}

// needReasons returns in a few words why a build is needed.
func needReasons(reasons []cleanup.NeedReason) string {
	var parts []string
	for _, r := range reasons {
		switch {
		case r.Why == cleanup.NeededByPin:
			parts = append(parts, "pinned as "+r.Pin)
		case r.Run != nil:
			parts = append(parts, fmt.Sprintf("before #%d", *r.Run))
		default:
			parts = append(parts, string(r.Why))
		}
	}
	return strings.Join(parts, ", ")
}
