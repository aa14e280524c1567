package store

import (
	"encoding/binary"
	"errors"
	"strings"

	"emaudit/parse/atom"
	"emaudit/parse/emergelog"
)

// The detail of a run is a sequence of signed varints: the rest of the run,
// then its facts, each begun by its tag. Names are their numbers in the table
// text, 0 for the empty string; a time is its distance from the time that the
// fact began. A cpv is the number of its cat/pn in the table cp, and the length
// and the bytes of what follows in it: a long log has few packages but many
// versions, and a dictionary of those would cost more than all the rest. A fact
// is never changed; a field that is added later needs a new tag.

// The tags of facts. Before schema 7 a cpv was its number in the table cpv.
const (
	tagNumberedMerge = iota + 1
	tagNumberedMergeWithUsage
	tagNumberedUnmerge
	tagSync
	tagMerge
	tagMergeWithUsage
	tagUnmerge
)

// In the path of a binary package these stand for its cat/pn and for the rest
// of its file's name, PF, so that one text does for all packages of a folder.
const (
	pathCP = "\x01"
	pathPF = "\x02"
)

// shortPath puts the placeholders into a path; ok is false where it could not be
// restored.
func shortPath(path, cp, cpv string) (short string, ok bool) {
	if strings.ContainsAny(path, pathCP+pathPF) {
		return path, false
	}
	category, pf, found := strings.Cut(cpv, "/")
	if !found || category == "" || pf == "" || cp == cpv {
		return path, false
	}
	dir, file := path[:strings.LastIndexByte(path, '/')+1], path[strings.LastIndexByte(path, '/')+1:]
	if rest, ok := strings.CutPrefix(file, pf); ok {
		file = pathPF + rest
	}
	if rest, ok := strings.CutSuffix(dir, cp+"/"); ok {
		dir = rest + pathCP + "/"
	}
	return dir + file, true
}

// longPath undoes shortPath.
func longPath(short, cp, cpv string) string {
	_, pf, _ := strings.Cut(cpv, "/")
	i := strings.LastIndexByte(short, '/') + 1
	dir, file := short[:i], short[i:]
	if rest, ok := strings.CutPrefix(file, pathPF); ok {
		file = pf + rest
	}
	if rest, ok := strings.CutSuffix(dir, pathCP+"/"); ok {
		dir = rest + cp + "/"
	}
	return dir + file
}

// pack appends values.
func pack(b []byte, values ...int64) []byte {
	for _, v := range values {
		b = binary.AppendVarint(b, v)
	}
	return b
}

// packTimes appends times as distances from a start; 0 stays unknown.
func packTimes(b []byte, start int64, times ...int64) []byte {
	for _, t := range times {
		d := t - start
		switch {
		case t == 0:
			d = 0
		case d >= 0:
			d++ // the distance 0 is not "unknown"
		}
		b = binary.AppendVarint(b, d)
	}
	return b
}

func packFlags(conditions ...bool) int64 {
	flags := int64(0)
	for i, c := range conditions {
		if c {
			flags |= 1 << i
		}
	}
	return flags
}

// errPacked is the error of a row that no emaudit wrote.
var errPacked = errors.New("damaged row of emerge.log")

// unpacker reads what was packed. After an error it reads zeros.
type unpacker struct {
	b   []byte
	err error
}

func (u *unpacker) get() int64 {
	if len(u.b) > 0 {
		// Most values are small.
		if c := u.b[0]; c < 0x80 {
			u.b = u.b[1:]
			return int64(c>>1) ^ -int64(c&1)
		}
		if v, n := binary.Varint(u.b); n > 0 {
			u.b = u.b[n:]
			return v
		}
	}
	u.b, u.err = nil, errPacked
	return 0
}

func (u *unpacker) number() int { return int(u.get()) }

// bytes reads so many bytes as the number before them says.
func (u *unpacker) bytes() []byte {
	n := u.get()
	if n < 0 || n > int64(len(u.b)) {
		u.b, u.err = nil, errPacked
		return nil
	}
	b := u.b[:n]
	u.b = u.b[n:]
	return b
}

