package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/cleanup"
	"emaudit/audit/overview"
	"emaudit/ingest/live"
	"emaudit/parse/userconf"
	"emaudit/store/inventory"
)

// Some answers say what only the machine of the host can tell. Its push records it
// beside what the verdicts asked the disk, and a fleet answers from that.

// The kinds of recorded facts that no verdict about a rollback asks for.
const (
	diskFactSystem = "system" // a package of @system, from the profile of the host
	diskFactName   = "name"   // of the system, from os-release
	diskFactFree   = "free"   // room on the file system of a folder of binary packages
	diskFactPrune  = "prune"  // what can go from these folders
	diskFactEbuild = "cache"  // what metadata/md5-cache says of an ebuild that changed since a binary package was built
)

// machineFacts returns these facts. Of the binary packages that were known before from,
// the known facts about their ebuilds stay.
func (s *session) machineFacts(ctx context.Context, db audit.Database, known []inventory.DiskFact, from int64) ([]inventory.DiskFact, error) {
	var facts []inventory.DiskFact
	for i, cp := range s.systemPackages() {
		facts = append(facts, inventory.DiskFact{Kind: diskFactSystem, Subject: cp, Position: i})
	}
	system := live.ReadSystem(s.root)
	facts = append(facts, inventory.DiskFact{Kind: diskFactName, Value: strconv.FormatBool(system.Gentoo) + " " + system.Name})
	dirs, err := inventory.PkgDirs(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		if free := s.freeSpace(d.Path); free != nil {
			facts = append(facts, inventory.DiskFact{Kind: diskFactFree, Subject: d.Path, Value: strconv.FormatInt(*free, 10)})
		}
	}
	// A list of excludes that cannot be read keeps no push from being made.
	if plan, err := s.configuredPlan(ctx, db, true); err == nil {
		total := plan.Totals()
		facts = append(facts, inventory.DiskFact{Kind: diskFactPrune, Value: fmt.Sprint(total.Files, total.Bytes)})
	}
	cache := live.EbuildCache(s.root, s.settings)
	if cache == nil {
		return facts, nil
	}
	changed, err := acceptance.ChangedEbuilds(db, cache, from)
	if err != nil {
		return nil, err
	}
	of := map[string]string{} // by subject
	for _, f := range known {
		if f.Kind == diskFactEbuild && from > 0 {
			of[f.Subject] = f.Value
		}
	}
	for _, c := range changed {
		e := c.Entry
		of[c.CPV+"::"+c.Repo] = strings.Join([]string{e.EAPI, e.IUSE, e.RDepend, e.PDepend, e.IDepend, e.Slot}, "\n")
	}
	for subject, value := range of {
		facts = append(facts, inventory.DiskFact{Kind: diskFactEbuild, Subject: subject, Value: value})
	}
	return facts, nil
}

// look adds to an answer what the machine says: the name of the system, the free space
// and, of another machine, what can go. It does not measure another root, because the
// disk of a copy says nothing about the machine.
func (s *session) look(o *overview.Overview) {
	if s.elsewhere == "" {
		system := live.ReadSystem(s.root)
		o.System, o.OtherSystem = system.Name, system.Name != "" && !system.Gentoo
		for i := range o.PkgDirs {
			o.PkgDirs[i].Free = s.freeSpace(o.PkgDirs[i].Path)
		}
		return
	}
	for _, f := range s.diskFacts {
		switch f.Kind {
		case diskFactName:
			gentoo, name, _ := strings.Cut(f.Value, " ")
			o.System, o.OtherSystem = name, name != "" && gentoo == "false"
		case diskFactFree:
			for i := range o.PkgDirs {
				if free, err := strconv.ParseInt(f.Value, 10, 64); err == nil && o.PkgDirs[i].Path == f.Subject {
					o.PkgDirs[i].Free = &free
				}
			}
		case diskFactPrune:
			var total cleanup.PruneTotals
			if _, err := fmt.Sscan(f.Value, &total.Files, &total.Bytes); err == nil {
				o.Reclaimable = &total
			}
		}
	}
}

// freeSpace returns the room for a folder of the running system, or nil.
func (s *session) freeSpace(dir string) *int64 {
	if !s.root.IsSystem() {
		return nil
	}
	space, err := s.root.FreeSpace(dir)
	if err != nil {
		return nil
	}
	return &space.Available
}

// ebuildCache returns what reads metadata/md5-cache. It is nil if there is none.
func (s *session) ebuildCache() func(repo, cpv string) (userconf.CacheEntry, bool) {
	if s.elsewhere == "" {
		return live.EbuildCache(s.root, s.settings)
	}
	of := map[string]userconf.CacheEntry{}
	for _, f := range s.diskFacts {
		if v := strings.Split(f.Value, "\n"); f.Kind == diskFactEbuild && len(v) == 6 {
			of[f.Subject] = userconf.CacheEntry{EAPI: v[0], IUSE: v[1], RDepend: v[2], PDepend: v[3], IDepend: v[4], Slot: v[5]}
		}
	}
	return func(repo, cpv string) (userconf.CacheEntry, bool) {
		e, ok := of[cpv+"::"+repo]
		return e, ok
	}
}

// systemPackages returns the packages of @system, by category/pn; nil if unknown.
func (s *session) systemPackages() (system []string) {
	if s.elsewhere == "" {
		return cleanup.SystemPackages(live.ProfilePackages(s.root, s.settings))
	}
	for _, f := range s.diskFacts {
		if f.Kind == diskFactSystem {
			system = append(system, f.Subject)
		}
	}
	return system
}
