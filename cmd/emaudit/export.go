package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"emaudit/store"
)

// exportCommand writes a copy of the database.
type exportCommand struct {
	File string `arg:"" name:"file" help:"New file for the copy, or - for standard output."`
}

func (*exportCommand) Help() string {
	return `Writes a whole copy of the database to a new file, also while another emaudit
writes to the database. cp and scp can tear a database that is in use. Nothing is
ingested, and no file is ever overwritten. Only you can read the copy; one of
root's can also be read by the group portage.

  emaudit export /tmp/router.db
  ssh router emaudit export - | emaudit merge -
` + exitStatus
}

func (c *exportCommand) Run(ctx context.Context, s *session) (err error) {
	if s.db, err = s.openDatabase(ctx, store.Options{ReadOnly: true}); err != nil {
		return err
	}
	if c.File != "-" {
		err := s.db.Export(ctx, c.File)
		if errors.Is(err, store.ErrExists) {
			return usagef("%w; name another one", err)
		}
		return err
	}
	if s.terminal(s.proc).IsTerminal {
		return usagef("export: a database is not for a terminal; name a file")
	}
	dir, err := os.MkdirTemp("", "emaudit-export-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "copy.db")
	if err := s.db.Export(ctx, file); err != nil {
		return err
	}
	copied, err := os.Open(file)
	if err != nil {
		return err
	}
	defer copied.Close()
	_, err = io.Copy(s.proc.stdout, copied)
	return err
}
