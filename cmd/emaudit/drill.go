package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/cli/release"
	"emaudit/drill"
	"emaudit/drill/box"
	"emaudit/hostfs"
	"emaudit/ingest/packages"
	"emaudit/parse/atom"
	"emaudit/report/screen"
	"emaudit/report/states"
	"emaudit/store"
)

// drillCommand runs the plan of a rollback in a throw-away copy of the root.
type drillCommand struct {
	Package   string        `arg:"" optional:"" placeholder:"PACKAGE" help:"Installed package to roll back, with the packages that must change with it."`
	To        string        `placeholder:"STATE" help:"The state to go back to (previous); with PACKAGE, its version or build."`
	Undo      string        `placeholder:"RUN" help:"Undo one run and keep later changes."`
	All       bool          `help:"Drill the states before the last updates."`
	Last      int           `short:"n" placeholder:"N" default:"5" help:"With --all: the last N updates (5)."`
	Scratch   string        `typed:"" placeholder:"DIR" type:"path" help:"Folder for the copy, on another file system (memory)."`
	Size      byteSize      `typed:"" placeholder:"SIZE" help:"Maximum size of what is written (half of the room)."`
	Network   bool          `typed:"" help:"Give the commands the network, for a binhost."`
	TimeLimit time.Duration `placeholder:"TIME" default:"2h" help:"Maximum time of a drill (2h)."`
	Pids      int           `placeholder:"N" default:"4096" help:"Maximum number of processes and threads (4096)."`
	Keep      bool          `typed:"" help:"Keep the copy below --scratch for --enter."`
	Enter     bool          `typed:"" help:"Start a shell in the last copy kept below --scratch."`
}

func (*drillCommand) Help() string {
	return `Carries the plan of emaudit rollback out, with this host's emerge, in a throw-away
copy of the running system, and looks at what comes of it. The host stays as it
is: what is written goes to an overlay in memory, or below --scratch, and is
removed at the end. Only root can do that.

  PROVEN                    the state came back, and all looks are clean
  PROVEN WITH DIFFERENCES   it came back, with the differences that are named
  FAILED                    a command failed, or other builds came back

The commands are those that rollback prints, in namespaces of their own: they see
no network, no service and no home folder of the host, and cannot mount, load
modules or set the clock. Phases of the older packages run as they would in a
rollback. A plan that is PARTIAL is drilled as it is.

^C ends everything inside. A drill takes as long as the rollback would.
FAILED gives exit code 3; --fail-on warning gives it for differences, too.
` + exitStatus
}

func (c *drillCommand) Run(ctx context.Context, s *session) error {
	switch {
	case c.Last < 0 || c.Pids < 0 || c.TimeLimit < 0:
		return usagef("drill: --last, --pids and --time-limit count from 0")
	case c.All && (c.Package != "" || c.To != "" || c.Undo != ""):
		return usagef("drill: name one package, one run with --undo, one state with --to, or --all")
	case (c.Keep || c.Enter) && c.Scratch == "":
		return usagef("drill: only a folder outlives the drill: name one with --scratch, on another file system than the root (a tmpfs that you mount will do)")
	case c.Keep && c.All:
		return usagef("drill: --keep keeps one drill")
	case s.NoIngest:
		return usagef("drill: what is stored may be out of date: without --no-ingest")
	}
	if s.proc.euid != 0 {
		return errNotRoot
	}
	if c.Scratch != "" {
		if err := hostfs.Trusted(c.Scratch, false); err != nil {
			return fmt.Errorf("drill: --scratch: %w", err)
		}
		var err error
		if c.Scratch, err = filepath.EvalSymlinks(c.Scratch); err != nil {
			return fmt.Errorf("drill: --scratch: %w", err)
		}
	}
	if c.Enter {
		return c.enter(ctx, s)
	}
	questions, err := c.judge(ctx, s)
	if err != nil {
		return err
	}
	answer := &states.Drills{}
	for _, q := range questions {
		// Reading the files shows which ones Portage would refuse. Others may replace
		// these, so the plan is the one that rollback --verify prints.
		r, err := s.verifiedRollback(ctx, q.judge, q.answer)
		if err != nil {
			return err
		}
		kept, err := c.drill(ctx, s, r)
		if (errors.Is(err, drill.ErrNoPlan) || errors.Is(err, errFetches)) && c.All {
			s.messages.Note(err.Error())
			continue
		}
		if err != nil {
			return err
		}
		answer.Add(r, kept)
	}
	out := s.out()
	if err := out.Write(answer.Answer(out)); err != nil {
		return err
	}
	return s.verdict(answer.Findings(), "error")
}

