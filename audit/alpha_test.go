package audit

import (
	"context"
	"path/filepath"
	"testing"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/internal/hostarchive"
	"emaudit/settings"
	"emaudit/store"
)

// alphaNow is the clock of tests over the recorded host: an hour after its
// last event.
const alphaNow = 1791138000

// testHost is an ingested host for the tests inside of this package, which
// cannot use hosttest: that imports it.
type testHost struct {
	tb   testing.TB
	root string
	db   *store.DB
	id   store.HostID
}

// alphaHost ingests the recorded host, which must not be changed.
func alphaHost(tb testing.TB) *testHost {
	tb.Helper()
	h := openHost(tb, hostarchive.Alpha(tb))
	h.ingest(alphaNow)
	return h
}

func openHost(tb testing.TB, root string) *testHost {
	tb.Helper()
	db, err := store.Open(context.Background(), filepath.Join(tb.TempDir(), "emaudit.db"), store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	h := &testHost{tb: tb, root: root, db: db}
	err = db.Update(context.Background(), func(tx *store.Tx) (err error) {
		h.id, err = tx.EnsureHost("alpha", root, alphaNow)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func (h *testHost) ingest(now int64) {
	h.tb.Helper()
	root, err := hostfs.Open(h.root)
	if err != nil {
		h.tb.Fatal(err)
	}
	defer root.Close()
	s, err := settings.Resolve(root, settings.Options{})
	if err != nil {
		h.tb.Fatal(err)
	}
	if _, err := ingest.Run(context.Background(), h.db, ingest.Host{ID: h.id, Root: root, Settings: s}, ingest.Options{Now: now}); err != nil {
		h.tb.Fatal(err)
	}
}

func (h *testHost) ask(question func(Database) error) {
	h.tb.Helper()
	err := h.db.View(context.Background(), func(tx *store.Tx) error {
		return question(Database{Tx: tx, Host: h.id, Now: alphaNow})
	})
	if err != nil {
		h.tb.Fatal(err)
	}
}
