package cleanup

import (
	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/store/logs"
)

// openRunAge is how old the last sign of an open run may be, in seconds, before
// it is taken for one that the power cut ended: no package builds for longer
// without a line in the log than a day.
const openRunAge = 24 * 3600

// AuditEmergeRuns tells whether, by emerge.log alone, an emerge may be at work,
// and names its run. A run that was killed looks like one that goes on until
// another begins; on the running system its processes tell, and this is for
// other roots.
func AuditEmergeRuns(db audit.Database) (run int64, runs bool, err error) {
	err = logs.ReadEmergeLog(db.Tx, db.Host).Runs(logs.RunRange{}, logs.NewestFirst, func(r *logs.Run) error {
		if r.Outcome == emergelog.RunRunning && db.Now-r.LastSeen < openRunAge {
			run, runs = r.ID, true
			return logs.ErrStop
		}
		if db.Now-r.LastSeen > 2*openRunAge {
			return logs.ErrStop
		}
		return nil
	})
	return run, runs, err
}
