package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/report"
	"emaudit/report/merges"
	"emaudit/store"
	"emaudit/store/logs"
)

// messagesCommand is the mailbox of elog messages.
type messagesCommand struct {
	Packages []string `arg:"" optional:"" name:"package" help:"Only these packages."`
	periodFlags
	searchFlags
	Last     int      `short:"n" placeholder:"N" help:"Only the newest N."`
	Class    []string `placeholder:"CLASS" help:"error, warn, qa, log, info; may be repeated (all but info)."`
	All      bool     `help:"Show read messages, too."`
	MarkRead bool     `typed:"" help:"Mark the messages that are shown as read."`
}

func (*messagesCommand) Help() string {
	return `Shows the unread messages of packages and of Portage (elog), newest first; --all
shows the read ones, too. A message stays unread until --mark-read, which marks
those that are shown. emaudit keeps a message after its file is gone.

` + searchHelp + exitStatus
}

func (c *messagesCommand) Run(ctx context.Context, s *session) error {
	for _, class := range c.Class {
		if !slices.Contains(aftermath.MessageClasses, class) {
			return usagef("messages: no class %q; there are %s", class, strings.Join(aftermath.MessageClasses, ", "))
		}
	}
	period, search, err := s.about(&c.periodFlags, &c.searchFlags, c.Packages)
	if err != nil {
		return err
	}
	if c.Last < 0 {
		return usagef("--last counts from 1")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	switch {
	case c.MarkRead && s.NoIngest:
		return usagef("messages: --mark-read needs a database that is written, not --no-ingest")
	case c.MarkRead && s.stale != nil:
		return s.stale
	}
	filter := aftermath.MessageFilter{Classes: c.Class, Unread: !c.All, Newest: c.Last}
	return s.answerOpen(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		if err := s.known(db, search); err != nil {
			return report.Answer{}, err
		}
		span, err := period.Span(db)
		if err != nil {
			return report.Answer{}, err
		}
		filter.Since, filter.Until = span.Since, span.Until
		if filter.Wanted, err = search.Matcher(db); err != nil {
			return report.Answer{}, err
		}
		messages, err := aftermath.AuditMessages(db, filter)
		if err != nil {
			return report.Answer{}, err
		}
		about := asked(db, search, period, func(db audit.Database) (*merges.Newest, error) {
			all, err := aftermath.AuditMessages(db, aftermath.MessageFilter{Classes: c.Class, Wanted: filter.Wanted})
			if err != nil || len(all.Rows) == 0 {
				return nil, err
			}
			last := slices.MaxFunc(all.Rows, func(a, b aftermath.Message) int { return cmp.Compare(a.At, b.At) })
			return &merges.Newest{Name: last.CPV, At: last.At}, nil
		})
		marked := int64(-1)
		if c.MarkRead {
			err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
				marked, err = logs.MarkElogRead(tx, s.host, messages.IDs(), s.proc.now().Unix())
				return err
			})
		}
		return merges.Mailbox(messages, marked, about, out), err
	})
}
