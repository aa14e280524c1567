package pkgindex

// internalName returns Portage's internal name of a key, by which Portage sorts
// (bintree.py:638).
func internalName(key string) string {
	switch key {
	case "DESC":
		return "DESCRIPTION"
	case "MTIME":
		return "_mtime_"
	case "REPO":
		return "repository"
	}
	return key
}

// fileName returns the name of a key in the file. It is the inverse of
// internalName.
func fileName(key string) string {
	switch key {
	case "DESCRIPTION":
		return "DESC"
	case "_mtime_":
		return "MTIME"
	case "repository":
		return "REPO"
	}
	return key
}

// KnownToPortage reports whether Portage keeps a key of an entry when it reads the
// index. It drops all other keys, and thus does not write them again
// (bintree.py:552-653).
func KnownToPortage(key string) bool {
	switch key {
	case "BASE_URI", "BDEPEND", "BUILD_ID", "BUILD_TIME", "CHOST", "CPV",
		"DEFINED_PHASES", "DEPEND", "DESC", "EAPI", "FETCHCOMMAND", "IDEPEND",
		"IUSE", "KEYWORDS", "LICENSE", "MD5", "MTIME", "PATH", "PDEPEND",
		"PKGINDEX_URI", "PROPERTIES", "PROVIDES", "RDEPEND", "REPO", "REQUIRES",
		"RESTRICT", "RESUMECOMMAND", "SHA1", "SIZE", "SLOT", "USE":
		return true
	}
	return false
}

// inherited reports whether an entry without the key inherits it from the header
// (bintree.py:630).
func inherited(key string) bool { return key == "CHOST" || key == "REPO" }

// defaultValue returns the value of a key that is absent from an entry
// (bintree.py:609). The default of PATH depends on the entry and is handled
// elsewhere.
func defaultValue(key string) string {
	if key == "SLOT" || key == "EAPI" {
		return "0"
	}
	return ""
}
