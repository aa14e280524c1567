package prune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"emaudit/audit/cleanup"
	"emaudit/hostfs"
	"emaudit/parse/pkgindex"
)

// ApplyOptions say how a plan is carried out.
type ApplyOptions struct {
	// Delete skips the quarantine: nobody can bring the files back. A failure
	// before everything has left PKGDIR and its index still puts all back.
	Delete bool
	// Still returns the paths in this folder that are candidates now. Apply calls
	// it with the lock held, and leaves every other file. If it is nil, the plan
	// counts.
	Still func(context.Context) (map[string]bool, error)
}

// Result says what Apply did.
type Result struct {
	PkgDir string `json:"pkgdir"`
	// Journal is the id for [PkgDir.Undo]. It is empty if Apply did nothing, or
	// if nobody can bring the files back.
	Journal string `json:"journal"`
	// Quarantine is where the files went, inside the root. Why is the reason for
	// that place.
	Quarantine string `json:"quarantine"`
	Why        string `json:"why"`
	// Files is the number of files that went. Size is their sum in bytes.
	Files int   `json:"files"`
	Size  int64 `json:"size"`
	// Entries is the number of entries that left the index.
	Entries int                 `json:"entries"`
	Skipped []cleanup.PruneSkip `json:"skipped"`
	// Recovered is what Apply put back first, after an earlier process was killed.
	Recovered []Restored `json:"recovered"`
}

// Apply takes the candidates of this folder out of it and out of its index. It
// skips candidates that have changed since the plan. Of the others all go, or, on an
// error, none.
func (p *PkgDir) Apply(ctx context.Context, candidates []cleanup.PruneCandidate, o ApplyOptions) (Result, error) {
	result := Result{PkgDir: p.path, Skipped: []cleanup.PruneSkip{}, Recovered: []Restored{}}
	var done *journal
	err := p.locked(ctx, func() error {
		recovered, err := p.recover()
		result.Recovered = append(result.Recovered, recovered...)
		if err != nil {
			return err
		}
		var still map[string]bool
		if o.Still != nil {
			if still, err = o.Still(ctx); err != nil {
				return p.wrap("plan again", err)
			}
		}
		a := application{PkgDir: p, result: &result}
		if err := a.check(candidates, still); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err = a.run(o.Delete)
		return err
	})
	if done != nil {
		// Unlocking changed PKGDIR once more. This mark shows a later undo that
		// nobody else did. Without it, the undo only leaves PKGDIR's own time.
		_ = done.dir.setMTime(".", mtimeNow)
		done.dir.close()
	}
	return result, err
}

// application carries out one plan, under the lock.
type application struct {
	*PkgDir
	result *Result
	record record
	drop   map[string]bool // paths whose entries leave the index
	gone   map[string]bool // those of drop that have no file
}

// check looks at each file again and decides what goes.
func (a *application) check(candidates []cleanup.PruneCandidate, still map[string]bool) error {
	self, err := a.dir.stat(".")
	if err != nil {
		return a.wrap(".", err)
	}
	was := attributesOf(self)
	was.MTimeNS = a.wasMTimeNS
	if a.backMTimeNS != 0 {
		was.MTimeNS = a.backMTimeNS // A journal may have been put back a moment ago.
	}
	a.record = record{Version: journalVersion, CreatedAt: a.options.Now, Self: was}
	a.drop, a.gone = map[string]bool{}, map[string]bool{}
	sorted := slices.Clone(candidates)
	slices.SortFunc(sorted, func(x, y cleanup.PruneCandidate) int {
		return cmp.Or(strings.Compare(path.Dir(x.Path), path.Dir(y.Path)), strings.Compare(x.Path, y.Path))
	})
	t := tree{top: a.dir}
	defer t.close()
	for i, c := range sorted {
		if i > 0 && sorted[i-1].Path == c.Path {
			continue
		}
		reason, err := a.checkOne(&c, still, &t, self)
		if err != nil {
			return a.wrap(c.Path, err)
		}
		if reason != "" {
			a.result.Skipped = append(a.result.Skipped, cleanup.PruneSkip{PkgDir: a.path, Path: c.Path, Reason: reason})
		}
	}
	return nil
}

