package audit

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"emaudit/parse/emergelog"
	"emaudit/store"
)

// past joins what was installed, over time, with the binary packages that are
// there, or once were.
type past struct {
	*timeline
	*inventory
	pins []store.Pin
	gone map[string][]store.Instance // by cpv
	// lost are entries of an index whose file is gone, by cpv.
	lost   map[string][]store.IndexEntry
	builds map[*stay]build
}

// takePast loads a host's past.
func takePast(db Database) (*past, error) {
	h := &past{builds: map[*stay]build{}, lost: map[string][]store.IndexEntry{}}
	var err error
	if h.timeline, err = readTimeline(db); err != nil {
		return nil, err
	}
	if h.inventory, err = takeInventory(db, true); err != nil {
		return nil, err
	}
	if h.gone, err = goneByCPV(db, h.dirs); err != nil {
		return nil, err
	}
	if h.pins, err = db.Tx.Pins(db.Host); err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for i := range h.binpkgs {
		there[h.binpkgs[i].source()] = true
	}
	for _, d := range h.dirs {
		entries, err := db.Tx.IndexEntries(d.ID)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !there[path.Join(d.Path, e.Path)] {
				h.lost[e.CPV] = append(h.lost[e.CPV], e)
			}
		}
	}
	return h, nil
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
	times := map[int64]*store.Metadata{}
	for _, c := range h.byCPV[s.cpv] {
		if withinMerge(c.BuildTime, m) {
			times[c.BuildTime] = c.Metadata
		}
	}
	for _, g := range h.gone[s.cpv] {
		if withinMerge(g.BuildTime, m) && times[g.BuildTime] == nil {
			times[g.BuildTime] = nil
		}
	}
	for _, e := range h.lost[s.cpv] {
		if withinMerge(e.BuildTime, m) && times[e.BuildTime] == nil {
			times[e.BuildTime] = nil
		}
	}
	if len(times) == 1 {
		for t, metadata := range times {
			return build{by: AttributedWindow, buildTime: t, metadata: metadata}
		}
	}
	return build{by: AttributedVersion}
}

// mergedFile finds the file that emerge.log says was merged. One that was
// written after the merge is another file of the same name.
func (h *past) mergedFile(s *stay, m *store.Merge) (build, bool) {
	file := path.Clean(m.Binpkg)
	before := mergedAt(m)
	for _, c := range h.byCPV[s.cpv] {
		if strings.HasSuffix(file, c.source()) && floorSeconds(c.MTimeNS) <= before {
			return build{by: AttributedFile, buildTime: c.BuildTime, file: c.source(), metadata: c.Metadata}, true
		}
	}
	for _, g := range h.gone[s.cpv] {
		if strings.HasSuffix(file, "/"+g.Path) && floorSeconds(g.MTimeNS) <= before {
			return build{by: AttributedFile, buildTime: g.BuildTime}, true
		}
	}
	for _, e := range h.lost[s.cpv] {
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
	for _, e := range h.lost[s.cpv] {
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
