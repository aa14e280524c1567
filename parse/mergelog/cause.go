package mergelog

import (
	"bytes"
	"slices"
)

// CauseClass is the type of problem that stopped a merge.
type CauseClass string

// The classes of cause.
const (
	CauseUnknown     CauseClass = "unknown"
	CauseCompiler    CauseClass = "compiler"      // gcc, clang, an assembler, javac, go
	CauseLinker      CauseClass = "linker"        // ld, lld, mold, gold
	CauseRust        CauseClass = "rust"          // rustc, cargo
	CauseCMake       CauseClass = "cmake"         //
	CauseMeson       CauseClass = "meson"         //
	CauseNinja       CauseClass = "ninja"         // the build files, or no better cause was found
	CauseMake        CauseClass = "make"          // the makefiles, or no better cause was found
	CausePython      CauseClass = "python"        // an exception
	CauseConfigure   CauseClass = "configure"     // a configure script
	CausePatch       CauseClass = "patch"         // a hunk that does not apply
	CauseTest        CauseClass = "test"          // a failing test
	CauseMissingFile CauseClass = "missing-file"  // a missing file, command or header
	CauseMemory      CauseClass = "out-of-memory" //
	CauseSpace       CauseClass = "no-space"      //
	CauseSignal      CauseClass = "signal"        // killed by a person, or by the kernel for lack of memory
	CauseFetch       CauseClass = "fetch"         //
	CauseChecksum    CauseClass = "checksum"      //
	CauseCollision   CauseClass = "collision"     // files of another package
	CauseReadOnly    CauseClass = "read-only"     // a read-only file system
	CauseSandbox     CauseClass = "sandbox"       //
	CauseArchive     CauseClass = "archive"       // a binary package that cannot be extracted
	CauseOther       CauseClass = "other"         // the "error:" of any other program
)

// Cause is the first line that explains a failure.
type Cause struct {
	Class CauseClass
	// Offset is the position of Line in the decompressed log, in bytes.
	Offset int64
	// Line is the line that names the cause, cleaned.
	Line string
	// Excerpt holds the lines to quote in a bug report: consecutive cleaned lines
	// including Line, with long ones shortened.
	Excerpt []string
}

// rank says how much a line explains a failure.
type rank int

const (
	rankNone   rank = iota
	rankReport      // a report that something failed, such as "make: *** … Error 2"
	rankWeak        // an error that is often harmless
	rankReason      // an error with its reason
	rankStop        // nothing can continue: no space, no memory, killed
)

// survives is the number of lines, for each rank, after which an error no longer
// explains a later failure. Parallel jobs finish their work first, so errors of
// compilers may stand far above the end.
var survives = [...]int64{rankReport: 4000, rankWeak: 60, rankReason: 4000, rankStop: 1 << 62}

// candidate is the best cause so far.
type candidate struct {
	class    CauseClass
	rank     rank
	offset   int64
	line     string
	excerpt  []string
	open     bool  // the excerpt takes more lines
	after    int   // number of lines taken after the decisive one
	lastLine int64 // number of the last line with the same evidence
}

func (c *candidate) cause() Cause {
	if c.rank == rankNone {
		return Cause{Class: CauseUnknown, Offset: c.offset, Excerpt: c.excerpt}
	}
	return Cause{Class: c.class, Offset: c.offset, Line: c.line, Excerpt: c.excerpt}
}

// considerCause checks whether line explains the failure.
func (s *scanner) considerCause(line []byte) {
	if len(line) > 0 && line[0] == esc {
		line = skipEscapes(line)
	}
	class, rank := classify(line)
	if rank == rankNone {
		return
	}
	if hasControls(line) {
		// Colours and progress bars hide the text of the line.
		line = []byte(Clean(line))
		if class, rank = classify(line); rank == rankNone {
			return
		}
	}
	if s.phase == PhaseTest && rank == rankReason && isExpectable(class, line) {
		rank = rankWeak
	}
	if class == CauseOther {
		class = s.classOfPhase()
	}
	s.consider(line, class, rank)
}

// hasControls reports whether Clean would remove more than single characters.
func hasControls(line []byte) bool {
	return bytes.IndexByte(line, esc) >= 0 || bytes.IndexByte(line, '\r') >= 0
}

// isExpectable reports whether a passing test may print line, because tests provoke
// errors.
func isExpectable(class CauseClass, line []byte) bool {
	switch class {
	case CauseTest, CauseLinker:
		return false
	case CauseCompiler:
		return hasPrefix(line, "error: ")
	case CausePython:
		return !hasPrefix(line, "E   ")
	}
	return true
}

