package userconf

// EveryPackage is the atom that matches every package. In some lists, Portage moves
// lines with this atom into a variable of make.conf: see [GlobalVariable].
const EveryPackage = "*/*"

// globalVariables maps these lists to the variables (config.py; extract_global_...
// of LicenseManager.py and UseManager.py). package.accept_keywords is not among
// them: Portage leaves the line in the list.
var globalVariables = map[string]string{
	"package.use":             "USE",
	"package.license":         "ACCEPT_LICENSE",
	"package.properties":      "ACCEPT_PROPERTIES",
	"package.accept_restrict": "ACCEPT_RESTRICT",
}

// GlobalVariable returns the variable to which Portage moves the [EveryPackage]
// lines of a list below /etc/portage, or "" if they remain in the list.
func GlobalVariable(list string) string { return globalVariables[list] }
