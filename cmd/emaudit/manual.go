package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"emaudit/cli/config"
	"emaudit/cli/manual"
	"emaudit/cli/release"
)

// manualCommand writes the manual pages. They are made from the grammar of the
// command line and cannot differ from it.
type manualCommand struct {
	Dir string `arg:"" type:"path" help:"Folder that gets a page for each command."`
}

func (*manualCommand) Help() string {
	return "Writes emaudit.1 and a page for each command.\n" + exitStatus
}

func (c *manualCommand) Run(kctx *kong.Context) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	_, status, _ := strings.Cut(exitStatus, "\nEXIT STATUS\n")
	built, date := release.Current(), ""
	if !built.Date.IsZero() {
		date = built.Date.Format(time.DateOnly)
	}
	book := manual.Book{
		App: kctx.Model.Node, Version: built.Version, Date: date, ExitStatus: status, Examples: usageExamples,
		Description: `emaudit answers three questions after every update. Does every installed package
have a whole binary package? Can I go back, and with which commands? Which
files in PKGDIR can go? It reads emerge.log, the output of merges, the
database of installed packages, PKGDIR and its index, and keeps what it read in
a database of its own, which outlives rotated logs and deleted packages.

It never runs emerge, and changes nothing but with "prune --apply" and
"prune --undo". What it could not check, it calls unknown.`,
		Environment: []manual.Entry{
			{`\fBEMAUDIT_\fINAME\fR`, "Sets the option --name, with underscores for hyphens: EMAUDIT_FAIL_ON=never."},
			{`\fBEMAUDIT_CONFIG\fR`, "A configuration file to read instead of the usual ones."},
			{`\fBPAGER\fR`, "The pager for output longer than the screen. EMAUDIT_PAGER overrides it. The default is less, with LESS=FRX unless LESS is set."},
			{`\fBNO_COLOR\fR, \fBCLICOLOR_FORCE\fR`, "No colour; colour also where the output is no terminal."},
		},
		Files: []manual.Entry{
			{config.System, "Options for all users; $XDG_CONFIG_HOME/emaudit/config.toml is read after it. A key is the name of an option. A table with the name of a command holds options for that command only."},
			{"/var/lib/emaudit/emaudit.db", "The database of root. Other users have theirs under $XDG_STATE_HOME (~/.local/state)."},
		},
		SeeAlso: []string{`\fBemerge\fR(1)`, `\fBquickpkg\fR(1)`, `\fBmake.conf\fR(5)`, `\fBportage\fR(5)`},
	}
	for _, node := range append([]*kong.Node{book.App}, manual.Commands(book.App)...) {
		var page bytes.Buffer
		book.Write(&page, node)
		if err := os.WriteFile(filepath.Join(c.Dir, manual.Name(node)+".1"), page.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
