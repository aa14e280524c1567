package settings

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/portagetest"
	"emaudit/parse/makeconf"
)

var iniCases = map[string]string{
	"plain":         "[a]\nk = v\nl=w\nm:x\n",
	"case of keys":  "[A]\nSync-URI = https://x/?a=b:c\n",
	"comments":      "# one\n; two\n[a]\n# three\nk = v # not a comment\n  ; four\nl = w\n",
	"continuation":  "[a]\nk = v\n  w\n\tx\nl = y\n",
	"blank lines":   "[a]\n\nk = v\n\nl = w\n\n",
	"default":       "[DEFAULT]\nk = d\n[a]\nl = v\n[b]\nk = own\n",
	"default later": "[a]\nl = v\n[DEFAULT]\nk = d\n",
	"interpolation": "[DEFAULT]\nbase = /srv\n[a]\nk = %(base)s/x%%y/%(BASE)s\nl = %(k)s!\n",
	"empty value":   "[a]\nk =\nl = v\n",
	"twice":         "[a]\nk = v\n[b]\nk = w\n",
	"blanks":        "[a]\n   k   =   v w   \n",
	"odd names":     "[a b]\nk = v\n[x:y]\nk = w\n",
	"CRLF":          "[a]\r\nk = v\r\n",
	"known":         "[a]\nk = %(EPREFIX)s/x\n",
}

// options returns all options of all sections, resolved.
func (f *ini) options() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, name := range f.names {
		all[name] = map[string]string{}
		for _, section := range []string{defaultSection, name} {
			for key := range f.sections[section] {
				if option, ok := f.get(name, key); ok {
					all[name][key] = option.value
				}
			}
		}
	}
	return all
}

func parseIni(t *testing.T, content string) (*ini, int) {
	f := newIni(map[string]string{"EPREFIX": "/prefix"})
	bad := 0
	f.parse("x.conf", []byte(content), func(int, string) { bad++ })
	return f, bad
}

// Python's configparser is what Portage reads these files with.
func TestIniAgreesWithPython(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to compare with")
	}
	const script = `
import configparser, json, sys
answers = {}
for name, text in json.load(sys.stdin).items():
    p = configparser.ConfigParser(defaults={"EPREFIX": "/prefix"})
    p.read_string(text.replace("\r\n", "\n"))
    answers[name] = {s: dict(p.items(s)) for s in p.sections()}
json.dump(answers, sys.stdout)
`
	question, err := json.Marshal(iniCases)
	if err != nil {
		t.Fatal(err)
	}
	ask := exec.Command(python, "-c", script)
	ask.Stdin = bytes.NewReader(question)
	out, err := ask.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers map[string]map[string]map[string]string
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	for name, content := range iniCases {
		f, bad := parseIni(t, content)
		if diff := cmp.Diff(answers[name], f.options()); diff != "" || bad > 0 {
			t.Errorf("%s: %d bad lines; configparser (-) and emaudit (+) differ:\n%s", name, bad, diff)
		}
	}
}

func TestIniReportsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	f, bad := parseIni(t, "k = early\n[a]\nnonsense\nk = %(nope)s\nl = %x\nm = %(m)s\nn = v\n= x\n[open\n")
	if bad != 4 {
		t.Errorf("%d bad lines, want 4", bad)
	}
	if diff := cmp.Diff(map[string]map[string]string{"a": {"eprefix": "/prefix", "n": "v"}}, f.options()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReferencesThatMultiplyEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("[a]\nk0 =\n")
	for _, pair := range [][2]string{{"k1", "k0"}, {"k2", "k1"}, {"k3", "k2"}, {"k4", "k3"}, {"k5", "k4"}} {
		b.WriteString(pair[0] + " = " + strings.Repeat("%("+pair[1]+")s", 500) + "\n")
	}
	f, _ := parseIni(t, b.String())
	if _, ok := f.get("a", "k5"); ok {
		t.Error("500^5 references were resolved")
	}
	if _, ok := f.get("a", "k1"); !ok {
		t.Error("500 references were not")
	}
}

// FuzzIni holds that any input ends and that an option points into it.
func FuzzIni(f *testing.F) {
	for _, content := range iniCases {
		f.Add(content)
	}
	f.Add("[a]\nk = %(k)s%(l)s\nl = %(k)s\n")
	f.Fuzz(func(t *testing.T, content string) {
		parsed, _ := parseIni(t, content)
		lines := strings.Count(content, "\n") + 1
		for _, name := range parsed.names {
			for key, option := range parsed.sections[name] {
				if option.origin.Line < 1 || option.origin.Line > lines {
					t.Errorf("%s.%s at line %d of %d", name, key, option.origin.Line, lines)
				}
				if got, ok := parsed.get(name, key); ok && len(got.value) > makeconf.MaxFileSize+len(content) {
					t.Errorf("%s.%s has %d bytes", name, key, len(got.value))
				}
			}
		}
	})
}

// The values that are built in are those of a real make.globals, wherever a
// checkout of that Portage is at hand.
func TestBuiltInDefaultsAreThoseOfMakeGlobals(t *testing.T) {
	t.Parallel()
	checkout := portagetest.Checkout(t)
	content, err := os.ReadFile(filepath.Join(checkout, "cnf/make.globals"))
	if err != nil {
		t.Skipf("the checkout of Portage has no defaults to compare with: %v", err)
	}
	p := makeconf.NewParser(oneFile(content), nil)
	vars, err := p.Defaults("/make.globals")
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range builtIn("") {
		got := strings.Join(strings.Fields(vars[name].Value), " ")
		if _, ok := vars[name]; !ok || got != v.text {
			t.Errorf("%s: make.globals says %q, built in is %q", name, got, v.text)
		}
	}
}

// oneFile is a root with a single file.
type oneFile []byte

func (f oneFile) ReadFile(string, int64) ([]byte, error) { return f, nil }
func (f oneFile) ReadDir(string) ([]string, error) {
	return nil, os.NewSyscallError("open", syscall.ENOTDIR)
}
