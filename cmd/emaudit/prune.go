package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/prune"
	"emaudit/report/screen"
	"emaudit/report/states"
)

// pruneCommand lists the files that can go. It is the only command that changes
// PKGDIR.
type pruneCommand struct {
	Journal string `arg:"" optional:"" name:"journal" help:"With --undo: the journal to undo (the last)."`

	prunePolicy
	fleetFlags
	Forget  []string `typed:"" rare:"" placeholder:"HOST" help:"This host is gone: keep nothing for it; may be repeated."`
	Explain string   `placeholder:"PATH|ATOM" help:"Explain why these files stay or go."`

	Pretend         bool          `rare:"" aliases:"dry-run" help:"Change nothing, which is the default."`
	Apply           bool          `typed:"" help:"Move the files to the quarantine, and remove them from the index."`
	Yes             bool          `typed:"" short:"y" help:"Do not ask."`
	Delete          bool          `typed:"" rare:"" help:"With --apply: delete the files at once. This cannot be undone."`
	Undo            bool          `typed:"" help:"Restore the files of a prune."`
	Empty           bool          `typed:"" help:"Delete what was in quarantine for 14 days. No undo."`
	WhileEmergeRuns bool          `typed:"" rare:"" help:"Do not refuse while emerge is running."`
	TrustClock      bool          `typed:"" rare:"" help:"Do not refuse if the clock looks wrong."`
	LockWait        time.Duration `rare:"" placeholder:"TIME" default:"30s" help:"Maximum time to wait for Portage's lock (30s)."`
}

func (*pruneCommand) Help() string {
	return `Says what can go, why the rest stays, and which rollbacks end. Nothing changes
without --apply. What stays is what is installed, pinned or excluded, what kept
states and other hosts need, and everything about which too little is known.

--apply takes Portage's lock, checks every file again, moves it to
PKGDIR/.emaudit-quarantine, and updates Packages and Packages.gz. If others can
write to PKGDIR, the quarantine is in the folder above it. A quarantine that
another user owns or can write to is refused. --undo restores the files. emaudit
may be killed at any moment: the next --apply, --undo or --empty first restores
what was half done.

These stay:
  what is installed, pinned or excluded
  what the states before the last --keep-states updates need
  what the states of the last --keep-days days need, if a rollback to them is
  possible; three times as long for packages of system, toolchain and boot
  last copies of which nobody knows whether they could be built again
  what other hosts of the database, and the files below --needs, need
  everything about which too little is known
` + exitStatus
}

// Run plans and performs the requested action.
func (c *pruneCommand) Run(ctx context.Context, s *session) error {
	if err := c.check(s); err != nil {
		return err
	}
	excludes, findings, err := c.excludes()
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if c.changes() && s.stale != nil {
		return fmt.Errorf("%w: the plan could not be checked again", s.stale)
	}
	more, err := s.defaultExcludes(&excludes)
	if err != nil {
		return err
	}
	run := &pruneRun{pruneCommand: c, session: s, policy: c.policy(excludes), host: &prune.Host{
		Root: s.root, Options: prune.Options{Now: s.proc.now().Unix(), LockWait: c.LockWait},
	}}
	for _, d := range s.settings.PkgDirs() {
		run.host.PkgDirs = append(run.host.PkgDirs, d.Path)
	}
	if run.plan, err = run.makePlan(ctx); err != nil {
		return err
	}
	run.plan.Findings = append(run.plan.Findings, append(findings, more...)...)
	for _, name := range run.plan.Strangers {
		s.messages.Warning(fmt.Sprintf("prune --forget %s: nothing is known of such a host", screen.Clean(name)))
	}
	switch {
	case c.Undo:
		err = run.after(ctx, run.host.Undo(ctx, c.Journal))
	case c.Empty:
		if err = run.refuseWrongClock(ctx); err == nil {
			err = run.host.Empty(ctx)
		}
	case c.Apply:
		err = run.apply(ctx)
	default:
		run.host.ReadJournals()
	}
	run.host.Refused(err)
	if errors.Is(err, prune.ErrLocked) {
		err = fmt.Errorf("%w; wait for it to end, or raise --lock-wait", err)
	}
	if err != nil && run.host.Done.Action == "" && !errors.Is(err, prune.ErrUntrusted) {
		return err
	}
	run.plan.Findings = append(run.plan.Findings, run.host.Findings...)
	audit.SortFindings(run.plan.Findings)
	out := s.out()
	answer := &states.Prune{Plan: run.plan, Done: run.host.Done, Journals: run.host.Journals, Explain: c.Explain, Place: run.host.Place}
	if writeErr := out.Write(answer.Answer(out)); err == nil {
		err = writeErr
	}
	if err != nil {
		return err
	}
	return s.verdict(run.plan.Findings, "never")
}

// changes reports whether the command changes PKGDIR.
func (c *pruneCommand) changes() bool { return c.Apply || c.Undo || c.Empty }

