package history

import (
	"math"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelist"
	"emaudit/store/logs"
)

// Live is what the host itself shows about running emerges, in addition to the log.
type Live struct {
	// Status holds the live status files of FEATURES=observability.
	Status []*mergelist.Status
	// Emerge reports whether an emerge process is running. It is nil if that is
	// unknown, as for a root that is not the running system.
	Emerge *bool
	// Phases are the ebuild phases of running processes, by cpv.
	Phases map[string]string
	// Resume is the resume list in mtimedb. While emerge runs, it holds the
	// unfinished packages.
	Resume []mergelist.Item
}

// CurrentMerge is a package in progress.
type CurrentMerge struct {
	CPV       string `json:"cpv"`
	Root      string `json:"root"`
	Kind      string `json:"kind"`
	N         int    `json:"n"`  // 0 if unknown
	Of        int    `json:"of"` // 0 if unknown
	Phase     string `json:"phase"`
	StartedAt *int64 `json:"started_at"`
	Elapsed   *int64 `json:"elapsed_seconds"`
	// Predicted is the expected total duration in seconds, or nil if unknown.
	Predicted *int64 `json:"predicted_seconds"`
	Samples   int    `json:"samples"`
	Remaining *int64 `json:"remaining_seconds"`
	EndsAt    *int64 `json:"ends_at"`
	// Late reports that the merge already takes longer than expected.
	Late bool `json:"late"`
	// LastLine is the last line in the build log, or "" if the log cannot be read.
	LastLine string `json:"last_line"`
}

// CurrentRun is a running emerge.
type CurrentRun struct {
	Run       *int64 `json:"run"` // nil if the log does not have it
	PID       *int   `json:"pid"`
	Args      string `json:"args"`
	StartedAt *int64 `json:"started_at"`
	Done      int    `json:"done"`
	Of        int    `json:"of"`
	From      string `json:"from"` // [ListStatus] or [ListLog]
	// Certain is false if only the log indicates that the run has not ended.
	Certain bool           `json:"certain"`
	Merges  []CurrentMerge `json:"merges"`
	Syncs   []string       `json:"syncs"` // repositories in progress
	// unbegun is the number of packages in its list that have not begun.
	unbegun int
}

// AuditCurrent returns the emerges that are running now.
func AuditCurrent(db audit.Database, live Live) ([]CurrentRun, error) {
	r := newRunReader(db)
	if err := r.prepare(); err != nil {
		return nil, err
	}
	logged, err := r.openRuns(db.Now, live)
	if err != nil {
		return nil, err
	}
	var all []CurrentRun
	for _, s := range live.Status {
		all = append(all, fromStatus(s, logged))
	}
	for _, run := range logged {
		known := slices.ContainsFunc(all, func(c CurrentRun) bool { return c.Run != nil && *c.Run == *run.Run })
		switch {
		case known:
		case live.Emerge != nil && !*live.Emerge:
			// The run is gone, and the log lacks its end.
		case len(live.Status) > 0 && live.Emerge == nil:
			run.Certain = false
			all = append(all, run)
		default:
			run.Certain = live.Emerge != nil
			all = append(all, run)
		}
	}
	return all, r.expect(db, all)
}

