package look

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
)

// maxWorld is the maximum size of the world file in bytes.
const maxWorld = 4 << 20

// world compares the world file before and after the drill. An entry may disappear
// with its package and appear with a restored one; everything else is a difference.
func (l *looker) world() {
	before, err := l.worldOf(l.Before)
	if err == nil {
		var after map[string][]string
		if after, err = l.worldOf(l.After); err == nil {
			l.compareWorld(before, after)
			return
		}
	}
	l.unread(l.worldFile(), err)
}

func (l *looker) worldFile() string { return path.Join(l.State, "world") }

// worldOf returns the atoms of the world file of a root, by package.
func (l *looker) worldOf(root *hostfs.Root) (map[string][]string, error) {
	b, err := root.ReadFile(l.worldFile(), maxWorld)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := map[string][]string{}
	for _, a := range userconf.ParseWorld(b) {
		all[a.CP] = append(all[a.CP], a.String())
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all, nil
}

func (l *looker) compareWorld(before, after map[string][]string) {
	was, is := packagesOf(l.before), packagesOf(l.after)
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, cp := range slices.Sorted(maps.Keys(names)) {
		then, now := strings.Join(before[cp], ", "), strings.Join(after[cp], ", ")
		switch {
		case then == now && now != "" && was[cp] && !is[cp]:
			l.say(WorldDangling, cp, false, "the world file has %s, and the package was removed", now)
		case then == now:
		case now == "" && is[cp]:
			l.say(WorldLost, cp, false, "the world file had %s", then)
		case now == "":
			l.say(WorldLost, cp, true, "%s went with its package", then)
		case then == "":
			l.say(WorldAdded, cp, is[cp] && !was[cp], "the world file has %s now", now)
		default:
			l.say(WorldChanged, cp, false, "the world file had %s and has %s now", then, now)
		}
	}
}

// packagesOf returns the packages (category/name) of installed versions.
func packagesOf(installed map[string]Build) map[string]bool {
	all := map[string]bool{}
	for cpv := range installed {
		if c, err := atom.ParseCPV(cpv); err == nil {
			all[c.CP()] = true
		}
	}
	return all
}
