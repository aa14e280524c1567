package logfiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/mergelog"
	"emaudit/store"
	"emaudit/store/logs"
)

// codeOutputUnread is the diagnostic for an existing file of merge output that
// could not be read.
const codeOutputUnread = "output-unread"

// storeBatch is the number of build logs stored in one transaction. If the first
// ingest of many logs is killed, only one batch is lost.
const storeBatch = 256

// Output returns the sources of merge output: the build logs below PORTAGE_LOGDIR,
// the logs of failed builds below PORTAGE_TMPDIR, the messages of elog, and captured
// output.
//
// clean-logs deletes logs after a week. Their facts remain, and the file is marked
// as gone.
func Output(shared *ingest.Reader) []ingest.Source {
	r := reader{shared}
	var all []ingest.Source
	add := func(kind store.SourceKind, path string, read func(context.Context) ([]ingest.SourceResult, error)) {
		all = append(all, ingest.Source{Kind: kind, Path: path, Read: read})
	}
	addLogs := func(dir string, list func(*outputScan, *hostfs.Dir) error) {
		add(store.SourceBuildLog, dir, func(ctx context.Context) ([]ingest.SourceResult, error) { return r.buildLogs(ctx, dir, list) })
	}
	if dir := r.Settings.LogDir(); dir != "" {
		addLogs(dir, listLogDir)
	}
	addLogs(r.Settings.BuildDir(), listBuildDir)
	add(store.SourceElog, r.Settings.ElogDir(), func(ctx context.Context) ([]ingest.SourceResult, error) { return r.elog(ctx, r.Settings.ElogDir()) })
	for _, c := range r.Captures {
		add(store.SourceCapture, c.Path, func(ctx context.Context) ([]ingest.SourceResult, error) { return r.capture(ctx, c) })
	}
	return all
}

// outputFile is one listed file of merge output.
type outputFile struct {
	dir         *hostfs.Dir // an open folder that contains it, directly or indirectly
	below       string      // its folder relative to dir, "" for dir itself
	rel         string      // its path relative to the source
	name        mergelog.Name
	entry       hostfs.Entry
	incarnation int64

	known *logs.OutputFile // nil if it was never read

	log   mergelog.BuildLog
	diags []parse.Diagnostic
	// unread reports that the file exists and could not be read; vanished that it
	// was deleted after it was listed.
	unread, vanished bool
}

// unchanged reports whether the file is as stored. Logs are only appended to, so a
// change affects size and mtime.
func (f *outputFile) unchanged() bool {
	k := f.known
	return k != nil && k.Inode == f.entry.Inode && k.Size == f.entry.Size && k.MTimeNS == f.entry.MTimeNS
}

// open opens the file. It opens the folders between dir and the file only for this
// call, because every failed build leaves a folder and the number of open files is
// limited.
func (f *outputFile) open() (*os.File, error) {
	folder, err := openFolder(f.dir, f.below)
	if err != nil {
		return nil, err
	}
	if folder != f.dir {
		defer folder.Close()
	}
	return folder.OpenFile(f.entry.Name, maxOutput)
}

// row returns the bookmark of the file as listed.
func (f *outputFile) row(source, now int64) logs.OutputFile {
	return logs.OutputFile{
		Source: source, Path: f.rel, Incarnation: f.incarnation, Inode: f.entry.Inode, Size: f.entry.Size, MTimeNS: f.entry.MTimeNS, ReadAt: now,
	}
}

// outputScan is one listing of a source of merge output.
type outputScan struct {
	reader
	path   string // inside the root
	source store.Source
	dirs   []*hostfs.Dir
	files  []*outputFile
	diags  []parse.Diagnostic // of the listing
	// partial reports that a folder could not be listed, so that missing files may
	// still exist.
	partial bool
	damage  int               // number of new pieces of damage in the listing
	gone    []logs.OutputFile // known files that no longer exist
}

