package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/hostfs"
	"emaudit/ingest/live"
	"emaudit/report/states"
	"emaudit/stage"
)

// stageCommand fills a folder with the binary packages of a state.
type stageCommand struct {
	State string `arg:"" placeholder:"STATE" name:"state" help:"The state to stage."`
	Dir   string `arg:"" placeholder:"DIR" name:"dir" help:"The folder to make, outside PKGDIR; a path of this system, also with --root."`
	Link  bool   `typed:"" help:"Make hard links instead of copies if possible."`
}

func (*stageCommand) Help() string {
	return `Makes a folder with the binary packages of a state and an index of its own, for
clients, for a rescue disk, or for PKGDIR=DIR emerge -K. The folder holds exactly
one build of each package. A package without a usable binary package is reported,
and the others are staged.

Nothing below PKGDIR changes. The files are copies, which take no room if the
file system can share blocks (Btrfs, XFS). --link makes hard links: these take no
room either, but give the files in PKGDIR another name and another ctime, and
whoever changes one changes both. A file that other users can write, or on another
file system, is copied. The folder must not exist. It is removed again if emaudit
fails or is interrupted.

` + momentHelp + `
A package without a file gives exit code 3; --fail-on changes that.
` + exitStatus
}

func (c *stageCommand) Run(ctx context.Context, s *session) error {
	moment, err := s.moment(c.State)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if s.elsewhere != "" {
		return usagef("stage: the files of %s are on another machine; run emaudit there", s.hostName)
	}
	answer := &states.Stage{}
	err = s.ask(ctx, func(db audit.Database) (err error) {
		answer.Staging, err = rollback.AuditStaging(db, moment, rollback.Options{Ebuild: s.buildable, Repositories: live.Repositories(s.root, s.settings)})
		return err
	})
	if errors.Is(err, state.ErrNoSuchPin) || errors.Is(err, state.ErrNoSuchRun) {
		return usagef("stage: %v", err)
	}
	if err != nil {
		return err
	}
	if len(answer.Files) > 0 {
		if err := c.fill(ctx, s, dir, answer); err != nil {
			return err
		}
	}
	out := s.out()
	if err := out.Write(answer.Answer(out)); err != nil {
		return err
	}
	return s.verdict(answer.Findings, "error")
}

// fill makes the folder.
func (c *stageCommand) fill(ctx context.Context, s *session, dir string, answer *states.Stage) error {
	var files []stage.File
	for _, f := range answer.Files {
		file := stage.File{PkgDir: f.PkgDir, Path: f.Path, CPV: f.CPV, Size: f.Size, MTimeNS: f.MTimeNS}
		if f.BuildTime != nil {
			file.BuildTime = *f.BuildTime
		}
		files = append(files, file)
	}
	options := stage.Options{Now: s.proc.now().Unix(), Link: c.Link}
	for _, d := range s.settings.PkgDirs() {
		options.PkgDirs = append(options.PkgDirs, d.Path)
	}
	made, err := stage.Make(ctx, s.root, dir, files, options)
	var untrusted *hostfs.UntrustedError
	switch {
	case errors.Is(err, stage.ErrExists), errors.Is(err, stage.ErrInside):
		return usagef("stage: %v", err)
	case errors.As(err, &untrusted):
		return fmt.Errorf("stage: another user could change the folder: %w", err)
	case err != nil:
		return fmt.Errorf("stage: %w", err)
	}
	answer.Dir, answer.Linked, answer.Size = dir, made.Linked, made.Size
	return nil
}
