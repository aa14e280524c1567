package state

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/emergelog"
	"emaudit/store/inventory"

	"emaudit/store"
)

// Past is the history of a host: what was installed at every moment, and the binary
// packages that exist or once existed.
type Past struct {
	*timeline
	*binpkgs.Inventory
	tx   *store.Tx
	host store.HostID
	Pins []store.Pin
	Gone map[string][]*inventory.Instance // deleted binary packages by cpv
	// prints are the results of fingerprints and moments those of momentOf. Each is
	// computed on demand.
	prints  []uint64
	moments []int
	// lost are the index entries without a file, by cpv.
	lost map[string][]*inventory.IndexEntry
	Err  error // the first error of a read on demand
}

// TakePast returns the history of a host with the metadata of every binary package.
func TakePast(db audit.Database) (*Past, error) { return TakePastWith(db, true) }

// TakePastWith returns the history of a host. Without metadata, [Past.Describe] reads
// the metadata of a binary package on demand: most answers need a few of thousands.
func TakePastWith(db audit.Database, metadata bool) (*Past, error) {
	return audit.Once[pastKey](db, func() (*Past, error) { return loadPast(db, metadata) })
}

type pastKey struct{}

func loadPast(db audit.Database, metadata bool) (*Past, error) {
	h := &Past{tx: db.Tx, host: db.Host, lost: map[string][]*inventory.IndexEntry{}}
	var err error
	if h.timeline, err = readTimeline(db); err != nil {
		return nil, err
	}
	if db.IsShared() {
		h.Inventory, err = binpkgs.TakeInventory(db, true)
	} else {
		h.Inventory, err = binpkgs.LoadInventory(db, metadata, true)
	}
	if err != nil {
		return nil, err
	}
	if err = h.reconstruct(db, h.Ever); err != nil {
		return nil, err
	}
	if h.Gone, err = binpkgs.GoneByCPV(db, h.Dirs); err != nil {
		return nil, err
	}
	for i := range h.Dirs {
		entries, err := inventory.LostEntries(db.Tx, h.Dirs[i].ID)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			h.lost[e.CPV] = append(h.lost[e.CPV], e)
		}
	}
	if h.Pins, err = db.Tx.Pins(db.Host); err != nil {
		return nil, err
	}
	return h, nil
}

// At returns the state at a moment. A version whose known builds are all younger than
// the state, and whose merge is not in the log, cannot have been installed: a part of
// the log is missing.
func (h *Past) At(m Moment, pins []store.Pin, now int64) (*State, error) {
	if m.Previous {
		updates := h.Updates()
		if x := h.restored; x != nil {
			// An update that a restore undid cannot be undone again.
			updates = slices.DeleteFunc(updates, func(u Update) bool {
				k := h.stateBefore(h.Run(u.Run))
				return x.from <= k && k < x.until
			})
		}
		if len(updates) == 0 {
			return nil, ErrNothingChanged
		}
		m.Run = updates[0].Run
	}
	s, err := h.timeline.at(m, pins, now)
	if err != nil {
		return nil, err
	}
	s.Target.Pins = h.pinsOf(s.index)
	if !s.Target.Known {
		return s, nil
	}
	for _, x := range s.Installations {
		if h.younger(x, s.Target.Time) {
			s.Doubts = append(s.Doubts, doubt{"", fmt.Sprintf("%s was there, and every build of it that is known is younger", x.CPV), searchRotatedLog})
		}
	}
	s.mark()
	return s, nil
}

// younger reports whether every known build of an installation is younger than a
// time.
func (h *Past) younger(x *Installation, at int64) bool {
	if x.Row != nil || x.Merge != nil || len(h.ByCPV[x.CPV]) == 0 {
		return false
	}
	return !slices.ContainsFunc(h.ByCPV[x.CPV], func(b *binpkgs.Binpkg) bool { return b.BuildTime <= at })
}

