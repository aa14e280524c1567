package binpkg

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"emaudit/parse"
	"emaudit/parse/binpkg/tarball"
)

// Metadata is the part of a package's VDB entry that the audits need. As in
// Portage, runs of white space in text values become one blank (bintree.py:245).
// Bytes that are not UTF-8 become U+FFFD. A missing key has the value "". Values
// come from the package and may be hostile.
type Metadata struct {
	Category, PF string // CATEGORY and PF
	Slot         string // SLOT, including the sub-slot
	Repository   string // repository
	EAPI         string // EAPI; "0" if absent, as in PMS
	Use          string // USE
	IUse         string // IUSE
	Keywords     string // KEYWORDS
	License      string // LICENSE
	Properties   string // PROPERTIES
	Restrict     string // RESTRICT
	BDepend      string // BDEPEND
	Depend       string // DEPEND
	RDepend      string // RDEPEND
	PDepend      string // PDEPEND
	IDepend      string // IDEPEND
	Requires     string // REQUIRES
	Provides     string // PROVIDES
	Phases       string // DEFINED_PHASES
	CHost        string // CHOST
	Description  string // DESCRIPTION

	// BuildTime is BUILD_TIME in unix seconds; 0 if absent or not a number.
	BuildTime int64
	// BuildID is BUILD_ID; 0 if absent or not a number.
	BuildID int64
	// InstalledSize is SIZE, the size of the installed files in bytes; -1 if absent
	// or not a number.
	InstalledSize int64

	// Others holds the remaining keys of keptKeys that are present: the build
	// environment, and the BINPKGMD5 and COUNTER that quickpkg copies.
	Others map[string]string

	// Names are all keys that are present, in the order of the package. They
	// include keys whose values are not kept. Each has at most 255 bytes.
	Names []string
	// HasEnvironment reports that environment.bz2 is present. Without it, Portage
	// cannot run the pkg_ phases of the package.
	HasEnvironment bool
}

// keptKeys are the keys that go to Others. They distinguish two builds of one
// version, and link a copy to its original.
var keptKeys = map[string]bool{
	"ASFLAGS": true, "BINPKGMD5": true, "CBUILD": true, "CC": true, "CFLAGS": true,
	"COUNTER": true, "CTARGET": true, "CXX": true, "CXXFLAGS": true, "DEBUGBUILD": true,
	"EPREFIX": true, "EXTRA_ECONF": true, "EXTRA_EINSTALL": true, "EXTRA_MAKE": true,
	"FEATURES": true, "HOMEPAGE": true, "INHERITED": true, "INSTALL_MASK": true,
	"IUSE_EFFECTIVE": true, "LDFLAGS": true, "LIBCFLAGS": true, "LIBCXXFLAGS": true,
	"PKG_INSTALL_MASK": true, "PKGUSE": true, "REPO_REVISIONS": true,
}

// field returns the field that holds the value of key, or nil.
func (m *Metadata) field(key []byte) *string {
	switch string(key) {
	case "CATEGORY":
		return &m.Category
	case "PF":
		return &m.PF
	case "SLOT":
		return &m.Slot
	case "repository":
		return &m.Repository
	case "EAPI":
		return &m.EAPI
	case "USE":
		return &m.Use
	case "IUSE":
		return &m.IUse
	case "KEYWORDS":
		return &m.Keywords
	case "LICENSE":
		return &m.License
	case "PROPERTIES":
		return &m.Properties
	case "RESTRICT":
		return &m.Restrict
	case "BDEPEND":
		return &m.BDepend
	case "DEPEND":
		return &m.Depend
	case "RDEPEND":
		return &m.RDepend
	case "PDEPEND":
		return &m.PDepend
	case "IDEPEND":
		return &m.IDepend
	case "REQUIRES":
		return &m.Requires
	case "PROVIDES":
		return &m.Provides
	case "DEFINED_PHASES":
		return &m.Phases
	case "CHOST":
		return &m.CHost
	case "DESCRIPTION":
		return &m.Description
	}
	return nil
}

// readMetadataTar reads an unpacked metadata.tar.
func (rd *Reader) readMetadataTar(p *Package, tar []byte) {
	if len(tar) == 0 {
		p.diagnose(0, ProblemMetadataDamaged, "metadata: empty tar")
		return
	}
	w := &rd.inner
	w.Reset(tarball.Bytes(tar))
	rd.beginMetadata(p)
	var e tarball.Entry
	for entries := 0; ; entries++ {
		err := w.Next(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.diagnose(w.Pos, ProblemMetadataDamaged, "metadata: %v", err)
			break
		}
		if entries == maxMetadataEntries {
			p.diagnose(e.Header, ProblemMetadataTooLarge, "metadata: more than %d keys", maxMetadataEntries)
			break
		}
		rd.metadataEntry(p, &e, tar)
	}
	rd.finishMetadata(p)
}

