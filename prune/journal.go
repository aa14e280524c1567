package prune

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"emaudit/hostfs"
)

// The files of a journal; see the package comment.
const (
	journalPart  = "journal.part"
	journalFile  = "journal"
	finishedFile = "finished"
	appliedFile  = "applied"
	emptyingFile = "emptying"
	newSuffix    = ".new"     // of an index that will replace one
	restoreName  = ".restore" // suffix of an index that will come back
)

// indexNames are the files of the index. Portage reads the first.
var indexNames = []string{"Packages", "Packages.gz"}

// journalVersion is the version of the journal's format. prune does not touch a
// journal of another version.
const journalVersion = 1

// maxJournal is the size of the largest journal that prune reads, in bytes. A file
// takes about 300 bytes, so it holds 800,000 files, far more than any PKGDIR has.
const maxJournal = 256 << 20

// maxSameSecond is how many journals may begin in one second.
const maxSameSecond = 1000

// record is the content of a journal.
type record struct {
	Version   int         `json:"version"`
	CreatedAt int64       `json:"created_at"` // unix seconds
	Delete    bool        `json:"delete"`     // nothing waits in quarantine
	Self      attributes  `json:"self"`       // of PKGDIR, before the lock
	Folders   []folderWas `json:"folders"`    // the folders that files leave
	Moves     []move      `json:"moves"`
	Index     []indexWas  `json:"index"` // empty: the index stays as it is
}

// folderWas is a folder as it was.
type folderWas struct {
	Path string `json:"path"` // relative to PKGDIR
	attributes
}

// move is one file that goes.
type move struct {
	Number  int    `json:"number"` // its name in the quarantine
	Path    string `json:"path"`   // relative to PKGDIR
	CPV     string `json:"cpv"`
	Code    string `json:"code"` // why
	Inode   uint64 `json:"inode"`
	Size    int64  `json:"size"`
	MTimeNS int64  `json:"mtime_ns"`
}

func (m *move) name() string { return strconv.Itoa(m.Number) }

// sameFile reports whether a file is the one that the journal moves.
func (m *move) sameFile(e entry) bool {
	return e.Kind == hostfs.Regular && e.Inode == m.Inode && e.Size == m.Size && e.MTimeNS == m.MTimeNS
}

// indexWas is one file of the index as it was, and the digest of its replacement.
type indexWas struct {
	Name string `json:"name"`
	attributes
	Old string `json:"old"` // SHA-256, hexadecimal
	New string `json:"new"`
}

// phase is how far a journal has come.
type phase uint8

const (
	preparing phase = iota // nothing has changed
	underway               // something may have moved
	applied
	emptying
	finished
)

// journal is one folder of the quarantine.
type journal struct {
	id     string
	dir    folder
	phase  phase
	record record // empty in the phases preparing and finished
}

// newJournalID names a journal by the time at which it begins.
func newJournalID(unix int64, n int) string {
	id := time.Unix(unix, 0).UTC().Format("20060102T150405Z")
	if n > 0 {
		id += "-" + strconv.Itoa(n+1)
	}
	return id
}

// openJournal opens a journal of the quarantine and finds its phase.
func openJournal(quarantine folder, id string) (*journal, error) {
	dir, err := quarantine.open(id)
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", id, err)
	}
	j := &journal{id: id, dir: dir}
	if err := j.load(); err != nil {
		dir.close()
		return nil, fmt.Errorf("journal %s: %w", id, err)
	}
	return j, nil
}

func (j *journal) load() error {
	has := func(name string) (bool, error) {
		_, err := j.dir.stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	done, err := has(finishedFile)
	if err != nil || done {
		j.phase = finished
		return err
	}
	data, e, err := j.dir.read(journalFile, maxJournal)
	if errors.Is(err, fs.ErrNotExist) {
		j.phase = preparing
		return nil
	}
	if err == nil {
		err = ours(e)
	}
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&j.record); err != nil {
		return err
	}
	if err := j.record.check(); err != nil {
		return err
	}
	j.phase = underway
	for _, marker := range []struct {
		name string
		phase
	}{{emptyingFile, emptying}, {appliedFile, applied}} {
		there, err := has(marker.name)
		if err != nil {
			return err
		}
		if there {
			j.phase = marker.phase
			break
		}
	}
	return nil
}

