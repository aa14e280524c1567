package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/ingest/live"
	"emaudit/parse/atom"
	"emaudit/report"
	"emaudit/report/binaries"
	"emaudit/report/merges"
	"emaudit/report/states"
	"emaudit/store"
)

// auditCommand runs the checks. Their findings decide the exit code.
type auditCommand struct {
	Check  string   `arg:"" optional:"" help:"See above (default: all of them)."`
	More   []string `arg:"" optional:"" help:"Further checks. With --for: paths or atoms of binary packages."`
	Remote bool     `help:"With coverage: what binhosts have of each installed package, and why emerge would compile it nevertheless."`
	For    string   `placeholder:"HOST" help:"With compatibility: could that host use the binary packages that are here? A host of the database, all, or a glob."`
}

func (*auditCommand) Help() string {
	var text strings.Builder
	text.WriteString("The checks:\n")
	for _, c := range checks {
		fmt.Fprintf(&text, "  %-13s  %s\n", c.name, strings.ReplaceAll(c.help, "\n", "\n"+strings.Repeat(" ", 17)))
	}
	text.WriteString(`
Without a CHECK all of them run, and each gets one line. A finding of severity
warning or error gives exit code 3; --fail-on changes that.

"audit compatibility --for HOST PATH|ATOM" asks which of the hosts in the database
could use a binary package that is here: by CHOST, CPU, EAPI, USE, keywords, masks,
dependencies, libraries and the version of the C library.
`)
	return text.String() + exitStatus
}

// check is one check of an audit.
type check struct {
	name string
	help string
	ask  func(s *session, db audit.Database, out report.Output) (report.Check, error)
}

// checks are all checks in the order of execution and output.
var checks = []check{
	{"update", "What did the last update leave to do? Failed and interrupted merges,\nunread messages, QA notices, configuration files, preserved libraries.", askUpdate},
	{"rollback", "Can the last update be undone? What is missing?", askRollback},
	{"coverage", "Does every installed package have a binary package? The file\nthat was merged (exact), another of that build (same-build), another\nbuild of the version (same-version), one that lacks files (lossy), none.", askCoverage},
	{"integrity", "Are the files in PKGDIR whole, and does the index describe them?\nWhat is left over?", askIntegrity},
	{"compatibility", "Would emerge --usepkgonly accept each binary package? CHOST, EAPI,\nkeywords, license, masks, dependencies, libraries, CPU.", askCompatibility},
}

// askRollback judges the rollback to before the last update. Its warnings matter only
// to those who roll back, so an audit shows only what prevents the rollback.
func askRollback(s *session, db audit.Database, out report.Output) (report.Check, error) {
	r, err := rollback.AuditRollback(db, state.Moment{Previous: true}, s.rollbackOptions())
	if errors.Is(err, state.ErrNothingChanged) {
		return report.Check{Name: "rollback", Line: states.RollbackLine(nil), Answer: states.NoRollback()}, nil
	}
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "rollback", Line: states.RollbackLine(r), Answer: states.Rollback(r, out), Step: states.RollbackStep(r)}, nil
}

func askCoverage(_ *session, db audit.Database, out report.Output) (report.Check, error) {
	c, err := binpkgs.AuditCoverage(db)
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "coverage", Line: binaries.CoverageLine(c), Answer: binaries.Coverage(c, out)}, nil
}

func askRemote(_ *session, db audit.Database, out report.Output) (report.Check, error) {
	c, err := acceptance.AuditRemote(db)
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "remote", Answer: binaries.Remote(c, out)}, nil
}

func askIntegrity(s *session, db audit.Database, out report.Output) (report.Check, error) {
	i, err := binpkgs.AuditIntegrity(db, binpkgs.IntegrityOptions{Running: s.running(), Needed: s.needed(db)})
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "integrity", Line: binaries.IntegrityLine(i), Answer: binaries.Integrity(i, out)}, nil
}

func askCompatibility(s *session, db audit.Database, out report.Output) (report.Check, error) {
	c, err := acceptance.AuditCompatibility(db, acceptance.CompatibilityOptions{Needed: s.needed(db), Ebuild: s.ebuildCache()})
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "compatibility", Line: binaries.CompatibilityLine(c), Answer: binaries.Compatibility(c, out)}, nil
}

// running returns the running processes. It is nil if the root is not that of the
// running system.
func (s *session) running() func(pid int) bool {
	if !s.root.IsSystem() || s.elsewhere != "" {
		return nil
	}
	return live.Running
}

