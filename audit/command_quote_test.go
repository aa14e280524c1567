package audit

import (
	"os/exec"
	"strings"
	"testing"
)

// What is quoted is, to bash, the word again; and it holds nothing that a terminal
// would obey or that pasting would lose.
func TestBashReadsAQuotedWordAsItWas(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash: ", err)
	}
	words := []string{
		"", "plain-1.0/_x+y", "two words", "it's", `back\slash`, `$(id) && rm "x"`, "ünïcode", "~", "-n",
		"esc\x1b[31m", "line\nbreak's", "tab\tand\\", "bell\a7", "\xff\xfe no UTF-8", "right\u202eto left", "no\u00a0break", "\ufffd", "\x7f",
	}
	for c := range 256 {
		if c != 0 {
			words = append(words, "a"+string([]byte{byte(c)})+"7")
		}
	}
	for _, word := range words {
		quoted := ShellQuote(word)
		if i := strings.IndexFunc(quoted, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }); i >= 0 {
			t.Errorf("%q is quoted as %q", word, quoted)
		}
		out, err := exec.Command(bash, "-c", "printf '%s.' "+quoted).Output()
		if got := strings.TrimSuffix(string(out), "."); err != nil || got != word {
			t.Errorf("%q is quoted as %s, which bash reads as %q (%v)", word, quoted, got, err)
		}
	}
}
