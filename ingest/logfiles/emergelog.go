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
	// CodeLogRewritten is a log whose beginning is not the one that was read,
	// while its first lines are older than the last that were.
	CodeLogRewritten = "log-rewritten"
	// CodeLogIgnored is a rotated log that begins before all that was read, found
	// when some of that is gone, so that nothing can be read anew.
	CodeLogIgnored = "log-ignored"
	// CodeLogDamage counts the pieces of damage beyond those that are kept.
	CodeLogDamage = "log-damage"
	// CodeLogForeign is a file with the name of a log that has no line of one.
	CodeLogForeign = "log-foreign"
	// CodeLogUndecoded is a compressed log that cannot be decompressed.
	CodeLogUndecoded = "log-undecodable"
)

// logPart is one file of the log with what is to be read of it.
type logPart struct {
	segment logs.Segment
	print   logPrint
	file    *logFile // nil where it is gone
	tail    []byte   // what lies before the bookmark, where that was compared
	fresh   bool     // not known before
	read    bool     // something of it is part of the log
	foreign bool     // none of its lines is one of emerge.log
	diags   []parse.Diagnostic
}

// reader reads the sources of this package.
type reader struct{ *ingest.Reader }

// EmergeLog is the source of emerge.log and of the files rotated away.
func EmergeLog(r *ingest.Reader) ingest.Source {
	return ingest.Source{Kind: store.SourceEmergeLog, Path: r.Settings.EmergeLog(), Read: reader{r}.emergeLog}
}

// CheckGiven returns an error about a log in Options.Logs that is missing.
func CheckGiven(r *ingest.Reader) error {
	_, err := reader{r}.givenLogs()
	return err
}

// emergeLog reads what is new in emerge.log and in the files that were rotated
// away. All of them are one log: a run, and a merge, may begin in one and end in
// the next.
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
		// A file that can no longer be opened costs its own lines, not the command.
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

// unchangedLog reports that every file is as it was when it was read, and that no
// other is there.
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

// isSegment reports that f is the file of a segment, as it was when it was read.
func isSegment(s *logs.Segment, f *logFile) bool {
	return s.Condition == store.ConditionRead && s.Dev == f.Dev && s.Inode == f.Inode && s.Size == f.Size && s.MTimeNS == f.MTimeNS
}

// logPlan is what is to be done with the files of the log.
type logPlan struct {
	parts []*logPart // in the order in which they were written
	// idle are files that have nothing new: copies, empty files, and what is older
	// than all that was read when some of that is gone. They are judged again when
	// they change.
	idle []*logPart
	gone []int64 // segments of files that were idle, and are no more
	anew bool    // everything is read from the beginning
}

// planLog identifies the files by their content, because their names change, and
// orders them by the time of writing.
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
			// What cannot be decompressed is no reason to leave the others.
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

// takeIdle keeps idle the known files that were so and did not change.
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

// addFresh adds unknown files to a log that was read in part before.
func (r reader) addFresh(plan *logPlan, fresh []*logPart) {
	last := plan.parts[len(plan.parts)-1]
	older := slices.ContainsFunc(fresh, func(p *logPart) bool {
		return !p.file.current && p.file.firstAt != 0 && p.file.firstAt < last.segment.FirstAt
	})
	if older && !slices.ContainsFunc(plan.parts, func(p *logPart) bool { return p.file == nil }) {
		// An older file has come to light, and all others are still there.
		plan.parts, plan.anew = append(plan.parts, fresh...), true
		r.sort(plan.parts)
		return
	}
	plan.parts = append(plan.parts, fresh...)
}

// sort puts files in the order in which they were written. The one that Portage
// writes to is the last, also where the clock was set back before it began, but
// not where it has the lines of another one after its own first.
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

// findParts finds the files that hold what was read before: the same file, or
// one with the same bytes. Only the last part can go on. Where a file has more
// than an older part had, that is what other parts had, or new: the file is
// judged as one that was not known.
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

// findPart takes for a part the file that begins with what was read of it, if it
// can under the same inode.
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

// storeLog stores the bookmarks and the damage.
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
