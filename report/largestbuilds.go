package report

import (
	"strconv"

	"emaudit/audit/history"
	"emaudit/report/screen"
)

// WithLargestBuilds adds to statistics what building took of disk and memory; on
// the screen only where everything is asked for.
func WithLargestBuilds(a Answer, builds []history.LargestBuild, o Output) Answer {
	if len(builds) == 0 {
		return a
	}
	keys, text := a.Keys, a.Text
	a.Keys = func(j *JSON) {
		keys(j)
		j.Value("largest_builds", builds)
	}
	a.Text = func(s *screen.Screen) {
		text(s)
		if !o.Verbose {
			return
		}
		s.Blank()
		t := s.Table(
			screen.Column{Title: "LARGEST BUILDS", Shrink: screen.CutMiddle}, screen.Column{Title: "BUILD DIR", Align: screen.Right}, screen.Column{Title: "MEMORY", Align: screen.Right},
			screen.Column{Title: "CPU", Align: screen.Right}, screen.Column{Title: "LOGS", Align: screen.Right},
		)
		for i := range builds {
			b := &builds[i]
			cpu := ""
			if b.CPUMillis != nil {
				cpu = screen.Seconds(*b.CPUMillis / 1000)
			}
			t.Row(screen.Plain.Text(b.CP), screen.Plain.Text(sizeOrNothing(b.DirBytes)), screen.Plain.Text(sizeOrNothing(b.MemoryBytes)), screen.Plain.Text(cpu), screen.Plain.Text(strconv.Itoa(b.Builds)))
		}
		t.End()
	}
	return a
}
