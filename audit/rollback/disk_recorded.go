package rollback

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/parse/vdb"
	"emaudit/store/inventory"
)

// recordedDisk answers from what a [Recorder] recorded.
type recordedDisk struct {
	facts   map[diskQuestion]string
	entries map[string][]vdb.ContentsEntry
	// missed is set by a question that was not recorded.
	missed bool
}

// WithoutDisk are the options of a host whose disk nobody can look at.
func WithoutDisk() Options {
	return Options{Contents: func(string, func(vdb.ContentsEntry)) bool { return false }}
}

// RecordedDisk returns the options of a host whose disk answers from facts. It is
// [WithoutDisk] if there are none. What is no fact of a [Recorder] is left out.
func RecordedDisk(facts []inventory.DiskFact) Options {
	if len(facts) == 0 {
		return WithoutDisk()
	}
	d := &recordedDisk{facts: map[diskQuestion]string{}, entries: map[string][]vdb.ContentsEntry{}}
	o := Options{Disk: d, Contents: d.contents, Changed: d.changed, Ebuild: d.ebuild, missed: &d.missed}
	for _, f := range facts {
		switch f.Kind {
		case askEntry:
			if part := strings.SplitN(f.Value, "\x00", 6); len(part) == 6 {
				kind, _ := strconv.Atoi(part[0])
				mtime, _ := strconv.ParseInt(part[1], 10, 64)
				d.entries[f.Subject] = append(d.entries[f.Subject], vdb.ContentsEntry{Kind: vdb.ContentsKind(kind), MTime: mtime, MD5: part[2], Target: part[3], Stat: part[4], Path: part[5]})
			}
		case askRoom:
			s := audit.Space{Path: f.Subject}
			if _, err := fmt.Sscan(f.Value, &s.Free, &s.Total, &s.Role); err == nil {
				o.Space = append(o.Space, s)
			}
		case askWhole:
		case askRepo:
			o.Repositories = append(o.Repositories, decodeRepository(f.Subject, f.Value))
		case askLists:
			o.Folders = append(o.Folders, f.Subject)
		case askKernel:
			o.KernelRelease = f.Value
		default:
			d.facts[diskQuestion{f.Kind, f.Subject}] = f.Value
		}
	}
	return o
}

func (d *recordedDisk) answer(kind, subject string) string {
	answer, ok := d.facts[diskQuestion{kind, subject}]
	if !ok {
		d.missed = true
	}
	return answer
}

func (d *recordedDisk) contents(cpv string, each func(vdb.ContentsEntry)) bool {
	ok := d.answer(askContents, cpv) == "true"
	for _, e := range d.entries[cpv] {
		each(e)
	}
	return ok
}

func (d *recordedDisk) changed(e vdb.ContentsEntry) (changed, known bool) {
	_, err := fmt.Sscan(d.answer(askChanged, e.MD5+" "+e.Path), &changed, &known)
	return changed && err == nil, known && err == nil
}

func (d *recordedDisk) ebuild(cpv string) acceptance.EbuildState {
	state, err := strconv.Atoi(d.answer(askEbuild, cpv))
	if err != nil {
		return acceptance.EbuildUnknown
	}
	return acceptance.EbuildState(state)
}

// Lstat implements [transition.Disk].
func (d *recordedDisk) Lstat(name string) (mode fs.FileMode, mtime int64, found bool) {
	var bits uint32
	if _, err := fmt.Sscan(d.answer(askType, name), &bits, &mtime, &found); err != nil {
		return 0, 0, false
	}
	return fs.FileMode(bits), mtime, found
}

// Real implements [transition.Disk].
func (d *recordedDisk) Real(folder string) string { return d.answer(askFolder, folder) }

// Names implements [transition.Disk].
func (d *recordedDisk) Names(folder string) (names []string, ok bool) {
	list, ok := strings.CutPrefix(d.answer(askNames, folder), "/")
	if list == "" {
		return nil, ok
	}
	return strings.Split(list, "/"), ok
}
