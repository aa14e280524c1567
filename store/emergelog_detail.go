package store

import (
	"encoding/binary"
	"errors"
	"slices"

	"emaudit/parse/emergelog"
)

// The blob "detail" of the tables of emerge.log is a sequence of signed
// varints: what is shown of a row, but never searched by. Numbers of names are
// those of the tables text and cpv; times are differences to the row's
// started_at; the fields are those of the functions below, in their order. A
// field that is added later goes to the end, and reads as 0 in older rows.

// packer writes a detail.
type packer struct{ b []byte }

func (p *packer) put(values ...int64) {
	for _, v := range values {
		p.b = binary.AppendVarint(p.b, v)
	}
}

// since packs a time as its distance from a start; 0 stays unknown.
func (p *packer) since(start int64, times ...int64) {
	for _, t := range times {
		if t == 0 {
			p.put(0)
			continue
		}
		// One is added where needed so that the difference 0 is not "unknown".
		d := t - start
		if d >= 0 {
			d++
		}
		p.put(d)
	}
}

// errDetail is the error of a detail that no emaudit wrote.
var errDetail = errors.New("damaged row of emerge.log")

// unpacker reads a detail.
type unpacker struct {
	b   []byte
	err error
}

func (u *unpacker) get() int64 {
	if len(u.b) == 0 {
		return 0
	}
	// Most values are small.
	if c := u.b[0]; c < 0x80 {
		u.b = u.b[1:]
		return int64(c>>1) ^ -int64(c&1)
	}
	v, n := binary.Varint(u.b)
	if n <= 0 {
		u.b, u.err = nil, errDetail
		return 0
	}
	u.b = u.b[n:]
	return v
}

func (u *unpacker) since(start int64, times ...*int64) {
	for _, t := range times {
		switch d := u.get(); {
		case d > 0:
			*t = start + d - 1
		case d < 0:
			*t = start + d
		default:
			*t = 0
		}
	}
}

// count reads the length of a list of which no element takes less than a byte.
func (u *unpacker) count() int {
	n := u.get()
	if n < 0 || n > int64(len(u.b)) {
		u.b, u.err = nil, errDetail
		return 0
	}
	return int(n)
}

func flagsOf(conditions ...bool) int64 {
	flags := int64(0)
	for i, c := range conditions {
		if c {
			flags |= 1 << i
		}
	}
	return flags
}

func setFlags(flags int64, conditions ...*bool) {
	for i, c := range conditions {
		*c = flags&(1<<i) != 0
	}
}

func (w *EmergeLogWriter) runDetail(r *emergelog.Run) (detail []byte, err error) {
	space, err := w.text(r.LowSpace)
	if err != nil {
		return nil, err
	}
	p := packer{make([]byte, 0, 24)}
	p.put(w.at(r.Begin), w.at(r.End)-w.at(r.Begin), int64(r.Merges), int64(r.Unmerges), int64(r.Syncs), int64(r.Merged),
		flagsOf(r.Headless, r.Resumed, r.UnexplainedFailure, r.Uncertain), space)
	return p.b, nil
}

func (n *logNames) runDetail(r *Run, detail []byte) error {
	u := unpacker{b: detail}
	r.BeganAt = u.get()
	r.LastAt = r.BeganAt + u.get()
	r.Merges, r.Unmerges, r.Syncs, r.Merged = int(u.get()), int(u.get()), int(u.get()), int(u.get())
	setFlags(u.get(), &r.Headless, &r.Resumed, &r.UnexplainedFailure, &r.Uncertain)
	r.LowSpace = n.text(u.get())
	return errors.Join(u.err, n.err)
}

func (w *EmergeLogWriter) mergeDetail(m *emergelog.Merge, replaced []emergelog.Unmerge) (detail []byte, err error) {
	origin := m.RepoPath
	if m.Binpkg != "" {
		origin = m.Binpkg
	}
	var names [3]int64
	for i, s := range [...]string{m.Root, origin, m.Slot} {
		if names[i], err = w.text(s); err != nil {
			return nil, err
		}
	}
	p := packer{make([]byte, 0, 48)}
	p.put(w.at(m.Begin), names[0], names[1], names[2], int64(m.N), int64(m.Of), flagsOf(m.Packaged, m.World, m.PostinstFailed,
		m.BetweenVersions, m.ClockStepped, m.Uncertain, m.Binpkg != "", m.Usage != nil))
	p.since(m.Started, m.Steps.Cleaning, m.Steps.Fetching, m.Steps.Compiling, m.Steps.Built, m.Steps.Merging, m.Steps.Autoclean)
	p.put(int64(len(replaced)))
	for i := range replaced {
		u := &replaced[i]
		cpv, err := w.tx.cpvID(u.CPV)
		if err != nil {
			return nil, err
		}
		p.put(int64(u.Seq), cpv, w.at(u.Begin)-w.at(m.Begin), int64(u.Outcome), flagsOf(u.ClockStepped, u.Uncertain))
		p.since(m.Started, u.Started, u.Finished)
	}
	// Removals that were delivered before this ingest have rows of their own.
	apart := notIn(m.Replaced, replaced)
	p.put(int64(len(apart)))
	for _, name := range apart {
		cpv, err := w.tx.cpvID(name)
		if err != nil {
			return nil, err
		}
		p.put(cpv)
	}
	if m.Usage != nil {
		p.put(m.Usage.CPUMillis, m.Usage.MaxMem, m.Usage.MaxSwap, m.Usage.Read, m.Usage.Written)
	}
	return p.b, nil
}

