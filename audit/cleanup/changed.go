package cleanup

import (
	"slices"
	"strings"

	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
)

// changedSince says why Portage would build a version again instead of taking a
// binary package: the flags or the dependencies of its ebuild have changed. The
// options --changed-iuse and --changed-deps of eclean ask the same. With
// --usepkgonly, as in a rollback, Portage does not compare (see [judgeEbuild]). So
// this is a reason only against a file that no kept state needs.
//
// A flag that a profile masks or forces may not count (depgraph.py,
// _iuse_flags_for_rebuild). If only such flags changed, changedSince returns no
// reason.
func (p *pruner) changedSince(b *binpkgs.Binpkg) (code, reason string) {
	if p.facts.CacheEntry == nil || b.Metadata == nil || p.takesChanged() {
		return "", ""
	}
	ebuild, ok := p.facts.CacheEntry(b.Repo, b.CPV)
	if !ok {
		return "", ""
	}
	changes := acceptance.ChangesOf(p.Accept.ParseFlags(b.Metadata.Use), b.Metadata, ebuild)
	flags := slices.Concat(changes.Came, changes.Went)
	if len(flags) > 0 && !p.respectsNoUse {
		if p.settled == nil && p.facts.SettledFlags != nil {
			p.settled = p.facts.SettledFlags()
		}
		if slices.ContainsFunc(flags, func(f string) bool { return !p.settled[f] }) {
			return PruneChangedIUSE, "the ebuild has other USE flags now: " + changes.Flags()
		}
	}
	if len(changes.Dependencies) > 0 && !p.ignoresDeps {
		return PruneChangedDeps, strings.Join(changes.Dependencies, ", ") + " of the ebuild changed since"
	}
	return "", ""
}

// readDefaultOptions looks for the options with which Portage takes binary packages
// even if their ebuild has changed.
func (p *pruner) readDefaultOptions() {
	for option := range strings.FieldsSeq(p.Accept.Settings["EMERGE_DEFAULT_OPTS"]) {
		switch {
		case option == "--binpkg-respect-use=n":
			p.respectsNoUse = true
		case option == "--binpkg-changed-deps=n":
			p.ignoresDeps = true
		case option == "--usepkgonly", option == "--getbinpkgonly", isShort(option, 'K'), isShort(option, 'G'):
			p.respectsNoUse, p.ignoresDeps = true, true
		}
	}
}

// isShort reports whether a word of a command line has a short option, as in -avK.
func isShort(word string, option byte) bool {
	return len(word) > 1 && word[0] == '-' && word[1] != '-' && strings.IndexByte(word, option) > 0
}

func (p *pruner) takesChanged() bool { return p.respectsNoUse && p.ignoresDeps }

// systemPackages returns the packages of @system: those that the profiles name, and,
// for an installed virtual, the packages behind it.
func (p *pruner) systemPackages() importantPackages {
	named := p.facts.System
	if len(named) == 0 {
		named = usualSystem
	}
	system := importance(named)
	for _, cp := range named {
		if !strings.HasPrefix(cp, "virtual/") {
			continue
		}
		for _, name := range p.InstalledPackages().NamesAskedBy(cp) {
			system[name] = true
		}
	}
	return system
}

// SystemPackages stacks the files "packages" of a profile and its parents, the
// weakest first, and returns the category/pn of their packages. A line "*atom" puts a
// package into @system, and "-*atom" takes it out (PMS 5.2.6).
func SystemPackages(files [][]byte) []string {
	var lines []string
	for _, content := range files {
		for _, l := range userconf.ParseProfilePackages(content) {
			if l.Remove {
				lines = slices.DeleteFunc(lines, func(x string) bool { return x == l.Text })
			} else if !slices.Contains(lines, l.Text) {
				lines = append(lines, l.Text)
			}
		}
	}
	var names []string
	for _, text := range lines {
		if a, err := atom.ParseAtom(text); err == nil && !slices.Contains(names, a.CP) {
			names = append(names, a.CP)
		}
	}
	slices.Sort(names)
	return names
}