// errFetches refuses a plan that needs the network.
var errFetches = errors.New("the plan fetches from a binhost, and the drill has no network")

// errNotRoot means that the user is not root.
var errNotRoot = errHinted{errors.New("drill: only root can make the copy of the system in which the plan is carried out"), "sudo emaudit drill; what files alone can show, emaudit rollback says to every user"}

// errHinted is an error with a remedy.
type errHinted struct {
	error
	hint string
}

func (e errHinted) Unwrap() error { return e.error }

// Hint returns the remedy.
func (e errHinted) Hint() string { return e.hint }

// question is a rollback, and how to judge it again.
type question struct {
	judge  func(audit.Database) (*rollback.Rollback, error)
	answer *rollback.Rollback
}

// judge judges the rollback.
func (c *drillCommand) judge(ctx context.Context, s *session) (all []question, err error) {
	judge, err := s.rollbackJudge(c.Package, c.To, c.Undo)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if s.elsewhere != "" {
		return nil, usagef("drill: %s is another machine; run emaudit there", s.hostName)
	}
	err = s.ask(ctx, func(db audit.Database) error {
		// A drill proves nothing about files that change during it.
		if runs, how, err := s.emergeRuns(db); err != nil {
			return err
		} else if runs {
			return fmt.Errorf("drill: an emerge is running (%s): wait for it to end", how)
		}
		if !c.All {
			one, err := judge(db)
			all = []question{{judge, one}}
			return err
		}
		rollbacks, err := rollback.AuditRollbacks(db, c.Last, s.rollbackOptions())
		for _, r := range rollbacks {
			all = append(all, question{func(db audit.Database) (*rollback.Rollback, error) {
				return rollback.AuditRollback(db, state.Moment{Run: *r.Target.Run}, s.rollbackOptions())
			}, r})
		}
		return err
	})
	return all, rollbackError("drill", err)
}

// drill runs one plan and stores the result.
func (c *drillCommand) drill(ctx context.Context, s *session, r *rollback.Rollback) (kept string, err error) {
	if len(r.Plan) == 0 {
		return "", errHinted{fmt.Errorf("drill of %s: %w", states.DrillSubject(r), drill.ErrNoPlan), r.Command.String() + " says why"}
	}
	if fetched := r.Fetched(); len(fetched) > 0 && !c.Network {
		return "", errHinted{fmt.Errorf("drill of %s: %w: %s", states.DrillSubject(r), errFetches, strings.Join(fetched, " ")), "give it the network with --network, or fetch them first"}
	}
	if err := c.checkRoom(s, r); err != nil {
		return "", err
	}
	log, err := s.createDrillLog()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if !s.Quiet {
		s.messages.Note(fmt.Sprintf("drill of %s: %s; the log is %s", states.DrillSubject(r), audit.Counted(len(r.Plan), "command", "commands"), log.Name()))
	}
	begin := s.proc.now()
	in := drill.Input{
		Rollback: r, Before: s.root, Settings: s.settings, Disk: packages.NewInstallation(s.root, s.settings),
		Box: box.Options{
			Scratch: c.Scratch, Size: int64(c.Size), Network: c.Network, Pids: c.Pids, Keep: c.Keep, TimeLimit: c.TimeLimit,
			Env: s.drillEnvironment(), Log: log, Now: s.proc.now,
		},
	}
	if s.proc.messageTerminal().IsTerminal && !s.Quiet {
		in.Progress = func(p drill.Progress) {
			what := "merged"
			if p.Removed {
				what = "removing"
			}
			s.messages.Note(fmt.Sprintf("%6s  %s %d of %d  %s", screen.Duration(s.proc.now().Sub(begin).Round(time.Second)), what, p.Number, p.Count, p.Package))
		}
	}
	result, err := drill.Run(ctx, in)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%w; the log is %s", err, log.Name())
		}
		return "", err
	}
	row := result.Row(r)
	row.Log, row.Program, row.Portage = log.Name(), release.Current().Version, s.portageVersion()
	r.Proof = r.ProofOf(&row)
	return result.Kept, s.db.Update(ctx, func(tx *store.Tx) error { return tx.AddDrill(s.host, &row) })
}

// portageVersion returns the version of the installed Portage, or "".
func (s *session) portageVersion() string {
	dir, err := s.root.OpenDir(path.Join(s.settings.VDB(), "sys-apps"))
	if err != nil {
		return ""
	}
	defer dir.Close()
	names, _ := dir.Names() // in case of an error there is no version
	for _, name := range names {
		if c, err := atom.ParseCPV("sys-apps/" + name); err == nil && c.CP() == "sys-apps/portage" {
			return strings.TrimPrefix(name, "portage-")
		}
	}
	return ""
}

