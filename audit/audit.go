// Package audit asks questions of the store and answers with findings,
// verdicts and plans: coverage, integrity, compatibility, rollback, cleanup.
//
// An answer rests on what ingests stored and on nothing else: no file is
// opened here, no command is run, and the clock is an argument. Unknown is
// never OK: what the stored facts cannot decide is answered as unknown, with
// the command that would settle it.
package audit

import (
	"slices"
	"strings"

	"emaudit/store"
)

// Database is what a question is asked of: one host at one moment.
type Database struct {
	Tx   *store.Tx
	Host store.HostID
	Now  int64 // unix seconds; ages are counted from here
	// Place is where the commands of answers are typed.
	Place Place
	// AtWork tells whether a process of Portage runs on the host; it is nil where
	// nobody can tell, as of a root that is not that of the running system.
	AtWork func() bool

	shared *shared // nil: every question loads what it needs
}

// shared holds what several questions over one transaction load once, by a key of
// the room that loads it. The questions never change what it holds.
type shared struct{ held map[any]any }

// IsShared reports whether db keeps what is loaded for later questions; see [Share].
func (db Database) IsShared() bool { return db.shared != nil }

// Once returns what load returns. Where db is shared, it calls load once for each
// type of key.
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

// Share returns db such that the questions asked of it, in one transaction and
// one goroutine, load the installed packages and the binary packages once.
func Share(db Database) Database {
	if db.shared != nil {
		return db
	}
	db.shared = &shared{held: map[any]any{}}
	return db
}

// Severity orders findings by what they can cost.
type Severity string

// The severities, worst first. An error is something that will fail when it
// is needed; a warning costs a rollback or hides a problem; info is worth
// knowing.
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

// AtLeast tells whether s is as bad as limit or worse.
func (s Severity) AtLeast(limit Severity) bool { return s.rank() <= limit.rank() }

// Evidence is where a finding was seen.
type Evidence struct {
	Source string `json:"source"` // path inside the root
	Offset int64  `json:"offset"` // bytes; 0 where the whole source is meant
}

// Finding is one thing that an audit says. Its code is stable and has a
// section in docs/findings.md.
type Finding struct {
	Code     string     `json:"code"`
	Severity Severity   `json:"severity"`
	Subject  string     `json:"subject"` // cat/pn-pvr or path
	Message  string     `json:"message"` // one line
	Evidence []Evidence `json:"evidence"`
	Remedy   Remedy     `json:"remedy"` // what to type, or what to do
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

// MergeFindings joins the findings of several checks, worst first. What two
// checks say of one file for one cause is said once, by the one that comes first:
// they are given in the order in which they know more of it.
func MergeFindings(lists ...[]Finding) []Finding {
	type about struct{ cause, subject, message string }
	saidBy := map[about]int{}
	var all []Finding
	for i, list := range lists {
		for _, f := range list {
			// One check may have more to say of a cause than one finding.
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

// causes are what findings of several checks about one file have in common: the
// audit of integrity says what is wrong with it, and that of compatibility that
// Portage does not take it for that.
var causes = map[string]string{
	"binpkg-damaged": "content", "binpkg-empty": "content", "metadata-invalid": "content",
	"binpkg-unread": "unread", "binpkg-unknown": "unread", "metadata-unread": "unread", "binpkg-unverifiable": "unread", "uncompressed": "unread", "other-packer": "unread",
	"binpkg-misnamed": "place", "binpkg-misplaced": "place", "binpkg-unseen": "place",
	"index-behind": "unlisted", "not-indexed": "unlisted",
	"index-size-stale": "entry", "index-mtime-stale": "entry", "index-entry-differs": "entry", "index-digest-mismatch": "entry", "index-stale": "entry",
	"binpkg-signature-invalid": "signature", "signature-invalid": "signature",
	"binpkg-signature-unknown-key": "key", "signature-unknown-key": "key",
	"binpkg-unsigned": "unsigned", "binpkg-xpak-ignored": "unsigned", "signature-missing": "unsigned",
	"binpkg-not-installable": "device", "image-device": "device",
}

// Worst returns the worst severity among findings, and false where there are
// none.
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

// Space is the room on the file system of one folder.
type Space struct {
	Path  string `json:"path"`
	Free  int64  `json:"free"`  // bytes that an unprivileged process may use
	Total int64  `json:"total"` // bytes
	Role  string `json:"role"`  // pkgdir, binhost, extra, tmp
}
