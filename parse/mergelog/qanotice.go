package mergelog

import (
	"bytes"
	"strings"
)

// QANotice is a QA notice that Portage or an ebuild printed.
type QANotice struct {
	// Class is the kind of notice in kebab-case: a name in noticeClasses, or
	// "other" for an unknown text.
	Class string
	// BreaksAtRuntime reports that files of this class fail on, or endanger, the
	// system they are installed on. The other classes concern only packagers.
	BreaksAtRuntime bool
	// Offset is the position of the notice in the decompressed log, in bytes.
	Offset int64
	// Title is the text after "QA Notice: ".
	Title string
	// Details are the lines below the title, without indentation.
	Details []string
}

// noticeClasses are the notices of Portage (grep "QA Notice:" in bin/ and lib/) by
// the beginning of their text, most specific first.
var noticeClasses = []struct {
	begins, class string
	atRuntime     bool
}{
	{"Unresolved soname dependencies", "unresolved-soname", true},
	{"Missing soname symlink", "missing-soname-symlink", true},
	{"The following files contain runtime text relocations", "text-relocations", true},
	{"The following files contain writable and executable sections", "executable-stack", true},
	{"The following files contain insecure RUNPATH", "insecure-runpath", true},
	{"world writable file", "world-writable", true},
	{"Unsafe files detected", "setid-world-writable", true},
	{"Package triggers severe warnings", "severe-warnings", true},
	{"Symbolic link ", "dangling-symlink", true},
	{"system executables owned by nonzero uid", "executable-owner", true},
	{"system executables group-writable by nonzero gid", "executable-owner", true},
	{"Missing gen_usr_ldscript", "missing-ldscript", true},
	{"Found the following implicit function declarations", "implicit-declarations", false},
	{"Files built without respecting CFLAGS", "ignored-cflags", false},
	{"Files built without respecting LDFLAGS", "ignored-ldflags", false},
	{"The following shared libraries lack a SONAME", "no-soname", false},
	{"The following shared libraries lack NEEDED", "no-needed", false},
	{"Pre-stripped files found", "prestripped", false},
	{"RESTRICT=binchecks prevented checks", "checks-prevented", false},
	{"Unrecognized ELF file", "unrecognized-elf", false},
	{"command not found", "command-not-found", false},
	{"file does not exist", "file-not-found", false},
	{"Unrecognized configure options", "configure-options", false},
	{"One or more CMake variables were not used", "cmake-variables", false},
	{"make jobserver unavailable", "jobserver", false},
	{"setuptools warnings detected", "setuptools", false},
	{"Automake \"maintainer mode\" detected", "maintainer-mode", false},
	{"Absolute symlink ", "absolute-symlink", false},
	{"Found an absolute symlink", "absolute-symlink", false},
	{"This package installs one or more file names", "file-names", false},
	{"This ebuild installs into", "deprecated-directory", false},
	{"pkg-config files", "pkg-config", false},
	{"Excessive files found", "excessive-files", false},
	{"One or more empty directories", "empty-directory", false},
	{"One or more compressed files", "compressed-files", false},
	{"invalid .la file", "libtool-archive", false},
	{"invalid shebang", "shebang", false},
	{"the following files use invalid", "shebang", false},
	{"the following files are outside of the prefix", "prefix", false},
}

// noticeMark handles a marked line: the title of a notice, or a detail of the
// previous notice.
func (s *scanner) noticeMark(text []byte) bool {
	if title, ok := bytes.CutPrefix(text, []byte("QA Notice: ")); ok {
		s.endNotice()
		n := QANotice{Class: "other", Offset: s.lines.offset(), Title: strings.TrimSpace(record(title))}
		for _, c := range noticeClasses {
			if strings.HasPrefix(n.Title, c.begins) {
				n.Class, n.BreaksAtRuntime = c.class, c.atRuntime
				break
			}
		}
		s.notice = &n
		if strings.HasSuffix(n.Title, ".") {
			// A complete sentence has no details.
			s.endNotice()
		}
		return true
	}
	if s.notice == nil {
		return false
	}
	detail := strings.TrimSpace(record(text))
	switch {
	case detail == "" && len(s.notice.Details) > 0:
		s.endNotice()
	case detail == "":
	case len(s.notice.Details) == 0 && strings.HasSuffix(s.notice.Title, " that it") && bytes.HasPrefix(text, []byte("           ")):
		s.notice.Title += " " + detail
	default:
		s.notice.Details = appendBounded(s, s.notice.Details, detail, maxNoticeLines, "lines of a QA notice")
	}
	return true
}

// noticeInterrupted is called for an unmarked line below a notice. If the notice
// has announced a list that has not begun, the line is the output of a concurrent
// program.
func (s *scanner) noticeInterrupted() {
	if len(s.notice.Details) > 0 || !strings.HasSuffix(s.notice.Title, ":") {
		s.endNotice()
	}
}

// endNotice adds the current notice to the record.
func (s *scanner) endNotice() {
	if s.notice == nil {
		return
	}
	n := *s.notice
	s.notice = nil
	s.log.Notices = appendBounded(s, s.log.Notices, n, maxNotices, "QA notices")
}
