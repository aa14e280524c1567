package logs

import (
	"database/sql"
	"fmt"
	"path"
	"strings"

	"emaudit/parse/mergelog"
	"emaudit/store"
)

// ElogMessage is one group of elog lines of a package, with one class and phase.
type ElogMessage struct {
	ID     int64
	File   int64
	Path   string // inside the root
	Offset int64  // bytes

	CPV         string
	SavedAt     int64 // unix seconds
	PID         int   // of emerge; 0 means unknown
	Class       mergelog.Class
	Phase       mergelog.Phase
	Lines       []string
	Interleaved bool // it may belong to another package

	FirstSeenAt int64 // time of the ingest that found it, in unix seconds
	ReadAt      int64 // time at which it was marked as read, in unix seconds; 0 means unread
}

// ElogBlock is the text that elog saved for a package at one time.
type ElogBlock struct {
	File        int64
	Origin      mergelog.Source // SourceElog or SourceElogSummary
	CPV         string
	SavedAt     int64
	PID         int
	Interleaved bool
	Messages    []mergelog.Message
}

// elogSlack is the largest difference, in seconds, between the times at which two
// elog modules save the same message.
const elogSlack = 60

// ForgetElog deletes the messages of a file from offset on, so that this part of
// the file can be read again.
func ForgetElog(tx *store.Tx, file, offset int64) error {
	_, err := tx.Exec("DELETE FROM elog_message WHERE file = ? AND offset >= ?", file, offset)
	return err
}

// AddElog stores a block and returns the number of new messages. It does not store
// a message again that another file has for the same time: the modules "save" and
// "save_summary" write the same messages, and logrotate renames the summary.
func AddElog(tx *store.Tx, host store.HostID, b *ElogBlock, now int64) (added int, err error) {
	cpv, err := tx.CPVID(b.CPV)
	if err != nil {
		return 0, fmt.Errorf("elog %s: %w", b.CPV, err)
	}
	for _, m := range joinGroups(b.Messages) {
		text := strings.Join(m.Lines, "\n")
		var known int
		err := tx.QueryRow(`SELECT count(*) FROM elog_message WHERE host = ? AND cpv = ? AND saved_at BETWEEN ? AND ? AND class = ? AND phase = ? AND text = ?
				AND (origin <> ? OR saved_at = ?)`,
			host, cpv, b.SavedAt-elogSlack, b.SavedAt+elogSlack, m.Class, m.Phase, text, b.Origin, b.SavedAt).Scan(&known)
		if err != nil {
			return added, fmt.Errorf("elog %s: %w", b.CPV, err)
		}
		if known > 0 {
			continue
		}
		if _, err := tx.Exec(`INSERT INTO elog_message (host, file, offset, origin, cpv, saved_at, pid, class, phase, text, interleaved, first_seen_at, read_at)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
			host, b.File, m.Offset, b.Origin, cpv, b.SavedAt, b.PID, m.Class, m.Phase, text, b.Interleaved, now); err != nil {
			return added, fmt.Errorf("elog %s: %w", b.CPV, err)
		}
		added++
	}
	return added, nil
}

// joinGroups joins the groups of one class and phase. A module that omits a class
// (PORTAGE_ELOG_SYSTEM) joins the text before and after it, so only the joined text
// is the same in all files.
func joinGroups(groups []mergelog.Message) []mergelog.Message {
	type key struct {
		class mergelog.Class
		phase mergelog.Phase
	}
	var joined []mergelog.Message
	at := map[key]int{}
	for _, g := range groups {
		k := key{g.Class, g.Phase}
		if i, ok := at[k]; ok {
			joined[i].Lines = append(joined[i].Lines[:len(joined[i].Lines):len(joined[i].Lines)], g.Lines...)
			continue
		}
		at[k] = len(joined)
		joined = append(joined, g)
	}
	return joined
}

// ElogQuery selects messages. The zero value selects all messages of a host.
type ElogQuery struct {
	CP      string           // category/pn
	Since   int64            // saved at or after this time, in unix seconds
	Until   int64            // saved at or before this time, in unix seconds; 0 means no limit
	Classes []mergelog.Class // nil means all
	Unread  bool             // only messages that are not marked as read
}

func (q ElogQuery) where(host store.HostID) (string, []any) {
	condition, args := "m.host = ?", []any{host}
	add := func(c string, arg ...any) {
		condition += " AND " + c
		args = append(args, arg...)
	}
	if q.CP != "" {
		add("m.cpv IN (SELECT v.id FROM cpv v JOIN cp p ON p.id = v.cp WHERE p.value = ?)", q.CP)
	}
	if q.Since != 0 {
		add("m.saved_at >= ?", q.Since)
	}
	if q.Until != 0 {
		add("m.saved_at <= ?", q.Until)
	}
	if q.Unread {
		add("m.read_at = 0")
	}
	if q.Classes != nil {
		places := make([]string, len(q.Classes))
		values := make([]any, len(q.Classes))
		for i, c := range q.Classes {
			places[i], values[i] = "?", c
		}
		add("m.class IN ("+strings.Join(places, ", ")+")", values...)
	}
	return condition, args
}

// ElogMessages returns messages in the order of saving.
func ElogMessages(tx *store.Tx, host store.HostID, q ElogQuery) ([]ElogMessage, error) {
	where, args := q.where(host)
	var all []ElogMessage
	err := tx.Query(func(rows *sql.Rows) error {
		var m ElogMessage
		var dir, name, text string
		if err := rows.Scan(&m.ID, &m.File, &dir, &name, &m.Offset, &m.CPV, &m.SavedAt, &m.PID, &m.Class, &m.Phase, &text, &m.Interleaved, &m.FirstSeenAt, &m.ReadAt); err != nil {
			return err
		}
		m.ID = store.LocalID(m.ID)
		m.Path, m.Lines = path.Join(dir, name), strings.Split(text, "\n")
		all = append(all, m)
		return nil
	}, `SELECT m.id, m.file, s.path, o.path, m.offset, c.value, m.saved_at, m.pid, m.class, m.phase, m.text, m.interleaved, m.first_seen_at, m.read_at
		FROM elog_message m JOIN output_file o ON o.id = m.file JOIN source s ON s.id = o.source JOIN cpv c ON c.id = m.cpv
		WHERE `+where+" ORDER BY m.saved_at, m.id", args...)
	return all, err
}

// MarkElogRead marks messages as read. It returns the number of messages that were
// unread.
func MarkElogRead(tx *store.Tx, host store.HostID, ids []int64, now int64) (marked int64, err error) {
	for _, id := range ids {
		res, err := tx.Exec("UPDATE elog_message SET read_at = ? WHERE host = ? AND id = ? AND read_at = 0", now, host, id)
		if err != nil {
			return marked, fmt.Errorf("mark messages read: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return marked, err
		}
		marked += n
	}
	return marked, nil
}
