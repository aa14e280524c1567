package logline

import "bytes"

// Verdict is the result of recognising a line.
type Verdict uint8

const (
	Known     Verdict = iota
	Unknown           // a well-formed line with an unknown message
	Malformed         // begins like a known line, but is truncated, joined or overwritten
	Unstamped         // does not begin with "TIME: "
)

// maxTimeDigits bounds a timestamp. Twelve digits suffice until the year 33658.
const maxTimeDigits = 12

// Stamp splits "TIME: message" into the time and the message with its blanks. ok is
// false if line does not begin so.
func Stamp(line []byte) (seconds int64, message []byte, ok bool) {
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

// StampDigits is the length of timestamps from 2001 to 2286. Only timestamps of
// this length are accepted in the middle of a line.
const StampDigits = 10

// NextStamp returns the first index, at or after from, where a line can begin, or
// -1.
func NextStamp(line []byte, from int) int {
	for i := from + StampDigits; i < len(line); i++ {
		colon := bytes.Index(line[i:], []byte(": "))
		if colon < 0 {
			return -1
		}
		i += colon
		start := i - StampDigits
		if start < from || !Digits(line[start:i]) || line[start] == '0' {
			continue
		}
		message := line[i+len(": "):]
		prefixes := oneBlankPrefixes
		if len(message) > 0 && message[0] == ' ' {
			message, prefixes = message[1:], twoBlankPrefixes
		}
		for _, prefix := range prefixes {
			if hasPrefix(message, prefix) {
				return start
			}
		}
	}
	return -1
}

// Digits reports whether b consists of digits, at least one.
func Digits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return len(b) > 0
}

