package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
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
	// smallHost bounds the work of a push that judges more updates than the page of a
	// host has: the number of updates times the number of installed packages.
	smallHost = 10_000
)

// recordedFacts returns what was recorded of the disk of a host of another machine. Facts
// from long before its last ingest are none: emaudit merge brings later facts, but only
// a push records.
func recordedFacts(tx *store.Tx, host store.HostID) ([]inventory.DiskFact, error) {
	stamp, err := tx.SummaryStampOf(host)
	if err != nil {
		return nil, err
	}
	until, err := tx.KnownUntil(host)
	if err != nil || until-stamp.MadeAt > diskFactsAge {
		return nil, err
	}
	return inventory.DiskFacts(tx, host)
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
	var summary store.HostSummary
	var known []inventory.DiskFact
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if stamp, err = tx.SummaryStampOf(s.host); err != nil {
			return err
		}
		if current, err = tx.Stamp("installed", "instance", "instance_files", "pkgdir_file", "run", "merge", "sync", "build_log", "config_file", "config_line", "index_entry", "pin", "package_move"); err != nil {
			return err
		}
		if summary, err = tx.HostSummary(s.host); err != nil {
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
	facts, recorder, judge, from := s.diskFacts, rollback.NewRecorder(s.rollbackOptions()), 0, stamp.MadeAt
	if s.elsewhere == "" {
		judge = max(overview.MostRollbacks, smallHost/max(1, summary.Installed))
		if age := now - stamp.DiskAt; age >= 0 && age < diskJudgedAge && judge == overview.MostRollbacks {
			recorder.Refresh(known)
			judge = 1
		} else {
			stamp.DiskAt, from = now, 0
		}
	}
	var judged store.HostJudgement
	var list *needs.List
	err = s.ask(ctx, func(db audit.Database) (err error) {
		db = audit.Share(db)
		if judge > 0 {
			verdicts, err := recorder.Judge(db, overview.MostRollbacks, judge)
			if err != nil {
				return err
			}
			facts = recorder.Facts(verdicts)
		}
		if s.elsewhere == "" {
			if summary.LastSync >= from {
				from = 0 // ebuilds may have changed
			}
			more, err := s.machineFacts(ctx, db, known, from)
			if err != nil {
				return err
			}
			facts = append(facts, more...)
		}
		if judged, err = overview.JudgeHost(db); err != nil {
			return err
		}
		list, err = cleanup.ListNeeds(db, neededByDefault, s.systemPackages(), 0)
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
