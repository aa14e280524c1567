package main

import (
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/history"
)

// periodFlags are the flags of commands that answer about a stretch of the
// history.
type periodFlags struct {
	Since string `placeholder:"TIME" help:"From this time on: 2026-05-10, yesterday, last week, 2w3d, unix seconds, run:12, run:-1."`
	Until string `placeholder:"TIME" help:"Up to this time, in the same forms."`
}

// period reads the flags.
func (f *periodFlags) period(s *session) (audit.Period, error) {
	p, err := audit.ParsePeriod(f.Since, f.Until, s.proc.now(), s.zone())
	if err != nil {
		return p, usagef("%v", err)
	}
	return p, nil
}

// zone is the time zone of dates that the user gives.
func (s *session) zone() *time.Location {
	if s.UTC || s.proc.local == nil {
		return time.UTC
	}
	return s.proc.local
}

// limitFlags choose from the beginning or the end of an answer.
type limitFlags struct {
	First int `placeholder:"N" xor:"limit" help:"Only the first N."`
	Last  int `short:"n" placeholder:"N" xor:"limit" help:"Only the last N."`
}

func (f *limitFlags) check() error {
	if f.First < 0 || f.Last < 0 {
		return usagef("--first and --last count from 1")
	}
	return nil
}

// searchFlags choose packages.
type searchFlags struct {
	Regex bool `short:"e" xor:"mode" help:"PACKAGE is a regular expression."`
	Exact bool `short:"x" xor:"mode" help:"PACKAGE is an exact name."`
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

// searchHelp says what a PACKAGE argument can be.
const searchHelp = `PACKAGE is a name (hello, app-misc/hello, hello-1.1), an atom
(">=app-misc/hello-1.1", dev-lang/python:3.12), a glob ("*qt*", "dev-qt/*"), or
a regular expression (/qt[56]/).
`

// eventKinds reads a list of kinds of events.
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
