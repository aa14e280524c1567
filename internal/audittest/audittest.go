// Package audittest runs questions of the audit packages on the recorded host, and
// provides the recorded truth about it.
package audittest

import (
	"testing"

	"emaudit/audit"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// Alpha ingests the recorded host. A test must not change its files.
func Alpha(tb testing.TB) *hosttest.Host {
	tb.Helper()
	h := hosttest.New(tb, hostarchive.Alpha(tb))
	h.Ingest(hosttest.Now)
	return h
}

// Ask runs a question on the database of a test host. now is the time in unix
// seconds.
func Ask(h *hosttest.Host, now int64, question func(audit.Database) error) {
	h.View(func(tx *store.Tx) error { return question(audit.Database{Tx: tx, Host: h.ID, Now: now}) })
}
