package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"
	"strings"
)

// A merge copies all facts about a host from another database. Ids differ between
// databases, so each reference is translated: names by their value, facts by the id
// of the copied row. Other columns are copied unchanged, including those that a
// later schema adds. A test compares the references below with the schema.

// mergedTable says how to copy the rows of one table.
type mergedTable struct {
	name       string
	references map[string]string // column -> the table that it refers to
	numbered   bool              // has an id that other tables may refer to
	from       string            // joins that lead to the host
	host       string            // the column that holds the host, with its table
	key        []string          // of a numbered table: what a row keeps while its other columns change
}

// mergedTables are all tables of facts. A table follows the tables that it refers
// to. Deletion uses the reverse order.
var mergedTables = []mergedTable{
	{name: "source", numbered: true, key: []string{"host", "kind", "path"}, references: map[string]string{"host": "host"}},
	{name: "diagnostic", references: map[string]string{"source": "source"}, from: "JOIN source s ON s.id = t.source", host: "s.host"},
	{name: "config_line", references: map[string]string{"host": "host"}},
	{name: "installed", references: map[string]string{"host": "host", "cpv": "cpv", "metadata": "metadata"}},
	{name: "installed_check", references: map[string]string{"host": "host", "cpv": "cpv"}},
	{name: "installed_drift", references: map[string]string{"host": "host", "cpv": "cpv"}},
	{name: "disk_fact", references: map[string]string{"host": "host"}},
	{name: "host_summary", references: map[string]string{"host": "host"}},
	{name: "need", references: map[string]string{"host": "host", "cpv": "cpv"}},
	{name: "snapshot", references: map[string]string{"host": "host"}},
	{name: "unfinished_merge", references: map[string]string{"host": "host", "cpv": "cpv"}},
	{name: "pkgdir", numbered: true, key: []string{"host", "path"}, references: map[string]string{"host": "host"}},
	{name: "instance", numbered: true, key: []string{"pkgdir", "path", "seen_at"}, references: map[string]string{"pkgdir": "pkgdir", "cpv": "cpv", "metadata": "metadata"}, from: "JOIN pkgdir p ON p.id = t.pkgdir", host: "p.host"},
	{name: "instance_problem", references: map[string]string{"instance": "instance"}, from: "JOIN instance n ON n.id = t.instance JOIN pkgdir p ON p.id = n.pkgdir", host: "p.host"},
	{name: "instance_files", references: map[string]string{"instance": "instance"}, from: "JOIN instance n ON n.id = t.instance JOIN pkgdir p ON p.id = n.pkgdir", host: "p.host"},
	{name: "pkgdir_file", references: map[string]string{"pkgdir": "pkgdir"}, from: "JOIN pkgdir p ON p.id = t.pkgdir", host: "p.host"},
	{name: "index_entry", references: map[string]string{"pkgdir": "pkgdir", "cpv": "cpv", "metadata": "metadata"}, from: "JOIN pkgdir p ON p.id = t.pkgdir", host: "p.host"},
	{name: "emerge_log", references: map[string]string{"host": "host"}},
	{name: "emerge_log_part", references: map[string]string{"source": "source", "host": "host"}},
	{name: "run", references: map[string]string{"host": "host", "args": "text"}},
	{name: "merge", references: map[string]string{"host": "host", "cp": "cp", "repo_path": "text"}},
	{name: "merge_usage", references: map[string]string{"host": "host"}},
	{name: "unmerge", references: map[string]string{"host": "host", "cp": "cp"}},
	{name: "sync", references: map[string]string{"host": "host", "repo": "text", "location": "text", "url": "text"}},
	{name: "package_move", references: map[string]string{"host": "host", "source": "source"}},
	{name: "output_file", numbered: true, key: []string{"source", "path", "incarnation"}, references: map[string]string{"source": "source"}, from: "JOIN source s ON s.id = t.source", host: "s.host"},
	{name: "build_log", references: map[string]string{"file": "output_file", "host": "host", "cpv": "cpv", "use_flags": "text", "features": "text"}},
	{name: "build_failure", references: map[string]string{"file": "output_file"}, from: outputFileHost, host: "s.host"},
	{name: "qa_notice", references: map[string]string{"file": "output_file"}, from: outputFileHost, host: "s.host"},
	{name: "output_path", references: map[string]string{"file": "output_file"}, from: outputFileHost, host: "s.host"},
	{name: "elog_message", references: map[string]string{"host": "host", "file": "output_file", "cpv": "cpv"}},
	{name: "leftover", references: map[string]string{"host": "host"}},
	{name: "pin", references: map[string]string{"host": "host"}},
	{name: "client", references: map[string]string{"host": "host"}},
	{name: "config_file", references: map[string]string{"host": "host"}},
	{name: "drill", numbered: true, key: []string{"host", "target", "started_at"}, references: map[string]string{"host": "host"}},
	{name: "drill_file", references: map[string]string{"drill": "drill", "cpv": "cpv"}, from: "JOIN drill d ON d.id = t.drill", host: "d.host"},
	{name: "drill_observation", references: map[string]string{"drill": "drill"}, from: "JOIN drill d ON d.id = t.drill", host: "d.host"},
}

