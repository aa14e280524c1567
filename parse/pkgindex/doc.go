// Package pkgindex reads and writes the index of a package directory: the files
// Packages and Packages.gz in PKGDIR, which tell Portage what binary packages
// it has. Where FEATURES=pkgdir-index-trusted is set, the default since Portage
// 3.0.52, Portage never looks at the directory itself: a package that the index
// does not show does not exist for it, and one that the index shows does, even
// where its file is gone.
//
// # Grammar
//
//	index  = header *entry
//	header = stanza
//	entry  = stanza
//	stanza = *line EOL
//	line   = key ":" CHAR value EOL
//	EOL    = LF | CR | CR LF
//
// The text is UTF-8. A line is split at its first colon, and the one character
// after the colon, a space in whatever Portage writes, is dropped unseen. A line
// without a colon is ignored. Of a key given twice in one stanza the last value
// counts.
//
// Portage stops reading at the first entry in which it finds none of the keys
// that it knows, an empty line after an empty line among others, and ignores an
// entry without a CPV. It discards the whole index unless the header has a
// VERSION which is a number of at most 0; that is also what happens when the
// header is missing, since the first stanza is then taken for it. At a CPV that
// is none it ends with an exception, and installs nothing from PKGDIR until the
// index is rebuilt.
//
// Three keys have another name inside Portage, by which it sorts: DESC is
// DESCRIPTION, MTIME is _mtime_ and REPO is repository; the latter two therefore
// come last. Both names are accepted. This package uses the names of the file.
//
// An entry that lacks CHOST or REPO inherits it from the header. SLOT and EAPI
// default to 0; PATH to the CPV with the suffix .tbz2. Values equal to what is
// inherited or defaulted are not written, nor are empty ones.
//
// SIZE, in bytes, and MTIME, in unix seconds, are those of the package file;
// MD5 and SHA1 are of all its bytes and are absent where Portage indexed the
// file without having built, fetched or checked it.
//
// # Sources
//
// Portage 3.0.82 at a20ef27af: lib/portage/getbinpkg.py:72-190 (the reader and
// the writer), lib/portage/dbapi/bintree.py:552-653 (keys, defaults,
// translation), 1024-1070 (what is done with an entry), 2429 (VERSION), 2252
// (writing), 2826 (universal newlines, invalid UTF-8); lib/portage/versions.py
// (numbers and slots of an entry).
//
// # What is tolerated
//
// Everything but an I/O error. [Parse] reads on where Portage stops, and keeps
// keys that Portage does not know; what Portage would not see is marked, so that
// nobody takes it for available: see [Entry.Hidden] and [Index.Refused]. Invalid
// UTF-8 is kept as it is. A PATH that leads out of PKGDIR is reported and not
// passed on, though Portage itself would follow it. An empty value is taken for
// none, though for Portage an empty CHOST or REPO of an entry hides that of the
// header until the index is next written. Sub-slots are accepted in every EAPI.
//
// # Limits
//
// [MaxSize] and [MaxDiagnostics].
package pkgindex
