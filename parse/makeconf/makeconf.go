// Package makeconf reads the settings files of Portage: make.conf, make.globals,
// a profile's make.defaults and profile.env.
//
// # Grammar
//
// The files resemble shell, but are not. Portage splits them into words with
// Python's shlex in POSIX mode (lib/portage/util/__init__.py, getconfig) and reads
// the words in groups of three:
//
//	file       = { assignment | inclusion }
//	assignment = [ "export" ] name "=" word
//	inclusion  = "source" word               ; make.conf only
//	word       = part { part }
//	part       = 1*wordchar | "'" text "'" | '"' text '"' | "\" char
//	wordchar   = letter | digit | "_~!@$%*:;?,./-+{}"
//	comment    = "#" to the end of the line  ; also directly behind a word
//
// Blanks and newlines only separate words. So "A = b" is an assignment, and an
// unquoted value ends at the next blank. Any other character outside quotes is a
// word of its own. Inside double quotes, a backslash escapes only itself and the
// double quote. As in Portage, the words "export" and "source" act at every
// position.
//
// Portage then expands each value (varexpand, same file). $NAME and ${NAME} stand
// for the value read before, or for nothing. "\$" is a dollar and "\\" a backslash.
// A newline becomes a blank, or vanishes after a backslash. Single quotes inside
// the value turn expansion off until the next single quote. Nothing else of the
// shell works: "$(command)" and "${NAME:-default}" make the whole value empty, and
// "NAME+" is not a name.
//
// make.conf may be a directory. Portage reads its files sorted by name, depth
// first. It skips names that begin with "." or end with "~", and the folders of
// version control systems.
//
// # Tolerated
//
// CRLF and CR line ends count as newlines, as in Python's text mode. They are
// reported, because a shell would not accept them. Bytes that are not UTF-8 become
// U+FFFD. A missing "source" file and an invalid name are reported and skipped. If
// a word other than "=" follows a name, the rest of the file is not read: Portage
// stops there too, or does not start.
//
// # Limits
//
// The constants below are the limits. The administrator writes these files and they
// are small, but a foreign root may be hostile: inclusion can be circular, and
// expansion can double a value with each line.
package makeconf

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"

	"emaudit/parse"
)

const (
	// MaxFileSize is the largest size of one file, in bytes. make.globals, the
	// largest file of Portage itself, has 8 KiB.
	MaxFileSize = 1 << 20
	// maxFiles is the number of files and directories that one Parser reads. Each
	// inclusion counts.
	maxFiles = 1024
	// maxBytes is the total size of these files. Each inclusion counts.
	maxBytes = 16 << 20
	// maxSourceDepth ends circular inclusion.
	maxSourceDepth = 16
	// maxDirDepth ends circular symlinks below a make.conf that is a directory.
	maxDirDepth = 16
	// maxValue is the length of one expanded value, in bytes. A full USE has about
	// 10 KiB. The limit stops A="$A$A".
	maxValue = 256 << 10
	// maxValues is the total length of all expanded values of one Parser.
	maxValues = 16 << 20
	// maxDiagnostics bounds the diagnostics of a file full of garbage.
	maxDiagnostics = 1000
)

// Files gives the parser access to files. All paths are absolute. The
// implementation decides which root they are in.
type Files interface {
	// ReadFile returns the content of a regular file. It returns an error if the
	// file has more than limit bytes.
	ReadFile(path string, limit int64) ([]byte, error)
	// ReadDir returns the names in a directory, in any order. If path is not a
	// directory, the error wraps syscall.ENOTDIR.
	ReadDir(path string) ([]string, error)
}

// Origin is the place that set a value.
type Origin struct {
	// File is the path as given to the Parser or to "source".
	File string
	// Line is the line of the variable's name. It counts from 1.
	Line int
}

// String returns "file:line".
func (o Origin) String() string { return fmt.Sprintf("%s:%d", o.File, o.Line) }

// Variable is a setting and the place that determined its value.
type Variable struct {
	Name, Value string
	Origin      Origin
}

// Diagnostic is one piece of damage in a file. Offset counts bytes in that file.
type Diagnostic struct {
	Origin
	parse.Diagnostic
}

// Stops reports whether the damage keeps Portage from starting at all: getconfig
// (util/__init__.py) or Python raises an exception. Portage only warns about other
// damage, or ignores it.
func (d Diagnostic) Stops() bool {
	switch d.Code {
	case codeMissingEquals, codeMissingValue, codeInvalidName, codeSourceFailed, codeUnterminatedQuote, codeUnterminatedEscape:
		return true
	}
	return false
}

