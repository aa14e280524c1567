package mergelog

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// checkGolden compares got, as JSON, with the golden file of the log input, which
// lies in testdata.
func checkGolden(t *testing.T, input string, got any) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(got); err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(logs, strings.TrimSuffix(input, filepath.Ext(input))+".golden.json")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

// logs has the logs of testdata/logs/INDEX.md.
const logs = "../../testdata/logs"

// inputs returns the logs that match pattern, at least one.
func inputs(tb testing.TB, pattern string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(logs, filepath.FromSlash(pattern)))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no files for %s: %v", pattern, err)
	}
	return files
}

func mustRead(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func readBuildLog(tb testing.TB, data []byte) BuildLog {
	tb.Helper()
	log, err := ReadBuildLog(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	return log
}
