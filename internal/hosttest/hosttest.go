// Package hosttest ingests recorded or made-up hosts into a database of the
// test's own, for tests that ask what the store then knows.
package hosttest

import (
	"context"
	"path/filepath"
	"testing"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/settings"
	"emaudit/store"
)

// Now is the clock of tests over the recorded host alpha: an hour after its
// last event, 2026-10-04 18:20:00 UTC.
const Now = 1791138000

// Host is a root with a database.
type Host struct {
	tb   testing.TB
	Root string
	DB   *store.DB
	ID   store.HostID
}

// New returns a host over root with an empty database.
func New(tb testing.TB, root string) *Host {
	tb.Helper()
	return Open(tb, root, filepath.Join(tb.TempDir(), "emaudit.db"))
}

// Open returns a host over root with the database at path.
func Open(tb testing.TB, root, path string) *Host {
	tb.Helper()
	db, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	h := &Host{tb: tb, Root: root, DB: db}
	err = db.Update(context.Background(), func(tx *store.Tx) (err error) {
		h.ID, err = tx.EnsureHost("test", root, Now)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// Ingest brings the database up to date at the given time.
func (h *Host) Ingest(now int64) ingest.Result {
	h.tb.Helper()
	result, err := h.TryIngest(context.Background(), now)
	if err != nil {
		h.tb.Fatal(err)
	}
	return result
}

// TryIngest is Ingest for a test that expects trouble.
func (h *Host) TryIngest(ctx context.Context, now int64) (ingest.Result, error) {
	h.tb.Helper()
	host := h.open()
	defer host.Root.Close()
	return ingest.Run(ctx, h.DB, host, ingest.Options{Now: now})
}

// Verify reads every binary package in full.
func (h *Host) Verify(now int64) { h.verify(ingest.VerifyOptions{Now: now, Images: true}) }

// VerifyAll reads also what was read before, and did not change since as far as
// its size and time tell.
func (h *Host) VerifyAll(now int64) {
	h.verify(ingest.VerifyOptions{Now: now, Images: true, All: true})
}

func (h *Host) verify(o ingest.VerifyOptions) {
	h.tb.Helper()
	host := h.open()
	defer host.Root.Close()
	if _, err := ingest.Verify(context.Background(), h.DB, host, o); err != nil {
		h.tb.Fatal(err)
	}
}

// CompareInstalled compares what has no binary package with its CONTENTS.
func (h *Host) CompareInstalled(now int64) {
	h.tb.Helper()
	host := h.open()
	defer host.Root.Close()
	if err := ingest.CheckInstalled(context.Background(), h.DB, host, ingest.Options{Now: now}); err != nil {
		h.tb.Fatal(err)
	}
}

// open opens the root, which the caller closes, and resolves its settings.
func (h *Host) open() ingest.Host {
	h.tb.Helper()
	root, err := hostfs.Open(h.Root)
	if err != nil {
		h.tb.Fatal(err)
	}
	s, err := settings.Resolve(root, settings.Options{})
	if err != nil {
		root.Close()
		h.tb.Fatal(err)
	}
	return ingest.Host{ID: h.ID, Root: root, Settings: s}
}

// View reads from the database.
func (h *Host) View(read func(*store.Tx) error) {
	h.tb.Helper()
	if err := h.DB.View(context.Background(), read); err != nil {
		h.tb.Fatal(err)
	}
}
