package look

import "slices"

// Verdict is the answer of a drill.
type Verdict string

// The verdicts.
const (
	// Proven: the steps ended well, and everything that was looked at is as the plan
	// promised. It is said only where all of it could be read.
	Proven Verdict = "proven"
	// ProvenWithDifferences: the steps ended well and the promised builds are
	// installed, and something else is not as promised, or could not be read.
	ProvenWithDifferences Verdict = "proven-with-differences"
	// Failed: a step failed, or other builds are installed than the promised ones.
	Failed Verdict = "failed"
)

// Judge returns the verdict about a drill. failed tells that a step failed; what is
// left then is looked at all the same.
func Judge(failed bool, all []Observation) Verdict {
	differences := Differences(all)
	switch {
	case failed || slices.ContainsFunc(differences, func(o Observation) bool { return unbuilt[o.Kind] }):
		return Failed
	case len(differences) > 0:
		return ProvenWithDifferences
	}
	return Proven
}

// unbuilt are the differences that say that the promised state did not come back.
var unbuilt = map[Kind]bool{BuildMissing: true, BuildDiffers: true, BuildLeft: true, BuildExtra: true, BuildGone: true}

// Differences are the observations that are not expected.
func Differences(all []Observation) []Observation {
	var some []Observation
	for _, o := range all {
		if !o.Expected {
			some = append(some, o)
		}
	}
	return some
}
