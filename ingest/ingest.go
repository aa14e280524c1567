// Package ingest reads the sources on disk into the store. Its sub-rooms read one
// kind of source each: ingest/config the settings and lists of Portage,
// ingest/packages the VDB and the folders of binary packages, ingest/logfiles
// emerge.log and what merges wrote. ingest/sources reads all of them in order. This
// package has what they share. ingest/live reads what a command needs of this
// moment and nothing stores.
//
// # Promises
//
// Ingest is incremental: every source has a bookmark, and an unchanged source costs
// one stat. It is idempotent: reading a source again changes nothing. It may be
// killed at any time: the facts of a source and its bookmark are stored in one
// transaction, so the database always holds the last complete state. Facts remain
// when their source is gone.
//
// A missing or unreadable source is recorded as such, and an audit reports it. Only
// an I/O error of the database, or a cancellation, ends an ingest.
//
// These packages write nothing below the root. They use the name of a file only to
// open that file in the folder that listed it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"

	"emaudit/hostfs"
	"emaudit/settings"
	"emaudit/store"
)

// Host is the root to read.
type Host struct {
	ID       store.HostID
	Root     *hostfs.Root
	Settings *settings.Settings
}

// Meter receives the progress of one part. Add may be called concurrently.
type Meter interface {
	Add(n int64)
	Done()
}

// Progress begins a part of total units, bytes or files. A nil Progress shows
// nothing.
type Progress func(label string, total int64, bytes bool) Meter

// Options are the parameters of an ingest.
type Options struct {
	Now      int64 // the time recorded for changes, in unix seconds
	Jobs     int   // files read in parallel; 0 means [DefaultJobs]
	Progress Progress
	Captures []Capture // saved output of emerge
	// Logs are further files of emerge.log, inside the root, such as rotated files
	// in other folders.
	Logs []string
}

// Capture is the terminal output of emerge, as stored by script(1), tee(1) or the
// journal. The file may be anywhere.
type Capture struct {
	Path    string // absolute
	Size    int64  // in bytes
	MTimeNS int64  // end of the session, in unix nanoseconds
	Open    func() (io.ReadCloser, error)
}

// DefaultJobs returns the number of files read in parallel. It is enough to keep a
// disk (docs/performance.md) and the processors busy.
func DefaultJobs() int { return max(8, 2*runtime.GOMAXPROCS(0)) }

// SourceResult is the result of an ingest for one source.
type SourceResult struct {
	Kind      store.SourceKind
	Path      string // inside the root
	Condition store.Condition
	Problem   string // why it could not be read, or ""
	Changed   bool   // something new was stored
	Read      int64  // files or bytes that were read
	Summary   string // contents and changes, for people
	// Damage counts the pieces of damage in the data that was read, and an existing
	// source that has become unreadable. It does not count damaged binary packages,
	// which are the subject of an audit.
	Damage int
	// Failed reports that the source was not updated. Its stored facts are
	// unchanged.
	Failed bool
}

// Result is the result of an ingest.
type Result struct {
	Sources []SourceResult
}

// Damage returns the number of pieces of damage in the data that this ingest read.
func (r Result) Damage() int {
	n := 0
	for _, s := range r.Sources {
		n += s.Damage
	}
	return n
}

// StartProgress begins to show the progress of a part.
func (r *Reader) StartProgress(label string, total int64, bytes bool) Meter {
	if r.Progress == nil || total == 0 {
		return NoMeter{}
	}
	return r.Progress(label, total, bytes)
}

// NoMeter shows nothing.
type NoMeter struct{}

func (NoMeter) Add(int64) {}
func (NoMeter) Done()     {}

// Reader holds the parameters that all parts of an ingest need.
type Reader struct {
	Host
	Options
	DB *store.DB
}

// Source is one source of an ingest.
type Source struct {
	Kind store.SourceKind
	Path string // inside the root
	Read func(context.Context) ([]SourceResult, error)
}

// ReadAll reads the sources one after another. If one fails, the others are still
// read; the stored facts of the failed source remain, and its result reports the
// failure. ReadAll returns an error of the database, or the error of ctx.
func (r *Reader) ReadAll(ctx context.Context, sources []Source) (Result, error) {
	var result Result
	for _, s := range sources {
		results, err := s.Read(ctx)
		result.Sources = append(result.Sources, results...)
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if store.IsUnusable(err) {
			return result, err
		}
		if err != nil {
			result.Sources = append(result.Sources, r.recordFailure(ctx, s, err))
		}
	}
	return result, nil
}

// recordFailure returns the result of a source that was not updated. It also
// records the failure, if the database allows it.
func (r *Reader) recordFailure(ctx context.Context, s Source, cause error) SourceResult {
	result := SourceResult{Kind: s.Kind, Path: s.Path, Condition: store.ConditionUnreadable, Problem: cause.Error(), Damage: 1, Failed: true}
	_, _ = r.RecordAbsent(ctx, s.Kind, s.Path, cause)
	return result
}

// Condition maps the error of opening a source to its recorded condition.
func Condition(err error) (c store.Condition, problem string) {
	switch {
	case err == nil:
		return store.ConditionRead, ""
	case errors.Is(err, fs.ErrNotExist):
		return store.ConditionMissing, ""
	}
	return store.ConditionUnreadable, Reason(err)
}

// Reason returns the text of an error without the path, which the subject contains
// already.
func Reason(err error) string {
	var pathErr *hostfs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return err.Error()
}

// RecordAbsent records that a source could not be opened. Its stored facts remain.
func (r *Reader) RecordAbsent(ctx context.Context, kind store.SourceKind, name string, cause error) ([]SourceResult, error) {
	c, problem := Condition(cause)
	damage := 0
	err := r.DB.Update(ctx, func(tx *store.Tx) error {
		s, ok, err := tx.FindSource(r.ID, kind, name)
		if err != nil {
			return err
		}
		if ok && s.Condition == c && s.Problem == problem {
			return nil
		}
		if c == store.ConditionUnreadable {
			damage = 1
		}
		s.Host, s.Kind, s.Path, s.Condition, s.Problem, s.ReadAt = r.ID, kind, name, c, problem, r.Now
		return tx.PutSource(&s)
	})
	if err != nil {
		err = fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return []SourceResult{{Kind: kind, Path: name, Condition: c, Problem: problem, Damage: damage}}, err
}
