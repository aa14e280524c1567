// Package atom reads the names of the Package Manager Specification (PMS 9):
// the name of a version of a package, which of two versions is newer, and the
// small languages in which packages name each other. It follows Portage, also
// where PMS differs; testdata has Portage's answers.
//
// # Names
//
//	cpv       = category "/" PF                          PMS 3.1.1, 3.1.2
//	PF        = PN "-" version
//	category  = word { word | "+" | "-" | "." }
//	PN        = word { word | "+" | "-" }, not ending in "-" version
//	version   = digits { "." digits } [ a-z ] { "_" suffix [ digits ] } [ "-r" digits ]
//	suffix    = "alpha" | "beta" | "pre" | "rc" | "p"    PMS 3.2
//	word      = A-Z a-z 0-9 "_"
//
// Since a PN may hold hyphens and digits, the version of a PF is its last part
// that can be one: font-adobe-100dpi-1.0.4-r1 is font-adobe-100dpi. A PF such
// as foo-1-2 is refused. [ParseCPV] and [SplitPF] do not allocate.
//
// # Version order
//
// PMS 3.3; Portage's lib/portage/versions.py, vercmp. Compared in turn:
//
//   - the first numbers, as integers; the others as integers too, unless one of
//     the two has a leading zero, when both are digits behind a decimal point:
//     1.001 < 1.01 < 1.1 < 1.2 < 1.10, and 1.010 = 1.01;
//   - the version with fewer numbers is older, 1.0 < 1.0.0, whatever letter
//     follows: 1.0a < 1.0.1;
//   - the letter, none before any: 1.0 < 1.0a;
//   - the suffixes, _alpha < _beta < _pre < _rc < none < _p, each with its
//     number, none being 0: 1_rc < 1 < 1_p = 1_p0 < 1_p1;
//   - the revision, none being 0: 1 = 1-r0 < 1-r1 = 1-r01.
//
// # Atoms
//
//	atom      = [ "!" | "!!" ] name [ ":" slot ] [ "::" repo ] [ "[" use { "," use } "]" ]
//	name      = category "/" PN
//	          | ( "=" | "~" | "<" | "<=" | ">" | ">=" ) cpv [ "-" build-id ]
//	          | "=" cpv "*"
//	slot      = "*" | "=" | slot-name [ "/" slot-name ] [ "=" ]
//	use       = [ "-" ] flag [ default ]
//	          | [ "!" ] flag [ default ] ( "=" | "?" )
//	default   = "(+)" | "(-)"
//
// PMS 8.3; Portage's lib/portage/dep/__init__.py, Atom and match_from_list.
// Repositories and build ids are Portage's own and belong to the command line
// and configuration files, as do the wildcards of portage(5): */*, app-misc/*,
// =app-misc/foo-*9999*. [Syntax] says what is accepted where, and for
// dependencies what each EAPI has.
//
// Where Portage and PMS differ, this package follows Portage: "~" accepts a
// revision and ignores it, and compares the rest as text, so that ~foo-1.0 does
// not match foo-1.00; "=1*" does not match 10 (bug 560466); a package of unknown
// repository matches every ::repo. A build id of 0, which no package has, is an
// error here.
//
// # Dependency strings
//
//	deps      = { item | group }
//	group     = [ "||" | "^^" | "??" | flag "?" | "!" flag "?" ] "(" deps ")"
//
// PMS 8.2; Portage's use_reduce. White space separates all tokens, and a group
// has at least one member. [DepKind] says what an item is and which groups
// are allowed. [Dep.Reduce] applies USE, [Dep.Evaluate] also to the atoms, and
// [Dep.Satisfied] decides the rest over a fixed set of packages, naming the
// smallest parts that fail.
//
// # Sonames
//
//	sonames   = { category ":" soname { soname } }
//
// The value of REQUIRES and PROVIDES; Portage's lib/portage/dep/soname/parse.py.
//
// # Limits
//
// [MaxName], [MaxUSEDeps], [MaxDepString], [MaxDepDepth] and [MaxSonames] bound
// what is read, as all of it may come from a hostile file. Only ASCII is
// accepted in names. Errors quote what they refuse, escaped and cut short.
package atom
