// Package userconf reads the lists with which an administrator, a profile and
// a repository steer Portage: package.mask and package.unmask,
// package.accept_keywords and package.keywords, package.license, package.use,
// license_groups, and the package moves of profiles/updates.
//
// # Lines
//
// All of them are lists of lines (portage(5); lib/portage/util/__init__.py,
// grabfile and grabdict):
//
//	file    = { line "\n" }
//	line    = { word } [ "#" comment ]
//
// Words stand between blanks; a word that begins with "#" ends the line, and
// one inside of a word does not. Empty lines say nothing. A file may be a
// folder, whose files are read in the order of their names; names that begin
// with "." or end in "~" are not read. [ReadsName] decides that.
//
//	package.mask, package.unmask      [ "-" ] atom
//	package.accept_keywords,
//	package.keywords, package.license,
//	package.use, package.properties   atom { value }
//	license_groups                    group { license | "@" group }
//	updates/NQ-YYYY                   "move" cat/pn cat/pn
//	                                | "slotmove" atom slot slot
//
// Atoms are those of configuration files: with wildcards, repositories and
// ranges. "-atom" takes back the same text of a weaker file ([Stack];
// util/__init__.py, stack_lists). The update files count in the order of
// [CompareUpdateNames], and a later move goes on from an earlier one.
//
// # Damage
//
// A line that Portage would not take becomes a diagnostic with its offset, and
// counts for nothing, as for Portage. Nothing here knows which file is
// stronger than which: the caller gives them in order.
//
// # Limits
//
// A file beyond [MaxFile] bytes is cut there with a diagnostic. The longest
// known, package.mask and package.use of the Gentoo repository, have 200 KiB.
package userconf
