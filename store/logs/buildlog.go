package logs

import (
	"database/sql"
	"fmt"
	"path"
	"strconv"
	"strings"

	"emaudit/parse"
	"emaudit/parse/mergelog"
	"emaudit/parse/mergelog/cause"
	"emaudit/store"
)

// BuildLog is the stored content of one build log.
type BuildLog struct {
	File int64  // id of the [OutputFile]
	Path string // inside the root, unless Outside
	// Outside says that it is part of a captured session, a file of the machine that
	// emaudit runs on.
	Outside bool
	GoneAt  int64 // unix seconds; 0 means that the file exists

	CPV           string // from the name, or from the header of a file without one
	NameAmbiguous bool
	PreparedAt    int64 // time in the name, in unix seconds; 0 means none
	WrittenAt     int64 // mtime of the file, in unix seconds

	// Log is the record. Its Diagnostics are stored with the source. Only QANotices
	// and OutputPaths return its Notices and paths.
	Log mergelog.BuildLog
}

// At returns the time that orders build logs: the time in the name, or that of the
// last write.
func (b *BuildLog) At() int64 {
	if b.PreparedAt != 0 {
		return b.PreparedAt
	}
	return b.WrittenAt
}

// PutBuildLog stores the content of the log in b.File, and replaces earlier content
// of that file.
func PutBuildLog(tx *store.Tx, host store.HostID, b *BuildLog) error {
	if err := putBuildLog(tx, host, b); err != nil {
		return fmt.Errorf("build log %s: %w", b.Path, err)
	}
	return nil
}

func putBuildLog(tx *store.Tx, host store.HostID, b *BuildLog) error {
	if err := forgetBuildLog(tx, b.File); err != nil {
		return err
	}
	cpv, err := tx.CPVID(b.CPV)
	if err != nil {
		return err
	}
	log := &b.Log
	use, err := tx.TextID(strings.Join(log.USE, " "))
	if err != nil {
		return err
	}
	features, err := tx.TextID(strings.Join(log.Features, " "))
	if err != nil {
		return err
	}
	usage := parse.UnknownUsage
	if log.Usage != nil {
		usage = *log.Usage
	}
	if _, err := tx.Exec(`INSERT INTO build_log (file, host, cpv, name_ambiguous, prepared_at, written_at, kind, outcome, slot, repo, use_flags, features,
			attempts, phases, tests_failed, build_dir_size, installed_size, cpu_millis, memory_peak, swap_peak, read_bytes, write_bytes,
			binpkg_created, text_size, line_count) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.File, host, cpv, b.NameAmbiguous, b.PreparedAt, b.WrittenAt, log.Kind, log.Outcome, log.Slot, log.Repository, use, features,
		log.Attempts, packPhases(log.Phases), log.TestsFailed, log.BuildDirBytes, log.InstalledBytes, usage.CPUMillis, usage.MaxMem, usage.MaxSwap, usage.Read, usage.Written,
		log.BinpkgCreated, log.Size, log.Lines); err != nil {
		return err
	}
	if f := log.Failure; f != nil {
		if _, err := tx.Exec(`INSERT INTO build_failure (file, offset, phase, message, call_stack, snippet, working_dir, cause, cause_offset, cause_line, excerpt)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			b.File, f.Offset, f.Phase, f.Message, packFrames(f.CallStack), strings.Join(f.Snippet, "\n"), f.WorkingDir,
			f.Cause.Class, f.Cause.Offset, f.Cause.Line, strings.Join(f.Cause.Excerpt, "\n")); err != nil {
			return err
		}
	}
	for i, n := range log.Notices {
		if _, err := tx.Exec("INSERT INTO qa_notice (file, seq, class, at_runtime, offset, title, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
			b.File, i+1, n.Class, n.BreaksAtRuntime, n.Offset, n.Title, strings.Join(n.Details, "\n")); err != nil {
			return err
		}
	}
	if err := putOutputPaths(tx, b.File, PathConfigUpdate, log.ConfigUpdates); err != nil {
		return err
	}
	return putOutputPaths(tx, b.File, PathPreservedLibrary, log.PreservedLibs)
}

// forgetBuildLog deletes the stored content of a log.
func forgetBuildLog(tx *store.Tx, file int64) error {
	var known int
	if err := tx.QueryRow("SELECT count(*) FROM build_log WHERE file = ?", file).Scan(&known); err != nil || known == 0 {
		return err
	}
	for _, table := range []string{"build_log", "build_failure", "qa_notice", "output_path"} {
		if _, err := tx.Exec("DELETE FROM "+table+" WHERE file = ?", file); err != nil {
			return err
		}
	}
	return nil
}

func putOutputPaths(tx *store.Tx, file int64, role string, paths []string) error {
	for _, p := range paths {
		if _, err := tx.Exec("INSERT INTO output_path (file, role, path) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", file, role, p); err != nil {
			return err
		}
	}
	return nil
}

