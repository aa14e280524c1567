package rollback

import (
	"slices"
	"strings"

	"emaudit/audit/acceptance"
	"emaudit/audit/state"
	"emaudit/audit/transition"
	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
	"emaudit/store/config"
	"emaudit/store/inventory"
)

// takeHost collects the facts that a transition starts from.
func (j *Judge) takeHost() error {
	h := &transition.Host{
		Now: acceptance.PackagesOf(j.Past.Installed), Features: j.Accept.Features, Disk: j.options.Disk,
		Protect:     strings.Fields(j.Accept.Settings["CONFIG_PROTECT"]),
		ProtectMask: strings.Fields(j.Accept.Settings["CONFIG_PROTECT_MASK"]), CollisionIgnore: strings.Fields(j.Accept.Settings["COLLISION_IGNORE"]),
	}
	if j.options.Contents != nil {
		h.Contents = func(m *transition.Member, each func(vdb.ContentsEntry)) bool {
			return j.options.Contents(m.CPV(), each)
		}
	}
	j.host = h
	if j.isRecord() {
		h.Disk = nil
	}
	return j.takeWanted()
}

// maxLooked is how many packages isRecord checks for files.
const maxLooked = 20

// isRecord reports whether the root is only a record of a host: it has the VDB, but not
// the installed files.
func (j *Judge) isRecord() bool {
	if j.host.Disk == nil || j.options.Contents == nil {
		return true
	}
	looked, there := 0, false
	for i := range j.Past.Installed {
		if looked == maxLooked || there {
			break
		}
		any := false
		j.options.Contents(j.Past.Installed[i].CPV, func(e vdb.ContentsEntry) {
			if e.Kind == vdb.Regular && !there {
				any, there = true, transition.At(j.host.Disk, e.Path).Kind != transition.Missing
			}
		})
		if any {
			looked++
		}
	}
	return looked > 0 && !there
}

// takeWanted reads the atoms of @world, and package.provided.
func (j *Judge) takeWanted() error {
	lines, err := config.Lines(j.Db.Tx, j.Db.Host, config.LineSet, config.LineSetUnknown, config.LineProvided)
	if err != nil {
		return err
	}
	sets := map[string][]config.Line{}
	for _, l := range lines {
		switch l.Kind {
		case config.LineProvided:
			if cpv, err := atom.ParseCPV(l.Subject); err == nil {
				j.host.Now.Provide(cpv)
			}
		default:
			sets[l.Subject] = append(sets[l.Subject], l)
		}
	}
	asked := map[string]bool{"world": true}
	for due := []string{"world"}; len(due) > 0; due = due[1:] {
		for _, l := range sets[due[0]] {
			if l.Kind == config.LineSetUnknown {
				j.unknownSets = append(j.unknownSets, "@"+l.Subject+": "+l.Value)
				continue
			}
			if name, ok := strings.CutPrefix(l.Value, "@"); ok {
				if !asked[name] {
					asked[name], due = true, append(due, name)
				}
			} else if a, err := atom.ParseAtom(l.Value); err == nil {
				j.host.Wanted = append(j.host.Wanted, transition.Wanted{Atom: a, Origin: "@" + l.Subject + " (" + l.Origin + ")", Selected: l.Subject == selected})
			}
		}
	}
	return nil
}

// selected returns the set of the entries of the world files.
const selected = "selected"

// asked reports whether the world file has an entry for a package, of any version.
func (j *Judge) asked(cp string) bool {
	return slices.ContainsFunc(j.host.Wanted, func(w transition.Wanted) bool { return w.Selected && w.Atom.CP == cp })
}

// askedThen returns the packages in the world file at a moment. known is false if no
// ingest recorded it.
func (j *Judge) askedThen(at int64) (names map[string]bool, known bool) {
	lines, known, err := config.LinesDuring(j.Db.Tx, j.Db.Host, at, at, config.LineSet)
	if err != nil {
		j.Past.Err = err
	}
	names = map[string]bool{}
	for _, l := range lines {
		if a, err := atom.ParseAtom(l.Value); err == nil && l.Subject == selected {
			names[a.CP] = true
		}
	}
	return names, known
}

// transition returns the best plan for the changes of an answer, and the change of the
// answer for each change of the plan.
func (j *Judge) transition(r *Rollback) (*transition.Plan, map[*transition.Change]*Change) {
	wish, changes := j.wish(r)
	return j.host.Plan(wish), changes
}

// wish converts the changes of an answer to those of a plan.
func (j *Judge) wish(r *Rollback) (wish []*transition.Change, changes map[*transition.Change]*Change) {
	changes = map[*transition.Change]*Change{}
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Stays {
			continue
		}
		t := &transition.Change{From: j.installed(c.Before)}
		if c.Chosen != nil {
			t.To = transition.NewMember(c.Chosen.Pkg, c.Chosen.Metadata)
			t.To.Merged = true
			if c.Chosen.ImageChecked {
				t.Image, t.ImageKnown = j.image(c)
			}
		}
		wish, changes[t] = append(wish, t), c
	}
	return wish, changes
}

// installed returns the member for an installed package, or nil.
func (j *Judge) installed(s *state.Installation) *transition.Member {
	if s == nil {
		return nil
	}
	if m := j.host.Now.Find(s.Logged); m != nil {
		return m
	}
	// sources reports metadata that could not be read.
	cpv, err := atom.ParseCPV(s.CPV)
	if err != nil {
		return nil
	}
	return transition.NewMember(atom.Package{CPV: cpv, Slot: j.Past.SlotOf(s)}, nil)
}

// image returns the files that a chosen package installs. ok is false if no full read
// stored them.
func (j *Judge) image(c *Change) (image []binpkg.ImageName, ok bool) {
	if image, ok := j.images[c.Chosen.ID]; ok {
		return image, image != nil
	}
	defer func() {
		if j.images == nil {
			j.images = map[int64][]binpkg.ImageName{}
		}
		j.images[c.Chosen.ID] = image
	}()
	names, ok, err := inventory.InstanceFiles(j.Db.Tx, c.Chosen.ID)
	if err != nil {
		j.Past.Err = err
	}
	if !ok {
		return nil, false
	}
	image = []binpkg.ImageName{}
	binpkg.ReadImageNames(names, func(n binpkg.ImageName) { image = append(image, n) })
	return image, true
}