// notIn returns the names that none of the removals is of.
func notIn(names []string, removals []emergelog.Unmerge) []string {
	var rest []string
	for _, name := range names {
		if !slices.ContainsFunc(removals, func(u emergelog.Unmerge) bool { return u.CPV == name }) {
			rest = append(rest, name)
		}
	}
	return rest
}

// mergeDetail fills m and returns the removals of what it replaced.
func (n *logNames) mergeDetail(m *Merge, detail []byte) (replaced []Unmerge, err error) {
	u := unpacker{b: detail}
	m.BeganAt = u.get()
	m.Root = n.text(u.get())
	origin := n.text(u.get())
	m.Slot = n.text(u.get())
	m.N, m.Of = int(u.get()), int(u.get())
	var binpkg, used bool
	setFlags(u.get(), &m.Packaged, &m.World, &m.PostinstFailed, &m.BetweenVersions, &m.ClockStepped, &m.Uncertain, &binpkg, &used)
	if binpkg {
		m.Binpkg, m.BuildID = origin, emergelog.BuildID(origin, m.CPV)
	} else {
		m.RepoPath = origin
	}
	u.since(m.Started, &m.Steps.Cleaning, &m.Steps.Fetching, &m.Steps.Compiling, &m.Steps.Built, &m.Steps.Merging, &m.Steps.Autoclean)
	for range u.count() {
		r := Unmerge{Unmerge: emergelog.Unmerge{Run: m.Run, Reason: emergelog.UnmergeReplaced, Merge: m.Seq}}
		r.Seq = int(u.get())
		r.CPV = n.cpv(u.get())
		r.BeganAt = m.BeganAt + u.get()
		r.Outcome = emergelog.UnmergeOutcome(u.get())
		setFlags(u.get(), &r.ClockStepped, &r.Uncertain)
		u.since(m.Started, &r.Started, &r.Finished)
		replaced = append(replaced, r)
		if r.Outcome == emergelog.UnmergeOK {
			m.Replaced = append(m.Replaced, r.CPV)
		}
	}
	for range u.count() {
		m.Replaced = append(m.Replaced, n.cpv(u.get()))
	}
	if used {
		m.Usage = &emergelog.Usage{CPUMillis: u.get(), MaxMem: u.get(), MaxSwap: u.get(), Read: u.get(), Written: u.get()}
	}
	return replaced, errors.Join(u.err, n.err)
}

func (w *EmergeLogWriter) unmergeDetail(x *emergelog.Unmerge) []byte {
	p := packer{make([]byte, 0, 12)}
	p.put(w.at(x.Begin), int64(x.Merge), flagsOf(x.ClockStepped, x.Uncertain))
	return p.b
}

func unmergeDetail(x *Unmerge, detail []byte) error {
	u := unpacker{b: detail}
	x.BeganAt = u.get()
	x.Merge = int(u.get())
	setFlags(u.get(), &x.ClockStepped, &x.Uncertain)
	return u.err
}

func (w *EmergeLogWriter) syncDetail(s *emergelog.Sync) (detail []byte, err error) {
	location, err := w.text(s.Location)
	if err != nil {
		return nil, err
	}
	url, err := w.text(s.URL)
	if err != nil {
		return nil, err
	}
	p := packer{make([]byte, 0, 16)}
	p.put(w.at(s.Begin), location, url, int64(s.Retries), flagsOf(s.ClockStepped, s.Uncertain))
	return p.b, nil
}

func (n *logNames) syncDetail(s *Sync, detail []byte) error {
	u := unpacker{b: detail}
	s.BeganAt = u.get()
	s.Location, s.URL = n.text(u.get()), n.text(u.get())
	s.Retries = int(u.get())
	setFlags(u.get(), &s.ClockStepped, &s.Uncertain)
	return errors.Join(u.err, n.err)
}
