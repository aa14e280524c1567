package history

import (
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/parse/mergelog"
	"emaudit/store/logs"
)

// needSamples is the number of recent builds of a package that an estimate uses.
// Older versions say less, and the largest of a few is a safe guess.
const needSamples = 5

// BuildNeed is the disk space and memory that recent builds of a package took.
type BuildNeed struct {
	CP string `json:"cp"`
	// DirBytes and MemoryBytes are the largest values of the samples, or null if no
	// log has them. Memory needs FEATURES=cgroup.
	DirBytes    *int64 `json:"dir_bytes"`
	MemoryBytes *int64 `json:"memory_bytes"`
	Samples     int    `json:"samples"`
}

// BuildNeeds is the disk space and memory that an update needs.
type BuildNeeds struct {
	Rows []BuildNeed `json:"needs"`
	// DirBytes is the space that PORTAGE_TMPDIR needs for the given number of
	// parallel builds: the sum of the largest ones, because each build directory is
	// removed after the merge. MemoryBytes is the same for RAM and swap.
	DirBytes    int64 `json:"dir_bytes"`
	MemoryBytes int64 `json:"memory_bytes"`
	// Unknown are the packages without data in any log.
	Unknown []string `json:"unknown"`

	Room
	Findings []audit.Finding `json:"-"`
}

// Room is the free space and memory of the machine, as measured by the caller.
type Room struct {
	TmpDir    string `json:"tmp_dir"`    // where packages are built
	FreeBytes *int64 `json:"free_bytes"` // null if it could not be measured
	RAMBytes  *int64 `json:"ram_bytes"`  // null for a root that is not running
}

// SourceBuilds returns the packages (cat/pn) in a list that are built from source,
// without duplicates.
func SourceBuilds(list []PlannedMerge) []string {
	var packages []string
	for _, m := range list {
		if cp := audit.PackageOf(m.CPV); !m.Binary && !slices.Contains(packages, cp) {
			packages = append(packages, cp)
		}
	}
	return packages
}

// AuditBuildNeeds estimates the space and memory for building packages (cat/pn),
// jobs of them in parallel, from the logs of their last successful builds. It
// reports findings if room does not suffice.
func AuditBuildNeeds(db audit.Database, packages []string, jobs int, room Room) (*BuildNeeds, error) {
	needs := &BuildNeeds{Room: room}
	var dirs, memory []int64
	for _, cp := range packages {
		n, err := buildNeed(db, cp)
		if err != nil {
			return nil, err
		}
		if n.Samples == 0 {
			needs.Unknown = append(needs.Unknown, cp)
			continue
		}
		needs.Rows = append(needs.Rows, n)
		if n.DirBytes != nil {
			dirs = append(dirs, *n.DirBytes)
		}
		if n.MemoryBytes != nil {
			memory = append(memory, *n.MemoryBytes)
		}
	}
	needs.DirBytes, needs.MemoryBytes = sumOfLargest(dirs, jobs), sumOfLargest(memory, jobs)
	needs.judge()
	return needs, db.Finish(needs.Findings)
}

// hungry returns the packages that need more memory than the machine has, or the one that
// needs most.
func (n *BuildNeeds) hungry() []string {
	var hungry []string
	largest := &BuildNeed{}
	for i := range n.Rows {
		switch r := &n.Rows[i]; {
		case r.MemoryBytes == nil:
		case *r.MemoryBytes > *n.RAMBytes:
			hungry = append(hungry, r.CP)
		case largest.MemoryBytes == nil || *r.MemoryBytes > *largest.MemoryBytes:
			largest = r
		}
	}
	if len(hungry) == 0 {
		hungry = []string{largest.CP}
	}
	return hungry
}

// buildNeed returns the values of the last builds of one package.
func buildNeed(db audit.Database, cp string) (BuildNeed, error) {
	n := BuildNeed{CP: cp}
	logs, err := logs.BuildLogs(db.Tx, db.Host, logs.BuildLogQuery{CP: cp})
	for i := range slices.Backward(logs) {
		log := &logs[i].Log
		if n.Samples == needSamples || log.Kind != mergelog.KindSource || log.BuildDirBytes < 0 && log.Usage == nil {
			continue
		}
		n.Samples++
		n.DirBytes = larger(n.DirBytes, log.BuildDirBytes)
		if log.Usage != nil {
			n.MemoryBytes = larger(n.MemoryBytes, log.Usage.MaxMem)
		}
	}
	return n, err
}

// judge reports what exceeds the room.
func (n *BuildNeeds) judge() {
	if n.FreeBytes != nil && *n.FreeBytes < n.DirBytes {
		n.Findings = append(n.Findings, audit.Finding{
			Code: "build-space-low", Severity: audit.SeverityWarning, Subject: n.TmpDir,
			Message: fmt.Sprintf("the largest of these packages took %d MiB to build, and %d MiB are free", n.DirBytes>>20, *n.FreeBytes>>20),
			Remedy:  audit.Do(audit.Files("df", "-h", n.TmpDir)).When("free space there, or set another PORTAGE_TMPDIR for it in /etc/portage/package.env"),
		})
	}
	if n.RAMBytes != nil && *n.RAMBytes < n.MemoryBytes {
		n.Findings = append(n.Findings, audit.Finding{
			Code: "build-memory-low", Severity: audit.SeverityWarning, Subject: "memory",
			Message: fmt.Sprintf("the largest of these packages took %d MiB of memory to build, and the machine has %d MiB", n.MemoryBytes>>20, *n.RAMBytes>>20),
			Remedy:  audit.Do(audit.Run(append([]string{"emerge", "--oneshot", "--jobs=1"}, n.hungry()...)...).With("MAKEOPTS=-j1")).When("build that alone, and with one job, before the others"),
		})
	}
}

// larger returns the larger of known and n. An n of -1 is unknown.
func larger(known *int64, n int64) *int64 {
	if n < 0 || known != nil && *known >= n {
		return known
	}
	return &n
}

func sumOfLargest(sizes []int64, n int) int64 {
	slices.SortFunc(sizes, func(a, b int64) int { return int(max(-1, min(1, b-a))) })
	var sum int64
	for _, size := range sizes[:min(max(n, 1), len(sizes))] {
		sum += size
	}
	return sum
}

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
	var all []LargestBuild
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
