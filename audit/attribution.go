package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/parse/emergelog"

	"golang.org/x/sync/errgroup"

	"emaudit/store"
)

// past joins what was installed, over time, with the binary packages that are
// there, or once were.
type past struct {
	*timeline
	*inventory
	tx     *store.Tx
	pins   []store.Pin
	gone   map[string][]store.Instance // by cpv
	builds map[*stay]build
	// lost are entries of an index whose file is gone, by cpv; nil until asked
	// for.
	lost map[string][]store.IndexEntry
	err  error // the first of what is read when it is asked for
}

// takePast loads a host's past, with the metadata of every binary package.
func takePast(db Database) (*past, error) { return takePastWith(db, true) }

// takePastWith loads a host's past. Without metadata, that of a binary package
// is read when it is asked for: most answers need a few of thousands.
func takePastWith(db Database, metadata bool) (*past, error) {
	return Once[pastKey](db, func() (*past, error) { return loadPast(db, metadata) })
}

type pastKey struct{}

func loadPast(db Database, metadata bool) (*past, error) {
	h := &past{tx: db.Tx, builds: map[*stay]build{}}
	// The log and the packages are read at once: each takes about as long.
	var reading errgroup.Group
	beside := db.beside()
	reading.Go(func() (err error) {
		h.timeline, err = readTimeline(beside)
		return err
	})
	var err error
	if db.IsShared() {
		h.inventory, err = takeInventory(db, true)
	} else {
		h.inventory, err = loadInventory(db, metadata, true)
	}
	if err := cmp.Or(err, reading.Wait()); err != nil {
		return nil, err
	}
	if err = h.settleWith(db, h.ever); err != nil {
		return nil, err
	}
	if h.gone, err = goneByCPV(db, h.dirs); err != nil {
		return nil, err
	}
	if h.pins, err = db.Tx.Pins(db.Host); err != nil {
		return nil, err
	}
	return h, nil
}

// at returns the state that a moment means. A version of which every build that
// is known is younger than the state, and whose merge the log does not have,
// was hardly there: then a part of the log is lost.
func (h *past) at(m Moment, pins []store.Pin, now int64) (*state, error) {
	s, err := h.timeline.at(m, pins, now)
	if err != nil || !s.target.Known {
		return s, err
	}
	for _, x := range s.stays {
		if h.younger(x, s.target.Time) {
			s.doubts = append(s.doubts, doubt{"", fmt.Sprintf("%s was there, and every build of it that is known is younger", x.cpv), settleWithLog})
		}
	}
	s.mark()
	return s, nil
}

// younger tells whether all that is known of a stay contradicts that it was
// there at a time.
func (h *past) younger(x *stay, at int64) bool {
	if x.row != nil || x.merge != nil || len(h.byCPV[x.cpv]) == 0 {
		return false
	}
	return !slices.ContainsFunc(h.byCPV[x.cpv], func(b *binpkg) bool { return b.BuildTime <= at })
}

// mayBeYounger tells whether a state has a stay that is younger.
func (h *past) mayBeYounger(k int, at int64) bool {
	return slices.ContainsFunc(h.stays, func(x *stay) bool {
		return x.merge == nil && x.row == nil && x.from <= k && k <= x.until && h.younger(x, at)
	})
}

// describe reads the metadata of a binary package where that was not done yet.
func (h *past) describe(b *binpkg) *store.Metadata {
	if b.Metadata == nil && b.MetadataID != 0 {
		m, err := h.tx.Metadata(b.MetadataID)
		h.err = cmp.Or(h.err, err)
		b.Metadata = m
	}
	return b.Metadata
}

// lostOf returns the entries of indexes about a cpv whose file is gone.
func (h *past) lostOf(cpv string) []store.IndexEntry {
	if h.lost != nil {
		return h.lost[cpv]
	}
	h.lost = map[string][]store.IndexEntry{}
	there := map[string]bool{}
	for i := range h.binpkgs {
		there[h.binpkgs[i].source()] = true
	}
	for i := range h.dirs {
		for _, e := range h.entries[i] {
			if !there[path.Join(h.dirs[i].Path, e.Path)] {
				h.lost[e.CPV] = append(h.lost[e.CPV], e)
			}
		}
	}
	return h.lost[cpv]
}

// Attribution is how a build of the past is known.
type Attribution string

// The attributions, strongest first.
const (
	// AttributedRecorded: an ingest saw it in the VDB.
	AttributedRecorded Attribution = "recorded"
	// AttributedFile: emerge.log names the file that was merged.
	AttributedFile Attribution = "merged-file"
	// AttributedWindow: its BUILD_TIME lies between the lines of the merge
	// that built it.
	AttributedWindow Attribution = "build-window"
	// AttributedVersion: only the version is known.
	AttributedVersion Attribution = "version"
)

// build is what is known of which build a stay was of.
type build struct {
	by        Attribution
	buildTime int64           // 0 = unknown
	md5       []byte          // of the very file; nil = unknown
	file      string          // path of the very file; "" = unknown
	metadata  *store.Metadata // nil where nothing kept it
}

