package screen

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanMakesVisibleWhatWouldAct(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		text string
		want string
	}{
		{"plain text stays", "app-misc/foo-1.2_p3-r1:0/2=", "app-misc/foo-1.2_p3-r1:0/2="},
		{"empty text stays", "", ""},
		{"other scripts stay", "naïve 日本語 Ελληνικά עברית", "naïve 日本語 Ελληνικά עברית"},
		{"combining marks stay", "e\u0301", "e\u0301"},
		{"joined emoji stay", "👩\u200d👧", "👩\u200d👧"},
		{"a backslash stays", `\x1b`, `\x1b`},
		{"a replacement character that was in the text stays", "\ufffd", "\ufffd"},
		{"NUL", "a\x00b", `a\x00b`},
		{"BEL", "\x07", `\x07`},
		{"backspace, which hides what stood before", "rm -rf /\b\b\b", `rm -rf /\x08\x08\x08`},
		{"tab, line feed and carriage return", "a\tb\nc\rd", `a\tb\nc\rd`},
		{"DEL", "\x7f", `\x7f`},
		{"ESC of a CSI sequence", "\x1b[2J\x1b[1;1H", `\x1b[2J\x1b[1;1H`},
		{"OSC that sets the title", "\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		{"OSC 8 hyperlink", "\x1b]8;;http://x\x1b\\y", `\x1b]8;;http://x\x1b\y`},
		{"C1 control as a character: CSI", "\u009b31m", `\u009b31m`},
		{"C1 control as a bare byte: CSI", "\x9b31m", `\x9b31m`},
		{"NEL", "a\u0085b", `a\u0085b`},
		{"bidi override", "exe.\u202egpj", `exe.\u202egpj`},
		{"bidi isolates", "\u2066a\u2069", `\u2066a\u2069`},
		{"bidi marks", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"zero-width space", "lib\u200bfoo", `lib\u200bfoo`},
		{"byte order mark", "\ufeffa", `\ufeffa`},
		{"soft hyphen", "a\u00adb", `a\u00adb`},
		{"tag characters", "a\U000e0041", `a\U000e0041`},
		{"line and paragraph separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"bytes that are not UTF-8", "\xff\xfe ok", `\xff\xfe ok`},
		{"a torn character", "日"[:2], `\xe6\x97`},
		{"an overlong encoding of ESC", "\xc0\x9b", `\xc0\x9b`},
		{"a surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Clean(test.text); got != test.want {
				t.Errorf("Clean(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}

func TestCleanCoversEveryControl(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			continue
		}
		if got := Clean(string(r)); got[0] != '\\' {
			t.Errorf("Clean(%U) = %q, want an escape", r, got)
		}
		// Text is looked at in groups of eight bytes.
		if got := Clean("1234567" + string(r) + "12345678"); got[7] != '\\' {
			t.Errorf("Clean of %U among letters = %q, want an escape", r, got)
		}
	}
}

func TestCleanDoesNotAllocateForHarmlessText(t *testing.T) {
	for _, text := range []string{"dev-python/setuptools-80.9.0-r1", "naïve 日本語"} {
		if n := testing.AllocsPerRun(100, func() { Clean(text) }); n != 0 {
			t.Errorf("Clean(%q) allocates %v times", text, n)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{
		"", "app-misc/foo-1", "\x1b]0;x\x07", "\u009b1m", "\x9b", "a\u202eb", "👩\u200d👧", `\x1b`, "日"[:2], "\U000e0041",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := Clean(text)
		if !utf8.ValidString(clean) {
			t.Fatalf("Clean(%q) = %q, which is not UTF-8", text, clean)
		}
		for _, r := range clean {
			if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
				t.Fatalf("Clean(%q) = %q, which holds %U", text, clean, r)
			}
		}
		if again := Clean(clean); again != clean {
			t.Fatalf("Clean(%q) = %q, and then %q", text, clean, again)
		}
		// Escapes only: what is shown between them is in the text, in its order.
		if len(clean) < len(text) {
			t.Fatalf("Clean(%q) = %q, which is shorter", text, clean)
		}
	})
}