// openOutput opens the folder of a source, lists it with the function list, and
// compares the result with the store.
func (r reader) openOutput(ctx context.Context, kind store.SourceKind, dirPath string, list func(*outputScan, *hostfs.Dir) error) (*outputScan, error) {
	dir, err := r.Root.OpenDir(dirPath)
	if err != nil {
		return nil, err
	}
	s := &outputScan{reader: r, path: dirPath, dirs: []*hostfs.Dir{dir}}
	if err := list(s, dir); err != nil {
		s.close()
		return nil, err
	}
	var known []logs.OutputFile
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		s.source = store.Source{Host: r.ID, Kind: kind, Path: dirPath, MTimeNS: dir.ModTimeNS(), Size: int64(len(s.files)), ReadAt: r.Now}
		if err := tx.PutSource(&s.source); err != nil {
			return err
		}
		var err error
		if s.damage, err = tx.ReplaceDiagnostics(s.source.ID, "", s.diags, r.Now); err != nil {
			return err
		}
		known, err = logs.OutputFiles(tx, s.source.ID)
		return err
	})
	if err != nil {
		s.close()
		return nil, &databaseError{fmt.Errorf("%s %s: %w", kind, dirPath, err)}
	}
	s.compare(known)
	return s, nil
}

// databaseError is an error that ends the ingest, unlike the error of a source that
// cannot be read.
type databaseError struct{ err error }

func (e *databaseError) Error() string { return e.err.Error() }
func (e *databaseError) Unwrap() error { return e.err }

// compare matches the files with the stored rows.
func (s *outputScan) compare(known []logs.OutputFile) {
	type key struct {
		path        string
		incarnation int64
	}
	rows := map[key]*logs.OutputFile{}
	for i := range known {
		rows[key{known[i].Path, known[i].Incarnation}] = &known[i]
	}
	for _, f := range s.files {
		k := key{f.rel, f.incarnation}
		f.known = rows[k]
		delete(rows, k)
	}
	if s.partial {
		return
	}
	for i := range known {
		k := &known[i]
		if rows[key{k.Path, k.Incarnation}] != nil && k.GoneAt == 0 {
			s.gone = append(s.gone, *k)
		}
	}
}

func (s *outputScan) close() {
	for _, d := range s.dirs {
		d.Close()
	}
}

// subDir opens a folder below dir and keeps it open. It returns nil if that fails.
func (s *outputScan) subDir(dir *hostfs.Dir, rel, name string) (*hostfs.Dir, []hostfs.Entry) {
	sub, err := dir.OpenDir(name)
	if err == nil {
		s.dirs = append(s.dirs, sub)
		var entries []hostfs.Entry
		if entries, err = sub.Entries(); err == nil {
			return sub, entries
		}
	}
	s.recordUnlisted(rel, err)
	return nil, nil
}

// recordUnlisted records that an existing folder could not be listed. A folder that
// does not exist was removed meanwhile.
func (s *outputScan) recordUnlisted(rel string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.partial = true
	_, problem := ingest.Condition(err)
	s.diags = append(s.diags, parse.Diagnosef(0, codeOutputUnread, "%s: %s", rel, problem))
}

// addFile adds f if it can be a file of merge output. It reports a file that only
// has such a name, and never opens it.
func (s *outputScan) addFile(f *outputFile) {
	if f.entry.Kind == hostfs.Regular {
		s.files = append(s.files, f)
		return
	}
	s.diags = append(s.diags, parse.Diagnosef(0, codeOutputUnread, "%s: %v", f.rel, &hostfs.KindError{Kind: f.entry.Kind}))
}

// listLogDir lists the files of PORTAGE_LOGDIR, and with FEATURES=split-log those
// in build/<category>.
func listLogDir(s *outputScan, dir *hostfs.Dir) error {
	entries, err := dir.Entries()
	if err != nil {
		return err
	}
	separator := s.Settings.LogFileSep()
	s.addLogs(dir, "", entries, separator)
	for _, e := range entries {
		if e.Name != "build" || e.Kind != hostfs.Directory {
			continue
		}
		build, categories := s.subDir(dir, "build", "build")
		for _, c := range categories {
			if c.Kind != hostfs.Directory {
				continue
			}
			rel := path.Join("build", c.Name)
			if sub, logs := s.subDir(build, rel, c.Name); sub != nil {
				s.addLogs(sub, rel, logs, separator)
			}
		}
	}
	return nil
}

// addLogs adds the files whose name is that of a build log.
func (s *outputScan) addLogs(dir *hostfs.Dir, rel string, entries []hostfs.Entry, separator string) {
	for _, e := range entries {
		p := path.Join(rel, e.Name)
		if name, ok := mergelog.ParseName(p, separator); ok {
			s.addFile(&outputFile{dir: dir, rel: p, name: name, entry: e})
		}
	}
}

