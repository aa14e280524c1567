package main

import (
	"context"
	"fmt"

	"emaudit/audit"
	"emaudit/ingest"
	"emaudit/report"
	"emaudit/store"
)

// ingestCommand brings the database up to date and says what it did.
type ingestCommand struct{}

// Help is the long help of the command.
func (*ingestCommand) Help() string {
	return `Reads what is new in the installed-package database, the binary packages and
their index, emerge.log and the output of merges. What was once ingested stays,
also after its source is gone. The other commands do this first, unless
--no-ingest is given.
` + exitStatus
}

// Run ingests.
func (*ingestCommand) Run(ctx context.Context, s *session) error {
	if s.NoIngest {
		return usagef("ingest --no-ingest contradicts itself")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if s.stale {
		return fmt.Errorf("database %s: %w", s.DB, store.ErrReadOnly)
	}
	var findings []audit.Finding
	err := s.ask(ctx, func(db audit.Database) (err error) {
		findings, err = audit.AuditSources(db)
		return err
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(report.Ingest(ingestRows(s.ingested), findings, out)); err != nil {
		return err
	}
	return s.verdict(findings, "never")
}

// ingestRows are the results in the form in which they are shown.
func ingestRows(result ingest.Result) []report.IngestRow {
	rows := []report.IngestRow{}
	for _, r := range result.Sources {
		rows = append(rows, report.IngestRow{
			Source: string(r.Kind), Path: r.Path, Condition: string(r.Condition), Problem: r.Problem,
			Changed: r.Changed, Read: r.Read, Summary: r.Summary, Damage: r.Damage,
		})
	}
	return rows
}
