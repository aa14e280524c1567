package store

import "fmt"

// Drill is the result of a rollback plan that was carried out in a copy of the root.
type Drill struct {
	ID        int64
	Target    string // run:N, @SECONDS, undo:N, or category/name
	StartedAt int64  // unix seconds
	Seconds   int64
	Bytes     int64 // that the commands wrote
	Verdict   string
	Step      string // the command that failed; "" means none
	Cause     string
	Log       string // on the running system
	Program   string // version of emaudit
	Portage   string // version of Portage; "" means unknown
	Plan      []byte // SHA-256 of the commands
	Installed []byte // SHA-256 of the builds that were installed before

	Files        []DrillFile
	Observations []DrillObservation

	// PackagesChanged is the number of installed packages that changed since, and
	// FilesChanged the number of Files that changed or were deleted since.
	// [Tx.AddDrill] ignores both.
	PackagesChanged, FilesChanged int
}

// DrillFile is a binary package that a drill merged.
type DrillFile struct {
	PkgDir, Path string // a folder inside the root, and a path below it
	CPV          string
	Size         int64 // bytes
	MTimeNS      int64 // unix nanoseconds
	MD5          []byte
	BuildTime    int64 // unix seconds
	BuildID      int64 // 0 means none
}

// DrillObservation is one thing that a drill showed.
type DrillObservation struct {
	Kind, Subject, Detail string
	Expected              bool // the plan promised it, or Portage always does it
}

// AddDrill inserts a drill and sets its ID.
func (tx *Tx) AddDrill(host HostID, d *Drill) (err error) {
	d.ID, err = tx.Insert(`INSERT INTO drill (host, target, started_at, seconds, bytes, verdict, step, cause, log, program, portage, plan, installed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		host, d.Target, d.StartedAt, d.Seconds, d.Bytes, d.Verdict, d.Step, d.Cause, d.Log, d.Program, d.Portage, d.Plan, d.Installed)
	if err != nil {
		return fmt.Errorf("drill of %s: %w", d.Target, err)
	}
	if err := tx.addDrillRows(d); err != nil {
		return fmt.Errorf("drill of %s: %w", d.Target, err)
	}
	return nil
}

// addDrillRows inserts the files and the observations of a drill.
func (tx *Tx) addDrillRows(d *Drill) error {
	files := tx.Bulk("drill_file", "drill", "pkgdir", "path", "cpv", "size", "mtime_ns", "md5", "build_time", "build_id")
	for _, f := range d.Files {
		cpv, err := tx.CPVID(f.CPV)
		if err == nil {
			err = files.Add(d.ID, f.PkgDir, f.Path, cpv, f.Size, f.MTimeNS, f.MD5, f.BuildTime, f.BuildID)
		}
		if err != nil {
			return err
		}
	}
	if err := files.Flush(); err != nil {
		return err
	}
	observations := tx.Bulk("drill_observation", "drill", "position", "kind", "subject", "detail", "expected")
	for i, o := range d.Observations {
		if err := observations.Add(d.ID, i, o.Kind, o.Subject, o.Detail, o.Expected); err != nil {
			return err
		}
	}
	return observations.Flush()
}

// LastDrill returns the last drill of a target, or of the same plan while the same
// builds were installed. It returns nil if there is none.
func (tx *Tx) LastDrill(host HostID, target string, plan, installed []byte) (*Drill, error) {
	d := &Drill{}
	missing, err := NoRow(tx.QueryRow(`SELECT d.id, d.target, d.started_at, d.seconds, d.bytes, d.verdict, d.step, d.cause, d.log, d.program, d.portage, d.plan, d.installed,
			v.packages_changed, v.files_changed
		FROM drill d JOIN drills v ON v.id = d.id WHERE d.id = (SELECT id FROM drill
			WHERE host = ? AND (target = ? OR plan = ? AND installed = ?) ORDER BY started_at DESC, id DESC LIMIT 1)`, host, target, plan, installed).
		Scan(&d.ID, &d.Target, &d.StartedAt, &d.Seconds, &d.Bytes, &d.Verdict, &d.Step, &d.Cause, &d.Log, &d.Program, &d.Portage, &d.Plan, &d.Installed, &d.PackagesChanged, &d.FilesChanged))
	if missing || err != nil {
		return nil, err
	}
	d.Files, err = All(tx, func(f *DrillFile) []any {
		return []any{&f.PkgDir, &f.Path, &f.CPV, &f.Size, &f.MTimeNS, &f.MD5, &f.BuildTime, &f.BuildID}
	}, "SELECT f.pkgdir, f.path, c.value, f.size, f.mtime_ns, f.md5, f.build_time, f.build_id FROM drill_file f JOIN cpv c ON c.id = f.cpv WHERE f.drill = ? ORDER BY c.value, f.path", d.ID)
	if err != nil {
		return nil, err
	}
	d.Observations, err = All(tx, func(o *DrillObservation) []any { return []any{&o.Kind, &o.Subject, &o.Detail, &o.Expected} },
		"SELECT kind, subject, detail, expected FROM drill_observation WHERE drill = ? ORDER BY position", d.ID)
	return d, err
}