// The codes of damage that keeps Portage from starting.
const (
	codeMissingEquals      = "missing-equals"
	codeMissingValue       = "missing-value"
	codeInvalidName        = "invalid-name"
	codeSourceFailed       = "source-failed"
	codeUnterminatedQuote  = "unterminated-quote"
	codeUnterminatedEscape = "unterminated-escape"
)

// Parser reads settings files in sequence. Each file sees the variables of the
// files before it. The caller must read them in Portage's order: profile.env,
// make.globals, every make.defaults from the root of the profile up, make.conf
// (lib/portage/package/ebuild/config.py). A Parser is not safe for concurrent use.
type Parser struct {
	files       Files
	known       map[string]string
	diagnostics []Diagnostic

	// The amounts counted against maxFiles, maxBytes and maxValues.
	filesRead, bytesRead, valueBytes int
}

// NewParser returns a Parser that reads through files. The variables in known, such
// as EPREFIX, EROOT and ROOT, are set before the first file. NewParser copies the
// map.
func NewParser(files Files, known map[string]string) *Parser {
	p := &Parser{files: files, known: make(map[string]string, len(known))}
	for name, value := range known {
		p.known[name] = value
	}
	return p
}

// Know sets a variable for later expansions.
func (p *Parser) Know(name, value string) { p.known[name] = value }

// Forget unsets a variable for later expansions. Portage unsets USE before every
// make.defaults.
func (p *Parser) Forget(name string) { delete(p.known, name) }

// Diagnostics returns the damage found so far, in the order of reading.
func (p *Parser) Diagnostics() []Diagnostic { return p.diagnostics }

// MakeConf reads the make.conf at name, a file or a directory, and the files that
// it sources. It returns an error if name itself cannot be read; if name does not
// exist, the error wraps fs.ErrNotExist.
func (p *Parser) MakeConf(name string) (map[string]Variable, error) {
	return p.read(name, reading{sourcing: true, expanding: true})
}

// Defaults reads make.globals or a make.defaults. It expands values, and does not
// treat "source" specially. name may be a directory, which profiles allow from EAPI
// 7 on or with profile-formats portage-1 or portage-2.
func (p *Parser) Defaults(name string) (map[string]Variable, error) {
	return p.read(name, reading{expanding: true})
}

// ProfileEnv reads an /etc/profile.env, which env-update generates. Its values are
// not expanded.
func (p *Parser) ProfileEnv(name string) (map[string]Variable, error) {
	return p.read(name, reading{})
}

// reading is the set of features that a kind of file has.
type reading struct {
	sourcing, expanding bool
}

func (p *Parser) read(name string, how reading) (map[string]Variable, error) {
	set := make(map[string]Variable)
	names, err := p.files.ReadDir(name)
	if err == nil {
		p.readDir(name, names, 0, how, set)
		return set, nil
	}
	if !errors.Is(err, syscall.ENOTDIR) {
		return nil, err
	}
	if err := p.readFile(name, how, set); err != nil {
		return nil, err
	}
	return set, nil
}

// readDir reads the files below the directory dir, which has the entries names.
func (p *Parser) readDir(dir string, names []string, depth int, how reading, set map[string]Variable) {
	if p.filesRead++; depth > maxDirDepth || p.filesRead > maxFiles {
		p.report(Origin{File: dir}, 0, "directory-too-deep", "not read: more than %d directories deep or %d files",
			maxDirDepth, maxFiles)
		return
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		file := dir + "/" + name
		children, err := p.files.ReadDir(file)
		switch {
		case err == nil && !isVersionControl(name):
			p.readDir(file, children, depth+1, how, set)
		case err == nil:
		case errors.Is(err, syscall.ENOTDIR):
			err = p.readFile(file, how, set)
			if err == nil {
				continue
			}
			fallthrough
		default:
			p.report(Origin{File: file}, 0, "unreadable", "%v", err)
		}
	}
}

// isVersionControl reports whether Portage skips a directory of that name
// (lib/portage/const.py, VCS_DIRS). Names with a leading dot are skipped elsewhere.
func isVersionControl(name string) bool {
	return name == "CVS" || name == "RCS" || name == "SCCS"
}

