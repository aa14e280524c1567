package store

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
)

// PackageHistory is the sum of a package's final merges and removals.
type PackageHistory struct {
	CP                 string
	Unmerges, Failures int
	// FirstAt and LastAt are the times of completed merges, unix seconds, 0
	// where there is none.
	FirstAt, LastAt int64
	// Durations and BinaryDurations are those of completed merges, oldest first;
	// Untimed and BinaryUntimed count those whose duration is unknown.
	Durations, BinaryDurations Durations
	Untimed, BinaryUntimed     int
	// Runs are the runs that have final facts of the package.
	Runs RunNumbers
}

// Durations are numbers of seconds, packed as they are stored: what asks about
// all packages unpacks one after the other into the same memory.
type Durations []byte

// AppendTo appends the durations to a list.
func (d Durations) AppendTo(list []int64) []int64 {
	for len(d) > 0 {
		// Nearly all are below 64, or below 8,192: one byte or two.
		var u uint64
		switch {
		case d[0] < 0x80:
			u, d = uint64(d[0]), d[1:]
		case len(d) > 1 && d[1] < 0x80:
			u, d = uint64(d[0]&0x7f)|uint64(d[1])<<7, d[2:]
		default:
			n := 0
			if u, n = binary.Uvarint(d); n <= 0 {
				return list
			}
			d = d[n:]
		}
		list = append(list, int64(u>>1)^-int64(u&1))
	}
	return list
}

// RunNumbers are numbers of runs, packed as they are stored.
type RunNumbers []byte

// AppendTo appends the numbers to a list, in the order in which the runs ended.
func (n RunNumbers) AppendTo(list []int64) []int64 {
	before := len(list)
	list = Durations(n).AppendTo(list)
	for i := before + 1; i < len(list); i++ {
		list[i] += list[i-1]
	}
	return list
}

// Histories calls each with the history of the given packages (cat/pn), or of
// all that the log names where none is given, in no order. A history may be kept.
func (l *EmergeLog) Histories(packages []string, each func(*PackageHistory)) error {
	var wanted map[string]bool
	if len(packages) > 0 {
		wanted = make(map[string]bool, len(packages))
		for _, name := range packages {
			wanted[name] = true
		}
	}
	query, args := "SELECT s.sums FROM package_sums s WHERE s.host = ?", []any{l.host}
	if among, names := amongPackages(packages); among != "" {
		query += " AND s.page IN (SELECT p.page FROM package_page p JOIN cp ON cp.id = p.cp WHERE p.host = ?" + among + ")"
		args = append(append(args, l.host), names...)
	}
	return l.tx.query(func(rows *sql.Rows) error {
		var packed []byte
		if err := rows.Scan(&packed); err != nil {
			return err
		}
		page := unpacker{b: packed}
		for len(page.b) > 0 {
			var h history
			name := h.next(&page)
			if page.err != nil {
				return fmt.Errorf("sums of packages: %w", page.err)
			}
			if wanted != nil && !wanted[string(name)] {
				continue
			}
			each(&PackageHistory{
				CP: string(name), Unmerges: int(h.unmerges), Failures: int(h.failures), FirstAt: h.firstAt, LastAt: h.lastAt,
				Durations: h.durations, BinaryDurations: h.binaryDurations, Untimed: int(h.untimed), BinaryUntimed: int(h.binaryUntimed),
				Runs: h.runs,
			})
		}
		return nil
	}, query+" ORDER BY s.page", args...)
}

// RunsOf returns the numbers of the runs that have final facts of any of the
// given packages (cat/pn), the lowest first.
func (l *EmergeLog) RunsOf(packages []string) ([]int64, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	var numbers []int64
	err := l.Histories(packages, func(h *PackageHistory) { numbers = h.Runs.AppendTo(numbers) })
	slices.Sort(numbers)
	return slices.Compact(numbers), err
}

// Packages returns every cat/pn that the log names, sorted.
func (l *EmergeLog) Packages() ([]string, error) {
	var all []string
	err := l.tx.query(func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		all = append(all, name)
		return err
	}, "SELECT cp.value FROM package_page p JOIN cp ON cp.id = p.cp WHERE p.host = ? ORDER BY cp.value", l.host)
	return all, err
}

// unpackNumbers unpacks a list of any numbers.
func unpackNumbers(packed []byte) []int64 {
	if len(packed) == 0 {
		return nil
	}
	return Durations(packed).AppendTo(make([]int64, 0, len(packed)))
}
