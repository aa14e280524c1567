package screen

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var someAnswers = []SummaryLine{
	{"ROLLBACK", Bad.Text("NOT READY"), "undoing #91 lacks 1 of 7 packages", "emaudit rollback"},
	{"COVERAGE", Warn.Text("43 of 50"), "exact 40, other build 3, none 7", "emaudit audit coverage"},
	{"INTEGRITY", Bad.Text("131 whole"), "1 damaged, 0 unchecked", "emaudit audit integrity"},
	{"PKGDIR", Plain.Text("1.9 GiB"), "412 MiB can go, 38 GiB free", "emaudit prune"},
}

var someSteps = []Step{
	{Text: "dev-util/failtest-1.0 failed in test and was not retried", Command: "emaudit failures"},
	{Text: "sys-libs/libfoo-2.0.1 was never packaged", Command: `quickpkg "=sys-libs/libfoo-2.0.1"`},
	{Command: "emaudit doctor"},
	{Text: "reboot"},
}

func TestStepsOfSeveralCommands(t *testing.T) {
	t.Parallel()
	steps := []Step{{Text: "close the gap", Command: "quickpkg \"=a/b-1\"\nemaudit rollback \x1b[2J\n"}}
	for range 9 {
		steps = append(steps, Step{Text: "wait"})
	}
	got := screenOf(t, Terminal{Width: 80}, func(s *Screen) { s.Steps(steps) })
	want := block(`
		   1  close the gap
		      quickpkg "=a/b-1"
		      emaudit rollback \x1b[2J
		   2  wait
		`)
	got = got[:len(want)]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestFactsBreakBetweenFacts(t *testing.T) {
	t.Parallel()
	write := func(s *Screen) {
		s.Facts(Bold.Text("alpha"), Plain.Text("50 installed"), Plain.Text("last run #91 today 12:04, 7 merged, 1 failed\n"))
	}
	for width, want := range map[int]string{
		0:  "alpha · 50 installed · last run #91 today 12:04, 7 merged, 1 failed\\n\n",
		40: "alpha · 50 installed\nlast run #91 today 12:04, 7 merged, 1 failed\\n\n",
	} {
		if got := screenOf(t, Terminal{Width: width}, write); got != want {
			t.Errorf("width %d: got %q, want %q", width, got, want)
		}
	}
}

func TestSummaryOn80Columns(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{Width: 80}, func(s *Screen) {
		s.Summary(someAnswers)
		s.Blank()
		s.Heading("To do now")
		s.Steps(someSteps)
	})
	want := block(`
		ROLLBACK   NOT READY  undoing #91 lacks 1 of 7 packages  emaudit rollback
		COVERAGE   43 of 50   exact 40, other build 3, none 7    emaudit audit coverage
		INTEGRITY  131 whole  1 damaged, 0 unchecked             emaudit audit integrity
		PKGDIR     1.9 GiB    412 MiB can go, 38 GiB free        emaudit prune

		To do now
		  1  dev-util/failtest-1.0 failed in test and was not retried   emaudit failures
		  2  sys-libs/libfoo-2.0.1 was never packaged
		     quickpkg "=sys-libs/libfoo-2.0.1"
		  3  emaudit doctor
		  4  reboot
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestSummaryOnANarrowPageLosesNothing(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{Width: 64}, func(s *Screen) {
		s.Summary(someAnswers)
		s.Steps(someSteps[:2])
	})
	want := block(`
		ROLLBACK   NOT READY  undoing #91 lacks  emaudit rollback
		                      1 of 7 packages
		COVERAGE   43 of 50   exact 40, other    emaudit audit coverage
		                      build 3, none 7
		INTEGRITY  131 whole  1 damaged, 0       emaudit audit integrity
		                      unchecked
		PKGDIR     1.9 GiB    412 MiB can go,    emaudit prune
		                      38 GiB free
		  1  dev-util/failtest-1.0 failed in test and was not retried
		     emaudit failures
		  2  sys-libs/libfoo-2.0.1 was never packaged
		     quickpkg "=sys-libs/libfoo-2.0.1"
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestSummaryOnAPipeHasOneLineForEachAnswer(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{}, func(s *Screen) {
		s.Summary(someAnswers)
		s.Steps(someSteps)
	})
	want := block(`
		ROLLBACK   NOT READY  undoing #91 lacks 1 of 7 packages  emaudit rollback
		COVERAGE   43 of 50   exact 40, other build 3, none 7    emaudit audit coverage
		INTEGRITY  131 whole  1 damaged, 0 unchecked             emaudit audit integrity
		PKGDIR     1.9 GiB    412 MiB can go, 38 GiB free        emaudit prune
		  1  dev-util/failtest-1.0 failed in test and was not retried   emaudit failures
		  2  sys-libs/libfoo-2.0.1 was never packaged
		     quickpkg "=sys-libs/libfoo-2.0.1"
		  3  emaudit doctor
		  4  reboot
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestPairsAndParagraphs(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{Width: 40, Color: true}, func(s *Screen) {
		s.Pairs(2, []Pair{
			{"asked", Plain.Text("-uDN @world")},
			{"USE", Plain.Text("acl ipv6 nls pam readline seccomp ssl unicode")},
			{"outcome", Bad.Text("failed")},
			{"messages", Plain.Text("first\nsecond \x1b[2J\n")},
			{"", Plain.Text("")},
		})
		s.Paragraph(4, Dim.Text("one\r\n\n  two, which is longer than the line may be\n"))
	})
	want := block(`
		  [2masked[0m     -uDN @world
		  [2mUSE[0m       acl ipv6 nls pam readline
		            seccomp ssl unicode
		  [2moutcome[0m   [1;31mfailed[0m
		  [2mmessages[0m  first
		            second \x1b[2J

		    [2mone[0m

		    [2m  two, which is longer than the line[0m
		    [2mmay be[0m
		`)
	if diff := cmp.Diff(want, escapeForTest(got)); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
}