// packCPV appends a cpv.
func packCPV(b []byte, p *loggedPackage) []byte {
	b = pack(b, p.cp, int64(len(p.version)))
	return append(b, p.version...)
}

// cpv reads a cpv and its cat/pn, or the whole where it is none.
func (u *unpacker) cpv(names *logNames, numbered bool) (cp, cpv string) {
	if numbered {
		cpv = names.cpv(u.get())
		if c, err := atom.ParseCPV(cpv); err == nil {
			return c.CP(), cpv
		}
		return cpv, cpv
	}
	cp = names.cp(u.get())
	if version := u.bytes(); len(version) > 0 {
		return cp, names.joined(cp, version)
	}
	return cp, cp
}

// enum reads a word of an enumeration with the given number of words.
func (u *unpacker) enum(words int) uint8 {
	v := u.get()
	if v < 0 || v >= int64(words) {
		u.b, u.err = nil, errPacked
		return 0
	}
	return uint8(v)
}

func (u *unpacker) time(start int64) int64 {
	switch d := u.get(); {
	case d > 0:
		return start + d - 1
	case d < 0:
		return start + d
	}
	return 0
}

func (u *unpacker) flags(conditions ...*bool) {
	flags := u.get()
	for i, c := range conditions {
		*c = flags&(1<<i) != 0
	}
}

// packRun appends what the columns of a run do not hold.
func (w *EmergeLogWriter) packRun(b []byte, r *emergelog.Run) ([]byte, error) {
	space, err := w.text(r.LowSpace)
	if err != nil {
		return nil, err
	}
	begin := w.at(r.Begin)
	b = packTimes(b, r.Started, r.Ended)
	return pack(b, int64(r.ExitStatus), begin, w.at(r.End)-begin, int64(r.Merges), int64(r.Unmerges), int64(r.Syncs), int64(r.Merged),
		packFlags(r.Headless, r.Resumed, r.UnexplainedFailure, r.Uncertain, r.ClockStepped), space), nil
}

func (r *Run) unpack(names *logNames) {
	u := &r.facts
	r.Ended = u.time(r.Started)
	r.ExitStatus = u.number()
	r.BeganAt = u.get()
	r.LastAt = r.BeganAt + u.get()
	r.Merges, r.Unmerges, r.Syncs, r.Merged = u.number(), u.number(), u.number(), u.number()
	u.flags(&r.Headless, &r.Resumed, &r.UnexplainedFailure, &r.Uncertain, &r.ClockStepped)
	r.LowSpace = names.text(u.get())
}

func (w *EmergeLogWriter) packMerge(b []byte, p *loggedPackage, m *emergelog.Merge) ([]byte, error) {
	root, err := w.text(m.Root)
	if err != nil {
		return b, err
	}
	origin, short := m.RepoPath, false
	if m.Binpkg != "" {
		origin, short = shortPath(m.Binpkg, m.CPV[:len(m.CPV)-len(p.version)], m.CPV)
	}
	from, err := w.text(origin)
	if err != nil {
		return b, err
	}
	slot, err := w.text(m.Slot)
	if err != nil {
		return b, err
	}
	tag := int64(tagMerge)
	if m.Usage != nil {
		tag = tagMergeWithUsage
	}
	b = packCPV(pack(b, tag), p)
	b = pack(b, int64(m.Seq), w.at(m.Begin), m.Started, int64(m.Kind), int64(m.Outcome), root, from, slot, int64(m.N), int64(m.Of),
		packFlags(m.Packaged, m.World, m.PostinstFailed, m.BetweenVersions, m.ClockStepped, m.Uncertain, m.Binpkg != "", short))
	b = packTimes(b, m.Started, m.Finished, m.Steps.Cleaning, m.Steps.Fetching, m.Steps.Compiling, m.Steps.Built, m.Steps.Merging, m.Steps.Autoclean)
	b = pack(b, int64(len(m.Replaced)))
	for _, name := range m.Replaced {
		old, err := w.pkg(name)
		if err != nil {
			return b, err
		}
		b = packCPV(b, old)
	}
	if m.Usage != nil {
		b = pack(b, m.Usage.CPUMillis, m.Usage.MaxMem, m.Usage.MaxSwap, m.Usage.Read, m.Usage.Written)
	}
	return b, nil
}

