package transition

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
	"emaudit/store"
)

// A world is written as a table: a line for each package.
//
//	cat/name-version[:slot[/subslot]] [key=value ...] [path ...]
//
// The keys are rd, pd and id for RDEPEND, PDEPEND and IDEPEND, use and iuse,
// needs and has for sonames, and phases. In a value, a comma stands for a space.
// A path is a file that the package owns; one that ends in a slash is a folder, and
// path->target is a symbolic link.
type pkg struct {
	member *Member
	image  []binpkg.ImageName
}

func parsePkg(tb testing.TB, line string, merged bool) pkg {
	tb.Helper()
	fields := strings.Fields(line)
	name, slot, _ := strings.Cut(fields[0], ":")
	cpv, err := atom.ParseCPV(name)
	if err != nil {
		tb.Fatalf("%s: %v", line, err)
	}
	slot, sub, _ := strings.Cut(slot, "/")
	if slot == "" {
		slot = "0"
	}
	m := &store.Metadata{EAPI: "8"}
	var p pkg
	for _, f := range fields[1:] {
		if f[0] == '/' {
			file, target, link := strings.Cut(f, "->")
			switch folder, ok := strings.CutSuffix(f, "/"); {
			case link:
				p.image = append(p.image, binpkg.ImageName{Path: file, Kind: binpkg.ImageSymlink, Target: target})
			case ok:
				p.image = append(p.image, binpkg.ImageName{Path: folder, Kind: binpkg.ImageFolder})
			default:
				for dir := path.Dir(f); dir != "/"; dir = path.Dir(dir) {
					n := binpkg.ImageName{Path: dir, Kind: binpkg.ImageFolder}
					if !slices.Contains(p.image, n) {
						p.image = append(p.image, n)
					}
				}
				p.image = append(p.image, binpkg.ImageName{Path: f})
			}
			continue
		}
		key, value, _ := strings.Cut(f, "=")
		value = strings.ReplaceAll(value, ",", " ")
		switch key {
		case "rd":
			m.RDepend = value
		case "pd":
			m.PDepend = value
		case "id":
			m.IDepend = value
		case "use":
			m.Use = value
		case "iuse":
			m.IUse = value
		case "needs":
			m.Requires = "x86_64: " + value
		case "has":
			m.Provides = "x86_64: " + value
		case "phases":
			m.DefinedPhases = value
		default:
			tb.Fatalf("%s: no key %s", line, key)
		}
	}
	p.member = NewMember(atom.Package{CPV: cpv, Slot: slot, SubSlot: sub, Repo: "gentoo", USE: atom.ParseFlags(m.Use), IUSE: atom.ParseFlags(m.IUse)}, m)
	p.member.Merged = merged
	return p
}

// disk is a root in memory: paths with what a symbolic link there points to, "f"
// for a file and "d" for a folder.
type disk map[string]string

func (d disk) Lstat(name string) (mode fs.FileMode, mtime int64, found bool) {
	switch what := d[name]; {
	case name == "/" || what == "d":
		return fs.ModeDir, 0, true
	case what == "f":
		return 0, 1, true
	default:
		return fs.ModeSymlink, 1, what != ""
	}
}

func (d disk) Real(dir string) string {
	real := "/"
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		real = path.Join(real, part)
		switch n := At(d, real); n.Kind {
		case Link:
			target := d[real]
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(real), target)
			}
			if real = d.Real(target); real == "" {
				return ""
			}
		case Folder:
		default:
			return ""
		}
	}
	return real
}

