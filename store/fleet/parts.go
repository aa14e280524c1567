package fleet

import (
	"bytes"
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"emaudit/store"
	"emaudit/store/postgres"
)

// partRows is the number of ids, or of runs, in a part. An update of a few packages
// changes rows all over a table, and each of them sends its whole part.
const partRows = 32

// markPart is the number that means the whole table in the table "pushed" of the fleet.
const markPart = -1

// readDigests reads the marks of all tables from the fleet. Of each table whose mark
// differs here, it reads the digests of the parts.
func (p *pusher) readDigests() error {
	if err := p.readPushed("part = $2", markPart); err != nil {
		return err
	}
	var changed []string
	for _, t := range store.Schema().Tables {
		mark, err := p.mark(t)
		if err != nil {
			return err
		}
		p.marks[t.Name] = mark
		if known := p.digests[t.Name]; known != nil && !bytes.Equal(mark, known[markPart]) {
			changed = append(changed, t.Name)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return p.readPushed("name = ANY($2)", changed)
}

func (p *pusher) readPushed(where string, arg any) error {
	rows, err := p.to.Query(p.ctx, "SELECT name, part, digest FROM pushed WHERE host = $1 AND "+where, p.remote, arg)
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

// mark returns a value that changes whenever the rows to send of a table change. If the
// database has several hosts, the rows of a dictionary depend on all tables.
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
		buffer = store.AppendRow(buffer[:0], row[1:])
		h.Write(buffer)
		return nil
	}, "SELECT "+part+", "+strings.Join(columns(t), ", ")+" FROM "+t.Name+" WHERE "+where+" ORDER BY "+strings.Join(order, ", "), args...)
	end()
	return all, err
}

// where returns the condition for the rows of the host in its database. A name belongs
// to each host whose rows have it.
func (p *pusher) where(t *postgres.Table) (condition string, args []any) {
	if !p.several && t.Column("host") == nil {
		return "1 = 1", nil
	}
	if condition = store.Schema().OfHost(t); condition != "" {
		return condition, []any{p.local}
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
