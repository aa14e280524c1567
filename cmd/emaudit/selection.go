package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/cli/suggest"
	"emaudit/report"
	"emaudit/report/merges"
)

// periodFlags are the flags of commands about a period.
type periodFlags struct {
	Since string `short:"f" placeholder:"TIME" help:"From this time on: 2026-05-10, yesterday, last week, 2w3d, unix seconds, #12, run:-1."`
	Until string `short:"t" placeholder:"TIME" help:"Up to this time, in the same forms."`
}

// period returns the period of the flags.
func (f *periodFlags) period(s *session) (audit.Period, error) {
	p, err := audit.ParsePeriod(f.Since, f.Until, s.proc.now(), s.zone())
	if err != nil {
		return p, usagef("%v", err)
	}
	return p, nil
}

// zone is the time zone of dates in flags.
func (s *session) zone() *time.Location {
	if s.UTC || s.proc.local == nil {
		return time.UTC
	}
	return s.proc.local
}

// limitFlags limit an answer to its beginning or end.
type limitFlags struct {
	First int `placeholder:"N" xor:"limit" help:"Only the first N."`
	Last  int `short:"n" placeholder:"N" xor:"limit" help:"Only the last N."`
}

// newestShown is how many of the newest a terminal shows of an answer that grows with
// the log.
const newestShown = 20

// newestFlags limit an answer that grows with the log.
type newestFlags struct {
	limitFlags
	All bool `xor:"limit" help:"Show all of them on a terminal, too, not the newest 20."`
}

// limit sets the limit of an answer for a terminal where nobody has named one, and says
// how to see the rest.
func (f *newestFlags) limit(s *session, period audit.Period, a *merges.Asked) {
	if f.All || f.First+f.Last > 0 || period.Bounded() || s.Format != report.FormatTable || !s.terminal(s.proc).IsTerminal {
		return
	}
	f.Last, a.Limit = newestShown, newestShown
	a.All = audit.Emaudit(append(slices.Clone(s.proc.args), "--all")...)
}

func (f *limitFlags) check() error {
	if f.First < 0 || f.Last < 0 {
		return usagef("--first and --last count from 1")
	}
	return nil
}

// searchFlags say how PACKAGE is matched.
type searchFlags struct {
	Exact bool `short:"e" xor:"mode" help:"PACKAGE is an exact name, not a part of one."`
	Regex bool `xor:"mode" help:"PACKAGE is a regular expression."`
}

func (f *searchFlags) search(patterns []string) (history.Search, error) {
	mode := history.SearchAny
	switch {
	case f.Regex:
		mode = history.SearchRegex
	case f.Exact:
		mode = history.SearchExact
	}
	search, err := history.NewSearch(patterns, mode)
	if err != nil {
		return search, usagef("%v", err)
	}
	return search, nil
}

// searchHelp describes a PACKAGE argument.
const searchHelp = `PACKAGE is a part of a name (hel, misc/hello), a name with a version
(hello-1.1), an atom (">=app-misc/hello-1.1", dev-lang/python:3.12), a glob
("*qt*", "dev-qt/*"), or a regular expression (/qt[56]/).
`

// known returns a usage error for a name that no package has. A script that names a
// package that never existed contains a typo, too.
func (s *session) known(db audit.Database, search history.Search) error {
	unknown, err := search.Unknown(db)
	if err != nil || len(unknown) == 0 {
		return err
	}
	return noPackage(db, unknown[0])
}

// noPackage is the error about a name that no package has.
func noPackage(db audit.Database, name string) error {
	names, err := db.Tx.PackageNames()
	if err != nil {
		return err
	}
	return usagef("no package is called %s%s", name, suggest.Question(suggest.For(name, names)))
}

// notInstalled is the error about a package that cannot go back because it is not
// installed.
func notInstalled(db audit.Database, name string) error {
	names, err := db.Tx.PackageNames()
	if err != nil {
		return err
	}
	return usagef("no installed package is called %s%s", name, suggest.Question(suggest.For(name, names)))
}

// about returns the period and the packages of the flags.
func (s *session) about(p *periodFlags, f *searchFlags, packages []string) (period audit.Period, search history.Search, err error) {
	if period, err = p.period(s); err == nil {
		search, err = f.search(packages)
	}
	return period, search, err
}

// answerLog is [session.answer] for questions about emerge.log.
func (s *session) answerLog(ctx context.Context, search history.Search, question func(audit.Database, audit.LogSource, report.Output) (report.Answer, error)) error {
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		db = audit.Share(db)
		source, err := audit.AuditLogSource(db)
		if err != nil {
			return report.Answer{}, err
		}
		if err := s.known(db, search); err != nil {
			return report.Answer{}, err
		}
		return question(db, source, out)
	})
}

// asked returns the subject of an answer. newest returns the last event and ignores
// the period.
func asked(db audit.Database, search history.Search, period audit.Period, newest func(audit.Database) (*merges.Newest, error)) merges.Asked {
	return merges.Asked{Packages: search.String(), Period: period, Newest: func() (*merges.Newest, error) { return newest(db) }}
}

// newestEvent returns the newest event of a query, ignoring its period.
func newestEvent(query history.LogQuery) func(audit.Database) (*merges.Newest, error) {
	query.Period, query.First, query.Last = audit.Period{}, 0, 1
	return func(db audit.Database) (last *merges.Newest, err error) {
		for e, err := range history.AuditLog(db, query) {
			if err != nil {
				return nil, err
			}
			last = &merges.Newest{Name: e.Merge.CPV, At: e.At}
			switch e.Kind {
			case history.EventUnmerge:
				last.Name = e.Unmerge.CPV
			case history.EventSync:
				last.Name = e.Sync.Repo
			}
		}
		return last, nil
	}
}

// eventKinds parses a list of kinds of events.
func eventKinds(words []string) ([]history.EventKind, error) {
	var kinds []history.EventKind
	for _, word := range words {
		found := false
		for _, k := range []history.EventKind{history.EventMerge, history.EventUnmerge, history.EventSync} {
			if strings.TrimSuffix(word, "s") == k.String() {
				kinds, found = append(kinds, k), true
			}
		}
		if !found {
			return nil, usagef("no kind of event %q; there is: merge, unmerge, sync", word)
		}
	}
	return kinds, nil
}
