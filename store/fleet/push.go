// Package fleet sends the facts of a host to the database of its fleet.
//
// A push makes the rows of a host in the fleet equal to those in its own database, in
// one transaction of PostgreSQL. Rows are compared in parts: the fleet keeps a digest
// of each part of a table, and a part with another digest is sent whole. So a push
// needs no memory of the one before it: whatever happened to it, the next push sends
// what is missing.
//
// A host that has fewer pushes than the fleet has seen of it was restored from a copy,
// or is a copy of another machine. It would take rows from the fleet, so it is refused
// unless the administrator says that it replaces them.
package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"emaudit/store"
	"emaudit/store/postgres"
)

// partRows is the number of ids, or of runs, in a part.
const partRows = 256

// markPart stands for the whole table in the table "pushed" of the fleet.
const markPart = -1

// The errors of a push that the administrator decides about.
var (
	// ErrKnowsMore means that the fleet has a later state of the host.
	ErrKnowsMore = errors.New("the fleet has a later state of this host than its own database")
	// ErrOtherHost means that the fleet has another host of that name.
	ErrOtherHost = errors.New("the fleet has another host of that name")
)

// Options are the parameters of [Push].
type Options struct {
	Name    string // of the host in the fleet; "" means its name in this database
	Replace bool   // the fleet may lose what this database does not have
	Now     int64  // unix seconds, to compare the clocks
}

// Pushed is what a push did.
type Pushed struct {
	Name      string // in the fleet
	Rows      int64  // sent
	Removed   int64  // rows that the fleet had and this database does not have, or not like that
	ClockSkew int64  // seconds by which the clock of the server is ahead
}

// Push sends a host of a database to a fleet: what changed since the last push.
func Push(ctx context.Context, db *store.DB, host store.HostID, to postgres.Address, options Options) (Pushed, error) {
	conn, err := pgx.ConnectConfig(ctx, to.Config)
	if err != nil {
		return Pushed{}, store.About(to.String(), err)
	}
	// The server ends the transaction of a connection that ends.
	defer conn.Close(context.WithoutCancel(ctx))
	p := pusher{ctx: ctx, db: db, fleet: to.String(), local: int64(host)}
	err = p.transact(conn, options)
	if errors.Is(err, ErrOtherHost) {
		// Another push may have entered the host meanwhile.
		err = p.transact(conn, options)
	}
	return p.done, err
}

// transact pushes in one transaction.
func (p *pusher) transact(conn *pgx.Conn, options Options) error {
	return p.db.View(p.ctx, func(tx *store.Tx) (err error) {
		p.from, p.done, p.digests = tx, Pushed{}, map[string]map[int64][]byte{}
		if p.to, err = conn.Begin(p.ctx); err != nil {
			return p.at(err)
		}
		if err := p.push(options); err != nil {
			return errors.Join(err, p.at(p.to.Rollback(p.ctx)))
		}
		return p.at(p.to.Commit(p.ctx))
	})
}

// pusher sends one host.
type pusher struct {
	ctx     context.Context
	db      *store.DB
	from    *store.Tx // of the host's database
	to      pgx.Tx    // of the fleet
	fleet   string    // its address
	local   int64     // number of the host in its database
	remote  int64     // number of the host in the fleet
	several bool      // the database has other hosts
	digests map[string]map[int64][]byte
	done    Pushed
}

// at wraps an error of the fleet.
func (p *pusher) at(err error) error {
	if err != nil && store.IsOfDatabase(err) {
		return store.About(p.fleet, err)
	}
	return err
}

func (p *pusher) push(options Options) error {
	if err := p.checkFleet(options); err != nil {
		return err
	}
	pushes, err := p.enter(options)
	if err != nil {
		return err
	}
	if err := p.readDigests(); err != nil {
		return err
	}
	sent := false
	for _, t := range store.Schema().Tables {
		if t.Name == "host" {
			continue
		}
		changed, err := p.table(t)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		sent = sent || changed
	}
	if !sent {
		return nil
	}
	// The number is stored here before the fleet has it: a push that is killed between
	// the two leaves a host that is ahead, which is right.
	err = p.db.Update(p.ctx, func(tx *store.Tx) error {
		_, err := tx.Exec("UPDATE host SET pushes = ? WHERE id = ?", pushes+1, p.local)
		return err
	})
	if err != nil {
		return err
	}
	_, err = p.to.Exec(p.ctx, "UPDATE host SET pushes = $1, pushed_at = extract(epoch FROM now())::bigint WHERE id = $2", pushes+1, p.remote)
	return p.at(err)
}

