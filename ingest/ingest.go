// Package ingest reads the sources on disk into the store: the VDB, every
// folder of binary packages with its index, emerge.log, and what merges wrote.
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
// This package writes nothing below the root. It uses the name of a file only to
// open that file in the folder that listed it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"

	"emaudit/hostfs"
	"emaudit/parse"
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
	// Failed reports that the source was not updated, for whatever reason. Its
	// stored facts are unchanged.
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

// startProgress begins to show the progress of a part.
func (r *reader) startProgress(label string, total int64, bytes bool) Meter {
	if r.Progress == nil || total == 0 {
		return noMeter{}
	}
	return r.Progress(label, total, bytes)
}

// noMeter shows nothing.
type noMeter struct{}

func (noMeter) Add(int64) {}
func (noMeter) Done()     {}

// reader holds the parameters that all parts of an ingest need.
type reader struct {
	Host
	Options
	db *store.DB
}

// source is one source of an ingest.
type source struct {
	kind store.SourceKind
	path string // inside the root
	read func(context.Context) ([]SourceResult, error)
}

// Run updates the store from the root. If a source fails, the other sources are
// still read; the stored facts of the failed source remain, and its result reports
// the failure. Run returns an error of the database, an error about a missing log
// in Options.Logs, or the error of ctx.
func Run(ctx context.Context, db *store.DB, host Host, opts Options) (Result, error) {
	if opts.Jobs <= 0 {
		opts.Jobs = DefaultJobs()
	}
	r := &reader{Host: host, Options: opts, db: db}
	if _, err := r.givenLogs(); err != nil {
		return Result{}, err
	}
	return r.run(ctx, r.sources())
}

// EmergeLog updates the store from emerge.log alone. Its errors are those of [Run].
func EmergeLog(ctx context.Context, db *store.DB, host Host, opts Options) (Result, error) {
	r := &reader{Host: host, Options: opts, db: db}
	return r.run(ctx, []source{r.logSource()})
}

func (r *reader) logSource() source {
	return source{store.SourceEmergeLog, r.Settings.EmergeLog(), r.emergeLog}
}

// sources returns all sources in the order of reading. The VDB comes before the
// binary packages, because only packages with a matching installed package are
// hashed.
func (r *reader) sources() []source {
	s := r.Settings
	all := []source{
		{store.SourceSettings, s.MakeConf(), r.settings},
		{store.SourceVDB, s.VDB(), r.vdb},
	}
	var pkgdirs []string
	for _, d := range s.PkgDirs() {
		pkgdirs = append(pkgdirs, d.Path)
		all = append(all, source{store.SourcePkgDir, d.Path, func(ctx context.Context) ([]SourceResult, error) {
			return r.pkgDir(ctx, d)
		}})
	}
	all = append(all,
		source{store.SourceSettings, s.MakeConf(), func(ctx context.Context) ([]SourceResult, error) {
			return nil, r.retirePkgDirs(ctx, pkgdirs)
		}},
		source{store.SourceConfig, s.UserConfigDir(), r.userConfig},
		r.logSource(),
	)
	for _, repo := range s.Repositories() {
		if repo.Location != "" {
			folder := path.Join(repo.Location, "profiles/updates")
			all = append(all, source{store.SourceUpdates, folder, func(ctx context.Context) ([]SourceResult, error) {
				return r.updatesOf(ctx, folder)
			}})
		}
	}
	all = append(all, r.outputSources()...)
	for _, c := range r.Captures {
		all = append(all, source{store.SourceCapture, c.Path, func(ctx context.Context) ([]SourceResult, error) {
			return r.capture(ctx, c)
		}})
	}
	return append(all, source{store.SourceLeftovers, s.PreservedLibsFile(), r.leftovers})
}

