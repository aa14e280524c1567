package merges

import (
	"emaudit/audit/aftermath"
	"emaudit/report"
	"emaudit/report/screen"
)

// WithRunOutput adds what the merges of a run said to the answer about the run.
func WithRunOutput(a report.Answer, r *aftermath.RunOutput, o report.Output) report.Answer {
	keys, text := a.Keys, a.Text
	a.Keys = func(j *report.JSON) {
		keys(j)
		j.Value("failures", r.Failures)
		j.Value("messages", r.Messages)
	}
	a.Text = func(s *screen.Screen) {
		text(s)
		if len(r.Failures) > 0 {
			s.Heading("Failed")
			for i := range r.Failures {
				WriteFailure(s, &r.Failures[i], o.Verbose)
			}
			s.Blank()
		}
		if len(r.Messages) > 0 {
			s.Heading("Messages")
			for i := range r.Messages {
				WriteMessage(s, &r.Messages[i], o.Verbose)
			}
		}
	}
	return a
}
