package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/commandline"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// TestEveryCommandThatIsPrintedIsOne takes every command of every answer about the
// recorded host and the damaged ones. Portage's programs must know its options, emaudit
// must parse its own, and bash and zsh must read its text, also with a root to enter.
func TestEveryCommandThatIsPrintedIsOne(t *testing.T) {
	t.Parallel()
	roots := []string{hostarchive.Alpha(t)}
	if !testing.Short() {
		for _, pattern := range []string{"cases/*", "index-cases/*"} {
			broken, err := filepath.Glob(filepath.Join(hosttest.Broken(t), pattern))
			if err != nil {
				t.Fatal(err)
			}
			roots = append(roots, broken...)
		}
	}
	commands := map[string]audit.Command{}
	for _, root := range roots {
		h := hosttest.New(t, root)
		h.Ingest(hosttest.Now)
		audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
			all, err := everyCommand(db)
			for _, c := range all {
				commands[c.String()] = c
			}
			return err
		})
	}
	if len(commands) < 50 {
		t.Errorf("only %d commands were found", len(commands))
	}
	programs := map[string]int{}
	var text strings.Builder
	for _, c := range commands {
		programs[c.Program()]++
		for _, place := range []audit.Place{{}, {Root: "/mnt/a b", Database: "/root/x.db"}, {EPrefix: "/gentoo", EROOT: "/gentoo/"}} {
			text.WriteString(c.At(place).String() + "\n")
		}
		_, argv, _ := c.Exec()
		if _, err := commandline.Check(argv); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		if c.Program() == "emaudit" {
			if err := parses(t, argv[1:]); err != nil {
				t.Errorf("%s: %v", c, err)
			}
		}
	}
	for _, program := range []string{"emerge", "quickpkg", "emaint", "emaudit", "rm"} {
		if programs[program] == 0 {
			t.Errorf("no command of %s was found: %v", program, programs)
		}
	}
	for _, shell := range []string{"bash", "zsh"} {
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("not read by %s: %v", shell, err)
			continue
		}
		cmd := exec.Command(shell, "-n")
		cmd.Stdin = strings.NewReader(text.String())
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s does not read the commands: %v\n%s", shell, err, out)
		}
	}
	if out := os.Getenv("EMAUDIT_COMMANDS"); out != "" {
		if err := os.WriteFile(out, []byte(text.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// everyCommand returns the commands of all answers about a host.
func everyCommand(db audit.Database) ([]audit.Command, error) {
	var all []audit.Command
	var findings []audit.Finding
	keep := func(more []audit.Finding, err error) error {
		findings = append(findings, more...)
		return err
	}
	ask := []func() error{
		func() error { c, err := binpkgs.AuditCoverage(db); return keep(c.Findings, err) },
		func() error {
			i, err := binpkgs.AuditIntegrity(db, binpkgs.IntegrityOptions{})
			return keep(i.Findings, err)
		},
		func() error {
			c, err := acceptance.AuditCompatibility(db, acceptance.CompatibilityOptions{})
			return keep(c.Findings, err)
		},
		func() error { p, err := aftermath.AuditPostUpdate(db); return keep(p.Findings, err) },
		func() error { s, err := state.AuditStates(db); return keep(s.Findings, err) },
		func() error { d, err := overview.AuditDoctor(db, nil); return keep(d.Findings, err) },
		func() error {
			f, err := aftermath.AuditFailures(db, 0)
			if err == nil {
				for _, row := range f.Rows {
					all = append(all, row.Retry)
				}
			}
			return err
		},
		func() error {
			p, err := cleanup.PlanPrune(db, cleanup.PrunePolicy{KeepStates: 3, KeepDays: 30}, cleanup.PruneFacts{})
			return keep(p.Findings, err)
		},
		func() error {
			rollbacks, err := rollback.AuditRollbacks(db, 8, rollback.WithoutDisk())
			for _, r := range rollbacks {
				findings = append(findings, r.Findings...)
				all = append(all, r.Checks...)
				for _, step := range append(append([]rollback.Step{}, r.Steps...), r.Later...) {
					all = append(append(all, step.Commands...), step.Undo...)
				}
				for _, gap := range r.Gaps {
					all = append(all, gap.Remedy.Commands...)
				}
			}
			return err
		},
	}
	for _, question := range ask {
		if err := question(); err != nil {
			return nil, err
		}
	}
	for _, f := range findings {
		all = append(all, f.Remedy.Commands...)
	}
	return all, nil
}
