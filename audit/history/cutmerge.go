package history

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/emergelog"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// CutMerge is a merge that was interrupted, or is still in progress, while it
// changed the installed files. Portage does this in the following order
// (vartree.py, dblink.treewalk): it creates -MERGING-PF, runs pkg_preinst, copies
// the files of the new version over those of the old one, removes the old version,
// and renames -MERGING-PF.
type CutMerge struct {
	CPV string `json:"cpv"`
	// Run is the run of the merge, or null if emerge.log does not have the merge.
	Run *int64 `json:"run"`
	At  int64  `json:"seen_at"` // the last sign of it, in unix seconds
	// Copied reports that some of its files may be on disk. Otherwise the installed
	// files are unchanged.
	Copied bool `json:"copied"`
	// Removed reports that the replaced version was removed from disk.
	Removed bool `json:"removed"`
	// Registered reports that the VDB has this version and -MERGING-PF no longer
	// exists: only pkg_postinst may be missing.
	Registered bool `json:"registered"`
	// Running reports that emerge.log lacks the end of its run, so it may be in
	// progress.
	Running bool `json:"running"`
	// BeganAt is the position of its first line in the whole log. RepairedAt is the
	// position of a later completed merge of the package, or 0.
	BeganAt    int64 `json:"-"`
	RepairedAt int64 `json:"-"`
	// Evidence is that line, or the directory in the VDB.
	Evidence audit.Evidence `json:"-"`
}

// Unknown reports whether the files of the package on disk are in doubt, or were
// until a later merge.
func (c *CutMerge) Unknown() bool { return c.Copied && !c.Registered }

// Finding returns the finding about the merge.
func (c *CutMerge) Finding(db audit.Database) audit.Finding {
	f := audit.Finding{
		Code: audit.CodeMergeCut, Severity: audit.SeverityError, Subject: c.CPV, Evidence: []audit.Evidence{c.Evidence},
		Remedy: audit.Do(audit.Run("emerge", "--oneshot", "="+c.CPV)),
	}
	when := audit.Minute(c.At)
	switch {
	case c.Running && db.AtWork != nil && db.AtWork():
		f.Severity, f.Remedy = audit.SeverityInfo, audit.Do(audit.Emaudit("current"))
		f.Message = "it is being merged; until that ends, nobody knows which of its files are new"
	case c.Registered:
		f.Severity = audit.SeverityWarning
		f.Message = fmt.Sprintf("its merge was interrupted at the end, %s: it is registered, but pkg_postinst may not have run", when)
	case !c.Copied:
		f.Severity = audit.SeverityWarning
		f.Message = fmt.Sprintf("its merge was interrupted before the first file was copied, %s: the installed files are unchanged, except for what pkg_preinst did", when)
	case c.Removed:
		f.Message = fmt.Sprintf("its merge was interrupted after the old version was removed, %s: perhaps neither version is registered, and files of both may be left", when)
	default:
		f.Message = fmt.Sprintf("its merge was interrupted while files were copied, %s: some files are new and some are old, so what is installed is not known", when)
	}
	return f
}

// CutMerges collects the interrupted merges while the log is read.
type CutMerges struct {
	own  string // the EROOT of the host
	cut  []cutCandidate
	byCP map[string][]int // indexes of cut, by cat/pn
}

// cutCandidate is a merge that began to install and was not completed, with the
// first later completed merge of each version and slot of the package.
type cutCandidate struct {
	logs.Merge
	later []laterMerge
}

type laterMerge struct {
	cpv, slot string
	beganAt   int64
}

// NewCutMerges returns an empty collection for the log of a host.
func NewCutMerges(db audit.Database) (*CutMerges, error) {
	own, err := db.EROOT()
	return &CutMerges{own: own, byCP: map[string][]int{}}, err
}

// See examines merges in the order of the log: those of a run, or all of some packages.
func (c *CutMerges) See(facts *logs.Facts) {
	for i := range facts.Merges {
		m := &facts.Merges[i]
		switch {
		case m.Root != "" && m.Root != c.own:
		case m.Outcome == emergelog.MergeMerged:
			for _, j := range c.byCP[m.CP] {
				known := func(l laterMerge) bool { return l.cpv == m.CPV && l.slot == m.Slot }
				if later := &c.cut[j].later; !slices.ContainsFunc(*later, known) {
					*later = append(*later, laterMerge{m.CPV, m.Slot, m.BeganAt})
				}
			}
		case m.Steps.Merging == 0, m.PostinstFailed, m.Outcome == emergelog.MergeFetched, m.Outcome == emergelog.MergeBuilt:
		default:
			c.byCP[m.CP] = append(c.byCP[m.CP], len(c.cut))
			c.cut = append(c.cut, cutCandidate{Merge: *m})
		}
	}
}

