package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
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

// Help returns the long help of the command.
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
	run := &pruneRun{pruneCommand: c, session: s, policy: c.policy(excludes)}
	if run.plan, err = run.makePlan(ctx); err != nil {
		return err
	}
	run.plan.Findings = append(run.plan.Findings, append(findings, more...)...)
	switch {
	case c.Undo:
		err = run.undo(ctx)
	case c.Empty:
		err = run.empty(ctx)
	case c.Apply:
		err = run.apply(ctx)
	default:
		run.readJournals()
	}
	run.refused(err)
	if err != nil && run.done.Action == "" && !errors.Is(err, prune.ErrUntrusted) {
		return err
	}
	audit.SortFindings(run.plan.Findings)
	out := s.out()
	answer := &states.Prune{Plan: run.plan, Done: run.done, Journals: run.journals, Explain: c.Explain, Place: run.place}
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
	policy   cleanup.PrunePolicy
	place    audit.Place
	plan     *cleanup.PrunePlan
	done     states.PruneDone
	journals []cleanup.PruneJournal
}

// makePlan makes a plan from the stored facts.
func (r *pruneRun) makePlan(ctx context.Context) (plan *cleanup.PrunePlan, err error) {
	err = r.ask(ctx, func(db audit.Database) error {
		if r.place, err = db.FindPlace(); err != nil {
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

// each opens one folder of binary packages after the other.
func (r *pruneRun) each(do func(*prune.PkgDir) error) error {
	for _, d := range r.settings.PkgDirs() {
		if err := r.with(d.Path, do); err != nil {
			return err
		}
	}
	return nil
}

func (r *pruneRun) with(pkgdir string, do func(*prune.PkgDir) error) error {
	dir, err := prune.Open(r.root, pkgdir, prune.Options{Now: r.proc.now().Unix(), LockWait: r.LockWait})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = do(dir)
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	if errors.Is(err, prune.ErrLocked) {
		err = fmt.Errorf("%w; wait for it to end, or raise --lock-wait", err)
	}
	return err
}

// undoCommand returns the command that undoes a prune or, without a journal, an
// interrupted one.
func undoCommand(journal string) audit.Command {
	undo := audit.Emaudit("prune", "--undo")
	if journal != "" {
		undo = undo.Plus(journal)
	}
	return undo
}

// readJournals lists the quarantine and reports its problems.
func (r *pruneRun) readJournals() {
	r.journals = []cleanup.PruneJournal{}
	err := r.each(func(dir *prune.PkgDir) error {
		all, err := dir.Journals()
		r.journals = append(r.journals, all...)
		for _, j := range all {
			subject := j.Path
			switch j.Status {
			case cleanup.JournalUnfinished:
				r.find("prune-unfinished", audit.SeverityWarning, subject, "an earlier prune was interrupted: its files are still in quarantine", audit.Do(undoCommand("")))
			case cleanup.JournalUnreadable:
				r.find(audit.CodePruneJournalUnread, audit.SeverityWarning, subject, j.Problem, audit.Do(audit.Files("ls", "-la", j.Path)).When("look into it: the files are there by number"))
			}
		}
		return err
	})
	if err == nil || r.refused(err) {
		return
	}
	subject, remedy := prune.Quarantine, audit.Advise("run emaudit as root")
	if q := (*prune.QuarantineError)(nil); errors.As(err, &q) {
		subject = q.Path
		if errors.Is(err, prune.ErrMountPoint) {
			remedy = audit.Do(audit.Files("umount", q.Path))
		}
	}
	r.find(audit.CodePruneJournalUnread, audit.SeverityWarning, subject, err.Error(), remedy)
}

// refused prints the error about a quarantine that is not trusted. It reports whether
// err is such an error.
func (r *pruneRun) refused(err error) bool {
	var q *prune.QuarantineError
	if !errors.As(err, &q) || !errors.Is(err, prune.ErrUntrusted) {
		return false
	}
	for _, f := range r.plan.Findings {
		if f.Code == audit.CodePruneQuarantineRefused && f.Subject == q.Path {
			return true
		}
	}
	r.find(audit.CodePruneQuarantineRefused, audit.SeverityError, q.Path, q.Err.Error(),
		audit.Do(audit.Files("ls", "-laR", q.Path)).When("its owner undoes what he pruned; otherwise move it away, after a look"))
	return true
}

func (r *pruneRun) find(code string, severity audit.Severity, subject, message string, remedy audit.Remedy) {
	r.plan.Findings = append(r.plan.Findings, audit.Finding{
		Code: code, Severity: severity, Subject: subject, Message: message,
		Evidence: []audit.Evidence{{Source: subject}}, Remedy: remedy.At(r.place),
	})
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
	r.journals = []cleanup.PruneJournal{}
	if len(r.plan.Candidates) > 0 && !r.Yes {
		if ok, err := r.confirm(); err != nil || !ok {
			return err
		}
	}
	r.done = states.PruneDone{Action: states.PruneApplied, Skipped: []cleanup.PruneSkip{}}
	if r.Delete {
		r.done.Action = states.PruneDeleted
	}
	err := r.each(func(dir *prune.PkgDir) error {
		still := func(ctx context.Context) (map[string]bool, error) { return r.again(ctx, dir.Path()) }
		result, err := dir.Apply(ctx, r.plan.Candidates, prune.ApplyOptions{Delete: r.Delete, Still: still})
		r.recovered(result.Recovered)
		r.done.Files += result.Files
		r.done.Size += result.Size
		r.done.Entries += result.Entries
		if result.Journal != "" {
			r.done.Journal, r.done.Quarantine, r.done.QuarantineWhy = result.Journal, result.Quarantine, result.Why
			r.done.DeletableAt = r.proc.now().Unix() + prune.Keep
		}
		r.done.Skipped = append(r.done.Skipped, result.Skipped...)
		for _, skip := range result.Skipped {
			r.find("prune-skipped", audit.SeverityWarning, path.Join(result.PkgDir, skip.Path), skip.Reason, audit.Do(audit.Emaudit("prune")))
		}
		return err
	})
	return r.after(ctx, err)
}

// after updates the database with the changes.
func (r *pruneRun) after(ctx context.Context, err error) error {
	if r.done.Files == 0 && r.done.Entries == 0 {
		if err != nil {
			r.done.Action = ""
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

// recovered prints what an earlier, interrupted run had left and this one restored.
func (r *pruneRun) recovered(all []prune.Restored) {
	for _, restored := range all {
		r.find("prune-recovered", audit.SeverityInfo, restored.PkgDir,
			fmt.Sprintf("an earlier prune (journal %s) was interrupted: its %d files were restored first", restored.Journal, restored.Files), audit.Advise("nothing: it is done"))
		r.unrestored(restored)
	}
}

// unrestored prints what could not be restored.
func (r *pruneRun) unrestored(restored prune.Restored) {
	for _, p := range restored.Conflicts {
		r.find("prune-conflict", audit.SeverityWarning, path.Join(restored.PkgDir, p),
			"another file has its place by now: the old one stays in quarantine, in journal "+restored.Journal, audit.Do(undoCommand(restored.Journal)).When("move the new one away, and then"))
	}
	for _, s := range restored.Stuck {
		r.find("prune-stuck", audit.SeverityError, path.Join(restored.PkgDir, s.Path),
			"it cannot be put back, and stays in quarantine, in journal "+restored.Journal+": "+s.Reason, audit.Do(undoCommand(restored.Journal)).When("lsattr -d and findmnt -T show what holds the place; without that"))
	}
	for _, p := range restored.Missing {
		r.find("prune-missing", audit.SeverityError, path.Join(restored.PkgDir, p), "it is neither in quarantine nor at its place: something else took it away", audit.Do(audit.Emaudit("audit", "coverage")))
	}
}

// undo undoes a prune in every folder that has its journal.
func (r *pruneRun) undo(ctx context.Context) error {
	id := r.Journal
	if id == "" {
		r.readJournals()
		newest := int64(-1)
		for _, j := range r.journals {
			if j.Status == cleanup.JournalUnfinished {
				// The interrupted action is the one to undo.
				id = ""
				break
			}
			if j.Status == cleanup.JournalApplied && j.CreatedAt > newest {
				id, newest = j.ID, j.CreatedAt
			}
		}
	}
	r.journals = []cleanup.PruneJournal{}
	found := false
	err := r.each(func(dir *prune.PkgDir) error {
		if recovered, err := dir.Recover(ctx); err != nil {
			return err
		} else if len(recovered) > 0 {
			r.recovered(recovered)
			found = found || r.Journal == ""
			for _, restored := range recovered {
				r.count(restored)
			}
		}
		if id == "" {
			return nil
		}
		restored, err := dir.Undo(ctx, id)
		if errors.Is(err, prune.ErrNoJournal) {
			return nil
		}
		if err == nil {
			found = true
			r.count(restored)
			r.unrestored(restored)
		}
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %q", prune.ErrNoJournal, id)
	}
	return r.after(ctx, err)
}

func (r *pruneRun) count(restored prune.Restored) {
	r.done.Action = states.PruneUndone
	r.done.Skipped = []cleanup.PruneSkip{}
	r.done.Files += restored.Files
	r.done.Size += restored.Size
}

// empty deletes files that were in quarantine long enough.
func (r *pruneRun) empty(ctx context.Context) error {
	if err := r.refuseWrongClock(ctx); err != nil {
		return err
	}
	r.done = states.PruneDone{Action: states.PruneEmptied, Skipped: []cleanup.PruneSkip{}}
	before := r.proc.now().Unix() - prune.Keep
	err := r.each(func(dir *prune.PkgDir) error {
		emptied, err := dir.Empty(ctx, before)
		r.done.Files += emptied.Files
		r.done.Size += emptied.Size
		return err
	})
	r.readJournals()
	return err
}
