package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"emaudit/audit"
	"emaudit/report/reporttest"
	"emaudit/report/screen"

	"github.com/google/go-cmp/cmp"
)

var someEnvelope = Envelope{Command: "runs", Host: "alpha", Root: "/", GeneratedAt: 1767225600}

// jsonOf returns what write writes behind the envelope.
func jsonOf(t *testing.T, envelope Envelope, write func(*JSON)) string {
	t.Helper()
	var out bytes.Buffer
	document := NewJSON(&out, envelope)
	write(document)
	if err := document.Close(); err != nil {
		t.Fatal(err)
	}
	reporttest.JSON(t, out.Bytes())
	return out.String()
}

func TestJSONBeginsWithTheEnvelope(t *testing.T) {
	t.Parallel()
	envelope := someEnvelope
	envelope.Findings = []audit.Finding{{Code: "binpkg-damaged", Severity: "error", Subject: "a/b-1", Message: "m"}}
	envelope.Diagnostics = []Diagnostic{{Source: "/var/log/emerge.log", Offset: 7, Code: "torn-line", Message: "x"}}
	got := jsonOf(t, envelope, func(*JSON) {})
	want := block(`
		{"schema_version":1,
		"command":"runs",
		"host":"alpha",
		"root":"/",
		"generated_at":1767225600,
		"findings":[
		{"code":"binpkg-damaged","severity":"error","subject":"a/b-1","message":"m","evidence":[],"remedy":""}],
		"diagnostics":[
		{"source":"/var/log/emerge.log","offset":7,"code":"torn-line","message":"x"}]}
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// someMerge stands for the types that audits answer with: nested, embedded and
// with what may be null.
type someMerge struct {
	someVersion
	Replaced []string          `json:"replaced"`
	Settings map[string]string `json:"settings"`
	Binpkg   *string           `json:"binpkg"`
	Instance *someInstance     `json:"instance"`
	Any      any               `json:"any"`
	When     time.Time         `json:"when"`
	Raw      json.RawMessage   `json:"raw"`
	Hidden   []string          `json:"-"`
}

type someVersion struct {
	CPV  string   `json:"cpv"`
	Uses []string `json:"uses"`
}

type someInstance struct {
	Reasons []string        `json:"reasons"`
	Others  []*someInstance `json:"others"`
}

func TestJSONArraysAreNeverNull(t *testing.T) {
	t.Parallel()
	merges := []someMerge{{
		Instance: &someInstance{Others: []*someInstance{{}, {Reasons: []string{"a"}}}},
		Any:      map[string][]int{"inner": nil},
		Raw:      json.RawMessage("1"),
	}}
	got := jsonOf(t, someEnvelope, func(j *JSON) {
		j.Value("merges", merges)
		j.Value("plan", []string(nil))
		j.Value("options", map[string][]int(nil))
		j.Value("run", (*int)(nil))
	})
	_, got, _ = strings.Cut(got, `"diagnostics":[],`)
	want := block(`

		"merges":[
		{"cpv":"","uses":[],"replaced":[],"settings":{},"binpkg":null,"instance":{"reasons":[],"others":[{"reasons":[],"others":[]},{"reasons":["a"],"others":[]}]},"any":{"inner":[]},"when":"0001-01-01T00:00:00Z","raw":1}],
		"plan":[],
		"options":{},
		"run":null}
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if merges[0].Replaced != nil || merges[0].Instance.Reasons != nil || merges[0].Instance.Others[0].Reasons != nil {
		t.Error("the values of the caller were changed")
	}
}

func TestJSONFieldsAreKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	type target struct {
		Run   *int64 `json:"run"`
		Known bool   `json:"known"`
	}
	type Common struct {
		Verdict string `json:"verdict"`
	}
	type answer struct {
		Target target `json:"target"`
		Common
		Plan    []string `json:"plan"`
		Journal string   `json:"journal,omitempty"`
		Secret  string   `json:"-"`
		private string
	}
	got := jsonOf(t, someEnvelope, func(j *JSON) {
		j.Fields(&answer{Common: Common{"ready"}, Plan: []string{"emerge -1 \"<a>&\""}, private: "x"})
	})
	_, got, _ = strings.Cut(got, `"diagnostics":[],`)
	want := block(`

		"target":{"run":null,"known":false},
		"verdict":"ready",
		"plan":[
		"emerge -1 \"<a>&\""]}
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestJSONIsExactAndHarmless(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b[2J \u009b1m \u202egpj \x7f \U000e0041 日本 </script> \u2028"
	got := jsonOf(t, someEnvelope, func(j *JSON) {
		j.Value("text", hostile)
		j.Value("bytes", "a\xffb")
	})
	for _, r := range got {
		if r != '\n' && screen.Acts(r) {
			t.Errorf("%U as it is in %s", r, got)
		}
	}
	var read struct{ Text, Bytes string }
	if err := json.Unmarshal([]byte(got), &read); err != nil {
		t.Fatal(err)
	}
	if read.Text != hostile {
		t.Errorf("text is read back as %q", read.Text)
	}
	if read.Bytes != "a\ufffdb" {
		t.Errorf("bytes are read back as %q", read.Bytes)
	}
}

func TestJSONStreamsArrays(t *testing.T) {
	t.Parallel()
	type event struct {
		Event    string   `json:"event"`
		Replaced []string `json:"replaced"`
	}
	events := func(n int) iter.Seq2[event, error] {
		return func(yield func(event, error) bool) {
			for range n {
				if !yield(event{Event: "merge"}, nil) {
					return
				}
			}
		}
	}
	got := jsonOf(t, someEnvelope, func(j *JSON) {
		WriteArray(j, "events", events(2))
		WriteArray(j, "none", events(0))
	})
	_, got, _ = strings.Cut(got, `"diagnostics":[],`)
	want := "\n\"events\":[\n{\"event\":\"merge\",\"replaced\":[]},\n{\"event\":\"merge\",\"replaced\":[]}],\n\"none\":[]}\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestJSONReportsTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, test := range []struct {
		name  string
		write func(*JSON)
		want  string
	}{
		{"an error of the elements", func(j *JSON) {
			WriteArray(j, "events", func(yield func(int, error) bool) { _ = yield(1, nil) && yield(0, broken) })
			j.Value("func", func() {})
		}, "broken"},
		{"a key that is written twice", func(j *JSON) { j.Value("findings", 1) }, `json: key "findings" written twice`},
		{"a value that JSON does not have", func(j *JSON) { j.Value("func", func() {}) }, "json: unsupported type: func()"},
		{"fields of what is not a struct", func(j *JSON) { j.Fields([]int{}) }, "json: []int is not a struct"},
		{"fields of nothing", func(j *JSON) { j.Fields(nil) }, "json: <nil> is not a struct"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document := NewJSON(new(bytes.Buffer), someEnvelope)
			test.write(document)
			if err := document.Close(); err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
	document := NewJSON(failingWriter{broken}, someEnvelope)
	if err := document.Close(); !errors.Is(err, broken) {
		t.Errorf("error of the writer is %v", err)
	}
}

func FuzzJSONText(f *testing.F) {
	f.Add("\x1b]0;x\x07")
	f.Add("\u009b \u202e \U000e0041 \xff \\ \" 日")
	f.Fuzz(func(t *testing.T, text string) {
		data, err := new(inertEncoder).encode(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range string(data) {
			if screen.Acts(r) {
				t.Fatalf("%U as it is in %s", r, data)
			}
		}
		var read map[string]string
		if err := json.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		want := string([]rune(text)) // with U+FFFD for each byte that is not UTF-8
		if got := read[want]; got != want {
			t.Fatalf("%q is read back as %q", want, got)
		}
	})
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// block returns a literal block without the line feed that it begins with and
// without the tabs by which the source indents it.
func block(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\t", "")
}
