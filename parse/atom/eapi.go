package atom

// features are what the EAPIs differ in as far as names go (PMS, appendix of
// feature availability; Portage's eapi.py).
type features struct {
	slotDeps       bool // :slot
	useDeps        bool // [flag], and !! blockers, which came with them
	useDepDefaults bool // [flag(+)]
	slotOperators  bool // := :* :slot/subslot, and ?? in REQUIRED_USE
	emptyAnyOf     bool // an || group left empty by USE is satisfied
}

// newestEAPI is the newest one that Portage 3.0.82 and this package know.
const newestEAPI = 9

// SupportedEAPI reports whether eapi is one of the published EAPIs, "0" to "9".
// A package of another EAPI is masked for Portage, and nothing that it says can
// be read with confidence.
func SupportedEAPI(eapi string) bool {
	_, ok := featuresOf(eapi)
	return ok
}

// featuresOf returns the features of an EAPI; "" stands for the newest, for
// text that belongs to no package.
func featuresOf(eapi string) (features, bool) {
	if eapi == "" {
		return features{
			slotDeps: true, useDeps: true, useDepDefaults: true, slotOperators: true,
		}, true
	}
	if len(eapi) != 1 || !hasClass(eapi[0], isDigit) {
		return features{}, false
	}
	n := eapi[0] - '0'
	return features{
		slotDeps:       n >= 1,
		useDeps:        n >= 2,
		useDepDefaults: n >= 4,
		slotOperators:  n >= 5,
		emptyAnyOf:     n <= 6,
	}, n <= newestEAPI
}
