// Package cause says which line of a build log explains why a build failed.
package cause

import (
	"bytes"
	"slices"
)

// Class is the type of problem that stopped a merge.
type Class string

// The classes of cause.
const (
	Unknown     Class = "unknown"
	Compiler    Class = "compiler"      // gcc, clang, an assembler, javac, go
	Linker      Class = "linker"        // ld, lld, mold, gold
	Rust        Class = "rust"          // rustc, cargo
	CMake       Class = "cmake"         //
	Meson       Class = "meson"         //
	Ninja       Class = "ninja"         // the build files, or no better cause was found
	Make        Class = "make"          // the makefiles, or no better cause was found
	Python      Class = "python"        // an exception
	Configure   Class = "configure"     // a configure script
	Patch       Class = "patch"         // a hunk that does not apply
	Test        Class = "test"          // a failing test
	MissingFile Class = "missing-file"  // a missing file, command or header
	Memory      Class = "out-of-memory" //
	Space       Class = "no-space"      //
	Signal      Class = "signal"        // killed by a person, or by the kernel for lack of memory
	Fetch       Class = "fetch"         //
	Checksum    Class = "checksum"      //
	Collision   Class = "collision"     // files of another package
	ReadOnly    Class = "read-only"     // a read-only file system
	Sandbox     Class = "sandbox"       //
	Archive     Class = "archive"       // a binary package that cannot be extracted
	Other       Class = "other"         // the "error:" of any other program
)

// Rank says how much a line explains a failure.
type Rank int

const (
	None   Rank = iota
	Report      // a report that something failed, such as "make: *** … Error 2"
	Weak        // an error that is often harmless
	Reason      // an error with its reason
	Stop        // nothing can continue: no space, no memory, killed
)

