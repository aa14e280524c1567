package audit

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"emaudit/store/config"
)

// A Place is where a person types the commands of an answer. The zero Place is a
// shell on the audited host itself, with the PKGDIR of Portage's settings.
type Place struct {
	// Root is the folder that holds the audited root; "" or "/" is the running system.
	Root string
	// EPrefix is the offset of a Gentoo Prefix inside the root.
	EPrefix string
	// EROOT is the folder below which packages are installed, with a slash at its end.
	EROOT string
	// PkgDir is a folder of binary packages that the caller named instead of
	// Portage's PKGDIR. Commands of Portage and of emaudit name it.
	PkgDir string
	// Database is the database that the caller named.
	Database string
	// Folders are the lists of Portage's configuration that are folders of files, such
	// as package.mask. They may be empty.
	Folders []string
}

// A Command is one command that a person may type. It is a value until it is shown.
// [Command.String] alone makes text of it. A person can paste the text into a POSIX
// shell or zsh as it stands.
type Command struct {
	kind  commandKind
	env   []string // NAME=VALUE
	argv  []string
	file  string // its output is appended to this file inside the root
	place Place
}

type commandKind uint8

const (
	program commandKind = iota // of the root: it runs inside it
	files                      // of any system: it works on files of the root
	here                       // of any system: it works on files of the machine that emaudit runs on
	own                        // emaudit itself
	script                     // argv[0] is text for a shell inside the root
)

// Run returns a command whose program belongs to the root, such as emerge. If the
// root is not the running system, the text enters it with chroot.
func Run(argv ...string) Command { return Command{kind: program, argv: argv} }

// Files returns a command that works on files of the root, such as rm: each
// argument that is an absolute path lies inside the root.
func Files(argv ...string) Command { return Command{kind: files, argv: argv} }

// Here returns a command that works on files of the machine that emaudit runs on.
func Here(argv ...string) Command { return Command{kind: here, argv: argv} }

// Emaudit returns a command of emaudit itself.
func Emaudit(args ...string) Command { return Command{kind: own, argv: args} }

// Script returns text for a shell inside the root, for anything that is no simple
// command. The caller quotes it.
func Script(text string) Command { return Command{kind: script, argv: []string{text}} }

// AppendLine returns the command that adds a line to a file of Portage's
// configuration. The name of the file is that without a Prefix, such as
// /etc/portage/make.conf. If it is a folder, the line goes to a file of emaudit in it.
func AppendLine(line, file string) Command {
	return Command{kind: files, argv: []string{"echo", line}, file: file}
}

// AppendLines is [AppendLine] for several lines.
func AppendLines(lines []string, file string) Command {
	return Command{kind: files, argv: append([]string{"printf", `%s\n`}, lines...), file: file}
}

// FixIndex makes Portage compare the files of PKGDIR with its index and rewrite it.
var FixIndex = Run("emaint", "--fix", "binhost")

// With returns the command with more environment, each as NAME=VALUE.
func (c Command) With(env ...string) Command {
	c.env = append(append([]string{}, c.env...), env...)
	return c
}

// Plus returns the command with more arguments.
func (c Command) Plus(args ...string) Command {
	c.argv = append(append([]string{}, c.argv...), args...)
	return c
}

// Instead returns a command of emaudit with another name and the same arguments.
func (c Command) Instead(name string) Command {
	c.argv = append([]string{name}, c.argv[min(1, len(c.argv)):]...)
	return c
}

// At returns the command for a place.
func (c Command) At(p Place) Command {
	c.place = p
	return c
}

// Inside returns the command for a shell that runs inside the root.
func (c Command) Inside() Command {
	c.place = Place{EPrefix: c.place.EPrefix, PkgDir: c.place.PkgDir, Folders: c.place.Folders}
	return c
}

// IsZero reports whether there is no command.
func (c Command) IsZero() bool { return len(c.argv) == 0 && c.kind != own }

// Program is the name of the program that runs.
func (c Command) Program() string {
	switch {
	case c.IsZero():
		return ""
	case c.kind == own:
		return "emaudit"
	case c.kind == script:
		return "sh"
	}
	return c.argv[0]
}

// Exec returns the command for a start without a shell, inside the root: its
// environment, its arguments, and the file inside the root to which its output is
// appended, or "".
func (c Command) Exec() (env, argv []string, appendTo string) {
	if c.file != "" {
		appendTo = c.place.list(c.file)
	}
	switch c.kind {
	case own:
		return nil, append(append([]string{"emaudit"}, c.Inside().place.options()...), c.argv...), appendTo
	case script:
		return nil, []string{"sh", "-c", c.argv[0]}, appendTo
	case program:
		return c.environment(), c.place.programOf(c.argv), appendTo
	}
	return nil, c.argv, appendTo
}

