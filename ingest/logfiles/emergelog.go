// Package logfiles reads emerge.log with its rotated files, build logs, elog
// messages and captured output of emerge.
package logfiles

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/emergelog"
	"emaudit/store"
	"emaudit/store/logs"
)

// Codes of what can be wrong with emerge.log as a whole.
const (
	// CodeLogRewritten means that a log begins with other bytes than those that were
	// read, and with lines older than the last line read.
	CodeLogRewritten = "log-rewritten"
	// CodeLogIgnored means that a rotated log begins before the first line read, and
	// that another file is deleted, so the whole log cannot be read again.
	CodeLogIgnored = "log-ignored"
	// CodeLogDamage counts the damaged lines beyond those that are stored.
	CodeLogDamage = "log-damage"
	// CodeLogForeign means that no line of a file is one of emerge.log.
	CodeLogForeign = "log-foreign"
	// CodeLogUndecoded means that a log cannot be decompressed.
	CodeLogUndecoded = "log-undecodable"
)

// logPart is one file of the log.
type logPart struct {
	segment logs.Segment
	print   logPrint
	file    *logFile // nil if it is deleted
	tail    []byte   // the bytes before the bookmark, if they were compared
	fresh   bool     // no earlier ingest read the file
	read    bool     // some of its lines belong to the log
	foreign bool     // none of its lines is one of emerge.log
	diags   []parse.Diagnostic
}

// reader reads the sources of this package.
type reader struct{ *ingest.Reader }

// EmergeLog is the source of emerge.log and its rotated files.
func EmergeLog(r *ingest.Reader) ingest.Source {
	return ingest.Source{Kind: store.SourceEmergeLog, Path: r.Settings.EmergeLog(), Read: reader{r}.emergeLog}
}

// CheckGiven returns an error if a log of Options.Logs is missing.
func CheckGiven(r *ingest.Reader) error {
	_, err := reader{r}.givenLogs()
	return err
}