// classOfPhase returns the class of an unclassified error in the current phase.
func (s *scanner) classOfPhase() CauseClass {
	switch s.phase {
	case PhaseConfigure:
		return CauseConfigure
	case PhaseTest:
		return CauseTest
	}
	return CauseOther
}

// consider makes the current line the cause if it explains more than the previous
// one in this phase. It ignores lines after the failure, which only repeat it.
func (s *scanner) consider(line []byte, class CauseClass, r rank) {
	if s.log.Failure != nil {
		return
	}
	now := s.lines.lines
	c := &s.cause
	settled := s.gaveUp && c.rank >= rankReason
	if c.rank != rankNone && !settled && now-c.lastLine > survives[c.rank] {
		*c = candidate{}
		s.gaveUp = false
	}
	switch {
	case !settled && r > c.rank:
		*c = candidate{class: class, rank: r, offset: s.lines.offset(), line: record(line), lastLine: now}
		s.openExcerpt()
	case r >= c.rank:
		c.lastLine = now
	}
	if r == rankReport {
		s.gaveUp = true
	}
}

// resetCause forgets the errors of a phase that has ended successfully.
func (s *scanner) resetCause() {
	s.cause, s.gaveUp = candidate{}, false
	s.lines.limitLookBack()
}

// concludeCause is called when the failure is reported. It drops a weak cause that
// the build survived. Without a cause, it takes the lines just above.
func (s *scanner) concludeCause() {
	c := &s.cause
	if c.rank == rankWeak && s.lines.lines-c.lastLine > survives[rankWeak] {
		*c = candidate{}
	}
	c.open = c.open && c.offset == s.lines.offset()
	if c.rank == rankNone {
		s.excerptAbove()
	}
}

// classify returns what line says about a failure. It must be fast for irrelevant
// lines. Nearly all relevant lines contain a colon, so other lines cost one search
// for a byte.
func classify(line []byte) (CauseClass, rank) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return classifyPlain(line)
	}
	if rest, ok := cutElapsed(line, colon); ok {
		return classify(rest)
	}
	if class, r := classifyBegin(line); r != rankNone {
		return class, r
	}
	best, bestRank := CauseUnknown, rankNone
	for i := colon; i >= 0; {
		if class, r := classifyColon(line, i); r > bestRank {
			best, bestRank = class, r
		}
		next := bytes.IndexByte(line[i+1:], ':')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return best, bestRank
}