const outputFileHost = "JOIN output_file f ON f.id = t.file JOIN source s ON s.id = f.source"

// where returns the condition for the rows of a host.
func (t mergedTable) where() string {
	if t.host != "" {
		return t.host + " = ?"
	}
	return "t.host = ?"
}

// ErrOtherHost means that the two databases use the same name for different
// machines.
var ErrOtherHost = errors.New("this database has another host of that name")

// errNamed means that a host is to get a name and has another one here already.
var errNamed = errors.New("the host is in this database as")

// MergedHost is the result of a merge for one host.
type MergedHost struct {
	Name    string // in this database
	Rows    int    // number of rows that were inserted, changed or deleted
	Changed bool   // false if this database had all facts already
	// Older is how much later, in seconds, this database knows the host than the
	// other one; then nothing changed.
	Older int64
	// LostRuns is how many runs fewer the host has now: its own database lost a
	// part of its history, as when it was restored from an old copy.
	LostRuns int
}

// elsewhere begins the root of a host from another database. Such a root is not a
// path on this machine, so nothing is ever ingested for it.
const elsewhere = "elsewhere:"

// ElsewhereRoot returns the root of a host for a database of another machine.
func ElsewhereRoot(root string) string {
	if strings.HasPrefix(root, elsewhere) {
		return root
	}
	return elsewhere + root
}

// Elsewhere reports whether a host comes from the database of another machine, so
// that its files cannot be read here.
func (h Host) Elsewhere() bool { return strings.HasPrefix(h.Root, elsewhere) }

