package makeconf

import (
	"maps"
	"slices"
	"strings"
)

// incrementals are the variables whose values accumulate over all sources
// (lib/portage/const.py, INCREMENTALS). ACCEPT_LICENSE, ACCEPT_PROPERTIES and
// ACCEPT_RESTRICT accumulate by other rules: see [Prune].
var incrementals = map[string]bool{
	"ACCEPT_KEYWORDS":        true,
	"CONFIG_PROTECT":         true,
	"CONFIG_PROTECT_MASK":    true,
	"ENV_UNSET":              true,
	"FEATURES":               true,
	"IUSE_IMPLICIT":          true,
	"PROFILE_ONLY_VARIABLES": true,
	"USE":                    true,
	"USE_EXPAND":             true,
	"USE_EXPAND_HIDDEN":      true,
	"USE_EXPAND_IMPLICIT":    true,
	"USE_EXPAND_UNPREFIXED":  true,
}

// IsIncremental reports whether the values of a variable accumulate instead of
// replacing each other.
func IsIncremental(name string) bool { return incrementals[name] }

// Stack accumulates the values of an incremental variable, weakest first: "x" adds,
// "-x" removes, "-*" removes everything so far. The result is sorted and has no
// duplicates (config.py, regenerate).
func Stack(values ...string) []string { return stack(values, false) }

// StackUse is like [Stack] for USE, where "-x_*" also removes every flag that
// begins with "x_".
func StackUse(values ...string) []string { return stack(values, true) }

func stack(values []string, prefixes bool) []string {
	set := make(map[string]struct{})
	for _, value := range values {
		for _, flag := range strings.Fields(value) {
			// Portage warns about a leading plus and ignores it.
			flag = strings.TrimPrefix(flag, "+")
			switch {
			case flag == "":
			case flag == "-*":
				clear(set)
			case flag[0] == '-':
				delete(set, flag[1:])
				if prefix, ok := strings.CutSuffix(flag[1:], "_*"); ok && prefixes {
					maps.DeleteFunc(set, func(have string, _ struct{}) bool { return strings.HasPrefix(have, prefix+"_") })
				}
			default:
				set[flag] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// Prune accumulates the values of ACCEPT_LICENSE, ACCEPT_PROPERTIES or
// ACCEPT_RESTRICT, weakest first. It drops everything before the last "*" or "-*"
// (_config/helper.py, prune_incremental). It keeps the order and the "-x", which
// only a reader who knows the license groups can apply.
func Prune(values ...string) []string {
	var all []string
	for _, value := range values {
		all = append(all, strings.Fields(value)...)
	}
	for i := len(all) - 1; i >= 0; i-- {
		switch {
		case all[i] == "*":
			return all[i:]
		case all[i] == "-*" && i == len(all)-1:
			// "-*" stays in the result: it accepts nothing, an empty value says
			// nothing.
			return all[i:]
		case all[i] == "-*":
			return all[i+1:]
		}
	}
	return all
}

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
