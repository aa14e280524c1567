package emergelog

import "bytes"

// verdict is the result of recognising a line.
type verdict uint8

const (
	known     verdict = iota
	unknown           // a well-formed line with an unknown message
	malformed         // begins like a known line, but is truncated, joined or overwritten
	unstamped         // does not begin with "TIME: "
)

// maxTimeDigits bounds a timestamp. Twelve digits suffice until the year 33658.
const maxTimeDigits = 12

// stamp splits "TIME: message" into the time and the message with its blanks. ok is
// false if line does not begin so.
func stamp(line []byte) (seconds int64, message []byte, ok bool) {
	i := 0
	for i < len(line) && line[i]-'0' <= 9 {
		if i == maxTimeDigits {
			return 0, nil, false
		}
		seconds = seconds*10 + int64(line[i]-'0')
		i++
	}
	if i == 0 || i+1 >= len(line) || line[i] != ':' || line[i+1] != ' ' {
		return 0, nil, false
	}
	return seconds, line[i+1:], true
}

// recognise fills ev from a line without its line end.
func recognise(line []byte, ev *Event) verdict {
	seconds, message, ok := stamp(line)
	if !ok {
		return unstamped
	}
	ev.Time, ev.OneBlank, ev.N, ev.Of, ev.Name, ev.Text, ev.openEnded = seconds, false, 0, 0, nil, nil, false
	message = message[1:]
	if len(message) > 0 && message[0] == ' ' {
		return ev.twoBlanks(message[1:])
	}
	ev.OneBlank = true
	return ev.oneBlank(message)
}

// The prefixes of messages that begin with a blank.
var twoBlankPrefixes = []string{
	">>> emerge (", "=== (", "::: completed emerge (", ">>> AUTOCLEAN: ", ">>> unmerge success: ", "!!! unmerge FAILURE: ",
	"=== Unmerging... (", "=== Resource usage for ", "=== sync", "=== regen", "=== inject: ", ">>> depclean",
	"--- (", "--- AUTOCLEAN: Nothing unmerged.",
	"*** emerge ", "*** Resuming merge...", "*** Finished. Cleaning up...", "*** exiting successfully.",
	"*** exiting unsuccessfully with status '", "*** terminating.", "*** RESTARTING ",
}

func (ev *Event) twoBlanks(m []byte) verdict {
	if len(m) < 4 || m[3] != ' ' {
		return cutOrUnknown(m, twoBlankPrefixes)
	}
	rest := m[4:]
	switch string(m[:3]) {
	case ">>>":
		switch {
		case hasPrefix(rest, "emerge ("):
			return ev.span(KindBegin, rest[len("emerge "):])
		case hasPrefix(rest, "unmerge success: "):
			return ev.named(KindUnmerged, rest[len("unmerge success: "):])
		case hasPrefix(rest, "AUTOCLEAN: "):
			return ev.autoclean(rest[len("AUTOCLEAN: "):])
		case string(rest) == "depclean":
			return ev.plain(KindDepclean)
		}
	case "===":
		switch {
		case hasPrefix(rest, "("):
			return ev.step(rest)
		case hasPrefix(rest, "Unmerging... ("):
			return ev.named(KindUnmerging, trimParen(rest[len("Unmerging... ("):]))
		case hasPrefix(rest, "Resource usage for "):
			return ev.usage(rest[len("Resource usage for "):])
		case string(rest) == "sync":
			return ev.plain(KindSync)
		case string(rest) == "regen":
			return ev.plain(KindRegen)
		case hasPrefix(rest, "inject: "):
			return ev.named(KindInject, rest[len("inject: "):])
		}
	case ":::":
		if hasPrefix(rest, "completed emerge (") {
			return ev.span(KindCompleted, rest[len("completed emerge "):])
		}
	case "***":
		return ev.run(rest, m)
	case "---":
		switch {
		case hasPrefix(rest, "("):
			return ev.step(rest)
		case string(rest) == "AUTOCLEAN: Nothing unmerged.":
			return ev.plain(KindNothingUnmerged)
		}
	case "!!!":
		if hasPrefix(rest, "unmerge FAILURE: ") {
			return ev.named(KindUnmergeFailed, rest[len("unmerge FAILURE: "):])
		}
	}
	return cutOrUnknown(m, twoBlankPrefixes)
}

// run recognises the text after "*** ".
func (ev *Event) run(rest, m []byte) verdict {
	const unsuccessfully = "exiting unsuccessfully with status '"
	switch {
	case hasPrefix(rest, "emerge "):
		ev.Text, ev.openEnded = rest[len("emerge "):], true
		return ev.plain(KindArgs)
	case string(rest) == "emerge":
		return ev.plain(KindArgs)
	case string(rest) == "terminating.":
		return ev.plain(KindTerminating)
	case string(rest) == "exiting successfully.":
		ev.Text = zeroStatus
		return ev.plain(KindExiting)
	case hasPrefix(rest, unsuccessfully):
		status, ok := bytes.CutSuffix(rest[len(unsuccessfully):], []byte("'."))
		if _, number := decimal(status); !ok || !number {
			return malformed
		}
		ev.Text = status
		return ev.plain(KindExiting)
	case string(rest) == "Finished. Cleaning up...":
		return ev.plain(KindFinished)
	case string(rest) == "Resuming merge...":
		return ev.plain(KindResuming)
	case hasPrefix(rest, "RESTARTING "):
		return ev.plain(KindRestarting)
	}
	return cutOrUnknown(m, twoBlankPrefixes)
}