// checkRoom prints how much room a drill may take. It fails if there is not enough.
func (c *drillCommand) checkRoom(s *session, r *rollback.Rollback) error {
	need := drill.Room(r)
	available, err := box.Available(c.Scratch)
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	where := "memory"
	if c.Scratch != "" {
		where = c.Scratch
	}
	if c.Size > 0 {
		available = min(available, int64(c.Size))
	}
	if need > available {
		return errHinted{
			fmt.Errorf("drill of %s: it needs up to %s, and %s has %s for it", states.DrillSubject(r), screen.Size(need), where, screen.Size(available)),
			"name a folder with more room with --scratch DIR, on another file system than the root",
		}
	}
	if !s.Quiet {
		s.messages.Note(fmt.Sprintf("drill of %s: up to %s of %s, which has %s", states.DrillSubject(r), screen.Size(need), where, screen.Size(available)))
	}
	return nil
}

// drillEnvironment returns the environment of the commands of a plan: the environment
// of an administrator who would type them. The home folders are not in a drill.
func (s *session) drillEnvironment() []string {
	env := slices.DeleteFunc(slices.Clone(s.proc.env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return name == "HOME" || name == "PWD" || name == "OLDPWD" || strings.HasPrefix(name, "EMAUDIT_") || s.proc.foreign && name == "PATH"
	})
	if !slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }) {
		env = append(env, "PATH="+systemPath)
	}
	return append(env, "HOME=/root")
}

// maxDrillLogs is the maximum number of stored logs of drills.
const maxDrillLogs = 50

// createDrillLog creates the log of a drill next to the database and removes the
// oldest ones.
func (s *session) createDrillLog() (*os.File, error) {
	dir := filepath.Join(filepath.Dir(s.DB), "drills")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, err
	}
	slices.Sort(old)
	for len(old) >= maxDrillLogs {
		if err := os.Remove(old[0]); err != nil {
			return nil, err
		}
		old = old[1:]
	}
	return os.CreateTemp(dir, s.proc.now().UTC().Format("20060102T150405Z")+"-*.log")
}

// enter starts a shell in a kept drill.
func (c *drillCommand) enter(ctx context.Context, s *session) error {
	dir, err := box.LastKept(c.Scratch)
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	b, err := box.Reopen(ctx, dir, box.Options{Terminal: true, Log: s.proc.stderr, Env: s.drillEnvironment(), Now: s.proc.now})
	if err != nil {
		return err
	}
	s.messages.Note("this is a shell in " + dir + "; exit leaves it, and rm -r removes what was kept")
	shell := s.proc.getenv("SHELL")
	if _, err := os.Stat(filepath.Join(b.Root(), shell)); shell == "" || err != nil {
		shell = "/bin/sh"
	}
	_, err = b.Run(ctx, box.Step{Name: shell, Argv: []string{shell}, Dir: "/root"})
	return errors.Join(err, b.Close())
}

// rollbackJudge returns the question about the rollback that the command line names.
func (s *session) rollbackJudge(name, to, undo string) (func(audit.Database) (*rollback.Rollback, error), error) {
	if undo != "" && (name != "" || to != "") {
		return nil, usagef("%s: name one package, one run with --undo, one state with --to, or --all", s.command)
	}
	if name != "" {
		return func(db audit.Database) (*rollback.Rollback, error) {
			r, err := rollback.AuditPackage(db, name, to, s.rollbackOptions())
			if errors.Is(err, rollback.ErrNotInstalled) {
				return nil, notInstalled(db, name)
			}
			return r, err
		}, nil
	}
	moment, err := s.moment(cmp.Or(undo, to, "previous"))
	if err != nil {
		return nil, err
	}
	if undo != "" && moment.Run == 0 {
		return nil, usagef("%s --undo: %q names no run", s.command, undo)
	}
	return func(db audit.Database) (*rollback.Rollback, error) {
		if undo != "" {
			return rollback.AuditUndo(db, moment.Run, s.rollbackOptions())
		}
		return rollback.AuditRollback(db, moment, s.rollbackOptions())
	}, nil
}

// rollbackError makes an error about a run, pin, package or build that does not exist
// a usage error.
func rollbackError(command string, err error) error {
	for _, of := range []error{state.ErrNoSuchPin, state.ErrNoSuchRun, rollback.ErrAmbiguous, rollback.ErrNoBuild} {
		if errors.Is(err, of) {
			return usagef("%s: %v", command, err)
		}
	}
	return err
}