// Merge copies the facts of another database into this one. The identity of a host
// decides which host it is here, not its name. If the other database has a later
// ingest or drill of it, Merge writes the difference. Otherwise the host stays
// unchanged, so a repeated merge changes nothing. rename, if not nil, returns the
// name of a new host in this database. Merge copies everything or, after an error,
// nothing.
func (db *DB) Merge(ctx context.Context, other *DB, rename func(string) string) ([]MergedHost, error) {
	var merged []MergedHost
	err := other.View(ctx, func(from *Tx) error {
		hosts, err := from.Hosts()
		if err != nil {
			return About(other.path, err)
		}
		return db.Update(ctx, func(tx *Tx) error {
			m := merger{from: from, to: tx, here: db.path, ids: map[string]map[int64]int64{}}
			for _, h := range hosts {
				name := h.Name
				if rename != nil {
					name = rename(name)
				}
				if err := CheckHostName(name); err != nil {
					return About(other.path, err)
				}
				result, err := m.host(h, name)
				if IsOfDatabase(err) {
					err = About(other.path, err)
				}
				if err != nil {
					return fmt.Errorf("host %s: %w", name, err)
				}
				merged = append(merged, result)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return merged, nil
}

// merger copies rows between two transactions.
type merger struct {
	from, to *Tx
	here     string                     // path of the database that is written
	ids      map[string]map[int64]int64 // table -> id in the other database -> id in this one
	old, new int64                      // ids of the host
}

// host merges one host.
func (m *merger) host(h Host, name string) (MergedHost, error) {
	result := MergedHost{Name: name}
	createdAt, err := m.from.hostCreatedAt(h.ID)
	if err != nil {
		return result, err
	}
	theirs, err := m.from.factsUntil(h.ID)
	if err != nil {
		return result, err
	}
	known, exists, err := m.to.findIdentity(h.Identity)
	if err != nil {
		return result, About(m.here, err)
	}
	m.old = int64(h.ID)
	if exists {
		result.Name = known.Name
		if name != h.Name && name != known.Name {
			return result, fmt.Errorf("%w %s", errNamed, known.Name)
		}
		ours, err := m.to.factsUntil(known.ID)
		switch {
		case err != nil:
			return result, About(m.here, err)
		case ours >= theirs:
			result.Older = ours - theirs
			return result, nil
		case !known.Elsewhere():
			return result, fmt.Errorf("%w: it is this machine's own, ingested from %s", ErrOtherHost, known.Root)
		}
		m.new = int64(known.ID)
		result.Changed = true
		before, err := m.to.countRuns(known.ID)
		if err != nil {
			return result, About(m.here, err)
		}
		if result.Rows, err = m.difference(); err != nil {
			return result, err
		}
		after, err := m.to.countRuns(known.ID)
		result.LostRuns = max(before-after, 0)
		return result, About(m.here, err)
	}
	if _, taken, err := m.to.FindHost(name); err != nil || taken {
		return result, cmp.Or(About(m.here, err), ErrOtherHost)
	}
	added, err := m.to.addHost(Host{Name: name, Root: ElsewhereRoot(h.Root), Identity: h.Identity}, createdAt)
	if err != nil {
		return result, About(m.here, err)
	}
	m.new = int64(added)
	result.Changed = true
	for _, t := range mergedTables {
		n, err := m.table(t)
		if err != nil {
			return result, fmt.Errorf("table %s: %w", t.name, err)
		}
		result.Rows += n
	}
	return result, nil
}

// hostCreatedAt returns the time of the first ingest of a host, which identifies
// the host across databases.
func (tx *Tx) hostCreatedAt(host HostID) (at int64, err error) {
	err = tx.QueryRow("SELECT created_at FROM host WHERE id = ?", host).Scan(&at)
	return at, err
}

// countRuns returns the number of runs of a host.
func (tx *Tx) countRuns(host HostID) (n int, err error) {
	err = tx.QueryRow("SELECT count(*) FROM run WHERE host = ?", host).Scan(&n)
	return n, err
}

// KnownUntil returns the time of the last ingest of a host in unix seconds; 0 means
// that nothing was read.
func (tx *Tx) KnownUntil(host HostID) (at int64, err error) {
	err = tx.QueryRow(`SELECT max(at) FROM (
		SELECT coalesce(max(read_at), 0) AS at FROM source WHERE host = ?
		UNION ALL SELECT coalesce(max(confirmed_at), 0) FROM snapshot WHERE host = ?) AS times`, host, host).Scan(&at)
	return at, err
}

// factsUntil returns the time of the last ingest or drill of a host, whichever is
// later.
func (tx *Tx) factsUntil(host HostID) (int64, error) {
	at, err := tx.KnownUntil(host)
	if err != nil {
		return 0, err
	}
	var drilled int64
	err = tx.QueryRow("SELECT coalesce(max(started_at + seconds), 0) FROM drill WHERE host = ?", host).Scan(&drilled)
	return max(at, drilled), err
}

// forgetFacts deletes all facts of a host, but not the host.
func (tx *Tx) forgetFacts(host HostID) error {
	for i := len(mergedTables) - 1; i >= 0; i-- {
		t := mergedTables[i]
		query := "DELETE FROM " + t.name + " AS t WHERE " + t.where()
		if t.from != "" {
			// The first join leads to the host.
			column := strings.TrimPrefix(t.from[strings.Index(t.from, "t."):], "t.")
			column, _, _ = strings.Cut(column, " ")
			query = "DELETE FROM " + t.name + " WHERE " + column + " IN (SELECT t." + column + " FROM " + t.name + " t " + t.from + " WHERE " + t.where() + ")"
		}
		if _, err := tx.Exec(query, host); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

// table copies the rows of one table.
func (m *merger) table(t mergedTable) (int, error) {
	columns, err := m.columns(t)
	if err != nil {
		return 0, err
	}
	var insert *Bulk
	if !t.numbered {
		insert = m.to.Bulk(t.name, columns...)
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = "t." + c
	}
	if t.numbered {
		list = append(list, "t.id")
	}
	values, dest := make([]any, len(list)), make([]any, len(list))
	for i := range values {
		dest[i] = &values[i]
	}
	rows := 0
	ids := map[int64]int64{}
	m.ids[t.name] = ids
	err = m.from.Query(func(r *sql.Rows) error {
		if err := r.Scan(dest...); err != nil {
			return err
		}
		rows++
		row := append([]any(nil), values[:len(columns)]...)
		for i, c := range columns {
			if row[i], err = m.value(t, c, row[i]); err != nil {
				return err
			}
		}
		if !t.numbered {
			return About(m.here, insert.Add(row...))
		}
		id, err := m.to.Insert("INSERT INTO "+t.name+" ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")", row...)
		ids[values[len(columns)].(int64)] = id
		return About(m.here, err)
	}, "SELECT "+strings.Join(list, ", ")+" FROM "+t.name+" t "+t.from+" WHERE "+t.where(), m.old)
	if err != nil || t.numbered {
		return rows, err
	}
	return rows, About(m.here, insert.Flush())
}

// columns returns the columns of a table without the id, which the copy gets anew.
func (m *merger) columns(t mergedTable) ([]string, error) {
	all, err := m.from.columns(t.name)
	if err != nil {
		return nil, err
	}
	var columns []string
	for _, c := range all {
		if c != "id" {
			columns = append(columns, c)
		}
	}
	return columns, nil
}

// value translates the value of a column.
func (m *merger) value(t mergedTable, column string, value any) (any, error) {
	table := t.references[column]
	id, isID := value.(int64)
	if table == "" || !isID {
		return value, nil
	}
	return m.translate(table, id)
}

// translate returns the id in this database of a row in the other one.
func (m *merger) translate(table string, id int64) (int64, error) {
	switch table {
	case "host":
		return m.new, nil
	case "text", "cp", "cpv", "metadata":
		return m.name(table, id)
	}
	here, ok := m.ids[table][id]
	if !ok {
		return 0, fmt.Errorf("row refers to %s %d, which is not of this host", table, id)
	}
	return here, nil
}

// name translates the id of a dictionary. It inserts a new name.
func (m *merger) name(table string, id int64) (here int64, err error) {
	ids := m.ids[table]
	if ids == nil {
		ids = map[int64]int64{}
		m.ids[table] = ids
	}
	if here, ok := ids[id]; ok {
		return here, nil
	}
	if table == "metadata" {
		set := MetadataSet{}
		if err := m.from.LoadMetadata(set, "?", id); err != nil {
			return 0, err
		}
		if set[id] == nil {
			return 0, fmt.Errorf("metadata %d is not there", id)
		}
		here, err = m.to.MetadataID(set[id])
		err = About(m.here, err)
	} else {
		var value string
		if err := m.from.QueryRow("SELECT value FROM "+table+" WHERE id = ?", id).Scan(&value); err != nil {
			return 0, fmt.Errorf("%s %d: %w", table, id, err)
		}
		switch table {
		case "text":
			here, err = m.to.TextID(value)
		case "cp":
			here, err = m.to.CPID(value)
		case "cpv":
			here, err = m.to.CPVID(value)
		}
		err = About(m.here, err)
	}
	ids[id] = here
	return here, err
}

// RootElsewhere returns the root of a host on the machine that it came from.
func (h Host) RootElsewhere() string { return path.Clean(strings.TrimPrefix(h.Root, elsewhere)) }
