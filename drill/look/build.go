package look

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/vdb"
)

// builds compares the VDB with the promised one: the VDB before, without what the
// plan removes and with what it merges.
func (l *looker) builds() error {
	var err error
	if l.before, err = l.installed(l.Before, false); err != nil {
		return fmt.Errorf("VDB of the root: %w", err)
	}
	if l.after, err = l.installed(l.After, true); err != nil {
		return fmt.Errorf("VDB of the drill: %w", err)
	}
	promised := maps.Clone(l.before)
	for _, cpv := range l.Plan.Removes {
		delete(promised, cpv)
	}
	merges := map[string]bool{}
	for _, b := range l.Plan.Merges {
		promised[b.CPV], merges[b.CPV] = b, true
	}
	for _, cpv := range slices.Sorted(maps.Keys(promised)) {
		want := promised[cpv]
		got, there := l.after[cpv]
		switch {
		case !there && merges[cpv]:
			l.say(BuildMissing, cpv, false, "the plan merges it, and it is not installed")
		case !there:
			l.say(BuildGone, cpv, false, "the plan leaves it as it is, and it is not installed any more")
		default:
			if d := differenceOf(want, got); d != "" {
				l.say(BuildDiffers, cpv, false, "%s", d)
			}
		}
	}
	for _, cpv := range slices.Sorted(maps.Keys(l.after)) {
		b := l.after[cpv]
		if was, there := l.before[cpv]; !there || was.Counter != b.Counter || merges[cpv] {
			l.changed, l.isNew[cpv] = append(l.changed, cpv), true
		}
		if _, there := promised[cpv]; there {
			continue
		}
		if _, there := l.before[cpv]; there {
			l.say(BuildLeft, cpv, false, "the plan removes it, and it is still installed")
		} else {
			l.say(BuildExtra, cpv, false, "the plan does not name it, and it is installed")
		}
	}
	for _, m := range l.Plan.Missed {
		l.say(TargetMissed, m.CPV, false, "%s", m.Why)
	}
	return nil
}

// differenceOf returns how a build differs from the promised one, or "". Unknown
// properties of the promise are not compared.
func differenceOf(want, got Build) string {
	var parts []string
	add := func(name string, want, got any) {
		if want != got {
			parts = append(parts, fmt.Sprintf("%s is %v instead of %v", name, got, want))
		}
	}
	if want.BuildTime != 0 {
		add("BUILD_TIME", want.BuildTime, got.BuildTime)
	}
	if want.BuildID != 0 {
		add("BUILD_ID", want.BuildID, got.BuildID)
	}
	if want.Slot != "" {
		add("SLOT", want.Slot, got.Slot)
	}
	if want.Repo != "" {
		add("repository", want.Repo, got.Repo)
	}
	return strings.Join(parts, ", ")
}

// installed reads the VDB of a root. say reports whether to report unreadable
// entries.
func (l *looker) installed(root *hostfs.Root, say bool) (map[string]Build, error) {
	all := map[string]Build{}
	top, err := root.OpenDir(l.VDB)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	categories, err := top.Names()
	if err != nil {
		return nil, err
	}
	unread := func(name string, err error) {
		if say {
			l.unread(path.Join(l.VDB, name), err)
		}
	}
	for _, category := range categories {
		if vdb.ClassifyCategory(category) != vdb.NameValid {
			continue
		}
		names, err := namesIn(top, category)
		if err != nil {
			unread(category, err)
			continue
		}
		for _, pf := range names {
			if err := l.ctx.Err(); err != nil {
				return nil, err
			}
			class := vdb.ClassifyPackage(pf)
			if class == vdb.NameMerging && say {
				l.leftover(path.Join(category, pf))
			}
			if class != vdb.NameValid {
				continue
			}
			p, err := readPackage(root, l.VDB, category, pf)
			if err != nil {
				unread(path.Join(category, pf), err)
				continue
			}
			if len(p.Unread) > 0 {
				unread(path.Join(category, pf), fmt.Errorf("%s could not be read", strings.Join(p.Unread, ", ")))
			}
			all[category+"/"+pf] = Build{CPV: category + "/" + pf, Slot: p.Slot, Repo: p.Repo, BuildTime: max(p.BuildTime, 0), BuildID: max(p.BuildID, 0), Counter: p.Counter}
		}
	}
	return all, nil
}

// leftover reports an unfinished merge. One from before the drill is expected.
func (l *looker) leftover(name string) {
	_, err := l.Before.Lstat(path.Join(l.VDB, name))
	l.say(BuildLeft, name, err == nil, "a merge that was not finished left it in the VDB")
}

// namesIn returns the names in a folder of the VDB, or none if it is a file.
func namesIn(top *hostfs.Dir, name string) ([]string, error) {
	if e, err := top.Lstat(name); err == nil && e.Kind != hostfs.Directory {
		return nil, nil
	}
	dir, err := top.OpenDir(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Names()
}

func readPackage(root *hostfs.Root, top, category, pf string) (*vdb.Package, error) {
	dir, err := root.OpenDir(path.Join(top, category, pf))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	p, _, err := vdb.ReadPackage(category, pf, dir, 0)
	return p, err
}