// openRuns returns the runs that are open according to the log.
func (r *runReader) openRuns(now int64, live Live) ([]CurrentRun, error) {
	var all []CurrentRun
	open, err := r.log.OpenRuns()
	if err != nil {
		return nil, err
	}
	err = r.log.RunsNumbered(open, func(run *logs.Run) error {
		if run.Outcome != emergelog.RunRunning {
			return nil
		}
		if err := r.readFacts(run); err != nil || run.Outcome != emergelog.RunRunning {
			return err
		}
		id := run.ID
		c := CurrentRun{Run: &id, Args: run.Args, StartedAt: at(run.Started), Done: run.Merged, From: ListLog}
		newest := 0
		for i := range r.facts.Merges {
			m := &r.facts.Merges[i]
			c.Of = max(c.Of, m.Of)
			if m.Seq > newest {
				// Packages get their numbers when they begin. --keep-going makes a
				// new list of the remaining packages.
				newest, c.unbegun = m.Seq, max(0, m.Of-m.N)
			}
			if m.Outcome != emergelog.MergeRunning {
				continue
			}
			if failed, err := r.hasFailed(m); err != nil {
				return err
			} else if failed {
				continue
			}
			merge := CurrentMerge{CPV: m.CPV, Root: m.Root, Kind: m.Kind.String(), N: m.N, Of: m.Of, Phase: phaseOf(m), StartedAt: at(m.Started)}
			if phase := live.Phases[m.CPV]; phase != "" {
				merge.Phase = phase
			}
			if m.Started != 0 && now >= m.Started {
				elapsed := now - m.Started
				merge.Elapsed = &elapsed
			}
			c.Merges = append(c.Merges, merge)
		}
		for i := range r.facts.Syncs {
			if r.facts.Syncs[i].Outcome == emergelog.SyncRunning {
				c.Syncs = append(c.Syncs, r.facts.Syncs[i].Repo)
			}
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

// hasFailed reports whether a build log shows that a merge without end has failed.
// With --keep-going or parallel jobs, emerge.log shows failures only at the end of
// the run.
func (r *runReader) hasFailed(m *logs.Merge) (bool, error) {
	if m.Started == 0 {
		return false, nil
	}
	failed, err := logs.BuildLogs(r.db.Tx, r.db.Host, logs.BuildLogQuery{CP: m.CP, Since: m.Started - LinkSlack, Failed: true})
	return slices.ContainsFunc(failed, func(l logs.BuildLog) bool { return l.CPV == m.CPV }), err
}

// phaseOf returns the phase of a merge according to the log.
func phaseOf(m *logs.Merge) string {
	s := &m.Steps
	switch {
	case s.Autoclean != 0:
		return "clean"
	case s.Merging != 0:
		return "merge"
	case s.Built != 0:
		return waiting
	case s.Compiling != 0:
		return "build"
	}
	return "fetch"
}

// fromStatus turns a live status into an answer, and adds facts from the log.
func fromStatus(s *mergelist.Status, logged []CurrentRun) CurrentRun {
	pid := s.PID
	c := CurrentRun{PID: &pid, Done: s.Jobs.Completed, Of: s.Jobs.Total, From: ListStatus, Certain: true}
	for _, t := range s.Tasks {
		m := CurrentMerge{CPV: t.CPV, Root: t.Root, Kind: emergelog.KindSource.String(), Phase: t.Phase}
		if t.Binary {
			m.Kind = emergelog.KindBinary.String()
		}
		if m.Phase == "" {
			m.Phase = t.Kind
		}
		m.StartedAt, m.Elapsed = wholeSeconds(t.StartTime), wholeSeconds(t.Elapsed)
		for i := range logged {
			for j := range logged[i].Merges {
				if l := &logged[i].Merges[j]; l.CPV == t.CPV && (t.Root == "" || l.Root == t.Root) {
					c.Run, c.Args, c.StartedAt = logged[i].Run, logged[i].Args, logged[i].StartedAt
					m.N, m.Of = l.N, l.Of
				}
			}
		}
		c.Merges = append(c.Merges, m)
	}
	c.unbegun = max(0, s.Jobs.Total-s.Jobs.Completed-s.Jobs.Failed-len(s.Tasks))
	return c
}

func wholeSeconds(x *float64) *int64 {
	if x == nil || !(math.Abs(*x) < math.MaxInt64/2) {
		return nil
	}
	n := int64(math.Round(*x))
	return &n
}

// expect sets the expected durations of the merges.
func (r *runReader) expect(db audit.Database, runs []CurrentRun) error {
	var list []PlannedMerge
	for i := range runs {
		for _, m := range runs[i].Merges {
			list = append(list, PlannedMerge{Item: mergelist.Item{CPV: m.CPV, Binary: m.Kind == emergelog.KindBinary.String()}, Elapsed: m.Elapsed})
		}
	}
	prediction, err := AuditPredict(db, ListLog, list, 1)
	if err != nil {
		return err
	}
	next := 0
	for i := range runs {
		for j := range runs[i].Merges {
			m, p := &runs[i].Merges[j], &prediction.Packages[next]
			next++
			m.Predicted, m.Samples = p.Seconds, p.Samples
			if left, ok := p.remaining(); ok && m.Elapsed != nil {
				ends := db.Now + left
				m.Remaining, m.EndsAt, m.Late = &left, &ends, *m.Elapsed > *p.Seconds
			}
		}
	}
	return nil
}

// PlanOfCurrent returns the remaining packages of a running emerge: the packages in
// progress, and those in the resume list that have not begun. unlisted is the
// number of remaining packages without a name. ok is false if no emerge is running.
func PlanOfCurrent(runs []CurrentRun, live Live) (list []PlannedMerge, unlisted int, from string, ok bool) {
	begun := map[string]bool{}
	for i := range runs {
		unlisted += runs[i].unbegun
		for _, m := range runs[i].Merges {
			list = append(list, PlannedMerge{
				Item:    mergelist.Item{CPV: m.CPV, Root: m.Root, Binary: m.Kind == emergelog.KindBinary.String()},
				Elapsed: m.Elapsed, Phase: m.Phase,
			})
			begun[m.CPV] = true
		}
		from = runs[i].From
	}
	if len(list) == 0 {
		return nil, 0, "", false
	}
	for _, item := range live.Resume {
		if !begun[item.CPV] {
			list = append(list, PlannedMerge{Item: item})
			unlisted--
		}
	}
	return list, max(unlisted, 0), from, true
}

// openRunAge is the age in seconds after which an open run without a new line in the
// log is taken for one that was cut off. No package builds for longer than a day
// without a line.
const openRunAge = 24 * 3600

// OpenRun reports whether emerge may be running, by emerge.log alone, and in which
// run. A run that was killed looks like one that continues until another begins. On
// the running system its processes tell; this is for other roots.
func OpenRun(db audit.Database) (run int64, runs bool, err error) {
	err = logs.ReadEmergeLog(db.Tx, db.Host).Runs(logs.RunRange{}, logs.NewestFirst, func(r *logs.Run) error {
		if r.Outcome == emergelog.RunRunning && db.Now-r.LastSeen < openRunAge {
			run, runs = r.ID, true
			return logs.ErrStop
		}
		if db.Now-r.LastSeen > 2*openRunAge {
			return logs.ErrStop
		}
		return nil
	})
	return run, runs, err
}
