package audit

import (
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// alphaHost ingests the recorded host, which must not be changed.
func alphaHost(tb testing.TB) *hosttest.Host {
	tb.Helper()
	h := hosttest.New(tb, hostarchive.Alpha(tb))
	h.Ingest(hosttest.Now)
	return h
}

// Ask runs a question over the database of a test's host at the given time.
func Ask(h *hosttest.Host, now int64, question func(Database) error) {
	h.View(func(tx *store.Tx) error { return question(Database{Tx: tx, Host: h.ID, Now: now}) })
}
