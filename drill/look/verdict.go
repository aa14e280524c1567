package look

import (
	"slices"

	"emaudit/audit/rollback"
)

// Verdict is the answer of a drill.
type Verdict = rollback.DrillVerdict

// The verdicts.
const (
	Proven                = rollback.Proven
	ProvenWithDifferences = rollback.ProvenWithDifferences
	Failed                = rollback.DrillFailed
)

// Judge returns the verdict about a drill. failed reports that a step failed; the
// rest is judged nevertheless.
func Judge(failed bool, all []Observation) Verdict {
	differences := differences(all)
	switch {
	case failed || slices.ContainsFunc(differences, func(o Observation) bool { return unbuilt[o.Kind] }):
		return Failed
	case len(differences) > 0:
		return ProvenWithDifferences
	}
	return Proven
}

// unbuilt are the differences which mean that the promised state was not reached.
var unbuilt = map[Kind]bool{BuildMissing: true, BuildDiffers: true, BuildLeft: true, BuildExtra: true, BuildGone: true}

// differences returns the observations that are not expected.
func differences(all []Observation) []Observation {
	var some []Observation
	for _, o := range all {
		if !o.Expected {
			some = append(some, o)
		}
	}
	return some
}
