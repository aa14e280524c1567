package logfiles

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/parse"
	"emaudit/parse/emergelog"
	"emaudit/store"
	"emaudit/store/logs"
)

// logReading reads a log. One goroutine parses, and the goroutine that owns the
// transaction stores.
type logReading struct {
	reader
	plan    *logPlan
	parser  *emergelog.Parser
	lastAt  int64
	batch   logBatch
	batches chan logBatch
	bytes   int64
	open    emergelog.Open
	state   []byte
}

// logBatch is a number of records for the store: pointers, and damage.
type logBatch []any

// batchSize is the number of records in a batch.
const batchSize = 512

// place updates the bookmark of each part, and numbers the new parts in the whole log.
func (l *logReading) place() {
	for _, p := range l.plan.idle {
		l.identify(p)
	}
	next := 0
	for _, p := range l.plan.parts {
		s := &p.segment
		if p.fresh || l.plan.anew {
			s.Part = next
			if l.readHead(p.file) == nil {
				s.FirstAt = p.file.firstAt
			}
		}
		s.Host, s.Kind = l.ID, store.SourceOldEmergeLog
		if p.file != nil {
			l.identify(p)
		} else {
			s.Condition = store.ConditionMissing
			if gone := fmt.Sprintf(" (gone, part %d of the log)", s.Part+1); !strings.HasSuffix(s.Path, gone) {
				s.Path += gone
			}
		}
		next = s.Part + 1
	}
}

// putSegments stores the bookmarks of the files. It is called before the reading,
// because the records refer to them, and again after the reading.
func (l *logReading) putSegments(tx *store.Tx) error {
	if err := logs.ForgetSegments(tx, l.plan.gone); err != nil {
		return err
	}
	l.plan.gone = nil
	all := slices.Concat(l.plan.parts, l.plan.idle)
	segments := make([]logs.Segment, len(all))
	for i, p := range all {
		segments[i] = p.segment
	}
	err := logs.PutSegments(tx, l.ID, segments)
	for i, p := range all {
		p.segment.ID = segments[i].ID
	}
	return err
}

// part returns the part with that number.
func (l *logReading) part(number int) *logPart {
	i := slices.IndexFunc(l.plan.parts, func(p *logPart) bool { return p.segment.Part == number })
	return l.plan.parts[i]
}

// setIdle makes the parts idle of which no line belongs to the log.
func (l *logReading) setIdle() {
	l.plan.parts = slices.DeleteFunc(l.plan.parts, func(p *logPart) bool {
		if !p.read {
			l.plan.setAside(p)
		}
		return !p.read
	})
}

// identify copies the identity of a file into its bookmark.
func (l *logReading) identify(p *logPart) {
	s, f := &p.segment, p.file
	s.Host, s.Kind = l.ID, store.SourceOldEmergeLog
	if f.current {
		s.Kind = store.SourceEmergeLog
	}
	s.Path, s.Dev, s.Inode, s.Size, s.MTimeNS = f.path, f.Dev, f.Inode, f.Size, f.MTimeNS
	s.Condition, s.Problem, s.ReadAt = store.ConditionRead, "", l.Now
}

// run parses the parts and stores the records with the writer that it returns. While
// the first lines are parsed, the writer reads the stored rows that it will change.
func (l *logReading) run(ctx context.Context, open func() (*logs.EmergeLogWriter, error)) (*logs.EmergeLogWriter, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parsed := make(chan error, 1)
	go func() {
		err := l.parse(ctx)
		l.send()
		close(l.batches)
		parsed <- err
	}()
	writer, err := open()
	if err != nil {
		// The goroutine uses the parts until it ends.
		cancel()
		for range l.batches {
		}
		return nil, err
	}
	for batch := range l.batches {
		batch.store(writer)
	}
	return writer, <-parsed
}

// parse reads every part from its bookmark.
func (l *logReading) parse(ctx context.Context) error {
	total := int64(0)
	for _, p := range l.plan.parts {
		if p.file != nil {
			total += max(0, p.file.Size-p.segment.Position)
		}
	}
	meter := l.StartProgress("emerge.log", total, true)
	defer meter.Done()
	for i, p := range l.plan.parts {
		if p.file == nil || len(p.diags) > 0 {
			continue
		}
		complete := i < len(l.plan.parts)-1
		if err := l.parsePart(ctx, p, complete, meter); err != nil {
			return err
		}
	}
	var err error
	if l.open, err = l.parser.Open(); err != nil {
		return err
	}
	l.state, err = l.parser.MarshalBinary()
	return err
}

