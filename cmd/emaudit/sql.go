package main

import (
	"context"
	"errors"
	"iter"

	"emaudit/report"
	"emaudit/store"
)

// sqlCommand asks the database.
type sqlCommand struct {
	Question string `arg:"" optional:"" help:"A SELECT; without it, what can be asked is listed."`
}

// Help is the long help of the command.
func (*sqlCommand) Help() string {
	return `Asks the database in SQL, after it has read what is new, as every command does.
Nothing can be changed so. The views are made for people: times in UTC as text,
durations in seconds, names in place of numbers. docs/database.md has questions
to begin with.
` + exitStatus
}

// Run answers.
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
				shown := report.View{Name: v.Name, Meaning: v.Meaning}
				for _, c := range v.Columns {
					shown.Columns = append(shown.Columns, [2]string{c.Name, c.Meaning})
				}
				views = append(views, shown)
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
