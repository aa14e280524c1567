// Package ingest reads the sources on disk into the store: the VDB, every
// folder of binary packages with its index, emerge.log, and what merges wrote.
//
// # Promises
//
// Ingest is incremental: every source has a bookmark, and an unchanged source
// costs a stat. It is idempotent: reading twice changes nothing. It is safe to
// kill: the facts of a source and its bookmark are stored in one transaction,
// so at any moment the database holds the last whole state. What was once
// ingested stays when its source is gone.
//
// A source that is missing or cannot be read is recorded as such, never passed
// over: an audit reports it. Only an I/O error of the database or a
// cancellation ends an ingest.
//
// Nothing here writes below the root; a file's name is used only to open that
// very file in the folder in which it was listed.
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

// Host is the root that is read.
type Host struct {
	ID       store.HostID
	Root     *hostfs.Root
	Settings *settings.Settings
}

// Meter shows how far one long part is. Add may be called by several
// goroutines.
type Meter interface {
	Add(n int64)
	Done()
}

// Progress begins a part of total units, which are bytes or files; nil is
// silent.
type Progress func(label string, total int64, bytes bool) Meter

// Options steer an ingest.
type Options struct {
	Now      int64 // unix seconds: the time under which changes are recorded
	Jobs     int   // files read at once; 0 = [DefaultJobs]
	Progress Progress
	Captures []Capture // output of emerge that a person saved
	// Logs are further files of emerge.log, inside the root: rotated ones that
	// do not lie beside it.
	Logs []string
}

// DefaultJobs is the number of files read at once: enough to keep a disk busy
// (docs/performance.md), and no fewer than the processors can use.
func DefaultJobs() int { return max(8, 2*runtime.GOMAXPROCS(0)) }

// SourceResult is what an ingest did with one source.
type SourceResult struct {
	Kind      store.SourceKind
	Path      string // inside the root
	Condition store.Condition
	Problem   string // why it could not be read
	Changed   bool   // something new was stored
	Read      int64  // files or bytes that had to be read
	Summary   string // what is there and what changed, for people
	// Damage counts the pieces of damage met in what was read this time, and a
	// source that is there and can no longer be read. A damaged binary package
	// is not among them: it is what an audit is about.
	Damage int
	// Failed says that the source was not brought up to date, whatever the cause:
	// what is stored of it is as it was.
	Failed bool
}

// Result is what an ingest did.
type Result struct {
	Sources []SourceResult
}

// Damage is the number of pieces of damage met in what this ingest read.
func (r Result) Damage() int {
	n := 0
	for _, s := range r.Sources {
		n += s.Damage
	}
	return n
}

// begin starts to show a part.
func (r *reader) begin(label string, total int64, bytes bool) Meter {
	if r.Progress == nil || total == 0 {
		return noMeter{}
	}
	return r.Progress(label, total, bytes)
}

// noMeter shows nothing.
type noMeter struct{}

func (noMeter) Add(int64) {}
func (noMeter) Done()     {}

// reader carries what every part of an ingest needs.
type reader struct {
	Host
	Options
	db *store.DB
}

// source is one thing that an ingest reads.
type source struct {
	kind store.SourceKind
	path string // inside the root
	read func(context.Context) ([]SourceResult, error)
}

// Run brings the store up to date with the root. A source that fails does not keep
// the others from being read: what is stored of it stays, and its result says so.
// The error is that of the database as a whole, of a log that was given by hand and
// is not there, or of ctx.
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

// EmergeLog brings the store up to date with emerge.log alone; its error is as that
// of [Run].
func EmergeLog(ctx context.Context, db *store.DB, host Host, opts Options) (Result, error) {
	r := &reader{Host: host, Options: opts, db: db}
	return r.run(ctx, []source{r.logSource()})
}

func (r *reader) logSource() source {
	return source{store.SourceEmergeLog, r.Settings.EmergeLog(), r.emergeLog}
}

// sources are all that is read, in this order: the VDB comes before the binary
// packages, whose hashes are computed only where an installed package asks for
// them.
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

// run reads sources one after the other.
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
			result.Sources = append(result.Sources, r.failed(ctx, s, err))
		}
	}
	return result, nil
}

// failed is the result of a source that was not brought up to date. It is recorded,
// too, if the database takes that.
func (r *reader) failed(ctx context.Context, s source, cause error) SourceResult {
	result := SourceResult{Kind: s.kind, Path: s.path, Condition: store.ConditionUnreadable, Problem: cause.Error(), Damage: 1, Failed: true}
	_, _ = r.absent(ctx, s.kind, s.path, cause)
	return result
}

// settings stores what Portage's settings are.
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

// settingsChange returns since when the settings count that were found, and enters
// that they were read.
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

// changeTime returns since when what a file says counts that was last written at
// mtimeNS: since then, if it was read before that, and else since now.
func (r *reader) changeTime(lastRead, mtimeNS int64) int64 {
	if at := mtimeNS / 1e9; lastRead > 0 && lastRead < at && at < r.Now {
		return at
	}
	return r.Now
}

// codeStopped is damage of the settings because of which emerge does not start.
const codeStopped = "emerge-stopped"

// settingsDamage stores what was wrong with the settings' files, under the
// file that emaudit's answers rest on most.
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

// condition sorts the errors of opening a source into what is recorded.
func condition(err error) (c store.Condition, problem string) {
	switch {
	case err == nil:
		return store.ConditionRead, ""
	case errors.Is(err, fs.ErrNotExist):
		return store.ConditionMissing, ""
	}
	return store.ConditionUnreadable, reason(err)
}

// reason is what an error says besides the path, which its subject has.
func reason(err error) string {
	var pathErr *hostfs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return err.Error()
}

// absent records a source that could not be opened. Facts that were read from
// it before stay.
func (r *reader) absent(ctx context.Context, kind store.SourceKind, name string, cause error) ([]SourceResult, error) {
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