// BuildLogQuery selects build logs. The zero value selects all logs of a host.
type BuildLogQuery struct {
	CP     string // category/pn
	Since  int64  // prepared or written at or after this time, in unix seconds
	Failed bool   // only logs with a failure
}

// where returns the condition on build_log l, cpv c and its arguments.
func (q BuildLogQuery) where(host store.HostID) (string, []any) {
	condition, args := "l.host = ?", []any{host}
	if q.CP != "" {
		condition += " AND c.cp IN (SELECT id FROM cp WHERE value = ?)"
		args = append(args, q.CP)
	}
	if q.Since != 0 {
		condition += " AND (l.prepared_at >= ? OR l.written_at >= ?)"
		args = append(args, q.Since, q.Since)
	}
	if q.Failed {
		condition += " AND l.file IN (SELECT file FROM build_failure)"
	}
	return condition, args
}

// BuildLogs returns build logs, oldest first, without notices and paths.
func BuildLogs(tx *store.Tx, host store.HostID, q BuildLogQuery) ([]BuildLog, error) {
	where, args := q.where(host)
	var all []BuildLog
	err := tx.Query(func(rows *sql.Rows) error {
		b, err := scanBuildLog(rows)
		all = append(all, b)
		return err
	}, `SELECT l.file, s.path, s.kind = ?, o.path, o.gone_at, c.value, l.name_ambiguous, l.prepared_at, l.written_at, l.kind, l.outcome, l.slot, l.repo, u.value, e.value,
			l.attempts, l.phases, l.tests_failed, l.build_dir_size, l.installed_size, l.cpu_millis, l.memory_peak, l.swap_peak, l.read_bytes, l.write_bytes,
			l.binpkg_created, l.text_size, l.line_count,
			f.offset, f.phase, f.message, f.call_stack, f.snippet, f.working_dir, f.cause, f.cause_offset, f.cause_line, f.excerpt
		FROM build_log l JOIN output_file o ON o.id = l.file JOIN source s ON s.id = o.source JOIN cpv c ON c.id = l.cpv
			JOIN text u ON u.id = l.use_flags JOIN text e ON e.id = l.features LEFT JOIN build_failure f ON f.file = l.file
		WHERE `+where+" ORDER BY CASE WHEN l.prepared_at <> 0 THEN l.prepared_at ELSE l.written_at END, l.file", append([]any{store.SourceCapture}, args...)...)
	return all, err
}

func scanBuildLog(rows *sql.Rows) (BuildLog, error) {
	var b BuildLog
	var dir, name, use, features, phases string
	var usage parse.Usage
	var offset, causeOffset sql.NullInt64
	var phase, message, stack, snippet, workingDir, class, causeLine, excerpt sql.NullString
	log := &b.Log
	err := rows.Scan(&b.File, &dir, &b.Outside, &name, &b.GoneAt, &b.CPV, &b.NameAmbiguous, &b.PreparedAt, &b.WrittenAt, &log.Kind, &log.Outcome, &log.Slot, &log.Repository, &use, &features,
		&log.Attempts, &phases, &log.TestsFailed, &log.BuildDirBytes, &log.InstalledBytes, &usage.CPUMillis, &usage.MaxMem, &usage.MaxSwap, &usage.Read, &usage.Written,
		&log.BinpkgCreated, &log.Size, &log.Lines,
		&offset, &phase, &message, &stack, &snippet, &workingDir, &class, &causeOffset, &causeLine, &excerpt)
	if err != nil {
		return b, err
	}
	b.Path = path.Join(dir, name)
	log.CPV, log.USE, log.Features, log.Phases = b.CPV, strings.Fields(use), strings.Fields(features), unpackPhases(phases)
	if usage != parse.UnknownUsage {
		log.Usage = &usage
	}
	if offset.Valid {
		log.Failure = &mergelog.Failure{
			Offset: offset.Int64, CPV: b.CPV, Phase: mergelog.Phase(phase.String), Message: message.String,
			CallStack: unpackFrames(stack.String), Snippet: splitLines(snippet.String), WorkingDir: workingDir.String,
			Cause: mergelog.Cause{Class: cause.Class(class.String), Offset: causeOffset.Int64, Line: causeLine.String, Excerpt: splitLines(excerpt.String)},
		}
	}
	return b, nil
}

// BuildLogStamp identifies the build of a log.
type BuildLogStamp struct {
	File       int64
	CPV        string
	PreparedAt int64 // unix seconds; 0 means unknown
}

// SourceBuilds returns the stamps of the logs of builds from source, oldest first.
func SourceBuilds(tx *store.Tx, host store.HostID) ([]BuildLogStamp, error) {
	return store.All(tx, func(s *BuildLogStamp) []any { return []any{&s.File, &s.CPV, &s.PreparedAt} },
		"SELECT l.file, c.value, l.prepared_at FROM build_log l JOIN cpv c ON c.id = l.cpv WHERE l.host = ? AND l.kind = ? ORDER BY l.prepared_at, l.file", host, mergelog.KindSource)
}

