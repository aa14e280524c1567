package cause

import "bytes"

// classifyMessage classifies the text after a colon, whoever wrote it. Its first
// byte selects the texts to compare.
func classifyMessage(after []byte) (Class, Rank) {
	if len(after) < 4 || after[0] != ' ' {
		if hasPrefix(after, "bad_alloc'") {
			return Memory, Stop
		}
		return Unknown, None
	}
	text := after[1:]
	switch text[0] {
	case '*':
		return classifyMake(text)
	case 'N':
		switch {
		case hasPrefix(text, "No space left on device"):
			return Space, Stop
		case hasPrefix(text, "No such file or directory"):
			return MissingFile, Weak
		}
	case 'D':
		if hasPrefix(text, "Disk quota exceeded") {
			return Space, Stop
		}
	case 'C':
		if hasPrefix(text, "Cannot allocate memory") {
			return Memory, Stop
		}
	case 'o', 'O':
		if hasPrefix(text[1:], "ut of memory") {
			return Memory, Stop
		}
	case 'K':
		switch {
		case hasPrefix(text, "Killed signal terminated program "):
			return Memory, Stop
		case string(text) == "Killed", hasPrefix(text, "Killed "):
			return Signal, Stop
		}
	case 'u':
		switch {
		case string(text) == "unbound variable":
			return Other, Reason // a shell with set -u
		case hasPrefix(text, "unexpected end of file"):
			return Archive, Weak // gzip, or a shell
		case hasPrefix(text, "undefined reference to "), hasPrefix(text, "undefined symbol: "):
			return Linker, Reason
		case hasPrefix(text, "undefined: "):
			return Compiler, Reason // go
		}
	case 'm':
		if hasPrefix(text, "multiple definition of ") {
			return Linker, Reason
		}
	case 'c':
		switch {
		case hasPrefix(text, "cannot find -l"):
			return Linker, Reason
		case hasPrefix(text, "cannot stat "), hasPrefix(text, "can't read "):
			return MissingFile, Reason
		case hasPrefix(text, "command not found"):
			return MissingFile, Weak
		}
	case 'A':
		if hasPrefix(text, "Assertion ") && bytes.HasSuffix(text, []byte(" failed.")) {
			return Other, Reason // assert(3)
		}
	case 'P':
		if string(text) == "Permission denied" {
			return Other, Weak
		}
	case 'F', 'U', 'T':
		switch {
		case string(text) == "File format not recognized", string(text) == "Unexpected end of input":
			return Archive, Reason // xz
		case hasPrefix(text, "This does not look like a tar archive"), string(text) == "Unexpected EOF in archive":
			return Archive, Reason // tar
		}
	case 's':
		if hasPrefix(text, "syntax error") {
			return Other, Reason // a shell, awk, bison
		}
	case 'n':
		if string(text) == "not found" {
			return MissingFile, Weak // dash
		}
	case 'e':
		if hasPrefix(text, "error: command ") {
			return Python, Report
		}
	default:
		if isDigit(text[0]) || text[0] == ' ' {
			return classifyShellJob(text)
		}
	}
	return Unknown, None
}

// classifyShellJob classifies "line 12:  4711 Killed  <command>", the message of
// bash about a job that a signal killed.
func classifyShellJob(text []byte) (Class, Rank) {
	job := bytes.TrimLeft(text, " ")
	digits := 0
	for digits < len(job) && isDigit(job[digits]) {
		digits++
	}
	if digits == 0 || digits == len(job) || job[digits] != ' ' {
		return Unknown, None
	}
	switch what := bytes.TrimLeft(job[digits:], " "); {
	case hasPrefix(what, "Killed"):
		return Signal, Stop
	case hasPrefix(what, "Segmentation fault"), hasPrefix(what, "Illegal instruction"),
		hasPrefix(what, "Bus error"), hasPrefix(what, "Aborted"):
		return Signal, Reason
	}
	return Unknown, None
}

// classifyMake classifies "make[1]: *** …" and "Makefile:3: *** …".
func classifyMake(text []byte) (Class, Rank) {
	rest, ok := bytes.CutPrefix(text, []byte("*** "))
	if !ok || bytes.HasSuffix(rest, []byte("(ignored)")) || hasPrefix(rest, "Waiting for unfinished jobs") {
		return Unknown, None
	}
	if !hasPrefix(rest, "[") {
		return Make, Reason // no rule, missing separator, $(error)
	}
	_, end, _ := bytes.Cut(rest, []byte("] "))
	switch {
	case hasPrefix(end, "Error 137"), hasPrefix(end, "Killed"):
		return Signal, Stop
	case hasPrefix(end, "Error 139"), hasPrefix(end, "Segmentation fault"), hasPrefix(end, "Illegal instruction"),
		hasPrefix(end, "Bus error"), hasPrefix(end, "Aborted"):
		return Signal, Reason
	}
	return Make, Report
}
