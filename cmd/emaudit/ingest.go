package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"emaudit/audit"
	"emaudit/ingest"
	"emaudit/report"
)

// ingestCommand updates the database and prints what it read.
type ingestCommand struct {
	Log     []string `placeholder:"FILE" sep:"none" help:"Another, older emerge.log inside the root, also compressed; may be repeated."`
	Capture []string `placeholder:"FILE" sep:"none" type:"path" help:"Saved output of emerge, from script(1), tee(1) or the journal; may be repeated."`
}

func (*ingestCommand) Help() string {
	return `Reads what is new in the installed-package database, PKGDIR and its index,
emerge.log, build logs and elog files. What was read once stays in the database
after its source is gone. Every other command does this first, unless
--no-ingest is given.
` + exitStatus
}

func (c *ingestCommand) Run(ctx context.Context, s *session) error {
	if s.NoIngest {
		return usagef("ingest --no-ingest contradicts itself")
	}
	for _, path := range c.Capture {
		capture, err := openCapture(path)
		if err != nil {
			return err
		}
		s.captures = append(s.captures, capture)
	}
	s.logs = c.Log
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		findings, err := audit.AuditSources(db)
		return report.Ingest(ingestRows(s.ingested), findings, out), err
	})
}

// ingestRows converts the results for output.
func ingestRows(result ingest.Result) []report.IngestRow {
	var rows []report.IngestRow
	for _, r := range result.Sources {
		rows = append(rows, report.IngestRow{
			Source: string(r.Kind), Path: r.Path, Condition: string(r.Condition), Problem: r.Problem,
			Changed: r.Changed, Read: r.Read, Summary: r.Summary, Damage: r.Damage,
		})
	}
	return rows
}

// openCapture opens a captured session. Its path is one of the machine on which
// emaudit runs.
func openCapture(path string) (ingest.Capture, error) {
	info, err := os.Stat(path)
	if err != nil {
		return ingest.Capture{}, fmt.Errorf("capture: %w", err)
	}
	if !info.Mode().IsRegular() {
		return ingest.Capture{}, fmt.Errorf("capture %s: not a regular file", path)
	}
	return ingest.Capture{
		Path: path, Size: info.Size(), MTimeNS: info.ModTime().UnixNano(),
		Open: func() (io.ReadCloser, error) { return os.Open(path) },
	}, nil
}
