package report

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func csvOf(t *testing.T, columns []string, rows ...[]any) string {
	t.Helper()
	var out strings.Builder
	c := NewCSV(&out, columns...)
	for _, row := range rows {
		c.Row(row...)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCSV(t *testing.T) {
	t.Parallel()
	type outcome string
	size, unknown := int64(412<<20), (*int64)(nil)
	got := csvOf(t, []string{"cpv", "size", "started_at", "used", "outcome", "share"},
		[]any{"app-misc/foo-1", &size, 1767225600, true, outcome("merged"), 0.5},
		[]any{"a,\"b\"", unknown, int64(-5), nil, outcome(""), uint8(7)},
	)
	want := block(`
		cpv,size,started_at,used,outcome,share
		app-misc/foo-1,432013312,1767225600,true,merged,0.5
		"a,""b""",,-5,,,7
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

func TestCSVTextIsNeitherFormulaNorControl(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
		"+1":                 "'+1",
		"-uDN @world":        "'-uDN @world",
		"@world":             "'@world",
		"＝1":                 "'＝1",
		"'quoted":            "''quoted",
		"\t=1":               `\t=1`,
		"a\r\nb":             `a\r\nb`,
		"\x1b[1m":            `\x1b[1m`,
		"app-misc/foo-1":     "app-misc/foo-1",
		"":                   "",
	} {
		records, err := csv.NewReader(strings.NewReader(csvOf(t, []string{"text", "n"}, []any{text, 1}))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := records[1][0]; got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

func TestCSVReportsTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	c := NewCSV(failingWriter{broken}, "a")
	c.Row(1)
	if err := c.Close(); !errors.Is(err, broken) {
		t.Errorf("error of the writer is %v", err)
	}
	for _, test := range []struct {
		row  []any
		want string
	}{
		{[]any{1, 2}, "csv: record of 2 fields in 1 columns"},
		{[]any{struct{}{}}, "csv: field of type struct {}"},
	} {
		c := NewCSV(new(strings.Builder), "a")
		c.Row(test.row...)
		c.Row("a")
		if err := c.Close(); err == nil || err.Error() != test.want {
			t.Errorf("error is %v, want %s", err, test.want)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// block returns a literal block without the line feed that it begins with and
// without the tabs by which the source indents it.
func block(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\t", "")
}
