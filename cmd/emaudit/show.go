package main

import (
	"context"
	"errors"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/report"
	"emaudit/report/binaries"
	"emaudit/report/states"
	"emaudit/store"
	"emaudit/store/inventory"
)

// showCommand prints everything known about a package.
type showCommand struct {
	Atom string `arg:"" help:"Package: name, category/name, or an atom."`
}

func (*showCommand) Help() string {
	return `Shows everything that is known about one package: the installed version and its
binary package; every merge with its time, result, disk space and memory;
failures with their cause; messages; QA notices; and the installed packages that
need it.
` + exitStatus
}

func (c *showCommand) Run(ctx context.Context, s *session) error {
	if s.severalHosts() {
		return c.onHosts(ctx, s)
	}
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		cp, err := findPackage(db, c.Atom)
		if err != nil {
			return report.Answer{}, err
		}
		pkg, err := overview.ShowPackage(db, cp)
		if err != nil {
			return report.Answer{}, err
		}
		return binaries.Package(pkg, out), nil
	})
}

// findPackage returns the package of a name. A wrong name is a usage error.
func findPackage(db audit.Database, name string) (string, error) {
	cp, err := overview.FindPackage(db, name)
	var wrong *overview.PackageNameError
	switch {
	case !errors.As(err, &wrong):
		return cp, err
	case wrong.Unread != "":
		return "", errHinted{err, audit.RemedyPermissions.String()}
	case len(wrong.Candidates)+len(wrong.Versions) > 0:
		return "", usagef("%v", err)
	}
	return "", noPackage(db, history.BareName(name))
}

// onHosts prints which hosts have the package, with version and build.
func (c *showCommand) onHosts(ctx context.Context, s *session) error {
	hosts, err := s.chosenHosts(ctx)
	if err != nil {
		return err
	}
	if s.db, err = s.openDatabase(ctx, store.Options{ReadOnly: true}); err != nil {
		return err
	}
	rows := []states.InstalledRow{}
	err = s.ask(ctx, func(db audit.Database) error {
		cp, err := findPackage(db, c.Atom)
		if err != nil {
			return err
		}
		found, err := inventory.InstalledOn(db.Tx, cp)
		if err != nil {
			return err
		}
		for _, h := range hosts {
			for _, p := range found[h.ID] {
				rows = append(rows, states.InstalledRow{Host: h.Name, CPV: p.CPV, Slot: p.Slot, Repo: p.Repo, BuildTime: binpkgs.Known(p.BuildTime), BuildID: binpkgs.Known(p.BuildID), KnownUntil: h.KnownUntil})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := s.out()
	out.Envelope.Host = s.Host
	return out.Write(states.InstalledOn(rows))
}
