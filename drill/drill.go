// Package drill runs the plan of a rollback in a throw-away copy of the root and
// examines the result. The host does not change. Package box makes the copy, package
// look examines it.
package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/audit/rollback"
	"emaudit/audit/transition"
	"emaudit/drill/box"
	"emaudit/drill/look"
	"emaudit/hostfs"
	"emaudit/settings"
	"emaudit/store"
)

// ErrNoPlan means that the rollback has no commands.
var ErrNoPlan = errors.New("nothing can go back, so there is no plan to carry out")

// Input is a plan and the host that it is for.
type Input struct {
	Rollback *rollback.Rollback
	// Before is the root of the host.
	Before   *hostfs.Root
	Settings *settings.Settings
	// Disk reads Before for the rules of CONFIG_PROTECT.
	Disk transition.Disk
	// Box says how to make the copy. Run sets Root, Keepers and Remove.
	Box box.Options
	// Progress is called after each package. It may be nil.
	Progress func(Progress)
}

// Result is the result of a drill.
type Result struct {
	Verdict rollback.DrillVerdict
	// Failed is the command that failed, or "". Cause is the reason.
	Failed string
	Cause  look.Cause
	// Steps are the executed commands with their outcomes.
	Steps        []Step
	Observations []look.Observation
	Begin        time.Time
	Duration     time.Duration // of all commands
	Room         int64         // bytes that the commands wrote
	Kept         string        // the kept folder, or ""
}

// Step is an executed command.
type Step struct {
	Command string
	box.Outcome
}

// Why returns the reason why a command failed.
func (s Step) Why() string {
	switch {
	case s.TimedOut:
		return "the time limit was reached"
	case s.NoRoom:
		return "the scratch was full"
	case s.Signal != "":
		return "ended by " + s.Signal
	}
	return fmt.Sprintf("exit status %d", s.ExitCode)
}