// checkFleet compares the schemas and the clocks.
func (p *pusher) checkFleet(options Options) error {
	var version int
	var now int64
	err := p.to.QueryRow(p.ctx, "SELECT version, extract(epoch FROM now())::bigint FROM fleet").Scan(&version, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		err = store.ErrNoFleet
	}
	if err != nil {
		return store.About(p.fleet, err)
	}
	p.done.ClockSkew = now - options.Now
	return store.About(p.fleet, store.CheckFleetVersion(version))
}

// enter finds the host in the fleet, or enters it. It locks its row, so that two
// pushes of a host follow each other.
func (p *pusher) enter(options Options) (pushes int64, err error) {
	var name, root, identity string
	var createdAt, hosts int64
	if err := p.from.QueryRow("SELECT name, root, identity, created_at, pushes, (SELECT count(*) FROM host) FROM host WHERE id = ?", p.local).Scan(&name, &root, &identity, &createdAt, &pushes, &hosts); err != nil {
		return 0, err
	}
	p.several = hosts > 1
	root = store.ElsewhereRoot(root)
	if options.Name != "" {
		name = options.Name
	}
	p.done.Name = name
	var there string
	var known int64
	err = p.to.QueryRow(p.ctx, "SELECT id, identity, pushes FROM host WHERE identity = $1 OR name = $2 ORDER BY identity = $1 DESC LIMIT 1 FOR UPDATE", identity, name).Scan(&p.remote, &there, &known)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = p.to.QueryRow(p.ctx, "INSERT INTO host (name, root, identity, created_at) VALUES ($1, $2, $3, $4) RETURNING id", name, root, identity, createdAt).Scan(&p.remote)
		return pushes, p.named(name, err)
	case err != nil:
		return 0, p.at(err)
	case there != identity && !options.Replace:
		return 0, store.About(p.fleet, fmt.Errorf("%w: %s", ErrOtherHost, name))
	case known > pushes && !options.Replace:
		return 0, store.About(p.fleet, fmt.Errorf("%w: %s was pushed %d times, and this database knows of %d", ErrKnowsMore, name, known, pushes))
	}
	_, err = p.to.Exec(p.ctx, `UPDATE host SET name = $2, root = $3, identity = $4, created_at = $5
		WHERE id = $1 AND (name, root, identity, created_at) IS DISTINCT FROM ($2, $3, $4, $5)`, p.remote, name, root, identity, createdAt)
	return max(pushes, known), p.named(name, err)
}

// named returns the error of a statement that gives a host its name. The name may be
// that of a host that the role does not see.
func (p *pusher) named(name string, err error) error {
	var of *pgconn.PgError
	if errors.As(err, &of) && of.Code == "23505" { // unique_violation
		return store.About(p.fleet, fmt.Errorf("%w: %s", ErrOtherHost, name))
	}
	return p.at(err)
}

// readDigests reads what the fleet has.
func (p *pusher) readDigests() error {
	rows, err := p.to.Query(p.ctx, "SELECT name, part, digest FROM pushed WHERE host = $1", p.remote)
	if err != nil {
		return p.at(err)
	}
	var name string
	var part int64
	var digest []byte
	_, err = pgx.ForEachRow(rows, []any{&name, &part, &digest}, func() error {
		if p.digests[name] == nil {
			p.digests[name] = map[int64][]byte{}
		}
		p.digests[name][part] = bytes.Clone(digest)
		return nil
	})
	return p.at(err)
}

// table sends what differs of one table.
func (p *pusher) table(t *postgres.Table) (changed bool, err error) {
	there := p.digests[t.Name]
	mark, err := p.mark(t)
	if err != nil || bytes.Equal(mark, there[markPart]) {
		return false, err
	}
	here, err := p.digest(t)
	if err != nil {
		return false, err
	}
	here[markPart] = mark
	var differ []int64 // parts to send
	var parts, gone []int64
	var digests [][]byte
	for part, digest := range here {
		if !bytes.Equal(digest, there[part]) {
			parts, digests = append(parts, part), append(digests, digest)
			if part != markPart {
				differ = append(differ, part)
			}
		}
	}
	for part := range there {
		if _, ok := here[part]; !ok {
			gone = append(gone, part)
		}
	}
	slices.Sort(differ)
	slices.Sort(gone)
	if err := p.remove(t, gone, slices.DeleteFunc(slices.Clone(differ), func(part int64) bool { return there[part] == nil })); err != nil {
		return false, err
	}
	if err := p.send(t, differ); err != nil {
		return false, err
	}
	if len(gone) > 0 {
		if _, err := p.to.Exec(p.ctx, "DELETE FROM pushed WHERE host = $1 AND name = $2 AND part = ANY($3)", p.remote, t.Name, gone); err != nil {
			return false, p.at(err)
		}
	}
	_, err = p.to.Exec(p.ctx, `INSERT INTO pushed (host, name, part, digest) SELECT $1, $2, part, digest FROM unnest($3::bigint[], $4::bytea[]) AS f (part, digest)
		ON CONFLICT (host, name, part) DO UPDATE SET digest = excluded.digest`, p.remote, t.Name, parts, digests)
	return true, p.at(err)
}

