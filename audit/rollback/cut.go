package rollback

import "emaudit/audit"

// cutMerges reports the merges that were cut: what is on disk of their packages is
// not known, and to merge them again comes before any rollback.
func (j *RollbackJudge) cutMerges(r *Rollback) {
	for _, c := range j.Past.Cut() {
		if !c.Unknown() {
			continue
		}
		f := c.Finding(j.Db)
		f.Severity = audit.SeverityError
		r.Findings = append(r.Findings, f)
		r.Unknowns = append(r.Unknowns, Unknown{Code: "state-unknown", Detail: c.CPV + ": " + f.Message, SettleWith: f.Remedy})
	}
}
