package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit/cleanup"
	"emaudit/ingest/live"
	"emaudit/store"
)

// fleetFlags say which other hosts get binary packages from this one. The table
// [fleet] of the configuration sets them for all commands.
type fleetFlags struct {
	Needs  []string `sep:"none" in:"fleet.needs" placeholder:"DIR" help:"Keep what other hosts need, by the files of \"emaudit needs\" below DIR; may be repeated."`
	Expect []string `in:"fleet.hosts" placeholder:"HOST" help:"Hosts of which something must be known before anything is removed; may be repeated."`
	Stale  days     `in:"fleet.stale" placeholder:"DAYS" default:"14" help:"Rely on what is known of another host for so many days (14)."`
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

// seconds is the number as a time.
func (d days) seconds() int64 { return int64(d) * 24 * 3600 }

// fleet returns what the flags say.
func (f *fleetFlags) fleet(forget []string) cleanup.PruneFleet {
	dirs := make([]string, len(f.Needs))
	for i, dir := range f.Needs {
		dirs[i] = dir
		if abs, err := filepath.Abs(dir); err == nil {
			dirs[i] = abs
		}
	}
	return cleanup.PruneFleet{Declared: f.Expect, Files: live.NeedsFiles(dirs), Stale: f.Stale.seconds(), Forget: forget}
}

// rememberClients stores which other hosts the files of needs told of, so that one
// whose file is gone is not forgotten.
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
				// A time from the future would outlive every true one.
				c.KnownUntil = min(c.KnownUntil, now)
			}
			if err := tx.PutClient(s.host, c); err != nil {
				return err
			}
		}
		return nil
	})
}
