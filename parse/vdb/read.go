package vdb

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// MaxFile is the largest accepted size of the file of a key, and of metadata, in
// bytes. The longest real ones, PROVIDES and RDEPEND, have some kilobytes.
const MaxFile = 4 << 20

// The codes of diagnostics about packages.
const (
	// CodeUnread: a file exists but cannot be read.
	CodeUnread = "vdb-unread"
	// CodeMetadata: the file metadata is damaged.
	CodeMetadata = "vdb-metadata"
	// CodeStaleValues: only outdated values of the package are left.
	CodeStaleValues = "vdb-stale-values"
	// CodeNoSlot: the package has no SLOT, or an invalid one.
	CodeNoSlot = "vdb-no-slot"
	// CodeNumber: the value is not a number.
	CodeNumber = "vdb-number"
	// CodeDigest: BINPKGMD5 is not an MD5.
	CodeDigest = "vdb-digest"
	// CodeEncoding: a value is not valid UTF-8.
	CodeEncoding = "vdb-encoding"
	// CodeIdentity: CATEGORY or PF differs from the name of the directory.
	CodeIdentity = "vdb-identity"
)

// Dir is the directory of one package. All names are single path components. An
// implementation must not follow symbolic links.
type Dir interface {
	// Names returns the names in the directory in any order.
	Names() ([]string, error)
	// ReadFile returns the content of a regular file. It returns an error if there
	// is no such file, or if it has more than limit bytes.
	ReadFile(name string, limit int64) ([]byte, error)
	// ModTimeNS returns the mtime of the directory in unix nanoseconds.
	ModTimeNS() int64
}

// ReadPackage reads the package in the directory d, which has the path category/pf
// in the database. It reads the file metadata, BINPKGMD5 and the keys in want. If
// metadata is not valid, it also reads the file of each single key.
//
// It returns an error if category/pf is not the name of a package, or if the
// directory cannot be listed. A problem with a single file is a diagnostic, whose
// offset counts bytes in that file.
func ReadPackage(category, pf string, d Dir, want Want) (*Package, []parse.Diagnostic, error) {
	cpv, err := atom.ParseCPV(category + "/" + pf)
	if err != nil {
		return nil, nil, fmt.Errorf("vdb: %w", err)
	}
	names, err := d.Names()
	if err != nil {
		return nil, nil, fmt.Errorf("vdb %s: %w", cpv, err)
	}
	r := reader{
		dir:  d,
		name: category + "/" + pf,
		p:    &Package{CPV: cpv, DirMTimeNS: d.ModTimeNS()},
	}
	r.metadataKeys(names)
	r.otherKeys(names, want)
	slices.Sort(r.p.Unread)
	return r.p, r.diags, nil
}

// reader is the state of one call of ReadPackage.
type reader struct {
	dir   Dir
	name  string
	p     *Package
	diags []parse.Diagnostic
	slot  bool
}

func (r *reader) diagnose(offset int64, code, format string, args ...any) {
	d := parse.Diagnosef(offset, code, format, args...)
	d.Message = r.name + ": " + d.Message
	r.diags = append(r.diags, d)
}

// metadataKeys reads the keys that the file metadata holds.
func (r *reader) metadataKeys(names []string) {
	m := metadata{state: MetadataAbsent}
	if slices.Contains(names, "metadata") {
		m = r.readMetadata()
	}
	r.p.Metadata = m.state
	if m.state == MetadataFresh {
		for _, f := range m.fields {
			r.set(f.key, f.value)
		}
	} else {
		r.keyFiles(names, m)
	}
	if r.p.EAPI == "" {
		r.p.EAPI = "0"
	}
	if !r.slot {
		// If SLOT could not be read, Unread lists it.
		r.diagnose(0, CodeNoSlot, "no SLOT: Portage takes 0")
		r.p.Slot, r.p.SubSlot = "0", "0"
	}
}

// keyFiles reads the single files of the keys that metadata could hold.
func (r *reader) keyFiles(names []string, m metadata) {
	found := false
	for _, name := range names {
		if !inMetadata(name) {
			continue
		}
		found = true
		if value, ok := r.value(name); ok {
			r.set(name, value)
		}
	}
	// Every package has at least a SLOT. If there is no file at all, the files were
	// deleted, and only the outdated values are left.
	if !found && len(m.fields) > 0 {
		r.p.StaleValues = true
		r.diagnose(0, CodeStaleValues, "there are no files of single keys, and metadata is %s: Portage sees none of its values", m.state)
		for _, f := range m.fields {
			r.set(f.key, f.value)
		}
	}
}