// load returns the content of one file and counts it against the limits.
func (p *Parser) load(name string) ([]byte, error) {
	if p.filesRead++; p.filesRead > maxFiles {
		return nil, fmt.Errorf("%s: not read: more than %d files", name, maxFiles)
	}
	data, err := p.files.ReadFile(name, MaxFileSize)
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%s: not read: %d bytes, at most %d are", name, len(data), MaxFileSize)
	}
	if p.bytesRead += len(data); p.bytesRead > maxBytes {
		return nil, fmt.Errorf("%s: not read: more than %d bytes in all", name, maxBytes)
	}
	return data, nil
}

// readFile reads the assignments of a file and of the files that it sources.
func (p *Parser) readFile(name string, how reading, set map[string]Variable) error {
	data, err := p.load(name)
	if err != nil {
		return err
	}
	// Portage adds a missing newline to the outermost file, so that a "source" on
	// its last line works. It adds none to an included file.
	if n := len(data); n > 0 && data[n-1] != '\n' && data[n-1] != '\r' {
		data = append(data[:n:n], '\n')
	}
	lex := lexer{source: source{file: name, data: data, line: 1}}
	p.readAssignments(&lex, how, set)
	if lex.problem.code != "" {
		p.reportToken(lex.problem.at, lex.problem.code, "%s; the rest of the file is not read", lex.problem.message)
	}
	for _, at := range lex.carriageReturns {
		p.reportToken(at, "crlf", "the line ends with a carriage return; no shell can read this file (dos2unix)")
	}
	return nil
}

// readAssignments reads the assignments of a file. It stops at the end, or at a
// word that cannot continue an assignment.
func (p *Parser) readAssignments(lex *lexer, how reading, set map[string]Variable) {
	for {
		key, ok := p.token(lex, how)
		if ok && key.text == "export" {
			key, ok = p.token(lex, how)
		}
		if !ok {
			return
		}
		equals, ok := p.token(lex, how)
		switch {
		case lex.problem.code != "":
			return
		case !ok || equals.text == "":
			p.reportToken(key, codeMissingEquals, "%q: the file ends where %q belongs", key.text, "=")
			return
		case equals.text != "=":
			p.reportToken(equals, codeMissingEquals, "%q behind %q where %q belongs; the rest of the file is not read",
				equals.text, key.text, "=")
			return
		}
		value, ok := p.token(lex, how)
		switch {
		case lex.problem.code != "":
			return
		case !ok:
			p.reportToken(key, codeMissingValue, "%s: the file ends where its value belongs", key.text)
			return
		case !validName(key.text):
			p.reportToken(key, codeInvalidName, "%q is not the name of a variable", key.text)
			continue
		}
		v := Variable{Name: key.text, Value: value.text, Origin: key.origin()}
		if how.expanding {
			v.Value = p.expand(value)
			p.known[v.Name] = v.Value
		}
		set[v.Name] = v
	}
}

// token returns the next word. It enters and leaves included files as needed.
func (p *Parser) token(lex *lexer, how reading) (token, bool) {
	for {
		if tok, ok := lex.popPushed(); ok {
			return tok, true
		}
		tok, ok := lex.next()
		switch {
		case lex.problem.code != "":
			return token{}, false
		case !ok && !lex.leave():
			return token{}, false
		case !ok:
		case how.sourcing && tok.text == "source":
			p.include(lex, tok)
		default:
			return tok, true
		}
	}
}

// include enters the file that the next word names.
func (p *Parser) include(lex *lexer, keyword token) {
	word, ok := lex.next()
	if lex.problem.code != "" {
		return
	}
	name := ""
	if ok {
		name = p.expand(word)
	}
	if name == "" {
		p.reportToken(keyword, codeSourceFailed, "source: no file name")
		return
	}
	if !strings.HasPrefix(name, "/") {
		name = path.Dir(lex.file) + "/" + name
	}
	if len(lex.outer) >= maxSourceDepth {
		p.reportToken(keyword, codeSourceFailed, "source %s: more than %d files deep", name, maxSourceDepth)
		return
	}
	data, err := p.load(name)
	if err != nil {
		p.reportToken(keyword, codeSourceFailed, "source: %v", err)
		return
	}
	lex.enter(name, data)
}

func (p *Parser) report(at Origin, offset int64, code, format string, args ...any) {
	if len(p.diagnostics) < maxDiagnostics {
		p.diagnostics = append(p.diagnostics, Diagnostic{Origin: at, Diagnostic: parse.Diagnosef(offset, code, format, args...)})
	}
}

func (p *Parser) reportToken(at token, code, format string, args ...any) {
	p.report(at.origin(), at.offset, code, format, args...)
}
