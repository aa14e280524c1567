package prune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"emaudit/audit/cleanup"

	"golang.org/x/sys/unix"
)

// Undo brings back what a journal took away: the files, their entries in the
// index, and the times of the folders. An empty id means the last journal.
//
// If nothing else has changed the folder, it is then bit by bit what it was before.
// If Portage has written the index since, Undo adds the entries of the files to it.
// A folder that has changed keeps its time. If another file has the name of a file,
// the old one stays in the quarantine with its journal.
func (p *PkgDir) Undo(ctx context.Context, id string) (restored Restored, err error) {
	err = p.locked(ctx, func() error {
		if _, err := p.recover(); err != nil {
			return err
		}
		id, err := p.toUndo(id)
		if err != nil {
			return p.wrap("undo", err)
		}
		found := false
		err = p.eachQuarantine(func(at place, quarantine folder, ids []string) error {
			if found || !slices.Contains(ids, id) {
				return nil
			}
			found = true
			j, err := openJournal(quarantine, id)
			if err != nil {
				return err
			}
			defer j.dir.close()
			if j.phase != applied {
				return fmt.Errorf("%w: %q cannot be undone", ErrNoJournal, id)
			}
			result, err := p.undo(quarantine, j)
			if result != nil {
				restored = *result
			}
			if err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			return at.remove()
		})
		if err == nil && !found {
			err = fmt.Errorf("%w: %q", ErrNoJournal, id)
		}
		if err != nil {
			return p.wrap("undo", err)
		}
		return nil
	})
	return restored, err
}

// toUndo returns the id of the journal to undo: the given one, or the last that
// can be undone.
func (p *PkgDir) toUndo(id string) (string, error) {
	if id != "" {
		return id, nil
	}
	all, err := p.Journals()
	if err != nil {
		return "", err
	}
	for _, j := range all {
		if j.Status == cleanup.JournalApplied {
			id = j.ID
		}
	}
	if id == "" {
		return "", ErrNoJournal
	}
	return id, nil
}

// undo changes an applied journal to one that is underway, so that a kill leads to
// putting back. Then it puts everything back.
func (p *PkgDir) undo(quarantine folder, j *journal) (*Restored, error) {
	before, err := j.dir.stat(".")
	if err != nil {
		return nil, err
	}
	if err := j.dir.unlink(appliedFile); err != nil {
		return nil, err
	}
	j.phase = underway
	if err := j.dir.sync(); err != nil {
		return nil, err
	}
	// The folder's own time shows what changed after it; see folderTimes.
	if err := j.dir.setMTime(".", before.MTimeNS); err != nil {
		return nil, err
	}
	return p.putBack(quarantine, j)
}

// putBack brings everything back and ends the journal. If something cannot come
// back, the journal stays, and can be undone again.
func (p *PkgDir) putBack(quarantine folder, j *journal) (*Restored, error) {
	restored, err := p.restore(j)
	if err != nil || !restored.whole() {
		p.backMTimeNS = 0 // PKGDIR is not what it was then.
	}
	if err != nil {
		return restored, err
	}
	if !restored.here() {
		return restored, j.mark(appliedFile, applied)
	}
	return restored, j.finish(quarantine)
}

// finish ends a journal whose files are back, or will be deleted.
func (j *journal) finish(quarantine folder) error {
	if err := j.dir.rename(journalFile, j.dir, finishedFile, false); err != nil {
		return err
	}
	j.phase = finished
	if err := j.dir.sync(); err != nil {
		return err
	}
	return j.remove(quarantine)
}

