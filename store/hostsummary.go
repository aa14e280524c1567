package store

import (
	"database/sql"
	"fmt"
)

// HostSummary is one row in the list of hosts.
type HostSummary struct {
	Host
	KnownUntil int64 // time of the last ingest; 0 means that nothing was read
	Installed  int
	Binpkgs    int
	Bytes      int64 // size of the binary packages
	Runs       int
	LastSync   int64 // time of the last successful sync of a repository; 0 means none
	// Judged has the results of the host's own audits at its last push to this fleet. It
	// is nil in the database of a host, where the facts may be newer.
	Judged *HostJudgement
}

// HostJudgement has the results of audits of a whole host.
type HostJudgement struct {
	Uncovered    int    // installed packages without a binary package of their build
	FailuresOpen int    // failed merges without a later success
	LastUpdate   int64  // time of the last update, in unix seconds; 0 means none
	Rollback     string // the verdict about undoing it; "" means none
}

// HostSummaries returns all hosts, by name.
func (tx *Tx) HostSummaries() ([]HostSummary, error) {
	var all []HostSummary
	var counted []bool
	err := tx.Query(func(rows *sql.Rows) error {
		var s HostSummary
		var j HostJudgement
		var made bool
		err := rows.Scan(&s.ID, &s.Name, &s.Root, &s.Identity, &s.CreatedAt, &s.KnownUntil, &made, &s.Installed, &s.Binpkgs, &s.Bytes, &s.Runs, &s.LastSync,
			&j.Uncovered, &j.FailuresOpen, &j.LastUpdate, &j.Rollback)
		if made = made && tx.fleet; made {
			s.Judged = &j
		}
		all, counted = append(all, s), append(counted, made)
		return err
	}, `SELECT h.id, h.name, h.root, h.identity, h.created_at,
		CASE WHEN coalesce(s.at, 0) > coalesce(n.at, 0) THEN s.at ELSE coalesce(n.at, 0) END,
		CASE WHEN t.host IS NULL THEN 0 ELSE 1 END, coalesce(t.installed, 0), coalesce(t.binpkgs, 0), coalesce(t.bytes, 0), coalesce(t.runs, 0), coalesce(t.last_sync_at, 0),
		coalesce(t.uncovered, 0), coalesce(t.failures_open, 0), coalesce(t.last_update_at, 0), coalesce(t.rollback, '')
		FROM host h LEFT JOIN host_summary t ON t.host = h.id
		LEFT JOIN (SELECT host, max(read_at) AS at FROM source GROUP BY host) s ON s.host = h.id
		LEFT JOIN (SELECT host, max(confirmed_at) AS at FROM snapshot GROUP BY host) n ON n.host = h.id
		ORDER BY h.name`)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if counted[i] {
			continue
		}
		if err := tx.countFacts(&all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// HostSummary returns the row of a host.
func (tx *Tx) HostSummary(host HostID) (s HostSummary, err error) {
	if s.Host, err = tx.Host(host); err == nil {
		err = tx.countFacts(&s)
	}
	return s, err
}

// countFacts counts the facts of a host.
func (tx *Tx) countFacts(s *HostSummary) error {
	for _, count := range []struct {
		to    any
		query string
	}{
		{&s.Installed, "SELECT count(*) FROM installed WHERE host = ? AND removed_at IS NULL"},
		{&s.Binpkgs, "SELECT count(*) FROM instance n JOIN pkgdir p ON p.id = n.pkgdir WHERE p.host = ? AND n.gone_at IS NULL"},
		{&s.Bytes, "SELECT coalesce(sum(n.size), 0) FROM instance n JOIN pkgdir p ON p.id = n.pkgdir WHERE p.host = ? AND n.gone_at IS NULL AND p.kind <> 'former'"},
		{&s.Runs, "SELECT count(*) FROM run WHERE host = ?"},
		{&s.LastSync, "SELECT coalesce(max(ended_at), 0) FROM sync WHERE host = ? AND outcome = (SELECT code FROM sync_outcome WHERE word = 'ok')"},
	} {
		if err := tx.QueryRow(count.query, s.ID).Scan(count.to); err != nil {
			return err
		}
	}
	return nil
}

// SummaryStamp identifies the facts behind the stored summary of a host.
type SummaryStamp struct {
	Facts  string // a text that is different for different facts
	MadeAt int64  // unix seconds
	DiskAt int64  // when all facts of its disk were last recorded; 0 means never
}

// SummaryStampOf returns the stamp of the stored summary of a host. It is zero if there
// is none.
func (tx *Tx) SummaryStampOf(host HostID) (s SummaryStamp, err error) {
	_, err = NoRow(tx.QueryRow("SELECT stamp, made_at, disk_at FROM host_summary WHERE host = ?", host).Scan(&s.Facts, &s.MadeAt, &s.DiskAt))
	return s, err
}

// PutHostSummary stores the summary of a host, for its fleet.
func (tx *Tx) PutHostSummary(stamp SummaryStamp, s HostSummary, j HostJudgement) error {
	_, err := tx.Exec(`INSERT INTO host_summary (host, stamp, made_at, disk_at, installed, binpkgs, bytes, runs, last_sync_at, uncovered, failures_open, last_update_at, rollback)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host) DO UPDATE SET stamp = excluded.stamp, made_at = excluded.made_at, disk_at = excluded.disk_at, installed = excluded.installed,
		binpkgs = excluded.binpkgs, bytes = excluded.bytes, runs = excluded.runs, last_sync_at = excluded.last_sync_at, uncovered = excluded.uncovered,
		failures_open = excluded.failures_open, last_update_at = excluded.last_update_at, rollback = excluded.rollback`,
		s.ID, stamp.Facts, stamp.MadeAt, stamp.DiskAt, s.Installed, s.Binpkgs, s.Bytes, s.Runs, s.LastSync, j.Uncovered, j.FailuresOpen, j.LastUpdate, j.Rollback)
	if err != nil {
		return fmt.Errorf("summary of host %s: %w", s.Name, err)
	}
	return nil
}
