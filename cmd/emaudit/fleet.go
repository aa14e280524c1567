package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

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

// fleet returns the values of the flags.
func (f *fleetFlags) fleet(ctx context.Context, forget []string) cleanup.PruneFleet {
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
				fleetNeeds(ctx, address, f.Stale.seconds(), one)
			}
		}
	}
	return cleanup.PruneFleet{Declared: f.Expect, Files: files, Stale: f.Stale.seconds(), Forget: forget}
}

// neededByDefault is the policy for the needs that a host pushes, which is the default
// of "emaudit needs".
var neededByDefault = cleanup.PrunePolicy{KeepStates: 3, KeepDays: 30}

// fleetNeeds yields the needs of each host of a fleet in the form of files, as of the
// last push. If the fleet cannot be asked, it yields an unreadable file.
func fleetNeeds(ctx context.Context, address string, valid int64, yield func(needs.File) bool) {
	name := withoutCredentials(address)
	db, err := store.OpenFleet(ctx, address)
	if err == nil {
		defer db.Close()
		err = db.View(ctx, func(tx *store.Tx) error {
			hosts, err := tx.HostSummaries()
			if err != nil {
				return err
			}
			of := map[store.HostID]store.HostSummary{}
			for _, h := range hosts {
				of[h.ID] = h
			}
			file := func(h store.HostSummary, builds []needs.Build) needs.File {
				return needs.File{
					Path: name + "/" + strings.ReplaceAll(h.Name, "/", "_"),
					List: needs.List{Host: h.Name, HostID: h.Identity, KnownUntil: h.KnownUntil, ValidUntil: h.KnownUntil + valid, Builds: builds},
				}
			}
			err = inventory.EachNeeds(tx, func(host store.HostID, builds []needs.Build) error {
				h := of[host]
				delete(of, host)
				if !yield(file(h, builds)) {
					return errEnough
				}
				return nil
			})
			if err != nil {
				return err
			}
			for _, h := range hosts {
				if _, left := of[h.ID]; !left {
					continue
				}
				f := file(h, nil)
				if h.Judged == nil {
					f.Err = errNoNeeds
				}
				if !yield(f) {
					return errEnough
				}
			}
			return nil
		})
	}
	if err != nil && !errors.Is(err, errEnough) {
		yield(needs.File{Path: name, Err: err})
	}
}

// errEnough means that the caller wants no more files.
var errEnough = errors.New("enough")

// errNoNeeds means that the push of a host did not bring its needs.
var errNoNeeds = errors.New("the fleet does not have its needs; push it again")

// rememberClients stores the hosts in the files of needs, so that a host whose file
// disappears is not forgotten.
func (s *session) rememberClients(ctx context.Context, plan *cleanup.PrunePlan) error {
	if s.NoIngest || s.stale != nil {
		return nil
	}
	files := slices.DeleteFunc(slices.Clone(plan.Hosts), func(h cleanup.PruneHost) bool { return h.Source == "" || h.Source == cleanup.SourceDatabase })
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
