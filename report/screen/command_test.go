package screen

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
)

// TestABrokenCommandIsTheSameCommand gives commands to a shell, whole and broken on
// pages of every width.
func TestABrokenCommandIsTheSameCommand(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"printf '<%s>' 'two lines\nof one quote' a b\nprintf '<%s>' c d",
		"printf '<%s>' 'first\nthe second line\nlast' e f",
		"cat <<E\na b c\nE",
		`PKGDIR=/var/tmp/x sh -c 'printf "<%s>" "$PKGDIR" "$@"' sh "=app-misc/a b-1" '>c/d:0' e\ f "g\" h"`,
		`printf '<%s>' 'it'\''s' "a 'b c" 'd "e f' \\ \' g`,
		`printf '<%s>' a b && printf '<%s>' c d >&2`,
		`printf '<%s>' a # b c d`,
		"printf '<%s>' `echo a b` $(echo c d)",
		`printf '<%s>'  two  spaces`,
		`printf '<%s>' a#b c \# d`,
		`printf '<%s>' 'ends in a backslash\' a b \\`,
	} {
		want := shellSays(t, command)
		for width := range 60 {
			lines := breakCommands(strings.Split(command, "\n"), width)
			if diff := cmp.Diff(want, shellSays(t, strings.Join(lines, "\n"))); diff != "" {
				t.Errorf("%s at %d columns (-whole +broken):\n%s\n%s", command, width, strings.Join(lines, "\n"), diff)
			}
		}
	}
}

func shellSays(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

func TestANarrowPageBreaksTheCommandsOfSteps(t *testing.T) {
	t.Parallel()
	steps := []Step{{Text: "Do it", Command: `PKGDIR=/var/tmp/plan emerge --oneshot --usepkgonly "=app-misc/warny-0.3"`}}
	for width, want := range map[int]string{
		40: "  1  Do it\n     PKGDIR=/var/tmp/plan emerge \\\n       --oneshot --usepkgonly \\\n       \"=app-misc/warny-0.3\"\n",
		60: "  1  Do it\n     " + steps[0].Command + "\n",
		0:  "  1  Do it\n     " + steps[0].Command + "\n",
	} {
		if diff := cmp.Diff(want, screenOf(t, Terminal{Width: width}, func(s *Screen) { s.Steps(steps) })); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
}

func TestALineThatDoesNotFitANarrowPageLosesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parts []Cell
		want  string
	}{
		{
			[]Cell{Bad.Text("  not merged since"), Plain.Text("   once mended: "), Code.Text(`emerge --oneshot "=dev-util/failinst-0.3"`)},
			"  not merged since   once mended:\n    emerge --oneshot \\\n      \"=dev-util/failinst-0.3\"\n",
		},
		{
			[]Cell{Dim.Text("  log: "), Code.Text("/var/log/portage/dev-util:failinst-0.3:20261004-170705.log"), Dim.Text(" (deleted since)")},
			"  log:\n    /var/log/portage/dev-util:failinst-0.3:20261004-170705.log\n  (deleted since)\n",
		},
		{
			[]Cell{Bad.Text("READY WITH WARNINGS"), Plain.Text(": back to before #83 (2026-10-04 17:23)")},
			"READY WITH WARNINGS: back to before #83\n(2026-10-04 17:23)\n",
		},
		{[]Cell{Plain.Text("short"), Code.Text(" as it is")}, "short as it is\n"},
	} {
		if diff := cmp.Diff(test.want, screenOf(t, Terminal{Width: 40}, func(s *Screen) { s.Line(test.parts...) })); diff != "" {
			t.Errorf("40 columns (-want +got):\n%s", diff)
		}
	}
}

// TestTheRemedyOfAFindingCanBePasted has advice, which is no command, and commands.
func TestTheRemedyOfAFindingCanBePasted(t *testing.T) {
	t.Parallel()
	finding := func(remedy audit.Remedy) []audit.Finding {
		return []audit.Finding{{Code: "c", Severity: audit.SeverityInfo, Subject: "s", Message: "m", Remedy: remedy}}
	}
	emerge := audit.Run("emerge", "--oneshot", "--usepkg=n", "=app-misc/warny-0.3")
	for _, test := range []struct {
		width  int
		remedy audit.Remedy
		want   string
	}{
		{40, audit.Advise("run emaudit as root, or as a member of the portage group"), "try:  run emaudit as root, or as a\n            member of the portage group\n"},
		{40, audit.Do(emerge), "try:\n        emerge --oneshot --usepkg=n \\\n          \"=app-misc/warny-0.3\"\n"},
		{80, audit.Do(emerge).When("mend the cause, which the log names in its last lines"), "try:  mend the cause, which the log names in its last lines:\n            emerge --oneshot --usepkg=n \"=app-misc/warny-0.3\"\n"},
		{0, audit.Do(emerge).When("mend it"), "try:  mend it: emerge --oneshot --usepkg=n \"=app-misc/warny-0.3\"\n"},
	} {
		want := "info  c  s\n      m\n      " + test.want
		if diff := cmp.Diff(want, screenOf(t, Terminal{Width: test.width}, func(s *Screen) { s.Findings(finding(test.remedy), FindingOptions{}) })); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", test.width, diff)
		}
	}
}
