package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/ingest/live"
	"emaudit/parse/mergelist"
	"emaudit/report"
	"emaudit/report/merges"

	"golang.org/x/term"
)

// predictCommand predicts the duration of merges.
type predictCommand struct {
	From     string   `enum:"auto,stdin,running,resume" default:"auto" help:"Source of the list: ${enum}."`
	Parallel int      `short:"j" placeholder:"N" default:"1" help:"Packages merged at once, like emerge --jobs."`
	Accuracy bool     `help:"Compare predictions for past merges with their actual durations."`
	Packages []string `arg:"" optional:"" name:"package" help:"With --accuracy: only these packages."`
	periodFlags
	searchFlags
}

func (*predictCommand) Help() string {
	return `    emerge -puD @world | emaudit predict

Reads a list of packages from standard input. Without one, it takes what a
running emerge still has to do, or else what emerge --resume would do. The
answer says which list it is about.

EXPECTED is the median of the last 10 merges of the package. Merges from source
and from binary packages are counted apart. Half of them took a time within
MOSTLY; with fewer than four, MOSTLY is EXPECTED plus or minus a quarter. The
disk space and memory of the last builds tell whether there is enough for the
next ones.

` + exitStatus
}

func (c *predictCommand) Run(ctx context.Context, s *session) error {
	period, search, err := s.about(&c.periodFlags, &c.searchFlags, c.Packages)
	if err != nil {
		return err
	}
	switch {
	case c.Parallel < 1:
		return usagef("predict: --parallel counts from 1")
	case !c.Accuracy && (len(c.Packages) > 0 || period != audit.Period{}):
		return usagef("predict: packages and times are for --accuracy; a list comes on standard input")
	}
	var list []history.PlannedMerge
	from, unlisted, given, listed := history.ListStdin, 0, false, int64(0)
	if !c.Accuracy && (c.From == history.ListStdin || c.From == "auto" && !isTerminal(s.proc)) {
		given = true
		pretend, err := mergelist.ReadPretend(s.proc.stdin)
		switch {
		case err != nil:
			return err
		case len(pretend.NotUnderstood) > 0:
			return notUnderstood(pretend.NotUnderstood)
		}
		list = planned(pretend.Items)
	}
	return s.answerLog(ctx, search, func(db audit.Database, source audit.LogSource, out report.Output) (report.Answer, error) {
		if c.Accuracy {
			accuracy, err := history.AuditAccuracy(db, period, search)
			if err != nil {
				return report.Answer{}, err
			}
			return merges.Accuracy(accuracy, source, out), nil
		}
		if !given {
			if list, unlisted, from, listed, err = s.plan(db, c.From); err != nil {
				return report.Answer{}, err
			}
		}
		prediction, err := history.AuditPredict(db, from, list, c.Parallel)
		if err != nil {
			return report.Answer{}, err
		}
		prediction.Unlisted, prediction.ListedAt = unlisted, binpkgs.Known(listed)
		needs, err := history.AuditBuildNeeds(db, history.SourceBuilds(list), c.Parallel, s.buildRoom())
		if err != nil {
			return report.Answer{}, err
		}
		return merges.WithBuildNeeds(merges.Predict(prediction, source, out), needs, out), nil
	})
}

// notUnderstoodShown is the maximum number of quoted lines that could not be parsed.
const notUnderstoodShown = 3

// notUnderstood is the error about a list with lines that could not be parsed:
// without them, the answer would be about another list.
func notUnderstood(lines []mergelist.Line) error {
	var text strings.Builder
	for _, l := range lines[:min(len(lines), notUnderstoodShown)] {
		fmt.Fprintf(&text, "; line %d: %.60q", l.Number, l.Text)
	}
	return fmt.Errorf("standard input: %s not understood; give the output of emerge --pretend without --columns --quiet%s",
		audit.Counted(len(lines), "line of the list was", "lines of the list were"), text.String())
}

// plan returns the running or interrupted list of merges, and the time of that list.
func (s *session) plan(db audit.Database, from string) (list []history.PlannedMerge, unlisted int, source string, at int64, err error) {
	if from != history.ListResume {
		live := history.Live(live.ReadLive(s.root, s.settings))
		runs, err := history.AuditCurrent(db, live)
		if err != nil {
			return nil, 0, "", 0, err
		}
		if list, unlisted, source, ok := history.PlanOfCurrent(runs, live); ok {
			return list, unlisted, source, 0, nil
		}
		if from == history.ListRunning {
			return nil, 0, from, 0, nil
		}
	}
	items, at, err := live.ReadResume(s.root, s.settings)
	if errors.Is(err, mergelist.ErrNoList) || errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return planned(items), 0, history.ListResume, at, err
}

func planned(items []mergelist.Item) []history.PlannedMerge {
	var list []history.PlannedMerge
	for _, item := range items {
		list = append(list, history.PlannedMerge{Item: item})
	}
	return list
}

// isTerminal reports whether standard input is a terminal.
func isTerminal(p *process) bool {
	f, ok := p.stdin.(*os.File)
	return p.stdin == nil || ok && term.IsTerminal(int(f.Fd()))
}

// buildRoom measures the free space for builds.
func (s *session) buildRoom() history.Room {
	room := history.Room{TmpDir: s.settings.BuildDir(), RAMBytes: live.MeasureMemory(s.root)}
	for _, space := range live.MeasureSpace(s.root, s.settings) {
		if space.Role == audit.SpaceTmp {
			room.FreeBytes = &space.Free
		}
	}
	return room
}
