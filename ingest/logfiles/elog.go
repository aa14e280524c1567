package logfiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/mergelog"
	"emaudit/store"
	"emaudit/store/logs"
)

// summaryBatch is the number of blocks of a summary stored in one transaction.
const summaryBatch = 1024

// maxElogFile is the largest accepted size of one save file, in bytes. The longest
// messages have a few KiB, and lists of colliding files a few hundred.
const maxElogFile = 16 << 20

// elog records the messages of elog. It reads each save file once, and of a summary
// only the appended part.
func (r reader) elog(ctx context.Context, dirPath string) ([]ingest.SourceResult, error) {
	s, err := r.openOutput(ctx, store.SourceElog, dirPath, listElogDir)
	if err != nil {
		return r.recordNoOutput(ctx, store.SourceElog, dirPath, err)
	}
	defer s.close()
	result := ingest.SourceResult{Kind: store.SourceElog, Path: dirPath, Condition: store.ConditionRead, Damage: s.damage}
	e := elogReader{outputScan: s, zone: r.zone(), result: &result}
	var saved []*outputFile
	for _, f := range s.files {
		if f.unchanged() && f.known.GoneAt == 0 {
			continue
		}
		result.Read++
		if f.name.Source == mergelog.SourceElogSummary {
			if err := e.summary(ctx, f); err != nil {
				return nil, fmt.Errorf("elog %s: %w", path.Join(dirPath, f.rel), err)
			}
			continue
		}
		if saved = append(saved, f); len(saved) == storeBatch {
			if err := e.saveFiles(ctx, saved); err != nil {
				return nil, fmt.Errorf("elog %s: %w", dirPath, err)
			}
			saved = saved[:0]
		}
	}
	if err := e.saveFiles(ctx, saved); err != nil {
		return nil, fmt.Errorf("elog %s: %w", dirPath, err)
	}
	if err := s.markGone(ctx); err != nil {
		return nil, fmt.Errorf("elog %s: %w", dirPath, err)
	}
	result.Changed = e.added > 0
	result.Summary = fmt.Sprintf("%d elog files", len(s.files))
	if e.added > 0 {
		result.Summary += fmt.Sprintf(", %d new messages", e.added)
	}
	return []ingest.SourceResult{result}, nil
}

// listElogDir lists the folder of elog, and with FEATURES=split-elog its category
// folders.
func listElogDir(s *outputScan, dir *hostfs.Dir) error {
	entries, err := dir.Entries()
	if err != nil {
		return err
	}
	take := func(dir *hostfs.Dir, rel string, entries []hostfs.Entry) {
		for _, e := range entries {
			p := path.Join(rel, e.Name)
			if name, ok := mergelog.ParseName(path.Join("elog", p), ""); ok {
				f := &outputFile{dir: dir, rel: p, name: name, entry: e}
				if name.Source == mergelog.SourceElogSummary {
					// logrotate reuses the names of rotated files.
					f.incarnation = int64(e.Inode)
				}
				s.addFile(f)
			}
		}
	}
	take(dir, "", entries)
	for _, e := range entries {
		if e.Kind != hostfs.Directory {
			continue
		}
		if sub, files := s.subDir(dir, e.Name, e.Name); sub != nil {
			take(sub, e.Name, files)
		}
	}
	return nil
}

// elogReader stores the contents of the files in a scan.
type elogReader struct {
	*outputScan
	zone   *time.Location
	result *ingest.SourceResult
	added  int
}

// saveFiles reads save files and stores them in one transaction.
func (e *elogReader) saveFiles(ctx context.Context, files []*outputFile) error {
	if len(files) == 0 {
		return nil
	}
	type read struct {
		f        *outputFile
		messages []mergelog.Message
	}
	var all []read
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		elog, err := readSaved(f)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f.diags = elog.Diagnostics
		if err != nil {
			f.unread = true
			f.diags = unreadDiagnostic(err)
		}
		all = append(all, read{f, elog.Messages})
	}
	added, damage := 0, 0
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		added, damage = 0, 0
		for _, r := range all {
			n, err := tx.ReplaceDiagnostics(e.source.ID, r.f.rel, r.f.diags, e.Now)
			if err != nil {
				return err
			}
			damage += n
			if r.f.unread {
				continue
			}
			row := r.f.row(e.source.ID, e.Now)
			if err := logs.PutOutputFile(tx, &row); err != nil {
				return err
			}
			if n, err = logs.AddElog(tx, e.ID, &logs.ElogBlock{
				File: row.ID, Origin: mergelog.SourceElog, CPV: r.f.name.CPV, SavedAt: r.f.name.Time.Unix(), Messages: r.messages,
			}, e.Now); err != nil {
				return err
			}
			added += n
		}
		return nil
	})
	e.added += added
	e.result.Damage += damage
	return err
}

// readSaved reads a save file, which logrotate may have compressed.
func readSaved(f *outputFile) (elog mergelog.Elog, err error) {
	in, err := f.open()
	if err != nil {
		return elog, err
	}
	defer in.Close()
	text, damage, closeText, err := f.text(in)
	if err != nil {
		return elog, err
	}
	defer closeText()
	elog, err = mergelog.ReadElog(&bounded{text, maxElogFile})
	elog.Diagnostics = append(elog.Diagnostics, damage()...)
	return elog, err
}

