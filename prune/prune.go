package prune

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"emaudit/hostfs"
)

// Options are what a [PkgDir] is told of the outside.
type Options struct {
	// Now is the unix time, in seconds, that names journals and goes into the
	// TIMESTAMP of the index.
	Now int64
	// LockWait is how long to wait for the lock where another process has it.
	LockWait time.Duration
}

// PkgDir is a folder of binary packages, opened to be changed. It is not safe
// for use by several goroutines.
type PkgDir struct {
	path    string
	dir     folder
	options Options

	// wasMTimeNS is the time of the folder before the lock file was put there,
	// and backMTimeNS the one that it is to have after the lock is gone; 0 is
	// none.
	wasMTimeNS, backMTimeNS int64
}

// Open opens the folder of binary packages at a path inside a root. Symlinks
// that lead to it are followed inside the root. Nothing is changed or locked
// yet, and what the name leads to later does not matter.
func Open(root *hostfs.Root, path string, options Options) (*PkgDir, error) {
	dir, err := openFolder(root, path)
	if err != nil {
		return nil, fmt.Errorf("prune %s: %w", path, err)
	}
	return &PkgDir{path: path, dir: dir, options: options}, nil
}

// Close closes the folder.
func (p *PkgDir) Close() error { return p.dir.close() }

// Path returns the path with which the folder was opened.
func (p *PkgDir) Path() string { return p.path }

// ErrNoJournal is wrapped by the error of an undo of a journal that is not
// there.
var ErrNoJournal = errors.New("no such journal")

// UnfinishedError is the error of a change that was broken off and could not be
// taken back at once, the disk having failed twice. The next change of the
// folder takes it back first.
type UnfinishedError struct {
	// Journal is the id of what is unfinished.
	Journal string
	// Cause broke the change off, and TakingBack the taking back.
	Cause, TakingBack error
}

// Error says both causes.
func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("journal %s is unfinished: %v; putting back: %v", e.Journal, e.Cause, e.TakingBack)
}

// Unwrap returns both causes.
func (e *UnfinishedError) Unwrap() []error { return []error{e.Cause, e.TakingBack} }

// Status is how far a journal has gone, as far as its user is concerned.
type Status string

// The states of a journal.
const (
	// Applied: the files wait in the quarantine, and can be brought back.
	Applied Status = "applied"
	// Unfinished: a process was killed in the middle. The next change of the
	// folder takes it back, or finishes it where files were being deleted.
	Unfinished Status = "unfinished"
	// Unreadable: the journal is damaged or of another version of emaudit, and
	// is left alone.
	Unreadable Status = "unreadable"
)

// Journal describes one use of the quarantine.
type Journal struct {
	ID        string `json:"id"`
	PkgDir    string `json:"pkgdir"` // inside the root
	Status    Status `json:"status"`
	CreatedAt int64  `json:"created_at"` // unix seconds; 0 = unknown
	Files     int    `json:"files"`
	Size      int64  `json:"size"` // bytes
	Problem   string `json:"problem"`
}

// Journals returns the journals of the folder, oldest first. It changes and
// locks nothing, so that a journal which another process is writing may be
// among them.
func (p *PkgDir) Journals() ([]Journal, error) {
	quarantine, err := p.dir.open(Quarantine)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, p.wrap(Quarantine, err)
	}
	defer quarantine.close()
	ids, err := quarantine.names()
	if err != nil {
		return nil, p.wrap(Quarantine, err)
	}
	var all []Journal
	for _, id := range ids {
		described := Journal{ID: id, PkgDir: p.path}
		j, err := openJournal(quarantine, id)
		if err != nil {
			described.Status, described.Problem = Unreadable, err.Error()
			all = append(all, described)
			continue
		}
		described.Status = Unfinished
		if j.phase == applied {
			described.Status = Applied
		}
		described.CreatedAt, described.Files, described.Size = j.record.CreatedAt, len(j.record.Moves), j.record.size()
		j.dir.close()
		all = append(all, described)
	}
	slices.SortStableFunc(all, func(a, b Journal) int { return compareIDs(a.ID, b.ID) })
	return all, nil
}

// compareIDs orders journals by time: "...Z" before "...Z-2" before "...Z-10".
func compareIDs(a, b string) int {
	const stamp = len("20060102T150405Z")
	if len(a) >= stamp && len(b) >= stamp && a[:stamp] == b[:stamp] && len(a) != len(b) {
		return len(a) - len(b)
	}
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Restored says what came back.
type Restored struct {
	Journal string `json:"journal"`
	PkgDir  string `json:"pkgdir"`
	// Files is the number of files that are back, and Size theirs in bytes.
	Files int   `json:"files"`
	Size  int64 `json:"size"`
	// Conflicts are the paths where another file lies by now; the old one
	// stays in the quarantine.
	Conflicts []string `json:"conflicts"`
	// Missing are the files that are neither in the quarantine nor at their
	// place.
	Missing []string `json:"missing"`
}

// whole tells whether everything is as it was.
func (r *Restored) whole() bool { return len(r.Conflicts) == 0 && len(r.Missing) == 0 }

// Recover takes back, or finishes, what a killed process left half done in the
// folder, and returns what came back.
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
	p.wasMTimeNS, p.backMTimeNS = mtimeNS, 0
	err = work()
	if releaseErr := held.release(); releaseErr != nil && err == nil {
		err = p.wrap(lockName, releaseErr)
	}
	if err == nil && p.backMTimeNS != 0 {
		if err = p.dir.setMTime(".", p.backMTimeNS); err != nil {
			err = p.wrap(".", err)
		}
	}
	return err
}

func (p *PkgDir) recover() ([]Restored, error) {
	quarantine, err := p.dir.open(Quarantine)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, p.wrap(Quarantine, err)
	}
	defer quarantine.close()
	ids, err := quarantine.names()
	if err != nil {
		return nil, p.wrap(Quarantine, err)
	}
	slices.SortFunc(ids, func(a, b string) int { return compareIDs(b, a) })
	var all []Restored
	for _, id := range ids {
		j, err := openJournal(quarantine, id)
		if err != nil {
			continue // Journals reports it; it must not stand in the way of others.
		}
		var restored *Restored
		switch j.phase {
		case underway:
			restored, err = p.putBack(quarantine, j)
		case emptying:
			err = j.finish(quarantine)
		case preparing, finished:
			err = j.remove(quarantine)
		}
		j.dir.close()
		if restored != nil {
			all = append(all, *restored)
		}
		if err != nil {
			return all, p.wrap("journal "+id, err)
		}
	}
	return all, p.removeQuarantine()
}

// removeQuarantine removes the folder of journals where it is empty.
func (p *PkgDir) removeQuarantine() error {
	err := p.dir.rmdir(Quarantine)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return nil // ENOTEMPTY is fs.ErrExist too.
	}
	return p.wrap(Quarantine, err)
}

func (p *PkgDir) wrap(name string, err error) error {
	if name == "." {
		return fmt.Errorf("prune %s: %w", p.path, err)
	}
	return fmt.Errorf("prune %s: %s: %w", p.path, name, err)
}
