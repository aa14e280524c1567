package store

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emaudit/parse/emergelog"
)

// The sums of packages lie in pages, several to a row of package_sums: to step
// to a row and to take its columns costs a microsecond or two, which is more than
// to unpack what a page says of a package, and a question about all packages has
// thousands of them. A page is a sequence of records:
//
//	length of the name, cat/pn
//	removals, merges that failed, times of the first and of the last merge
//	completed merges of unknown duration: from source, binary ones
//	length in bytes, durations of merges from source
//	length in bytes, durations of binary merges
//	length in bytes, numbers of the runs that have facts of the package
//
// All numbers are signed varints. Durations are seconds, oldest first; of the
// runs each is the difference to the one before.

// pagePackages is how many packages share a page. An update changes a few dozen
// of them, each perhaps in a page of its own, and writes these pages whole.
const pagePackages = 16

// history is the sum of a package's final merges and removals, to be changed.
type history struct {
	unmerges, failures, untimed, binaryUntimed int64
	firstAt, lastAt                            int64
	durations, binaryDurations, runs           []byte
}

// merge adds a final merge.
func (h *history) merge(m *emergelog.Merge) {
	switch m.Outcome {
	case emergelog.MergeFailed:
		h.failures++
	case emergelog.MergeMerged:
		at := max(m.Finished, m.Started)
		if h.firstAt == 0 || at < h.firstAt {
			h.firstAt = at
		}
		h.lastAt = max(h.lastAt, at)
		durations, untimed := &h.durations, &h.untimed
		if m.Kind == emergelog.KindBinary {
			durations, untimed = &h.binaryDurations, &h.binaryUntimed
		}
		if seconds, ok := m.Duration(); ok {
			*durations = binary.AppendVarint(*durations, seconds)
		} else {
			*untimed++
		}
	}
}

// unmerge adds a final removal.
func (h *history) unmerge(u *emergelog.Unmerge) {
	if u.Outcome == emergelog.UnmergeOK {
		h.unmerges++
	}
}

// maxRecordNumbers is the most bytes that the numbers of a record take.
const maxRecordNumbers = 10 * binary.MaxVarintLen64

// pack appends the record of a package.
func (h *history) pack(b []byte, name string) []byte {
	b = append(pack(b, int64(len(name))), name...)
	b = pack(b, h.unmerges, h.failures, h.firstAt, h.lastAt, h.untimed, h.binaryUntimed, int64(len(h.durations)))
	b = append(b, h.durations...)
	b = append(pack(b, int64(len(h.binaryDurations))), h.binaryDurations...)
	return append(pack(b, int64(len(h.runs))), h.runs...)
}

// next reads a record. What is packed in it lies in the page.
func (h *history) next(page *unpacker) (name []byte) {
	name = page.bytes()
	*h = history{unmerges: page.get(), failures: page.get(), firstAt: page.get(), lastAt: page.get(), untimed: page.get(), binaryUntimed: page.get()}
	h.durations, h.binaryDurations, h.runs = page.bytes(), page.bytes(), page.bytes()
	return name
}

// sumsPage is a page to be changed.
type sumsPage struct {
	number  int64
	names   []string
	sums    []history // of no more than pagePackages, so that they stay where they are
	changed bool
}

func newSumsPage(number int64) *sumsPage {
	return &sumsPage{number: number, names: make([]string, 0, pagePackages), sums: make([]history, 0, pagePackages)}
}

// of returns the sums of a package, nil where they are not in this page.
func (p *sumsPage) of(name string) *history {
	if i := slices.Index(p.names, name); i >= 0 {
		return &p.sums[i]
	}
	return nil
}

// enter enters a new package.
func (p *sumsPage) enter(name string) *history {
	p.names, p.sums, p.changed = append(p.names, name), append(p.sums, history{}), true
	return &p.sums[len(p.sums)-1]
}

// pack returns the page as it is stored.
func (p *sumsPage) pack() []byte {
	size := 0
	for i := range p.sums {
		size += len(p.names[i]) + len(p.sums[i].durations) + len(p.sums[i].binaryDurations) + len(p.sums[i].runs) + maxRecordNumbers
	}
	b := make([]byte, 0, size)
	for i := range p.sums {
		b = p.sums[i].pack(b, p.names[i])
	}
	return b
}

// sumsPages are the pages of a host that a writer needs.
type sumsPages struct {
	tx   *Tx
	host HostID
	held map[int64]*sumsPage
	last *sumsPage // the one that takes new packages
}

