package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"golang.org/x/term"

	"emaudit/audit/overview"
	"emaudit/cli/config"
	"emaudit/cli/pager"
	"emaudit/report/screen"
)

// process is the environment of a run of emaudit. Tests replace it.
type process struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
	euid           int
	foreign        bool // euid is not the user at the terminal
	now            func() time.Time
	local          *time.Location
	grace          time.Duration // time to end after a signal
	// onHost says that commands are shown as they are typed on the audited host itself,
	// for the examples of the documents.
	onHost bool
}

// getenv returns a variable of the environment.
func (p *process) getenv(name string) string {
	for i := len(p.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(p.env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// commandLine is the grammar of the arguments.
type commandLine struct {
	globals

	Summary    summaryCommand    `cmd:"" default:"withargs" help:"Show the state of this host on one screen (the default)."`
	Ingest     ingestCommand     `cmd:"" help:"Read new data into the database."`
	Runs       runsCommand       `cmd:"" aliases:"history" help:"List the runs of emerge: command, result, time."`
	Log        logCommand        `cmd:"" aliases:"l" help:"List merges, removals and syncs by time."`
	Failures   failuresCommand   `cmd:"" help:"Show which merges failed, and why."`
	Messages   messagesCommand   `cmd:"" help:"Show the unread elog messages."`
	Show       showCommand       `cmd:"" help:"Show everything that is known about a package."`
	Stats      statsCommand      `cmd:"" aliases:"s" help:"Count and time merges, syncs and runs."`
	Predict    predictCommand    `cmd:"" aliases:"p" help:"Predict how long a list of merges will take."`
	Current    currentCommand    `cmd:"" help:"Show what emerge is merging now."`
	Audit      auditCommand      `cmd:"" help:"Run the checks; findings decide the exit code."`
	Verify     verifyCommand     `cmd:"" help:"Read binary packages in full and check signatures."`
	States     statesCommand     `cmd:"" help:"List earlier states and whether each is known."`
	Diff       diffCommand       `cmd:"" help:"Show what changed between two states."`
	Rollback   rollbackCommand   `cmd:"" help:"Can I go back, and with which commands?"`
	Undo       undoRunCommand    `cmd:"" hidden:"" help:"Undo one run: rollback --undo."`
	Drill      drillCommand      `cmd:"" help:"Try a rollback in a throw-away copy of the system."`
	Pin        pinCommand        `cmd:"" help:"Name a state, and keep the packages that it needs."`
	Stage      stageCommand      `cmd:"" help:"Copy the binary packages of a state to a folder."`
	Prune      pruneCommand      `cmd:"" help:"List the binary packages that can go; remove or restore them."`
	Needs      needsCommand      `cmd:"" help:"List the builds that this host must still be able to get."`
	Explain    explainCommand    `cmd:"" help:"Explain the code of a finding."`
	Doctor     doctorCommand     `cmd:"" help:"Check the settings that a rollback depends on."`
	Report     reportCommand     `cmd:"" help:"Write everything to one HTML page."`
	Metrics    metricsCommand    `cmd:"" help:"Write metrics for Prometheus."`
	Sql        sqlCommand        `cmd:"" help:"Ask the database with SQL."`
	Hosts      hostsCommand      `cmd:"" help:"List the hosts in the database."`
	Export     exportCommand     `cmd:"" help:"Write a whole copy of the database to a new file."`
	Merge      mergeCommand      `cmd:"" help:"Import the databases of other machines."`
	Completion completionCommand `cmd:"" help:"Write a completion script for a shell."`
	Manual     manualCommand     `cmd:"" hidden:"" help:"Write the manual pages."`
	Complete   completeCommand   `cmd:"" hidden:"" help:"Answer the completion of a shell."`

	Push        pushCommand        `cmd:"" help:"Send this host to the PostgreSQL database of a fleet."`
	FleetSchema fleetSchemaCommand `cmd:"" help:"Write the SQL that creates the tables of a fleet."`
}

// stopParsing ends kong where it would call os.Exit: after --help and --version.
type stopParsing struct{ code int }

// run executes the arguments and returns the exit code.
func run(ctx context.Context, proc process) (code int) {
	messages := screen.NewMessages(proc.stderr, proc.messageTerminal(), proc.now)
	defer func() {
		switch stop := recover().(type) {
		case nil:
		case stopParsing:
			code = stop.code
		default:
			panic(stop)
		}
	}()
	files, err := config.Read(proc.getenv, proc.euid == 0)
	if err != nil && !asksForHelp(proc.args) {
		messages.Error(err)
		return exitUsage
	}
	line, kctx, err := parse(&proc, files, proc.args)
	if err == nil {
		session := &session{globals: &line.globals, proc: &proc, messages: messages, command: strings.Fields(kctx.Command())[0], flags: []overview.SettingRow{}}
		for _, o := range files.Origins(kctx, proc.getenv) {
			o.Value = withoutCredentials(o.Value)
			session.flags = append(session.flags, overview.SettingRow(o))
		}
		session.configured = func(command string) (*commandLine, error) {
			line, _, err := parse(&proc, files, []string{command})
			return line, err
		}
		kctx.BindTo(ctx, (*context.Context)(nil))
		if err = withoutFiles(files.Unused, line, session); err == nil {
			var paged *pager.Pager
			// A command that asks, or draws over its answer, needs the terminal
			// itself.
			if !line.Prune.changes() && !line.Current.Follow {
				paged = startPager(ctx, session)
			}
			err = runCommand(kctx, ctx, session, line.acts())
			for _, closeErr := range []error{session.close(), paged.Close()} {
				if err == nil {
					err = closeErr
				}
			}
		}
	}
	code, silent := exitCodeOf(ctx, err)
	if !silent && code == exitInterrupted {
		// "context canceled" means nothing to a user.
		err = errors.New(strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted"))
	}
	if !silent {
		messages.Error(err)
		if hint := hintFor(err, line.DB); hint != "" {
			messages.Hint(hint)
		} else if errors.As(err, new(*kong.ParseError)) {
			messages.Hint("emaudit --help")
		}
	}
	return code
}

// acts reports whether a reading command is asked to change something, which is
// possible for one host only.
func (line *commandLine) acts() bool {
	return line.Prune.changes() || line.Pin.Name != "" || line.Messages.MarkRead
}

// withoutFiles reports the configuration files that are not used. A command that
// changes PKGDIR fails without them: they may name what to keep.
func withoutFiles(unused []error, line *commandLine, s *session) error {
	for _, err := range unused {
		if line.Prune.changes() {
			return fmt.Errorf("%w; it may say what to keep, so nothing is changed", err)
		}
		if s.command == "complete" {
			continue
		}
		s.messages.Warning(err.Error() + "; it is not used")
		var hinted interface{ Hint() string }
		if errors.As(err, &hinted) && hinted.Hint() != "" {
			s.messages.Hint(hinted.Hint())
		}
	}
	return nil
}

// pagedCommands print answers that are read from the top. Commands that ask a
// question, show progress or write a file for another program have no pager.
var pagedCommands = []string{
	"summary", "runs", "log", "failures", "messages", "show", "stats", "predict", "current", "audit", "verify", "states", "diff", "rollback", "prune",
	"needs", "doctor", "hosts", "explain",
}

// newestLast are the commands whose answers end with the newest rows.
var newestLast = []string{"runs", "log"}

// startPager starts the pager of a command. A named pager that cannot be started
// causes a warning, and the answer is printed without it.
func startPager(ctx context.Context, s *session) *pager.Pager {
	f, ok := s.proc.stdout.(*os.File)
	if !ok || s.NoPager || !slices.Contains(pagedCommands, s.command) || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	p, err := pager.New(ctx, f, pager.Options{Command: s.Pager, Env: s.proc.env, Foreign: s.proc.foreign, AtEnd: slices.Contains(newestLast, s.command), KillAfter: s.proc.grace / 3})
	switch {
	case err != nil && p == nil:
		s.messages.Warning(fmt.Sprintf("%v; printing without one", err))
	case err != nil:
		s.messages.Warning(fmt.Sprintf("%v; less is", err))
	}
	if p != nil {
		s.proc.stdout = p
	}
	return p
}

// terminalFile returns the terminal behind an output, or the file.
func (p *process) terminalFile() (*os.File, bool) {
	if through, ok := p.stdout.(*pager.Pager); ok {
		return through.Terminal(), true
	}
	f, ok := p.stdout.(*os.File)
	return f, ok
}

// usagef is an error about the command line.
func usagef(format string, args ...any) error { return errUsage{fmt.Errorf(format, args...)} }
