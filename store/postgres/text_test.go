package postgres

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzText holds the laws of stored text: PostgreSQL accepts it, it comes back as it
// was, and no two texts are stored alike.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "plain", "Grüße → ✓", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "\U0010ff00", "\U0010ffff\x80", "\xf4\x8f", "\ufffd"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stored := EncodeText(text)
		if !utf8.ValidString(stored) || strings.Contains(stored, "\x00") {
			t.Errorf("%q is stored as %q, which PostgreSQL refuses", text, stored)
		}
		if back := decodeText(stored); back != text {
			t.Errorf("%q comes back as %q", text, back)
		}
	})
}

func TestAStatementIsTranslated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ statement, want string }{
		{"SELECT 1", "SELECT 1"},
		{"SELECT a FROM t WHERE b = ? AND c IN (?, ?)", "SELECT a FROM t WHERE b = $1 AND c IN ($2, $3)"},
		{"SELECT '?', \"a?\" FROM t WHERE b = ?", "SELECT '?', \"a?\" FROM t WHERE b = $1"},
		{"SELECT p.offset, cause_offset FROM t p", `SELECT p."offset", cause_offset FROM t p`},
		{"CREATE TEMP TABLE t (since INTEGER PRIMARY KEY)", "CREATE TEMP TABLE t (since BIGINT PRIMARY KEY)"},
	} {
		if got := Translate(c.statement); got != c.want {
			t.Errorf("Translate(%q)\ngot  %s\nwant %s", c.statement, got, c.want)
		}
	}
}