func (u *unpacker) merge(names *logNames, tag int64, m *Merge) {
	*m = Merge{}
	numbered := tag == tagNumberedMerge || tag == tagNumberedMergeWithUsage
	m.CP, m.CPV = u.cpv(names, numbered)
	m.Seq = u.number()
	m.BeganAt = u.get()
	m.Started = u.get()
	m.Kind = emergelog.MergeKind(u.enum(emergelog.MergeKinds))
	m.Outcome = emergelog.MergeOutcome(u.enum(emergelog.MergeOutcomes))
	m.Root = names.text(u.get())
	origin := names.text(u.get())
	m.Slot = names.text(u.get())
	m.N, m.Of = u.number(), u.number()
	var binpkg, short bool
	u.flags(&m.Packaged, &m.World, &m.PostinstFailed, &m.BetweenVersions, &m.ClockStepped, &m.Uncertain, &binpkg, &short)
	if short {
		origin = longPath(origin, m.CP, m.CPV)
	}
	if binpkg {
		m.Binpkg, m.BuildID = origin, emergelog.BuildID(origin, m.CPV)
	} else {
		m.RepoPath = origin
	}
	s := &m.Steps
	for _, t := range [...]*int64{&m.Finished, &s.Cleaning, &s.Fetching, &s.Compiling, &s.Built, &s.Merging, &s.Autoclean} {
		*t = u.time(m.Started)
	}
	for range min(u.number(), len(u.b)) {
		_, old := u.cpv(names, numbered)
		m.Replaced = append(m.Replaced, old)
	}
	if tag == tagMergeWithUsage || tag == tagNumberedMergeWithUsage {
		m.Usage = &emergelog.Usage{CPUMillis: u.get(), MaxMem: u.get(), MaxSwap: u.get(), Read: u.get(), Written: u.get()}
	}
}

func (w *EmergeLogWriter) packUnmerge(b []byte, p *loggedPackage, x *emergelog.Unmerge) []byte {
	b = packCPV(pack(b, tagUnmerge), p)
	b = pack(b, int64(x.Seq), w.at(x.Begin), x.Started, int64(x.Reason), int64(x.Outcome), int64(x.Merge), packFlags(x.ClockStepped, x.Uncertain))
	return packTimes(b, x.Started, x.Finished)
}

func (u *unpacker) unmerge(names *logNames, tag int64, x *Unmerge) {
	*x = Unmerge{}
	x.CP, x.CPV = u.cpv(names, tag == tagNumberedUnmerge)
	x.Seq = u.number()
	x.BeganAt = u.get()
	x.Started = u.get()
	x.Reason = emergelog.UnmergeReason(u.enum(emergelog.UnmergeReasons))
	x.Outcome = emergelog.UnmergeOutcome(u.enum(emergelog.UnmergeOutcomes))
	x.Unmerge.Merge = u.number()
	u.flags(&x.ClockStepped, &x.Uncertain)
	x.Finished = u.time(x.Started)
}

func (w *EmergeLogWriter) packSync(b []byte, s *emergelog.Sync) ([]byte, error) {
	var names [3]int64
	for i, name := range [...]string{s.Repo, s.Location, s.URL} {
		var err error
		if names[i], err = w.text(name); err != nil {
			return b, err
		}
	}
	b = pack(b, tagSync, names[0], names[1], names[2], int64(s.Seq), w.at(s.Begin), s.Started, int64(s.Outcome), int64(s.Retries), packFlags(s.ClockStepped, s.Uncertain))
	return packTimes(b, s.Started, s.Finished), nil
}

func (u *unpacker) sync(names *logNames, s *Sync) {
	*s = Sync{}
	s.Repo, s.Location, s.URL = names.text(u.get()), names.text(u.get()), names.text(u.get())
	s.Seq = u.number()
	s.BeganAt = u.get()
	s.Started = u.get()
	s.Outcome = emergelog.SyncOutcome(u.enum(emergelog.SyncOutcomes))
	s.Retries = u.number()
	u.flags(&s.ClockStepped, &s.Uncertain)
	s.Finished = u.time(s.Started)
}
