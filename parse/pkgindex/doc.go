// Package pkgindex reads and writes the index of a package directory: the files
// Packages and Packages.gz in PKGDIR. The index tells Portage which binary packages
// exist. With FEATURES=pkgdir-index-trusted, the default since Portage 3.0.52,
// Portage never reads the directory itself. A package outside the index then does
// not exist for Portage, and a package in the index does, even if its file is gone.
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
// The text is UTF-8. The first colon splits a line. The character after the colon,
// which Portage writes as a space, is dropped whatever it is. A line without a
// colon is ignored. If a stanza repeats a key, the last value counts.
//
// Portage stops at the first entry that has none of the keys it knows, for example
// at an empty line after an empty line. It ignores an entry without a CPV. It
// discards the whole index unless VERSION in the header is a number and at most 0.
// That also happens if the header is missing, because Portage then reads the first
// entry as the header. An invalid CPV raises an exception, and Portage installs
// nothing from PKGDIR until the index is rebuilt.
//
// Portage sorts keys by its internal names. Three of them differ from the file:
// DESC is DESCRIPTION, MTIME is _mtime_ and REPO is repository. The last two
// therefore sort last. Both names are accepted. This package uses the names of the
// file.
//
// An entry without CHOST or REPO inherits it from the header. SLOT and EAPI default
// to 0, PATH to the CPV with the suffix .tbz2. Portage does not write empty values,
// nor values equal to the inherited value or the default.
//
// SIZE (bytes) and MTIME (unix seconds) describe the package file. MD5 and SHA1
// cover all its bytes. They are absent if Portage indexed the file without
// building, fetching or checking it.
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
// Everything except I/O errors. [Parse] reads on where Portage stops and keeps keys
// that Portage does not know. It marks entries that Portage does not see, so that
// they do not count as available: see [Entry.Hidden] and [Index.Refused]. Invalid
// UTF-8 stays unchanged. A PATH that leads out of PKGDIR is reported and dropped,
// although Portage would follow it. An empty value counts as absent, although in
// Portage an empty CHOST or REPO hides the value of the header until it writes the
// index again. Sub-slots are accepted in every EAPI.
//
// # Limits
//
// [MaxSize] and [MaxDiagnostics] limit what is read.
package pkgindex
