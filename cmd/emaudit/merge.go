package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"emaudit/report/states"
	"emaudit/store"
	"emaudit/store/merge"
)

// mergeCommand imports the databases of other machines.
type mergeCommand struct {
	Databases []string `arg:"" name:"other.db" type:"path" help:"Database of another machine or a copy of it, a folder with such files (*.db), or - for standard input."`
	As        string   `typed:"" placeholder:"NAME" help:"Name for a new host in this database; only for a single database with a single host."`
}

func (*mergeCommand) Help() string {
	return `Copies everything that other databases know about their hosts into this one.
A host is known again by the identity that its first ingest drew, whatever its
name is here. Importing the same database again changes nothing; of a newer one,
the difference is written. The other files are only read. One that cannot be
merged does not keep the others from being merged. Ask about an imported host with
--host NAME or --host all; nothing is ingested for it on this machine.

  ssh router emaudit export - | emaudit merge -
  emaudit merge /srv/databases
` + exitStatus
}

func (c *mergeCommand) Run(ctx context.Context, s *session) (err error) {
	if c.As != "" {
		if err := store.CheckHostName(c.As); err != nil {
			return usagef("merge --as: %v", err)
		}
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	if s.db, err = s.openDatabase(ctx, store.Options{}); err != nil {
		return err
	}
	rows := []states.MergedRow{}
	var failed error
	for _, file := range files {
		merged, err := c.merge(ctx, s, file)
		if err != nil && len(files) == 1 || ctx.Err() != nil {
			return err
		}
		if err != nil {
			s.messages.Error(err)
			failed = errFailedDatabase{}
		}
		for _, h := range merged {
			if h.LostRuns > 0 {
				s.messages.Warning(fmt.Sprintf("host %s: its database tells of %d runs fewer than before: it was restored from an old copy, or lost a part of its history", h.Name, h.LostRuns))
			}
			rows = append(rows, states.MergedRow(h))
		}
	}
	out := s.out()
	if err := out.Write(states.Merged(rows)); err != nil {
		return err
	}
	return failed
}

// errFailedDatabase means that one of several databases failed. The reason is already
// printed.
type errFailedDatabase struct{}

func (errFailedDatabase) Error() string { return "a database could not be merged" }
func (errFailedDatabase) exitCode() int { return exitError }

// files returns the named databases and those in the named folders.
func (c *mergeCommand) files() ([]string, error) {
	var files []string
	for _, name := range c.Databases {
		info, err := os.Stat(name)
		switch {
		case name == "-":
			files = append(files, name)
			continue
		case errors.Is(err, os.ErrNotExist):
			return nil, usagef("merge: %w", err)
		case err != nil:
			return nil, err
		case !info.IsDir():
			files = append(files, name)
			continue
		}
		in, err := filepath.Glob(filepath.Join(globQuote(name), "*.db"))
		if err != nil {
			return nil, err
		}
		if len(in) == 0 {
			return nil, usagef("merge: %s has no file *.db", name)
		}
		slices.Sort(in)
		files = append(files, in...)
	}
	if c.As != "" && len(files) != 1 {
		return nil, usagef("merge --as: %d databases, and only one host can get the name", len(files))
	}
	return files, nil
}

// globQuote quotes the special characters of filepath.Glob.
func globQuote(name string) string {
	var quoted []byte
	for _, b := range []byte(name) {
		if slices.Contains([]byte(`*?[\`), b) {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, b)
	}
	return string(quoted)
}

// merge merges one database.
func (c *mergeCommand) merge(ctx context.Context, s *session, file string) (merged []merge.Merged, err error) {
	if file == "-" {
		dir, err := os.MkdirTemp(filepath.Dir(s.DB), ".emaudit-merge-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		file = filepath.Join(dir, "stdin.db")
		if err := receive(s.proc.stdin, file); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
	}
	other, err := store.OpenForeign(ctx, file, s.DB+".merge")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	var rename func(string) string
	if c.As != "" {
		hosts := 0
		err := other.View(ctx, func(tx *store.Tx) error {
			all, err := tx.Hosts()
			hosts = len(all)
			return err
		})
		if err != nil {
			return nil, err
		}
		if hosts != 1 {
			return nil, usagef("merge --as: %s has %d hosts, and only one can get the name", file, hosts)
		}
		rename = func(string) string { return c.As }
	}
	return merge.Databases(ctx, s.db, other, rename)
}

// receive writes r to a new file. It fails if r exceeds the limit of the store.
func receive(r io.Reader, file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, store.MaxForeign+1))
	if err == nil && n > store.MaxForeign {
		err = fmt.Errorf("more than %d GiB", store.MaxForeign>>30)
	}
	return errors.Join(err, f.Close())
}