var zeroStatus = []byte("0")

func (ev *Event) plain(kind Kind) verdict {
	ev.Kind = kind
	return known
}

// named recognises a message that ends with a cpv.
func (ev *Event) named(kind Kind, name []byte) verdict {
	if !ev.hasCPV(name) {
		return malformed
	}
	ev.Kind, ev.Name = kind, name
	return known
}

// span recognises "(N of M) CPV to ROOT".
func (ev *Event) span(kind Kind, b []byte) verdict {
	n, of, rest, ok := nOfM(b)
	if !ok {
		return malformed
	}
	blank := bytes.IndexByte(rest, ' ')
	if blank < 0 || !hasPrefix(rest[blank:], " to ") {
		return malformed
	}
	root := rest[blank+len(" to "):]
	// Portage always ends a root with a slash (config.py, normalize_path). Without
	// the slash the line was truncated.
	if len(root) == 0 || root[len(root)-1] != '/' || !ev.hasCPV(rest[:blank]) {
		return malformed
	}
	ev.Kind, ev.N, ev.Of, ev.Name, ev.Text = kind, n, of, rest[:blank], root
	ev.openEnded = len(root) > 1 && bytes.IndexByte(root, ':') >= 0
	return known
}

// step recognises "(N of M) STEP (CPV::PATH)".
func (ev *Event) step(b []byte) verdict {
	n, of, rest, ok := nOfM(b)
	if !ok {
		return malformed
	}
	open := bytes.IndexByte(rest, '(')
	if open < 1 || rest[open-1] != ' ' || rest[len(rest)-1] != ')' {
		return malformed
	}
	var kind Kind
	switch string(rest[:open-1]) {
	case "Cleaning":
		kind = KindCleaning
	case "Compiling/Merging":
		kind = KindCompiling
	case "Compiling/Packaging":
		kind = KindPackaging
	case "Merging":
		kind = KindMerging
	case "Post-Build Cleaning":
		kind = KindPostClean
	case "Merging Binary":
		kind = KindMergingBinary
	case "Fetching Binary":
		kind = KindFetchingBinary
	case "Updating world file":
		kind = KindWorld
	default:
		return malformed
	}
	name, path := rest[open+1:len(rest)-1], []byte(nil)
	if kind != KindWorld {
		i := bytes.IndexByte(name, ':')
		if i < 0 || i+1 >= len(name) || name[i+1] != ':' {
			return malformed
		}
		name, path = name[:i], name[i+2:]
		ev.openEnded = bytes.IndexByte(path, ':') >= 0
	}
	if !ev.hasCPV(name) {
		return malformed
	}
	ev.Kind, ev.N, ev.Of, ev.Name, ev.Text = kind, n, of, name, path
	return known
}

// autoclean recognises "CAT/PN:SLOT", or "CAT/PN" as written until 2008-03.
func (ev *Event) autoclean(b []byte) verdict {
	name, slot, _ := bytes.Cut(b, []byte{':'})
	if bytes.IndexByte(name, '/') < 1 || !isNameText(name) || !isNameText(slot) {
		return malformed
	}
	ev.Kind, ev.Name, ev.Text = KindAutoclean, name, slot
	return known
}

// usage recognises "CPV [PAIRS]".
func (ev *Event) usage(b []byte) verdict {
	name, pairs, ok := bytes.Cut(b, []byte(" ["))
	if !ok || len(pairs) == 0 || pairs[len(pairs)-1] != ']' || !ev.hasCPV(name) {
		return malformed
	}
	ev.Kind, ev.Name, ev.Text = KindUsage, name, pairs[:len(pairs)-1]
	return known
}

func (ev *Event) hasCPV(name []byte) bool {
	if bytes.Equal(name, ev.plausible) && len(name) > 0 {
		return true
	}
	if !plausibleCPV(name) {
		return false
	}
	ev.plausible = append(ev.plausible[:0], name...)
	return true
}

func trimParen(b []byte) []byte {
	if len(b) == 0 || b[len(b)-1] != ')' {
		return nil
	}
	return b[:len(b)-1]
}

// nOfM reads "(N of M) " and returns the rest.
func nOfM(b []byte) (n, of int, rest []byte, ok bool) {
	i := 1
	for start := i; i < len(b) && b[i]-'0' <= 9 && i-start < maxCountDigits; i++ {
		n = n*10 + int(b[i]-'0')
	}
	if i == 1 || !hasPrefix(b[i:], " of ") {
		return 0, 0, nil, false
	}
	i += len(" of ")
	start := i
	for ; i < len(b) && b[i]-'0' <= 9 && i-start < maxCountDigits; i++ {
		of = of*10 + int(b[i]-'0')
	}
	if i == start || !hasPrefix(b[i:], ") ") || i+2 == len(b) {
		return 0, 0, nil, false
	}
	return n, of, b[i+2:], true
}

// maxCountDigits bounds N and M in "(N of M)". No repository has a million
// packages.
const maxCountDigits = 6

func decimal(b []byte) (int, bool) {
	n := 0
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0 && len(b) <= maxCountDigits
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// cutOrUnknown distinguishes damaged messages from unknown ones. A message that
// begins like a known one, or is the beginning of a known one, is malformed.
func cutOrUnknown(m []byte, prefixes []string) verdict {
	for _, prefix := range prefixes {
		if hasPrefix(m, prefix) || len(m) < len(prefix) && string(m) == prefix[:len(m)] {
			return malformed
		}
	}
	return unknown
}