// check refuses contradictory flags.
func (c *pruneCommand) check(s *session) error {
	n := 0
	for _, x := range []bool{c.Apply, c.Undo, c.Empty, c.Explain != ""} {
		if x {
			n++
		}
	}
	switch {
	case c.Pretend && c.changes():
		return usagef("prune: --pretend changes nothing: leave it out")
	case n > 1:
		return usagef("prune: --apply, --undo, --empty and --explain exclude each other")
	case c.Delete && !c.Apply:
		return usagef("prune --delete: say --apply too")
	case c.Journal != "" && !c.Undo:
		return usagef("prune: a journal is named with --undo")
	case min(c.KeepStates, c.KeepDays, c.KeepWeekly, c.KeepMonthly, c.KeepVersions, c.KeepBuilds) < 0:
		return usagef("prune: --keep-states, --keep-days and their like count from 0")
	case max(c.KeepWeekly, c.KeepMonthly) > 1000:
		return usagef("prune: --keep-weekly and --keep-monthly count to 1000")
	case c.changes() && s.NoIngest:
		return usagef("prune: what is stored may be out of date: without --no-ingest")
	case c.Apply && !c.Yes && !s.canAsk():
		return usagef("prune --apply: nobody can answer here: add --yes")
	}
	return nil
}

// canAsk reports whether standard input is a terminal.
func (s *session) canAsk() bool {
	f, ok := s.proc.stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// pruneRun is one run of the command.
type pruneRun struct {
	*pruneCommand
	*session
	policy cleanup.PrunePolicy
	plan   *cleanup.PrunePlan
	host   *prune.Host
}

// makePlan makes a plan from the stored facts.
func (r *pruneRun) makePlan(ctx context.Context) (plan *cleanup.PrunePlan, err error) {
	err = r.ask(ctx, func(db audit.Database) error {
		if r.host.Place, err = db.FindPlace(); err != nil {
			return err
		}
		plan, err = r.planPrune(db, r.policy, r.fleet(ctx, r.Forget), false)
		return err
	})
	if err != nil {
		return nil, err
	}
	return plan, r.rememberClients(ctx, plan)
}

// apply performs the plan.
func (r *pruneRun) apply(ctx context.Context) error {
	if err := r.refuseWhileEmergeRuns(ctx); err != nil {
		return err
	}
	if err := r.refuseWrongClock(ctx); err != nil {
		return err
	}
	if err := refuseUnheard(r.plan); err != nil {
		return err
	}
	r.host.Journals = []cleanup.PruneJournal{}
	if len(r.plan.Candidates) > 0 && !r.Yes {
		if ok, err := r.confirm(); err != nil || !ok {
			return err
		}
	}
	r.host.Options.Now = r.proc.now().Unix() // the answer may have taken long
	err := r.host.Apply(ctx, r.plan.Candidates, r.Delete, r.again)
	return r.after(ctx, err)
}

// after updates the database with the changes.
func (r *pruneRun) after(ctx context.Context, err error) error {
	if r.host.Done.Files == 0 && r.host.Done.Entries == 0 {
		if err != nil {
			r.host.Done.Action = ""
		}
		return err
	}
	return errors.Join(err, r.ingest(ctx))
}

// again makes a new plan while it holds the lock, and returns the candidates of a
// folder. The answer of the user may have taken long.
func (r *pruneRun) again(ctx context.Context, pkgdir string) (map[string]bool, error) {
	if err := r.refuseWhileEmergeRuns(ctx); err != nil {
		return nil, err
	}
	if err := r.ingest(ctx); err != nil {
		return nil, err
	}
	plan, err := r.makePlan(ctx)
	if err != nil {
		return nil, err
	}
	if err := refuseUnheard(plan); err != nil {
		return nil, err
	}
	still := map[string]bool{}
	for _, c := range plan.Candidates {
		if c.PkgDir == pkgdir {
			still[c.Path] = true
		}
	}
	return still, nil
}

func (r *pruneRun) refuseWhileEmergeRuns(ctx context.Context) error {
	if r.WhileEmergeRuns {
		return nil
	}
	return r.ask(ctx, func(db audit.Database) error {
		runs, how, err := r.emergeRuns(db)
		if err == nil && runs {
			err = fmt.Errorf("an emerge is running (%s): wait for it to end, or say --while-emerge-runs", how)
		}
		return err
	})
}

// refuseWrongClock refuses to prune by age if the log, the builds or the files
// contradict the clock.
func (r *pruneRun) refuseWrongClock(ctx context.Context) error {
	return r.ask(ctx, func(db audit.Database) error {
		wrong, err := audit.AuditClockForAges(db)
		if err == nil && len(wrong) > 0 && !r.TrustClock {
			err = fmt.Errorf("the clock: %s: %s; or say --trust-clock", wrong[0].Message, wrong[0].Remedy)
		}
		return err
	})
}

// refuseUnheard refuses to remove packages that a host may need if too little is
// known of that host.
func refuseUnheard(plan *cleanup.PrunePlan) error {
	names := plan.Unheard()
	if len(names) == 0 {
		return nil
	}
	hint := "emaudit prune says why; if it is gone: emaudit prune --apply"
	for _, name := range names {
		hint += " --forget " + audit.ShellQuote(screen.Clean(name))
	}
	return errUnheard{fmt.Errorf("too little is known of %s: nothing is removed that it may need", screen.Clean(strings.Join(names, ", "))), hint}
}

// errUnheard means that too little is known of another host.
type errUnheard struct {
	error
	hint string
}

func (e errUnheard) Unwrap() error { return e.error }

// Hint returns the remedy.
func (e errUnheard) Hint() string { return e.hint }

// confirm asks the user for confirmation.
func (r *pruneRun) confirm() (bool, error) {
	what := "Move them to the quarantine"
	if r.Delete {
		what = "Delete them for good"
	}
	fmt.Fprintf(r.proc.stderr, "%s.\n%s? [y/N] ", states.PruneHeadline(r.plan), what)
	line, err := bufio.NewReader(r.proc.stdin).ReadString('\n')
	if err != nil && line == "" {
		return false, fmt.Errorf("no answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}
