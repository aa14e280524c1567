package vdb

import (
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// Codes of the diagnostics about names.
const (
	// CodeMergeLeftover is the directory of a merge that did not end.
	CodeMergeLeftover = "vdb-merge-leftover"
	// CodeName is a directory that is no category, or no package.
	CodeName = "vdb-name"
)

// mergingPrefix begins the name of a directory that a merge is filling
// (const.py:112).
const mergingPrefix = "-MERGING-"

// NameClass is what Portage takes a name in the database for.
type NameClass uint8

const (
	// NameValid is a category, or a package.
	NameValid NameClass = iota
	// NameSkipped is a name that Portage skips on purpose, such as a lock.
	NameSkipped
	// NameMerging is the directory of a merge that is going on, or that was
	// killed.
	NameMerging
	// NameInvalid is any other name. Portage does not see what is in it.
	NameInvalid
)

// ClassifyCategory classifies the name of a directory in var/db/pkg.
func ClassifyCategory(name string) NameClass {
	return classify(name, atom.ValidCategory)
}

// ClassifyPackage classifies the name of a directory in a category.
func ClassifyPackage(name string) NameClass {
	return classify(name, func(pf string) bool {
		_, _, ok := atom.SplitPF(pf)
		return ok
	})
}

// MergingPF returns the package, as PF, that a directory of class NameMerging is
// of; ok is false where the rest of the name is no PF.
func MergingPF(name string) (pf string, ok bool) {
	pf, found := strings.CutPrefix(name, mergingPrefix)
	return pf, found && ClassifyPackage(pf) == NameValid
}

func classify(name string, valid func(string) bool) NameClass {
	switch {
	case strings.HasPrefix(name, "."), name == "CVS", name == "lost+found":
		return NameSkipped
	case strings.HasPrefix(name, mergingPrefix):
		return NameMerging
	case valid(name):
		return NameValid
	}
	return NameInvalid
}

// Diagnostic returns the diagnostic of a directory whose name is of class c, if
// that is one to report. Category is empty for a directory in var/db/pkg.
func (c NameClass) Diagnostic(category, name string) (d parse.Diagnostic, ok bool) {
	path := name
	kind := "category"
	if category != "" {
		path = category + "/" + name
		kind = "package"
	}
	switch c {
	case NameMerging:
		return parse.Diagnosef(0, CodeMergeLeftover, "%.200q: a merge is going on, or was killed", path), true
	case NameInvalid:
		return parse.Diagnosef(0, CodeName, "%.200q: the name is not that of a %s: Portage does not see it", path, kind), true
	}
	return parse.Diagnostic{}, false
}
