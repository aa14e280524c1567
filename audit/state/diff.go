package state

import (
	"slices"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/store"
)

// Action is the kind of a difference between two states.
type Action string

// The actions.
const (
	ActionUpgrade   Action = "upgrade"
	ActionDowngrade Action = "downgrade"
	// ActionReinstall is another build of the same version.
	ActionReinstall Action = "reinstall"
	ActionInstall   Action = "install"
	ActionRemove    Action = "remove"
)

// Change is the difference between two states for one slot of a package.
type Change struct {
	Action        Action      `json:"action"`
	Slot          string      `json:"slot"`
	From          *string     `json:"from"`
	To            *string     `json:"to"`
	FromBuildTime *int64      `json:"from_build_time"`
	ToBuildTime   *int64      `json:"to_build_time"`
	FromKnownBy   Attribution `json:"from_known_by,omitempty"`
	ToKnownBy     Attribution `json:"to_known_by,omitempty"`
	// Use lists the changed USE flags, as in "+ssl -doc".
	Use string `json:"use"`
	// FromBuildID and ToBuildID are the build ids, FromSize and ToSize the installed
	// bytes. They are null if unknown.
	FromBuildID *int64 `json:"from_build_id"`
	ToBuildID   *int64 `json:"to_build_id"`
	FromSize    *int64 `json:"from_size"`
	ToSize      *int64 `json:"to_size"`
	// Dependencies are the added (+) and removed (-) runtime dependencies.
	Dependencies []string `json:"dependencies"`

	Before, After *Installation `json:"-"`
}

// CPV returns To, or From if the change is a removal.
func (c *Change) CPV() string {
	if c.To != nil {
		return *c.To
	}
	return *c.From
}

// Diff answers what changed between two states.
type Diff struct {
	From    Target   `json:"from"`
	To      Target   `json:"to"`
	Changes []Change `json:"changes"`
	// Settings are the lines of configuration that differ. SettingsKnown is false if
	// those of either state are unknown.
	Settings      []SettingChange `json:"settings"`
	SettingsKnown bool            `json:"settings_known"`
	Findings      []audit.Finding `json:"-"`
}

// AuditDiff compares two states of the host.
func AuditDiff(db audit.Database, a, b Moment) (*Diff, error) {
	h, err := TakePast(db)
	if err != nil {
		return nil, err
	}
	from, err := h.At(a, h.Pins, db.Now)
	if err != nil {
		return nil, err
	}
	to, err := h.At(b, h.Pins, db.Now)
	if err != nil {
		return nil, err
	}
	d := &Diff{From: from.Target, To: to.Target, Changes: h.DiffStates(from, to)}
	settings, known, err := h.DiffSettings(from, to)
	if err != nil {
		return nil, err
	}
	d.Settings, d.SettingsKnown = append(d.Settings, settings...), known
	for _, s := range []*State{from, to} {
		for _, doubt := range s.Doubts {
			f := audit.Finding{Code: audit.CodeStateUnknown, Severity: audit.SeverityWarning, Subject: s.Target.String(), Message: doubt.Text(), Remedy: doubt.Remedy()}
			if !slices.ContainsFunc(d.Findings, func(x audit.Finding) bool { return x.Subject == f.Subject && x.Message == f.Message }) {
				d.Findings = append(d.Findings, f)
			}
		}
	}
	return d, db.Finish(d.Findings)
}

// DiffStates compares two states. It omits packages that are in doubt in either of
// them.
func (h *Past) DiffStates(a, b *State) []Change {
	without := func(s, other *State) []*Installation {
		return slices.DeleteFunc(slices.Clone(s.sure()), func(x *Installation) bool { return other.Partly() && other.Unsure(audit.PackageOf(x.CPV)) })
	}
	return h.Diff(without(a, b), without(b, a))
}

// Diff compares what was installed at two moments. A slot holds one version of a
// package, so an old and a new version of one slot are one change.
func (h *Past) Diff(a, b []*Installation) []Change {
	// Most of what is installed is so at both moments.
	both := make(map[*Installation]bool, len(a))
	for _, s := range a {
		both[s] = false
	}
	for _, s := range b {
		if _, there := both[s]; there {
			both[s] = true
		}
	}
	left := map[string][]*Installation{}
	for _, s := range a {
		if both[s] {
			continue
		}
		left[audit.PackageOf(s.CPV)] = append(left[audit.PackageOf(s.CPV)], s)
	}
	right := map[string][]*Installation{}
	for _, s := range b {
		if both[s] {
			continue
		}
		right[audit.PackageOf(s.CPV)] = append(right[audit.PackageOf(s.CPV)], s)
	}
	var changes []Change
	for cp, xs := range left {
		changes = append(changes, h.diffPackage(xs, right[cp])...)
	}
	for cp, ys := range right {
		if left[cp] == nil {
			changes = append(changes, h.diffPackage(nil, ys)...)
		}
	}
	sortChanges(changes)
	return changes
}