// listBuildDir lists the logs that failed builds left in their build directories.
// If PORTAGE_LOGDIR is set, they are symlinks to the logs there.
func listBuildDir(s *outputScan, dir *hostfs.Dir) error {
	categories, err := dir.Entries()
	if err != nil {
		return err
	}
	for _, c := range categories {
		if c.Kind != hostfs.Directory {
			continue
		}
		category, packages := s.subDir(dir, c.Name, c.Name)
		for _, p := range packages {
			if p.Kind == hostfs.Directory {
				s.addKeptLog(category, path.Join(c.Name, p.Name), p.Name)
			}
		}
	}
	return nil
}

// addKeptLog adds the build.log of one build directory, if there is one.
func (s *outputScan) addKeptLog(category *hostfs.Dir, rel, name string) {
	below := path.Join(name, "temp")
	temp, err := openFolder(category, below)
	if err != nil {
		s.recordUnlisted(rel, err)
		return
	}
	defer temp.Close()
	for _, log := range []string{"build.log", "build.log.gz"} {
		p := path.Join(rel, "temp", log)
		n, ok := mergelog.ParseKeptName(p)
		if !ok {
			return
		}
		switch e, err := temp.Lstat(log); {
		case err != nil:
			s.recordUnlisted(p, err)
		case e.Kind != hostfs.Symlink: // a symlink leads to the log in PORTAGE_LOGDIR
			s.addFile(&outputFile{dir: category, below: below, rel: p, name: n, entry: e, incarnation: int64(e.Inode)})
		}
	}
}

// buildLogs records the build logs below a folder.
func (r reader) buildLogs(ctx context.Context, dirPath string, list func(*outputScan, *hostfs.Dir) error) ([]ingest.SourceResult, error) {
	s, err := r.openOutput(ctx, store.SourceBuildLog, dirPath, list)
	if err != nil {
		return r.recordNoOutput(ctx, store.SourceBuildLog, dirPath, err)
	}
	defer s.close()
	result := ingest.SourceResult{Kind: store.SourceBuildLog, Path: dirPath, Condition: store.ConditionRead, Damage: s.damage}
	var changed []*outputFile
	var bytes int64
	for _, f := range s.files {
		if !f.unchanged() || f.known.GoneAt != 0 {
			changed = append(changed, f)
			bytes += f.entry.Size
		}
	}
	meter := r.StartProgress("build logs", bytes, true)
	defer meter.Done()
	stored, err := s.readAndStore(ctx, changed, meter, &result)
	if err != nil {
		return nil, fmt.Errorf("build logs %s: %w", dirPath, err)
	}
	if err := s.markGone(ctx); err != nil {
		return nil, fmt.Errorf("build logs %s: %w", dirPath, err)
	}
	result.Read = int64(len(changed))
	result.Changed = stored+len(s.gone) > 0
	result.Summary = fmt.Sprintf("%d build logs", len(s.files))
	if result.Changed {
		result.Summary += fmt.Sprintf(", %d read, %d gone", stored, len(s.gone))
	}
	return []ingest.SourceResult{result}, nil
}

// recordNoOutput records that a folder of merge output could not be listed. A
// missing folder is normal: Portage creates it when it has something to write.
func (r reader) recordNoOutput(ctx context.Context, kind store.SourceKind, dirPath string, cause error) ([]ingest.SourceResult, error) {
	var fatal *databaseError
	if errors.As(cause, &fatal) {
		return nil, fatal.err
	}
	results, err := r.RecordAbsent(ctx, kind, dirPath, cause)
	if errors.Is(cause, fs.ErrNotExist) {
		results = nil
	}
	return results, err
}

// readAndStore reads logs in parallel and stores them in batches. It returns the
// number of stored logs.
func (s *outputScan) readAndStore(ctx context.Context, files []*outputFile, meter ingest.Meter, result *ingest.SourceResult) (stored int, err error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(s.Jobs + 1)
	done := make(chan *outputFile, storeBatch)
	group.Go(func() error {
		var batch []*outputFile
		for f := range done {
			if batch = append(batch, f); len(batch) < storeBatch {
				continue
			}
			if err := s.storeLogs(groupCtx, batch, result); err != nil {
				for range done { // so that the readers can finish
				}
				return err
			}
			stored += len(batch)
			batch = batch[:0]
		}
		stored += len(batch)
		return s.storeLogs(groupCtx, batch, result)
	})
	readers, readersCtx := errgroup.WithContext(groupCtx)
	readers.SetLimit(s.Jobs)
	for _, f := range files {
		readers.Go(func() error {
			if err := f.readLog(readersCtx, meter); err != nil {
				return err
			}
			done <- f
			return nil
		})
	}
	err = readers.Wait()
	close(done)
	if storeErr := group.Wait(); err == nil || storeErr != nil && !errors.Is(storeErr, context.Canceled) {
		err = storeErr
	}
	return stored, err
}