func (c *auditCommand) Run(ctx context.Context, s *session) error {
	named := c.More
	if c.Check != "" {
		named = append([]string{c.Check}, c.More...)
	}
	if c.For != "" {
		return c.forHosts(ctx, s)
	}
	var wanted []check
	var names []string
	for _, known := range checks {
		names = append(names, known.name)
		if len(named) == 0 || slices.Contains(named, known.name) {
			wanted = append(wanted, known)
		}
	}
	for _, name := range named {
		if !slices.Contains(names, name) {
			return usagef("audit: no check %q; there are: %s", name, strings.Join(names, ", "))
		}
	}
	if c.Remote {
		if len(wanted) != 1 || wanted[0].name != "coverage" {
			return usagef("audit: --remote is a question of coverage: audit coverage --remote")
		}
		wanted = []check{{name: "remote", ask: askRemote}}
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(wanted, func(c check) bool { return c.name == "coverage" || c.name == "integrity" }) {
		if err := s.compareInstalled(ctx); err != nil {
			return err
		}
	}
	return s.answerOpen(ctx, "warning", func(db audit.Database, out report.Output) (report.Answer, error) {
		answers, err := s.askChecks(db, wanted, out)
		return report.Checks(answers, len(named) == 0, out), err
	})
}

// forHosts answers which hosts could use binary packages of this one.
func (c *auditCommand) forHosts(ctx context.Context, s *session) error {
	if len(c.More) == 0 || c.Check != "compatibility" || c.Remote {
		return usagef("audit --for is a question about binary packages: audit compatibility --for %s PATH|ATOM...", c.For)
	}
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		hosts, err := db.Tx.HostSummaries()
		if err != nil {
			return report.Answer{}, err
		}
		if hosts, err = matchingHosts(hosts, "--for", c.For); err != nil {
			return report.Answer{}, err
		}
		wanted, err := wantedBinpkgs(db, c.More)
		if err != nil {
			return report.Answer{}, err
		}
		rows, err := acceptance.AuditClients(audit.Share(db), hosts, wanted, func(h store.Host) audit.Place {
			if h.Elsewhere() {
				return audit.Place{Root: h.RootElsewhere()}
			}
			return audit.Place{Root: h.Root}
		})
		if err == nil && len(rows) == 0 {
			err = fmt.Errorf("audit --for: no binary package of %s is here", strings.Join(c.More, " "))
		}
		return binaries.Clients(rows, out), err
	})
}

// wantedBinpkgs returns what selects the binary packages of paths and atoms. A path is
// one inside the root or below its folder.
func wantedBinpkgs(db audit.Database, words []string) (func(*binpkgs.Binpkg) bool, error) {
	paths := map[string]bool{}
	atoms := map[string][]*atom.Atom{} // by package; nil stands for every version
	for _, word := range words {
		if strings.HasSuffix(word, ".gpkg.tar") || strings.HasSuffix(word, ".xpak") || strings.HasSuffix(word, ".tbz2") {
			paths[path.Clean(word)] = true
			continue
		}
		cp, err := findPackage(db, word)
		if err != nil {
			return nil, err
		}
		syntax := atom.EbuildSyntax("")
		var of *atom.Atom
		if a, err := syntax.ParseAtom(word); err == nil {
			of = &a
		} else if a, err := syntax.ParseAtom("=" + word); err == nil {
			of = &a
		}
		atoms[cp] = append(atoms[cp], of)
	}
	return func(b *binpkgs.Binpkg) bool {
		if paths[b.Path] || paths[b.Source()] {
			return true
		}
		cpv, err := atom.ParseCPV(b.CPV)
		return err == nil && slices.ContainsFunc(atoms[cpv.CP()], func(a *atom.Atom) bool {
			return a == nil || a.Match(acceptance.PackageOfMetadata(cpv, b.Slot, b.SubSlot, b.Repo, b.BuildID, b.Metadata))
		})
	}, nil
}

// askChecks runs the checks one after the other.
func (s *session) askChecks(db audit.Database, wanted []check, out report.Output) ([]report.Check, error) {
	if len(wanted) > 1 {
		db = audit.Share(db)
	}
	var answers []report.Check
	for _, known := range wanted {
		answer, err := known.ask(s, db, out)
		if err != nil {
			return nil, fmt.Errorf("audit %s: %w", known.name, err)
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

func askUpdate(_ *session, db audit.Database, out report.Output) (report.Check, error) {
	p, err := aftermath.AuditPostUpdate(db)
	if err != nil {
		return report.Check{}, err
	}
	return report.Check{Name: "update", Line: merges.PostUpdateLine(p), Answer: merges.PostUpdate(p, out)}, nil
}
