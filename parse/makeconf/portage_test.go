package makeconf_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/makeconf"
)

// askPortage reads each file of the directory given as argument with Portage's
// own getconfig and prints what it got as JSON.
const askPortage = `
import json, os, sys
from portage.util import getconfig
answers = {}
top = sys.argv[1]
for case in sorted(os.listdir(top)):
    path = os.path.join(top, case, "make.conf")
    known = {"EPREFIX": "/prefix", "USE": "from-profile"}
    try:
        got = getconfig(path, tolerant=True, allow_sourcing=True, expand=known, recursive=True)
        answers[case] = {"vars": got or {}}
    except Exception as e:
        answers[case] = {"error": repr(e)}
json.dump(answers, sys.stdout)
`

type portageAnswer struct {
	Vars  map[string]string `json:"vars"`
	Error string            `json:"error"`
}

// TestAgreesWithPortage puts every case of grammarCases before the getconfig of a
// real Portage: EMAUDIT_PORTAGE names its source checkout.
func TestAgreesWithPortage(t *testing.T) {
	t.Parallel()
	checkout := os.Getenv("EMAUDIT_PORTAGE")
	if checkout == "" {
		t.Skip("EMAUDIT_PORTAGE does not name a checkout of Portage")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to run Portage with")
	}

	top := t.TempDir()
	for _, c := range grammarCases {
		for name, content := range c.files {
			path := filepath.Join(top, dirName(c.name), name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := exec.Command(python, "-c", askPortage, top)
	ask.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(checkout, "lib"), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	ask.Stderr = &stderr
	out, err := ask.Output()
	if err != nil {
		t.Fatalf("portage: %v\n%s", err, stderr.Bytes())
	}
	var answers map[string]portageAnswer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}

	for _, c := range grammarCases {
		t.Run(c.name, func(t *testing.T) {
			answer, ok := answers[dirName(c.name)]
			if !ok {
				t.Fatal("portage did not answer")
			}
			dir := filepath.Join(top, dirName(c.name))
			p := makeconf.NewParser(osFiles{}, map[string]string{"EPREFIX": "/prefix", "USE": "from-profile"})
			got, err := p.MakeConf(filepath.Join(dir, "make.conf"))
			if err != nil {
				t.Fatal(err)
			}
			if answer.Error != "" {
				if len(p.Diagnostics()) == 0 {
					t.Errorf("portage dies of %s; emaudit finds nothing wrong with it", answer.Error)
				}
				return
			}
			if diff := cmp.Diff(answer.Vars, values(got)); diff != "" {
				t.Errorf("portage (-) and emaudit (+) differ:\n%s", diff)
			}
		})
	}
}

func dirName(caseName string) string {
	return strings.NewReplacer(" ", "-", "/", "-", "'", "", `"`, "", "$", "S", "{", "", "}", "").Replace(caseName)
}
