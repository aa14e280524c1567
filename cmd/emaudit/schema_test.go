package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/cli/manual"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/report/reporttest"
	"emaudit/store"
)

// jsonSchema is the part of JSON Schema that docs/schema uses.
type jsonSchema struct {
	ID         string                 `json:"$id"`
	Type       typeNames              `json:"type"`
	Required   []string               `json:"required"`
	Properties map[string]*jsonSchema `json:"properties"`
	Items      *jsonSchema            `json:"items"`
	Enum       []any                  `json:"enum"`
	Pattern    string                 `json:"pattern"`
}

// typeNames is one type or several.
type typeNames []string

func (n *typeNames) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = typeNames{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// check returns what of a value the schema does not allow, and what it does not
// describe.
func (s *jsonSchema) check(path string, value any) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, path+": "+fmt.Sprintf(format, args...)) }
	if got := typeOf(value); !slices.Contains(s.Type, got) && !(got == "integer" && slices.Contains(s.Type, "number")) {
		report("is %s, want %s", got, strings.Join(s.Type, " or "))
		return broken
	}
	if s.Enum != nil && !slices.ContainsFunc(s.Enum, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(value) }) {
		report("is %v, want one of %v", value, s.Enum)
	}
	if text, ok := value.(string); ok && s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(text) {
		report("is %q, want %s", text, s.Pattern)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range s.Required {
			if _, ok := value[key]; !ok {
				report("lacks %q", key)
			}
		}
		for key, v := range value {
			if s.Properties[key] == nil {
				report("%q is not described", key)
				continue
			}
			broken = append(broken, s.Properties[key].check(path+"."+key, v)...)
		}
	case []any:
		for i, v := range value {
			if s.Items == nil {
				report("its elements are not described")
				break
			}
			broken = append(broken, s.Items.check(fmt.Sprintf("%s[%d]", path, i), v)...)
		}
	}
	return broken
}

func typeOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// documents are commands whose JSON docs/schema describes, with arguments that
// give an answer with something in it. Those that change something come last.
var documents = []struct {
	schema string
	args   []string
	stdin  string
}{
	{"summary", nil, ""},
	{"ingest", []string{"ingest"}, ""},
	{"runs", []string{"runs"}, ""},
	{"log", []string{"log"}, ""},
	{"failures", []string{"failures"}, ""},
	{"messages", []string{"messages"}, ""},
	{"show", []string{"show", "app-misc/hello"}, ""},
	{"show", []string{"show", "sys-libs/libfoo"}, ""},
	{"stats", []string{"stats"}, ""},
	{"predict", []string{"predict"}, "[ebuild     U ] app-misc/hello-2.1 [2.0]\n[binary  N    ] dev-libs/libbar-1.0_p2-r1-1\n"},
	{"audit", []string{"audit"}, ""},
	{"audit", []string{"audit", "integrity"}, ""},
	{"audit", []string{"audit", "coverage", "--remote"}, ""},
	{"audit", []string{"audit", "compatibility", "--for", "all", "app-misc/foo-tool", "app-misc/hello"}, ""},
	{"states", []string{"states"}, ""},
	{"diff", []string{"diff", "run:20"}, ""},
	{"rollback", []string{"rollback"}, ""},
	{"rollback", []string{"rollback", "--to", "run:-12"}, ""},
	{"rollback", []string{"rollback"}, afterDrill},
	{"rollback-all", []string{"rollback", "--all"}, ""},
	{"prune", []string{"prune", "--expect", "router"}, ""},
	{"needs", []string{"needs"}, ""},
	{"doctor", []string{"doctor"}, ""},
	{"report", []string{"report"}, ""},
	{"hosts", []string{"hosts"}, ""},
	{"pin", []string{"pin", "before", "--note", "why"}, ""},
	{"pin", []string{"pin"}, ""},
	{"states", []string{"states"}, ""},
	{"sql", []string{"sql"}, ""},
	{"sql", []string{"sql", "SELECT package, count(*), avg(duration), max(replaced) FROM merges GROUP BY package"}, ""},
	{"verify", []string{"verify"}, ""},
	{"stage", []string{"stage", "now", newFolder}, ""},
	// The recorded host has no programs, so its drill fails at the first command.
	{"drill", []string{"drill"}, ""},
}