// read reads those of the pages that are not held, many at a time.
func (p *sumsPages) read(numbers []int64) error {
	numbers = slices.DeleteFunc(slices.Clone(numbers), func(n int64) bool { return p.held[n] != nil })
	slices.Sort(numbers)
	for chunk := range slices.Chunk(slices.Compact(numbers), maxPackages) {
		args := []any{p.host}
		for _, n := range chunk {
			args = append(args, n)
		}
		err := p.tx.query(func(rows *sql.Rows) error {
			var number int64
			var packed []byte
			if err := rows.Scan(&number, &packed); err != nil {
				return err
			}
			page, err := unpackPage(number, packed)
			p.held[number] = page
			return err
		}, "SELECT page, sums FROM package_sums WHERE host = ? AND page IN (?"+strings.Repeat(", ?", len(chunk)-1)+")", args...)
		if err != nil {
			return err
		}
		for _, n := range chunk {
			if p.held[n] == nil {
				return fmt.Errorf("page %d of package_sums: %w: it is not there", n, errPacked)
			}
		}
	}
	return nil
}

// unpackPage reads a page. What is packed in its records lies in packed.
func unpackPage(number int64, packed []byte) (*sumsPage, error) {
	page := newSumsPage(number)
	u := unpacker{b: packed}
	for len(u.b) > 0 {
		if len(page.sums) == pagePackages {
			return nil, fmt.Errorf("page %d of package_sums: %w: more than %d records", number, errPacked, pagePackages)
		}
		h := page.enter("")
		name := h.next(&u)
		if u.err != nil {
			return nil, fmt.Errorf("page %d of package_sums: %w", number, u.err)
		}
		// What is appended must not run into the record behind.
		h.durations, h.binaryDurations, h.runs = slices.Clip(h.durations), slices.Clip(h.binaryDurations), slices.Clip(h.runs)
		page.names[len(page.names)-1] = string(name)
	}
	page.changed = false
	return page, nil
}

// enter enters a package that has no sums yet.
func (p *sumsPages) enter(name string) (*sumsPage, *history, error) {
	if p.last == nil {
		var number sql.NullInt64
		if err := p.tx.queryRow("SELECT max(page) FROM package_sums WHERE host = ?", p.host).Scan(&number); err != nil {
			return nil, nil, err
		}
		p.last = newSumsPage(0)
		if number.Valid {
			if err := p.read([]int64{number.Int64}); err != nil {
				return nil, nil, err
			}
			p.last = p.held[number.Int64]
		}
	}
	if p.last.number == 0 || len(p.last.names) >= pagePackages {
		p.last = newSumsPage(p.last.number + 1)
		p.held[p.last.number] = p.last
	}
	return p.last, p.last.enter(name), nil
}

// store stores the pages that were changed.
func (p *sumsPages) store() error {
	rows := p.tx.bulk("package_sums", "host", "page", "sums")
	rows.tail = " ON CONFLICT (host, page) DO UPDATE SET sums = excluded.sums"
	for _, number := range slices.Sorted(maps.Keys(p.held)) {
		page := p.held[number]
		if !page.changed {
			continue
		}
		if err := rows.add(p.host, page.number, page.pack()); err != nil {
			return err
		}
	}
	return rows.flush()
}

// fillPages moves the sums of packages from the rows of package_history, where
// they were before schema 10, into pages.
func fillPages(tx *Tx) error {
	type row struct {
		host HostID
		cp   int64
		name string
		history
	}
	var all []row
	err := tx.query(func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.host, &r.cp, &r.name, &r.unmerges, &r.failures, &r.firstAt, &r.lastAt, &r.untimed, &r.binaryUntimed, &r.durations, &r.binaryDurations, &r.runs)
		all = append(all, r)
		return err
	}, `SELECT h.host, h.cp, cp.value, h.unmerges, h.failures, h.first_at, h.last_at, h.untimed, h.binary_untimed, h.durations, h.binary_durations, h.runs
		FROM package_history h JOIN cp ON cp.id = h.cp ORDER BY h.host, cp.value`)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		pages := sumsPages{tx: tx, host: all[0].host, held: map[int64]*sumsPage{}}
		for len(all) > 0 && all[0].host == pages.host {
			r := &all[0]
			page, h, err := pages.enter(r.name)
			if err != nil {
				return err
			}
			*h = r.history
			if _, err := tx.exec("UPDATE package_history SET page = ? WHERE host = ? AND cp = ?", page.number, r.host, r.cp); err != nil {
				return err
			}
			all = all[1:]
		}
		if err := pages.store(); err != nil {
			return err
		}
	}
	return nil
}

// maxPackages bounds the names in one query; SQLite takes 32,766 variables.
const maxPackages = 500

// amongPackages is the condition that cp.value is one of the names, and its
// arguments. It is empty for none, and for so many that it is cheaper to look at
// all.
func amongPackages(names []string) (condition string, args []any) {
	if len(names) == 0 || len(names) > maxPackages {
		return "", nil
	}
	for _, name := range names {
		args = append(args, name)
	}
	return " AND cp.value IN (?" + strings.Repeat(", ?", len(names)-1) + ")", args
}
