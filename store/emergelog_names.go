package store

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"slices"

	"emaudit/parse/atom"
)

// loggedPackage is what the writer needs of a cpv.
type loggedPackage struct {
	*loggedName
	cpv     string
	version string // what follows the cat/pn, with its hyphen
}

// loggedPackages is how many cpvs are remembered: those of a run recur within
// it, and those of a long log are too many to be worth it.
const loggedPackages = 1 << 10

// loggedName is what the writer needs of a cat/pn.
type loggedName struct {
	name    string
	cp      int64
	page    *sumsPage
	sums    *history
	lastRun int64
	isNew   bool
}

// in notes that a run has facts of the package that are final.
func (n *loggedName) in(run int64) *history {
	if run != n.lastRun {
		n.sums.runs = binary.AppendVarint(n.sums.runs, run-n.lastRun)
		n.lastRun = run
	}
	n.page.changed = true
	return n.sums
}

// Expect reads what is stored of the packages (cpv) of which records are about to
// be delivered: to ask for each when it comes takes several times as long.
func (w *EmergeLogWriter) Expect(cpvs iter.Seq[string]) {
	if w.first || w.err != nil {
		return
	}
	unknown := map[string]bool{}
	for cpv := range cpvs {
		if p := w.remembered(cpv); p.loggedName != nil && p.cpv == cpv {
			continue
		}
		if name := nameOfCPV(cpv); w.names[name] == nil {
			unknown[name] = true
		}
	}
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(unknown)), maxPackages) {
		if w.err = w.read(chunk); w.err != nil {
			return
		}
	}
}

// remembered is where a cpv is, when it is among those seen last.
func (w *EmergeLogWriter) remembered(cpv string) *loggedPackage {
	return &w.packages[maphash.String(w.seed, cpv)%loggedPackages]
}

// nameOfCPV is its cat/pn, or the whole where it is none.
func nameOfCPV(cpv string) string {
	if c, err := atom.ParseCPV(cpv); err == nil {
		return cpv[:len(c.Category)+1+len(c.PN)]
	}
	return cpv
}

// pkg returns what is known of a cpv, until the next call.
func (w *EmergeLogWriter) pkg(cpv string) (*loggedPackage, error) {
	p := w.remembered(cpv)
	if p.loggedName != nil && p.cpv == cpv {
		return p, nil
	}
	name := nameOfCPV(cpv)
	if w.names[name] == nil {
		if err := w.enter(name); err != nil {
			return nil, err
		}
	}
	*p = loggedPackage{w.names[name], cpv, cpv[len(name):]}
	return p, nil
}

// read reads what is stored of some cat/pn, no more than maxPackages.
func (w *EmergeLogWriter) read(names []string) error {
	among, args := amongPackages(names)
	var found []*loggedName
	var pages []int64
	err := w.tx.query(func(rows *sql.Rows) error {
		var n loggedName
		var page int64
		err := rows.Scan(&n.name, &n.cp, &page)
		found, pages = append(found, &n), append(pages, page)
		return err
	}, "SELECT cp.value, cp.id, p.page FROM package_page p JOIN cp ON cp.id = p.cp WHERE p.host = ?"+among, append([]any{w.host}, args...)...)
	if err != nil {
		return err
	}
	if err := w.pages.read(pages); err != nil {
		return err
	}
	for i, n := range found {
		n.page = w.pages.held[pages[i]]
		if n.sums = n.page.of(n.name); n.sums == nil {
			return fmt.Errorf("page %d of package_sums: %w: no %s", pages[i], errPacked, n.name)
		}
		if runs := RunNumbers(n.sums.runs).AppendTo(nil); len(runs) > 0 {
			n.lastRun = runs[len(runs)-1]
		}
		w.names[n.name] = n
	}
	return nil
}

// enter makes a cat/pn known that is not yet.
func (w *EmergeLogWriter) enter(name string) error {
	if !w.first {
		if err := w.read([]string{name}); err != nil || w.names[name] != nil {
			return err
		}
	}
	cp, err := w.tx.cpID(name)
	if err != nil {
		return err
	}
	page, sums, err := w.pages.enter(name)
	w.names[name] = &loggedName{name: name, cp: cp, page: page, sums: sums, isNew: true}
	return err
}

// storeHistories stores what the writer changed of packages.
func (w *EmergeLogWriter) storeHistories() error {
	if w.first {
		// In the order of their names, since nearly all questions want it.
		sorted := sumsPages{tx: w.tx, host: w.host, held: map[int64]*sumsPage{}, last: newSumsPage(0)}
		for _, name := range slices.Sorted(maps.Keys(w.names)) {
			n := w.names[name]
			page, sums, err := sorted.enter(name)
			if err != nil {
				return err
			}
			*sums = *n.sums
			n.page, n.sums = page, sums
		}
		w.pages = sorted
	}
	if err := w.pages.store(); err != nil {
		return err
	}
	rows := w.tx.bulk("package_page", "host", "cp", "page")
	for _, n := range w.names {
		if !n.isNew {
			continue
		}
		if err := rows.add(w.host, n.cp, n.page.number); err != nil {
			return err
		}
	}
	return rows.flush()
}
