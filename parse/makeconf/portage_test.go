package makeconf_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/portagetest"
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

// TestAgreesWithPortage puts every case of grammarCases, and as many random
// files, before the getconfig of a real Portage.
func TestAgreesWithPortage(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	cases := map[string]memFiles{}
	for i, c := range grammarCases {
		cases[fmt.Sprintf("%03d-%s", i, strings.NewReplacer(" ", "-", "'", "").Replace(c.name))] = c.files
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1500 {
		cases[fmt.Sprintf("random-%04d", i)] = memFiles{"make.conf": randomConf(random), "more": randomConf(random)}
	}

	top := t.TempDir()
	for name, files := range cases {
		for file, content := range files {
			path := filepath.Join(top, name, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var answers map[string]portageAnswer
	portagetest.Ask(t, &answers, askPortage, top)

	read := 0
	for name, files := range cases {
		t.Run(name, func(t *testing.T) {
			answer, ok := answers[name]
			if !ok {
				t.Fatal("portage did not answer")
			}
			p := makeconf.NewParser(osFiles{}, map[string]string{"EPREFIX": "/prefix", "USE": "from-profile"})
			got, err := p.MakeConf(filepath.Join(top, name, "make.conf"))
			if err != nil {
				t.Fatal(err)
			}
			if answer.Error != "" {
				if len(p.Diagnostics()) == 0 {
					t.Errorf("portage dies of %s; emaudit finds nothing wrong with it:\n%q", answer.Error, files)
				}
				return
			}
			read++
			if diff := cmp.Diff(answer.Vars, values(got)); diff != "" {
				t.Errorf("portage (-) and emaudit (+) differ:\n%s\n%q", diff, files)
			}
		})
	}
	if read < len(cases)/3 {
		t.Errorf("portage could read only %d of %d", read, len(cases))
	}
}

// pieces are what random files are made of.
var pieces = []string{
	"A=b\n", "A=", "B='$A'", `C="${A}x"`, "\n", "\n", " ", "#c\n", "export ", "source more\n", "D=e#f\n", `\`, `"`, `'`,
	"\\\n", "$A", "${", "}", "$", "=", "x", "ü", "\t", `\\`, `\"`, `\$`, "(", "1a=b\n", "A_1=~+-./\n", "don't", `E="$USE y"`, "\r\n",
}

func randomConf(random *rand.Rand) string {
	var b strings.Builder
	for range 1 + random.IntN(8) {
		// Most lines are whole, so that most files have more than one.
		if random.IntN(3) > 0 {
			quote := []string{`"`, "'", ""}[random.IntN(3)]
			fmt.Fprintf(&b, "V%d=%s", random.IntN(3), quote)
			for range random.IntN(4) {
				b.WriteString(pieces[random.IntN(len(pieces))])
			}
			b.WriteString(quote + "\n")
			continue
		}
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.String()
}
