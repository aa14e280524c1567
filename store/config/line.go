package config

import (
	"database/sql"
	"fmt"
	"slices"

	"emaudit/parse/userconf"
	"emaudit/store"
)

// The kinds of lines that come from no single list.
const (
	// LineSetting is a variable with its value. The subject "make.profile" is the
	// folder of the profile.
	LineSetting Kind = "setting"
	// LineSet is a member of a package set. The subject is the set without its at
	// sign. The value is an atom, or another set with its at sign. Each set also
	// has a line with an empty value, so that empty sets are known.
	LineSet Kind = "set"
	// LineSetUnknown is a set whose members only Portage can determine. The value
	// says why.
	LineSetUnknown Kind = "set-unknown"
	// LineProvided is a cpv in package.provided, which Portage assumes to be
	// installed.
	LineProvided Kind = "provided"
)

// Line is one line of Portage's configuration.
type Line struct {
	Kind    Kind
	Layer   string // [LayerProfile] and its like
	Subject string // the variable, the set, the cpv or the atom
	Value   string // the value, the member, the flags
	Origin  string // file:line inside the root, or another source
	Since   int64  // time since which it applies, as far as known, in unix seconds
	Until   int64  // time until which it applied; 0 means that it applies now
}

type storedLine struct {
	id, position int64
	Line
}

// Lines returns the current lines of the given kinds, by kind and in the order in
// which Portage reads them.
func Lines(tx *store.Tx, host store.HostID, kinds ...Kind) ([]Line, error) {
	return linesWhen(tx, host, "until IS NULL", kinds)
}

// LinesDuring returns the lines of the given kinds that applied at the begin of a
// state, which lasted between two times in unix seconds. If the state began before the
// first ingest and ended after it, the lines of that ingest are returned. If it ended
// before the first ingest, known is false, because nothing is stored about that time.
func LinesDuring(tx *store.Tx, host store.HostID, from, to int64, kinds ...Kind) (lines []Line, known bool, err error) {
	var first sql.NullInt64
	if err := tx.QueryRow("SELECT min(since) FROM config_line WHERE host = ?", host).Scan(&first); err != nil {
		return nil, false, err
	}
	if !first.Valid || to < first.Int64 {
		return nil, false, nil
	}
	at := max(from, first.Int64)
	lines, err = linesWhen(tx, host, "since <= ? AND (until IS NULL OR until > ?)", kinds, at, at)
	return lines, err == nil, err
}

func linesWhen(tx *store.Tx, host store.HostID, when string, kinds []Kind, args ...any) ([]Line, error) {
	stored, err := storedLines(tx, host, when, kinds, args...)
	lines := make([]Line, len(stored))
	for i := range stored {
		lines[i] = stored[i].Line
	}
	return lines, err
}

func storedLines(tx *store.Tx, host store.HostID, when string, kinds []Kind, args ...any) ([]storedLine, error) {
	in, of := anyOf(kinds)
	return store.All(tx, func(l *storedLine) []any {
		return []any{&l.id, &l.position, &l.Kind, &l.Layer, &l.Subject, &l.Value, &l.Origin, &l.Since, &l.Until}
	},
		"SELECT id, position, kind, layer, subject, value, origin, since, coalesce(until, 0) FROM config_line WHERE host = ? AND kind IN "+in+
			" AND "+when+" ORDER BY kind, position, id", slices.Concat([]any{host}, of, args)...)
}

// PutLines replaces the current lines of the given kinds. changedAt returns,
// by the origin of a line, the time at which a new line began or a removed line
// ceased to apply. A line that only moved, within a file or to another file, stays
// current.
func PutLines(tx *store.Tx, host store.HostID, kinds []Kind, lines []Line, changedAt func(origin string) int64) (changed bool, err error) {
	stored, err := storedLines(tx, host, "until IS NULL", kinds)
	if err != nil {
		return false, err
	}
	type content struct {
		kind                  Kind
		layer, subject, value string
	}
	contentOf := func(l *Line) content { return content{l.Kind, l.Layer, l.Subject, l.Value} }
	known := map[content][]*storedLine{}
	for i := range stored {
		c := contentOf(&stored[i].Line)
		known[c] = append(known[c], &stored[i])
	}
	b := tx.Bulk("config_line", "host", "kind", "layer", "subject", "value", "origin", "position", "since")
	for i := range lines {
		l := &lines[i]
		if !slices.Contains(kinds, l.Kind) {
			return false, fmt.Errorf("configuration line %s: kind %s is not among those that are replaced", l.Origin, l.Kind)
		}
		c := contentOf(l)
		if same := known[c]; len(same) > 0 {
			old := same[0]
			known[c] = same[1:]
			if old.Origin != l.Origin || old.position != int64(i) {
				if _, err := tx.Exec("UPDATE config_line SET origin = ?, position = ? WHERE id = ?", l.Origin, i, old.id); err != nil {
					return false, err
				}
			}
			continue
		}
		changed = true
		if err := b.Add(host, string(l.Kind), l.Layer, l.Subject, l.Value, l.Origin, i, changedAt(l.Origin)); err != nil {
			return false, err
		}
	}
	for _, gone := range known {
		for _, old := range gone {
			changed = true
			// A line that never applied for any time needs no history.
			until := max(changedAt(old.Origin), old.Since)
			if _, err := tx.Exec("UPDATE config_line SET until = ? WHERE id = ?", until, old.id); err != nil {
				return false, err
			}
		}
	}
	return changed, b.Flush()
}

// Settings returns the settings of a host by name.
func Settings(tx *store.Tx, host store.HostID) (map[string]Line, error) {
	lines, err := Lines(tx, host, LineSetting)
	all := map[string]Line{}
	for _, l := range lines {
		all[l.Subject] = l
	}
	return all, err
}

// PutMoves replaces all package moves from one source. moves are in ascending order of
// time.
func PutMoves(tx *store.Tx, host store.HostID, source int64, moves []userconf.Move) error {
	if _, err := tx.Exec("DELETE FROM package_move WHERE host = ? AND source = ?", host, source); err != nil {
		return err
	}
	rows := tx.Bulk("package_move", "host", "source", "position", "old_cp", "new_cp")
	for i, m := range moves {
		if err := rows.Add(host, source, i, m.From, m.To); err != nil {
			return err
		}
	}
	return rows.Flush()
}

// Moves returns the package moves of a host.
func Moves(tx *store.Tx, host store.HostID) (userconf.Moves, error) {
	moves := userconf.Moves{}
	err := tx.Query(func(rows *sql.Rows) error {
		var m userconf.Move
		err := rows.Scan(&m.From, &m.To)
		moves.Add(m)
		return err
	}, "SELECT old_cp, new_cp FROM package_move WHERE host = ? ORDER BY source, position", host)
	return moves, err
}
