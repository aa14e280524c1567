// Package vdb reads the database of installed packages, EROOT/var/db/pkg, and
// the small files beside it in EROOT/var/lib/portage.
//
// # The directory of a package
//
// A package is a directory CATEGORY/PF. Portage takes a name for a category
// where it has the form of one, and for a package where it is a name, a hyphen
// and a version; on both levels it skips names that begin with a dot or with
// -MERGING-, CVS and lost+found. -MERGING-PF is the directory that a merge fills
// and renames at its end: where one stays behind, a merge was killed. See
// [ClassifyCategory] and [ClassifyPackage].
//
// A key is a file of that name. Its value is one line, in which a run of blanks
// or line ends stands for one blank, but for CONTENTS and NEEDED.ELF.2, which
// are of many lines. An absent file and an empty one are the same.
//
// Since 3.0.82, a file named metadata holds most keys:
//
//	metadata  = "#format=1" LF *( KEY "=" value LF ) "#dir_mtime=" 1*DIGIT LF
//
// Other lines that begin with "#" or have no "=" are ignored. The file counts
// only if the format is 1 and dir_mtime is the time of the directory's last
// change in nanoseconds; then a key that it does not have is empty, whatever
// files there are. Otherwise the files count, one a key. "emaint vdb --fix
// --delete-individual-files" deletes these; a database that was then copied
// without its nanoseconds (rsync, tar) is one in which Portage itself finds no
// more than the names. [ReadPackage] uses the outdated values then and says so:
// see [Package.StaleValues].
//
// # CONTENTS
//
//	line = "dir" SP path
//	     | "dev" SP path
//	     | "fif" SP path
//	     | "obj" SP path SP md5 SP mtime
//	     | "sym" SP path " -> " target SP ( mtime | stat )
//	stat = "(" 10 numbers, separated by ", ", some with the suffix L ")"
//
// Paths hold blanks and arrows, and are not escaped: obj is read from its end,
// and the last arrow of a sym is the one. The form with stat is an old one that
// packages of long ago still have. Paths include EPREFIX, but not ROOT.
//
// # NEEDED.ELF.2
//
//	line = arch ";" path ";" soname ";" runpaths ";" needed [ ";" category *( ";" any ) ]
//
// Runpaths are separated by colons, needed sonames by commas; "  -  " stands for
// no runpath.
//
// # Sources
//
// Portage 3.0.82 at a20ef27af: lib/portage/dbapi/vartree.py:67-285 (metadata),
// 365-372 and 780-815 (names), 1013-1090 (keys), 1967 and 2218 (CONTENTS);
// lib/portage/util/_dyn_libs/NeededEntry.py and PreservedLibsRegistry.py;
// lib/portage/_sets/files.py:255 and lib/portage/env/loaders.py (world). Bugs
// 351814 (the old form of sym) and 395463 (keys without a file).
//
// # What is tolerated, and limits
//
// A file that cannot be read, is no regular file or has more than [MaxFile]
// bytes leaves its keys unknown: see [Package.Unread]. Values that are not valid
// UTF-8 are kept as they are. The package opens nothing by itself: [Dir] is the
// caller's, and no name that was read becomes part of a path.
package vdb
