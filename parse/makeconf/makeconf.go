// Package makeconf reads the settings files of Portage: make.conf, make.globals,
// a profile's make.defaults and profile.env.
//
// # Grammar
//
// The files look like shell and are not. Portage cuts them into words with
// Python's shlex in POSIX mode (lib/portage/util/__init__.py, getconfig) and
// reads the words three by three:
//
//	file       = { assignment | inclusion }
//	assignment = [ "export" ] name "=" word
//	inclusion  = "source" word               ; make.conf only
//	word       = part { part }
//	part       = 1*wordchar | "'" text "'" | '"' text '"' | "\" char
//	wordchar   = letter | digit | "_~!@$%*:;?,./-+{}"
//	comment    = "#" to the end of the line  ; also directly behind a word
//
// Blanks and newlines separate words and mean nothing else, so "A = b" is an
// assignment and a value without quotes ends at the next blank. Any other
// character outside of quotes is a word of its own. Inside double quotes a
// backslash quotes only itself and the double quote; everything else keeps it.
// The words "export" and "source" act wherever they stand, as Portage has it.
//
// A value is then expanded (varexpand, same file): $NAME and ${NAME} stand for
// what was read before, empty if nothing was, "\$" is a dollar, "\\" a backslash,
// a newline becomes a blank and vanishes behind a backslash. Single quotes that
// are part of the value switch expansion off until the next one. Nothing else of
// the shell works: "$(command)" and "${NAME:-default}" make the whole value
// empty, and "NAME+" is not a name.
//
// make.conf may be a directory: its files are read sorted by name, depth first,
// without names that begin with "." or end with "~" and without the folders of
// version control systems.
//
// # Tolerated
//
// CRLF and CR line ends count as newlines, as Python's text mode has it, but are
// reported, because the file is no shell any more. Bytes that are not UTF-8
// become U+FFFD. A file that cannot be sourced and a name that cannot be one are
// reported and left out. After a word where "=" belongs the phase is lost and the
// rest of that file is not read: Portage stops there too, or does not start.
//
// # Limits
//
// All named below. The files are small and written by the administrator, but a
// foreign root is read too: sourcing can be circular and expansion can double a
// value with each line.
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
	// MaxFileSize is the size in bytes up to which one file is read. The
	// largest of Portage's own, make.globals, has 8 KiB.
	MaxFileSize = 1 << 20
	// maxFiles is how many files and directories one Parser reads, each
	// inclusion counted.
	maxFiles = 1024
	// maxBytes is how much all of them may hold together, again each inclusion
	// counted.
	maxBytes = 16 << 20
	// maxSourceDepth ends circular inclusion.
	maxSourceDepth = 16
	// maxDirDepth ends circular symlinks below a make.conf that is a directory.
	maxDirDepth = 16
	// maxValue is the length in bytes of one expanded value; a full USE has
	// some 10 KiB. It ends A="$A$A".
	maxValue = 256 << 10
	// maxValues is the length of all expanded values of one Parser together.
	maxValues = 16 << 20
	// maxDiagnostics keeps a file of garbage from becoming a list as long.
	maxDiagnostics = 1000
)

// Files is how the parser gets at files. Paths are absolute; what the root is,
// only the implementation knows.
type Files interface {
	// ReadFile returns the content of a regular file, at most limit bytes of
	// it or an error.
	ReadFile(path string, limit int64) ([]byte, error)
	// ReadDir returns the names in a directory, in any order. For a path that
	// is something else the error wraps syscall.ENOTDIR.
	ReadDir(path string) ([]string, error)
}

// Origin is the place that set a value.
type Origin struct {
	// File is the path as it was asked for or sourced.
	File string
	// Line counts from 1; it is the line of the variable's name.
	Line int
}

// String returns "file:line".
func (o Origin) String() string { return fmt.Sprintf("%s:%d", o.File, o.Line) }

// Variable is one setting with the place that had the last word on it.
type Variable struct {
	Name, Value string
	Origin      Origin
}

