package rollback

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/parse/vdb"
	"emaudit/store/inventory"
)

// A verdict asks the disk of the host, and a fleet has none. So the host records what
// the verdicts about its last updates asked and what its disk answered, and a fleet
// gives the same answers. A verdict that asks anything else is judged as one about a
// host whose disk nobody can look at.

// Recorder answers from the disk of a host and remembers what it answered.
type Recorder struct {
	disk  Options
	facts map[diskQuestion]string
	// asked are the paths that were asked for. Of most packages only their files at
	// these matter: another package is to install them.
	asked   map[string]bool
	entries map[string][]vdb.ContentsEntry // of packages, by cpv
	whole   map[string]bool                // the packages that verdicts change, by cpv
}

// diskQuestion is a question about a path or a package.
type diskQuestion struct{ kind, subject string }

// The kinds of questions.
const (
	askContents = "contents" // can CONTENTS of a package be read?
	askEntry    = "entry"    // what does it list?
	askType     = "type"     // what lies at a path?
	askFolder   = "folder"   // where is a folder, without symbolic links?
	askNames    = "names"    // what is in it?
	askChanged  = "changed"  // is a file as its package installed it?
	askEbuild   = "ebuild"   // is there an ebuild of a version?
	askRoom     = "room"     // how much room is there?
	askWhole    = "whole"    // of a package that a verdict changes, all of CONTENTS is recorded
	askKernel   = "kernel"   // which kernel runs?
	askRepo     = "repo"     // which ebuild repositories are there?
	askLists    = "lists"    // which lists of the configuration are folders?
)

// NewRecorder returns a recorder of the answers of a disk.
func NewRecorder(disk Options) *Recorder {
	return &Recorder{disk: disk, facts: map[diskQuestion]string{}, asked: map[string]bool{}, entries: map[string][]vdb.ContentsEntry{}, whole: map[string]bool{}}
}

// Options are those of the disk, recorded.
func (r *Recorder) Options() Options {
	o := r.disk
	o.Disk = r
	o.Contents = func(cpv string, each func(vdb.ContentsEntry)) bool {
		var kept []vdb.ContentsEntry
		ok := r.disk.Contents(cpv, func(e vdb.ContentsEntry) {
			each(e)
			if r.asked[e.Path] || r.asked[path.Join(r.facts[diskQuestion{askFolder, path.Dir(e.Path)}], path.Base(e.Path))] {
				kept = append(kept, e)
			}
		})
		r.facts[diskQuestion{askContents, cpv}] = strconv.FormatBool(ok)
		// The paths that matter grow, so that the last answer has the most.
		r.entries[cpv] = kept
		return ok
	}
	o.Changed = func(e vdb.ContentsEntry) (changed, known bool) {
		changed, known = r.disk.Changed(e)
		r.facts[diskQuestion{askChanged, e.MD5 + " " + e.Path}] = fmt.Sprint(changed, known)
		return changed, known
	}
	o.Ebuild = func(cpv string) acceptance.EbuildState {
		state := r.disk.Ebuild(cpv)
		r.facts[diskQuestion{askEbuild, cpv}] = strconv.Itoa(int(state))
		return state
	}
	return o
}

// Refresh asks again what was recorded before. After an update, what the verdicts about
// earlier ones ask is hardly anything else, and the disk answers faster than they are
// judged.
func (r *Recorder) Refresh(known []inventory.DiskFact) {
	o := r.Options()
	for _, f := range known {
		switch f.Kind {
		case askType:
			r.Lstat(f.Subject)
		case askFolder:
			r.Real(f.Subject)
		case askNames:
			r.Names(f.Subject)
		case askEbuild:
			o.Ebuild(f.Subject)
		case askChanged:
			if md5, name, ok := strings.Cut(f.Subject, " "); ok {
				o.Changed(vdb.ContentsEntry{Kind: vdb.Regular, MD5: md5, Path: name})
			}
		case askWhole:
			r.whole[f.Subject] = true
		}
	}
	// Of what CONTENTS lists, the paths decide that were asked for.
	for _, f := range known {
		if f.Kind == askContents {
			o.Contents(f.Subject, func(vdb.ContentsEntry) {})
		}
	}
}