// checkOne decides about one candidate; reason says why it stays.
func (a *application) checkOne(c *cleanup.PruneCandidate, still map[string]bool, t *tree, top entry) (reason string, err error) {
	switch {
	case c.PkgDir != a.path:
		return "", nil
	case !fs.ValidPath(c.Path) || c.Path == "." || c.Path == Quarantine || strings.HasPrefix(c.Path, Quarantine+"/"):
		return "not a path below PKGDIR", nil
	case still != nil && !still[c.Path]:
		return "needed by now", nil
	}
	e, dir, err := lookUp(t, c.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case c.EntryOnly && missing:
		a.drop[c.Path], a.gone[c.Path] = true, true
		return "", nil
	case c.EntryOnly && err == nil:
		return "there is a file by now", nil
	case missing:
		return "it is gone already", nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return "its folder is not one any more", nil
	case errors.Is(err, fs.ErrPermission):
		return err.Error(), nil
	case err != nil:
		return "", err
	case e.Kind != hostfs.Regular:
		return "it is a " + string(e.Kind) + " by now", nil
	case e.fixed:
		return "it is immutable or append-only (lsattr, chattr)", nil
	case e.Size != c.Size || e.MTimeNS != c.MTimeNS || c.Inode != 0 && e.Inode != c.Inode:
		return "it is another file by now", nil
	}
	folderPath := path.Dir(c.Path)
	if n := len(a.record.Folders); n == 0 || a.record.Folders[n-1].Path != folderPath {
		self, err := dir.stat(".")
		if err != nil {
			return "", err
		}
		if self.Dev != top.Dev {
			return "its folder is on another file system than PKGDIR", nil
		}
		if self.fixed {
			return "its folder is immutable or append-only (lsattr, chattr)", nil
		}
		if err := dir.writable(); err != nil {
			return fmt.Sprintf("its folder cannot be written: %v", err), nil
		}
		if !self.sameMount(top) {
			return "its folder is a mount point of its own", nil
		}
		a.record.Folders = append(a.record.Folders, folderWas{folderPath, attributesOf(self)})
	}
	m := move{Number: len(a.record.Moves) + 1, Path: c.Path, Code: c.Code, Inode: e.Inode, Size: e.Size, MTimeNS: e.MTimeNS}
	if c.CPV != nil {
		m.CPV = *c.CPV
	}
	a.record.Moves = append(a.record.Moves, m)
	a.drop[c.Path] = true
	return "", nil
}

func lookUp(t *tree, file string) (entry, folder, error) {
	dir, name, err := t.of(file)
	if err != nil {
		return entry{}, nil, err
	}
	e, err := dir.stat(name)
	return e, dir, err
}

// run carries out what check decided. The caller closes the journal. It is nil if
// there was nothing to do, or if nothing is left to undo.
func (a *application) run(forGood bool) (*journal, error) {
	current, err := a.readIndex()
	if err != nil {
		return nil, a.wrap("index", err)
	}
	var text indexText
	if len(current) > 0 {
		text, err = a.newIndex(current[0].text)
		if err != nil {
			return nil, a.wrap("index", err)
		}
	}
	if a.result.Entries == 0 {
		current = nil
	}
	if len(a.record.Moves) == 0 && current == nil {
		return nil, nil
	}
	a.record.Delete = forGood
	for _, f := range current {
		a.record.Index = append(a.record.Index, indexWas{f.name, f.attributes, digest(f.text), digest(text.of(f.name))})
	}
	at, why := a.choose()
	quarantine, err := at.make()
	if err != nil {
		return nil, a.wrap(".", quarantineError(at, err))
	}
	defer quarantine.close()
	j, err := a.begin(quarantine)
	if err != nil {
		return nil, a.wrap("journal", errors.Join(err, at.remove()))
	}
	a.backMTimeNS = 0
	if err := a.change(at, quarantine, j, current, text); err != nil {
		cause := err
		if err = a.takeBack(at, quarantine, j); err != nil {
			cause = &UnfinishedError{Journal: j.id, Cause: cause, TakingBack: err}
		}
		j.dir.close()
		if err == nil && at.in != a.dir && errors.Is(cause, unix.EXDEV) {
			a.onlyInside = true
			a.record.Index = nil
			return a.run(forGood)
		}
		a.result.Entries = 0
		return nil, a.wrap(".", cause)
	}
	a.result.Files, a.result.Size = len(a.record.Moves), a.record.size()
	if forGood {
		err := a.empty(quarantine, j)
		j.dir.close()
		if err == nil {
			err = at.remove()
		}
		return nil, err
	}
	a.result.Journal, a.result.Quarantine, a.result.Why = j.id, at.path, why
	return j, nil
}