// mark returns what tells the content of a table from any other content that it had.
// What is sent of a dictionary depends on all tables where the database has several
// hosts.
func (p *pusher) mark(t *postgres.Table) ([]byte, error) {
	query, args := "SELECT name, mark FROM table_mark WHERE name = ?", []any{t.Name}
	if p.several && t.Column("host") == nil {
		query, args = "SELECT name, mark FROM table_mark WHERE name <> ? ORDER BY name", []any{"host"}
	}
	h := sha256.New()
	fmt.Fprintln(h, p.several)
	err := p.from.RawQuery(func(row []driver.Value) error {
		fmt.Fprintln(h, store.Text(row[0]), store.Number(row[1], 0))
		return nil
	}, query, args...)
	return h.Sum(nil), err
}

// partColumn returns the column whose values, divided by [partRows], are the parts of
// a table. "" means that the table is one part.
func partColumn(t *postgres.Table) string {
	for _, name := range t.Key {
		if c := t.Column(name); c.References != "host" && c.Type == "INTEGER" {
			return name
		}
	}
	if len(t.Key) == 0 {
		return t.Columns[0].Name
	}
	return ""
}

// columns returns the names of the columns.
func columns(t *postgres.Table) []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// digest returns the digest of each part of a table.
func (p *pusher) digest(t *postgres.Table) (map[int64][]byte, error) {
	part := "0"
	order := append([]string{partColumn(t)}, t.Key...)
	if len(t.Key) == 0 {
		order = append(order, columns(t)...)
	}
	if order[0] == "" {
		order = order[1:]
	} else {
		part = fmt.Sprintf("%s / %d", order[0], partRows)
	}
	all := map[int64][]byte{}
	h := sha256.New()
	last, rows := int64(0), 0
	end := func() {
		if rows > 0 {
			all[last] = h.Sum(nil)[:16]
		}
		rows = 0
		h.Reset()
	}
	where, args := p.where(t)
	var buffer []byte
	err := p.from.RawQuery(func(row []driver.Value) error {
		if of := store.Number(row[0], 0); of != last {
			end()
			last = of
		}
		rows++
		buffer = appendRow(buffer[:0], row[1:])
		h.Write(buffer)
		return nil
	}, "SELECT "+part+", "+strings.Join(columns(t), ", ")+" FROM "+t.Name+" WHERE "+where+" ORDER BY "+strings.Join(order, ", "), args...)
	end()
	return all, err
}

// where returns the condition for the rows of the host in its database. Every other
// table leads to one with the host. A name belongs to each host whose rows have it.
func (p *pusher) where(t *postgres.Table) (condition string, args []any) {
	if t.Column("host") != nil {
		return "host = ?", []any{p.local}
	}
	if !p.several {
		return "1 = 1", nil
	}
	for _, c := range t.Columns {
		if of := store.Schema().Table(c.References); of != nil && of != t && !dictionaries[of.Name] {
			condition, args := p.where(of)
			return c.Name + " IN (SELECT id FROM " + of.Name + " WHERE " + condition + ")", args
		}
	}
	condition = "id IN (SELECT -1"
	for _, from := range store.Schema().Tables {
		for _, c := range from.Columns {
			if c.References == t.Name && from != t {
				where, more := p.where(from)
				condition += " UNION SELECT " + c.Name + " FROM " + from.Name + " WHERE " + where
				args = append(args, more...)
			}
		}
	}
	return condition + ")", args
}

// dictionaries are the tables that hosts share in one database.
var dictionaries = map[string]bool{"text": true, "cp": true, "cpv": true, "metadata": true}

// partRange is a range of values of the part column: Low to High, exclusive.
type partRange struct{ low, high int64 }

// ranges joins neighbouring parts.
func ranges(parts []int64) []partRange {
	var all []partRange
	for _, part := range parts {
		r := partRange{part * partRows, (part + 1) * partRows}
		if last := len(all) - 1; last >= 0 && all[last].high == r.low {
			all[last].high = r.high
		} else {
			all = append(all, r)
		}
	}
	return all
}

