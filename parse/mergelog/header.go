package mergelog

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"emaudit/parse"
)

// header handles the lines that Portage writes before the phases pretend, setup and
// nofetch (_emerge/EbuildPhase.py:196-224).
func (s *scanner) header(text []byte) bool {
	switch {
	case bytes.HasPrefix(text, []byte("Package:    ")):
		cpv, slot, _ := strings.Cut(record(text[12:]), ":")
		if !looksLikeCPV(cpv) {
			return false
		}
		s.beginPackage(cpv, slot)
	case s.log.CPV == "":
		return false
	case bytes.HasPrefix(text, []byte("Repository: ")):
		s.log.Repository = record(text[12:])
	case bytes.HasPrefix(text, []byte("USE:        ")):
		s.log.USE = s.flags(text[12:], "USE flags")
	case bytes.HasPrefix(text, []byte("FEATURES:   ")):
		s.log.Features = s.flags(text[12:], "FEATURES")
	case bytes.HasPrefix(text, []byte("Maintainer: ")), bytes.HasPrefix(text, []byte("Upstream:   ")):
	default:
		return false
	}
	return true
}

// beginPackage handles a header. If the attempt has not come further than setup, a
// second header shows that the first belonged to pretend.
func (s *scanner) beginPackage(cpv, slot string) {
	switch {
	case s.log.CPV == "":
		if s.phase == PhaseFetch && s.log.Failure != nil {
			// pkg_nofetch runs because the ebuild forbids the download.
			s.phase = ""
			s.enterPhase(PhaseNofetch)
			break
		}
		s.enterPhase(PhaseSetup)
	case s.phase == PhaseSetup && len(s.log.Phases) == 1 && s.log.Failure == nil && cpv == s.log.CPV:
		s.log.Phases[0].Phase = PhasePretend
		s.phase = PhasePretend
		s.enterPhase(PhaseSetup)
	default:
		s.restart()
		s.enterPhase(PhaseSetup)
	}
	s.log.CPV, s.log.Slot = cpv, slot
	s.log.Repository, s.log.USE, s.log.Features = "", nil, nil
}

// looksLikeCPV reports whether s has the outer form category/name.
func looksLikeCPV(s string) bool {
	category, pf, ok := strings.Cut(s, "/")
	return ok && category != "" && pf != "" && !strings.ContainsAny(s, " \t'\"\\") && !strings.Contains(pf, "/")
}

// progress handles the text after ">>> ".
func (s *scanner) progress(rest []byte) {
	if len(rest) == 0 {
		return
	}
	if rest[0] == '/' {
		s.installed(rest)
		return
	}
	if bytes.IndexByte(rest, esc) >= 0 || bytes.IndexByte(rest, '\r') >= 0 {
		rest = []byte(Clean(rest))
	}
	switch {
	case bytes.HasPrefix(rest, []byte("Unpacking source...")):
		s.enterPhase(PhaseUnpack)
	case bytes.HasPrefix(rest, []byte("Preparing source in ")):
		s.enterPhase(PhasePrepare)
	case bytes.HasPrefix(rest, []byte("Configuring source in ")):
		s.enterPhase(PhaseConfigure)
	case bytes.HasPrefix(rest, []byte("Compiling source in ")):
		s.enterPhase(PhaseCompile)
	case bytes.HasPrefix(rest, []byte("Test phase: ")):
		s.enterPhase(PhaseTest)
	case bytes.HasPrefix(rest, []byte("Install ")) && bytes.Contains(rest, []byte(" into ")):
		s.enterPhase(PhaseInstall)
	case bytes.HasPrefix(rest, []byte("Completed installing ")):
		s.sawInstalled = true
	case bytes.HasPrefix(rest, []byte("Creating binpkg")), bytes.HasPrefix(rest, []byte("Building package for ")):
		s.enterPhase(PhasePackage)
	case string(rest) == "Done.":
		s.log.BinpkgCreated = true
		s.sawInstalled = true
		s.enterPhase(PhasePackage)
	case bytes.HasPrefix(rest, []byte("Extracting info")), bytes.HasPrefix(rest, []byte("Extracting ")):
		if s.log.Kind == KindUnknown && s.phase != PhaseUnpack {
			s.log.Kind = KindBinary
		}
	case bytes.HasPrefix(rest, []byte("Merging ")):
		s.enterPhase(PhaseMerge)
	case bytes.HasPrefix(rest, []byte("needed ")):
		s.preserved(rest)
	case bytes.HasSuffix(rest, []byte(" merged.")):
		if looksLikeCPV(string(rest[:len(rest)-len(" merged.")])) {
			s.sawMerged = true
		}
	}
}

// sizes handles " * Final size of …" (bin/phase-functions.sh:717).
func (s *scanner) sizes(text []byte) bool {
	rest, ok := bytes.CutPrefix(text, []byte("Final size of "))
	if !ok {
		return false
	}
	what, number, ok := bytes.Cut(rest, []byte(":"))
	if !ok {
		return false
	}
	number, _, ok = bytes.Cut(bytes.TrimLeft(number, " "), []byte(" KiB"))
	kib, err := strconv.ParseInt(string(number), 10, 64)
	if !ok || err != nil || kib < 0 || kib > math.MaxInt64>>10 {
		return false
	}
	switch string(what) {
	case "build directory":
		s.log.BuildDirBytes = kib << 10
	case "installed tree":
		s.log.InstalledBytes = kib << 10
		s.sawInstalled = true
	default:
		return false
	}
	return true
}

// usage handles "=== Resource usage for …" (_emerge/_observability.py:326).
func (s *scanner) usage(rest []byte) {
	if !bytes.HasPrefix(rest, []byte("Resource usage for ")) {
		return
	}
	if _, pairs, ok := strings.Cut(record(rest), " ["); ok {
		usage := parse.ParseUsage(strings.TrimSuffix(pairs, "]"))
		s.log.Usage = &usage
	}
}

// installed handles ">>> /path" in the list of merged files. Only "._cfg" names
// matter (dbapi/vartree.py:5780, new_protect_filename).
func (s *scanner) installed(path []byte) {
	i := bytes.Index(path, []byte("/._cfg"))
	if i < 0 || !isConfigUpdate(path[i+1:]) {
		return
	}
	if target := bytes.Index(path, []byte(" -> ")); target > i {
		path = path[:target]
	}
	s.log.ConfigUpdates = appendBounded(s, s.log.ConfigUpdates, record(path), maxPaths, "config updates")
}

// isConfigUpdate reports whether name begins with "._cfg", four digits and an
// underscore.
func isConfigUpdate(name []byte) bool {
	const digits = len("._cfg")
	if len(name) < digits+6 || name[digits+4] != '_' || bytes.IndexByte(name, '/') >= 0 {
		return false
	}
	for _, c := range name[digits : digits+4] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// preserved handles ">>> needed  <type> <path>": a library that was kept because
// other packages use it (dbapi/vartree.py:2465, 3830).
func (s *scanner) preserved(rest []byte) {
	if i := bytes.IndexByte(rest, '/'); i >= 0 {
		s.log.PreservedLibs = appendBounded(s, s.log.PreservedLibs, record(rest[i:]), maxPaths, "preserved libraries")
	}
}