// Run runs the plan. It returns an error if there is no result: the copy could not be
// made, ctx ended, or the resulting VDB cannot be listed. A plan with a failing
// command has a result.
func Run(ctx context.Context, in Input) (_ *Result, err error) {
	steps := stepsOf(in.Rollback)
	if len(steps) == 0 {
		return nil, ErrNoPlan
	}
	in.Box.Root, in.Box.Keepers, in.Box.Remove = in.Before.Name(), keepers(in.Before, in.Settings), locks(in.Before, in.Settings)
	in.Box.Progress = func(e box.Event) {
		if p, ok := progressOf(e.Line); ok && in.Progress != nil {
			in.Progress(p)
		}
	}
	b, err := box.Open(ctx, in.Box)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	r := &Result{Begin: in.Box.Now(), Kept: b.Kept()}
	due, err := ask(ctx, in, b, look.AskDepclean)
	if err != nil {
		return nil, err
	}
	var output tail
	for _, s := range steps {
		output.Reset()
		s.Output = &output
		fmt.Fprintf(in.Box.Log, "\n$ %s\n", s.Name)
		o, err := b.Run(ctx, s)
		if err != nil && (ctx.Err() != nil || !errors.Is(err, box.ErrEnded)) {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
		r.Duration += o.Duration
		r.Steps = append(r.Steps, Step{Command: s.Name, Outcome: o})
		if !o.OK() {
			r.Failed = s.Name
			break
		}
	}
	if r.Room, err = b.Used(); err != nil {
		return nil, err
	}
	return r, r.look(ctx, in, b, output.Bytes(), due)
}

// Row returns the database row of the drill, without the log and the versions of
// programs.
func (r *Result) Row(of *rollback.Rollback) store.Drill {
	d := of.Drill()
	d.StartedAt, d.Seconds, d.Bytes, d.Verdict, d.Step = r.Begin.Unix(), int64(r.Duration.Seconds()+0.5), r.Room, string(r.Verdict), r.Failed
	if r.Failed != "" {
		parts := slices.DeleteFunc([]string{r.Steps[len(r.Steps)-1].Why(), r.Cause.CPV, r.Cause.Phase, r.Cause.Line}, func(s string) bool { return s == "" })
		d.Cause = strings.Join(parts, ": ")
	}
	for _, o := range r.Observations {
		d.Observations = append(d.Observations, store.DrillObservation{Kind: string(o.Kind), Subject: o.Subject, Detail: o.Detail, Expected: o.Expected})
	}
	return d
}

// look examines the copy. output is the output of the last command, due what
// --depclean would have removed before the plan.
func (r *Result) look(ctx context.Context, in Input, b *box.Box, output []byte, due look.Answer) error {
	after, err := hostfs.Open(b.Root())
	if err != nil {
		return err
	}
	defer after.Close()
	host := transition.Host{
		Protect: strings.Fields(in.Settings.Get("CONFIG_PROTECT")), ProtectMask: strings.Fields(in.Settings.Get("CONFIG_PROTECT_MASK")), Disk: in.Disk,
	}
	l := look.Input{
		Before: in.Before, After: after, VDB: in.Settings.VDB(), State: path.Dir(in.Settings.WorldFile()),
		Plan: look.PlanOf(in.Rollback), Protected: host.Protected, Places: places(in.Settings), Answers: look.Answers{Due: due},
	}
	for _, layer := range b.Upper() {
		if layer.Upper == "" {
			continue
		}
		upper, err := hostfs.Open(layer.Upper)
		if err != nil {
			return err
		}
		defer upper.Close()
		l.Layers = append(l.Layers, look.Layer{Mount: layer.Mount, Upper: upper})
	}
	if r.Failed != "" {
		if r.Cause, err = look.CauseOf(after, output); err != nil {
			fmt.Fprintf(in.Box.Log, "drill: cause: %v\n", err)
		}
	} else {
		for _, q := range []struct {
			argv []string
			to   *look.Answer
		}{{look.AskRebuild, &l.Answers.Rebuild}, {look.AskDepclean, &l.Answers.Depclean}, {look.AskUpdate, &l.Answers.Update}} {
			if *q.to, err = ask(ctx, in, b, q.argv); err != nil {
				return err
			}
		}
	}
	if r.Observations, err = look.Look(ctx, l); err != nil {
		return err
	}
	r.Verdict = look.Judge(r.Failed != "", r.Observations)
	return nil
}

// ask runs emerge --pretend for the next steps of an administrator.
func ask(ctx context.Context, in Input, b *box.Box, argv []string) (look.Answer, error) {
	var output tail
	name := strings.Join(argv, " ")
	fmt.Fprintf(in.Box.Log, "\n$ %s\n", name)
	o, err := b.Run(ctx, box.Step{Name: name, Argv: slices.Insert(slices.Clone(argv), 1, "--ask=n"), Output: &output})
	if err != nil {
		return look.Answer{}, err
	}
	a := look.Answer{Output: output.Bytes()}
	if !o.OK() {
		a.Err = errors.New(Step{Outcome: o}.Why())
	}
	return a, nil
}

// keepers returns the folders that Portage's settings name. The copy needs them
// wherever they are.
func keepers(root *hostfs.Root, s *settings.Settings) []string {
	names := []string{s.Get("DISTDIR"), path.Dir(s.BuildDir()), s.LogDir(), path.Dir(s.EmergeLog()), s.VDB(), path.Dir(s.WorldFile()), s.UserConfigDir()}
	for _, d := range s.PkgDirs() {
		names = append(names, d.Path)
	}
	for _, r := range s.Repositories() {
		names = append(names, r.Location)
	}
	for _, p := range s.Profiles() {
		names = append(names, p.Dir)
	}
	var all []string
	for _, name := range names {
		if real, err := root.Realpath(name); name != "" && err == nil && real != "/" {
			all = append(all, real)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// locks returns the lock files that a killed emerge has left. Portage makes a hard
// link of a lock file, and waits forever if the link has another inode number
// (lib/portage/locks.py, _lockfile_was_removed). That is so for a file of a lower
// layer if the overlay lies on an overlay, as in a container.
func locks(root *hostfs.Root, s *settings.Settings) (all []string) {
	folders := []string{path.Dir(s.VDB()), s.VDB(), path.Dir(s.WorldFile()), s.BuildDir(), s.Get("DISTDIR"), "/var/cache/edb", "/var/lib/gentoo/news"}
	for _, d := range s.PkgDirs() {
		folders = append(folders, d.Path)
	}
	for _, parent := range []string{s.VDB(), s.BuildDir()} {
		for _, name := range namesIn(root, parent) {
			folders = append(folders, path.Join(parent, name))
		}
	}
	for _, folder := range folders {
		for _, name := range namesIn(root, folder) {
			if strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".portage_lockfile") {
				all = append(all, path.Join(folder, name))
			}
		}
	}
	return all
}

// namesIn returns the names in a folder, or none if it cannot be read. If a lock is
// in it, the time limit ends the drill.
func namesIn(root *hostfs.Root, folder string) []string {
	names, _ := root.Names(folder)
	return names
}

// places returns the folders in which Portage writes according to its settings, and
// those of the drill itself.
func places(s *settings.Settings) map[string]string {
	all := map[string]string{s.BuildDir(): "Portage builds there", s.ElogDir(): "Portage writes its messages there", s.EmergeLog(): "emerge writes its log there"}
	if dir := s.LogDir(); dir != "" {
		all[dir] = "Portage writes its logs there"
	}
	for _, d := range s.PkgDirs() {
		all[d.Path] = "binary packages lie there"
	}
	for _, dir := range []string{"/dev", "/proc", "/sys"} {
		all[dir] = "the drill makes it if the root has none"
	}
	if dir := s.Get("DISTDIR"); dir != "" {
		all[dir] = "Portage keeps sources there"
	}
	return all
}

// maxOutput is the maximum output of one command in memory, in bytes. The log has all
// of it.
const maxOutput = 8 << 20

// tail keeps the end of the text written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if over := t.Len() - maxOutput; over > 0 {
		t.Next(over)
	}
	return n, err
}
