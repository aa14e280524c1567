package fleet

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"emaudit/store"
	"emaudit/store/postgres"
)

// table sends what differs of one table.
func (p *pusher) table(t *postgres.Table) (changed bool, err error) {
	there, mark := p.digests[t.Name], p.marks[t.Name]
	if bytes.Equal(mark, there[markPart]) {
		return false, nil
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
	if len(there) > 0 {
		p.remove(t, gone, differ)
	}
	if err := p.send(t, differ); err != nil {
		return false, err
	}
	if len(gone) > 0 {
		p.queue(queuedStatement{table: "pushed"}, "DELETE FROM pushed WHERE host = $1 AND name = $2 AND part = ANY($3)", p.remote, t.Name, gone)
	}
	p.queue(queuedStatement{table: "pushed"}, `INSERT INTO pushed (host, name, part, digest) SELECT $1, $2, part, digest FROM unnest($3::bigint[], $4::bytea[]) AS f (part, digest)
		ON CONFLICT (host, name, part) DO UPDATE SET digest = excluded.digest`, p.remote, t.Name, parts, digests)
	return true, nil
}

// queuedStatement is a statement of the batch.
type queuedStatement struct {
	table   string
	removes bool // rows of the table
}

func (p *pusher) queue(s queuedStatement, sql string, args ...any) {
	p.batch.Queue(sql, args...)
	p.queued = append(p.queued, s)
}

// flush runs the statements of the batch.
func (p *pusher) flush() error {
	results := p.to.SendBatch(p.ctx, p.batch)
	for _, s := range p.queued {
		tag, err := results.Exec()
		if err != nil {
			return fmt.Errorf("table %s: %w", s.table, errors.Join(p.at(err), results.Close()))
		}
		if s.removes {
			p.done.Removed += tag.RowsAffected()
		}
	}
	return p.at(results.Close())
}

// remove deletes parts of a table in the fleet.
func (p *pusher) remove(t *postgres.Table, lists ...[]int64) {
	parts := slices.Sorted(slices.Values(slices.Concat(lists...)))
	if len(parts) == 0 {
		return
	}
	condition, args := "host = $1", []any{p.remote}
	if t.Column("host") == nil {
		condition, args = "true", nil
	}
	this := queuedStatement{table: t.Name, removes: true}
	column := partColumn(t)
	if column == "" {
		p.queue(this, "DELETE FROM "+t.Name+" WHERE "+condition, args...)
		return
	}
	condition += fmt.Sprintf(" AND %[1]s >= $%[2]d AND %[1]s < $%[3]d", postgres.Translate(column), len(args)+1, len(args)+2)
	base := int64(0)
	if t.Column(column).References != "" {
		base = p.remote << postgres.HostBits
	}
	for _, r := range ranges(parts) {
		p.queue(this, "DELETE FROM "+t.Name+" WHERE "+condition, append(slices.Clone(args), base+r.low, base+r.high)...)
	}
}

// fewParts is the largest number of parts whose rows are sent one by one, with
// everything else in one round trip.
const fewParts = 2

// send sends parts of a table to the fleet. PostgreSQL does not copy into a table with
// row-level security, so it copies many rows into a temporary one first.
func (p *pusher) send(t *postgres.Table, parts []int64) error {
	if len(parts) == 0 {
		return nil
	}
	source := &copySource{pusher: p, table: t, ranges: ranges(parts)}
	defer source.close()
	list := postgres.Translate(strings.Join(columns(t), ", "))
	this := queuedStatement{table: t.Name}
	if len(parts) <= fewParts && partColumn(t) != "" {
		return p.sendFew(t, list, source)
	}
	temporary := "push_" + t.Name
	if _, err := p.to.Exec(p.ctx, "CREATE TEMP TABLE "+temporary+" ON COMMIT DROP AS SELECT * FROM "+t.Name+" WITH NO DATA"); err != nil {
		return p.at(err)
	}
	n, err := p.to.CopyFrom(p.ctx, pgx.Identifier{temporary}, columns(t), source)
	if err != nil {
		return p.at(err)
	}
	p.done.Rows += n
	p.queue(this, "INSERT INTO "+t.Name+" ("+list+") SELECT "+list+" FROM "+temporary)
	return nil
}

// sendFew queues rows as an array for each column.
func (p *pusher) sendFew(t *postgres.Table, list string, source *copySource) error {
	var arrays []string
	var values [][]any
	for source.Next() {
		row, err := source.Values()
		if err != nil {
			return err
		}
		values = append(values, row)
	}
	args := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		kind := "bytea"
		switch c.Type {
		case "INTEGER":
			kind = "bigint"
			args[i] = column[int64](values, i)
		case "TEXT":
			kind = "text"
			args[i] = column[string](values, i)
		default:
			args[i] = column[[]byte](values, i)
		}
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, kind))
	}
	p.queue(queuedStatement{table: t.Name}, "INSERT INTO "+t.Name+" ("+list+") SELECT * FROM unnest("+strings.Join(arrays, ", ")+")", args...)
	p.done.Rows += int64(len(values))
	return source.Err()
}

// column returns a column of rows.
func column[T any](rows [][]any, i int) []*T {
	all := make([]*T, len(rows))
	for j, row := range rows {
		if value, ok := row[i].(T); ok {
			all[j] = &value
		}
	}
	return all
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
