package makeconf

import "strings"

// Protected reports whether CONFIG_PROTECT protects a path from being overwritten
// (lib/portage/util/__init__.py, ConfigProtect.isprotected): the longest entry decides.
// Portage omits entries of protect whose folder does not exist, and entries of mask that
// do not exist.
func Protected(path string, protect, mask []string) bool {
	return longest(protect, path) > longest(mask, path)
}

func longest(entries []string, path string) (length int) {
	for _, e := range entries {
		if path == e || strings.HasPrefix(path, strings.TrimSuffix(e, "/")+"/") {
			length = max(length, len(e))
		}
	}
	return length
}