// check refuses a journal that this version did not write, because its paths are
// used.
func (r *record) check() error {
	if r.Version != journalVersion {
		return fmt.Errorf("version %d, want %d", r.Version, journalVersion)
	}
	for i := range r.Moves {
		if m := &r.Moves[i]; m.Number != i+1 || !fs.ValidPath(m.Path) || m.Path == "." {
			return fmt.Errorf("move %d: not one: %q", i, m.Path)
		}
	}
	for _, f := range r.Folders {
		if !fs.ValidPath(f.Path) {
			return fmt.Errorf("not a folder below PKGDIR: %q", f.Path)
		}
	}
	for _, x := range r.Index {
		if x.Name != indexNames[0] && x.Name != indexNames[1] {
			return fmt.Errorf("not an index: %q", x.Name)
		}
	}
	return nil
}

// size is the sum of the sizes of its files, in bytes.
func (r *record) size() int64 {
	var n int64
	for _, m := range r.Moves {
		n += m.Size
	}
	return n
}

// write writes the journal to disk. From then on it must be obeyed.
func (j *journal) write() error {
	data, err := json.Marshal(&j.record)
	if err != nil {
		return err
	}
	if err := writeFile(j.dir, journalPart, append(data, '\n'), nil); err != nil {
		return err
	}
	if err := j.dir.rename(journalPart, j.dir, journalFile, false); err != nil {
		return err
	}
	j.phase = underway
	return j.dir.sync()
}

// mark moves the journal to another phase.
func (j *journal) mark(name string, p phase) error {
	if err := writeFile(j.dir, name, nil, nil); err != nil {
		return err
	}
	j.phase = p
	return j.dir.sync()
}

// remove deletes the folder of a journal that is done.
func (j *journal) remove(quarantine folder) error {
	names, err := j.dir.names()
	if err != nil {
		return err
	}
	// The mark that allows the deletion goes last.
	for _, last := range []bool{false, true} {
		for _, name := range names {
			if (name == finishedFile) != last {
				continue
			}
			remove := j.dir.unlink
			if name == newFolderName {
				remove = j.dir.rmdir
			}
			if err := remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return quarantine.rmdir(j.id)
}

// writeFile writes a whole new file and syncs it. It replaces the rest of an
// earlier attempt. Without attributes the file belongs to the effective user alone.
func writeFile(dir folder, name string, data []byte, a *attributes) (err error) {
	if err := dir.unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := dir.create(name, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.close(); err == nil {
			err = closeErr
		}
		if err != nil {
			_ = dir.unlink(name)
		}
	}()
	if err := f.write(data); err != nil {
		return err
	}
	if a != nil {
		if err := f.own(*a); err != nil {
			return err
		}
		if err := dir.setMTime(name, a.MTimeNS); err != nil {
			return err
		}
	}
	return f.sync()
}

// tree opens folders below PKGDIR, one component at a time. It keeps the last one
// open, because files come sorted by path.
type tree struct {
	top  folder
	path string
	last folder
}

// at returns the folder rel of PKGDIR. It stays open until the next call.
func (t *tree) at(rel string) (folder, error) {
	if rel == "." {
		return t.top, nil
	}
	if t.last != nil && t.path == rel {
		return t.last, nil
	}
	t.close()
	at := t.top
	for name := range strings.SplitSeq(rel, "/") {
		next, err := at.open(name)
		if at != t.top {
			at.close()
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	t.path, t.last = rel, at
	return at, nil
}

// of returns the folder that holds a file, and the file's name in it.
func (t *tree) of(file string) (folder, string, error) {
	dir, err := t.at(path.Dir(file))
	return dir, path.Base(file), err
}

func (t *tree) close() {
	if t.last != nil {
		t.last.close()
		t.last = nil
	}
}
