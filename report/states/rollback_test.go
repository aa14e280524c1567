package states_test

import (
	"bytes"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/states"
)

// aPlan is a verdict with a plan of two steps.
func aPlan(verdict rollback.Readiness, commands ...string) *rollback.Rollback {
	run, to := int64(7), "app-misc/foo-1.0"
	from := "app-misc/foo-2.0"
	plan := make([]audit.Command, len(commands))
	for i, c := range commands {
		plan[i] = audit.Script(c)
	}
	return &rollback.Rollback{
		Target:  state.Target{Run: &run, Time: 1791130000, Known: true, Args: "-uDN @world"},
		Verdict: verdict,
		Changes: []rollback.Change{{
			Change: state.Change{Action: state.ActionDowngrade, Slot: "0", From: &from, To: &to},
			Match:  binpkgs.CoverageExact, Integrity: "whole", Unpacked: true, Usable: acceptance.UsableYes,
			Instance: &binpkgs.InstanceRef{PkgDir: "/var/cache/binpkgs", Path: "app-misc/foo/foo-1.0-1.gpkg.tar"},
		}},
		Steps:  []rollback.Step{{Title: "Do it", Commands: plan, Confirm: true}},
		Guard:  []string{"cd /var/db/pkg && false"},
		Plan:   plan,
		Checks: []audit.Command{audit.Emaudit("diff", "now", "run:7")},
	}
}

func output(w *bytes.Buffer) report.Output {
	return report.Output{W: w, Format: "table", Envelope: report.Envelope{Command: "rollback", Host: "h\x1b[31m", Root: "/"}}
}

// TestScriptIsWhatThePlanSays holds the script to the commands of the plan, in
// their order, behind set -eu and the lines that refuse a host that has changed.
func TestScriptIsWhatThePlanSays(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	commands := []string{"emerge --pretend --oneshot =app-misc/foo-1.0-1", "emerge --oneshot =app-misc/foo-1.0-1"}
	if err := states.RollbackScript(&b, aPlan(rollback.Ready, commands...), output(&b)); err != nil {
		t.Fatal(err)
	}
	var code []string
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			code = append(code, line)
		}
	}
	head := []string{"set -eu", `[ "$(id -u)" = 0 ] || { echo 'run this as root' >&2; exit 1; }`, "cd /var/db/pkg && false"}
	if got, want := strings.Join(code[:len(head)], "\n"), strings.Join(head, "\n"); got != want {
		t.Errorf("it begins with\n%s\nwant\n%s", got, want)
	}
	if got, want := strings.Join(code[len(code)-len(commands):], "\n"), strings.Join(commands, "\n"); got != want {
		t.Errorf("it ends with\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(code, "\n"); !strings.Contains(got, "trap '") || !strings.Contains(got, "read -r answer") || strings.Count(got, "emerge ") != len(commands) {
		t.Errorf("it neither says where it stopped, nor asks, or has another command:\n%s", got)
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("a control character of the host's name is in the script")
	}
}

// TestCommentsCannotBecomeCommands holds that no text from outside leaves its
// comment.
func TestCommentsCannotBecomeCommands(t *testing.T) {
	t.Parallel()
	r := aPlan(rollback.Ready, "true")
	r.Target.Args = "=app-misc/foo-1\nrm -rf /"
	r.Findings = []audit.Finding{{Code: "x", Severity: audit.SeverityWarning, Subject: "a\nreboot", Message: "b\r\nreboot"}}
	var b bytes.Buffer
	if err := states.RollbackScript(&b, r, output(&b)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "rm") || strings.HasPrefix(line, "reboot") {
			t.Errorf("a comment became a command: %q", line)
		}
	}
}

func TestNoScriptWhereThereIsNoPlan(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*rollback.Rollback{
		"not ready":                         aPlan(rollback.NotReady),
		"a command with control characters": aPlan(rollback.Ready, "cp -p '/var/\x1b]0;x\x07' /tmp/x"),
		"a command of two lines":            aPlan(rollback.Ready, "cp -p '/var/a\nb' /tmp/x"),
	} {
		var b bytes.Buffer
		if err := states.RollbackScript(&b, r, output(&b)); err == nil || b.Len() > 0 {
			t.Errorf("%s: want an error and nothing written, got %v and %q", name, err, b.String())
		}
	}
}

func TestVerdictComesFirst(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[rollback.Readiness]string{
		rollback.Ready: "READY", rollback.ReadyWithWarnings: "READY WITH WARNINGS", rollback.NotReady: "NOT READY",
	} {
		var b bytes.Buffer
		o := output(&b)
		if err := o.Write(states.Rollback(aPlan(verdict, "true"), o)); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(b.String(), "\n")
		if !strings.HasPrefix(first, want+": back to before #7 ") {
			t.Errorf("want %s at the beginning of %q", want, first)
		}
	}
}