// Recognise fills ev from a line without its line end.
func Recognise(line []byte, ev *Event) Verdict {
	seconds, message, ok := Stamp(line)
	if !ok {
		return Unstamped
	}
	ev.Time, ev.OneBlank, ev.N, ev.Of, ev.Name, ev.Text, ev.OpenEnded = seconds, false, 0, 0, nil, nil, false
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

func (ev *Event) twoBlanks(m []byte) Verdict {
	if len(m) < 4 || m[3] != ' ' {
		return cutOrUnknown(m, twoBlankPrefixes)
	}
	rest := m[4:]
	switch string(m[:3]) {
	case ">>>":
		switch {
		case hasPrefix(rest, "emerge ("):
			return ev.span(Begin, rest[len("emerge "):])
		case hasPrefix(rest, "unmerge success: "):
			return ev.named(Unmerged, rest[len("unmerge success: "):])
		case hasPrefix(rest, "AUTOCLEAN: "):
			return ev.autoclean(rest[len("AUTOCLEAN: "):])
		case string(rest) == "depclean":
			return ev.plain(Depclean)
		}
	case "===":
		switch {
		case hasPrefix(rest, "("):
			return ev.step(rest)
		case hasPrefix(rest, "Unmerging... ("):
			return ev.named(Unmerging, trimParen(rest[len("Unmerging... ("):]))
		case hasPrefix(rest, "Resource usage for "):
			return ev.usage(rest[len("Resource usage for "):])
		case string(rest) == "sync":
			return ev.plain(Sync)
		case string(rest) == "regen":
			return ev.plain(Regen)
		case hasPrefix(rest, "inject: "):
			return ev.named(Inject, rest[len("inject: "):])
		}
	case ":::":
		if hasPrefix(rest, "completed emerge (") {
			return ev.span(Completed, rest[len("completed emerge "):])
		}
	case "***":
		return ev.run(rest, m)
	case "---":
		switch {
		case hasPrefix(rest, "("):
			return ev.step(rest)
		case string(rest) == "AUTOCLEAN: Nothing unmerged.":
			return ev.plain(NothingUnmerged)
		}
	case "!!!":
		if hasPrefix(rest, "unmerge FAILURE: ") {
			return ev.named(UnmergeFailed, rest[len("unmerge FAILURE: "):])
		}
	}
	return cutOrUnknown(m, twoBlankPrefixes)
}

// run recognises the text after "*** ".
func (ev *Event) run(rest, m []byte) Verdict {
	const unsuccessfully = "exiting unsuccessfully with status '"
	switch {
	case hasPrefix(rest, "emerge "):
		ev.Text, ev.OpenEnded = rest[len("emerge "):], true
		return ev.plain(Args)
	case string(rest) == "emerge":
		return ev.plain(Args)
	case string(rest) == "terminating.":
		return ev.plain(Terminating)
	case string(rest) == "exiting successfully.":
		ev.Text = zeroStatus
		return ev.plain(Exiting)
	case hasPrefix(rest, unsuccessfully):
		status, ok := bytes.CutSuffix(rest[len(unsuccessfully):], []byte("'."))
		if _, number := decimal(status); !ok || !number {
			return Malformed
		}
		ev.Text = status
		return ev.plain(Exiting)
	case string(rest) == "Finished. Cleaning up...":
		return ev.plain(Finished)
	case string(rest) == "Resuming merge...":
		return ev.plain(Resuming)
	case hasPrefix(rest, "RESTARTING "):
		return ev.plain(Restarting)
	}
	return cutOrUnknown(m, twoBlankPrefixes)
}

var zeroStatus = []byte("0")

func (ev *Event) plain(kind Kind) Verdict {
	ev.Kind = kind
	return Known
}

// named recognises a message that ends with a cpv.
func (ev *Event) named(kind Kind, name []byte) Verdict {
	if !ev.hasCPV(name) {
		return Malformed
	}
	ev.Kind, ev.Name = kind, name
	return Known
}

// span recognises "(N of M) CPV to ROOT".
func (ev *Event) span(kind Kind, b []byte) Verdict {
	n, of, rest, ok := nOfM(b)
	if !ok {
		return Malformed
	}
	blank := bytes.IndexByte(rest, ' ')
	if blank < 0 || !hasPrefix(rest[blank:], " to ") {
		return Malformed
	}
	root := rest[blank+len(" to "):]
	// Portage always ends a root with a slash (config.py, normalize_path). Without
	// the slash the line was truncated.
	if len(root) == 0 || root[len(root)-1] != '/' || !ev.hasCPV(rest[:blank]) {
		return Malformed
	}
	ev.Kind, ev.N, ev.Of, ev.Name, ev.Text = kind, n, of, rest[:blank], root
	ev.OpenEnded = len(root) > 1 && bytes.IndexByte(root, ':') >= 0
	return Known
}

// step recognises "(N of M) STEP (CPV::PATH)".
func (ev *Event) step(b []byte) Verdict {
	n, of, rest, ok := nOfM(b)
	if !ok {
		return Malformed
	}
	open := bytes.IndexByte(rest, '(')
	if open < 1 || rest[open-1] != ' ' || rest[len(rest)-1] != ')' {
		return Malformed
	}
	var kind Kind
	switch string(rest[:open-1]) {
	case "Cleaning":
		kind = Cleaning
	case "Compiling/Merging":
		kind = Compiling
	case "Compiling/Packaging":
		kind = Packaging
	case "Merging":
		kind = Merging
	case "Post-Build Cleaning":
		kind = PostClean
	case "Merging Binary":
		kind = MergingBinary
	case "Fetching Binary":
		kind = FetchingBinary
	case "Updating world file":
		kind = World
	default:
		return Malformed
	}
	name, path := rest[open+1:len(rest)-1], []byte(nil)
	if kind != World {
		i := bytes.IndexByte(name, ':')
		if i < 0 || i+1 >= len(name) || name[i+1] != ':' {
			return Malformed
		}
		name, path = name[:i], name[i+2:]
		ev.OpenEnded = bytes.IndexByte(path, ':') >= 0
	}
	if !ev.hasCPV(name) {
		return Malformed
	}
	ev.Kind, ev.N, ev.Of, ev.Name, ev.Text = kind, n, of, name, path
	return Known
}

// autoclean recognises "CAT/PN:SLOT", or "CAT/PN" as written until 2008-03.
func (ev *Event) autoclean(b []byte) Verdict {
	name, slot, _ := bytes.Cut(b, []byte{':'})
	if bytes.IndexByte(name, '/') < 1 || !isNameText(name) || !isNameText(slot) {
		return Malformed
	}
	ev.Kind, ev.Name, ev.Text = Autoclean, name, slot
	return Known
}

// usage recognises "CPV [PAIRS]".
func (ev *Event) usage(b []byte) Verdict {
	name, pairs, ok := bytes.Cut(b, []byte(" ["))
	if !ok || len(pairs) == 0 || pairs[len(pairs)-1] != ']' || !ev.hasCPV(name) {
		return Malformed
	}
	ev.Kind, ev.Name, ev.Text = Usage, name, pairs[:len(pairs)-1]
	return Known
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
// begins like a known one, or is the beginning of a known one, is Malformed.
func cutOrUnknown(m []byte, prefixes []string) Verdict {
	for _, prefix := range prefixes {
		if hasPrefix(m, prefix) || len(m) < len(prefix) && string(m) == prefix[:len(m)] {
			return Malformed
		}
	}
	return Unknown
}
