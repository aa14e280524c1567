package suggest_test

import (
	"slices"
	"strings"
	"testing"

	"emaudit/cli/suggest"
)

func TestFor(t *testing.T) {
	t.Parallel()
	known := []string{"app-misc/hello", "app-misc/helper", "dev-lang/python", "net-misc/help", "sys-apps/hello-world"}
	for word, want := range map[string]string{
		"helo":           "app-misc/hello net-misc/help",
		"ehllo":          "app-misc/hello", // the swap of two neighbours is one slip
		"HELLO":          "app-misc/hello sys-apps/hello-world",
		"app-misc/helo":  "app-misc/hello",
		"dev-misc/hello": "app-misc/hello",
		"pyhton":         "dev-lang/python",
		"firefox":        "",
		"":               "",
		"h":              "",

		strings.Repeat("hello", 100): "",
	} {
		if got := strings.Join(suggest.For(word, known), " "); got != want {
			t.Errorf("%.20q: got %q, want %q", word, got, want)
		}
	}
	many := slices.Repeat([]string{"hello"}, 20)
	if got := suggest.For("hello", many); len(got) != 5 {
		t.Errorf("of 20 similar words %d are suggested, want 5", len(got))
	}
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	for want, words := range map[string][]string{
		"":                          nil,
		"; did you mean a?":         {"a"},
		"; did you mean a, b or c?": {"a", "b", "c"},
	} {
		if got := suggest.Question(words); got != want {
			t.Errorf("%v: got %q, want %q", words, got, want)
		}
	}
}