// metadataEntry reads one entry of metadata.tar. Portage requires the folder
// metadata/ in each name (gpkg.py:832) and takes the rest of the name as the key.
// It fails on anything but a regular file, even on an entry for the folder itself.
func (rd *Reader) metadataEntry(p *Package, e *tarball.Entry, tar []byte) {
	name := e.Name
	key, inside := bytes.CutPrefix(name, []byte("metadata/"))
	if !inside || len(key) == 0 || leavesFolder(key) {
		p.diagnose(e.Header, ProblemMetadataPath, "metadata: name %q is not metadata/KEY", shorten(name))
		return
	}
	if !e.Regular() {
		p.diagnose(e.Header, ProblemMetadataType, "metadata: %q is not a regular file (type %q)", shorten(name), e.Typeflag)
		return
	}
	if bytes.IndexByte(key, '/') >= 0 {
		p.diagnose(e.Header, ProblemMetadataNested, "metadata: key %q is in a folder", shorten(key))
		return
	}
	rd.metadataKey(p, key, tar[e.Offset:e.Offset+e.Size], e.Offset)
}

// beginMetadata resets the state before the keys of a package.
func (rd *Reader) beginMetadata(p *Package) {
	p.InstalledSize = -1
	p.EAPI = "0"
	p.Origin = OriginBuild
	rd.turn++
	clear(rd.seen)
	p.Names = make([]string, 0, 48)
}

// metadataKey records one key. Of two equal keys the last wins, as in Portage's
// dict (gpkg.py:859). A NUL stays in the value; the output layer escapes it.
func (rd *Reader) metadataKey(p *Package, key, value []byte, offset int64) {
	if len(key) > maxKeyName {
		p.diagnose(offset, ProblemMetadataPath, "metadata: key of %d bytes, limit %d", len(key), maxKeyName)
		return
	}
	known, again := rd.key(key)
	if again {
		p.diagnose(offset, ProblemMetadataDuplicate, "metadata: key %q given twice, the last one counts", key)
	} else {
		p.Names = append(p.Names, known.name)
	}
	switch {
	case string(key) == "environment.bz2":
		p.HasEnvironment = true
		return
	case string(key) == "CONTENTS" || string(key) == "COUNTER":
		p.Origin = OriginQuickpkg
		if string(key) == "CONTENTS" && rd.keepContents {
			rd.contents = bytes.Clone(value)
		}
	}

	field := p.field(key)
	isNumber := string(key) == "BUILD_TIME" || string(key) == "BUILD_ID" || string(key) == "SIZE"
	if field == nil && !isNumber && !keptKeys[string(key)] {
		return
	}
	if len(value) > maxKeyValue {
		p.diagnose(offset, ProblemMetadataTooLarge, "metadata: %s of %d bytes, limit %d", key, len(value), maxKeyValue)
		return
	}
	text, plain := known.plain(value)
	if !plain {
		if !utf8.Valid(value) {
			p.diagnose(offset, ProblemMetadataEncoding, "metadata: %s is not UTF-8", key)
		}
		if i := indexControl(value); i >= 0 {
			p.diagnose(offset+int64(i), ProblemMetadataControl, "metadata: %s: control character %q", key, value[i])
		}
		text = collapse(value)
	}
	switch {
	case field != nil:
		*field = text
	case isNumber:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			p.diagnose(offset, ProblemMetadataNumber, "metadata: %s: %q is no number", key, shorten(value))
			return
		}
		switch string(key) {
		case "BUILD_TIME":
			p.BuildTime = n
		case "BUILD_ID":
			p.BuildID = n
		case "SIZE":
			p.InstalledSize = n
		}
	default:
		if p.Others == nil {
			p.Others = make(map[string]string, 16)
		}
		p.Others[string(key)] = text
	}
}

// maxKnownKeys bounds the keys that a Reader remembers. PMS and Portage define
// about 60.
const maxKnownKeys = 256

// knownKey is a key seen in packages of this Reader. Most packages have the same 35
// keys, and most values equal those of the previous package.
type knownKey struct {
	name string
	turn uint64 // the number of the last package with this key
	last string // the last value that was plain text
}

