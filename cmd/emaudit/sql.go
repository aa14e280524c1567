package main

import (
	"context"
	"errors"
	"iter"

	"emaudit/report"
	"emaudit/store"
)

// sqlCommand runs a query on the database.
type sqlCommand struct {
	Question string `arg:"" optional:"" help:"A SELECT query. Without it, the views and their columns are listed."`
}

func (*sqlCommand) Help() string {
	return `Answers an SQL query, after reading what is new like every command. The query
cannot change anything. The views are made for people: times are text in UTC,
durations are seconds, and names stand in place of numbers. docs/database.md has
queries to begin with.
` + exitStatus
}

func (c *sqlCommand) Run(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	out := s.out()
	if c.Question == "" {
		var views []report.View
		err := s.db.View(ctx, func(tx *store.Tx) error {
			all, err := tx.Views()
			for _, v := range all {
				views = append(views, report.View(v))
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.Write(report.Views(views))
	}
	err := s.db.Ask(ctx, c.Question, func(columns []string, rows iter.Seq2[[]any, error]) error {
		return out.Write(report.SQL(columns, rows))
	})
	if errors.Is(err, store.ErrQuestion) {
		return usagef("%v", err)
	}
	if err != nil {
		return err
	}
	return s.verdict(nil, "never")
}
