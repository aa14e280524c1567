package audit

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"emaudit/store"
)

// Action is what leads from one state to another for one slot of a package.
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
	// Use is what changes in USE: "+ssl -doc".
	Use string `json:"use"`
	// Dependencies are the runtime dependencies that come (+) and go (-).
	Dependencies []string `json:"dependencies"`

	from, to *stay
}

// cpv is the one that the change leads to, or from.
func (c *Change) cpv() string {
	if c.To != nil {
		return *c.To
	}
	return *c.From
}

// Diff is the answer to: what changed between two states?
type Diff struct {
	From     Target    `json:"from"`
	To       Target    `json:"to"`
	Changes  []Change  `json:"changes"`
	Findings []Finding `json:"-"`
}

// AuditDiff compares two states of the host.
func AuditDiff(db Database, a, b Moment) (*Diff, error) {
	h, err := takePast(db)
	if err != nil {
		return nil, err
	}
	from, err := h.at(a, h.pins, db.Now)
	if err != nil {
		return nil, err
	}
	to, err := h.at(b, h.pins, db.Now)
	if err != nil {
		return nil, err
	}
	d := &Diff{From: from.target, To: to.target, Changes: h.diffStates(from, to)}
	for _, s := range []*state{from, to} {
		for _, doubt := range s.doubts {
			f := Finding{Code: "state-unknown", Severity: SeverityWarning, Subject: s.target.String(), Message: doubt.text(), Evidence: []Evidence{}, Remedy: cmp.Or(doubt.settle, "emaudit states")}
			if !slices.ContainsFunc(d.Findings, func(x Finding) bool { return x.Subject == f.Subject && x.Message == f.Message }) {
				d.Findings = append(d.Findings, f)
			}
		}
	}
	SortFindings(d.Findings)
	return d, nil
}

// diffStates compares two states, without the packages that are in doubt in one
// of them.
func (h *past) diffStates(a, b *state) []Change {
	without := func(s, other *state) []*stay {
		return slices.DeleteFunc(slices.Clone(s.sure()), func(x *stay) bool { return other.partly() && other.unsure(packageOf(x.cpv)) })
	}
	return h.diff(without(a, b), without(b, a))
}

// diff compares what was installed at two moments. A slot holds one instance
// of a package, so what a slot held before and afterwards is one change.
func (h *past) diff(a, b []*stay) []Change {
	left := map[string][]*stay{}
	for _, s := range a {
		left[packageOf(s.cpv)] = append(left[packageOf(s.cpv)], s)
	}
	right := map[string][]*stay{}
	for _, s := range b {
		right[packageOf(s.cpv)] = append(right[packageOf(s.cpv)], s)
	}
	changes := []Change{}
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

func (h *past) diffPackage(xs, ys []*stay) []Change {
	xs, ys = slices.Clone(xs), slices.Clone(ys)
	var changes []Change
	pair := func(match func(x, y *stay) bool) {
		for i := 0; i < len(xs); i++ {
			j := slices.IndexFunc(ys, func(y *stay) bool { return match(xs[i], y) })
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
	pair(func(x, y *stay) bool { return x == y })
	pair(func(x, y *stay) bool { return h.slotOf(x) == h.slotOf(y) && h.slotOf(x) != "" })
	// Where the slot of a removed package is told by nothing, the version or
	// what is left must do.
	pair(func(x, y *stay) bool { return x.cpv == y.cpv })
	pair(func(x, y *stay) bool { return h.slotOf(x) == "" || h.slotOf(y) == "" })
	for _, x := range xs {
		changes = append(changes, h.change(x, nil))
	}
	for _, y := range ys {
		changes = append(changes, h.change(nil, y))
	}
	return changes
}

// change describes one difference; nil stands for nothing installed.
func (h *past) change(from, to *stay) Change {
	c := Change{from: from, to: to, Dependencies: []string{}}
	var a, b build
	if from != nil {
		a = h.buildOf(from)
		c.From, c.FromBuildTime, c.FromKnownBy, c.Slot = &from.cpv, known(a.buildTime), a.by, h.slotOf(from)
	}
	if to != nil {
		b = h.buildOf(to)
		c.To, c.ToBuildTime, c.ToKnownBy = &to.cpv, known(b.buildTime), b.by
		if slot := h.slotOf(to); slot != "" {
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
	switch n := compareCPV(from.cpv, to.cpv); {
	case n < 0:
		c.Action = ActionUpgrade
	case n > 0:
		c.Action = ActionDowngrade
	default:
		c.Action = ActionReinstall
	}
	if a.metadata != nil && b.metadata != nil {
		_, c.Use = diffUse(a.metadata.Use, b.metadata.Use)
		c.Dependencies = compareDependencies(a.metadata, b.metadata)
	}
	return c
}

// compareDependencies lists the words of the runtime dependencies that only
// one of two builds has.
func compareDependencies(a, b *store.Metadata) []string {
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
	diff := []string{}
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

// String names the state.
func (t Target) String() string {
	switch {
	case t.Pin != "":
		return t.Pin
	case t.Run != nil:
		return "before run " + strconv.FormatInt(*t.Run, 10)
	}
	return day(t.Time)
}