func (d disk) Names(dir string) ([]string, bool) {
	var names []string
	for name := range d {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	return names, true
}

// put lays out what a package installs.
func (d disk) put(image []binpkg.ImageName) {
	for _, n := range image {
		at := n.Path
		if real := d.Real(path.Dir(at)); real != "" {
			at = path.Join(real, path.Base(at))
		}
		switch n.Kind {
		case binpkg.ImageFolder:
			if d[at] == "" {
				d[at] = "d"
			}
		case binpkg.ImageSymlink:
			d[at] = n.Target
		default:
			d[at] = "f"
		}
	}
}

// world is what a test begins with.
type world struct {
	now      string
	wish     string // a line "from -> to" for each change; either may be "-"
	selected string // atoms of the world file
	profile  string // atoms of the profile
	provided string
	features string
	disk     disk // what lies there beside what packages own
	modified string
	noDisk   bool
}

// plan reads the world and returns its best plan as words.
func (w world) plan(tb testing.TB) string {
	tb.Helper()
	p, _ := w.run(tb)
	return words(p)
}

func (w world) run(tb testing.TB) (*Plan, *Host) {
	tb.Helper()
	h := &Host{Now: NewPackages(), Features: map[string]bool{"protect-owned": true}, Protect: []string{"/etc"}, CollisionIgnore: []string{"*.pyc"}}
	for f := range strings.FieldsSeq(w.features) {
		if off, ok := strings.CutPrefix(f, "-"); ok {
			delete(h.Features, off)
		} else {
			h.Features[f] = true
		}
	}
	for a := range strings.FieldsSeq(w.provided) {
		cpv, err := atom.ParseCPV(a)
		if err != nil {
			tb.Fatal(err)
		}
		h.Now.Provide(cpv)
	}
	for _, list := range []struct{ atoms, origin string }{{w.selected, "world"}, {w.profile, "profile"}} {
		for s := range strings.FieldsSeq(list.atoms) {
			a, err := atom.ParseAtom(s)
			if err != nil {
				tb.Fatal(err)
			}
			h.Wanted = append(h.Wanted, Wanted{a, list.origin, list.origin == "world"})
		}
	}
	d := disk{}
	maps.Copy(d, w.disk)
	installed := map[string]pkg{}
	for line := range strings.Lines(w.now) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		p := parsePkg(tb, line, false)
		installed[strings.Fields(line)[0]] = p
		h.Now.Add(p.member)
		d.put(p.image)
	}
	if !w.noDisk {
		h.Disk = d
	}
	h.Contents = func(m *Member, each func(vdb.ContentsEntry)) bool {
		for _, p := range installed {
			if p.member != m {
				continue
			}
			for _, n := range p.image {
				e := vdb.ContentsEntry{Path: n.Path, Kind: vdb.Regular, MTime: 1}
				switch {
				case n.Kind == binpkg.ImageFolder:
					e.Kind = vdb.Directory
				case n.Kind == binpkg.ImageSymlink:
					e.Kind, e.Target = vdb.Symlink, n.Target
				case slices.Contains(strings.Fields(w.modified), n.Path):
					e.MTime = 2
				}
				each(e)
			}
		}
		return true
	}
	var changes []*Change
	for line := range strings.Lines(w.wish) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		from, to, _ := strings.Cut(strings.TrimSpace(line), " -> ")
		c := &Change{}
		if from != "-" {
			p, ok := installed[from]
			if !ok {
				tb.Fatalf("%s is not installed", from)
			}
			c.From = p.member
		}
		if to != "-" {
			p := parsePkg(tb, to, true)
			c.To, c.Image, c.ImageKnown = p.member, p.image, true
		}
		changes = append(changes, c)
	}
	return h.Plan(changes), h
}

// words are the steps of a plan, a line each.
func words(p *Plan) string {
	var b strings.Builder
	name := func(m *Member) string { return path.Base(m.CPV()) }
	line := func(word string, names []string) {
		if len(names) > 0 {
			slices.Sort(names)
			fmt.Fprintf(&b, "%s %s\n", word, strings.Join(names, " "))
		}
	}
	var deselected, early, late, lost []string
	for _, w := range p.Deselect {
		deselected = append(deselected, w.Atom.String())
	}
	for c := range p.Early {
		early = append(early, name(c.From))
	}
	line("deselect", deselected)
	line("unmerge first", early)
	for _, part := range p.Merges {
		var names []string
		for _, c := range part {
			names = append(names, name(c.To))
		}
		line("merge", names)
	}
	for _, c := range p.Late {
		late = append(late, name(c.From))
	}
	line("unmerge", late)
	for _, w := range p.Lost {
		lost = append(lost, w.Atom.String())
	}
	line("nothing satisfies", lost)
	for _, c := range p.Changes {
		if c.Dropped == nil {
			continue
		}
		what := c.From
		if what == nil {
			what = c.To
		}
		fmt.Fprintf(&b, "%s stays: %s %s %s\n", name(what), path.Base(c.Dropped.CPV), c.Dropped.Kind, c.Dropped.Detail)
	}
	for _, d := range p.Doubts {
		fmt.Fprintf(&b, "doubt: %s %s %s\n", path.Base(d.CPV), d.Kind, d.Detail)
	}
	return b.String()
}

type test struct {
	name string
	world
	want string
}

func check(t *testing.T, tests []test) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimSpace(strings.ReplaceAll(tt.want, "\t", "")), strings.TrimSpace(tt.plan(t))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
