package history

import (
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/parse/mergelog"
	"emaudit/store"
)

// needSamples is how many of the newest builds of a package tell what the next
// one needs: older versions say less, and the largest of a few is a safe guess.
const needSamples = 5

// BuildNeed is what building a package took lately.
type BuildNeed struct {
	CP string `json:"cp"`
	// DirBytes and MemoryBytes are the most that one of the samples took, null
	// where no log tells: memory needs FEATURES=cgroup.
	DirBytes    *int64 `json:"dir_bytes"`
	MemoryBytes *int64 `json:"memory_bytes"`
	Samples     int    `json:"samples"`
}

// BuildNeeds is what the next update needs of disk and memory.
type BuildNeeds struct {
	Rows []BuildNeed `json:"needs"`
	// DirBytes is the room that PORTAGE_TMPDIR needs while the given number of
	// packages is built at once: the largest ones together, since each removes
	// its directory when it is merged. MemoryBytes is the same of RAM and swap.
	DirBytes    int64 `json:"dir_bytes"`
	MemoryBytes int64 `json:"memory_bytes"`
	// Unknown are the packages that no log tells anything of.
	Unknown []string `json:"unknown"`

	Room
	Findings []audit.Finding `json:"-"`
}

// Room is what the machine has, as the caller measured it.
type Room struct {
	TmpDir    string `json:"tmp_dir"`    // where packages are built
	FreeBytes *int64 `json:"free_bytes"` // there; null where it could not be measured
	RAMBytes  *int64 `json:"ram_bytes"`  // null for a root that is not running
}

// SourceBuilds returns the packages (cat/pn) of a list that are built, each once.
func SourceBuilds(list []PlannedMerge) []string {
	var packages []string
	for _, m := range list {
		if cp := audit.PackageOf(m.CPV); !m.Binary && !slices.Contains(packages, cp) {
			packages = append(packages, cp)
		}
	}
	return packages
}

// AuditBuildNeeds estimates what it takes to build packages (cat/pn), jobs at
// once, from the logs of their last successful builds, and whether there is room.
func AuditBuildNeeds(db audit.Database, packages []string, jobs int, room Room) (*BuildNeeds, error) {
	needs := &BuildNeeds{Rows: []BuildNeed{}, Unknown: []string{}, Room: room}
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
	return needs, nil
}

// buildNeed is what the last builds of one package took.
func buildNeed(db audit.Database, cp string) (BuildNeed, error) {
	n := BuildNeed{CP: cp}
	logs, err := db.Tx.BuildLogs(db.Host, store.BuildLogQuery{CP: cp})
	for i := range slices.Backward(logs) {
		log := &logs[i].Log
		if n.Samples == needSamples || log.Kind != mergelog.KindSource || log.BuildDirBytes < 0 && log.Resources == nil {
			continue
		}
		n.Samples++
		n.DirBytes = larger(n.DirBytes, log.BuildDirBytes)
		if log.Resources != nil {
			n.MemoryBytes = larger(n.MemoryBytes, log.Resources.MemoryPeak)
		}
	}
	return n, err
}

// judge reports what will not fit.
func (n *BuildNeeds) judge() {
	if n.FreeBytes != nil && *n.FreeBytes < n.DirBytes {
		n.Findings = append(n.Findings, audit.Finding{
			Code: "build-space-low", Severity: audit.SeverityWarning, Subject: n.TmpDir, Evidence: []audit.Evidence{},
			Message: fmt.Sprintf("the largest of these packages took %d MiB to build, and %d MiB are free", n.DirBytes>>20, *n.FreeBytes>>20),
			Remedy:  audit.Advise("free space there, or set another PORTAGE_TMPDIR for it in /etc/portage/package.env"),
		})
	}
	if n.RAMBytes != nil && *n.RAMBytes < n.MemoryBytes {
		n.Findings = append(n.Findings, audit.Finding{
			Code: "build-memory-low", Severity: audit.SeverityWarning, Subject: "memory", Evidence: []audit.Evidence{},
			Message: fmt.Sprintf("the largest of these packages took %d MiB of memory to build, and the machine has %d MiB", n.MemoryBytes>>20, *n.RAMBytes>>20),
			Remedy:  audit.Advise("build with fewer jobs: emerge --jobs=1, and MAKEOPTS=-j1 in /etc/portage/package.env"),
		})
	}
}

// larger is the larger of what is known; -1 is not.
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
