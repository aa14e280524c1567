// Package userconf reads the lists that configure Portage, written by the
// administrator, a profile or a repository: package.mask and package.unmask,
// package.accept_keywords and package.keywords, package.license, package.use,
// license_groups, and the package moves in profiles/updates.
//
// # Lines
//
// All of them are lists of lines (portage(5); lib/portage/util/__init__.py,
// grabfile and grabdict):
//
//	file    = { line "\n" }
//	line    = { word } [ "#" comment ]
//
// White space separates words. A "#" at the beginning of a word starts a comment;
// inside a word it does not. Empty lines mean nothing. Instead of a file there may
// be a folder. Its files are read in the order of their names, except names that
// begin with "." or end with "~"; see [ReadsName].
//
//	package.mask, package.unmask      [ "-" ] atom
//	package.accept_keywords,
//	package.keywords, package.license,
//	package.use, package.properties   atom { value }
//	license_groups                    group { license | "@" group }
//	updates/NQ-YYYY                   "move" cat/pn cat/pn, and other lines
//
// Atoms have the syntax of configuration files, with wildcards and repositories.
// "-atom" removes an atom with the same text that a weaker file has ([Stack];
// util/__init__.py, stack_lists). The update files apply in the order of
// [CompareUpdateNames], and a later move applies to the result of an earlier one.
//
// # Damage
//
// A line that Portage would not accept becomes a diagnostic with its offset and has
// no other effect, as in Portage. This package does not know the precedence of
// files; the caller passes them in order.
//
// # Limits
//
// A file of more than [MaxFile] bytes is cut there with a diagnostic. The longest
// known lists, package.mask and package.use of the Gentoo repository, have 200 KiB.
package userconf
