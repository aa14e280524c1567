package main

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"emaudit/audit"
	"emaudit/cli/release"
	"emaudit/report/screen"
)

// globals are the flags of every command.
type globals struct {
	Root      string   `placeholder:"DIR" default:"/" type:"path" group:"what" help:"Gentoo root to audit, as if chrooted into it (/)."`
	Eprefix   string   `placeholder:"PATH" group:"what" help:"EPREFIX of a Gentoo Prefix, inside the root."`
	Host      string   `placeholder:"NAME" group:"what" help:"Name of the host in the database (default: its hostname, or the name of DIR)."`
	Pkgdir    []string `placeholder:"DIR" sep:"none" group:"what" help:"Use this folder instead of PKGDIR; may be repeated. Inside the root."`
	Vdb       string   `placeholder:"DIR" group:"what" help:"Installed-package database (VDB). Inside the root."`
	EmergeLog string   `placeholder:"FILE" group:"what" help:"emerge.log. Inside the root."`
	Logdir    string   `placeholder:"DIR" group:"what" help:"PORTAGE_LOGDIR. Inside the root."`

	DB       string `name:"db" placeholder:"FILE" type:"database" default:"${db}" group:"how" help:"Database (${db}), or the address of a fleet: postgres://HOST/DATABASE."`
	NoIngest bool   `group:"how" help:"Answer from the database; read nothing new."`
	Jobs     int    `placeholder:"N" group:"how" help:"Number of files read at once (8, or twice the processors)."`

	Format  string `enum:"table,json,csv,html,markdown,sh" default:"table" placeholder:"FORMAT" group:"output" help:"table, json or csv; report: html, markdown or json; rollback: sh."`
	FailOn  string `enum:",error,warning,info,never" default:"" placeholder:"SEVERITY" group:"output" help:"Exit with 3 if a finding is this severe: error, warning, info, never (audit: warning; others: never)."`
	Color   string `enum:"auto,always,never" default:"auto" group:"output" help:"${enum}."`
	Pager   string `placeholder:"COMMAND" group:"output" help:"Pager for output longer than the screen ($$PAGER, or less)."`
	NoPager bool   `group:"output" help:"Never start a pager."`
	UTC     bool   `name:"utc" group:"output" help:"Show times in UTC."`
	Verbose bool   `short:"v" group:"output" help:"Show everything, with evidence."`
	Quiet   bool   `short:"q" group:"output" help:"Show no progress and no notes."`

	Version kong.VersionFlag `group:"output" help:"Print the version."`
}

// vars are the variables in defaults and help texts of flags.
func (g *globals) vars(proc *process) kong.Vars {
	return kong.Vars{"db": defaultDB(proc), "version": "emaudit " + release.Current().String()}
}

// systemDB is the database of root.
const systemDB = "/var/lib/emaudit/emaudit.db"

// defaultDB returns the default path of the database: for root in the state of the
// system, for other users in their own.
func defaultDB(proc *process) string {
	if proc.euid == 0 {
		return systemDB
	}
	if state := proc.getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "emaudit", "emaudit.db")
	}
	return filepath.Join(proc.getenv("HOME"), ".local", "state", "emaudit", "emaudit.db")
}

// failOn returns the lowest severity that changes the exit code. ok is false for
// never.
func (g *globals) failOn(byDefault string) (limit audit.Severity, ok bool) {
	value := g.FailOn
	if value == "" {
		value = byDefault
	}
	return audit.Severity(value), value != "never"
}

// terminal describes an output. An exported COLUMNS sets the width, even for a pipe.
func (g *globals) terminal(proc *process) screen.Terminal {
	t := screen.Terminal{Location: proc.local, Now: proc.now()}
	if g.UTC {
		t.Location = nil
	}
	if f, ok := proc.terminalFile(); ok && term.IsTerminal(int(f.Fd())) {
		t.IsTerminal, t.RelativeDays = true, true
		t.Width = 80
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			t.Width = width
		}
	}
	if columns, err := strconv.Atoi(proc.getenv("COLUMNS")); err == nil && columns > 0 {
		t.Width = columns
	}
	t.Color = g.color(proc, t.IsTerminal)
	return t
}

// color returns whether to use colors, from --color, NO_COLOR (no-color.org),
// CLICOLOR_FORCE and the terminal, in this order.
func (g *globals) color(proc *process, terminal bool) bool {
	switch g.Color {
	case "always":
		return true
	case "never":
		return false
	}
	switch {
	case proc.getenv("NO_COLOR") != "" || proc.getenv("NOCOLOR") == "true":
		return false
	case proc.getenv("CLICOLOR_FORCE") != "" && proc.getenv("CLICOLOR_FORCE") != "0":
		return true
	}
	return terminal && proc.getenv("TERM") != "dumb"
}

// messageTerminal describes standard error before the flags are known.
func (p *process) messageTerminal() screen.Terminal {
	t := screen.Terminal{Now: p.now(), Location: p.local}
	if f, ok := p.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.IsTerminal, t.Width = true, 80
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			t.Width = width
		}
		t.Color = p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
	}
	return t
}
