package audit

import (
	"fmt"

	"emaudit/store/logs"
)

// Begin returns when the period begins, in unix seconds: the given time, or the time
// of the first run. It returns 0 if the period has no begin.
func (p Period) Begin(db Database) (int64, error) {
	if p.FirstRun == 0 {
		return p.Since, nil
	}
	log := logs.ReadEmergeLog(db.Tx, db.Host)
	id := p.FirstRun
	if id < 0 {
		last, err := log.LastRun()
		if err != nil {
			return 0, err
		}
		id += last + 1
	}
	var begin int64
	err := log.RunsNumbered([]int64{id}, func(r *logs.Run) error {
		begin = r.Started
		return nil
	})
	if err == nil && begin == 0 {
		err = fmt.Errorf("there is no run %d", p.FirstRun)
	}
	return begin, err
}
