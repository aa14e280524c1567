package history

import (
	"emaudit/audit"
	"emaudit/store/logs"
)

// LargestBuild is the largest disk space and memory that builds of a package took.
type LargestBuild struct {
	CP          string `json:"cp"`
	Builds      int    `json:"builds"`
	DirBytes    *int64 `json:"dir_bytes"` // in PORTAGE_TMPDIR; null if no log has it
	MemoryBytes *int64 `json:"memory_bytes"`
	CPUMillis   *int64 `json:"cpu_millis"`
}

// AuditLargestBuilds returns the selected packages that took the most space in
// PORTAGE_TMPDIR, at most limit of them.
func AuditLargestBuilds(db audit.Database, search Search, limit int) ([]LargestBuild, error) {
	peaks, err := logs.BuildPeaks(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	all := []LargestBuild{}
	for i := range peaks {
		p := &peaks[i]
		if len(all) == limit {
			break
		}
		if search.matchCP(p.CP) {
			all = append(all, LargestBuild{
				CP: p.CP, Builds: p.Builds, DirBytes: audit.Counted64(p.BuildDirBytes), MemoryBytes: audit.Counted64(p.MemoryPeak), CPUMillis: audit.Counted64(p.CPUMillis),
			})
		}
	}
	return all, nil
}