// restore moves the files back, then the index, then the folders' times.
func (p *PkgDir) restore(j *journal) (*Restored, error) {
	restored := &Restored{Journal: j.id, PkgDir: p.path, Conflicts: []string{}, Stuck: []cleanup.PruneSkip{}, Missing: []string{}}
	times, err := p.folderTimes(j)
	if err != nil {
		return restored, err
	}
	back := map[string]bool{}
	t := tree{top: p.dir}
	defer t.close()
	for i := range j.record.Moves {
		m := &j.record.Moves[i]
		if err := p.restoreFile(j, m, &t, restored, back); err != nil {
			return restored, fmt.Errorf("%s: %w", m.Path, err)
		}
	}
	if err := p.restoreIndex(j, back, restored.whole()); err != nil {
		return restored, err
	}
	for _, f := range times {
		dir, err := t.at(f.Path)
		if err == nil {
			err = dir.setMTime(".", f.MTimeNS)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !isStuck(err) {
			return restored, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return restored, p.dir.syncAll()
}

// restoreFile moves one file back.
func (p *PkgDir) restoreFile(j *journal, m *move, t *tree, restored *Restored, back map[string]bool) error {
	_, err := j.dir.stat(m.name())
	away := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir, name, err := t.of(m.Path)
	if away && errors.Is(err, fs.ErrNotExist) {
		if err = p.makeFolders(j, path.Dir(m.Path)); err == nil {
			dir, name, err = t.of(m.Path)
		}
	}
	switch {
	case !away:
		if err == nil {
			var e entry
			if e, err = dir.stat(name); err == nil && e.Size == m.Size && e.MTimeNS == m.MTimeNS {
				back[m.Path] = true
				return nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) && !isStuck(err) {
			return err
		}
		restored.Missing = append(restored.Missing, m.Path)
		return nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		restored.Conflicts = append(restored.Conflicts, m.Path)
		return nil
	case isStuck(err):
		restored.Stuck = append(restored.Stuck, cleanup.PruneSkip{PkgDir: restored.PkgDir, Path: m.Path, Reason: err.Error()})
		return nil
	case err != nil:
		return err
	}
	err = j.dir.rename(m.name(), dir, name, false)
	if errors.Is(err, fs.ErrExist) {
		restored.Conflicts = append(restored.Conflicts, m.Path)
		return nil
	}
	if isStuck(err) {
		restored.Stuck = append(restored.Stuck, cleanup.PruneSkip{PkgDir: restored.PkgDir, Path: m.Path, Reason: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	back[m.Path] = true
	restored.Files++
	restored.Size += m.Size
	return nil
}

// newFolderName is the name, in the journal, of a folder during its creation.
const newFolderName = "folder.new"

// makeFolders creates the missing folders to which a file returns, with owner and
// mode of their parents. It creates them in the journal, where nobody can replace
// them meanwhile.
func (p *PkgDir) makeFolders(j *journal, rel string) error {
	t := tree{top: p.dir}
	defer t.close()
	parts := strings.Split(rel, "/")
	for i, name := range parts {
		upper, err := t.at(path.Join(".", path.Join(parts[:i]...)))
		if err != nil {
			return err
		}
		if _, err := upper.stat(name); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return err
			}
			continue
		}
		above, err := upper.stat(".")
		if err != nil {
			return err
		}
		if err := j.makeFolder(attributesOf(above)); err != nil {
			return err
		}
		if err := j.dir.rename(newFolderName, upper, name, false); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// makeFolder creates a folder in the journal. It first removes one that an earlier
// attempt left.
func (j *journal) makeFolder(a attributes) error {
	if err := j.dir.rmdir(newFolderName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := j.dir.mkdir(newFolderName, 0o700); err != nil {
		return err
	}
	made, err := j.dir.open(newFolderName)
	if err != nil {
		return err
	}
	defer made.close()
	return made.own(a)
}

// folderTimes returns the folders that only the journal's own moves have changed.
// They get their time back. A move gives both of its folders the same time, so a
// folder that is later than the journal's was changed by somebody else.
func (p *PkgDir) folderTimes(j *journal) ([]folderWas, error) {
	last, err := j.dir.stat(".")
	if err != nil {
		return nil, err
	}
	p.backMTimeNS = 0
	if p.wasMTimeNS <= last.MTimeNS {
		// An earlier journal then finds the times as if this one had never been.
		p.wasMTimeNS, p.backMTimeNS = j.record.Self.MTimeNS, j.record.Self.MTimeNS
	}
	var times []folderWas
	t := tree{top: p.dir}
	defer t.close()
	for _, f := range j.record.Folders {
		if f.Path == "." {
			continue
		}
		dir, err := t.at(f.Path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		e, err := dir.stat(".")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if e.MTimeNS <= last.MTimeNS {
			times = append(times, f)
		}
	}
	return times, nil
}

// restoreIndex brings the entries of the restored files back. If the index is still
// as the journal left it, the old bytes return. Otherwise restoreIndex adds the
// entries to the index of today.
func (p *PkgDir) restoreIndex(j *journal, back map[string]bool, whole bool) error {
	if len(j.record.Index) == 0 {
		return nil
	}
	exact := whole
	now := map[string]string{}
	owned := map[string]attributes{}
	for _, x := range j.record.Index {
		text, e, err := p.dir.read(x.Name, maxIndexFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			exact = false
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", x.Name, err)
		}
		now[x.Name], owned[x.Name] = digest(text), attributesOf(e)
		exact = exact && (now[x.Name] == x.Old || now[x.Name] == x.New)
	}
	if !exact {
		return p.mergeIndex(j, back)
	}
	for _, x := range j.record.Index {
		if now[x.Name] == x.Old {
			continue
		}
		text, err := j.savedIndex(x)
		if err == nil {
			// Owner and mode stay as they are now: somebody chose them.
			a := owned[x.Name]
			a.MTimeNS = x.MTimeNS
			err = p.replaceIndex(j, x.Name, restoreName, text, a)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", x.Name, err)
		}
	}
	return nil
}

// savedIndex returns an index file as it was.
func (j *journal) savedIndex(x indexWas) ([]byte, error) {
	text, e, err := j.dir.read(x.Name, maxIndexFile)
	if err == nil {
		err = ours(e)
	}
	if err != nil {
		return nil, fmt.Errorf("saved in the journal: %w", err)
	}
	if digest(text) != x.Old {
		return nil, errors.New("saved in the journal: not what was saved")
	}
	return text, nil
}

// replaceIndex replaces the content of an index file.
func (p *PkgDir) replaceIndex(j *journal, name, suffix string, text []byte, a attributes) error {
	if err := writeFile(j.dir, name+suffix, text, &a); err != nil {
		return err
	}
	return j.dir.rename(name+suffix, p.dir, name, true)
}

// mergeIndex adds the entries of restored files to the index of today.
func (p *PkgDir) mergeIndex(j *journal, back map[string]bool) error {
	current, err := p.readIndex()
	if err != nil || current == nil {
		return err
	}
	index, err := parseIndex(current[0].text)
	if err != nil {
		return fmt.Errorf("%s: %w", indexNames[0], err)
	}
	saved, err := j.savedIndex(j.record.Index[0])
	if err != nil {
		return fmt.Errorf("%s: %w", indexNames[0], err)
	}
	earlier, err := parseIndex(saved)
	if err != nil {
		return fmt.Errorf("%s: %w", indexNames[0], err)
	}
	text, err := withEntries(index, earlier, back, p.options.Now)
	if err != nil {
		return err
	}
	for _, f := range current {
		a := f.attributes
		a.MTimeNS = p.options.Now * 1e9
		if err := p.replaceIndex(j, f.name, restoreName, text.of(f.name), a); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}
