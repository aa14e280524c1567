package audit

import (
	"fmt"

	"emaudit/store/inventory"
)

// clockBehind is the number of seconds by which the clock may be behind known times
// without a report, because the times come from several machines.
const clockBehind = 5 * 60

// clockAhead is the number of seconds by which the clock may be ahead of every other
// known time: a machine may have been off, but hardly for more than a year.
const clockAhead = 365 * 24 * 3600

// AuditClock reports a clock that is behind a known time. Answers that depend on the
// time are then wrong.
func AuditClock(db Database) ([]Finding, error) {
	line, ingest, err := inventory.LatestMoments(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	if ingest > line && ingest > db.Now+clockBehind {
		built, err := inventory.LatestBuild(db.Tx, db.Host)
		if err != nil {
			return nil, err
		}
		// The time of an ingest does not count if its clock was far ahead.
		if known := max(line, built); known == 0 || ingest <= known+clockAhead {
			return clockIsBehind(db, ingest, "an earlier ingest"), nil
		}
	}
	return clockIsBehind(db, line, "the last line of emerge.log"), nil
}

func clockIsBehind(db Database, latest int64, of string) []Finding {
	if latest <= db.Now+clockBehind {
		return nil
	}
	return []Finding{{
		Code: "clock-behind", Severity: SeverityWarning, Subject: "clock",
		Message: fmt.Sprintf("it shows %s, but %s is from %s: answers that depend on time or age are wrong", Minute(db.Now), of, Minute(latest)),
		Remedy:  Do(Files("timedatectl", "status")).When("set the clock; its source is shown by"),
	}}
}

// AuditClockForAges reports a clock that must not decide about ages. Such a clock is
// reported by [AuditClock], or is more than a year ahead of the newest line of
// emerge.log, build and binary package. Without a log, it is also one that is behind
// builds and binary packages.
func AuditClockForAges(db Database) ([]Finding, error) {
	if behind, err := AuditClock(db); err != nil || len(behind) > 0 {
		return behind, err
	}
	line, _, err := inventory.LatestMoments(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	built, err := inventory.LatestBuild(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	if behind := clockIsBehind(db, built, "the newest build or binary package"); line == 0 && behind != nil {
		return behind, nil
	}
	latest := max(line, built)
	if latest == 0 || db.Now <= latest+clockAhead {
		return nil, nil
	}
	return []Finding{{
		Code: "clock-ahead", Severity: SeverityWarning, Subject: "clock",
		Message: fmt.Sprintf("it shows %s, but the newest log line, build and binary package are from %s or earlier: files would be deleted too early", Minute(db.Now), Minute(latest)),
		Remedy:  Do(Files("timedatectl", "status")).When("if the clock is right, run emerge --sync, which logs the time; otherwise"),
	}}, nil
}