// Of returns the interrupted merges, oldest first, including those that a later
// merge has mended. Call it after all runs were seen. If the log does not show how
// far a merge came, -MERGING-PF does: a merge that left no such directory, and did
// not log the removal of the old version, changed nothing. After a later merge,
// there is no such evidence.
func (c *CutMerges) Of(db audit.Database) ([]CutMerge, error) {
	unfinished, err := inventory.UnfinishedMerges(db.Tx, db.Host)
	if err != nil || len(unfinished)+len(c.cut) == 0 {
		return nil, err
	}
	slots, err := db.Tx.KnownSlots(db.Host)
	if err != nil {
		return nil, err
	}
	installed, err := binpkgs.TakeInstalled(db)
	if err != nil {
		return nil, err
	}
	registered := func(cpv string) bool {
		return slices.ContainsFunc(installed, func(p inventory.Installed) bool { return p.CPV == cpv })
	}
	var all []CutMerge
	logged := map[string]bool{}
	for i := range c.cut {
		m := &c.cut[i]
		repaired := m.repairedAt(slots)
		left := slices.IndexFunc(unfinished, func(u inventory.UnfinishedMerge) bool { return u.CPV == m.CPV })
		removed := len(m.Replaced) > 0
		removing := removed || m.Steps.Autoclean != 0 && m.Outcome != emergelog.MergeFailed
		if !removing && (left < 0 && repaired == 0 || repaired != 0 && m.Outcome == emergelog.MergeFailed) {
			continue
		}
		run := m.Merge.Run
		x := CutMerge{
			CPV: m.CPV, Run: &run, At: cmp.Or(m.Steps.Autoclean, m.Steps.Merging), Copied: removing || left < 0, Removed: removed,
			Registered: repaired == 0 && left < 0 && registered(m.CPV), Running: m.Outcome == emergelog.MergeRunning, BeganAt: m.BeganAt, RepairedAt: repaired,
		}
		if left >= 0 && repaired == 0 {
			x.At, x.Copied = max(x.At, unfinished[left].ChangedAt), removing || unfinished[left].Copying
		}
		logged[m.CPV] = true
		if x.Evidence.Source, x.Evidence.Offset, err = logs.ReadEmergeLog(db.Tx, db.Host).Place(m.BeganAt); err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	vdb, err := binpkgs.VdbPath(db)
	if err != nil {
		return nil, err
	}
	for _, u := range unfinished {
		if logged[u.CPV] || mergedSince(installed, u) {
			continue
		}
		category, pf := path.Split(u.CPV)
		all = append(all, CutMerge{
			CPV: u.CPV, At: u.ChangedAt, Copied: u.Copying,
			Evidence: audit.Evidence{Source: path.Join(vdb, category, "-MERGING-"+pf)},
		})
	}
	return all, nil
}

// repairedAt returns the position of the first later merge of the package into the
// same slot, or 0. If the slot of the interrupted merge is unknown, only a merge of
// the same version counts.
func (m *cutCandidate) repairedAt(slots map[string]string) int64 {
	slot := cmp.Or(m.Slot, slots[m.CPV])
	for i := range m.later {
		later := &m.later[i]
		if later.cpv == m.CPV || slot != "" && cmp.Or(later.slot, slots[later.cpv]) == slot {
			return later.beganAt
		}
	}
	return 0
}

// mergedSince reports, without the log, whether another version of the package was
// registered after the directory was left behind.
func mergedSince(installed []inventory.Installed, u inventory.UnfinishedMerge) bool {
	return slices.ContainsFunc(installed, func(p inventory.Installed) bool {
		return audit.PackageOf(p.CPV) == audit.PackageOf(u.CPV) && p.BuildTime > u.ChangedAt
	})
}

// packagesAtOnce is the number of packages whose facts are held at a time.
const packagesAtOnce = 32

// FindCutMerges returns the interrupted merges of a host that no later merge has
// mended, oldest first.
func FindCutMerges(db audit.Database) ([]CutMerge, error) {
	c, err := NewCutMerges(db)
	if err != nil {
		return nil, err
	}
	log := logs.ReadEmergeLog(db.Tx, db.Host)
	packages, err := log.PackagesCut()
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(packages, packagesAtOnce) {
		facts, err := log.FactsOf(some)
		if err != nil {
			return nil, err
		}
		c.See(facts)
	}
	slices.SortFunc(c.cut, func(a, b cutCandidate) int { return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Seq, b.Seq)) })
	all, err := c.Of(db)
	return slices.DeleteFunc(all, func(x CutMerge) bool { return x.RepairedAt != 0 }), err
}
