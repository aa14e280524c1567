package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/dustin/go-humanize"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/cleanup"
	"emaudit/audit/history"
	"emaudit/ingest/live"
)

// prunePolicy are the flags for what prune keeps. The summary and the report use
// their configured values.
type prunePolicy struct {
	KeepStates     int      `short:"k" placeholder:"N" default:"3" help:"Keep what the last N updates need to be undone (3)."`
	KeepDays       int      `placeholder:"M" default:"30" help:"Keep states and files of the last M days (30)."`
	KeepWeekly     int      `placeholder:"N" help:"Also the states at the end of the last N weeks."`
	KeepMonthly    int      `placeholder:"N" help:"Also the states at the end of the last N months."`
	KeepVersions   int      `placeholder:"N" help:"Also the newest N versions of each package."`
	KeepBuilds     int      `placeholder:"N" help:"Also the newest N builds of each version kept."`
	KeepLastCopies bool     `help:"Also last copies whose ebuild is gone: nothing builds them again."`
	MaxSize        byteSize `placeholder:"SIZE" help:"Reduce the files to SIZE (20G); says what is lost."`
	Exclude        []string `placeholder:"FILE|ATOM" sep:"none" help:"Keep these: an atom, package, category, or a file that lists them; repeatable. /etc/eclean/packages.exclude is read, too."`
}

func (p *prunePolicy) policy(excludes cleanup.Excludes) cleanup.PrunePolicy {
	return cleanup.PrunePolicy{
		KeepStates: p.KeepStates, KeepDays: p.KeepDays, KeepWeekly: p.KeepWeekly, KeepMonthly: p.KeepMonthly, KeepVersions: p.KeepVersions, KeepBuilds: p.KeepBuilds,
		KeepLastCopies: p.KeepLastCopies, MaxSize: int64(p.MaxSize), Excludes: excludes,
	}
}

// byteSize is a number of bytes: 20G, 512M, 1.5TiB. A single letter means a power of
// 1024, as in df and du.
type byteSize int64

// UnmarshalText parses a size.
func (b *byteSize) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s != "" && strings.ContainsRune("kKmMgGtTpP", rune(s[len(s)-1])) {
		s += "iB"
	}
	n, err := humanize.ParseBytes(s)
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is no size: want 20G, 512M", text)
	}
	*b = byteSize(n)
	return nil
}

// excludes returns the excludes of the command line: atoms and files.
func (p *prunePolicy) excludes() (cleanup.Excludes, []audit.Finding, error) {
	var x cleanup.Excludes
	var findings []audit.Finding
	for _, given := range p.Exclude {
		text, err := os.ReadFile(given)
		switch {
		case err == nil:
			findings = append(findings, addExcludes(&x, given, string(text), audit.Here)...)
		case !errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(given, "/"):
			return x, nil, fmt.Errorf("exclude: %w", err)
		default:
			if err := x.Add(given); err != nil {
				return x, nil, usagef("prune: %v", err)
			}
		}
	}
	return x, findings, nil
}

// defaultExcludes adds the excludes of eclean: their author means every tool.
func (s *session) defaultExcludes(x *cleanup.Excludes) ([]audit.Finding, error) {
	name, text, err := live.EcleanExcludes(s.root, s.settings)
	if err != nil {
		return nil, err
	}
	return addExcludes(x, name, string(text), audit.Files), nil
}

// addExcludes adds the lines of a file. It reports a line that it cannot parse,
// because the line may have meant to keep something. command makes a command for the file.
func addExcludes(x *cleanup.Excludes, name, text string, command func(...string) audit.Command) []audit.Finding {
	var findings []audit.Finding
	offset, number := int64(0), 0
	for line := range strings.Lines(text) {
		number++
		if err := x.Add(line); err != nil {
			findings = append(findings, audit.Finding{
				Code: "prune-exclude-unread", Severity: audit.SeverityWarning, Subject: name, Message: err.Error(),
				Evidence: []audit.Evidence{{Source: name, Offset: offset}},
				Remedy:   audit.Do(command("sed", "-i", fmt.Sprintf("%dd", number), name)).When("write a category, category/name or an atom there, or take the line out"),
			})
		}
		offset += int64(len(line))
	}
	return findings
}

// configuredPlan makes the plan of prune without flags.
func (s *session) configuredPlan(ctx context.Context, db audit.Database, totalsOnly bool) (*cleanup.PrunePlan, error) {
	configured, err := s.configured("prune")
	if err != nil {
		return nil, err
	}
	choice := &configured.Prune.prunePolicy
	excludes, _, err := choice.excludes()
	if err != nil {
		return nil, err
	}
	if _, err := s.defaultExcludes(&excludes); err != nil {
		return nil, err
	}
	return s.planPrune(db, choice.policy(excludes), configured.Prune.fleet(ctx, nil), totalsOnly)
}

// planPrune makes a plan. It uses the ebuilds, profiles and processes of the root.
func (s *session) planPrune(db audit.Database, policy cleanup.PrunePolicy, fleet cleanup.PruneFleet, totalsOnly bool) (*cleanup.PrunePlan, error) {
	facts := cleanup.PruneFacts{
		Ebuild:       func(cpv, _ string) acceptance.EbuildState { return s.buildable(cpv) },
		CacheEntry:   live.EbuildCache(s.root, s.settings),
		SettledFlags: func() map[string]bool { return live.SettledFlags(s.root, s.settings) },
		System:       s.systemPackages(),
		Rollback:     s.rollbackOptions(),
		Fleet:        fleet,
		TotalsOnly:   totalsOnly,
	}
	var err error
	if facts.EmergeRuns, _, err = s.emergeRuns(db); err != nil {
		return nil, err
	}
	return cleanup.PlanPrune(db, policy, facts)
}

// needed returns a function that reports whether prune without flags keeps a version for
// a state. It lists the states when it is asked for the first time.
func (s *session) needed(db audit.Database) func(cpv string) (bool, error) {
	of := sync.OnceValues(func() (func(string) bool, error) {
		configured, err := s.configured("prune")
		if err != nil {
			return nil, err
		}
		return cleanup.NeededVersions(db, configured.Prune.policy(cleanup.Excludes{}), s.systemPackages())
	})
	return func(cpv string) (bool, error) {
		needed, err := of()
		return err == nil && needed(cpv), err
	}
}

// emergeRuns reports whether Portage is running on the root, and the evidence:
// processes on the running system, the log elsewhere.
func (s *session) emergeRuns(db audit.Database) (runs bool, how string, err error) {
	if s.root.IsSystem() {
		pid := live.PortageProcess(s.root)
		return pid != 0, fmt.Sprintf("process %d", pid), nil
	}
	run, runs, err := history.OpenRun(db)
	return runs, fmt.Sprintf("run #%d of emerge.log has not ended", run), err
}
