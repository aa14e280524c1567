package prune

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/audit/cleanup"
	"emaudit/hostfs"
)

// Options are facts that a [PkgDir] cannot find out itself.
type Options struct {
	// Now is the unix time, in seconds, that names journals and goes into the
	// TIMESTAMP of the index.
	Now int64
	// LockWait is how long to wait for a lock that another process has.
	LockWait time.Duration
}

// PkgDir is a folder of binary packages, open for changes. It is not safe for use
// by several goroutines.
type PkgDir struct {
	path   string
	dir    folder
	shared bool // others can rename files in the folder
	places []place
	// onlyInside reports that the folders above are on the same mount, but no file
	// can be renamed there: they have another project quota or encryption.
	onlyInside bool
	way        way
	options    Options

	// wasMTimeNS is the mtime of the folder before the lock file was created.
	// backMTimeNS is the mtime to set after the lock is gone; 0 sets none. Both are
	// equal if only the lock file came and went.
	wasMTimeNS, backMTimeNS int64
}

// Open opens the folder of binary packages at a path inside a root. It follows
// symlinks inside the root. It changes and locks nothing. A later change of the
// path has no effect.
func Open(root *hostfs.Root, name string, options Options) (*PkgDir, error) {
	w, err := walk(root, name)
	if err != nil {
		return nil, fmt.Errorf("prune %s: %w", name, err)
	}
	places, err := w.places()
	if err != nil {
		w.close()
		return nil, fmt.Errorf("prune %s: %w", name, err)
	}
	return &PkgDir{path: name, dir: w.last(), shared: othersRename(places[0].at), places: places, way: w, options: options}, nil
}

// Close closes the folder.
func (p *PkgDir) Close() error { return p.way.close() }

// Path returns the path with which the folder was opened.
func (p *PkgDir) Path() string { return p.path }

// ErrNoJournal is the cause of an error if the journal of an undo does not exist.
var ErrNoJournal = errors.New("no such journal")

// UnfinishedError is the error of a change that failed and could not be taken back,
// because the disk failed again. The next change of the folder takes it back first.
type UnfinishedError struct {
	// Journal is the id of what is unfinished.
	Journal string
	// Cause is why the change failed. TakingBack is why taking it back failed.
	Cause, TakingBack error
}

// Error names both causes.
func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("journal %s is unfinished: %v; putting back: %v", e.Journal, e.Cause, e.TakingBack)
}

// Unwrap returns both causes.
func (e *UnfinishedError) Unwrap() []error { return []error{e.Cause, e.TakingBack} }

// Journals returns the journals of the folder, oldest first. It changes and locks
// nothing, so one of them may belong to a process that is still writing.
func (p *PkgDir) Journals() ([]cleanup.PruneJournal, error) {
	var all []cleanup.PruneJournal
	err := p.eachQuarantine(func(at place, quarantine folder, ids []string) error {
		for _, id := range ids {
			described := cleanup.PruneJournal{ID: id, Path: path.Join(at.path, id), PkgDir: p.path}
			j, err := openJournal(quarantine, id)
			if err != nil {
				described.Status, described.Problem = cleanup.JournalUnreadable, err.Error()
				all = append(all, described)
				continue
			}
			described.Status = cleanup.JournalUnfinished
			if j.phase == applied {
				described.Status = cleanup.JournalApplied
			}
			described.DeletableAt = j.record.CreatedAt + Keep
			described.CreatedAt, described.Files, described.Size = j.record.CreatedAt, len(j.record.Moves), j.record.size()
			j.dir.close()
			all = append(all, described)
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b cleanup.PruneJournal) int { return compareIDs(a.ID, b.ID) })
	if err != nil {
		err = p.wrap(".", err)
	}
	return all, err
}

// compareIDs orders journals by time: "...Z" before "...Z-2" before "...Z-10".
func compareIDs(a, b string) int {
	const stamp = len("20060102T150405Z")
	if len(a) >= stamp && len(b) >= stamp && a[:stamp] == b[:stamp] && len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// Restored says what Undo or Recover brought back.
type Restored struct {
	Journal string `json:"journal"`
	PkgDir  string `json:"pkgdir"`
	// Files is the number of files that are back, and Size is their sum in
	// bytes.
	Files int   `json:"files"`
	Size  int64 `json:"size"`
	// Conflicts are the paths that another file has now. The old file
	// stays in the quarantine.
	Conflicts []string `json:"conflicts"`
	// Stuck are the files that cannot return to their place, such as an
	// immutable folder. They stay in the quarantine.
	Stuck []cleanup.PruneSkip `json:"stuck"`
	// Missing are the files that are neither in the quarantine nor at their
	// place.
	Missing []string `json:"missing"`
}

// whole reports whether everything is as it was.
func (r *Restored) whole() bool { return r.here() && len(r.Missing) == 0 }

// here reports whether nothing is left in the quarantine.
func (r *Restored) here() bool { return len(r.Conflicts) == 0 && len(r.Stuck) == 0 }

// Recover takes back, or finishes, what a killed process left half done in the
// folder. It returns what came back.
func (p *PkgDir) Recover(ctx context.Context) ([]Restored, error) {
	var all []Restored
	err := p.locked(ctx, func() (err error) {
		all, err = p.recover()
		return err
	})
	return all, err
}

// locked runs work with Portage's lock of the index.
func (p *PkgDir) locked(ctx context.Context, work func() error) error {
	held, mtimeNS, err := acquire(ctx, p.dir, p.options.LockWait)
	if err != nil {
		return p.wrap(lockName, err)
	}
	p.wasMTimeNS, p.backMTimeNS = mtimeNS, mtimeNS
	err = work()
	if releaseErr := held.release(); releaseErr != nil {
		return errors.Join(err, p.wrap(lockName, releaseErr))
	}
	if p.backMTimeNS != 0 {
		if timeErr := p.dir.setMTime(".", p.backMTimeNS); timeErr != nil && !isStuck(timeErr) && err == nil {
			err = p.wrap(".", timeErr)
		}
	}
	return err
}

func (p *PkgDir) recover() ([]Restored, error) {
	var all []Restored
	err := p.eachQuarantine(func(at place, quarantine folder, ids []string) error {
		slices.SortFunc(ids, func(a, b string) int { return compareIDs(b, a) })
		for _, id := range ids {
			j, err := openJournal(quarantine, id)
			if errors.Is(err, ErrUntrusted) {
				return quarantineError(at, err)
			}
			if err != nil {
				continue // Journals reports it. It must not stop the others.
			}
			var restored *Restored
			switch j.phase {
			case underway:
				restored, err = p.putBack(quarantine, j)
			case emptying:
				err = leaveStuck(j.finish(quarantine))
			case preparing, finished:
				err = leaveStuck(j.remove(quarantine))
			}
			j.dir.close()
			if restored != nil {
				all = append(all, *restored)
			}
			if err != nil {
				return fmt.Errorf("journal %s: %w", id, err)
			}
		}
		return at.remove()
	})
	if err != nil {
		err = p.wrap(".", err)
	}
	return all, err
}

// leaveStuck handles a journal whose files are all in place. If its folder cannot
// be removed, that must not stop the others.
func leaveStuck(err error) error {
	if isStuck(err) {
		return nil
	}
	return err
}

func (p *PkgDir) wrap(name string, err error) error {
	if name == "." {
		return fmt.Errorf("prune %s: %w", p.path, err)
	}
	return fmt.Errorf("prune %s: %s: %w", p.path, name, err)
}