// afterDrill stands for a drill of the way back before the last update.
const afterDrill = "DRILL"

// putDrill stores a drill as the command drill does.
func putDrill(t *testing.T, path string) {
	t.Helper()
	db, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(context.Background(), func(tx *store.Tx) error {
		hosts, err := tx.Hosts()
		if err != nil {
			return err
		}
		r, err := rollback.AuditRollback(audit.Database{Tx: tx, Host: hosts[0].ID, Now: hosttest.Now}, state.Moment{Previous: true}, rollback.RollbackOptions{})
		if err != nil {
			return err
		}
		d := r.Drill()
		d.StartedAt, d.Verdict, d.Program, d.Portage = hosttest.Now, string(rollback.ProvenWithDifferences), "1.0", "3.0.82"
		d.Observations = []store.DrillObservation{{Kind: "file-missing", Subject: "/usr/bin/x", Detail: "app-misc/x-1 installed it"}}
		return tx.AddDrill(hosts[0].ID, &d)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newFolder stands for the path of a folder that does not exist.
const newFolder = "NEWFOLDER"

// TestTheJSONOfEveryCommandIsOfItsSchema runs every command over the recorded
// host and holds its JSON to docs/schema, both ways: what the schema promises is
// there, and what is there is described.
func TestTheJSONOfEveryCommandIsOfItsSchema(t *testing.T) {
	t.Parallel()
	alpha := hostarchive.Alpha(t)
	db := filepath.Join(t.TempDir(), "emaudit.db")
	described := map[string]bool{"merge": true, "push": true, "current": true}
	for _, d := range documents {
		described[strings.TrimSuffix(d.schema, "-all")] = true
		if d.schema == "drill" && os.Geteuid() != 0 {
			continue // only root can drill
		}
		args := append([]string{"--root", alpha, "--db", db, "--format", "json", "--fail-on", "never"}, d.args...)
		if i := slices.Index(args, newFolder); i >= 0 {
			args[i] = filepath.Join(t.TempDir(), "new")
		}
		if d.stdin == afterDrill {
			putDrill(t, db)
		}
		document := documentOf(t, d.stdin, args...)
		if d.stdin == afterDrill && !bytes.Contains(document, []byte("proven-with-differences")) {
			t.Error("rollback does not show the drill")
		}
		for _, b := range reporttest.Broken(document) {
			// The schema says more exactly what may be null.
			if !strings.HasSuffix(b, " is null") {
				t.Errorf("emaudit %s: %s", strings.Join(d.args, " "), b)
			}
		}
		text, err := os.ReadFile("../../docs/schema/" + d.schema + ".json")
		if err != nil {
			t.Error(err)
			continue
		}
		var schema jsonSchema
		if err := json.Unmarshal(text, &schema); err != nil {
			t.Fatalf("docs/schema/%s.json: %v", d.schema, err)
		}
		number := schema.Properties["schema_version"].Enum
		if want := fmt.Sprintf("urn:emaudit:json:%v:%s", number[0], d.schema); schema.ID != want || len(number) != 1 {
			t.Errorf("docs/schema/%s.json: its $id is %q, want %q", d.schema, schema.ID, want)
		}
		decoder := json.NewDecoder(bytes.NewReader(document))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		broken := schema.check("$", value)
		for _, b := range broken[:min(len(broken), 10)] {
			t.Errorf("emaudit %s, docs/schema/%s.json: %s", strings.Join(d.args, " "), d.schema, b)
		}
	}
	for _, node := range manual.Commands(grammar(t)) {
		// Text, a script, a format of its own, and a database.
		if !described[node.Name] && node.Name != "export" && node.Name != "fleet-schema" && node.Name != "explain" && node.Name != "completion" && node.Name != "metrics" {
			t.Errorf("the JSON of %s is not held to a schema", node.Name)
		}
	}
}

// documentOf runs emaudit and returns its standard output; 4 is no failure,
// since the recorded host has damage.
func documentOf(t *testing.T, stdin string, args ...string) []byte {
	t.Helper()
	cmd := emaudit(t, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == exitDamaged) {
		t.Fatalf("emaudit %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}