// newIndex is the index without the entries that go. A refused index stays as it
// is: Portage ignores it, before and after.
func (a *application) newIndex(text []byte) (indexText, error) {
	index, _ := pkgindex.Parse(text)
	if index.Refused != "" {
		return indexText{}, nil
	}
	fresh, entries, err := withoutEntries(index, func(e *pkgindex.Entry) bool { return e.Path != "" && a.drop[e.Path] }, a.options.Now)
	a.result.Entries = entries
	return fresh, err
}

// begin creates the folder of a new journal.
func (a *application) begin(quarantine folder) (*journal, error) {
	for n := range maxSameSecond {
		id := newJournalID(a.options.Now, n)
		err := quarantine.mkdir(id, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		dir, err := quarantine.open(id)
		if err != nil {
			return nil, errors.Join(err, quarantine.rmdir(id))
		}
		return &journal{id: id, dir: dir, record: a.record}, nil
	}
	return nil, errors.New("too many began in this second")
}

// change is the part that the journal protects.
func (a *application) change(at place, quarantine folder, j *journal, current []indexFile, text indexText) error {
	for _, f := range current {
		if err := writeFile(j.dir, f.name, f.text, nil); err != nil {
			return fmt.Errorf("saving %s: %w", f.name, err)
		}
		fresh := f.attributes
		// As Portage sets it: to the TIMESTAMP, in whole seconds.
		fresh.MTimeNS = a.options.Now * 1e9
		if err := writeFile(j.dir, f.name+newSuffix, text.of(f.name), &fresh); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	if err := j.write(); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	for _, dir := range []folder{quarantine, at.in} {
		if err := dir.sync(); err != nil {
			return fmt.Errorf("writing the journal: %w", err)
		}
	}
	for _, f := range current {
		if err := j.dir.rename(f.name+newSuffix, a.dir, f.name, true); err != nil {
			return fmt.Errorf("replacing %s: %w", f.name, err)
		}
	}
	t := tree{top: a.dir}
	defer t.close()
	for i := range j.record.Moves {
		if err := moveAway(&t, j, &j.record.Moves[i]); err != nil {
			return fmt.Errorf("%s: %w", j.record.Moves[i].Path, err)
		}
	}
	if err := a.dir.syncAll(); err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	return j.mark(appliedFile, applied)
}

// errReplaced ends a change: somebody writes to PKGDIR without the lock.
var errReplaced = errors.New("replaced by another file at this moment")

// moveAway moves one file into the journal.
func moveAway(t *tree, j *journal, m *move) error {
	e, dir, err := lookUp(t, m.Path)
	if err != nil {
		return err
	}
	if !m.sameFile(e) {
		return errReplaced
	}
	if err := dir.rename(path.Base(m.Path), j.dir, m.name(), false); err != nil {
		return err
	}
	// The file may have changed between check and rename. The inode does not
	// count: overlayfs gives a file a new one at its first change.
	if e, err = j.dir.stat(m.name()); err != nil {
		return err
	}
	if e.Kind != hostfs.Regular || e.Size != m.Size || e.MTimeNS != m.MTimeNS {
		return errReplaced
	}
	return nil
}

// takeBack undoes a change that failed.
func (p *PkgDir) takeBack(at place, quarantine folder, j *journal) error {
	var err error
	if j.phase == preparing {
		if err = j.remove(quarantine); err == nil {
			p.backMTimeNS = p.wasMTimeNS
		}
	} else {
		// The write of the mark itself may have failed.
		if err := j.dir.unlink(appliedFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		j.phase = underway
		var restored *Restored
		if restored, err = p.putBack(quarantine, j); err == nil && !restored.here() {
			err = restored.stays()
		}
	}
	if err != nil {
		return err
	}
	return at.remove()
}

// stays returns why files are still in the quarantine.
func (r *Restored) stays() error {
	var errs []error
	for _, path := range r.Conflicts {
		errs = append(errs, fmt.Errorf("%s: its place is taken", path))
	}
	for _, s := range r.Stuck {
		errs = append(errs, fmt.Errorf("%s: %s", s.Path, s.Reason))
	}
	return errors.Join(errs...)
}
