// Package commandline knows the options of Portage's programs, so that a test can tell
// whether they would take a command line. The options are those of lib/_emerge/main.py,
// bin/quickpkg, lib/portage/emaint/modules, bin/gpkg-sign and bin/emerge-webrsync.
package commandline

import (
	"fmt"
	"slices"
	"strings"
)

// program is what one program takes.
type program struct {
	// flags take no value, values take one (--x=v or --x v), and maybes take one only
	// after an equals sign.
	flags, values, maybes []string
	// letters are the options of one letter.
	letters string
	// first are the words of which one must be the first that is no option.
	first []string
}

var programs = map[string]program{
	"emerge": {
		flags: words(`alphabetical ask-enter-invalid buildpkgonly changed-use columns debug digest emptytree verbose-conflicts fetchonly fetch-all-uri
			ignore-default-opts noconfmem newrepo newuse nobindeps nodeps noreplace nospinner oneshot onlydeps pretend quiet-repo-display quiet-unmerge-warn
			resume searchdesc skipfirst tree unordered-display update update-if-installed
			clean check-news config depclean help info list-sets metadata moo prune rage-clean regen search status sync unmerge version`),
		values: words(`autounmask-backtrack accept-properties accept-restrict backtrack buildpkg-exclude config-root color exclude getbinpkg-exclude
			getbinpkg-include usepkg-exclude usepkg-include rebuild-exclude rebuild-ignore prefix pkg-format quickpkg-direct-root rebuilt-binaries-timestamp
			reinstall reinstall-atoms root search-similarity sync-submodule sysroot useoldpkg-atoms`),
		maybes: words(`alert ask autounmask autounmask-continue autounmask-license autounmask-only autounmask-unrestricted-atoms autounmask-use
			autounmask-keep-keywords autounmask-keep-masks autounmask-write binpkg-changed-deps binpkg-respect-use buildpkg changed-deps changed-deps-report
			changed-slot complete-graph complete-graph-if-new-use complete-graph-if-new-ver deep depclean-lib-check deselect dynamic-deps fail-clean
			fuzzy-search getbinpkg getbinpkgonly ignore-built-slot-operator-deps ignore-soname-deps ignore-world implicit-system-deps jobs
			jobs-tmpdir-require-free-gb keep-going load-average misspell-suggestions onlydeps-with-ideps onlydeps-with-rdeps package-moves quickpkg-direct
			quiet quiet-build quiet-fail read-news rebuild-if-new-slot rebuild-if-new-rev rebuild-if-new-ver rebuild-if-unbuilt rebuilt-binaries
			regex-search-auto root-deps search-index select selective use-ebuild-visibility usepkg usepkgonly usepkg-exclude-live verbose
			verbose-missing-ebuilds verbose-slot-rebuilds with-bdeps with-bdeps-auto with-test-deps`),
		letters: "1BcCdefFhnNoOpPrsStuUVabDgGjklqvwWKAi",
	},
	"quickpkg": {flags: words("ignore-default-opts"), maybes: words("include-config include-unmodified-config umask")},
	"emaint": {
		flags: words("check fix clean pretend yes purgeallrepos auto allrepos"), values: words("time purgerepos repo sync-submodule"), letters: "cfCpyaAtr",
		first: words("all binhost cleanconfmem cleanresume logs merges movebin moveinst revisions sync world"),
	},
	"portageq":        {first: words("envvar envvar2 has_version best_version get_repo_path get_repos repos_config vdb_path pkgdir distdir config_protect match owners contents")},
	"gpkg-sign":       {flags: words("keep-current-signature allow-unsigned skip-signed")},
	"emerge-webrsync": {flags: words("no-pgp-verify"), maybes: words("revert"), letters: "hkqvx"},
	"dispatch-conf":   {},
	"getuto":          {},
}

func words(s string) []string { return strings.Fields(s) }

// Check reports why a program of Portage would not take its arguments. A program that
// is not of Portage is taken as it is; known is false then.
func Check(argv []string) (known bool, err error) {
	p, known := programs[argv[0]]
	if !known {
		return false, nil
	}
	var operands []string
	for i := 1; i < len(argv); i++ {
		arg := argv[i]
		name, long := strings.CutPrefix(arg, "--")
		switch {
		case arg == "--":
			operands = append(operands, argv[i+1:]...)
			i = len(argv)
		case long:
			name, _, given := strings.Cut(name, "=")
			switch {
			case slices.Contains(p.flags, name) && !given, slices.Contains(p.maybes, name):
			case slices.Contains(p.values, name):
				if !given {
					i++
				}
				if i >= len(argv) {
					return true, fmt.Errorf("%s: --%s lacks its value", argv[0], name)
				}
			default:
				return true, fmt.Errorf("%s has no option %s", argv[0], arg)
			}
		case len(arg) > 1 && arg[0] == '-':
			if rest := strings.Trim(arg[1:], p.letters); rest != "" {
				return true, fmt.Errorf("%s has no option -%s", argv[0], rest)
			}
		default:
			operands = append(operands, arg)
		}
	}
	if len(p.first) > 0 && (len(operands) == 0 || !slices.Contains(p.first, operands[0])) {
		return true, fmt.Errorf("%s does not know %q", argv[0], operands)
	}
	return true, nil
}