// String returns the command as a shell reads it.
func (c Command) String() string {
	if c.IsZero() {
		return ""
	}
	root := strings.TrimRight(c.place.Root, "/")
	var words []string
	assignments := 0 // of the first words
	switch c.kind {
	case own:
		words = append([]string{"emaudit"}, c.place.options()...)
		words = append(words, c.argv...)
	case files:
		words = make([]string, len(c.argv))
		for i, w := range c.argv {
			if i > 0 && strings.HasPrefix(w, "/") {
				w = root + w
			}
			words[i] = w
		}
	case here:
		words = c.argv
	case script:
		if root == "" {
			return c.argv[0]
		}
		words = []string{"chroot", root, "sh", "-c", c.argv[0]}
	case program:
		if env := c.environment(); root == "" {
			assignments = len(env)
			words = append(env, c.place.programOf(c.argv)...)
		} else {
			words = []string{"chroot", root}
			if len(env) > 0 {
				words = append(append(words, "env"), env...)
			}
			words = append(words, c.place.programOf(c.argv)...)
		}
	}
	var text strings.Builder
	for i, w := range words {
		if i > 0 {
			text.WriteByte(' ')
		}
		if i < assignments {
			// A shell reads NAME=VALUE as an assignment if NAME is not quoted.
			name, value, _ := strings.Cut(w, "=")
			text.WriteString(name + "=" + ShellQuote(value))
			continue
		}
		text.WriteString(quoteWord(w))
	}
	if c.file != "" {
		text.WriteString(" >> " + ShellQuote(root+c.place.list(c.file)))
	}
	return text.String()
}

// list returns the file to which a line of Portage's configuration goes.
func (p Place) list(file string) string {
	if slices.Contains(p.Folders, path.Base(file)) {
		file = path.Join(file, "emaudit")
	}
	return p.EPrefix + file
}

// inPrefix holds the folder of each program of Portage below a Prefix.
var inPrefix = map[string]string{
	"emerge": "/usr/bin", "ebuild": "/usr/bin", "quickpkg": "/usr/bin", "portageq": "/usr/bin", "gpkg-sign": "/usr/bin", "getuto": "/usr/bin",
	"emerge-webrsync": "/usr/bin", "emaint": "/usr/sbin", "dispatch-conf": "/usr/sbin",
}

// Program returns the name by which a program of Portage is started. On Prefix that is
// its path, because the system around the Prefix may have a Portage of its own.
func (p Place) Program(name string) string {
	if p.EPrefix == "" || inPrefix[name] == "" {
		return name
	}
	return p.EPrefix + inPrefix[name] + "/" + name
}

func (p Place) programOf(argv []string) []string {
	return append([]string{p.Program(argv[0])}, argv[1:]...)
}

// options are emaudit's own for the place.
func (p Place) options() (options []string) {
	if p.Root != "" && p.Root != "/" {
		options = append(options, "--root", p.Root)
	}
	if p.EPrefix != "" {
		options = append(options, "--eprefix", p.EPrefix)
	}
	if p.Database != "" {
		options = append(options, "--db", p.Database)
	}
	if p.PkgDir != "" {
		options = append(options, "--pkgdir", p.PkgDir)
	}
	return options
}

// environment returns the variables of the place that the command needs.
func (c Command) environment() []string {
	env := append([]string{}, c.env...)
	for _, e := range env {
		if strings.HasPrefix(e, "PKGDIR=") {
			return env
		}
	}
	if c.place.PkgDir != "" && c.usesPkgDir() {
		env = append(env, "PKGDIR="+c.place.PkgDir)
	}
	return env
}

// usesPkgDir reports whether the command reads or writes PKGDIR.
func (c Command) usesPkgDir() bool {
	switch c.argv[0] {
	case "quickpkg":
		return true
	case "emaint":
		return len(c.argv) > 1 && c.argv[len(c.argv)-1] == "binhost"
	case "emerge":
		for _, option := range c.argv[1:] {
			switch {
			case option == "-K", option == "-k", option == "-pK", option == "-B", option == "-b":
				return true
			// --usepkg=n and --usepkgonly have a prefix of these names too. They name
			// what emerge does not read.
			case strings.HasPrefix(option, "--usepkg"), strings.HasPrefix(option, "--buildpkg"):
				return true
			}
		}
	}
	return false
}

// A Remedy says what to do about a finding. It consists of commands, each of which
// runs if the one before it succeeded, or of advice if a person has to decide, or of
// advice followed by commands.
type Remedy struct {
	Commands []Command
	Advice   string
}

// Do returns a remedy that consists of commands.
func Do(commands ...Command) Remedy { return Remedy{Commands: commands} }