// cutElapsed cuts the time at the beginning of a line of Mozilla's mach: " 0:43.92
// error: …". colon is the index of the first colon.
func cutElapsed(line []byte, colon int) ([]byte, bool) {
	const longest = 4 // the blank and the minutes
	if colon == 0 || colon > longest || !isDigit(line[colon-1]) {
		return line, false
	}
	end := colon + 1
	for end < len(line) && (isDigit(line[end]) || line[end] == '.') {
		end++
	}
	if end != colon+len(":43.92") || end == len(line) || line[end] != ' ' {
		return line, false
	}
	return line[end+1:], true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// classifyPlain classifies lines without a colon.
func classifyPlain(line []byte) (CauseClass, rank) {
	if len(line) < 6 {
		return CauseUnknown, rankNone
	}
	switch line[0] {
	case 'n':
		if hasPrefix(line, "not ok ") && !bytes.Contains(line, []byte("# ")) {
			return CauseTest, rankReason
		}
	case 'H':
		if hasPrefix(line, "Hunk #") && bytes.Contains(line, []byte(" FAILED")) {
			return CausePatch, rankReason
		}
	case 'K':
		if string(line) == "Killed" {
			return CauseSignal, rankStop
		}
	case '-':
		if hasPrefix(line, "-- Configuring incomplete, errors occurred!") {
			return CauseCMake, rankReport
		}
	default:
		switch {
		case isDigit(line[0]) && bytes.Contains(line, []byte(" FAILED -- saving rejects")):
			return CausePatch, rankReport
		case isMesonTest(line):
			return CauseTest, rankReason
		case isPerl(line):
			return CauseOther, rankWeak
		}
	}
	return CauseUnknown, rankNone
}

// isPerl reports whether line ends like a warning or error of Perl: "… at
// Makefile.PL line 12."
func isPerl(line []byte) bool {
	if line[len(line)-1] != '.' || !isDigit(line[len(line)-2]) {
		return false
	}
	before, _, ok := bytes.Cut(line, []byte(" line "))
	return ok && bytes.Contains(before, []byte(" at "))
}

// isMesonTest reports whether line is "2/12 name  FAIL  0.02s  exit status 1".
func isMesonTest(line []byte) bool {
	line = bytes.TrimLeft(line, " ")
	slash := bytes.IndexByte(line, '/')
	return slash > 0 && isDigit(line[0]) && isDigit(line[slash-1]) && slash+1 < len(line) && isDigit(line[slash+1]) && bytes.Contains(line, []byte(" FAIL "))
}

// classifyBegin classifies lines with a colon by their beginning.
func classifyBegin(line []byte) (CauseClass, rank) {
	switch line[0] {
	case 'C':
		switch {
		case hasPrefix(line, "CMake Error"):
			return CauseCMake, rankReason
		case hasPrefix(line, "Can't locate "):
			return CauseMissingFile, rankReason
		}
	case 'F':
		switch {
		case hasPrefix(line, "FAILED: "):
			return CauseNinja, rankReport
		case hasPrefix(line, "FAILED "), hasPrefix(line, "FAIL: "):
			return CauseTest, rankReason
		}
	case 'n':
		switch {
		case hasPrefix(line, "ninja: build stopped:"):
			return CauseNinja, rankReport
		case hasPrefix(line, "ninja: error: "):
			return CauseNinja, rankReason
		case hasPrefix(line, "not ok ") && !bytes.Contains(line, []byte("# ")):
			return CauseTest, rankReason
		}
	case 'A':
		if hasPrefix(line, "ACCESS DENIED:") {
			return CauseSandbox, rankReason
		}
	case 'c':
		switch {
		case hasPrefix(line, "configure: error: in `"), hasPrefix(line, "configure: error: in '"):
			return CauseConfigure, rankReport // the place; the next line has the message
		case hasPrefix(line, "configure: error: "):
			return CauseConfigure, rankReason
		case hasPrefix(line, "collect2: "):
			return classifyLinkerDriver(line)
		}
	case 'f':
		if hasPrefix(line, "fatal: ") {
			return CauseFetch, rankWeak
		}
	case 'e':
		if hasPrefix(line, "error: ") || hasPrefix(line, "error[") {
			return classifyRust(line)
		}
	case 'T':
		if hasPrefix(line, "The following tests FAILED:") {
			return CauseTest, rankReason
		}
	case 't', ' ':
		if isPanic(line) {
			return CauseRust, rankReason
		}
	}
	return CauseUnknown, rankNone
}

// isPanic reports whether line says that a Rust program panicked. cargo indents the
// output of build scripts.
func isPanic(line []byte) bool {
	return hasPrefix(bytes.TrimLeft(line, " "), "thread '") && bytes.Contains(line, []byte(" panicked at "))
}

// classifyLinkerDriver classifies a line of collect2, which reports the result of
// ld.
func classifyLinkerDriver(line []byte) (CauseClass, rank) {
	switch {
	case bytes.Contains(line, []byte("signal 9")), bytes.Contains(line, []byte("Killed")):
		return CauseMemory, rankStop
	case bytes.Contains(line, []byte("error: ")):
		return CauseLinker, rankReport
	}
	return CauseUnknown, rankNone
}

// classifyRust classifies a line that begins with "error", as rustc, cargo and a
// few other programs write it.
func classifyRust(line []byte) (CauseClass, rank) {
	switch {
	case hasPrefix(line, "error[E"):
		return CauseRust, rankReason
	case hasPrefix(line, "error: could not compile "), hasPrefix(line, "error: aborting due to "):
		return CauseRust, rankReport
	case hasPrefix(line, "error: failed to run custom build command"):
		return CauseRust, rankReport // the build script gives the reason below
	case hasPrefix(line, "error: linking with "):
		return CauseLinker, rankReason
	case hasPrefix(line, "error: failed to "), hasPrefix(line, "error: no matching package "):
		return CauseRust, rankReason
	case hasPrefix(line, "error: command "), hasPrefix(line, "error: subprocess-exited"):
		return CausePython, rankReport
	}
	if class, r := classifyMessage(line); r != rankNone {
		return class, r
	}
	return CauseCompiler, rankReason
}

// classifyColon classifies a line by the text around the colon at i.
func classifyColon(line []byte, i int) (CauseClass, rank) {
	before, after := line[:i], line[i+1:]
	if i > 0 {
		switch before[i-1] {
		case 'r', 'R':
			if class, r := classifyError(line, before, after); r != rankNone {
				return class, r
			}
		case 'm':
			// rustc with colours: an escape sequence precedes the colon.
			if bytes.IndexByte(before, esc) >= 0 && bytes.Contains(before, []byte("rror")) {
				return CauseRust, rankReason
			}
		case 'n':
			if bytes.HasSuffix(before, []byte("Exception")) && isDottedName(before) {
				return CausePython, rankReason
			}
		case 'd':
			if bytes.HasSuffix(before, []byte("virtual memory exhausted")) {
				return CauseMemory, rankStop
			}
		case 'o':
			if bytes.HasSuffix(before, []byte(".go")) && isPosition(after) {
				return CauseCompiler, rankReason
			}
		}
	}
	return classifyMessage(after)
}

// isPosition reports whether after is "2:8: message", which follows the name of a
// file in the output of the Go compiler. The log of a Go test has only one number.
func isPosition(after []byte) bool {
	numbers := 0
	for len(after) > 0 && isDigit(after[0]) {
		end := bytes.IndexByte(after, ':')
		if end < 0 || bytes.ContainsFunc(after[:end], func(r rune) bool { return r < '0' || r > '9' }) {
			return false
		}
		after = after[end+1:]
		numbers++
	}
	return numbers == 2 && len(after) > 0 && after[0] == ' '
}

// classifyError classifies a colon after a word that ends with "error" in any
// spelling.
func classifyError(line, before, after []byte) (CauseClass, rank) {
	switch {
	case bytes.HasSuffix(before, []byte("error")):
		if class, r := classifyMessage(after); r >= rankReason || hasPrefix(after, " fatal error") {
			return class, r
		}
		switch {
		case isLinker(before):
			return CauseLinker, rankReason
		case bytes.HasSuffix(before, []byte("fatal error")) && bytes.HasSuffix(after, []byte("No such file or directory")),
			bytes.HasSuffix(after, []byte(" file not found")):
			return CauseMissingFile, rankReason
		case bytes.IndexByte(before, '"') >= 0:
			// This is quoted source code, as in a traceback: raise E("no: error:
			// x").
		case bytes.HasSuffix(before, []byte(": error")), bytes.HasSuffix(before, []byte(": fatal error")),
			bytes.HasSuffix(before, []byte("internal compiler error")), bytes.HasSuffix(before, []byte("fatal error")):
			if bytes.HasSuffix(after, []byte("No such file or directory")) {
				return CauseMissingFile, rankReason
			}
			return CauseCompiler, rankReason
		}
	case bytes.HasSuffix(before, []byte("Error")):
		switch {
		case bytes.HasSuffix(before, []byte("MemoryError")):
			return CauseMemory, rankStop
		case bytes.HasSuffix(before, []byte("CalledProcessError")):
			return CausePython, rankReport
		case bytes.HasSuffix(before, []byte(": Error")) && len(before) > 9 && before[len(before)-8] != ' ':
			return CauseCompiler, rankReason // an assembler
		case isDottedName(before) && len(before) > len("Error"):
			return CausePython, rankReason
		case len(before) == len("Error"):
			return CauseOther, rankWeak
		}
	case bytes.HasSuffix(before, []byte("ERROR")):
		switch {
		case bytes.HasPrefix(line, []byte("meson.build:")), bytes.Contains(before, []byte("/meson.build:")),
			bytes.Contains(before, []byte("meson.options:")):
			return CauseMeson, rankReason
		case len(before) == len("ERROR"), bytes.HasSuffix(before, []byte(" ERROR")):
			if class, r := classifyMessage(after); r == rankStop {
				return class, r
			}
			return CauseOther, rankWeak
		}
	default:
		return CauseUnknown, rankNone
	}
	if hasControls(line) {
		// Control characters hide the text before the word. considerCause cleans
		// the line.
		return CauseOther, rankWeak
	}
	return CauseUnknown, rankNone
}

// isLinker reports whether the program before ": error" is a linker.
func isLinker(before []byte) bool {
	program, ok := bytes.CutSuffix(before, []byte(": error"))
	if !ok {
		return false
	}
	program = program[bytes.LastIndexByte(program, '/')+1:]
	for _, name := range []string{"ld", "ld.lld", "ld.bfd", "ld.gold", "ld.mold", "mold", "wasm-ld"} {
		if string(program) == name || bytes.HasSuffix(program, []byte("-"+name)) {
			return true
		}
	}
	return false
}

// isDottedName reports whether b is one name of letters, digits, dots and
// underscores, such as the name of a Python exception; pytest puts "E   " before
// it.
func isDottedName(b []byte) bool {
	b = bytes.TrimPrefix(b, []byte("E   "))
	return len(b) > 0 && !slices.ContainsFunc(b, func(c byte) bool {
		return c != '.' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
	})
}
