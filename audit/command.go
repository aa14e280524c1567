package audit

import "strings"

// CommandsOf makes the commands of an answer mean the binary packages that it is
// about. Where the caller named a folder in place of Portage's PKGDIR, Portage
// must be told of it: by itself it would look into its own, and find other
// packages there or none. So must emaudit.
type CommandsOf struct{ PkgDir string }

// Commands returns how to tell Portage's commands which PKGDIR is meant.
func (db Database) Commands() (CommandsOf, error) {
	stored, err := db.Tx.Settings(db.Host)
	for _, s := range stored {
		if s.Name == "PKGDIR" && s.Origin == "--pkgdir" {
			return CommandsOf{s.Value}, err
		}
	}
	return CommandsOf{}, err
}

// pkgdirCommands are the beginnings of the commands that read or write PKGDIR.
var pkgdirCommands = []string{"quickpkg ", "emaint --fix binhost", "emaint --check binhost"}

// pkgdirOptions are those with which emerge does.
var pkgdirOptions = []string{"--usepkg", "--buildpkg", "-pK", "-K"}

// In returns a command, which may be several joined by &&, for the named folder.
func (c CommandsOf) In(command string) string {
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
