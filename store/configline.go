package store

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// The kinds of lines that come from no single list.
const (
	// LineSetting is a variable with its value. The subject "make.profile" is the
	// folder of the profile.
	LineSetting ConfigKind = "setting"
	// LineSet is a member of a package set. The subject is the set without its at
	// sign. The value is an atom, or another set with its at sign. Each set also
	// has a line with an empty value, so that empty sets are known.
	LineSet ConfigKind = "set"
	// LineSetUnknown is a set whose members only Portage can determine. The value
	// says why.
	LineSetUnknown ConfigKind = "set-unknown"
	// LineProvided is a cpv in package.provided, which Portage assumes to be
	// installed.
	LineProvided ConfigKind = "provided"
)

// ConfigLine is one line of Portage's configuration.
type ConfigLine struct {
	Kind    ConfigKind
	Layer   string // [LayerProfile] and its like
	Subject string // the variable, the set, the cpv or the atom
	Value   string // the value, the member, the flags
	Origin  string // file:line inside the root, or another source
	Since   int64  // time since which it applies, as far as known, in unix seconds
	Until   int64  // time until which it applied; 0 means that it applies now
}

type storedLine struct {
	id, position int64
	ConfigLine
}

// ConfigLines returns the current lines of the given kinds, by kind and in the
// order in which Portage reads them.
func (tx *Tx) ConfigLines(host HostID, kinds ...ConfigKind) ([]ConfigLine, error) {
	return tx.configLines(host, "until IS NULL", kinds)
}

// ConfigLinesDuring returns the lines of the given kinds that applied at the begin
// of a state, which lasted between two times in unix seconds. If the state began
// before the first ingest and ended after it, the lines of that ingest are
// returned. If it ended before the first ingest, known is false, because nothing is
// stored about that time.
func (tx *Tx) ConfigLinesDuring(host HostID, from, to int64, kinds ...ConfigKind) (lines []ConfigLine, known bool, err error) {
	var first sql.NullInt64
	if err := tx.QueryRow("SELECT min(since) FROM config_line WHERE host = ?", host).Scan(&first); err != nil {
		return nil, false, err
	}
	if !first.Valid || to < first.Int64 {
		return nil, false, nil
	}
	at := max(from, first.Int64)
	lines, err = tx.configLines(host, "since <= ? AND (until IS NULL OR until > ?)", kinds, at, at)
	return lines, err == nil, err
}

func (tx *Tx) configLines(host HostID, when string, kinds []ConfigKind, args ...any) ([]ConfigLine, error) {
	stored, err := tx.storedLines(host, when, kinds, args...)
	lines := make([]ConfigLine, len(stored))
	for i := range stored {
		lines[i] = stored[i].ConfigLine
	}
	return lines, err
}

func (tx *Tx) storedLines(host HostID, when string, kinds []ConfigKind, args ...any) ([]storedLine, error) {
	all := []any{host}
	for _, k := range kinds {
		all = append(all, string(k))
	}
	var lines []storedLine
	err := tx.Query(func(rows *sql.Rows) error {
		var l storedLine
		err := rows.Scan(&l.id, &l.position, &l.Kind, &l.Layer, &l.Subject, &l.Value, &l.Origin, &l.Since, &l.Until)
		lines = append(lines, l)
		return err
	}, "SELECT id, position, kind, layer, subject, value, origin, since, coalesce(until, 0) FROM config_line WHERE host = ? AND kind IN ("+
		strings.TrimSuffix(strings.Repeat("?, ", len(kinds)), ", ")+") AND "+when+" ORDER BY kind, position, id", append(all, args...)...)
	return lines, err
}

// PutConfigLines replaces the current lines of the given kinds. changedAt returns,
// by the origin of a line, the time at which a new line began or a removed line
// ceased to apply. A line that only moved, within a file or to another file, stays
// current.
func (tx *Tx) PutConfigLines(host HostID, kinds []ConfigKind, lines []ConfigLine, changedAt func(origin string) int64) (changed bool, err error) {
	stored, err := tx.storedLines(host, "until IS NULL", kinds)
	if err != nil {
		return false, err
	}
	type content struct {
		kind                  ConfigKind
		layer, subject, value string
	}
	contentOf := func(l *ConfigLine) content { return content{l.Kind, l.Layer, l.Subject, l.Value} }
	known := map[content][]*storedLine{}
	for i := range stored {
		c := contentOf(&stored[i].ConfigLine)
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

// Setting is one of Portage's settings, with where its value came from.
type Setting struct {
	Name, Value, Origin string
}

// PutSettings makes settings those of a host. changedAt is as in
// [Tx.PutConfigLines].
func (tx *Tx) PutSettings(host HostID, settings []Setting, changedAt func(origin string) int64) error {
	lines := make([]ConfigLine, len(settings))
	for i, s := range settings {
		lines[i] = ConfigLine{Kind: LineSetting, Layer: LayerHost, Subject: s.Name, Value: s.Value, Origin: s.Origin}
	}
	_, err := tx.PutConfigLines(host, []ConfigKind{LineSetting}, lines, changedAt)
	return err
}

// Settings returns the settings of a host by name.
func (tx *Tx) Settings(host HostID) ([]Setting, error) {
	lines, err := tx.ConfigLines(host, LineSetting)
	all := make([]Setting, len(lines))
	for i, l := range lines {
		all[i] = Setting{Name: l.Subject, Value: l.Value, Origin: l.Origin}
	}
	return all, err
}
