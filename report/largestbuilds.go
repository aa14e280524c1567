package report

import (
	"strconv"

	"emaudit/audit/history"
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
	a.Text = func(s *Screen) {
		text(s)
		if !o.Verbose {
			return
		}
		s.Blank()
		t := s.Table(
			Column{Title: "LARGEST BUILDS", Shrink: CutMiddle}, Column{Title: "BUILD DIR", Align: Right}, Column{Title: "MEMORY", Align: Right},
			Column{Title: "CPU", Align: Right}, Column{Title: "LOGS", Align: Right},
		)
		for i := range builds {
			b := &builds[i]
			cpu := ""
			if b.CPUMillis != nil {
				cpu = Seconds(*b.CPUMillis / 1000)
			}
			t.Row(Plain.Text(b.CP), Plain.Text(sizeOrNothing(b.DirBytes)), Plain.Text(sizeOrNothing(b.MemoryBytes)), Plain.Text(cpu), Plain.Text(strconv.Itoa(b.Builds)))
		}
		t.End()
	}
	return a
}
