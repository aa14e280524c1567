package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/ingest/live"
	"emaudit/parse/needs"
	"emaudit/store"
	"emaudit/store/inventory"
)

// fleetFlags name the other hosts that get binary packages from this one. The table
// [fleet] of the configuration sets them for all commands.
type fleetFlags struct {
	Needs  []string `rare:"" sep:"none" in:"fleet.needs" placeholder:"DIR" help:"Keep what other hosts need, by the files of \"emaudit needs\" below DIR, or by a fleet (postgres://...); may be repeated."`
	Expect []string `rare:"" in:"fleet.hosts" placeholder:"HOST" help:"Host that must be known before anything is removed; may be repeated."`
	Stale  days     `rare:"" in:"fleet.stale" placeholder:"DAYS" default:"14" help:"Days for which facts about another host are valid (14)."`
}

// days is a number of days: 14, 14d or 2w.
type days int

// UnmarshalText reads a number of days.
func (d *days) UnmarshalText(text []byte) error {
	number, factor := strings.TrimSuffix(string(text), "d"), 1
	if weeks, ok := strings.CutSuffix(number, "w"); ok {
		number, factor = weeks, 7
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 36500 {
		return fmt.Errorf("%q is no number of days: want 14, 14d or 2w", text)
	}
	*d = days(n * factor)
	return nil
}

// seconds returns the duration in seconds.
func (d days) seconds() int64 { return int64(d) * 24 * 3600 }

// fleet returns the values of the flags. now is the time in unix seconds.
func (f *fleetFlags) fleet(ctx context.Context, forget []string, now int64) cleanup.PruneFleet {
	var dirs, fleets []string
	for _, place := range f.Needs {
		if store.IsFleet(place) {
			fleets = append(fleets, place)
			continue
		}
		if abs, err := filepath.Abs(place); err == nil {
			place = abs
		}
		dirs = append(dirs, place)
	}
	files := func(yield func(needs.File) bool) {
		stopped := false
		one := func(f needs.File) bool {
			stopped = !yield(f)
			return !stopped
		}
		live.NeedsFiles(dirs)(one)
		for _, address := range fleets {
			if !stopped {
				fleetNeeds(ctx, address, f.Stale.seconds(), now, one)
			}
		}
	}
	return cleanup.PruneFleet{Declared: f.Expect, Files: files, Stale: f.Stale.seconds(), Forget: forget}
}

// The policy for the needs of the hosts of a fleet is the default of their own.
const (
	fleetKeepStates = 3
	fleetKeepDays   = 30
)

// fleetNeeds yields the needs of each host of a fleet in the form of files. If the
// fleet cannot be asked, it yields an unreadable file.
func fleetNeeds(ctx context.Context, address string, valid, now int64, yield func(needs.File) bool) {
	name := withoutCredentials(address)
	db, err := store.OpenFleet(ctx, address)
	if err == nil {
		defer db.Close()
		err = db.View(ctx, func(tx *store.Tx) error {
			hosts, err := tx.Hosts()
			if err != nil {
				return err
			}
			for _, h := range hosts {
				facts, err := inventory.DiskFacts(tx, h.ID)
				if err != nil {
					return err
				}
				list, err := cleanup.ListNeeds(audit.Database{Tx: tx, Host: h.ID, Now: now}, cleanup.PrunePolicy{KeepStates: fleetKeepStates, KeepDays: fleetKeepDays}, systemOf(facts), valid)
				f := needs.File{Path: name + "/" + strings.ReplaceAll(h.Name, "/", "_"), Err: err}
				if err == nil {
					f.List = *list
				}
				if !yield(f) {
					return nil
				}
			}
			return nil
		})
	}
	if err != nil {
		yield(needs.File{Path: name, Err: err})
	}
}

// rememberClients stores the hosts in the files of needs, so that a host whose file
// disappears is not forgotten.
func (s *session) rememberClients(ctx context.Context, plan *cleanup.PrunePlan) error {
	if s.NoIngest || s.stale != nil {
		return nil
	}
	files := slices.DeleteFunc(slices.Clone(plan.Hosts), func(h cleanup.PruneHost) bool { return h.Source == "" || h.Source == "database" })
	if len(files) == 0 {
		return nil
	}
	now := s.proc.now().Unix()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, h := range files {
			c := store.Client{Name: h.Name, KnownUntil: h.KnownUntil, ValidUntil: h.ValidUntil, Path: h.Source, SeenAt: now}
			if h.Silent != "" {
				// A time in the future would outlive every correct one.
				c.KnownUntil = min(c.KnownUntil, now)
			}
			if err := tx.PutClient(s.host, c); err != nil {
				return err
			}
		}
		return nil
	})
}
