package main

import (
	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/report"
)

func askUpdate(_ *session, db audit.Database, out report.Output) (report.Check, error) {
	p, err := aftermath.AuditPostUpdate(db)
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "update", Line: report.PostUpdateLine(p), Answer: report.PostUpdate(p, out)}, nil
}