func (h *Past) diffPackage(xs, ys []*Installation) []Change {
	xs, ys = slices.Clone(xs), slices.Clone(ys)
	var changes []Change
	pair := func(match func(x, y *Installation) bool) {
		for i := 0; i < len(xs); i++ {
			j := slices.IndexFunc(ys, func(y *Installation) bool { return match(xs[i], y) })
			if j < 0 {
				continue
			}
			if !h.same(xs[i], ys[j]) {
				changes = append(changes, h.change(xs[i], ys[j]))
			}
			xs, ys = slices.Delete(xs, i, i+1), slices.Delete(ys, j, j+1)
			i--
		}
	}
	pair(func(x, y *Installation) bool { return h.SlotOf(x) == h.SlotOf(y) && h.SlotOf(x) != "" })
	// If the slot of a removed package is unknown, the version or the remaining slot
	// has to match.
	pair(func(x, y *Installation) bool { return x.CPV == y.CPV })
	pair(func(x, y *Installation) bool { return h.SlotOf(x) == "" || h.SlotOf(y) == "" })
	for _, x := range xs {
		changes = append(changes, h.change(x, nil))
	}
	for _, y := range ys {
		changes = append(changes, h.change(nil, y))
	}
	return changes
}

// change describes one difference. nil means that nothing was installed.
func (h *Past) change(from, to *Installation) Change {
	c := Change{Before: from, After: to}
	var a, b Build
	if from != nil {
		a = h.BuildOf(from)
		c.From, c.FromBuildTime, c.FromKnownBy, c.Slot = &from.CPV, binpkgs.Known(a.BuildTime), a.by, h.SlotOf(from)
		c.FromBuildID, c.FromSize = numbersOf(from, a)
	}
	if to != nil {
		b = h.BuildOf(to)
		c.To, c.ToBuildTime, c.ToKnownBy = &to.CPV, binpkgs.Known(b.BuildTime), b.by
		c.ToBuildID, c.ToSize = numbersOf(to, b)
		if slot := h.SlotOf(to); slot != "" {
			c.Slot = slot
		}
	}
	switch {
	case from == nil:
		c.Action = ActionInstall
		return c
	case to == nil:
		c.Action = ActionRemove
		return c
	}
	c.Action = actionOf(from.CPV, to.CPV)
	if a.Metadata != nil && b.Metadata != nil {
		_, c.Use = binpkgs.DiffUse(a.Metadata.Use, b.Metadata.Use)
		c.Dependencies = CompareDependencies(a.Metadata, b.Metadata)
	}
	return c
}

// numbersOf returns the build id and the installed size of an installation, or nil if
// unknown.
func numbersOf(s *Installation, b Build) (buildID, size *int64) {
	switch {
	case s.Row != nil:
		return binpkgs.Known(s.Row.BuildID), &s.Row.Size
	case b.binpkg != nil:
		return binpkgs.Known(b.binpkg.BuildID), nil
	}
	return nil, nil
}

// actionOf returns the action that leads from one version to another.
func actionOf(from, to string) Action {
	switch n := binpkgs.CompareCPV(from, to); {
	case n < 0:
		return ActionUpgrade
	case n > 0:
		return ActionDowngrade
	}
	return ActionReinstall
}

// CompareDependencies lists the words that occur in the runtime dependencies of only
// one of two builds.
func CompareDependencies(a, b *store.Metadata) []string {
	words := func(m *store.Metadata) map[string]bool {
		set := map[string]bool{}
		for _, list := range []string{m.RDepend, m.PDepend, m.IDepend} {
			for w := range strings.FieldsSeq(list) {
				if strings.Contains(w, "/") {
					set[w] = true
				}
			}
		}
		return set
	}
	x, y := words(a), words(b)
	var diff []string
	for w := range x {
		if !y[w] {
			diff = append(diff, "-"+w)
		}
	}
	for w := range y {
		if !x[w] {
			diff = append(diff, "+"+w)
		}
	}
	slices.SortFunc(diff, func(a, b string) int { return strings.Compare(a[1:]+a[:1], b[1:]+b[:1]) })
	return diff
}

// String returns a name of the state: its pin, run or day.
func (t Target) String() string {
	switch {
	case t.Pin != "":
		return t.Pin
	case t.Run != nil:
		return "before run " + strconv.FormatInt(*t.Run, 10)
	}
	return audit.Day(t.Time)
}

// when returns a name of the state by its run or time, even if it has a pin.
func (t Target) when() string {
	t.Pin = ""
	if t.Run == nil {
		return "of " + audit.Minute(t.Time)
	}
	return t.String()
}
