package audit

import (
	"fmt"
)

// clockBehind is by how many seconds the clock may be behind what is known
// before that is reported: time comes from several machines.
const clockBehind = 5 * 60

// AuditClock reports a clock that shows an earlier time than one which has been:
// what is asked by time is then wrong. A clock that is ahead cannot be told from a
// machine that was off.
func AuditClock(db Database) ([]Finding, error) {
	line, ingest, err := db.Tx.LatestMoments(db.Host)
	if err != nil {
		return nil, err
	}
	latest, of := line, "the last line of emerge.log"
	if ingest > line {
		latest, of = ingest, "an earlier ingest"
	}
	if latest <= db.Now+clockBehind {
		return nil, nil
	}
	return []Finding{{
		Code: "clock-behind", Severity: SeverityWarning, Subject: "clock", Evidence: []Evidence{},
		Message: fmt.Sprintf("it shows %s, but %s is of %s: what is asked by time, or goes by age, is wrong", Minute(db.Now), of, Minute(latest)),
		Remedy:  "timedatectl status, or chronyc tracking; then set the clock",
	}}, nil
}
