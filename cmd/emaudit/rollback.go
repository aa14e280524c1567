package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/ingest"
	"emaudit/ingest/live"
	"emaudit/ingest/packages"
	"emaudit/report"
	"emaudit/report/states"
	"emaudit/store"
)

// rollbackCommand prints whether the host can go back to an earlier state, and the
// commands.
type rollbackCommand struct {
	Package string `arg:"" optional:"" placeholder:"PACKAGE" help:"Installed package to roll back, with the packages that must change with it."`
	To      string `placeholder:"STATE" help:"The state to go back to (previous); with PACKAGE, its version or build."`
	Undo    string `placeholder:"RUN" help:"Undo one run and keep later changes."`
	All     bool   `help:"List the last updates and whether each can be undone."`
	Verify  bool   `help:"First read the binary packages of the plan in full."`
	Last    int    `short:"n" placeholder:"N" default:"20" help:"With --all: only the last N; 0 means all of them (20)."`
}

// undoRunCommand is rollback --undo, under the name that users of dnf know.
type undoRunCommand struct {
	Number string `arg:"" optional:"" name:"run" help:"The run (without one: the last update)."`
}

func (c *undoRunCommand) Run(ctx context.Context, s *session) error {
	s.command = "rollback"
	return (&rollbackCommand{Undo: c.Number}).Run(ctx, s)
}

func (*rollbackCommand) Help() string {
	return `Says whether you can go back to an earlier state with the binary packages that
are there, and prints the commands. emaudit runs none of them.

  READY                 every condition that files can show is met
  READY WITH WARNINGS   the same, with warnings to read first
  PARTIAL               some packages cannot go back; the others can
  NOT READY             nothing can go back

` + momentHelp + `
Every package that changes needs a whole binary package of the right build, and
every dependency, built slot operator, blocker and library must be satisfied
afterwards. --verify reads the files of the plan in full; without that, nobody
knows whether they are whole. --format sh writes the plan as a script to read
first.

One PACKAGE goes back to the next older build that can be merged, or to that of
--to, with what must go along and nothing else. --undo RUN takes back what one run
did, and keeps what came later.

NOT READY and PARTIAL give exit code 3; --fail-on changes that.
` + exitStatus
}

func (c *rollbackCommand) Run(ctx context.Context, s *session) error {
	if c.Last < 0 {
		return usagef("--last counts from 1")
	}
	if c.Verify && (c.All || s.NoIngest) {
		return usagef("rollback --verify reads the files of one plan: it goes neither with --all nor with --no-ingest")
	}
	if c.All && s.Format == report.FormatScript {
		return usagef("rollback --all: a script is made of one state; name it with --to")
	}
	if c.All && (c.Package != "" || c.Undo != "") {
		return usagef("rollback: name one package, one run with --undo, one state with --to, or --all")
	}
	judge, err := s.rollbackJudge(c.Package, c.To, c.Undo)
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var one *rollback.Rollback
	var all []*rollback.Rollback
	err = s.ask(ctx, func(db audit.Database) (err error) {
		if c.All {
			all, err = rollback.AuditRollbacks(db, c.Last, s.rollbackOptions())
			return err
		}
		one, err = judge(db)
		return noUpdate(db, err)
	})
	if err == nil && c.Verify {
		one, err = s.verifiedRollback(ctx, judge, one)
	}
	err = rollbackError("rollback", err)
	if err != nil {
		return err
	}
	out := s.out()
	switch {
	case c.All:
		answer := states.Rollbacks(all, out)
		if err := out.Write(answer); err != nil {
			return err
		}
		return s.verdict(answer.Findings, "never")
	case s.Format == report.FormatScript:
		if err := states.RollbackScript(s.proc.stdout, one, out); err != nil {
			return err
		}
	default:
		if err := out.Write(states.Rollback(one, out)); err != nil {
			return err
		}
	}
	return s.verdict(one.Findings, "error")
}

// verifiedRollback reads the files of a plan in full and judges again. If a file is
// damaged, the next judgement selects another one, which is then read too. The loop
// ends when every file of the plan was read.
func (s *session) verifiedRollback(ctx context.Context, judge func(audit.Database) (*rollback.Rollback, error), r *rollback.Rollback) (*rollback.Rollback, error) {
	if s.stale != nil {
		return nil, fmt.Errorf("%w: the result could not be stored", s.stale)
	}
	read := map[[2]string]bool{}
	for {
		due := map[[2]string]bool{}
		for _, b := range r.Unread() {
			if file := [2]string{b.PkgDir, b.Path}; !read[file] {
				due[file], read[file] = true, true
			}
		}
		if len(due) == 0 {
			return r, nil
		}
		options := packages.VerifyOptions{
			Now: s.proc.now().Unix(), Jobs: s.Jobs, Progress: s.progress, Images: true,
			Wanted: func(pkgdir, path string) bool { return due[[2]string{pkgdir, path}] },
		}
		if _, err := new(verifyCommand).readKeyring(s, &options); err != nil {
			return nil, err
		}
		if _, err := packages.Verify(ctx, s.db, ingest.Host{ID: s.host, Root: s.root, Settings: s.settings}, options); err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		err := s.ask(ctx, func(db audit.Database) (err error) {
			r, err = judge(db)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
}

// noUpdate makes the error of a history in which nothing changed say so if the history
// could not be read.
func noUpdate(db audit.Database, nothing error) error {
	if !errors.Is(nothing, state.ErrNothingChanged) {
		return nothing
	}
	sources, err := audit.SourceFindings(db, store.SourceEmergeLog)
	for _, f := range sources {
		if f.Code == audit.CodeSourceUnreadable || f.Code == audit.CodeEmergeLogMissing {
			nothing = errHinted{fmt.Errorf("no update is known: %s: %s", f.Subject, f.Message), f.Remedy.String()}
		}
	}
	return cmp.Or(err, nothing)
}

// rollbackOptions returns facts from the root for one answer: free space and the
// protected files of installed packages.
func (s *session) rollbackOptions() rollback.Options {
	if s.elsewhere != "" {
		return rollback.RecordedDisk(s.diskFacts)
	}
	installation := packages.NewInstallation(s.root, s.settings)
	o := rollback.Options{Contents: installation.Contents, Disk: installation, Changed: installation.Changed, Ebuild: s.buildable, KernelRelease: live.KernelRelease(s.root)}
	o.Repositories, o.Folders = live.Repositories(s.root, s.settings), live.ListFolders(s.root, s.settings)
	for _, p := range live.MeasureSpace(s.root, s.settings) {
		o.Space = append(o.Space, audit.Space(p))
	}
	return o
}

// buildable reports whether a repository has the ebuild of a version.
func (s *session) buildable(cpv string) acceptance.EbuildState {
	if s.ebuilds == nil {
		s.ebuilds = live.OpenEbuilds(s.root, s.settings)
	}
	switch there, known := s.ebuilds.Find(cpv); {
	case !known:
		return acceptance.EbuildUnknown
	case there:
		return acceptance.EbuildThere
	}
	return acceptance.EbuildGone
}
