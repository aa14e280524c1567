package atom

// features are the differences in naming between EAPIs (PMS, appendix of feature
// availability; Portage's eapi.py).
type features struct {
	slotDeps       bool // :slot
	useDeps        bool // [flag] and !! blockers, which EAPI 2 added together
	useDepDefaults bool // [flag(+)]
	slotOperators  bool // := :* :slot/subslot
	emptyAnyOf     bool // an || group without members after USE is satisfied
}

// newestEAPI is the newest EAPI in Portage 3.0.82 and in this package.
const newestEAPI = 9

// SupportedEAPI reports whether eapi is a published EAPI, "0" to "9". Portage masks
// packages of other EAPIs. Their metadata may have a meaning that this package does
// not know.
func SupportedEAPI(eapi string) bool {
	_, ok := featuresOf(eapi)
	return ok
}

// featuresOf returns the features of an EAPI. "" means the newest, for text that
// does not belong to a package.
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