// BuildPeak is the largest disk space and memory of a package's builds, -1 if no
// log has it.
type BuildPeak struct {
	CP            string
	Builds        int
	BuildDirBytes int64
	MemoryPeak    int64
	CPUMillis     int64
}

// BuildPeaks returns the peaks of all packages, largest build directory first.
func BuildPeaks(tx *store.Tx, host store.HostID) ([]BuildPeak, error) {
	return store.All(tx, func(p *BuildPeak) []any {
		return []any{&p.CP, &p.Builds, &p.BuildDirBytes, &p.MemoryPeak, &p.CPUMillis}
	},
		`SELECT p.value, count(*), max(l.build_dir_size), max(l.memory_peak), max(l.cpu_millis) FROM build_log l JOIN cpv c ON c.id = l.cpv JOIN cp p ON p.id = c.cp
		WHERE l.host = ? AND l.kind = ? AND (l.build_dir_size >= 0 OR l.memory_peak >= 0) GROUP BY p.value ORDER BY 3 DESC, 4 DESC, 1`, host, mergelog.KindSource)
}

// QANotice is a notice with its log.
type QANotice struct {
	mergelog.QANotice
	File int64
	CPV  string
	Path string // of the log, inside the root
	At   int64  // of the log, unix seconds
}

// QANotices returns the notices of build logs, oldest log first.
func QANotices(tx *store.Tx, host store.HostID, q BuildLogQuery) ([]QANotice, error) {
	where, args := q.where(host)
	var all []QANotice
	err := tx.Query(func(rows *sql.Rows) error {
		var n QANotice
		var dir, name, details string
		if err := rows.Scan(&n.File, &n.CPV, &dir, &name, &n.At, &n.Class, &n.BreaksAtRuntime, &n.Offset, &n.Title, &details); err != nil {
			return err
		}
		n.Path, n.Details = path.Join(dir, name), splitLines(details)
		all = append(all, n)
		return nil
	}, `SELECT n.file, c.value, s.path, o.path, CASE WHEN l.prepared_at <> 0 THEN l.prepared_at ELSE l.written_at END, n.class, n.at_runtime, n.offset, n.title, n.details
		FROM qa_notice n JOIN build_log l ON l.file = n.file JOIN output_file o ON o.id = n.file JOIN source s ON s.id = o.source JOIN cpv c ON c.id = l.cpv
		WHERE `+where+" ORDER BY 5, n.file, n.seq", args...)
	return all, err
}

// The roles of paths in build logs.
const (
	PathConfigUpdate     = "config-update"
	PathPreservedLibrary = "preserved-library"
)

// OutputPath is a path in a build log.
type OutputPath struct {
	File int64
	CPV  string
	At   int64  // of the log, unix seconds
	Role string // [PathConfigUpdate] or [PathPreservedLibrary]
	Path string
}

// OutputPaths returns the paths in build logs.
func OutputPaths(tx *store.Tx, host store.HostID, q BuildLogQuery) ([]OutputPath, error) {
	where, args := q.where(host)
	return store.All(tx, func(p *OutputPath) []any { return []any{&p.File, &p.CPV, &p.At, &p.Role, &p.Path} },
		`SELECT p.file, c.value, CASE WHEN l.prepared_at <> 0 THEN l.prepared_at ELSE l.written_at END, p.role, p.path
			FROM output_path p JOIN build_log l ON l.file = p.file JOIN cpv c ON c.id = l.cpv
			WHERE `+where+" ORDER BY 3, p.file, p.role, p.path", args...)
}

func packPhases(phases []mergelog.PhaseStart) string {
	var b strings.Builder
	for i, p := range phases {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(p.Phase) + "@" + strconv.FormatInt(p.Offset, 10))
	}
	return b.String()
}

func unpackPhases(packed string) []mergelog.PhaseStart {
	var phases []mergelog.PhaseStart
	for word := range strings.FieldsSeq(packed) {
		phase, offset, _ := strings.Cut(word, "@")
		n, err := strconv.ParseInt(offset, 10, 64)
		if err == nil {
			phases = append(phases, mergelog.PhaseStart{Phase: mergelog.Phase(phase), Offset: n})
		}
	}
	return phases
}

func packFrames(frames []mergelog.Frame) string {
	lines := make([]string, len(frames))
	for i, f := range frames {
		lines[i] = f.File + "\t" + strconv.Itoa(f.Line) + "\t" + f.Call
	}
	return strings.Join(lines, "\n")
}

func unpackFrames(packed string) []mergelog.Frame {
	var frames []mergelog.Frame
	for _, line := range splitLines(packed) {
		file, rest, _ := strings.Cut(line, "\t")
		number, call, _ := strings.Cut(rest, "\t")
		n, _ := strconv.Atoi(number) // packPhases wrote a valid number
		frames = append(frames, mergelog.Frame{File: file, Line: n, Call: call})
	}
	return frames
}

// splitLines is the inverse of joining lines with newlines. "" has no lines.
func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
