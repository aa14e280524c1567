package vdb

import (
	"strings"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// The codes of diagnostics about names.
const (
	// CodeMergeLeftover: the directory belongs to an unfinished merge.
	CodeMergeLeftover = "vdb-merge-leftover"
	// CodeName: the directory is not a category, or not a package.
	CodeName = "vdb-name"
)

// mergingPrefix begins the name of the directory that a merge fills (const.py:112).
const mergingPrefix = "-MERGING-"

// NameClass is Portage's interpretation of a name in the database.
type NameClass uint8

const (
	// NameValid is the name of a category or of a package.
	NameValid NameClass = iota
	// NameSkipped is a name that Portage skips on purpose, such as a lock.
	NameSkipped
	// NameMerging is the directory of a merge that is in progress, or was killed.
	NameMerging
	// NameInvalid is any other name. Portage ignores the content of the directory.
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

// MergingPF returns the PF of the package that a directory of class NameMerging
// belongs to. ok is false if the rest of the name is not a PF.
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

// Diagnostic returns the diagnostic for a name of class c. ok is false if there is
// nothing to report. category is "" for a directory in var/db/pkg.
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
