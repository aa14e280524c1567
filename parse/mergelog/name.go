package mergelog

import (
	"path"
	"strings"
	"time"
)

// DefaultSeparator is the default of PORTAGE_LOG_FILE_SEP.
const DefaultSeparator = ":"

// stampLayout is the time in the name of a log, which is always in UTC
// (prepare_build_dirs.py:406, mod_save.py:41).
const stampLayout = "20060102-150405"

// Name is the information in the path of a log.
type Name struct {
	// Source is the kind of text in the file.
	Source Source
	// CPV is the package. For the log of a removal it is the removed package. It is
	// "" for a summary.
	CPV string
	// Time is the time in the name. In a build log it is the time at which the
	// build directory was prepared, in an elog file the time at which the messages
	// were saved. It is zero for a kept build.log and for a summary.
	Time time.Time
	// Gzip reports that the name ends with ".gz".
	Gzip bool
	// OtherCodec reports that the name ends with the suffix of another compressor,
	// which logrotate may use. Portage uses only gzip.
	OtherCodec bool
	// Ambiguous reports that the separator also occurs inside a name, so that CPV
	// is a guess.
	Ambiguous bool
}

// Source is the kind of text in a file.
type Source string

// The kinds of text.
const (
	SourceBuildLog    Source = "build-log"    // below PORTAGE_LOGDIR
	SourceKeptLog     Source = "kept-log"     // below PORTAGE_TMPDIR
	SourceElog        Source = "elog"         // saved by the elog module "save"
	SourceElogSummary Source = "elog-summary" // saved by the elog module "save_summary", and possibly rotated
)

// ParseName returns the information in name, the slash-separated path of a log
// relative to PORTAGE_LOGDIR:
//
//	<category> sep <PF> sep <stamp> ".log" [ ".gz" ]
//	"build/" <category> "/" <PF> sep <stamp> ".log" [ ".gz" ]    FEATURES=split-log
//	"elog/" <category> ":" <PF> ":" <stamp> ".log"
//	"elog/" <category> "/" <PF> ":" <stamp> ".log"               FEATURES=split-elog
//	"elog/summary.log" [ any suffix of logrotate ]
//
// The separator is PORTAGE_LOG_FILE_SEP; "" means [DefaultSeparator]. Names of elog
// files always have a colon. The result is false for a name that Portage does not
// use.
func ParseName(name, separator string) (Name, bool) {
	if separator == "" {
		separator = DefaultSeparator
	}
	name = path.Clean(name)
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	top, below, _ := strings.Cut(dir, "/")
	if top == "elog" {
		return parseElogName(below, base)
	}
	base, stamp, gz, ok := cutStamp(base)
	if !ok {
		return Name{}, false
	}
	n := Name{Source: SourceBuildLog, Time: stamp, Gzip: gz}
	base, ok = strings.CutSuffix(base, separator)
	if !ok {
		return Name{}, false
	}
	switch {
	case top == "build" && below != "":
		return n.withPackage(below, base)
	case dir == "":
		return n.split(base, separator)
	}
	return Name{}, false
}

// ParseKeptName returns the information in name, a slash-separated path relative to
// $PORTAGE_TMPDIR/portage:
//
//	<category> "/" <PF> "/temp/build.log" [ ".gz" ]
//
// Portage leaves this file after a failed build. If PORTAGE_LOGDIR is set, it is a
// symlink to the log there.
func ParseKeptName(name string) (Name, bool) {
	dir, base := path.Split(path.Clean(name))
	base, gz := strings.CutSuffix(base, ".gz")
	cpv, ok := strings.CutSuffix(dir, "/temp/")
	if base != "build.log" || !ok {
		return Name{}, false
	}
	category, pf, _ := strings.Cut(cpv, "/")
	return Name{Source: SourceKeptLog, Gzip: gz}.withPackage(category, pf)
}

func parseElogName(dir, base string) (Name, bool) {
	if dir == "" && (base == "summary.log" || strings.HasPrefix(base, "summary.log-") || strings.HasPrefix(base, "summary.log.")) {
		_, gz, other := cutCodec(base)
		return Name{Source: SourceElogSummary, Gzip: gz, OtherCodec: other}, true
	}
	plain, gz, other := cutCodec(base)
	base, stamp, _, ok := cutStamp(plain)
	if !ok {
		return Name{}, false
	}
	n := Name{Source: SourceElog, Time: stamp, Gzip: gz, OtherCodec: other}
	base, ok = strings.CutSuffix(base, ":")
	switch {
	case !ok:
		return Name{}, false
	case dir == "":
		return n.split(base, ":")
	}
	return n.withPackage(dir, base)
}

// cutCodec cuts the suffix of a compressor from a name. gz and other say which kind
// of compressor it was.
func cutCodec(base string) (rest string, gz, other bool) {
	for _, suffix := range []string{".gz", ".bz2", ".xz", ".zst"} {
		if rest, ok := strings.CutSuffix(base, suffix); ok {
			return rest, suffix == ".gz", suffix != ".gz"
		}
	}
	return base, false, false
}

// cutStamp cuts the time and the extensions from the end of base.
func cutStamp(base string) (rest string, stamp time.Time, gz, ok bool) {
	base, gz = strings.CutSuffix(base, ".gz")
	base, ok = strings.CutSuffix(base, ".log")
	if !ok || len(base) < len(stampLayout) {
		return "", time.Time{}, false, false
	}
	i := len(base) - len(stampLayout)
	stamp, err := time.Parse(stampLayout, base[i:])
	return base[:i], stamp, gz, err == nil
}

// split divides "<category><sep><PF>". A separator that PMS allows in names, such
// as "-", permits several divisions. split takes the first whose category is
// "virtual" or has a hyphen.
func (n Name) split(base, separator string) (Name, bool) {
	var found Name
	candidates := 0
	for from := 0; ; {
		i := strings.Index(base[from:], separator)
		if i < 0 {
			break
		}
		i += from
		if named, ok := n.withPackage(base[:i], base[i+len(separator):]); ok {
			if candidates == 0 || !isUsualCategory(found.CPV) && isUsualCategory(named.CPV) {
				found = named
			}
			candidates++
		}
		from = i + len(separator)
	}
	found.Ambiguous = candidates > 1
	return found, candidates > 0
}

// isUsualCategory reports whether the category of cpv has the form of those in the
// Gentoo repository.
func isUsualCategory(cpv string) bool {
	category, _, _ := strings.Cut(cpv, "/")
	return category == "virtual" || strings.Contains(category, "-")
}

// withPackage sets the cpv of n if category and pf are names by PMS 3.1.
func (n Name) withPackage(category, pf string) (Name, bool) {
	if !isPMSName(category, false) || !isPMSName(pf, true) {
		return Name{}, false
	}
	n.CPV = category + "/" + pf
	return n, true
}

// isPMSName reports whether s consists of characters that PMS 3.1 allows in a
// category, or, with version, in a name and version.
func isPMSName(s string, version bool) bool {
	if s == "" || strings.ContainsRune("-.+", rune(s[0])) || version && !strings.Contains(s, "-") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '+', c == '.':
		default:
			return false
		}
	}
	return true
}