// buildOf finds out which build a stay was of.
func (h *past) buildOf(s *stay) build {
	b, ok := h.builds[s]
	if !ok {
		b = h.attribute(s)
		h.builds[s] = b
	}
	return b
}

func (h *past) attribute(s *stay) build {
	if s.row != nil {
		return build{by: AttributedRecorded, buildTime: s.row.BuildTime, md5: s.row.BinpkgMD5, metadata: s.row.Metadata}
	}
	m := s.merge
	if m == nil {
		return build{by: AttributedVersion}
	}
	if m.Kind == emergelog.KindBinary && m.Binpkg != "" {
		if b, ok := h.mergedFile(s, m); ok {
			return b
		}
	}
	if m.Kind != emergelog.KindSource || m.ClockStepped {
		return build{by: AttributedVersion}
	}
	return h.builtWithin(s, m)
}

// builtWithin finds the one build whose BUILD_TIME lies between the lines of
// its merge, among the files that are there and, where none of them is it,
// among those that once were.
func (h *past) builtWithin(s *stay, m *store.Merge) build {
	found := build{by: AttributedVersion}
	several := false
	see := func(buildTime int64, metadata *store.Metadata) {
		switch {
		case !withinMerge(buildTime, m) || buildTime == found.buildTime:
		case found.buildTime != 0:
			several = true
		default:
			found = build{by: AttributedWindow, buildTime: buildTime, metadata: metadata}
		}
	}
	for _, c := range h.byCPV[s.cpv] {
		if withinMerge(c.BuildTime, m) {
			see(c.BuildTime, h.describe(c))
		}
	}
	for _, g := range h.gone[s.cpv] {
		see(g.BuildTime, nil)
	}
	if found.buildTime == 0 {
		for _, e := range h.lostOf(s.cpv) {
			see(e.BuildTime, nil)
		}
	}
	if several {
		return build{by: AttributedVersion}
	}
	return found
}

// mergedFile finds the file that emerge.log says was merged. One that was
// written after the merge is another file of the same name.
func (h *past) mergedFile(s *stay, m *store.Merge) (build, bool) {
	file := path.Clean(m.Binpkg)
	before := mergedAt(m)
	for _, c := range h.byCPV[s.cpv] {
		if strings.HasSuffix(file, c.source()) && floorSeconds(c.MTimeNS) <= before {
			return build{by: AttributedFile, buildTime: c.BuildTime, file: c.source(), metadata: h.describe(c)}, true
		}
	}
	for _, g := range h.gone[s.cpv] {
		if strings.HasSuffix(file, "/"+g.Path) && floorSeconds(g.MTimeNS) <= before {
			return build{by: AttributedFile, buildTime: g.BuildTime}, true
		}
	}
	for _, e := range h.lostOf(s.cpv) {
		if strings.HasSuffix(file, "/"+e.Path) && e.MTime <= before {
			return build{by: AttributedFile, buildTime: e.BuildTime}, true
		}
	}
	return build{}, false
}

// matches tells how near a binary package comes to a build: exact, same-build
// or same-version.
func (b build) matches(c *binpkg) CoverageVerdict {
	switch {
	case sameMD5(b.md5, c.md5()) || b.file != "" && b.file == c.source():
		return CoverageExact
	case b.buildTime != 0 && b.buildTime == c.BuildTime:
		return CoverageSameBuild
	}
	return CoverageSameVersion
}

// same tells whether two stays are of one build as far as the evidence goes.
func (h *past) same(a, b *stay) bool {
	if a == b {
		return true
	}
	if a.cpv != b.cpv {
		return false
	}
	x, y := h.buildOf(a), h.buildOf(b)
	return x.buildTime != 0 && x.buildTime == y.buildTime
}

// slotOf returns the slot of a stay, from whatever knows it.
func (h *past) slotOf(s *stay) string {
	if s.slot != "" {
		return s.slot
	}
	for _, c := range h.byCPV[s.cpv] {
		return c.Slot
	}
	for _, g := range h.gone[s.cpv] {
		return g.Slot
	}
	for _, e := range h.lostOf(s.cpv) {
		slot, _, _ := strings.Cut(e.Slot, "/")
		return slot
	}
	// Most packages have one slot for all their versions.
	slot := ""
	for _, x := range h.stays {
		if x.slot == "" || packageOf(x.cpv) != packageOf(s.cpv) {
			continue
		}
		if slot != "" && slot != x.slot {
			return ""
		}
		slot = x.slot
	}
	return slot
}

// sortChanges orders changes by package and slot.
func sortChanges(rows []Change) {
	slices.SortStableFunc(rows, func(a, b Change) int {
		return cmp.Or(strings.Compare(packageOf(a.cpv()), packageOf(b.cpv())), strings.Compare(a.Slot, b.Slot), strings.Compare(a.cpv(), b.cpv()))
	})
}
