package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
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

// Help returns the long help of the command.
func (*messagesCommand) Help() string {
	return `Shows the unread messages of packages and of Portage (elog), newest first; --all
shows the read ones, too. A message stays unread until --mark-read, which marks
those that are shown. emaudit keeps a message after its file is gone.

` + searchHelp + exitStatus
}

// Run executes the command.
func (c *messagesCommand) Run(ctx context.Context, s *session) error {
	for _, class := range c.Class {
		if !slices.Contains(aftermath.MessageClasses, class) {
			return usagef("messages: no class %q; there are %s", class, strings.Join(aftermath.MessageClasses, ", "))
		}
	}
	period, err := c.period(s)
	if err != nil {
		return err
	}
	search, err := c.search(c.Packages)
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
	about := merges.Asked{Packages: search.String(), Period: period}
	var messages *aftermath.Messages
	err = s.ask(ctx, func(db audit.Database) error {
		if err := s.known(db, search); err != nil {
			return err
		}
		span, err := period.Span(db)
		if err != nil {
			return err
		}
		filter.Since, filter.Until = span.Since, span.Until
		if filter.Wanted, err = search.Matcher(db); err != nil {
			return err
		}
		if messages, err = aftermath.AuditMessages(db, filter); err != nil || messages.Unread+messages.Read > 0 || !period.Bounded() {
			return err
		}
		all, err := aftermath.AuditMessages(db, aftermath.MessageFilter{Classes: c.Class, Wanted: filter.Wanted})
		if err == nil && len(all.Rows) > 0 {
			last := slices.MaxFunc(all.Rows, func(a, b aftermath.Message) int { return cmp.Compare(a.At, b.At) })
			about.Newest = func() *merges.Newest { return &merges.Newest{Name: last.CPV, At: last.At} }
		}
		return err
	})
	if err != nil {
		return err
	}
	marked := int64(-1)
	if c.MarkRead {
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			marked, err = logs.MarkElogRead(tx, s.host, messages.IDs(), s.proc.now().Unix())
			return err
		})
		if err != nil {
			return err
		}
	}
	out := s.out()
	if err := out.Write(merges.Mailbox(messages, marked, about, out)); err != nil {
		return err
	}
	return s.verdict(messages.Source.Findings, "never")
}