func (l *logReading) parsePart(ctx context.Context, p *logPart, complete bool, meter ingest.Meter) error {
	log, err := l.openLog(p.file)
	if err != nil {
		p.diags = append(p.diags, parse.Diagnosef(0, CodeLogUndecoded, "%v", err))
		return nil
	}
	defer log.Close()
	if l.overlaps(p) {
		if err := l.skipKnown(log, p); err != nil {
			return err
		}
		log.Close()
		if log, err = l.openLog(p.file); err != nil {
			return err
		}
		defer log.Close()
	}
	if err := seek(log, p.segment.Position); err != nil {
		return err
	}
	from := emergelog.Position{Source: p.segment.Part, Offset: p.segment.Position}
	tail := &tailReader{Reader: &meteredReader{ctx, &bounded{log, maxLog - from.Offset}, meter}, kept: p.tail, end: from.Offset}
	before := l.parser.LastTime()
	to, err := l.parser.Read(ctx, tail, from, complete)
	l.bytes += to.Offset - from.Offset
	p.segment.Position = to.Offset
	if to.Offset > from.Offset {
		p.read = true
		p.foreign = from.Offset == 0 && p.file.firstAt == 0 && l.parser.LastTime() == before
		p.print.setTail(tail.before(to.Offset), l.parser.LastTime())
		if l.readHead(p.file) == nil {
			p.print.head = digestOf(p.file.head[:min(int64(len(p.file.head)), to.Offset)])
		}
		p.segment.Fingerprint = p.print.marshal()
	}
	if err != nil && ctx.Err() == nil && !isPathError(err) {
		// A compressed file can be cut off. The lines before that count.
		p.diags = append(p.diags, parse.Diagnosef(to.Offset, CodeLogUndecoded, "%v", err))
		return nil
	}
	return err
}

func isPathError(err error) bool {
	var e *hostfs.PathError
	return errors.As(err, &e)
}

// skipKnown moves the bookmark of a log with a new beginning behind the lines that are
// not newer than the last line read.
func (l *logReading) skipKnown(log io.Reader, p *logPart) error {
	lastAt := l.parser.LastTime()
	var known []uint64
	for _, part := range l.plan.parts {
		known = append(known, part.print.lines...)
	}
	offset, err := emergelog.OffsetAfter(log, lastAt, func(line []byte) bool { return known == nil || slices.Contains(known, lineDigest(line)) })
	if err != nil {
		return err
	}
	p.segment.Position = offset
	switch {
	case l.plan.anew:
	case !p.file.current && p.file.firstAt < l.plan.parts[0].segment.FirstAt:
		p.diags = append(p.diags, parse.Diagnosef(0, CodeLogIgnored, "older than what was read before, part of which is gone; lines up to the time of the last line read, %d, are passed over", lastAt))
	case p.file.firstAt < lastAt:
		p.diags = append(p.diags, parse.Diagnosef(0, CodeLogRewritten, "not the log that was read before; lines up to the time of the last line read, %d, are passed over", lastAt))
	}
	return nil
}

// overlaps reports whether a new file has lines that were read from another file: it
// begins before the last line read, and an earlier file has its first line. A deleted
// file is assumed to have had it.
func (l *logReading) overlaps(p *logPart) bool {
	lastAt := l.parser.LastTime()
	if l.readHead(p.file) != nil {
		return false
	}
	if !p.fresh && !l.plan.anew || p.file.firstAt == 0 || p.file.firstAt > lastAt {
		return false
	}
	first := p.file.firstLine()
	for _, other := range l.plan.parts {
		switch {
		case other == p:
			return false
		case other.file == nil && p.file.firstAt <= l.lastAt, other.read && other.file != nil && l.hasLine(other.file, first):
			return true
		}
	}
	return false
}

// hasLine reports whether a file has a line.
func (r reader) hasLine(f *logFile, wanted []byte) bool {
	log, err := r.openLog(f)
	if err != nil {
		return false
	}
	defer log.Close()
	lines := bufio.NewReaderSize(log, compareSize)
	for {
		line, err := lines.ReadSlice('\n')
		if bytes.Equal(bytes.TrimSuffix(line, []byte("\n")), wanted) {
			return true
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false
		}
	}
}

// seek moves to an offset. It reads a compressed log up to that offset.
func seek(log io.Reader, offset int64) error {
	if offset == 0 {
		return nil
	}
	if s, ok := log.(io.Seeker); ok {
		_, err := s.Seek(offset, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, log, offset)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// The methods of [emergelog.Sink] collect a batch.

// Merge is of [emergelog.Sink].
func (l *logReading) Merge(m emergelog.Merge) { l.add(&m) }

// Unmerge is of [emergelog.Sink].
func (l *logReading) Unmerge(u emergelog.Unmerge) { l.add(&u) }

// Sync is of [emergelog.Sink].
func (l *logReading) Sync(s emergelog.Sync) { l.add(&s) }

// Run is of [emergelog.Sink].
func (l *logReading) Run(r emergelog.Run) { l.add(&r) }

// Damage is of [emergelog.Sink].
func (l *logReading) Damage(d emergelog.Damage) { l.add(d) }

func (l *logReading) add(record any) {
	if l.batch = append(l.batch, record); len(l.batch) == batchSize {
		l.send()
	}
}

func (l *logReading) send() {
	l.batches <- l.batch
	l.batch = nil
}

// store stores the records of a batch.
func (b logBatch) store(w *logs.EmergeLogWriter) {
	for _, record := range b {
		switch r := record.(type) {
		case *emergelog.Merge:
			w.Merge(r)
		case *emergelog.Unmerge:
			w.Unmerge(r)
		case *emergelog.Sync:
			w.Sync(r)
		case *emergelog.Run:
			w.Run(r)
		case emergelog.Damage:
			w.Damage(r)
		}
	}
}