// remove deletes parts of a table in the fleet.
func (p *pusher) remove(t *postgres.Table, lists ...[]int64) error {
	parts := slices.Sorted(slices.Values(slices.Concat(lists...)))
	if len(parts) == 0 {
		return nil
	}
	condition, args := "host = $1", []any{p.remote}
	if t.Column("host") == nil {
		condition, args = "true", nil
	}
	column := partColumn(t)
	base := int64(0)
	if column == "" {
		parts = parts[:1]
	} else {
		condition += fmt.Sprintf(" AND %[1]s >= $%[2]d AND %[1]s < $%[3]d", postgres.Translate(column), len(args)+1, len(args)+2)
		if t.Column(column).References != "" {
			base = p.remote << postgres.HostBits
		}
	}
	batch := &pgx.Batch{}
	for _, r := range ranges(parts) {
		if column == "" {
			batch.Queue("DELETE FROM "+t.Name+" WHERE "+condition, args...)
		} else {
			batch.Queue("DELETE FROM "+t.Name+" WHERE "+condition, append(slices.Clone(args), base+r.low, base+r.high)...)
		}
	}
	results := p.to.SendBatch(p.ctx, batch)
	for range batch.Len() {
		tag, err := results.Exec()
		if err != nil {
			return errors.Join(p.at(err), results.Close())
		}
		p.done.Removed += tag.RowsAffected()
	}
	return p.at(results.Close())
}

// send copies parts of a table into the fleet. PostgreSQL does not copy into a table
// with row-level security, so it copies into a temporary one first.
func (p *pusher) send(t *postgres.Table, parts []int64) error {
	if len(parts) == 0 {
		return nil
	}
	temporary := "push_" + t.Name
	if _, err := p.to.Exec(p.ctx, "CREATE TEMP TABLE "+temporary+" ON COMMIT DROP AS SELECT * FROM "+t.Name+" WITH NO DATA"); err != nil {
		return p.at(err)
	}
	list := strings.Join(columns(t), ", ")
	source := &copySource{pusher: p, table: t, ranges: ranges(parts)}
	n, err := p.to.CopyFrom(p.ctx, pgx.Identifier{temporary}, columns(t), source)
	source.close()
	if err != nil {
		return p.at(err)
	}
	p.done.Rows += n
	list = postgres.Translate(list)
	_, err = p.to.Exec(p.ctx, "INSERT INTO "+t.Name+" ("+list+") SELECT "+list+" FROM "+temporary)
	return p.at(err)
}

// copySource reads the rows of parts from the host's database.
type copySource struct {
	pusher *pusher
	table  *postgres.Table
	ranges []partRange
	rows   *store.RawRows
	row    []driver.Value
	err    error
}

// Next reads the next row.
func (s *copySource) Next() bool {
	for s.err == nil {
		if s.rows == nil {
			if len(s.ranges) == 0 {
				return false
			}
			s.open(s.ranges[0])
			s.ranges = s.ranges[1:]
			continue
		}
		if s.row, s.err = s.rows.Row(); s.row != nil {
			return true
		}
		s.close()
	}
	return false
}

func (s *copySource) open(r partRange) {
	t := s.table
	where, args := s.pusher.where(t)
	if column := partColumn(t); column != "" {
		where += " AND " + column + " >= ? AND " + column + " < ?"
		args = append(args, r.low, r.high)
	}
	s.rows, s.err = s.pusher.from.Raw("SELECT "+strings.Join(columns(t), ", ")+" FROM "+t.Name+" WHERE "+where, args...)
}

func (s *copySource) close() {
	if s.rows != nil {
		s.rows.Close()
		s.rows = nil
	}
}

// Values returns the row with the ids that it has in the fleet.
func (s *copySource) Values() ([]any, error) {
	values := make([]any, len(s.row))
	for i, value := range s.row {
		c := &s.table.Columns[i]
		switch v := value.(type) {
		case int64:
			switch c.References {
			case "":
			case "host":
				value = s.pusher.remote
			default:
				if v >= 1<<postgres.HostBits {
					return nil, fmt.Errorf("%w: id %d of table %s is too large", store.ErrDamaged, v, s.table.Name)
				}
				value = s.pusher.remote<<postgres.HostBits | v
			}
		case []byte:
			if c.Type == "TEXT" {
				value = postgres.EncodeText(string(v))
			}
		case string:
			value = postgres.EncodeText(v)
		}
		values[i] = value
	}
	return values, nil
}

// Err returns the error that ended the reading.
func (s *copySource) Err() error { return s.err }

// appendRow appends a row in a form in which no two rows are equal.
func appendRow(b []byte, row []driver.Value) []byte {
	for _, value := range row {
		switch v := value.(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
		case []byte:
			b = append(binary.BigEndian.AppendUint64(append(b, 'b'), uint64(len(v))), v...)
		case string:
			b = append(binary.BigEndian.AppendUint64(append(b, 't'), uint64(len(v))), v...)
		}
	}
	return b
}
