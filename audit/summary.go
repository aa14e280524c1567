package audit

import "emaudit/store"

// Summary is the one screen: what every other answer says in a line.
type Summary struct {
	Installed int              `json:"installed"`
	Coverage  CoverageSummary  `json:"coverage"`
	Integrity IntegritySummary `json:"integrity"`
	PkgDirs   []PkgDirSummary  `json:"pkgdirs"`
	Findings  []Finding        `json:"-"`
}

// CoverageSummary counts the verdicts of [AuditCoverage].
type CoverageSummary struct {
	Exact       int `json:"exact"`
	SameBuild   int `json:"same_build"`
	SameVersion int `json:"same_version"`
	None        int `json:"none"`
}

// IntegritySummary counts binary packages by what is known of their bytes.
type IntegritySummary struct {
	Whole     int `json:"whole"`
	Damaged   int `json:"damaged"`
	Unchecked int `json:"unchecked"` // sound structure, payload not read yet
	Unknown   int `json:"unknown"`
}

// PkgDirSummary is one folder of binary packages.
type PkgDirSummary struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Binpkgs int    `json:"binpkgs"`
	Bytes   int64  `json:"bytes"`
}

// AuditSummary asks every question briefly.
func AuditSummary(db Database) (*Summary, error) {
	coverage, err := AuditCoverage(db)
	if err != nil {
		return nil, err
	}
	s := &Summary{
		Installed: len(coverage.Rows),
		Coverage: CoverageSummary{
			Exact: coverage.Count(CoverageExact), SameBuild: coverage.Count(CoverageSameBuild),
			SameVersion: coverage.Count(CoverageSameVersion), None: coverage.Count(CoverageNone),
		},
		PkgDirs:  []PkgDirSummary{},
		Findings: coverage.Findings,
	}
	log, err := sourceFindings(db, store.SourceEmergeLog)
	if err != nil {
		return nil, err
	}
	s.Findings = append(s.Findings, log...)
	inv, err := takeInventory(db, false)
	if err != nil {
		return nil, err
	}
	byDir := map[int64]int{}
	for _, d := range inv.dirs {
		byDir[d.ID] = len(s.PkgDirs)
		s.PkgDirs = append(s.PkgDirs, PkgDirSummary{Path: d.Path, Kind: d.Kind})
	}
	for i := range inv.binpkgs {
		b := &inv.binpkgs[i]
		dir := &s.PkgDirs[byDir[b.PkgDir]]
		dir.Binpkgs++
		dir.Bytes += b.Size
		switch {
		case b.damaged():
			s.Integrity.Damaged++
		case b.Integrity == "whole":
			s.Integrity.Whole++
		case b.Integrity == "unchecked":
			s.Integrity.Unchecked++
		default:
			s.Integrity.Unknown++
		}
	}
	SortFindings(s.Findings)
	return s, nil
}
