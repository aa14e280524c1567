package audit

import (
	"path"
	"strings"

	"emaudit/store"
)

// CommandsOf makes the commands of an answer mean the binary packages that it is
// about. Where the caller named a folder in place of Portage's PKGDIR, Portage
// must be told of it: by itself it would look into its own, and find other
// packages there or none. So must emaudit. On a Gentoo Prefix the files that they
// change lie below EPREFIX.
type CommandsOf struct {
	PkgDir  string // "" where Portage's own is meant
	EPREFIX string // "" where the host is no Prefix
	// EROOT ends with a slash, as Portage writes it.
	EROOT string
}

// Commands returns what the commands for a host are about.
func (db Database) Commands() (CommandsOf, error) {
	stored, err := db.Tx.Settings(db.Host)
	c := CommandsOf{EROOT: erootOf(stored)}
	for _, s := range stored {
		switch {
		case s.Name == "PKGDIR" && s.Origin == "--pkgdir":
			c.PkgDir = s.Value
		case s.Name == "EPREFIX":
			c.EPREFIX = s.Value
		}
	}
	return c, err
}

// EROOT returns the folder below which the packages of a host are installed, with
// a slash at its end: emerge.log calls it so in the lines of a merge
// (_emerge/MergeListItem.py, pkg.root), and each other folder there is another
// root.
func (db Database) EROOT() (string, error) {
	stored, err := db.Tx.Settings(db.Host)
	return erootOf(stored), err
}

func erootOf(stored []store.Setting) string {
	var root, eprefix string
	for _, s := range stored {
		switch s.Name {
		case "ROOT":
			root = s.Value
		case "EPREFIX":
			eprefix = s.Value
		}
	}
	return strings.TrimRight(path.Join("/", root, eprefix), "/") + "/"
}

// pkgdirCommands are the beginnings of the commands that read or write PKGDIR.
var pkgdirCommands = []string{"quickpkg ", "emaint --fix binhost", "emaint --check binhost"}

// pkgdirOptions are those with which emerge does.
var pkgdirOptions = []string{"--usepkg", "--buildpkg", "-pK", "-K"}

// In returns a command, which may be several joined by &&, for the host.
func (c CommandsOf) In(command string) string {
	if c.EPREFIX != "" {
		command = strings.NewReplacer(
			" /etc/portage/", " "+c.EPREFIX+"/etc/portage/",
			`="/var/log/`, `="`+c.EPREFIX+"/var/log/",
			"get_repo_path / ", "get_repo_path "+ShellQuote(c.EROOT)+" ",
		).Replace(command)
	}
	if c.PkgDir == "" {
		return command
	}
	parts := strings.Split(command, " && ")
	for i, part := range parts {
		if rest, ok := strings.CutPrefix(part, "emaudit "); ok && !strings.HasPrefix(rest, "--pkgdir ") {
			parts[i] = "emaudit --pkgdir " + ShellQuote(c.PkgDir) + " " + rest
		} else if usesPkgdir(part) {
			parts[i] = "PKGDIR=" + ShellQuote(c.PkgDir) + " " + part
		}
	}
	return strings.Join(parts, " && ")
}

func usesPkgdir(command string) bool {
	for _, prefix := range pkgdirCommands {
		if strings.HasPrefix(command, prefix) {
			return true
		}
	}
	if !strings.HasPrefix(command, "emerge ") {
		return false
	}
	for word := range strings.FieldsSeq(command) {
		for _, option := range pkgdirOptions {
			// --usepkg=n and --usepkgonly are among them.
			if word == option || strings.HasPrefix(option, "--") && strings.HasPrefix(word, option) {
				return true
			}
		}
	}
	return false
}

func (c CommandsOf) All(commands []string) {
	for i := range commands {
		commands[i] = c.In(commands[i])
	}
}

func (c CommandsOf) Findings(findings []Finding) {
	for i := range findings {
		findings[i].Remedy = c.In(findings[i].Remedy)
	}
}