// Advise returns a remedy without a command.
func Advise(advice string) Remedy { return Remedy{Advice: advice} }

// When returns the remedy with a condition or a purpose.
func (r Remedy) When(advice string) Remedy {
	r.Advice = advice
	return r
}

// Then returns the remedy with the commands of next after its own.
func (r Remedy) Then(next Remedy) Remedy {
	r.Commands = append(append([]Command{}, r.Commands...), next.Commands...)
	return r
}

// IsZero reports whether there is no remedy.
func (r Remedy) IsZero() bool { return len(r.Commands) == 0 && r.Advice == "" }

// Program is the name of the program that the remedy runs first, or "".
func (r Remedy) Program() string {
	if len(r.Commands) == 0 {
		return ""
	}
	return r.Commands[0].Program()
}

// At returns the remedy for a place.
func (r Remedy) At(p Place) Remedy {
	commands := make([]Command, len(r.Commands))
	for i, c := range r.Commands {
		commands[i] = c.At(p)
	}
	r.Commands = commands
	return r
}

// String returns the remedy as one line.
func (r Remedy) String() string {
	texts := make([]string, len(r.Commands))
	for i, c := range r.Commands {
		texts[i] = c.String()
	}
	text := strings.Join(texts, " && ")
	switch {
	case r.Advice == "":
		return text
	case text == "":
		return r.Advice
	}
	return r.Advice + ": " + text
}

// MarshalJSON writes the remedy as text, as docs/schema has it.
func (r Remedy) MarshalJSON() ([]byte, error) { return json.Marshal(r.String()) }

// MarshalJSON writes the command as text, as docs/schema has it.
func (c Command) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// FindPlace returns where the commands of an answer are typed. It combines what the
// caller knows with the settings that the last ingest read.
func (db Database) FindPlace() (Place, error) {
	return Once[placeKey](db, func() (Place, error) {
		p := db.Place
		settings, err := config.Settings(db.Tx, db.Host)
		p.EPrefix = settings["EPREFIX"].Value
		p.EROOT = strings.TrimRight(path.Join("/", settings["ROOT"].Value, p.EPrefix), "/") + "/"
		if pkgdir := settings["PKGDIR"]; pkgdir.Origin == "--pkgdir" {
			p.PkgDir = pkgdir.Value
		}
		return p, err
	})
}

// EROOT returns the folder below which the packages of a host are installed, with a
// slash at its end. The lines of merges in emerge.log name it in this form
// (_emerge/MergeListItem.py, pkg.root). Any other folder there is another root.
func (db Database) EROOT() (string, error) {
	p, err := db.FindPlace()
	return p.EROOT, err
}

type placeKey struct{}

// Finish sorts findings, and adapts their remedies to the place of db.
func (db Database) Finish(findings []Finding) error {
	if len(findings) == 0 {
		return nil
	}
	SortFindings(findings)
	place, err := db.FindPlace()
	place.Put(findings)
	return err
}

// Put adapts the remedies of findings to the place.
func (p Place) Put(findings []Finding) {
	// A check may have thousands of findings with one remedy.
	placed := map[*Command]Remedy{}
	for i := range findings {
		r := &findings[i].Remedy
		if len(r.Commands) != 1 {
			*r = r.At(p)
			continue
		}
		first := &r.Commands[0]
		if _, done := placed[first]; !done {
			placed[first] = r.At(p)
		}
		r.Commands = placed[first].Commands
	}
}

// PutAll adapts commands to the place.
func (p Place) PutAll(commands []Command) {
	for i := range commands {
		commands[i] = commands[i].At(p)
	}
}

// quoteWord quotes a word of a command. It also quotes an atom that begins with an
// equals sign, because zsh would look for a program of that name.
func quoteWord(word string) string {
	quoted := ShellQuote(word)
	if quoted == word && strings.HasPrefix(word, "=") {
		return `"` + word + `"`
	}
	return quoted
}

// Lines returns commands as text, one a line.
func Lines(commands []Command) []string {
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = c.String()
	}
	return lines
}

// ShellQuote quotes a word for a shell if the word needs it.
func ShellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._+:,@%=-", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(word) {
		return ansiQuote(word)
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ansiQuote quotes a word with $'...', which bash, zsh and busybox ash know, and
// POSIX since 2024. It writes in octal what a terminal does not show, or what cannot
// be pasted.
func ansiQuote(word string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i, r := range word {
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r) && strings.HasPrefix(word[i:], string(r)):
			b.WriteRune(r)
		default:
			_, size := utf8.DecodeRuneInString(word[i:])
			for _, c := range []byte(word[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
	}
	return b.String() + "'"
}
