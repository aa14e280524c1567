package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/cli/manual"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/report/reporttest"
	"emaudit/store"
)

// readSchema compiles a file of docs/schema by an independent implementation of JSON
// Schema. The published schema allows fields that it does not describe, for programs
// that meet a newer emaudit. The compiled one does not: whatever is there is described.
func readSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	path := "../../docs/schema/" + name + ".json"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, b := range closeSchema("$", document) {
		t.Errorf("%s: %s", path, b)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource(path, document); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	schema, err := compiler.Compile(path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return schema
}

// closeSchema forbids what each object of a schema does not describe. It returns the
// arrays whose elements are not described.
func closeSchema(path string, schema any) (broken []string) {
	object, _ := schema.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	for name, s := range properties {
		broken = append(broken, closeSchema(path+"."+name, s)...)
	}
	types := fmt.Sprint(object["type"])
	if strings.Contains(types, "object") && object["additionalProperties"] == nil {
		object["additionalProperties"] = false
	}
	if strings.Contains(types, "array") {
		if object["items"] == nil {
			return append(broken, path+": its elements are not described")
		}
		broken = append(broken, closeSchema(path+"[]", object["items"])...)
	}
	return broken
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
	{"audit", []string{"audit", "compatibility", "--for", "alpha", "app-misc/foo-tool", "app-misc/hello"}, ""},
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
	{"sql", []string{"sql", "SELECT package, count(*), avg(seconds), max(replaced) FROM merges GROUP BY package"}, ""},
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
		r, err := rollback.AuditRollback(audit.Database{Tx: tx, Host: hosts[0].ID, Now: hosttest.Now}, state.Moment{Previous: true}, rollback.Options{})
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
		schema := readSchema(t, d.schema)
		if number := schema.Properties["schema_version"].Enum.Values; len(number) != 1 || schema.ID != fmt.Sprintf("urn:emaudit:json:%v:%s", number[0], d.schema) {
			t.Errorf("docs/schema/%s.json: its $id is %q, and schema_version %v", d.schema, schema.ID, number)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("emaudit %s: %v", strings.Join(d.args, " "), err)
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
