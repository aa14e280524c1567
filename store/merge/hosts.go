package merge

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"emaudit/store"
)

// The errors of [Hosts].
var (
	// ErrLaterHost means that the host to delete has the later ingest.
	ErrLaterHost = errors.New("is known until later")
	// ErrOlderRuns means that the host to delete has runs that the other host lacks.
	ErrOlderRuns = errors.New("has runs of emerge from before the first one")
)

// Hosts adds the history of one host to another one and deletes the first. Both are one
// machine that got a new database. The remaining host has read the same emerge.log, so
// it gets only what no log has: the builds that were installed before its first ingest,
// the pins, the drills, and which messages were read.
func Hosts(tx *store.Tx, from, into store.Host) error {
	until, err := tx.KnownUntil(into.ID)
	if err != nil {
		return err
	}
	if theirs, err := tx.KnownUntil(from.ID); err != nil || theirs > until {
		if err == nil {
			err = fmt.Errorf("%s %w than %s", from.Name, ErrLaterHost, into.Name)
		}
		return err
	}
	var older int
	err = tx.QueryRow(`SELECT count(*) FROM run o WHERE o.host = ? AND NOT EXISTS (SELECT 1 FROM run n WHERE n.host = ? AND n.started_at <= o.started_at)`, from.ID, into.ID).Scan(&older)
	if err != nil {
		return err
	}
	if older > 0 {
		return fmt.Errorf("%s %w of %s: %d", from.Name, ErrOlderRuns, into.Name, older)
	}
	// The first ingest of the remaining host. Without one, nothing ended.
	var first int64
	if err := tx.QueryRow("SELECT coalesce(min(taken_at), 0) FROM snapshot WHERE host = ?", into.ID).Scan(&first); err != nil {
		return err
	}
	for _, step := range []struct {
		query string
		args  []any
	}{
		// A build that is installed on both was installed when the deleted host saw it.
		{`UPDATE installed SET added_at = coalesce((SELECT min(o.added_at) FROM installed o WHERE o.host = ? AND o.removed_at IS NULL AND o.added_at < installed.added_at
			AND o.cpv = installed.cpv AND o.build_time = installed.build_time AND o.counter = installed.counter), added_at) WHERE host = ? AND added_at = ?`, []any{from.ID, into.ID, first}},
		// All others were removed before the first ingest of the remaining host.
		{`UPDATE installed SET host = ?, removed_at = coalesce(removed_at, ?) WHERE host = ? AND added_at < ? AND NOT (removed_at IS NULL AND EXISTS (SELECT 1 FROM installed n
			WHERE n.host = ? AND n.cpv = installed.cpv AND n.build_time = installed.build_time AND n.counter = installed.counter))`, []any{into.ID, first, from.ID, first, into.ID}},
		{"UPDATE snapshot SET host = ? WHERE host = ? AND taken_at < ?", []any{into.ID, from.ID, first}},
		{"UPDATE client SET host = ? WHERE host = ? AND name NOT IN (SELECT name FROM client WHERE host = ?)", []any{into.ID, from.ID, into.ID}},
		{`UPDATE elog_message SET read_at = coalesce((SELECT max(o.read_at) FROM elog_message o WHERE o.host = ?
			AND o.cpv = elog_message.cpv AND o.saved_at = elog_message.saved_at AND o.class = elog_message.class AND o.text = elog_message.text), 0) WHERE host = ? AND read_at = 0`, []any{from.ID, into.ID}},
	} {
		if _, err := tx.Exec(step.query, step.args...); err != nil {
			return err
		}
	}
	if err := movePins(tx, from.ID, into.ID); err != nil {
		return err
	}
	if err := moveDrills(tx, from.ID, into.ID); err != nil {
		return err
	}
	return Forget(tx, from.ID)
}

// Forget deletes a host with all its facts, except for the names of packages.
func Forget(tx *store.Tx, host store.HostID) error {
	for _, t := range slices.Backward(facts()) {
		if _, err := tx.Exec("DELETE FROM "+t.Name+" WHERE "+store.Schema().OfHost(t), host); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	_, err := tx.Exec("DELETE FROM host WHERE id = ?", host)
	return err
}

// sameRun returns the number on one host of a run of another host, or 0.
func sameRun(tx *store.Tx, from, into store.HostID, run int64) (number int64, err error) {
	_, err = store.NoRow(tx.QueryRow("SELECT n.number FROM run o JOIN run n ON n.started_at = o.started_at AND n.args = o.args WHERE o.host = ? AND o.number = ? AND n.host = ?", from, run, into).Scan(&number))
	return number, err
}

// movePins gives a host the pins of another one. A pin keeps binary packages, so none is
// dropped: if the other host has a pin of that name for another time, the pin becomes
// NAME-2. The time of a pin is right even if the other host does not have its run.
func movePins(tx *store.Tx, from, into store.HostID) error {
	pins, err := tx.Pins(from)
	if err != nil {
		return err
	}
	there, err := tx.Pins(into)
	if err != nil {
		return err
	}
	taken := map[string]int64{}
	for _, p := range there {
		taken[p.Name] = p.At
	}
	for _, p := range pins {
		name := p.Name
		at, same := taken[name]
		for n := 2; same && at != p.At; n++ {
			name = fmt.Sprintf("%s-%d", p.Name, n)
			at, same = taken[name]
		}
		if p.Name = name; same {
			continue
		}
		if p.Run != 0 {
			if p.Run, err = sameRun(tx, from, into, p.Run); err != nil {
				return err
			}
		}
		if err := tx.PutPin(into, p); err != nil {
			return err
		}
		taken[p.Name] = p.At
	}
	return nil
}

// moveDrills gives a host the drills of another one, except those of runs that the
// other host does not have.
func moveDrills(tx *store.Tx, from, into store.HostID) error {
	targets := map[int64]string{}
	err := tx.Query(func(rows *sql.Rows) error {
		var id int64
		var target string
		err := rows.Scan(&id, &target)
		targets[id] = target
		return err
	}, "SELECT id, target FROM drill WHERE host = ?", from)
	if err != nil {
		return err
	}
	for id, target := range targets {
		kind, run, ok := strings.Cut(target, ":")
		if number, err := strconv.ParseInt(run, 10, 64); ok && err == nil {
			same, err := sameRun(tx, from, into, number)
			if err != nil {
				return err
			}
			if same == 0 {
				continue
			}
			target = fmt.Sprintf("%s:%d", kind, same)
		}
		if _, err := tx.Exec("UPDATE drill SET host = ?, target = ? WHERE id = ?", into, target, id); err != nil {
			return err
		}
	}
	return nil
}
