// Package audittest runs questions of the audit packages on the recorded host, and
// provides the recorded truth about it.
package audittest

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

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

// Command is one command of the recorded host and its effect on the VDB.
type Command struct {
	N       int                        `json:"n"`
	Date    string                     `json:"date"`
	Cmd     string                     `json:"cmd"`
	Added   map[string]PackageTruth    `json:"vdb_added"`
	Removed map[string]PackageTruth    `json:"vdb_removed"`
	Changed map[string][2]PackageTruth `json:"vdb_changed"`
}

// PackageTruth is one installed package according to its VDB entry.
type PackageTruth struct {
	BuildTime string `json:"BUILD_TIME"`
	Slot      string `json:"SLOT"`
}

// Began returns the start of the command in unix seconds.
func (c *Command) Began(t testing.TB) int64 {
	t.Helper()
	at, err := time.Parse(time.DateTime, c.Date)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

// Truth is the history of the recorded host: the installed packages before each
// command, as a map from cpv to BUILD_TIME.
type Truth struct {
	Commands []Command
	Before   []map[string]int64
	After    map[string]int64
}

// ReadTruth reads the record that was made together with the host.
func ReadTruth(t testing.TB) *Truth {
	t.Helper()
	tr := &Truth{After: map[string]int64{}}
	if err := json.Unmarshal(hostarchive.AlphaTruth(t), &tr.Commands); err != nil {
		t.Fatal(err)
	}
	set := func(cpv string, p PackageTruth) {
		// The directory of a killed merge is not an installed package.
		if strings.Contains(cpv, "/-MERGING-") {
			return
		}
		n, err := strconv.ParseInt(p.BuildTime, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		tr.After[cpv] = n
	}
	for _, c := range tr.Commands {
		tr.Before = append(tr.Before, maps.Clone(tr.After))
		for cpv := range c.Removed {
			delete(tr.After, cpv)
		}
		for cpv, p := range c.Added {
			set(cpv, p)
		}
		for cpv, p := range c.Changed {
			set(cpv, p[1])
		}
	}
	return tr
}

// Of returns the index of the command that started a run, which is the last one that
// began by the start of the run.
func (tr *Truth) Of(t testing.TB, started int64) int {
	t.Helper()
	i := 0
	for j := range tr.Commands {
		if tr.Commands[j].Began(t) <= started {
			i = j
		}
	}
	return i
}