// mayBeYounger reports whether a state may have such an installation.
func (h *Past) mayBeYounger(k int, at int64) bool {
	return slices.ContainsFunc(h.installations, func(x *Installation) bool {
		return x.Merge == nil && x.Row == nil && x.from <= k && k <= x.until && h.younger(x, at)
	})
}

// Without returns the history after some binary packages are deleted. What is known
// of the builds stays known.
func (h *Past) Without(gone map[*binpkgs.Binpkg]bool) *Past {
	left, inventory := *h, *h.Inventory
	inventory.ByCPV = make(map[string][]*binpkgs.Binpkg, len(h.ByCPV))
	for cpv, all := range h.ByCPV {
		if rest := slices.DeleteFunc(slices.Clone(all), func(b *binpkgs.Binpkg) bool { return gone[b] }); len(rest) > 0 {
			inventory.ByCPV[cpv] = rest
		}
	}
	left.Inventory = &inventory
	return &left
}

// Describe returns the metadata of a binary package. It reads them if necessary.
func (h *Past) Describe(b *binpkgs.Binpkg) *store.Metadata {
	if b.Metadata == nil && b.MetadataID != 0 {
		m, err := h.tx.Metadata(b.MetadataID)
		h.Err = cmp.Or(h.Err, err)
		b.Metadata = m
	}
	return b.Metadata
}

// LostOf returns the index entries of a cpv whose file does not exist.
func (h *Past) LostOf(cpv string) []*inventory.IndexEntry { return h.lost[cpv] }

// Attribution is how the build of an installation is known.
type Attribution string

// The attributions, strongest first.
const (
	// AttributedRecorded: an ingest saw it in the VDB.
	AttributedRecorded Attribution = "recorded"
	// AttributedFile: emerge.log names the file that was merged.
	AttributedFile Attribution = "merged-file"
	// AttributedWindow: its BUILD_TIME lies between the lines of the merge in
	// emerge.log.
	AttributedWindow Attribution = "build-window"
	// AttributedVersion: only the version is known.
	AttributedVersion Attribution = "version"
)

// Build is what is known of the build of an installation.
type Build struct {
	by        Attribution
	BuildTime int64           // 0 = unknown
	md5       []byte          // digest of the merged file; nil = unknown
	file      string          // path of the merged file; "" = unknown
	Metadata  *store.Metadata // nil = unknown
	binpkg    *binpkgs.Binpkg // source of the metadata, or nil
}

// versionOnly is the build of most installations of a long log.
var versionOnly = Build{by: AttributedVersion}

// BuildOf returns the build of an installation.
func (h *Past) BuildOf(s *Installation) Build {
	b := h.Identify(s)
	if b.binpkg != nil {
		b.Metadata = h.Describe(b.binpkg)
	}
	return b
}

// Identify is [Past.BuildOf] without the metadata of a binary package, which may have
// to be read.
func (h *Past) Identify(s *Installation) Build {
	if s.build == nil {
		build := h.attribute(s)
		if s.build = &versionOnly; build.by != AttributedVersion {
			s.build = new(build)
		}
	}
	return *s.build
}

func (h *Past) attribute(s *Installation) Build {
	if s.Row != nil {
		return Build{by: AttributedRecorded, BuildTime: s.Row.BuildTime, md5: s.Row.BinpkgMD5, Metadata: s.Row.Metadata}
	}
	m := s.Merge
	if m == nil {
		return Build{by: AttributedVersion}
	}
	if m.Kind == emergelog.KindBinary && m.Binpkg != "" {
		if b, ok := h.mergedFile(s, m); ok {
			return b
		}
	}
	if m.Kind != emergelog.KindSource || m.ClockStepped {
		return Build{by: AttributedVersion}
	}
	return h.builtWithin(s, m)
}