// readLog fills f.log. It returns an error only if ctx ends.
func (f *outputFile) readLog(ctx context.Context, meter ingest.Meter) error {
	if f.unchanged() {
		return nil // the file was gone, and is back
	}
	in, err := f.open()
	if err == nil {
		defer in.Close()
		text, damage := gunzipped(&meteredReader{ctx: ctx, r: in, meter: meter}, f.name.Gzip)
		if f.log, err = mergelog.ReadBuildLog(&bounded{text, maxOutput}); err == nil {
			f.diags = append(f.log.Diagnostics, damage()...)
			return nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		f.vanished = true
	default:
		f.unread = true
		f.diags = unreadDiagnostic(err)
	}
	return nil
}

// unreadDiagnostic says why a file could not be read. The row it belongs to names
// the file.
func unreadDiagnostic(err error) []parse.Diagnostic {
	_, problem := ingest.Condition(err)
	return []parse.Diagnostic{parse.Diagnosef(0, codeOutputUnread, "%s", problem)}
}

// storeLogs stores a batch in one transaction.
func (s *outputScan) storeLogs(ctx context.Context, batch []*outputFile, result *ingest.SourceResult) error {
	if len(batch) == 0 {
		return nil
	}
	damage := 0
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		damage = 0
		for _, f := range batch {
			if f.vanished {
				continue
			}
			n, err := tx.ReplaceDiagnostics(s.source.ID, f.rel, f.diags, s.Now)
			if err != nil {
				return err
			}
			damage += n
			if f.unread {
				continue
			}
			row := f.row(s.source.ID, s.Now)
			if err := logs.PutOutputFile(tx, &row); err != nil {
				return err
			}
			if f.unchanged() {
				continue
			}
			if err := logs.PutBuildLog(tx, s.ID, f.buildLog(s.path, row.ID)); err != nil {
				return err
			}
		}
		return nil
	})
	result.Damage += damage
	return err
}

// buildLog returns the row of a log that was read.
func (f *outputFile) buildLog(dir string, id int64) *logs.BuildLog {
	b := &logs.BuildLog{
		File: id, Path: path.Join(dir, f.rel), CPV: f.name.CPV, NameAmbiguous: f.name.Ambiguous,
		WrittenAt: f.entry.MTimeNS / int64(time.Second), Log: f.log,
	}
	if !f.name.Time.IsZero() {
		b.PreparedAt = f.name.Time.Unix()
	}
	if f.name.Ambiguous && f.log.CPV != "" {
		b.CPV, b.NameAmbiguous = f.log.CPV, false
	}
	return b
}

// markGone records the files that no longer exist.
func (s *outputScan) markGone(ctx context.Context) error {
	if len(s.gone) == 0 {
		return nil
	}
	there := map[string]bool{}
	for _, f := range s.files {
		there[f.rel] = true
	}
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		for _, f := range s.gone {
			if err := logs.MarkOutputFileGone(tx, f.ID, s.Now); err != nil {
				return err
			}
			if there[f.Path] {
				continue // another file has that name and its own damage
			}
			if _, err := tx.ReplaceDiagnostics(s.source.ID, f.Path, nil, s.Now); err != nil {
				return err
			}
		}
		return nil
	})
}

// openFolder opens the folder rel below dir one component at a time, so that it
// follows no symlink. For "" it returns dir.
func openFolder(dir *hostfs.Dir, rel string) (*hostfs.Dir, error) {
	if rel == "" {
		return dir, nil
	}
	parent, name := path.Split(rel)
	up, err := openFolder(dir, strings.TrimSuffix(parent, "/"))
	if err != nil {
		return nil, err
	}
	sub, err := up.OpenDir(name)
	if up != dir {
		up.Close()
	}
	return sub, err
}
