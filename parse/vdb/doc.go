// Package vdb reads the database of installed packages, EROOT/var/db/pkg, and the
// small files in EROOT/var/lib/portage.
//
// # The directory of a package
//
// A package is a directory CATEGORY/PF. Portage accepts a category name, and in it
// a name of the form name, hyphen, version. On both levels it skips CVS,
// lost+found, and names that begin with a dot or with -MERGING-. A merge fills the
// directory -MERGING-PF and renames it at the end. If such a directory remains, a
// merge was killed. See [ClassifyCategory] and [ClassifyPackage].
//
// Each key is a file of that name. Its value is one line, and each run of blanks or
// line ends counts as one blank. CONTENTS and NEEDED.ELF.2 have many lines. An
// absent file means the same as an empty one.
//
// Since 3.0.82, a file named metadata holds most keys:
//
//	metadata  = "#format=1" LF *( KEY "=" value LF ) "#dir_mtime=" 1*DIGIT LF
//
// Other lines that begin with "#" or have no "=" are ignored. The file is valid
// only if the format is 1 and dir_mtime is the mtime of the directory in
// nanoseconds. If it is valid, a key that it lacks is empty, and the files of
// single keys are ignored. Otherwise the files of single keys count. "emaint vdb
// --fix --delete-individual-files" deletes these files. If the database is then
// copied without nanoseconds (rsync, tar), Portage finds only the names of
// packages. [ReadPackage] uses the outdated values in that case and sets
// [Package.StaleValues].
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
// Paths may hold blanks and arrows and are not escaped. So obj is read from its
// end, and the last arrow of sym separates the target. Packages installed long ago
// still have the form with stat. Paths include EPREFIX, but not ROOT.
//
// # NEEDED.ELF.2
//
//	line = arch ";" path ";" soname ";" runpaths ";" needed [ ";" category *( ";" any ) ]
//
// Colons separate runpaths, and commas separate needed sonames. "  -  " means that
// there is no runpath.
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
// If a file cannot be read, is not a regular file or has more than [MaxFile] bytes,
// its key is unknown: see [Package.Unread]. Values that are not valid UTF-8 stay
// unchanged. This package opens no files itself: the caller provides [Dir]. No name
// that was read becomes part of a path.
package vdb
