package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/google/renameio/v2"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/cli/release"
	"emaudit/report"
	"emaudit/report/page"
	"emaudit/store"
)

// reportCommand writes all answers as one page.
type reportCommand struct {
	Output string `short:"o" placeholder:"FILE" type:"path" help:"Write to FILE instead of standard output, completely or not at all."`
}

func (*reportCommand) Help() string {
	return `Writes one HTML page with everything: the verdicts first, then coverage,
rollback, runs, build times, PKGDIR, integrity, messages, settings, and a
section for each package. The page is a single file and loads nothing. Text
from packages appears as text only.

--format markdown writes the same for a bug report or a wiki. --format json
writes only the verdicts.

  emaudit report --output /var/www/localhost/htdocs/emaudit.html
` + exitStatus
}

func (c *reportCommand) Run(ctx context.Context, s *session) error {
	if c.Output == "" && s.terminal(s.proc).IsTerminal && s.Format == report.FormatTable {
		return usagef("report: a page is not for a terminal; give --output FILE, or --format markdown")
	}
	if s.severalHosts() && c.Output == "" {
		return usagef("report --host all: give --output DIR; it gets a page for each host")
	}
	var failed []string
	err := s.eachHost(ctx, func(sub *session) error {
		output := c.Output
		if s.severalHosts() {
			output = filepath.Join(output, url.PathEscape(sub.Host)+pageSuffix[s.Format])
		}
		err := sub.writePage(ctx, output)
		if _, silent := exitCodeOf(ctx, err); !silent {
			failed = append(failed, sub.Host)
		}
		return err
	})
	if s.severalHosts() && ctx.Err() == nil && pageSuffix[s.Format] == ".html" {
		err = worseOf(ctx, err, s.writeIndex(ctx, c.Output, failed))
	}
	return err
}

// writeIndex writes the page with links to the pages of several hosts.
func (s *session) writeIndex(ctx context.Context, dir string, failed []string) error {
	rows, err := s.hostRows(ctx, days(cleanup.DefaultStaleDays).seconds())
	if err != nil {
		return err
	}
	index := make([]page.IndexRow, len(rows))
	for i, r := range rows {
		index[i] = page.IndexRow{HostRow: r}
		if !slices.Contains(failed, r.Name) {
			index[i].Link = url.PathEscape(url.PathEscape(r.Name) + pageSuffix[s.Format])
		}
	}
	return s.writeTo(filepath.Join(dir, "index.html"), func(w io.Writer) error {
		out := s.out()
		out.W = w
		return page.Index(index, release.Current().Version, out)
	})
}

// pageSuffix is the end of the file names of these pages.
var pageSuffix = map[string]string{report.FormatTable: ".html", report.FormatHTML: ".html", report.FormatMarkdown: ".md", report.FormatJSON: ".json"}

// writePage writes the page of one host.
func (s *session) writePage(ctx context.Context, output string) error {
	write := page.Page
	switch s.Format {
	case report.FormatMarkdown:
		write = page.PageMarkdown
	case report.FormatJSON:
		write = page.PageJSON
	case report.FormatCSV:
		return usagef("report: no --format csv; there is html, markdown and json")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.compareInstalled(ctx); err != nil {
		return err
	}
	facts, err := s.pageFacts(ctx)
	if err != nil {
		return err
	}
	err = s.writeTo(output, func(w io.Writer) error {
		out := s.out()
		out.W = w
		return write(facts, out)
	})
	if err != nil {
		return err
	}
	return s.verdict(facts.Findings, "never")
}

// formatsOf are formats of single commands.
var formatsOf = map[string]string{report.FormatHTML: "report", report.FormatMarkdown: "report", report.FormatScript: "rollback"}

// AfterApply refuses these formats for other commands.
func (g *globals) AfterApply(kctx *kong.Context) error {
	command, _, _ := strings.Cut(kctx.Command(), " ")
	if only := formatsOf[g.Format]; only != "" && only != command {
		return fmt.Errorf("%s: no --format %s: only %s has it", command, g.Format, only)
	}
	return nil
}

// hostFacts collects the answers for the page and metrics, with the verdicts about the
// last few updates.
func (s *session) hostFacts(ctx context.Context, rollbacks int) (facts overview.HostFacts, err error) {
	options := overview.FactOptions{Version: release.Current().Version, Rollbacks: rollbacks, Rollback: s.rollbackOptions()}
	err = s.ask(ctx, func(db audit.Database) (err error) {
		options.Integrity = binpkgs.IntegrityOptions{Running: s.running(), Needed: s.needed(db)}
		facts, err = overview.CollectFacts(db, options)
		return err
	})
	return facts, err
}

// pageFacts collects all answers for a page.
func (s *session) pageFacts(ctx context.Context) (overview.HostFacts, error) {
	facts, err := s.hostFacts(ctx, overview.MostRollbacks)
	if err != nil {
		return facts, err
	}
	s.look(facts.Overview)
	err = s.ask(ctx, func(db audit.Database) (err error) {
		if facts.Weeks, err = history.AuditIntervals(db, history.PerWeek, s.zone(), overview.Weeks); err != nil {
			return err
		}
		if facts.Months, err = history.AuditIntervals(db, history.PerMonth, s.zone(), overview.Months); err != nil {
			return err
		}
		if facts.Storage, err = overview.AuditStorage(db, facts.Coverage); err != nil {
			return err
		}
		if facts.Importance, err = binpkgs.AuditImportance(db); err != nil || s.elsewhere != "" {
			return err
		}
		facts.Prune, err = s.configuredPlan(ctx, db, false)
		return err
	})
	return facts, err
}

// writeInto writes into an existing device or FIFO.
func writeInto(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

// writeTo writes to a file that appears only when it is complete, or to stdout if no
// file is named. An existing file keeps its mode. The umask decides who can read a
// new one, and a note says if these are more users than can read the database.
func (s *session) writeTo(path string, write func(io.Writer) error) error {
	if path == "" || path == "-" {
		return write(s.proc.stdout)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		// Renaming would replace the device. root would lose /dev/null.
		return writeInto(path, write)
	}
	_, err := os.Lstat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o666), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer file.Cleanup()
	if err := write(file); err != nil {
		return err
	}
	if err := file.CloseAtomicallyReplace(); err != nil || !isNew || s.Quiet {
		return err
	}
	if store.IsFleet(s.DB) {
		return nil
	}
	written, err := os.Stat(path)
	if err != nil {
		return err
	}
	database, err := os.Stat(s.DB)
	if err != nil {
		return err
	}
	if more := written.Mode() &^ database.Mode() & 0o044; more != 0 {
		s.messages.Note(fmt.Sprintf("%s: more users can read it (mode %04o) than the database %s (mode %04o); a file that is there keeps its mode",
			path, written.Mode().Perm(), s.DB, database.Mode().Perm()))
	}
	return nil
}
