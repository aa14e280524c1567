package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/ingest/live"
	"emaudit/parse/needs"
	"emaudit/store"
	"emaudit/store/inventory"
)

// The verdicts of a fleet use recorded answers of the host's disk. The host asks its
// disk again after a change of facts, or after an hour. What the verdicts ask, it finds
// out anew after a day.
const (
	diskFactsAge  = 3600
	diskJudgedAge = 24 * 3600
	// diskFactSystem is a package of @system, from the profile of the host.
	diskFactSystem = "system"
)

// systemOf returns the recorded packages of @system, or nil.
func systemOf(facts []inventory.DiskFact) (system []string) {
	for _, f := range facts {
		if f.Kind == diskFactSystem {
			system = append(system, f.Subject)
		}
	}
	return system
}

// recordForFleet stores what a fleet cannot find out, or only slowly: the answers of the
// disk that the verdicts about the last updates need, what the host needs, and what the
// list of hosts shows.
func (s *session) recordForFleet(ctx context.Context) error {
	if s.stale != nil {
		return nil
	}
	now := s.proc.now().Unix()
	var stamp store.SummaryStamp
	var current string
	var known []inventory.DiskFact
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if stamp, err = tx.SummaryStampOf(s.host); err != nil {
			return err
		}
		if current, err = tx.Stamp("installed", "instance", "instance_files", "run", "merge", "sync", "build_log", "config_file", "config_line", "index_entry", "pin", "package_move"); err != nil {
			return err
		}
		known, err = inventory.DiskFacts(tx, s.host)
		return err
	})
	if err != nil {
		return err
	}
	age := now - stamp.MadeAt
	if stamp.Facts == current && age >= 0 && (age < diskFactsAge || s.elsewhere != "") {
		return nil
	}
	facts, system := known, systemOf(known)
	recorder, judge := rollback.NewRecorder(s.rollbackOptions()), 0
	if s.elsewhere == "" {
		judge = overview.MostRollbacks
		if age := now - stamp.DiskAt; age >= 0 && age < diskJudgedAge {
			recorder.Refresh(known)
			judge = 1
		} else {
			stamp.DiskAt = now
		}
		facts = nil
		system = cleanup.SystemPackages(live.ProfilePackages(s.root, s.settings))
		for i, cp := range system {
			facts = append(facts, inventory.DiskFact{Kind: diskFactSystem, Subject: cp, Position: i})
		}
	}
	var summary store.HostSummary
	var judged store.HostJudgement
	var list *needs.List
	err = s.ask(ctx, func(db audit.Database) error {
		db = audit.Share(db)
		if judge > 0 {
			verdicts, err := rollback.AuditRollbacks(db, judge, recorder.Options())
			if err != nil {
				return err
			}
			facts = append(facts, recorder.Facts(verdicts)...)
		}
		if summary, err = db.Tx.HostSummary(s.host); err != nil {
			return err
		}
		if judged, err = overview.JudgeHost(db); err != nil {
			return err
		}
		list, err = cleanup.ListNeeds(db, neededByDefault, system, 0)
		return err
	})
	if err != nil {
		return err
	}
	stamp.Facts, stamp.MadeAt = current, now
	return s.db.Update(ctx, func(tx *store.Tx) error {
		if err := inventory.ReplaceDiskFacts(tx, s.host, facts); err != nil {
			return err
		}
		if err := inventory.ReplaceNeeds(tx, s.host, list.Builds); err != nil {
			return err
		}
		return tx.PutHostSummary(stamp, summary, judged)
	})
}