// builtWithin returns the one build whose BUILD_TIME lies between the lines of its
// merge. It looks at existing files first, then at deleted ones.
func (h *Past) builtWithin(s *Installation, m *Merge) Build {
	found := Build{by: AttributedVersion}
	several := false
	see := func(buildTime int64, b *binpkgs.Binpkg) {
		switch {
		case !m.built(buildTime) || buildTime == found.BuildTime:
		case found.BuildTime != 0:
			several = true
		default:
			found = Build{by: AttributedWindow, BuildTime: buildTime, binpkg: b}
		}
	}
	for _, c := range h.ByCPV[s.CPV] {
		see(c.BuildTime, c)
	}
	for _, g := range h.Gone[s.CPV] {
		see(g.BuildTime, nil)
	}
	if found.BuildTime == 0 {
		for _, e := range h.LostOf(s.CPV) {
			see(e.BuildTime, nil)
		}
	}
	if several {
		return Build{by: AttributedVersion}
	}
	return found
}

// mergedFile returns the build of the file that emerge.log names. A file written
// after the merge is another file of the same name.
func (h *Past) mergedFile(s *Installation, m *Merge) (Build, bool) {
	file := path.Clean(m.Binpkg)
	for _, c := range h.ByCPV[s.CPV] {
		if strings.HasSuffix(file, c.Source()) && binpkgs.FloorSeconds(c.MTimeNS) <= m.At {
			return Build{by: AttributedFile, BuildTime: c.BuildTime, file: c.Source(), binpkg: c}, true
		}
	}
	for _, g := range h.Gone[s.CPV] {
		if strings.HasSuffix(file, "/"+g.Path) && binpkgs.FloorSeconds(g.MTimeNS) <= m.At {
			return Build{by: AttributedFile, BuildTime: g.BuildTime}, true
		}
	}
	for _, e := range h.LostOf(s.CPV) {
		if strings.HasSuffix(file, "/"+e.Path) && e.MTime <= m.At {
			return Build{by: AttributedFile, BuildTime: e.BuildTime}, true
		}
	}
	return Build{}, false
}

// Matches returns how a binary package compares with a build: exact, same-build or
// same-version.
func (b Build) Matches(c *binpkgs.Binpkg) binpkgs.CoverageVerdict {
	switch {
	case binpkgs.SameMD5(b.md5, c.Md5()) || b.file != "" && b.file == c.Source():
		return binpkgs.CoverageExact
	case b.BuildTime != 0 && b.BuildTime == c.BuildTime:
		return binpkgs.CoverageSameBuild
	}
	return binpkgs.CoverageSameVersion
}

// MD5 returns the digest of the merged file, or nil if it is unknown.
func (b Build) MD5() []byte { return b.md5 }

// same reports whether two installations are known to be of one build.
func (h *Past) same(a, b *Installation) bool {
	if a == b {
		return true
	}
	if a.CPV != b.CPV {
		return false
	}
	x, y := h.Identify(a), h.Identify(b)
	return x.BuildTime != 0 && x.BuildTime == y.BuildTime
}

// SlotOf returns the slot of an installation, or "" if it is unknown.
func (h *Past) SlotOf(s *Installation) string {
	if s.slot != "" {
		return s.slot
	}
	for _, c := range h.ByCPV[s.CPV] {
		return c.Slot
	}
	for _, g := range h.Gone[s.CPV] {
		return g.Slot
	}
	for _, e := range h.LostOf(s.CPV) {
		slot, _, _ := strings.Cut(e.Slot, "/")
		return slot
	}
	// Most packages have one slot for all their versions.
	slot := ""
	for _, x := range h.installations {
		if x.slot == "" || audit.PackageOf(x.CPV) != audit.PackageOf(s.CPV) {
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
		return cmp.Or(strings.Compare(audit.PackageOf(a.CPV()), audit.PackageOf(b.CPV())), strings.Compare(a.Slot, b.Slot), strings.Compare(a.CPV(), b.CPV()))
	})
}