// Classify returns what line says about a failure. It must be fast for irrelevant
// lines. Nearly all relevant lines contain a colon, so other lines cost one search
// for a byte.
func Classify(line []byte) (Class, Rank) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return classifyPlain(line)
	}
	if rest, ok := cutElapsed(line, colon); ok {
		return Classify(rest)
	}
	if class, r := classifyBegin(line); r != None {
		return class, r
	}
	best, bestRank := Unknown, None
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
func classifyPlain(line []byte) (Class, Rank) {
	if len(line) < 6 {
		return Unknown, None
	}
	switch line[0] {
	case 'n':
		if hasPrefix(line, "not ok ") && !bytes.Contains(line, []byte("# ")) {
			return Test, Reason
		}
	case 'H':
		if hasPrefix(line, "Hunk #") && bytes.Contains(line, []byte(" FAILED")) {
			return Patch, Reason
		}
	case 'K':
		if string(line) == "Killed" {
			return Signal, Stop
		}
	case '-':
		if hasPrefix(line, "-- Configuring incomplete, errors occurred!") {
			return CMake, Report
		}
	default:
		switch {
		case isDigit(line[0]) && bytes.Contains(line, []byte(" FAILED -- saving rejects")):
			return Patch, Report
		case isMesonTest(line):
			return Test, Reason
		case isPerl(line):
			return Other, Weak
		}
	}
	return Unknown, None
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
func classifyBegin(line []byte) (Class, Rank) {
	switch line[0] {
	case 'C':
		switch {
		case hasPrefix(line, "CMake Error"):
			return CMake, Reason
		case hasPrefix(line, "Can't locate "):
			return MissingFile, Reason
		}
	case 'F':
		switch {
		case hasPrefix(line, "FAILED: "):
			return Ninja, Report
		case hasPrefix(line, "FAILED "), hasPrefix(line, "FAIL: "):
			return Test, Reason
		}
	case 'n':
		switch {
		case hasPrefix(line, "ninja: build stopped:"):
			return Ninja, Report
		case hasPrefix(line, "ninja: error: "):
			return Ninja, Reason
		case hasPrefix(line, "not ok ") && !bytes.Contains(line, []byte("# ")):
			return Test, Reason
		}
	case 'A':
		if hasPrefix(line, "ACCESS DENIED:") {
			return Sandbox, Reason
		}
	case 'c':
		switch {
		case hasPrefix(line, "configure: error: in `"), hasPrefix(line, "configure: error: in '"):
			return Configure, Report // the place; the next line has the message
		case hasPrefix(line, "configure: error: "):
			return Configure, Reason
		case hasPrefix(line, "collect2: "):
			return classifyLinkerDriver(line)
		}
	case 'f':
		if hasPrefix(line, "fatal: ") {
			return Fetch, Weak
		}
	case 'e':
		if hasPrefix(line, "error: ") || hasPrefix(line, "error[") {
			return classifyRust(line)
		}
	case 'T':
		if hasPrefix(line, "The following tests FAILED:") {
			return Test, Reason
		}
	case 't', ' ':
		if isPanic(line) {
			return Rust, Reason
		}
	}
	return Unknown, None
}

// isPanic reports whether line says that a Rust program panicked. cargo indents the
// output of build scripts.
func isPanic(line []byte) bool {
	return hasPrefix(bytes.TrimLeft(line, " "), "thread '") && bytes.Contains(line, []byte(" panicked at "))
}

// classifyLinkerDriver classifies a line of collect2, which reports the result of
// ld.
func classifyLinkerDriver(line []byte) (Class, Rank) {
	switch {
	case bytes.Contains(line, []byte("signal 9")), bytes.Contains(line, []byte("Killed")):
		return Memory, Stop
	case bytes.Contains(line, []byte("error: ")):
		return Linker, Report
	}
	return Unknown, None
}

// classifyRust classifies a line that begins with "error", as rustc, cargo and a
// few other programs write it.
func classifyRust(line []byte) (Class, Rank) {
	switch {
	case hasPrefix(line, "error[E"):
		return Rust, Reason
	case hasPrefix(line, "error: could not compile "), hasPrefix(line, "error: aborting due to "):
		return Rust, Report
	case hasPrefix(line, "error: failed to run custom build command"):
		return Rust, Report // the build script gives the reason below
	case hasPrefix(line, "error: linking with "):
		return Linker, Reason
	case hasPrefix(line, "error: failed to "), hasPrefix(line, "error: no matching package "):
		return Rust, Reason
	case hasPrefix(line, "error: command "), hasPrefix(line, "error: subprocess-exited"):
		return Python, Report
	}
	if class, r := classifyMessage(line); r != None {
		return class, r
	}
	return Compiler, Reason
}

// classifyColon classifies a line by the text around the colon at i.
func classifyColon(line []byte, i int) (Class, Rank) {
	before, after := line[:i], line[i+1:]
	if i > 0 {
		switch before[i-1] {
		case 'r', 'R':
			if class, r := classifyError(line, before, after); r != None {
				return class, r
			}
		case 'm':
			// rustc with colours: an escape sequence precedes the colon.
			if bytes.IndexByte(before, 0x1b) >= 0 && bytes.Contains(before, []byte("rror")) {
				return Rust, Reason
			}
		case 'n':
			if bytes.HasSuffix(before, []byte("Exception")) && isDottedName(before) {
				return Python, Reason
			}
		case 'd':
			if bytes.HasSuffix(before, []byte("virtual memory exhausted")) {
				return Memory, Stop
			}
		case 'o':
			if bytes.HasSuffix(before, []byte(".go")) && isPosition(after) {
				return Compiler, Reason
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
func classifyError(line, before, after []byte) (Class, Rank) {
	switch {
	case bytes.HasSuffix(before, []byte("error")):
		if class, r := classifyMessage(after); r >= Reason || hasPrefix(after, " fatal error") {
			return class, r
		}
		switch {
		case isLinker(before):
			return Linker, Reason
		case bytes.HasSuffix(before, []byte("fatal error")) && bytes.HasSuffix(after, []byte("No such file or directory")),
			bytes.HasSuffix(after, []byte(" file not found")):
			return MissingFile, Reason
		case bytes.IndexByte(before, '"') >= 0:
			// This is quoted source code, as in a traceback: raise E("no: error:
			// x").
		case bytes.HasSuffix(before, []byte(": error")), bytes.HasSuffix(before, []byte(": fatal error")),
			bytes.HasSuffix(before, []byte("internal compiler error")), bytes.HasSuffix(before, []byte("fatal error")):
			if bytes.HasSuffix(after, []byte("No such file or directory")) {
				return MissingFile, Reason
			}
			return Compiler, Reason
		}
	case bytes.HasSuffix(before, []byte("Error")):
		switch {
		case bytes.HasSuffix(before, []byte("MemoryError")):
			return Memory, Stop
		case bytes.HasSuffix(before, []byte("CalledProcessError")):
			return Python, Report
		case bytes.HasSuffix(before, []byte(": Error")) && len(before) > 9 && before[len(before)-8] != ' ':
			return Compiler, Reason // an assembler
		case isDottedName(before) && len(before) > len("Error"):
			return Python, Reason
		case len(before) == len("Error"):
			return Other, Weak
		}
	case bytes.HasSuffix(before, []byte("ERROR")):
		switch {
		case bytes.HasPrefix(line, []byte("meson.build:")), bytes.Contains(before, []byte("/meson.build:")),
			bytes.Contains(before, []byte("meson.options:")):
			return Meson, Reason
		case len(before) == len("ERROR"), bytes.HasSuffix(before, []byte(" ERROR")):
			if class, r := classifyMessage(after); r == Stop {
				return class, r
			}
			return Other, Weak
		}
	default:
		return Unknown, None
	}
	if bytes.ContainsAny(line, "\x1b\r") {
		// Control characters hide the text before the word. considerCause cleans
		// the line.
		return Other, Weak
	}
	return Unknown, None
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

// hasPrefix is bytes.HasPrefix for a string.
func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
