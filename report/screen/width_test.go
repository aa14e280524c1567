package screen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCutKeepsWhatCounts(t *testing.T) {
	t.Parallel()
	const path = "app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar"
	for _, test := range []struct {
		name        string
		text        string
		width       int
		end, middle string
	}{
		{"text that fits stays", "exact", 5, "exact", "exact"},
		{"a path", path, 21, "app-misc/foo-tool/fo…", "app-misc/f…2.gpkg.tar"},
		{"one column", path, 1, "…", "…"},
		{"two columns", path, 2, "a…", "…r"},
		{"no column", path, 0, "", ""},
		{"wide characters take two columns", "日本語日本語", 7, "日本語…", "日…本語"},
		{"a wide character that does not fit is left out", "日本語日本語", 6, "日本…", "日…語"},
		{"combining marks stay with their letter", "e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…", "e\u0301…e\u0301"},
		{"joined emoji stay together", "👩\u200d👧👩\u200d👧👩\u200d👧", 9, "👩\u200d👧👩\u200d👧…", "👩\u200d👧…👩\u200d👧"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := cutEnd(test.text, test.width); got != test.end {
				t.Errorf("cutEnd = %q, want %q", got, test.end)
			}
			if got := cutMiddle(test.text, test.width); got != test.middle {
				t.Errorf("cutMiddle = %q, want %q", got, test.middle)
			}
		})
	}
}

func TestWrapLosesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		text  string
		width int
		want  []string
	}{
		{"text that fits", "one two", 7, []string{"one two"}},
		{"no limit", "one two three", 0, []string{"one two three"}},
		{"empty text", "", 5, []string{""}},
		{"breaks at spaces", "one two three", 8, []string{"one two", "three"}},
		{"a space at the border", "one two three", 7, []string{"one two", "three"}},
		{"a word longer than the line", "a abcdefghij b", 4, []string{"a", "abcd", "efgh", "ij b"}},
		{"spaces at the beginning", "   abcdefgh", 4, []string{"   a", "bcde", "fgh"}},
		{"wide characters", "日本語", 4, []string{"日本", "語"}},
		{"a character wider than the line", "日本", 1, []string{"日", "本"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, wrap(test.text, test.width)); diff != "" {
				t.Errorf("wrap (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzCutAndWrap(f *testing.F) {
	f.Add("app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar", 21)
	f.Add("日本語 日本語", 5)
	f.Add("e\u0301e\u0301 👩\u200d👧", 3)
	f.Fuzz(func(t *testing.T, text string, width int) {
		text, width = Clean(text), max(width, 1)%300
		for name, cut := range map[string]func(string, int) string{"cutEnd": cutEnd, "cutMiddle": cutMiddle} {
			got := cut(text, width)
			if DisplayWidth(got) > width {
				t.Errorf("%s(%q, %d) = %q, which is %d wide", name, text, width, got, DisplayWidth(got))
			}
			before, after, _ := strings.Cut(got, ellipsis)
			if got != text && (!strings.HasPrefix(text, before) || !strings.HasSuffix(text, after)) {
				t.Errorf("%s(%q, %d) = %q, which is not from the text", name, text, width, got)
			}
		}
		lines := wrap(text, width) // without a limit at width 0
		for _, line := range lines {
			if DisplayWidth(line) > max(width, DisplayWidth(firstGrapheme(line))) && width > 0 {
				t.Errorf("wrap(%q, %d): line %q is %d wide", text, width, line, DisplayWidth(line))
			}
		}
		unspaced := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if unspaced(strings.Join(lines, "")) != unspaced(text) {
			t.Errorf("wrap(%q, %d) = %q, which is not the text", text, width, lines)
		}
	})
}
