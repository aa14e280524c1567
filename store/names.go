package store

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"emaudit/parse/atom"
	"emaudit/store/postgres"
)

// dictionary maps the values of one dictionary table to their ids. After many
// look-ups in a transaction, it loads the whole table, unless the table is too
// large.
type dictionary struct {
	scope string // as of [Tx.NamesOf]
	ids   map[string]int64
	asked int
	whole bool
}

// wholeDictionaryAfter is the number of look-ups after which reading the whole
// table is faster. One look-up takes about 10 µs, and a host with decades of
// history has tens of thousands of names.
const wholeDictionaryAfter = 512

// maxDictionary bounds the names of one table in memory.
const maxDictionary = 1 << 16

func (tx *Tx) lookUp(d *dictionary, table, value string) (int64, bool, error) {
	if id, ok := d.ids[value]; ok {
		return id, true, nil
	}
	if d.whole {
		return 0, false, nil
	}
	if d.ids == nil {
		d.ids = map[string]int64{}
	}
	if d.asked++; d.asked == wholeDictionaryAfter {
		var names int64
		if err := tx.QueryRow("SELECT count(*) FROM " + table + " WHERE id > 0" + d.scope).Scan(&names); err != nil {
			return 0, false, err
		}
		d.whole = names < maxDictionary
	}
	if d.whole {
		err := tx.Query(func(rows *sql.Rows) error {
			var id int64
			var v string
			if err := rows.Scan(&id, &v); err != nil {
				return err
			}
			d.ids[v] = id
			return nil
		}, "SELECT id, value FROM "+table+" WHERE id > 0"+d.scope)
		id, ok := d.ids[value]
		return id, ok, err
	}
	var id int64
	missing, err := NoRow(tx.QueryRow("SELECT id FROM "+table+" WHERE value = ?"+d.scope, value).Scan(&id))
	if missing || err != nil {
		return 0, false, err
	}
	d.put(value, id)
	return id, true, nil
}

// put adds a name. If there are too many, it drops the previous ones, which remain
// in the table.
func (d *dictionary) put(value string, id int64) {
	if len(d.ids) >= maxDictionary {
		clear(d.ids)
		d.whole = false
	}
	d.ids[value] = id
}

// wordID returns the id of a value in a dictionary that has only values. It inserts a
// new value.
func (tx *Tx) wordID(d *dictionary, table, value string) (int64, error) {
	id, ok, err := tx.lookUp(d, table, value)
	if ok || err != nil {
		return id, err
	}
	id, err = tx.Insert("INSERT INTO "+table+" (value) VALUES (?)", value)
	d.put(value, id)
	return id, err
}

// TextID returns the id of a string in the dictionary text. It inserts a new
// string.
func (tx *Tx) TextID(value string) (int64, error) {
	return tx.wordID(&tx.texts, "text", value)
}

// CPID returns the id of a category/pn. It inserts a new one.
func (tx *Tx) CPID(value string) (int64, error) {
	return tx.wordID(&tx.cps, "cp", value)
}

// CPVID returns the id of a cpv, unchanged. It inserts a new one, with the id of
// its category/pn if it is valid.
func (tx *Tx) CPVID(value string) (int64, error) {
	id, ok, err := tx.lookUp(&tx.cpvs, "cpv", value)
	if ok || err != nil {
		return id, err
	}
	var cp any
	if c, err := atom.ParseCPV(value); err == nil {
		if cp, err = tx.CPID(c.CP()); err != nil {
			return 0, err
		}
	}
	id, err = tx.Insert("INSERT INTO cpv (value, cp) VALUES (?, ?)", value, cp)
	tx.cpvs.put(value, id)
	return id, err
}

// NamesOf returns a condition for the rows of a dictionary that belong to a host, to
// be added to others. It is empty for the database of a host, whose dictionaries are
// shared: only in a fleet each host has its own.
func (tx *Tx) NamesOf(host HostID) string {
	if !tx.fleet {
		return ""
	}
	low := int64(host) << postgres.HostBits
	return fmt.Sprintf(" AND id BETWEEN %d AND %d", low, low|(1<<postgres.HostBits-1))
}

// PackageNumbers returns the numbers that a host has for packages (cat/pn) as the
// operand of IN in SQL. It is never empty.
func (tx *Tx) PackageNumbers(host HostID, packages []string) (string, error) {
	b := []byte("-1")
	names := &tx.cps
	if tx.fleet {
		names = &dictionary{scope: tx.NamesOf(host)}
	}
	for _, name := range packages {
		id, ok, err := tx.lookUp(names, "cp", name)
		if err != nil {
			return "", err
		}
		if ok {
			b = strconv.AppendInt(append(b, ','), id, 10)
		}
	}
	return string(b), nil
}

// PackageNames returns every category/pn in the facts of any host, sorted. Package
// names that a person types are looked up in it.
func (tx *Tx) PackageNames() ([]string, error) {
	var names []string
	err := tx.RawQuery(func(row []driver.Value) error {
		names = append(names, Text(row[0]))
		return nil
	}, "SELECT DISTINCT value FROM cp ORDER BY value")
	return names, err
}

// VersionsOf returns the cpvs of a package (cat/pn) that were ever seen on any host.
func (tx *Tx) VersionsOf(cp string) ([]string, error) {
	return All(tx, Value[string],
		"SELECT cpv.value FROM cpv JOIN cp ON cp.id = cpv.cp WHERE cp.value = ? GROUP BY cpv.value ORDER BY min(cpv.id)", cp)
}

// KnownSlots returns the slots, without sub-slots, of the versions of a host that
// were ever installed or whose build log names the slot. The keys are cpvs.
func (tx *Tx) KnownSlots(host HostID) (map[string]string, error) {
	slots := map[string]string{}
	err := tx.Query(func(rows *sql.Rows) error {
		var cpv, slot string
		err := rows.Scan(&cpv, &slot)
		if slot, _, _ = strings.Cut(slot, "/"); slot != "" {
			slots[cpv] = slot
		}
		return err
	}, `SELECT c.value, b.slot FROM build_log b JOIN cpv c ON c.id = b.cpv WHERE b.host = ?
		UNION ALL SELECT c.value, i.slot FROM installed i JOIN cpv c ON c.id = i.cpv WHERE i.host = ?`, host, host)
	return slots, err
}
