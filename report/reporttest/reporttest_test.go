package reporttest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = `{"schema_version":1,"command":"runs","host":"alpha","root":"/","generated_at":1,"findings":[],"diagnostics":[]`

func TestBrokenPromisesAreFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		document string
		want     []string
	}{
		{"nothing is broken", head + `,"runs":[{"id":1,"ended_at":null,"merges":[]}]}` + "\n", nil},
		{"a null array", head + `,"runs":[{"merges":null}]}`, []string{"$.runs[0].merges is null"}},
		{"a null in an array", head + `,"plan":["a",null]}`, []string{"$.plan[1] is null"}},
		{"a key that occurs twice", head + `,"a":1,"a":2}`, []string{`$ has the key "a" twice`}},
		{"a key of another style", head + `,"buildTime":1}`, []string{`$ has the key "buildTime", which is not snake_case`}},
		{"findings that are no array", strings.Replace(head, `"findings":[]`, `"findings":0`, 1) + "}", []string{"$.findings is not an array"}},
		{"an envelope that is not complete", `{"schema_version":1}`, []string{
			`$ begins with the keys ["schema_version"], want ["schema_version" "command" "host" "root" "generated_at" "findings" "diagnostics"]`,
		}},
		{"a control", head + ",\"a\":\"\u009b\"}", []string{"$ holds U+009B as it is"}},
		{"a bidi control", head + ",\"a\":\"\u202e\"}", []string{"$ holds U+202E as it is"}},
		{"two documents", head + "}{}", []string{"$ is followed by more"}},
		{"a document that ends early", head + `,"runs":[`, []string{"$.runs cannot be read: EOF"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Broken([]byte(test.document))); diff != "" {
				t.Errorf("Broken (-want +got):\n%s", diff)
			}
		})
	}
	if len(Broken([]byte("[]"))) == 0 || len(Broken(nil)) == 0 {
		t.Error("what is not an object passes")
	}
}
