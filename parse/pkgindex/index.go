package pkgindex

// Index is a package index: the header, and the entries in the order of the file.
type Index struct {
	// Header holds the keys of the first stanza, such as VERSION, TIMESTAMP,
	// PACKAGES, CHOST and the settings of the machine that wrote the index.
	Header Fields
	// Entries holds one entry for each binary package, including entries that
	// Portage does not see.
	Entries []Entry
	// Refused says why Portage discards the index. It is "" if Portage uses it. If
	// the header is the reason, Entries is empty. If an entry is, all entries are
	// hidden.
	Refused string
}

// Timestamp returns TIMESTAMP of the header: the time at which Portage wrote the
// index, in unix seconds, which is also the mtime of the file. The second result is
// false if it is missing or not a number.
func (x *Index) Timestamp() (int64, bool) {
	return parseInt(x.Header.Get("TIMESTAMP"))
}

// PackageCount returns PACKAGES of the header: the number of entries that were
// written. The second result is false if it is missing or not a number.
func (x *Index) PackageCount() (int64, bool) {
	return parseInt(x.Header.Get("PACKAGES"))
}

// Entry describes one binary package. It may be out of date; the file at Path is
// authoritative.
//
// Parse derives the typed fields from Fields, the header and the defaults. [Write]
// uses only Fields.
type Entry struct {
	// CPV is category/PF, unchanged. It is "" if the entry has none.
	CPV string
	// BuildID is 0 if the entry has none. It is -1, as in Portage, if it is not a
	// number.
	BuildID int64
	// BuildTime is in unix seconds. BuildTime, Size and MTime are 0 if the entry
	// has no value, and -1 if the value is not a number.
	BuildTime int64
	// Size is the size of the package file in bytes.
	Size int64
	// MTime is the modification time of the package file in unix seconds.
	MTime int64
	// MD5 is the checksum of the package file in lower-case hexadecimal. It is ""
	// if the entry has none, or if its length or alphabet is wrong.
	MD5 string
	// SHA1 is like MD5.
	SHA1 string
	// Path is the path of the package file relative to PKGDIR. It is valid in the
	// sense of [io/fs.ValidPath], so it cannot lead out of PKGDIR except through
	// symbolic links. It is "" if the entry has no valid path.
	Path string
	// Slot is the slot without the sub-slot. It is 0, as in Portage, if the entry
	// has no valid SLOT.
	Slot string
	// SubSlot is the sub-slot. It equals Slot if the entry names none.
	SubSlot string
	// Repo is the name of the ebuild repository, from the entry or the header. It
	// is "" if neither has one.
	Repo string
	// EAPI defaults to 0.
	EAPI string
	// CHOST comes from the entry or the header. If neither has one, Portage uses
	// the CHOST of the host it runs on.
	CHOST string
	// USE holds the enabled USE flags, separated by blanks.
	USE string
	// Hidden says whether Portage sees the entry, and if not, why.
	Hidden Hidden
	// Offset is the position of the first line of the entry in the text of the
	// index, in bytes.
	Offset int64
	// Fields holds all keys of the entry in the order and under the names of the
	// file. It includes keys with a typed field and keys that Portage does not
	// know. No key occurs more than once.
	Fields Fields
}

// Value returns the value of a key, such as RDEPEND. It applies the values
// inherited from the header and the defaults, and returns "" if there is none. The
// value of PATH is not checked; use Entry.Path to open a file.
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

// Hidden is the reason why Portage does not see an entry, as the end of a sentence.
type Hidden string

const (
	// Visible means that Portage sees the entry.
	Visible Hidden = ""
	// IndexRefused means that Portage discards the whole index: see
	// [Index.Refused].
	IndexRefused Hidden = "Portage uses nothing of the index"
	// AfterEnd means that the entry follows the stanza at which Portage stops
	// reading.
	AfterEnd Hidden = "Portage stops reading before it"
	// WithoutCPV means that the entry has no CPV.
	WithoutCPV Hidden = "it has no CPV"
	// Shadowed means that a later entry has the same CPV, BUILD_ID, SIZE,
	// BUILD_TIME and MTIME. Portage considers them the same instance
	// (virtual.py:53).
	Shadowed Hidden = "another entry for the same instance follows"
)

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

// Get returns the value of a key, or "" if the key is absent.
func (f Fields) Get(key string) string {
	for i := range f {
		if f[i].Key == key {
			return f[i].Value
		}
	}
	return ""
}

// Set sets the value of a key. It appends an absent key. An empty value means that
// the key is absent: [Write] omits it.
func (f *Fields) Set(key, value string) {
	for i := range *f {
		if (*f)[i].Key == key {
			(*f)[i].Value = value
			return
		}
	}
	*f = append(*f, Field{key, value})
}