// key returns the key of that name, and whether the current package has had it
// before.
func (rd *Reader) key(name []byte) (k *knownKey, again bool) {
	if k = rd.known[string(name)]; k != nil {
		again = k.turn == rd.turn
		k.turn = rd.turn
		return k, again
	}
	if k = rd.seen[string(name)]; k != nil {
		return k, true
	}
	k = &knownKey{name: string(name), turn: rd.turn}
	// The name of the ebuild differs in each package.
	if keep := &rd.known; len(*keep) < maxKnownKeys && !bytes.HasSuffix(name, []byte(".ebuild")) {
		if *keep == nil {
			*keep = make(map[string]*knownKey, maxKnownKeys)
		}
		(*keep)[k.name] = k
		return k, false
	}
	if rd.seen == nil {
		rd.seen = make(map[string]*knownKey)
	}
	rd.seen[k.name] = k
	return k, false
}

// maxRepeated is the longest value, in bytes, that is kept for comparison with the
// next package. Compiler flags fit, the REQUIRES of a desktop package does not.
const maxRepeated = 4 << 10

// plain returns the value without its final line break. ok is false unless the rest
// is printable ASCII with single blanks, which is true of nearly all values.
func (k *knownKey) plain(value []byte) (text string, ok bool) {
	value = bytes.TrimRight(value, "\n")
	if !printable(value) {
		return "", false
	}
	value = bytes.Trim(value, " ")
	if bytes.Contains(value, []byte("  ")) {
		return "", false
	}
	if k.last == string(value) {
		return k.last, true
	}
	text = string(value)
	if len(text) <= maxRepeated {
		k.last = text
	}
	return text, true
}

// printable reports whether all bytes are in the range ' ' to '~'.
func printable(b []byte) bool {
	for _, c := range b[parse.PrintablePrefix(b):] {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// finishMetadata checks conditions that involve several keys.
func (rd *Reader) finishMetadata(p *Package) {
	var missing []string
	for _, k := range [...]struct{ key, value string }{{"CATEGORY", p.Category}, {"PF", p.PF}, {"SLOT", p.Slot}} {
		if k.value == "" {
			missing = append(missing, k.key)
		}
	}
	if len(missing) > 0 {
		p.diagnose(0, ProblemMetadataKeys, "metadata: no %s", strings.Join(missing, ", "))
	}
	for _, k := range [...]struct{ key, value string }{{"CATEGORY", p.Category}, {"PF", p.PF}} {
		if strings.Contains(k.value, "/") || strings.HasPrefix(k.value, ".") || strings.Contains(k.value, " ") {
			p.diagnose(0, ProblemMetadataValue, "metadata: %s: %q is not a name", k.key, shorten([]byte(k.value)))
		}
	}
	for _, k := range [...]struct{ key, value string }{
		{"BDEPEND", p.BDepend}, {"DEPEND", p.Depend}, {"RDEPEND", p.RDepend}, {"PDEPEND", p.PDepend}, {"IDEPEND", p.IDepend},
	} {
		if !balanced(k.value) {
			p.diagnose(0, ProblemMetadataValue, "metadata: %s: unbalanced parentheses", k.key)
		}
	}
}

// balanced reports whether the parentheses of a dependency string match. Portage
// demands at least this of a package. parse/atom checks the rest of the grammar.
func balanced(dependency string) bool {
	if strings.IndexByte(dependency, '(') < 0 && strings.IndexByte(dependency, ')') < 0 {
		return true
	}
	depth := 0
	for token := range strings.FieldsSeq(dependency) {
		switch token {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// collapse joins the words of a value with single blanks.
func collapse(value []byte) string {
	value = bytes.TrimSpace(value)
	plain := utf8.Valid(value)
	for i := 0; plain && i < len(value); i++ {
		c := value[i]
		if c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f' || c >= utf8.RuneSelf || c == ' ' && value[i+1] == ' ' {
			plain = false
		}
	}
	if plain {
		return string(value)
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(value), "\uFFFD")), " ")
}

// indexControl returns the index of the first control character in a one-line
// value, or -1. It ignores white space at the end.
func indexControl(value []byte) int {
	value = bytes.TrimRight(value, "\n")
	for i, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return i
		}
	}
	return -1
}

// leavesFolder reports whether name, used as a path, would leave its folder.
func leavesFolder(name []byte) bool {
	if len(name) > 0 && name[0] == '/' {
		return true
	}
	for part := range bytes.SplitSeq(name, []byte{'/'}) {
		if string(part) == ".." || string(part) == "." {
			return true
		}
	}
	return false
}

// shorten shortens a possibly hostile name for a message.
func shorten(name []byte) []byte {
	const enough = 200
	if len(name) > enough {
		return name[:enough]
	}
	return name
}
