package cleanup

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/parse/needs"
	"emaudit/store"
)

// statesToKeep lists the states of a past that the policy keeps: those before the last
// updates, the newest first, and the pinned ones. A state that equals today's, or a
// newer one, does not count, because those need the same files.
func (policy PrunePolicy) statesToKeep(past *state.Past, present *state.State, now int64) ([]*keptState, error) {
	var states []*keptState
	since := now - int64(policy.KeepDays)*secondsPerDay
	counted := []*state.State{present}
	for _, u := range past.Updates() {
		i := len(counted) - 1
		run := past.Run(u.Run)
		last := i < policy.KeepStates
		if !last && run.Started < now-longerFactor*(now-since) && i >= longerFactor*policy.KeepStates {
			break
		}
		s, err := past.At(state.Moment{Run: u.Run}, past.Pins, now)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(counted, func(other *state.State) bool { return past.Same(s, other) }) {
			continue
		}
		counted = append(counted, s)
		k := &keptState{title: fmt.Sprintf("before run #%d of %s", u.Run, audit.Day(run.Started)), code: KeepState, target: s.Target, installations: s.Installations, last: last}
		k.days = !last && run.Started >= since
		if !last && !k.days {
			k.code = KeepImportant
		}
		states = append(states, k)
	}
	for _, end := range policy.periodEnds(now) {
		s, err := past.At(state.Moment{At: end.at}, past.Pins, now)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(counted, func(other *state.State) bool { return past.Same(s, other) }) {
			continue
		}
		counted = append(counted, s)
		states = append(states, &keptState{title: "at the end of " + end.title, code: KeepState, target: s.Target, installations: s.Installations})
	}
	for _, pin := range past.Pins {
		s, err := past.At(state.Moment{Pin: pin.Name}, past.Pins, now)
		if err != nil {
			return nil, err
		}
		s.Target.Pin = pin.Name
		states = append(states, &keptState{title: "pinned as " + pin.Name, code: KeepPinned, target: s.Target, installations: s.Installations})
	}
	return states, nil
}

// periodEnd is the end of a week or of a month.
type periodEnd struct {
	at    int64 // unix seconds, its last second
	title string
}

// periodEnds lists the ends of the last weeks and months that are over, the newest of
// each first.
func (policy PrunePolicy) periodEnds(now int64) []periodEnd {
	var ends []periodEnd
	today := time.Unix(now, 0).UTC().Truncate(24 * time.Hour)
	monday := today.AddDate(0, 0, -(int(today.Weekday())+6)%7)
	for range policy.KeepWeekly {
		ends = append(ends, periodEnd{monday.Unix() - 1, "the week to " + monday.AddDate(0, 0, -1).Format(time.DateOnly)})
		monday = monday.AddDate(0, 0, -7)
	}
	first := today.AddDate(0, 0, 1-today.Day())
	for range policy.KeepMonthly {
		ends = append(ends, periodEnd{first.Unix() - 1, first.AddDate(0, 0, -1).Format("2006-01")})
		first = first.AddDate(0, -1, 0)
	}
	return ends
}

// kept returns the present state and those that the policy keeps.
func (policy PrunePolicy) kept(db audit.Database) (past *state.Past, present *state.State, states []*keptState, err error) {
	if past, err = state.TakePastWith(db, false); err != nil {
		return nil, nil, nil, err
	}
	if present, err = past.At(state.Moment{Now: true}, nil, db.Now); err != nil {
		return nil, nil, nil, err
	}
	states, err = policy.statesToKeep(past, present, db.Now)
	return past, present, states, err
}

// ListNeeds lists what a host must still be able to get: the installed builds, and the
// builds of the states that the policy keeps or that are pinned. system are the packages
// of @system, by category/pn; nil means the usual ones. valid is how long the list
// counts after the last ingest, in seconds.
func ListNeeds(db audit.Database, policy PrunePolicy, system []string, valid int64) (*needs.List, error) {
	host, err := db.Tx.Host(db.Host)
	if err != nil {
		return nil, err
	}
	until, err := db.Tx.KnownUntil(db.Host)
	if err != nil {
		return nil, err
	}
	past, present, states, err := policy.kept(db)
	if err != nil {
		return nil, err
	}
	c := needsCollector{past: past, of: map[needKey]int{}}
	for _, x := range present.Installations {
		c.add(x, needs.Reason{Why: needs.Installed})
	}
	groups := importance(system)
	for _, k := range states {
		reason := needs.Reason{Why: needs.KeptState, Run: k.target.Run, Time: &k.target.Time}
		if k.code == KeepPinned {
			reason = needs.Reason{Why: needs.Pinned, Time: &k.target.Time, Pin: k.target.Pin}
		}
		for _, x := range k.installations {
			if k.code == KeepImportant {
				if groups.of(audit.PackageOf(x.CPV)) == "" {
					continue
				}
				reason.Why = needs.Important
			}
			c.add(x, reason)
		}
	}
	slices.SortFunc(c.all, needs.Compare)
	return &needs.List{Host: host.Name, HostID: host.Identity, KnownUntil: until, ValidUntil: until + valid, Builds: c.all}, past.Err
}

