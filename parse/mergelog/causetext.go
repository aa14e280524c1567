package mergelog

import "bytes"

// classifyMessage classifies the text after a colon, whoever wrote it. Its first
// byte selects the texts to compare.
func classifyMessage(after []byte) (CauseClass, rank) {
	if len(after) < 4 || after[0] != ' ' {
		if hasPrefix(after, "bad_alloc'") {
			return CauseMemory, rankStop
		}
		return CauseUnknown, rankNone
	}
	text := after[1:]
	switch text[0] {
	case '*':
		return classifyMake(text)
	case 'N':
		switch {
		case hasPrefix(text, "No space left on device"):
			return CauseSpace, rankStop
		case hasPrefix(text, "No such file or directory"):
			return CauseMissingFile, rankWeak
		}
	case 'D':
		if hasPrefix(text, "Disk quota exceeded") {
			return CauseSpace, rankStop
		}
	case 'C':
		if hasPrefix(text, "Cannot allocate memory") {
			return CauseMemory, rankStop
		}
	case 'o', 'O':
		if hasPrefix(text[1:], "ut of memory") {
			return CauseMemory, rankStop
		}
	case 'K':
		switch {
		case hasPrefix(text, "Killed signal terminated program "):
			return CauseMemory, rankStop
		case string(text) == "Killed", hasPrefix(text, "Killed "):
			return CauseSignal, rankStop
		}
	case 'u':
		switch {
		case string(text) == "unbound variable":
			return CauseOther, rankReason // a shell with set -u
		case hasPrefix(text, "unexpected end of file"):
			return CauseArchive, rankWeak // gzip, or a shell
		case hasPrefix(text, "undefined reference to "), hasPrefix(text, "undefined symbol: "):
			return CauseLinker, rankReason
		case hasPrefix(text, "undefined: "):
			return CauseCompiler, rankReason // go
		}
	case 'm':
		if hasPrefix(text, "multiple definition of ") {
			return CauseLinker, rankReason
		}
	case 'c':
		switch {
		case hasPrefix(text, "cannot find -l"):
			return CauseLinker, rankReason
		case hasPrefix(text, "cannot stat "), hasPrefix(text, "can't read "):
			return CauseMissingFile, rankReason
		case hasPrefix(text, "command not found"):
			return CauseMissingFile, rankWeak
		}
	case 'A':
		if hasPrefix(text, "Assertion ") && bytes.HasSuffix(text, []byte(" failed.")) {
			return CauseOther, rankReason // assert(3)
		}
	case 'P':
		if string(text) == "Permission denied" {
			return CauseOther, rankWeak
		}
	case 'F', 'U', 'T':
		switch {
		case string(text) == "File format not recognized", string(text) == "Unexpected end of input":
			return CauseArchive, rankReason // xz
		case hasPrefix(text, "This does not look like a tar archive"), string(text) == "Unexpected EOF in archive":
			return CauseArchive, rankReason // tar
		}
	case 's':
		if hasPrefix(text, "syntax error") {
			return CauseOther, rankReason // a shell, awk, bison
		}
	case 'n':
		if string(text) == "not found" {
			return CauseMissingFile, rankWeak // dash
		}
	case 'e':
		if hasPrefix(text, "error: command ") {
			return CausePython, rankReport
		}
	default:
		if isDigit(text[0]) || text[0] == ' ' {
			return classifyShellJob(text)
		}
	}
	return CauseUnknown, rankNone
}

// classifyShellJob classifies "line 12:  4711 Killed  <command>", the message of
// bash about a job that a signal killed.
func classifyShellJob(text []byte) (CauseClass, rank) {
	job := bytes.TrimLeft(text, " ")
	digits := 0
	for digits < len(job) && isDigit(job[digits]) {
		digits++
	}
	if digits == 0 || digits == len(job) || job[digits] != ' ' {
		return CauseUnknown, rankNone
	}
	switch what := bytes.TrimLeft(job[digits:], " "); {
	case hasPrefix(what, "Killed"):
		return CauseSignal, rankStop
	case hasPrefix(what, "Segmentation fault"), hasPrefix(what, "Illegal instruction"),
		hasPrefix(what, "Bus error"), hasPrefix(what, "Aborted"):
		return CauseSignal, rankReason
	}
	return CauseUnknown, rankNone
}

// classifyMake classifies "make[1]: *** …" and "Makefile:3: *** …".
func classifyMake(text []byte) (CauseClass, rank) {
	rest, ok := bytes.CutPrefix(text, []byte("*** "))
	if !ok || bytes.HasSuffix(rest, []byte("(ignored)")) || hasPrefix(rest, "Waiting for unfinished jobs") {
		return CauseUnknown, rankNone
	}
	if !hasPrefix(rest, "[") {
		return CauseMake, rankReason // no rule, missing separator, $(error)
	}
	_, end, _ := bytes.Cut(rest, []byte("] "))
	switch {
	case hasPrefix(end, "Error 137"), hasPrefix(end, "Killed"):
		return CauseSignal, rankStop
	case hasPrefix(end, "Error 139"), hasPrefix(end, "Segmentation fault"), hasPrefix(end, "Illegal instruction"),
		hasPrefix(end, "Bus error"), hasPrefix(end, "Aborted"):
		return CauseSignal, rankReason
	}
	return CauseMake, rankReport
}