// Diagnostic is one piece of damage in one of the files. Its Offset counts bytes
// in that file.
type Diagnostic struct {
	Origin
	parse.Diagnostic
}

// Stops reports whether Portage does not start because of the damage, whatever it
// is asked to do (util/__init__.py, getconfig: what raises ParseError, and what
// Python raises). What else is damaged it warns about or passes over.
func (d Diagnostic) Stops() bool {
	switch d.Code {
	case codeMissingEquals, codeMissingValue, codeInvalidName, codeSourceFailed, codeUnterminatedQuote, codeUnterminatedEscape:
		return true
	}
	return false
}

// The codes of damage that stops Portage.
const (
	codeMissingEquals      = "missing-equals"
	codeMissingValue       = "missing-value"
	codeInvalidName        = "invalid-name"
	codeSourceFailed       = "source-failed"
	codeUnterminatedQuote  = "unterminated-quote"
	codeUnterminatedEscape = "unterminated-escape"
)

// Parser reads settings files one after the other. What each sets is known to
// the next, in the order of the calls, which must be that of Portage: profile.env,
// make.globals, every make.defaults from the root of the profile up, make.conf
// (lib/portage/package/ebuild/config.py). A Parser serves one goroutine.
type Parser struct {
	files       Files
	known       map[string]string
	diagnostics []Diagnostic

	// What was used up of maxFiles, maxBytes and maxValues.
	filesRead, bytesRead, valueBytes int
}

// NewParser returns a Parser that reads through files and knows the variables of
// known from the start: EPREFIX, EROOT, ROOT and their like. The map is copied.
func NewParser(files Files, known map[string]string) *Parser {
	p := &Parser{files: files, known: make(map[string]string, len(known))}
	for name, value := range known {
		p.known[name] = value
	}
	return p
}

// Know sets a variable for the expansions to come.
func (p *Parser) Know(name, value string) { p.known[name] = value }

// Forget makes a variable unset for the expansions to come. Portage forgets USE
// before every make.defaults.
func (p *Parser) Forget(name string) { delete(p.known, name) }

// Diagnostics returns the damage met so far, in the order of reading.
func (p *Parser) Diagnostics() []Diagnostic { return p.diagnostics }

// MakeConf reads the make.conf at name, a file or a directory, with inclusions.
// An error says that name itself cannot be read; one that does not exist wraps
// fs.ErrNotExist.
func (p *Parser) MakeConf(name string) (map[string]Variable, error) {
	return p.read(name, reading{sourcing: true, expanding: true})
}

// Defaults reads make.globals or a make.defaults, a file or a directory (allowed
// in profiles by EAPI 7 and profile-formats portage-1 and portage-2): values are
// expanded, "source" is a word like any other.
func (p *Parser) Defaults(name string) (map[string]Variable, error) {
	return p.read(name, reading{expanding: true})
}

// ProfileEnv reads an /etc/profile.env, which env-update generates and in which
// nothing is expanded.
func (p *Parser) ProfileEnv(name string) (map[string]Variable, error) {
	return p.read(name, reading{})
}

// reading says what the kind of file allows.
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

// readDir reads the files below the directory dir, whose entries are names.
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

// isVersionControl reports whether Portage passes over a directory of that name
// (lib/portage/const.py, VCS_DIRS; those with a dot are hidden anyway).
func isVersionControl(name string) bool {
	return name == "CVS" || name == "RCS" || name == "SCCS"
}

// load returns the content of one file, counted against the limits.
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

// readFile reads the assignments of one file and of those that it sources.
func (p *Parser) readFile(name string, how reading, set map[string]Variable) error {
	data, err := p.load(name)
	if err != nil {
		return err
	}
	// Portage ends the outermost file with a newline if it has none, so that a
	// "source" on its last line works; an included file gets none.
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

// readAssignments goes through the words of a file until its end or until the
// phase is lost.
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

// token returns the next word, having gone through inclusions and their ends.
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

// include goes on with the file that the next word names.
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
