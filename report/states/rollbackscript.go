package states

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/screen"
)

// RollbackScript writes a plan as a POSIX shell script that is meant to be
// read before it is run. It stops at the first command that fails. There is
// none where the verdict is not ready, and none where a command holds a
// character that acts on a terminal: what cannot be read safely is not run
// safely either.
func RollbackScript(w io.Writer, r *rollback.Rollback, o report.Output) error {
	if r.Verdict == rollback.NotReady {
		return fmt.Errorf("rollback to %s: not ready, so there is no plan: %s says why", r.Target, r.Command)
	}
	for _, line := range append(linesInside(r.Plan), r.Guard...) {
		if screen.Clean(line) != line {
			return fmt.Errorf("rollback to %s: no script is written, for a command holds control characters: %q", r.Target, line)
		}
	}
	b := bufio.NewWriter(w)
	comment := func(format string, args ...any) {
		for line := range strings.Lines(fmt.Sprintf(format, args...)) {
			fmt.Fprintf(b, "# %s\n", screen.Clean(strings.TrimRight(line, "\n")))
		}
	}
	fmt.Fprint(b, "#!/bin/sh\n")
	comment("Back to %s", targetText(r.Target, o))
	comment("Host %s, root %s. Written by emaudit at %s; emaudit ran none of it.", o.Envelope.Host, o.Envelope.Root, o.Terminal.Time(o.Envelope.GeneratedAt))
	comment("Verdict: %s", ReadinessWords[r.Verdict].Text)
	if r.Verdict == rollback.Partial {
		comment("It carries out %s. These stay as they are:", CarriedText(r))
		for i := range r.Changes {
			if x := &r.Changes[i]; x.Stays {
				comment("  %s", deviation(x))
			}
		}
		for _, cp := range r.Target.Unknown {
			comment("  %s: what was installed of it is not known", cp)
		}
	}
	for _, f := range r.Findings {
		comment("%s %s %s: %s", f.Severity, f.Code, f.Subject, f.Message)
	}
	for _, x := range r.Risks {
		if x.Severity == audit.SeverityInfo {
			comment("risk %s: %s%s", x.Code, subjectOf(x), x.Detail)
		}
	}
	if o.Envelope.Root != "/" {
		comment("It belongs inside the root: chroot %s sh, with this script on its standard input.", o.Envelope.Root)
	}
	comment("Read it before you run it. It refuses where the host is no longer as the plan")
	comment("found it, stops at the first command that fails, and at a terminal asks once.")
	fmt.Fprint(b, "set -eu\n")
	fmt.Fprint(b, "[ \"$(id -u)\" = 0 ] || { echo 'run this as root' >&2; exit 1; }\n")
	for _, line := range r.Guard {
		fmt.Fprintln(b, line)
	}
	// A name or a folder may hold what the shell reads, so that it is quoted once,
	// by itself.
	fmt.Fprintf(b, "again=%s undo=\ntrap '[ \"$?\" = 0 ] || echo \"stopped: what is left to do says $again${undo:+, and this takes back what was done: $undo}\" >&2' EXIT\n", quoted(r.Command.Inside().String()))
	question := "Go on? [y/N] "
	if r.Verdict == rollback.Partial {
		question = "This carries out " + CarriedText(r) + ". " + question
	}
	for i, step := range r.Steps {
		fmt.Fprintln(b)
		comment("%d. %s", i+1, step.Title)
		if step.Confirm {
			fmt.Fprint(b, "if [ -t 0 ]; then\n\tprintf %s "+quoted(question)+"\n\tread -r answer\n\t[ \"$answer\" = y ] || exit 1\nfi\n")
		}
		if len(step.Undo) > 0 {
			fmt.Fprintf(b, "undo=\"%s${undo:+ && $undo}\"\n", strings.ReplaceAll(strings.Join(linesInside(step.Undo), " && "), `"`, `\"`))
		}
		for _, c := range linesInside(step.Commands) {
			fmt.Fprintln(b, c)
		}
		if step.Merges {
			fmt.Fprintln(b, "undo=")
		}
	}
	if len(r.Checks) > 0 {
		fmt.Fprintln(b)
		comment("Then check the result:")
		for _, c := range linesInside(r.Checks) {
			comment("  %s", c)
		}
	}
	for _, step := range r.Later {
		fmt.Fprintln(b)
		comment("%s:", step.Title)
		for _, c := range linesInside(step.Commands) {
			comment("  %s", c)
		}
	}
	return b.Flush()
}

// deviation returns what stays because a change is not carried out, and why.
func deviation(x *rollback.Change) string {
	now, then := "nothing", "nothing"
	if x.From != nil {
		now = *x.From
	}
	if x.To != nil {
		then = *x.To
	}
	why := ""
	if len(x.Reasons) > 0 {
		why = ": " + x.Reasons[0].Detail
	}
	return fmt.Sprintf("%s instead of %s%s", now, then, why)
}

// quoted returns text as one word of a shell.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// linesInside are commands as they are typed inside the root.
func linesInside(commands []audit.Command) []string {
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = c.Inside().String()
	}
	return lines
}
