package main

import (
	"context"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/report/merges"
	"emaudit/store"
	"emaudit/store/logs"
)

// messagesCommand is the mailbox of elog.
type messagesCommand struct {
	Class    []string `placeholder:"CLASS" help:"error, warn, qa, log, info; may be repeated (all but info)."`
	Since    string   `placeholder:"TIME" help:"Only messages since then: 2026-10-01, '3 days ago', 2w, run:-1."`
	All      bool     `help:"Show read messages, too."`
	MarkRead bool     `typed:"" help:"Mark the messages that are shown as read."`
}

// Help is the long help of the command.
func (*messagesCommand) Help() string {
	return `Shows what packages and Portage said through elog, unread messages first. A
message stays unread until --mark-read. emaudit keeps it after its file is gone.
` + exitStatus
}

// Run answers.
func (c *messagesCommand) Run(ctx context.Context, s *session) error {
	for _, class := range c.Class {
		if !slices.Contains(aftermath.MessageClasses, class) {
			return usagef("messages: no class %q; there are %s", class, strings.Join(aftermath.MessageClasses, ", "))
		}
	}
	period, err := s.since(c.Since)
	if err != nil {
		return err
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
	filter := aftermath.MessageFilter{Classes: c.Class, Unread: !c.All}
	var messages *aftermath.Messages
	err = s.ask(ctx, func(db audit.Database) error {
		var err error
		if filter.Since, err = period.Begin(db); err != nil {
			return err
		}
		messages, err = aftermath.AuditMessages(db, filter)
		return err
	})
	if err != nil {
		return err
	}
	marked := int64(-1)
	if c.MarkRead {
		// What another emaudit has entered since was not shown.
		shown := filter.Query()
		shown.UpToID = messages.LastID()
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			marked, err = logs.MarkElogRead(tx, s.host, shown, s.proc.now().Unix())
			return err
		})
		if err != nil {
			return err
		}
	}
	out := s.out()
	if err := out.Write(merges.Mailbox(messages, marked, out)); err != nil {
		return err
	}
	return s.verdict(messages.Source.Findings, "never")
}