// NeededVersions returns a function that reports whether a version is installed, or in a
// state that the policy keeps. Where such a state is unknown, every version counts, as
// in a plan. system is that of [ListNeeds].
func NeededVersions(db audit.Database, policy PrunePolicy, system []string) (func(cpv string) bool, error) {
	past, present, states, err := policy.kept(db)
	if err != nil {
		return nil, err
	}
	versions, groups, known := map[string]bool{}, importance(system), 0
	for _, x := range present.Installations {
		versions[x.CPV] = true
	}
	for _, k := range states {
		if k.last && k.target.Known {
			known++
		}
		for _, x := range k.installations {
			if k.code != KeepImportant || groups.of(audit.PackageOf(x.CPV)) != "" {
				versions[x.CPV] = true
			}
		}
	}
	return func(cpv string) bool { return known < policy.KeepStates || versions[cpv] }, past.Err
}

// needKey identifies a build among the needs of a host.
type needKey struct {
	cpv       string
	buildTime int64
}

type needsCollector struct {
	past *state.Past
	all  []needs.Build
	of   map[needKey]int // the place in all
}

// add adds a reason for the build of a stay.
func (c *needsCollector) add(x *state.Installation, reason needs.Reason) {
	build := c.past.Identify(x)
	key := needKey{x.CPV, build.BuildTime}
	i, ok := c.of[key]
	if !ok {
		i = len(c.all)
		c.of[key] = i
		c.all = append(c.all, c.describe(x, build))
	}
	c.all[i].Reasons = append(c.all[i].Reasons, reason)
}

// describe returns the need of a build, with what the host knows about its file.
func (c *needsCollector) describe(x *state.Installation, build state.Build) needs.Build {
	b := needs.Build{CPV: x.CPV, BuildTime: build.BuildTime, MD5: hex.EncodeToString(build.MD5())}
	if x.Row != nil {
		b.BuildID, b.Repo = x.Row.BuildID, x.Row.Repo
	} else if x.Merge != nil {
		b.BuildID = x.Merge.BuildID
	}
	for _, f := range c.past.ByCPV[x.CPV] {
		if build.BuildTime == 0 || build.Matches(f) == binpkgs.CoverageSameVersion {
			continue
		}
		b.BuildID, b.Repo = cmp.Or(b.BuildID, f.BuildID, f.PathBuildID), cmp.Or(b.Repo, f.Repo)
		if b.MD5 == "" || binpkgs.SameMD5(build.MD5(), f.Md5()) {
			b.Size, b.MD5, b.SHA1 = f.Size, cmp.Or(b.MD5, hex.EncodeToString(f.Md5())), hex.EncodeToString(f.SHA1)
			break
		}
	}
	return b
}

// importantPackages returns the packages that stay longer.
type importantPackages map[string]bool

func importance(system []string) importantPackages {
	if len(system) == 0 {
		system = usualSystem
	}
	all := importantPackages{}
	for _, cp := range system {
		all[cp] = true
	}
	return all
}

// of returns what a package (category/pn) is important for, or "".
func (system importantPackages) of(cp string) string {
	category, _, _ := strings.Cut(cp, "/")
	for _, group := range []string{"toolchain", "boot"} {
		if slices.Contains(importantGroups[group], cp) || slices.Contains(importantGroups[group], category+"/*") {
			return group
		}
	}
	if system[cp] {
		return "@system"
	}
	return ""
}

// needText says why a host needs a build: the strongest of the reasons.
func needText(host string, reasons []needs.Reason) string {
	switch r := needs.Strongest(reasons); {
	case r.Why == needs.Installed:
		return "installed on " + host
	case r.Why == needs.Pinned:
		return "pinned on " + host + " as " + r.Pin
	case r.Why != needs.KeptState && r.Why != needs.Important:
		return host + " needs it" // for a reason of a later program
	case r.Run != nil && r.Time != nil:
		return fmt.Sprintf("%s would go back to it: the state before its run #%d of %s", host, *r.Run, audit.Day(*r.Time))
	default:
		return host + " would go back to it"
	}
}

// checkHostName is [store.CheckHostName]; a file of needs can hold any text.
func checkHostName(name string) bool { return store.CheckHostName(name) == nil }

// The words of a list of needs, for those who write an answer and read no file.
type (
	NeedList   = needs.List
	NeedReason = needs.Reason
)

// NeededByPin is the reason of a build that a pinned state needs.
const NeededByPin = needs.Pinned
