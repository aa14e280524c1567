package table

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// valuesOf describes a table whose rows are the values of the columns.
func valuesOf(columns ...string) Table[[]any] {
	var t Table[[]any]
	for i, name := range columns {
		t = append(t, Column[[]any]{Name: name, Value: func(row *[]any) any { return (*row)[i] }})
	}
	return t
}

func csvOf(t *testing.T, columns []string, rows ...[]any) string {
	t.Helper()
	var out strings.Builder
	if err := valuesOf(columns...).CSV(All(rows))(&out); err != nil {
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
	if err := valuesOf("a").CSV(All([][]any{{1}}))(failingWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("error of the writer is %v", err)
	}
	if err := valuesOf("a").CSV(All([][]any{{struct{}{}}, {"a"}}))(io.Discard); err == nil || err.Error() != "table: value of type struct {}" {
		t.Errorf("error of a value is %v", err)
	}
	rows := func(yield func(*[]any, error) bool) { yield(nil, broken) }
	if err := valuesOf("a").CSV(rows)(io.Discard); !errors.Is(err, broken) {
		t.Errorf("error of the rows is %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// block returns a literal block without the line feed that it begins with and
// without the tabs by which the source indents it.
func block(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\t", "")
}

func BenchmarkCSV(b *testing.B) {
	rows := make([]binpkg, 100_000)
	for i := range rows {
		rows[i] = binpkg{CPV: "dev-python/setuptools-80.9.0-r1", Built: 1767225600, Needs: []string{"a/b"}}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := binpkgs.CSV(All(rows))(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
