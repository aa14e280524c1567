// Package hosttest ingests recorded or generated hosts into temporary databases,
// for tests of what the store then holds.
package hosttest

import (
	"context"
	"path/filepath"
	"testing"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/ingest/packages"
	"emaudit/ingest/sources"
	"emaudit/settings"
	"emaudit/store"
)

// Now is the time of tests on the recorded host alpha, in unix seconds: one hour
// after its last event, 2026-10-04 18:20:00 UTC.
const Now = 1791138000

// Host is a root with a database.
type Host struct {
	tb   testing.TB
	Root string
	DB   *store.DB
	ID   store.HostID
}

// New returns a host for root with an empty database.
func New(tb testing.TB, root string) *Host {
	tb.Helper()
	return Open(tb, root, filepath.Join(tb.TempDir(), "emaudit.db"))
}

// Open returns a host for root with the database at path.
func Open(tb testing.TB, root, path string) *Host {
	tb.Helper()
	db, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return (&Host{tb: tb, DB: db}).Beside("test", root)
}

// Beside returns another host in the same database.
func (h *Host) Beside(name, root string) *Host {
	h.tb.Helper()
	other := &Host{tb: h.tb, Root: root, DB: h.DB}
	err := h.DB.Update(context.Background(), func(tx *store.Tx) (err error) {
		other.ID, err = tx.EnsureHost(name, root, Now)
		return err
	})
	if err != nil {
		h.tb.Fatal(err)
	}
	return other
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

// TryIngest is like Ingest, but returns the error.
func (h *Host) TryIngest(ctx context.Context, now int64) (ingest.Result, error) {
	h.tb.Helper()
	host := h.open()
	defer host.Root.Close()
	return sources.Ingest(ctx, h.DB, host, ingest.Options{Now: now})
}

// Verify reads every binary package in full.
func (h *Host) Verify(now int64) { h.verify(packages.VerifyOptions{Now: now, Images: true}) }

// VerifyAll also reads files again that have the size and mtime of an earlier
// verification.
func (h *Host) VerifyAll(now int64) {
	h.verify(packages.VerifyOptions{Now: now, Images: true, All: true})
}

func (h *Host) verify(o packages.VerifyOptions) {
	h.tb.Helper()
	host := h.open()
	defer host.Root.Close()
	if _, err := packages.Verify(context.Background(), h.DB, host, o); err != nil {
		h.tb.Fatal(err)
	}
}

// CompareInstalled compares packages without a binary package with their CONTENTS.
func (h *Host) CompareInstalled(now int64) {
	h.tb.Helper()
	host := h.open()
	defer host.Root.Close()
	if err := packages.CheckInstalled(context.Background(), h.DB, host, ingest.Options{Now: now}); err != nil {
		h.tb.Fatal(err)
	}
}

// open opens the root and resolves its settings. The caller closes the root.
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
