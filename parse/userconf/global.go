package userconf

// EveryPackage is the atom of a line that is about every package. In some lists
// Portage takes such a line away and adds it to a variable of make.conf: see
// [GlobalVariable].
const EveryPackage = "*/*"

// globalVariables are the lists from which lines are taken, with the variable
// (config.py; extract_global_... of LicenseManager.py and UseManager.py).
// package.accept_keywords is not among them: there the line stays a line.
var globalVariables = map[string]string{
	"package.use":             "USE",
	"package.license":         "ACCEPT_LICENSE",
	"package.properties":      "ACCEPT_PROPERTIES",
	"package.accept_restrict": "ACCEPT_RESTRICT",
}

// GlobalVariable returns the variable to which Portage adds the lines of a list
// below /etc/portage that are about every package; empty where they stay in it.
func GlobalVariable(list string) string { return globalVariables[list] }
