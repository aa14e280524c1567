package pkgindex

// Index is a package index: the header and the entries, in the order in which
// they were read.
type Index struct {
	// Header holds the keys of the first stanza, such as VERSION, TIMESTAMP,
	// PACKAGES, CHOST and the settings of the machine that wrote the index.
	Header Fields
	// Entries holds one entry a binary package, those included that Portage
	// does not see.
	Entries []Entry
	// Refused says why Portage uses nothing of the index, and is empty where it
	// does use it. One that is refused for its header has no entries here; of
	// one that is refused for an entry all are hidden.
	Refused string
}

// Timestamp returns the TIMESTAMP of the header, the unix time in seconds at
// which Portage wrote the index and to which it set the mtime of the file, and
// whether the header has one that is a number.
func (x *Index) Timestamp() (int64, bool) {
	return parseInt(x.Header.Get("TIMESTAMP"))
}

// PackageCount returns the PACKAGES of the header, the number of entries that
// the writer wrote, and whether the header has one that is a number.
func (x *Index) PackageCount() (int64, bool) {
	return parseInt(x.Header.Get("PACKAGES"))
}

// Entry is what the index says of one binary package. It may be out of date:
// the truth is in the file at Path.
//
// The typed fields are what [Parse] made of Fields, of the header and of the
// defaults. [Write] looks at Fields alone.
type Entry struct {
	// CPV is category/PF as it is written; empty where the entry has none.
	CPV string
	// BuildID is 0 where the entry has none, and -1, as in Portage, where it
	// has one that is not a number.
	BuildID int64
	// BuildTime is in unix seconds. It, Size and MTime are 0 where the entry
	// does not say, and -1 where it says something that is not a number.
	BuildTime int64
	// Size is the size of the package file in bytes.
	Size int64
	// MTime is the time of last modification of the package file in unix
	// seconds.
	MTime int64
	// MD5 is the checksum of the package file in lower-case hexadecimal; empty
	// where the entry has none, or one of another length or alphabet.
	MD5 string
	// SHA1 is like MD5.
	SHA1 string
	// Path is the place of the package file relative to PKGDIR. It is valid in
	// the sense of [io/fs.ValidPath], so that it cannot lead out of PKGDIR by
	// itself (symbolic links are another matter), and empty where the entry
	// gives none that is.
	Path string
	// Slot is the slot without the sub-slot; 0 where the entry has no valid
	// SLOT, as in Portage.
	Slot string
	// SubSlot is the sub-slot, which is equal to the slot where the entry does
	// not name one.
	SubSlot string
	// Repo is the name of the ebuild repository, possibly inherited from the
	// header; empty where neither has it.
	Repo string
	// EAPI defaults to 0.
	EAPI string
	// CHOST is possibly inherited from the header. Where neither has it,
	// Portage takes that of the machine it runs on.
	CHOST string
	// USE holds the enabled USE flags, separated by blanks.
	USE string
	// Hidden says whether Portage sees the entry, and why not.
	Hidden Hidden
	// Offset is the position of the first line of the entry in the text of the
	// index, in bytes.
	Offset int64
	// Fields holds all keys of the entry, also those that have a typed field
	// here and those that Portage does not know, in the order of the file and
	// under the names of the file. None occurs twice.
	Fields Fields
}

// Value returns the value of a key, such as RDEPEND, with what the entry
// inherits from the header and with the defaults; empty where there is none.
// PATH is returned as the index has it: to open a file, take Entry.Path.
func (e *Entry) Value(key string) string {
	switch key {
	case "CHOST":
		return e.CHOST
	case "REPO":
		return e.Repo
	}
	if v := e.Fields.Get(key); v != "" {
		return v
	}
	return defaultValue(key)
}

// Hidden is the reason for which Portage does not see an entry.
type Hidden uint8

const (
	// Visible is an entry that Portage sees.
	Visible Hidden = iota
	// IndexRefused is an entry of an index of which Portage uses nothing: see
	// [Index.Refused].
	IndexRefused
	// AfterEnd is an entry that comes after the stanza at which Portage stops
	// reading.
	AfterEnd
	// WithoutCPV is an entry that has no CPV.
	WithoutCPV
	// Shadowed is an entry that is followed by another with the same CPV,
	// BUILD_ID, SIZE, BUILD_TIME and MTIME, which Portage takes for the same
	// instance (virtual.py:53).
	Shadowed
)

// String returns the reason as the end of a sentence, and "visible" for an
// entry that Portage sees.
func (h Hidden) String() string {
	switch h {
	case Visible:
		return "visible"
	case IndexRefused:
		return "Portage uses nothing of the index"
	case AfterEnd:
		return "Portage stops reading before it"
	case WithoutCPV:
		return "it has no CPV"
	case Shadowed:
		return "another entry for the same instance follows"
	}
	return "unknown"
}

// Fields holds the keys of one stanza in order.
type Fields []Field

// Field is one line of the index.
type Field struct {
	// Key is the name that the index file uses: DESC, MTIME and REPO, not
	// DESCRIPTION, _mtime_ and repository.
	Key string
	// Value is the value as it stands in the file.
	Value string
}

// Get returns the value of a key, empty where the key is absent.
func (f Fields) Get(key string) string {
	for i := range f {
		if f[i].Key == key {
			return f[i].Value
		}
	}
	return ""
}

// Set gives a key a value, at the end where the key is absent. An empty value
// stands for an absent key: [Write] omits it.
func (f *Fields) Set(key, value string) {
	for i := range *f {
		if (*f)[i].Key == key {
			(*f)[i].Value = value
			return
		}
	}
	*f = append(*f, Field{key, value})
}
