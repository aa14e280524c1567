// Package audittest asks the rooms of audit about the recorded host, and knows
// what really happened on it.
package audittest

import (
	"testing"

	"emaudit/audit"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// Alpha ingests the recorded host, which a test must not change.
func Alpha(tb testing.TB) *hosttest.Host {
	tb.Helper()
	h := hosttest.New(tb, hostarchive.Alpha(tb))
	h.Ingest(hosttest.Now)
	return h
}

// Ask runs a question over the database of a test's host at the given time, in
// unix seconds.
func Ask(h *hosttest.Host, now int64, question func(audit.Database) error) {
	h.View(func(tx *store.Tx) error { return question(audit.Database{Tx: tx, Host: h.ID, Now: now}) })
}
