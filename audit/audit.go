// Package audit holds what all audits share: findings, remedies, commands and
// periods of time. Its sub-packages answer with findings, verdicts and plans.
//
// An answer rests only on what ingests stored. This package opens no file and runs
// no command, and the clock is an argument. Unknown is never OK: if the stored facts
// cannot decide a question, the answer is unknown, with the command that settles it.
package audit

import (
	"slices"
	"strings"

	"emaudit/parse/binpkg"
	"emaudit/store"
	"emaudit/store/inventory"
)

// Database is the subject of a question: one host at one moment.
type Database struct {
	Tx   *store.Tx
	Host store.HostID
	Now  int64 // unix seconds; ages are counted from here
	// Place is where the commands of answers are typed.
	Place Place
	// AtWork reports whether a process of Portage runs on the host. It is nil if that
	// cannot be known, because the root is not that of the running system.
	AtWork func() bool

	shared *shared // if nil, every question loads what it needs
}

// shared holds what several questions in one transaction load once, by a key of
// the package that loads it. The questions never change what it holds.
type shared struct{ held map[any]any }

// IsShared reports whether db keeps loaded facts for later questions; see [Share].
func (db Database) IsShared() bool { return db.shared != nil }

// Once returns the result of load. If db is shared, it calls load once for each type
// of key.
func Once[Key, T any](db Database, load func() (T, error)) (T, error) {
	if db.shared == nil {
		return load()
	}
	var key Key
	if held, ok := db.shared.held[key]; ok {
		return held.(T), nil
	}
	value, err := load()
	if err == nil {
		db.shared.held[key] = value
	}
	return value, err
}

// Share returns a shared copy of db. Its questions, in one transaction and one
// goroutine, load the installed packages and the binary packages once.
func Share(db Database) Database {
	if db.shared != nil {
		return db
	}
	db.shared = &shared{held: map[any]any{}}
	return db
}

// Severity orders findings by what they can cost.
type Severity string

// The severities, worst first. An error will fail on the day it is needed. A warning
// costs a rollback or hides a problem. Info is worth knowing.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// rank is 0 for the worst.
func (s Severity) rank() int {
	switch s {
	case SeverityError:
		return 0
	case SeverityWarning:
		return 1
	}
	return 2
}

// AtLeast reports whether s is as bad as limit or worse.
func (s Severity) AtLeast(limit Severity) bool { return s.rank() <= limit.rank() }

// Evidence is where a finding was seen.
type Evidence struct {
	Source string `json:"source"` // path inside the root, unless Outside
	Offset int64  `json:"offset"` // bytes; 0 means the whole source
	// Outside says that the path is one of the machine that emaudit runs on, like that
	// of a captured session.
	Outside bool `json:"-"`
}

// Finding is one statement of an audit. Its code is stable and has a section in
// docs/findings.md.
type Finding struct {
	Code     string     `json:"code"`
	Severity Severity   `json:"severity"`
	Subject  string     `json:"subject"` // cat/pn-pvr or path
	Message  string     `json:"message"` // one line
	Evidence []Evidence `json:"evidence"`
	Remedy   Remedy     `json:"remedy"` // what to type, or what to do
	// At is when it happened, in unix seconds, or 0 if that is unknown.
	At int64 `json:"-"`
}

// SortFindings orders findings: worst first, then by code and subject.
func SortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		if c := a.Severity.rank() - b.Severity.rank(); c != 0 {
			return c
		}
		if c := strings.Compare(a.Code, b.Code); c != 0 {
			return c
		}
		return strings.Compare(a.Subject, b.Subject)
	})
}

// MergeFindings joins the findings of several checks, worst first. If two checks
// report one file for one cause, the finding of the first check stays. The caller
// orders the checks so that the first knows most.
func MergeFindings(lists ...[]Finding) []Finding {
	type about struct{ cause, subject, message string }
	most := 0
	for _, list := range lists {
		most += len(list)
	}
	saidBy, all := make(map[about]int, most), make([]Finding, 0, most)
	for i, list := range lists {
		for _, f := range list {
			// One check may have several findings for a cause.
			key := about{causes[f.Code], f.Subject, ""}
			if key.cause == "" {
				key.cause, key.message = f.Code, f.Message
			}
			by, said := saidBy[key]
			if said && (by != i || key.message != "") {
				continue
			}
			saidBy[key] = i
			all = append(all, f)
		}
	}
	SortFindings(all)
	return all
}

// causes maps codes of several checks to their common cause: the audit of integrity
// says what is wrong with a file, and the audit of compatibility says that Portage
// refuses it for that.
var causes = map[string]string{
	CodeBinpkgDamaged: "content", CodeBinpkgEmpty: "content", CodeMetadataInvalid: "content",
	inventory.ProblemUnread: "unread", CodeBinpkgUnknown: "unread", CodeMetadataUnread: "unread", CodeBinpkgUnverifiable: "unread", "uncompressed": "unread", binpkg.ProblemOtherPacker: "unread",
	inventory.ProblemMisnamed: "place", inventory.ProblemMisplaced: "place", CodeBinpkgUnseen: "place",
	CodeIndexBehind: "unlisted", CodeNotIndexed: "unlisted",
	CodeIndexSizeStale: "entry", CodeIndexMtimeStale: "entry", CodeIndexEntryDiffers: "entry", CodeIndexDigestMismatch: "entry", CodeIndexStale: "entry",
	CodeBinpkgSignatureInvalid: "signature", binpkg.ProblemSignatureInvalid: "signature",
	CodeBinpkgSignatureUnknownKey: "key", binpkg.ProblemSignatureUnknownKey: "key",
	CodeBinpkgUnsigned: "unsigned", CodeBinpkgXpakIgnored: "unsigned", binpkg.ProblemSignatureMissing: "unsigned",
	CodeBinpkgNotInstallable: "device", binpkg.ProblemImageDevice: "device",
}

// Worst returns the worst severity among findings, and false if there are none.
func Worst(findings []Finding) (Severity, bool) {
	if len(findings) == 0 {
		return "", false
	}
	worst := SeverityInfo
	for _, f := range findings {
		if f.Severity.AtLeast(worst) {
			worst = f.Severity
		}
	}
	return worst, true
}

// Space is the disk space on the file system of one folder.
type Space struct {
	Path  string `json:"path"`
	Free  int64  `json:"free"`  // bytes that an unprivileged process may use
	Total int64  `json:"total"` // bytes
	Role  string `json:"role"`  // one of the roles
}

// The roles of folders with room.
const (
	SpacePkgDir  = "pkgdir"
	SpaceBinhost = "binhost" // fetched packages
	SpaceExtra   = "extra"   // a folder named by --pkgdir
	SpaceTmp     = "tmp"     // builds
)

// CompareBools orders false before true. It returns -1, 0 or 1, as cmp.Compare does.
func CompareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