// run reads the sources one after another.
func (r *reader) run(ctx context.Context, sources []source) (Result, error) {
	var result Result
	for _, s := range sources {
		results, err := s.read(ctx)
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
func (r *reader) recordFailure(ctx context.Context, s source, cause error) SourceResult {
	result := SourceResult{Kind: s.kind, Path: s.path, Condition: store.ConditionUnreadable, Problem: cause.Error(), Damage: 1, Failed: true}
	_, _ = r.recordAbsent(ctx, s.kind, s.path, cause)
	return result
}

// settings stores Portage's settings.
func (r *reader) settings(ctx context.Context) ([]SourceResult, error) {
	result := SourceResult{Kind: store.SourceSettings, Path: r.Host.Settings.MakeConf(), Condition: store.ConditionRead}
	var stored []store.Setting
	for _, s := range r.Host.Settings.All() {
		stored = append(stored, store.Setting{Name: s.Name, Value: s.Value, Origin: s.Source})
	}
	err := r.db.Update(ctx, func(tx *store.Tx) error {
		known, err := tx.Settings(r.ID)
		if err != nil {
			return err
		}
		if !sameSettings(known, stored) {
			changedAt, err := r.settingsChange(tx, result.Path)
			if err != nil {
				return err
			}
			if err := tx.PutSettings(r.ID, stored, func(string) int64 { return changedAt }); err != nil {
				return err
			}
		}
		return r.settingsDamage(tx, &result)
	})
	return []SourceResult{result}, err
}

// settingsChange returns the time since which the current settings apply, and
// records that they were read.
func (r *reader) settingsChange(tx *store.Tx, path string) (int64, error) {
	source, _, err := tx.FindSource(r.ID, store.SourceSettings, path)
	if err != nil {
		return 0, err
	}
	latest := int64(0)
	for _, name := range r.Host.Settings.FilesRead() {
		if entry, err := r.Root.Stat(name); err == nil {
			latest = max(latest, entry.MTimeNS)
		}
	}
	at := r.changeTime(source.ReadAt, latest)
	source.Host, source.Kind, source.Path, source.ReadAt = r.ID, store.SourceSettings, path, r.Now
	return at, tx.PutSource(&source)
}

// changeTime returns the time since which the content of a file applies. It is the
// mtime if the file was read before that time, and otherwise the time of this
// ingest.
func (r *reader) changeTime(lastRead, mtimeNS int64) int64 {
	if at := mtimeNS / 1e9; lastRead > 0 && lastRead < at && at < r.Now {
		return at
	}
	return r.Now
}

// codeStopped is damage of the settings that keeps emerge from starting.
const codeStopped = "emerge-stopped"

// settingsDamage stores the damage of the settings files. It is stored under the
// most important of these files.
func (r *reader) settingsDamage(tx *store.Tx, result *SourceResult) error {
	source, _, err := tx.FindSource(r.ID, store.SourceSettings, result.Path)
	if err != nil {
		return err
	}
	if source.ID == 0 || source.Condition != store.ConditionRead {
		source = store.Source{Host: r.ID, Kind: store.SourceSettings, Path: result.Path, ReadAt: r.Now}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
	}
	stop, stopped := r.Host.Settings.Stop()
	var diags []parse.Diagnostic
	for _, d := range r.Host.Settings.Diagnostics() {
		if stopped && d == stop {
			d.Code, d.Message = codeStopped, d.Message+"; emerge does not start"
		}
		place := d.File
		if d.Line > 0 {
			place = d.Origin.String()
		}
		d.Message = place + ": " + d.Message
		diags = append(diags, d.Diagnostic)
	}
	result.Damage, err = tx.ReplaceDiagnostics(source.ID, "", diags, r.Now)
	return err
}

func sameSettings(a, b []store.Setting) bool {
	if len(a) != len(b) {
		return false
	}
	byName := map[string]store.Setting{}
	for _, s := range a {
		byName[s.Name] = s
	}
	for _, s := range b {
		if byName[s.Name] != s {
			return false
		}
	}
	return true
}

// condition maps the error of opening a source to its recorded condition.
func condition(err error) (c store.Condition, problem string) {
	switch {
	case err == nil:
		return store.ConditionRead, ""
	case errors.Is(err, fs.ErrNotExist):
		return store.ConditionMissing, ""
	}
	return store.ConditionUnreadable, reason(err)
}

// reason returns the text of an error without the path, which the subject contains
// already.
func reason(err error) string {
	var pathErr *hostfs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return err.Error()
}

// recordAbsent records that a source could not be opened. Its stored facts remain.
func (r *reader) recordAbsent(ctx context.Context, kind store.SourceKind, name string, cause error) ([]SourceResult, error) {
	c, problem := condition(cause)
	damage := 0
	err := r.db.Update(ctx, func(tx *store.Tx) error {
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
