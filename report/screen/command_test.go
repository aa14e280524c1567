package screen

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