// text returns the decompressed text of an open file, and a function that frees the
// decoder. damage is as of [gunzipped].
func (f *outputFile) text(in *os.File) (text io.Reader, damage func() []parse.Diagnostic, closeText func(), err error) {
	text, damage = gunzipped(in, f.name.Gzip)
	if !f.name.OtherCodec {
		return text, damage, func() {}, nil
	}
	plain, err := decompressed(in)
	if err != nil {
		return nil, nil, nil, err
	}
	return plain, damage, func() { plain.Close() }, nil
}

// summary reads the new part of a summary.log. If the file was replaced or is
// shorter, it reads the file from the beginning and recognises known blocks by
// their time and text.
func (e *elogReader) summary(ctx context.Context, f *outputFile) error {
	in, err := f.open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return e.unreadSummary(ctx, f, err)
	}
	defer in.Close()
	row := f.row(e.source.ID, e.Now)
	if isContinuation(in, f) {
		row.Position = f.known.Position
	}
	text, damage, closeText, err := f.text(in)
	if err != nil {
		return e.unreadSummary(ctx, f, err)
	}
	defer closeText()
	if !f.name.Gzip && !f.name.OtherCodec {
		if _, err := in.Seek(row.Position, io.SeekStart); err != nil {
			return e.unreadSummary(ctx, f, err)
		}
	}
	base := row.Position
	var blocks []mergelog.Block
	first := f.known != nil && row.Position == f.known.Position
	flush := func() error {
		err := e.storeBlocks(ctx, f, &row, blocks, first)
		blocks, first = blocks[:0], false
		return err
	}
	var stored error
	err = mergelog.ReadSummary(&meteredReader{ctx: ctx, r: &bounded{text, maxOutput}, meter: ingest.NoMeter{}}, e.zone, func(b mergelog.Block) error {
		b.Offset += base
		for i := range b.Messages {
			b.Messages[i].Offset += base
		}
		for i := range b.Diagnostics {
			b.Diagnostics[i].Offset += base
		}
		if blocks = append(blocks, b); len(blocks) == summaryBatch {
			stored = flush()
		}
		return stored
	})
	switch {
	case stored != nil:
		return stored
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return e.unreadSummary(ctx, f, err)
	}
	if diags := damage(); len(diags) > 0 {
		blocks = append(blocks, mergelog.Block{Offset: row.Position, Complete: true, Diagnostics: diags})
	}
	return flush()
}

// isContinuation reports whether the file is the one that was read before and has
// only grown: a block must begin where the last reading ended.
func isContinuation(in io.ReaderAt, f *outputFile) bool {
	k := f.known
	if k == nil || k.GoneAt != 0 || f.name.Gzip || f.name.OtherCodec || k.Inode != f.entry.Inode || k.Position > f.entry.Size {
		return false
	}
	const begins = ">>> Messages "
	next := make([]byte, min(int64(len(begins)), f.entry.Size-k.Position))
	n, err := in.ReadAt(next, k.Position)
	return err == nil && strings.HasPrefix(begins, string(next[:n]))
}

// storeBlocks stores blocks of a summary and moves its bookmark to the end of the
// last complete block. If again is set, it first deletes the stored part of a block
// that was incomplete at the last reading.
func (e *elogReader) storeBlocks(ctx context.Context, f *outputFile, row *logs.OutputFile, blocks []mergelog.Block, again bool) error {
	added, damage := 0, 0
	position := row.Position
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		added, damage = 0, 0
		next := *row
		next.Position = position
		for _, b := range blocks {
			if b.Complete {
				next.Position = max(next.Position, b.Offset+b.Size)
			}
		}
		if err := logs.PutOutputFile(tx, &next); err != nil {
			return err
		}
		if again {
			if err := logs.ForgetElog(tx, next.ID, position); err != nil {
				return err
			}
		}
		for _, b := range blocks {
			if b.Complete {
				if err := tx.AddDiagnostics(e.source.ID, f.rel, b.Diagnostics, e.Now); err != nil {
					return err
				}
				damage += len(b.Diagnostics)
			}
			if b.CPV == "" {
				continue
			}
			n, err := logs.AddElog(tx, e.ID, &logs.ElogBlock{
				File: next.ID, Origin: mergelog.SourceElogSummary, CPV: b.CPV, SavedAt: b.Time, PID: b.PID,
				Interleaved: b.Interleaved, Messages: b.Messages,
			}, e.Now)
			if err != nil {
				return err
			}
			added += n
		}
		*row = next
		return nil
	})
	e.added += added
	e.result.Damage += damage
	return err
}

func (e *elogReader) unreadSummary(ctx context.Context, f *outputFile, cause error) error {
	return e.DB.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.ReplaceDiagnostics(e.source.ID, f.rel, unreadDiagnostic(cause), e.Now)
		e.result.Damage += n
		return err
	})
}

// zone returns the time zone of the root's system: from /etc/localtime inside the
// root, or from the name in /etc/timezone. Without either, it returns UTC, as the C
// library does.
func (r reader) zone() *time.Location {
	const limit = 64 << 10 // the largest zone file has 4 KiB
	if data, err := r.Root.ReadFile("/etc/localtime", limit); err == nil {
		if zone, err := time.LoadLocationFromTZData("local", data); err == nil {
			return zone
		}
	}
	name, err := r.Root.ReadFile("/etc/timezone", 256)
	if err != nil {
		return time.UTC
	}
	file := path.Join("/usr/share/zoneinfo", path.Clean("/"+strings.TrimSpace(string(name))))
	if data, err := r.Root.ReadFile(file, limit); err == nil {
		if zone, err := time.LoadLocationFromTZData(strings.TrimSpace(string(name)), data); err == nil {
			return zone
		}
	}
	return time.UTC
}