// emergeLog reads the new lines of emerge.log and its rotated files. All files are one
// log: a run or a merge may begin in one file and end in the next.
func (r reader) emergeLog(ctx context.Context) ([]ingest.SourceResult, error) {
	log := r.Settings.EmergeLog()
	given, err := r.givenLogs()
	if err != nil {
		return nil, err
	}
	files, openErr := r.logFiles(given)
	var known []logs.Segment
	err = r.DB.View(ctx, func(tx *store.Tx) (err error) {
		known, err = logs.Segments(tx, r.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	result := ingest.SourceResult{Kind: store.SourceEmergeLog, Path: log, Condition: store.ConditionRead}
	if openErr != nil {
		absent, err := r.RecordAbsent(ctx, store.SourceEmergeLog, log, openErr)
		if err != nil || len(files) == 0 {
			return absent, err
		}
		result = absent[0]
	}
	if r.unchangedLog(files, known) {
		return []ingest.SourceResult{result}, nil
	}
	var unreadable error
	update := r.DB.Update
	if len(known) == 0 {
		update = r.DB.Load
	}
	err = update(ctx, func(tx *store.Tx) error {
		// Another emaudit may have read the log while this one waited.
		known, err := logs.Segments(tx, r.ID)
		if err != nil || r.unchangedLog(files, known) {
			return err
		}
		plan, err := r.planLog(files, known)
		if err != nil {
			unreadable = err
			return nil
		}
		return r.readLog(ctx, tx, plan, &result)
	})
	if isPathError(err) {
		// The command goes on without the lines of a file that can no longer be opened.
		unreadable, err = err, nil
	}
	if err != nil {
		return nil, fmt.Errorf("emerge.log %s: %w", log, err)
	}
	if unreadable != nil {
		return r.RecordAbsent(ctx, store.SourceEmergeLog, log, unreadable)
	}
	return []ingest.SourceResult{result}, nil
}

// unchangedLog reports whether the files are those of the last ingest, and none of
// them changed.
func (r reader) unchangedLog(files []*logFile, known []logs.Segment) bool {
	there := 0
	for _, f := range files {
		i := slices.IndexFunc(known, func(s logs.Segment) bool { return s.Path == f.path })
		if i < 0 || !isSegment(&known[i], f) {
			return false
		}
		there++
	}
	for _, s := range known {
		if s.Condition == store.ConditionRead {
			there--
		}
	}
	return there == 0
}

// isSegment reports whether f is the file of a segment and did not change since it was
// read.
func isSegment(s *logs.Segment, f *logFile) bool {
	return s.Condition == store.ConditionRead && s.Dev == f.Dev && s.Inode == f.Inode && s.Size == f.Size && s.MTimeNS == f.MTimeNS
}

// logPlan says what an ingest does with each file of the log.
type logPlan struct {
	parts []*logPart // in the order in which they were written
	// idle are the files without new lines: copies, empty files, and files older than
	// the first line read while another file is deleted. An idle file that changes is
	// examined again.
	idle []*logPart
	gone []int64 // segments of idle files that are deleted or changed
	anew bool    // all files are read from the beginning
}

// planLog identifies the files by their content, because rotation renames them, and
// sorts them by the time of writing.
func (r reader) planLog(files []*logFile, known []logs.Segment) (*logPlan, error) {
	plan := &logPlan{}
	taken := map[*logFile]bool{}
	for _, s := range known {
		if s.Part == logs.NoPart {
			continue
		}
		plan.parts = append(plan.parts, &logPart{segment: s, print: parsePrint(s.Fingerprint), read: true})
	}
	r.findParts(plan.parts, files, taken)
	plan.takeIdle(files, known, taken)
	var fresh []*logPart
	for _, f := range files {
		if taken[f] {
			continue
		}
		if err := r.readHead(f); err != nil {
			if f.current {
				return nil, err
			}
			// The other files are read all the same.
			fresh = append(fresh, &logPart{file: f, fresh: true, diags: []parse.Diagnostic{parse.Diagnosef(0, CodeLogUndecoded, "%v", err)}})
			continue
		}
		fresh = append(fresh, &logPart{file: f, fresh: true})
	}
	fresh, copies := r.withoutCopies(fresh, plan.parts)
	for _, p := range copies {
		plan.setAside(p)
	}
	r.sort(fresh)
	if len(plan.parts) == 0 {
		plan.parts, plan.anew = fresh, true
		return plan, nil
	}
	r.addFresh(plan, fresh)
	return plan, nil
}

// takeIdle adds the known idle files that did not change to the plan.
func (plan *logPlan) takeIdle(files []*logFile, known []logs.Segment, taken map[*logFile]bool) {
	for _, s := range known {
		if s.Part != logs.NoPart {
			continue
		}
		i := slices.IndexFunc(files, func(f *logFile) bool { return !taken[f] && isSegment(&s, f) })
		if i < 0 {
			plan.gone = append(plan.gone, s.ID)
			continue
		}
		taken[files[i]] = true
		plan.idle = append(plan.idle, &logPart{segment: s, file: files[i]})
	}
}

// setAside makes a file idle.
func (plan *logPlan) setAside(p *logPart) {
	p.segment.Position, p.segment.Part = 0, logs.NoPart
	plan.idle = append(plan.idle, p)
}

// addFresh adds new files to a log of which earlier ingests read some files.
func (r reader) addFresh(plan *logPlan, fresh []*logPart) {
	last := plan.parts[len(plan.parts)-1]
	older := slices.ContainsFunc(fresh, func(p *logPart) bool {
		return !p.file.current && p.file.firstAt != 0 && p.file.firstAt < last.segment.FirstAt
	})
	if older && !slices.ContainsFunc(plan.parts, func(p *logPart) bool { return p.file == nil }) {
		// A file is older than those read before, and all of those still exist.
		plan.parts, plan.anew = append(plan.parts, fresh...), true
		r.sort(plan.parts)
		return
	}
	plan.parts = append(plan.parts, fresh...)
}

// sort sorts files by the time of writing. The file that Portage writes to is the last,
// even if the clock was set back before its first line. It is not the last if it also
// has the lines of a file that begins later.
func (r reader) sort(parts []*logPart) {
	for _, p := range parts {
		if r.readHead(p.file) != nil {
			p.file.firstAt = p.segment.FirstAt
		}
	}
	isLast := func(p *logPart) bool {
		return p.file.current && !slices.ContainsFunc(parts, func(other *logPart) bool {
			return other.file.firstAt > p.file.firstAt && r.hasLine(p.file, other.file.firstLine())
		})
	}
	begins := map[*logPart]int64{}
	for _, p := range parts {
		begins[p] = p.file.firstAt
		if isLast(p) {
			begins[p] = math.MaxInt64
		}
	}
	slices.SortStableFunc(parts, func(a, b *logPart) int { return cmp.Compare(begins[a], begins[b]) })
}

// findParts finds the file of each part: the same file, or one with the same bytes.
// Only the last part can have new lines. If a file has more lines than an older part,
// they belong to other parts or are new, so it counts as a new file.
func (r reader) findParts(parts []*logPart, files []*logFile, taken map[*logFile]bool) {
	for _, p := range parts {
		if i := slices.IndexFunc(files, func(f *logFile) bool { return !taken[f] && isSegment(&p.segment, f) }); i >= 0 {
			p.file, taken[files[i]] = files[i], true
		}
	}
	for i, p := range parts {
		if p.file == nil {
			r.findPart(p, i == len(parts)-1, files, taken)
		}
	}
}

// findPart finds the file that begins with the bytes that were read of a part. It
// prefers a file with the same inode.
func (r reader) findPart(p *logPart, last bool, files []*logFile, taken map[*logFile]bool) {
	for _, sameInode := range []bool{true, false} {
		for _, f := range files {
			if taken[f] || sameInode != (f.Dev == p.segment.Dev && f.Inode == p.segment.Inode) {
				continue
			}
			if ok, more, tail := r.continues(f, &p.print, p.segment.Position); ok && (last || !more) {
				p.file, p.tail, taken[f] = f, tail, true
				return
			}
		}
	}
}

// readLog carries out a plan within one transaction.
func (r reader) readLog(ctx context.Context, tx *store.Tx, plan *logPlan, result *ingest.SourceResult) error {
	if plan.anew {
		if err := logs.ForgetEmergeLog(tx, r.ID); err != nil {
			return err
		}
		for _, p := range plan.parts {
			if p.segment.ID != 0 {
				if err := tx.ClearDiagnostics(p.segment.ID, ""); err != nil {
					return err
				}
			}
			p.segment.Position, p.segment.Part = 0, logs.NoPart
			p.print, p.tail, p.read = logPrint{}, nil, false
		}
	}
	state, lastAt, err := logs.EmergeLogState(tx, r.ID)
	if err != nil {
		return err
	}
	reading := &logReading{reader: r, plan: plan, lastAt: lastAt, batches: make(chan logBatch, 4)}
	reading.parser = emergelog.NewParser(reading)
	if state != nil {
		if err := reading.parser.UnmarshalBinary(state); err != nil {
			return err
		}
	}
	reading.place()
	if err := reading.putSegments(tx); err != nil {
		return err
	}
	writer, err := reading.run(ctx, func() (*logs.EmergeLogWriter, error) { return logs.WriteEmergeLog(tx, r.ID) })
	if err != nil {
		return err
	}
	if err := writer.Close(reading.open, reading.state, reading.parser.LastTime()); err != nil {
		return err
	}
	return r.storeLog(tx, reading, writer, result)
}

// storeLog stores the bookmarks and the damage of the files.
func (r reader) storeLog(tx *store.Tx, reading *logReading, writer *logs.EmergeLogWriter, result *ingest.SourceResult) error {
	damages, last, met := writer.Damages()
	for _, d := range damages {
		if p := reading.part(d.Source); !p.foreign {
			p.diags = append(p.diags, d.Diagnostic)
		}
	}
	for _, p := range reading.plan.parts {
		if p.foreign {
			p.read = false
			p.diags = append(p.diags, parse.Diagnosef(0, CodeLogForeign, "this is no emerge.log: none of its lines begins with a time"))
		}
	}
	if met > len(damages) {
		p := reading.part(last.Source)
		p.diags = append(p.diags, parse.Diagnosef(last.Offset, CodeLogDamage, "%d more pieces of damage, up to this one", met-len(damages)))
	}
	reading.setIdle()
	all := slices.Concat(reading.plan.parts, reading.plan.idle)
	if err := reading.putSegments(tx); err != nil {
		return err
	}
	for _, p := range all {
		if err := tx.AddDiagnostics(p.segment.ID, "", p.diags, r.Now); err != nil {
			return err
		}
		result.Damage += len(p.diags)
	}
	result.Read = reading.bytes
	result.Changed = writer.Stored() > 0
	result.Summary = fmt.Sprintf("%d bytes read, %d records stored", reading.bytes, writer.Stored())
	return nil
}