// Lstat implements [transition.Disk].
func (r *Recorder) Lstat(name string) (mode fs.FileMode, mtime int64, found bool) {
	r.asked[name] = true
	mode, mtime, found = r.disk.Disk.Lstat(name)
	r.facts[diskQuestion{askType, name}] = fmt.Sprint(uint32(mode), mtime, found)
	return mode, mtime, found
}

// Real implements [transition.Disk].
func (r *Recorder) Real(folder string) string {
	real := r.disk.Disk.Real(folder)
	r.facts[diskQuestion{askFolder, folder}] = real
	return real
}

// Names implements [transition.Disk].
func (r *Recorder) Names(folder string) (names []string, ok bool) {
	names, ok = r.disk.Disk.Names(folder)
	if ok {
		// No name has a slash.
		r.facts[diskQuestion{askNames, folder}] = "/" + strings.Join(names, "/")
	} else {
		r.facts[diskQuestion{askNames, folder}] = ""
	}
	return names, ok
}

// manyChanges is the number of packages that verdicts about older updates change before
// they take too long and too much memory for a recording.
const manyChanges = 5000

// Judge judges the states before the last updates and records what is asked: about the
// least number, and about more, up to the most, where they change few packages.
func (r *Recorder) Judge(db audit.Database, least, most int) ([]*Rollback, error) {
	changes := 0
	return auditRollbacks(db, r.Options(), func(all []*Rollback) bool {
		if len(all) > 0 {
			changes += len(all[len(all)-1].Changes)
		}
		return len(all) >= most || len(all) >= least && changes >= manyChanges
	})
}

// Facts returns what was recorded for the verdicts: of packages that they change, all
// that CONTENTS lists.
func (r *Recorder) Facts(verdicts []*Rollback) []inventory.DiskFact {
	for _, v := range verdicts {
		for _, c := range v.Changes {
			if c.Before != nil {
				r.whole[c.Before.CPV] = true
			}
		}
	}
	var facts []inventory.DiskFact
	for cpv := range r.whole {
		var all []vdb.ContentsEntry
		if !r.disk.Contents(cpv, func(e vdb.ContentsEntry) { all = append(all, e) }) {
			continue // it is no longer installed
		}
		r.entries[cpv] = all
		facts = append(facts, inventory.DiskFact{Kind: askWhole, Subject: cpv})
	}
	for q, answer := range r.facts {
		facts = append(facts, inventory.DiskFact{Kind: q.kind, Subject: q.subject, Value: answer})
	}
	for cpv, entries := range r.entries {
		for i, e := range entries {
			value := strings.Join([]string{strconv.Itoa(int(e.Kind)), strconv.FormatInt(e.MTime, 10), e.MD5, e.Target, e.Stat, e.Path}, "\x00")
			facts = append(facts, inventory.DiskFact{Kind: askEntry, Subject: cpv, Position: i, Value: value})
		}
	}
	for i, s := range r.disk.Space {
		facts = append(facts, inventory.DiskFact{Kind: askRoom, Subject: s.Path, Position: i, Value: fmt.Sprint(s.Free, s.Total, s.Role)})
	}
	for i, repo := range r.disk.Repositories {
		facts = append(facts, inventory.DiskFact{Kind: askRepo, Subject: repo.Name, Position: i, Value: encodeRepository(repo)})
	}
	for i, list := range r.disk.Folders {
		facts = append(facts, inventory.DiskFact{Kind: askLists, Subject: list, Position: i})
	}
	return append(facts, inventory.DiskFact{Kind: askKernel, Value: r.disk.KernelRelease})
}
