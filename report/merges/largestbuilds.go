package merges

import (
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

var largestColumns = table.Table[history.LargestBuild]{
	{Of: "cp", Title: "Largest builds", Shrink: screen.CutMiddle},
	{Of: "dir_bytes", Title: "Build dir", Type: table.Size, Blank: true},
	{Of: "memory_bytes", Title: "Memory", Type: table.Size, Blank: true},
	{Title: "CPU", Type: table.Seconds, Blank: true, Value: func(b *history.LargestBuild) any { return CpuSeconds(b.CPUMillis) }},
	{Of: "builds", Title: "Logs", Type: table.Digits},
}

// CpuSeconds is nil where it is not known.
func CpuSeconds(millis *int64) any {
	if millis == nil {
		return nil
	}
	return *millis / 1000
}

// WithLargestBuilds adds to statistics what building took of disk and memory; on
// the screen only where everything is asked for.
func WithLargestBuilds(a report.Answer, builds []history.LargestBuild, o report.Output) report.Answer {
	if len(builds) == 0 {
		return a
	}
	keys, text := a.Keys, a.Text
	a.Keys = func(j *report.JSON) {
		keys(j)
		j.Value("largest_builds", builds)
	}
	a.Text = func(s *screen.Screen) {
		text(s)
		if !o.Verbose {
			return
		}
		s.Blank()
		largestColumns.Screen(s, 0, table.All(builds))
	}
	return a
}