// otherKeys reads the keys that metadata never holds.
func (r *reader) otherKeys(names []string, want Want) {
	env := &r.p.BuildEnv
	var installMask, pkgInstallMask string
	for _, name := range names {
		var needs Want
		var to *string
		switch name {
		case "BINPKGMD5":
			r.binpkgMD5()
			continue
		case "SIZE":
			if want&WantSize != 0 {
				if value, ok := r.value(name); ok {
					r.p.Size = r.number(name, value, -1)
				}
			}
			continue
		case "CATEGORY":
			r.identity(want, name, r.p.CPV.Category)
			continue
		case "PF":
			r.identity(want, name, r.p.CPV.PF())
			continue
		case "IUSE_EFFECTIVE":
			needs, to = WantIUSEEffective, &r.p.IUSEEffective
		case "CBUILD":
			needs, to = WantBuildEnv, &env.CBUILD
		case "CFLAGS":
			needs, to = WantBuildEnv, &env.CFLAGS
		case "CXXFLAGS":
			needs, to = WantBuildEnv, &env.CXXFLAGS
		case "LDFLAGS":
			needs, to = WantBuildEnv, &env.LDFLAGS
		case "FEATURES":
			needs, to = WantBuildEnv, &env.Features
		case "INSTALL_MASK":
			needs, to = WantBuildEnv, &installMask
		case "PKG_INSTALL_MASK":
			needs, to = WantBuildEnv, &pkgInstallMask
		}
		if want&needs != 0 {
			*to, _ = r.value(name)
		}
	}
	env.InstallMask = installMask
	if installMask == "" {
		env.InstallMask = pkgInstallMask
	}
}

func (r *reader) binpkgMD5() {
	value, ok := r.value("BINPKGMD5")
	if !ok || value == "" {
		return
	}
	md5 := strings.ToLower(value)
	if !isMD5(md5) {
		r.diagnose(0, CodeDigest, "BINPKGMD5 is not an MD5: %.80q", value)
		return
	}
	r.p.BinpkgMD5 = md5
}

func (r *reader) identity(want Want, key, dirName string) {
	if want&WantIdentity == 0 {
		return
	}
	if value, ok := r.value(key); ok && value != dirName {
		r.diagnose(0, CodeIdentity, "%s is %.80q", key, value)
	}
}

// value reads the file of a key. ok is false if the file could not be read.
func (r *reader) value(name string) (value string, ok bool) {
	b, ok := r.file(name)
	if !ok {
		return "", false
	}
	return r.normalize(name, string(b)), true
}

func (r *reader) file(name string) ([]byte, bool) {
	b, err := r.dir.ReadFile(name, MaxFile)
	switch {
	case err == nil:
		return b, true
	case errors.Is(err, fs.ErrNotExist):
		// The directory listing had the file, so the package is being removed or
		// updated right now.
		return nil, false
	}
	r.p.Unread = append(r.p.Unread, name)
	r.diagnose(0, CodeUnread, "%s: %v", name, withoutPath(err))
	return nil, false
}

// withoutPath returns the cause of a file system error without its path, which the
// diagnostic names already.
func withoutPath(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// normalize collapses runs of blanks and line ends into one blank.
func (r *reader) normalize(key, value string) string {
	if !utf8.ValidString(value) {
		r.diagnose(0, CodeEncoding, "%s is not valid UTF-8: %.80q", key, value)
	}
	value = strings.TrimSuffix(value, "\n")
	if !isNormal(value) {
		value = strings.Join(strings.FieldsFunc(value, isBlank), " ")
	}
	return value
}

// isBlank reports whether Python's str.split treats r as a blank: all blanks of
// Unicode, and four control characters.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// isNormal reports whether a value certainly needs no collapsing.
func isNormal(s string) bool {
	last := byte(' ')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c >= utf8.RuneSelf || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return s == "" || last != ' '
}

// set stores the value of a key that metadata holds.
func (r *reader) set(key, value string) {
	p := r.p
	switch key {
	case "BDEPEND":
		p.BDepend = value
	case "BUILD_ID":
		p.BuildID = r.number(key, value, -1)
	case "BUILD_TIME":
		p.BuildTime = r.number(key, value, -1)
	case "CHOST":
		p.CHOST = value
	case "COUNTER":
		p.Counter = r.number(key, value, 0)
	case "DEFINED_PHASES":
		p.DefinedPhases = value
	case "DEPEND":
		p.Depend = value
	case "DESCRIPTION":
		p.Description = value
	case "EAPI":
		p.EAPI = value
	case "IDEPEND":
		p.IDepend = value
	case "IUSE":
		p.IUSE = value
	case "KEYWORDS":
		p.Keywords = value
	case "LICENSE":
		p.License = value
	case "PDEPEND":
		p.PDepend = value
	case "PROPERTIES":
		p.Properties = value
	case "PROVIDES":
		p.Provides = value
	case "RDEPEND":
		p.RDepend = value
	case "REQUIRES":
		p.Requires = value
	case "RESTRICT":
		p.Restrict = value
	case "SLOT":
		if value == "" {
			return
		}
		slot, sub, ok := atom.ParseSlot(value)
		if !ok {
			r.diagnose(0, CodeNoSlot, "SLOT is not valid, Portage takes 0: %.80q", value)
			slot, sub = "0", "0"
		}
		p.Slot, p.SubSlot, r.slot = slot, sub, true
	case "USE":
		p.USE = value
	case "repository":
		p.Repo = value
	}
}

// number returns invalid if value is not a number.
func (r *reader) number(key, value string, invalid int64) int64 {
	if value == "" {
		return 0
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		r.diagnose(0, CodeNumber, "%s is not a number: %.80q", key, value)
		return invalid
	}
	return n
}

func isMD5(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 32
}
