package acceptance

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/store/config"
)

// listed is an entry with the repository that it applies to.
type listed struct {
	userconf.Entry
	repo string // "" means all repositories
	path string
	// source is the list that contains the entry. A folder of files is one list.
	source string
}

// packageList finds the entries about a package by its name.
type packageList struct {
	byCP map[string][]int
	wild []int
	all  []listed
}

func (l *packageList) add(e listed) {
	n := len(l.all)
	l.all = append(l.all, e)
	if e.Atom.Wildcard {
		l.wild = append(l.wild, n)
		return
	}
	if l.byCP == nil {
		l.byCP = map[string][]int{}
	}
	l.byCP[e.Atom.CP] = append(l.byCP[e.Atom.CP], n)
}

// matching returns the entries that match a package, in their order.
func (l *packageList) matching(p *atom.Package) []listed {
	ids := l.byCP[p.CPV.CP()]
	if len(l.wild) > 0 {
		ids = slices.Concat(ids, l.wild)
		slices.Sort(ids)
	}
	var all []listed
	for _, i := range ids {
		if e := &l.all[i]; (e.repo == "" || e.repo == p.Repo) && e.Atom.Match(*p) {
			all = append(all, *e)
		}
	}
	return all
}

// values returns the words of all entries that match a package, in ascending
// precedence: list by list, and within one list the less specific atom first,
// whatever the order of the lines (_config/helper.py, ordered_by_atom_specificity).
// Lines with the same atom count as one. An entry without words stands for
// defaults.
func (l *packageList) values(p *atom.Package, defaults []string) []string {
	var all []string
	matching := l.matching(p)
	for len(matching) > 0 {
		n := slices.IndexFunc(matching, func(e listed) bool { return e.source != matching[0].source })
		if n < 0 {
			n = len(matching)
		}
		all = append(all, valuesOf(p, matching[:n], defaults)...)
		matching = matching[n:]
	}
	return all
}

func valuesOf(p *atom.Package, entries []listed, defaults []string) []string {
	var groups []listed
	for _, e := range entries {
		i := slices.IndexFunc(groups, func(g listed) bool { return g.Text == e.Text })
		if i < 0 {
			e.Values = slices.Clone(e.Values)
			groups = append(groups, e)
			continue
		}
		groups[i].Values = append(groups[i].Values, e.Values...)
	}
	// Among equally specific atoms, the first line has the highest precedence.
	slices.SortStableFunc(groups, func(a, b listed) int { return compareSpecificity(p, &b.Atom, &a.Atom) })
	var all []string
	for _, g := range slices.Backward(groups) {
		if len(g.Values) == 0 {
			all = append(all, defaults...)
		}
		all = append(all, g.Values...)
	}
	return all
}

// compareSpecificity compares how specific two atoms are that match a package
// (portage/dep, best_match_to_list). The more specific atom is the greater one.
func compareSpecificity(p *atom.Package, a, b *atom.Atom) int {
	if n := cmp.Compare(specificity(a), specificity(b)); n != 0 || specificity(a) != 2 {
		return n
	}
	// Of two ranges, the one with the nearer bound is more specific.
	versions := []string{a.Version, p.CPV.Version, b.Version}
	slices.SortFunc(versions, func(x, y string) int { n, _ := atom.CompareVersions(x, y); return n })
	switch versions[1] {
	case p.CPV.Version:
		return 0
	case a.Version:
		return 1
	}
	return -1
}

func specificity(a *atom.Atom) int {
	switch {
	case a.Wildcard && a.Operator == atom.VersionHas:
		return 0
	case a.Wildcard && a.Slot != "":
		return -1
	case a.Wildcard:
		return -2
	case a.Operator == atom.Equal:
		return 6
	case a.Operator == atom.EqualAnyRev:
		return 5
	case a.Operator == atom.EqualGlob:
		return 4
	case a.Slot != "":
		return 3
	case a.Operator != atom.AnyVersion:
		return 2
	}
	return 1
}

// maskStack combines lists of masks, or lists of unmasks (_config/MaskManager.py).
// A "-atom" in a repository applies to packages of that repository, one in a
// profile to the profiles before it, and one of the administrator to all lists.
type maskStack struct {
	repos    []string // in the order of reading
	repo     map[string][]listed
	profiles []listed
	user     []listed
	masters  map[string][]string // of each repository; nil if it names none
}

func (m *maskStack) add(layer string, e listed) {
	switch layer {
	case config.LayerRepository:
		if m.repo == nil {
			m.repo = map[string][]listed{}
		}
		m.repo[e.repo] = append(m.repo[e.repo], e)
	case config.LayerProfile:
		m.profiles = append(m.profiles, e)
	default:
		m.user = append(m.user, e)
	}
}

// list returns the combined list.
func (m *maskStack) list(inherit bool) packageList {
	var all []listed
	for _, repo := range m.repos {
		masters := []string{}
		if inherit {
			masters = m.mastersOf(repo)
		}
		// Each master is combined with the repository separately.
		if len(masters) == 0 {
			masters = []string{""}
		}
		for _, master := range masters {
			lines := slices.Concat(m.repo[master], m.repo[repo])
			for i := range lines {
				lines[i].repo = repo
			}
			all = append(all, stackMasks(lines, false)...)
		}
	}
	all = append(all, stackMasks(m.profiles, false)...)
	var list packageList
	for _, e := range stackMasks(append(all, m.user...), true) {
		list.add(e)
	}
	return list
}

// mastersOf returns the repositories whose masks also apply to repo: those in its
// layout.conf, otherwise the main repository (repository/config.py).
func (m *maskStack) mastersOf(repo string) []string {
	if masters, ok := m.masters[repo]; ok {
		return masters
	}
	if len(m.repos) > 0 && m.repos[0] != repo {
		return m.repos[:1]
	}
	return nil
}

// stackMasks removes the lines that a later "-" line cancels (stack_lists).
func stackMasks(lines []listed, fromRepos bool) []listed {
	var all []listed
	for _, e := range lines {
		if !e.Remove {
			all = append(all, e)
			continue
		}
		all = slices.DeleteFunc(all, func(have listed) bool {
			if fromRepos && e.Atom.Repo == "" {
				return strings.TrimSuffix(have.Text, "::"+have.Atom.Repo) == e.Text
			}
			// Lines of a repository also match with the name of the repository.
			return have.Text == e.Text || have.repo != "" && have.Text+"::"+have.repo == e.Text
		})
	}
	return all
}

// readLayout returns the masters in a repository's layout.conf.
func readLayout(content []byte) (masters []string, named bool) {
	for line := range strings.Lines(string(content)) {
		line, _, _ = strings.Cut(line, "#")
		key, value, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == "masters" {
			masters, named = append([]string{}, strings.Fields(value)...), true
		}
	}
	return masters, named
}

// listSource returns the list that contains a file. A folder of files is one list.
func listSource(f *config.File) string {
	if f.Layer == config.LayerUser {
		// package.keywords is the old name of package.accept_keywords.
		return "user"
	}
	source := f.Path
	for path.Base(source) != string(f.Kind) && source != "/" && source != "." {
		source = path.Dir(source)
	}
	return source
}
