package makeconf_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/makeconf"
)

// osFiles reads the files of the running system.
type osFiles struct{}

func (osFiles) ReadFile(path string, _ int64) ([]byte, error) { return os.ReadFile(path) }

func (osFiles) ReadDir(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// memFiles are files by path, such as "make.conf" for /etc/portage/make.conf.
type memFiles map[string]string

const confDir = "/etc/portage/"

func (m memFiles) ReadFile(path string, _ int64) ([]byte, error) {
	if content, ok := m[strings.TrimPrefix(path, confDir)]; ok {
		return []byte(content), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func (m memFiles) ReadDir(path string) ([]string, error) {
	name := strings.TrimPrefix(path, confDir)
	if _, ok := m[name]; ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	children := make(map[string]bool)
	for file := range m {
		if below, ok := strings.CutPrefix(file, name+"/"); ok {
			child, _, _ := strings.Cut(below, "/")
			children[child] = true
		}
	}
	if len(children) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	var names []string
	for child := range maps.Keys(children) {
		names = append(names, child)
	}
	return names, nil
}

func values(vars map[string]makeconf.Variable) map[string]string {
	out := make(map[string]string, len(vars))
	for name, v := range vars {
		out[name] = v.Value
	}
	return out
}

// grammarCase is a make.conf, what it sets, and what is wrong with it. Known from
// before are EPREFIX=/prefix and USE=from-profile.
type grammarCase struct {
	name  string
	files memFiles
	want  map[string]string
	// codes are those of the diagnostics, in order.
	codes []string
}

// conf is a make.conf that is a single file.
func conf(content string) memFiles { return memFiles{"make.conf": content} }

type vars = map[string]string

var grammarCases = []grammarCase{
	{"an assignment", conf("A=b\n"), vars{"A": "b"}, nil},
	{"no newline at the end", conf("A=b"), vars{"A": "b"}, nil},
	{"an empty file", conf(""), vars{}, nil},
	{"blanks around the equals sign", conf("A \t=\n b\n"), vars{"A": "b"}, nil},
	{"export is skipped", conf("export A=b\n"), vars{"A": "b"}, nil},
	{"several on a line", conf("A=b C=d\n"), vars{"A": "b", "C": "d"}, nil},
	{"double quotes", conf(`A="b c"`), vars{"A": "b c"}, nil},
	{"single quotes", conf(`A='b "c" $'`), vars{"A": `b "c" $`}, nil},
	{"a word of several parts", conf(`A=b"c d"'e f'g`), vars{"A": "bc de fg"}, nil},
	{"an empty value", conf(`A="" B=''`), vars{"A": "", "B": ""}, nil},
	{"the last one wins", conf("A=b\nA=c\n"), vars{"A": "c"}, nil},
	{"comments", conf("# one\nA=b # two\n#three\n  # four\nB=c\n"), vars{"A": "b", "B": "c"}, nil},
	{"a hash ends a word", conf("A=b#c\nB='d#e'\n"), vars{"A": "b", "B": "d#e"}, nil},
	{"a hash behind quotes", conf("A=''#c\n"), vars{"A": ""}, nil},
	{"all word characters", conf(`A=~!@%*_:;?,./-+` + "\n"), vars{"A": "~!@%*_:;?,./-+"}, nil},
	{"a newline becomes a blank", conf("A=\"b\n\tc\n\"\n"), vars{"A": "b \tc "}, nil},
	{"a backslash joins lines", conf("A=\"b \\\n  c\"\n"), vars{"A": "b   c"}, nil},
	{"a backslash outside of quotes", conf(`A=b\ c B=\"d`), vars{"A": "b c", "B": `"d`}, nil},
	{"a backslash and a newline outside of quotes", conf("A=b\\\nc\n"), vars{"A": "b c"}, nil},
	{"a backslash in double quotes", conf(`A="\"b\" \\ \c"`), vars{"A": `"b" \ \c`}, nil},
	{"a backslash in single quotes", conf(`A='\b\'`), vars{"A": `\b\`}, nil},
	{"a dollar with a backslash", conf(`A="\${B} \$C"`), vars{"A": "${B} $C"}, nil},
	{"two backslashes before a quote", conf(`A="\\\\\"x" B='\\$A'`), vars{"A": `\"x`, "B": `\$A`}, nil},
	{"variables", conf("A=b\nC=${A} D=$A/x E=\"$A$A\"\n"), vars{"A": "b", "C": "b", "D": "b/x", "E": "bb"}, nil},
	{"variables known before", conf(`P="${EPREFIX}/x" USE="${USE} y"`), vars{"P": "/prefix/x", "USE": "from-profile y"}, nil},
	{"unset variables are empty", conf(`A="x${NOPE}y$NOPE"`), vars{"A": "xy"}, nil},
	{"single quotes expand too", conf("A=b\nB='$A ${A}'\n"), vars{"A": "b", "B": "b b"}, nil},
	{"an apostrophe switches expansion off", conf("A=b\nB=\"don't $A or 't $A\"\n"), vars{"A": "b", "B": "don't $A or 't b"}, nil},
	{"an apostrophe in quotes does not", conf("A=b\nB='\"don'\\''t $A\"'\n"), vars{"A": "b", "B": `"don't b"`}, nil},
	{"a newline behind an apostrophe stays", conf("A=\"don't\nstop\"\n"), vars{"A": "don't\nstop"}, nil},
	{"a dollar at the end", conf(`A="b$"`), vars{"A": "b$"}, nil},
	{"defaults of the shell", conf(`A="x${B:-y}"`), vars{"A": ""}, []string{"bad-substitution"}},
	{"commands of the shell", conf(`A="$(nproc)"`), vars{"A": ""}, []string{"bad-substitution"}},
	{
		"an empty name", conf(`A="x${}" B="x${" C="x${B"`),
		vars{"A": "", "B": "", "C": ""},
		[]string{"bad-substitution", "bad-substitution", "bad-substitution"},
	},
	{"a dollar and a blank", conf(`A="x$ y"`), vars{"A": ""}, []string{"bad-substitution"}},
	{"adding as in the shell", conf("A=b\nA+=\" c\"\nD=e\n"), vars{"A": "b", "D": "e"}, []string{"invalid-name"}},
	{"a command", conf("A=b\nif true; then\nC=d\n"), vars{"A": "b"}, []string{"missing-equals"}},
	{"two equals signs", conf("A=b=c\nD=e\n"), vars{"A": "b"}, []string{"missing-equals"}},
	{"a name that cannot be", conf("1A=b\nA-B=c\nD=e\n"), vars{"D": "e"}, []string{"invalid-name", "invalid-name"}},
	{"a name alone", conf("A=b\nC\n"), vars{"A": "b"}, []string{"missing-equals"}},
	{"an equals sign and no more", conf("A=b\nC=\n"), vars{"A": "b"}, []string{"missing-value"}},
	{"an empty value eats the next name", conf("A=\nB=c\n"), vars{"A": "B"}, []string{"missing-equals"}},
	{"an unterminated quote", conf("A=b\nC=\"d\nE=f\n"), vars{"A": "b"}, []string{"unterminated-quote"}},
	{"an unterminated single quote", conf("A=b\nC='d\n"), vars{"A": "b"}, []string{"unterminated-quote"}},
	{"a backslash at the end", conf("A=b\nC=\"d\\"), vars{"A": "b"}, []string{"unterminated-quote"}},
	{"CRLF", conf("A=b\r\nC=\"d\r\ne\"\r\n"), vars{"A": "b", "C": "d e"}, []string{"crlf"}},
	{"CR alone", conf("A=b\rC=d"), vars{"A": "b", "C": "d"}, []string{"crlf"}},
	{"UTF-8", conf("A=\"für\"\nB=ü\n"), vars{"A": "für", "B": "ü"}, nil},
	{"a letter outside of ASCII is a word of its own", conf("A=für\nB=c\n"), vars{"A": "f"}, []string{"missing-equals"}},
	{"not UTF-8", conf("A=\"f\xfcr\"\n"), vars{"A": "f\ufffdr"}, nil},
	{"NUL", conf("A=\"b\x00c\"\n"), vars{"A": "b\x00c"}, nil},
	{"names with two underscores", conf("__x=b\nA=${__x}\n"), vars{"__x": "b", "A": "b"}, nil},

	{
		"source",
		memFiles{"make.conf": "A=b\nsource more\nD=$C\n", "more": "C=\"${A}c\"\n"},
		vars{"A": "b", "C": "bc", "D": "bc"},
		nil,
	},
	{
		"source in a folder",
		memFiles{"make.conf": "source d/one\n", "d/one": "source two\nA=1\n", "d/two": "B=2\n"},
		vars{"A": "1", "B": "2"},
		nil,
	},
	{
		"source with a variable",
		memFiles{"make.conf": "X=more\nsource \"${X}\"\n", "more": "C=d\n"},
		vars{"X": "more", "C": "d"},
		nil,
	},
	{"source on the last line", memFiles{"make.conf": "source more", "more": "C=d"}, vars{"C": "d"}, nil},
	{
		"source on the last line of what is sourced",
		memFiles{"make.conf": "source more\nE=f\n", "more": "source last", "last": "C=d\n"},
		vars{"E": "f"},
		nil,
	},
	{"source of nothing", conf("A=b\nsource nope\nC=d\n"), vars{"A": "b", "C": "d"}, []string{"source-failed"}},
	{"source without a name", conf("A=b\nsource"), vars{"A": "b"}, []string{"source-failed"}},
	{
		"source as a value",
		memFiles{"make.conf": "A=source more\nC=d\n", "more": "B X=y\n"},
		vars{"A": "B", "X": "y", "C": "d"},
		nil,
	},
	{"source and an equals sign", memFiles{"make.conf": "source=more\nC=d\n", "more": "B=c\n"}, vars{}, []string{"missing-equals"}},
	{"source across an assignment", memFiles{"make.conf": "A= source more\nC=d\n", "more": "v\n"}, vars{"A": "v", "C": "d"}, nil},
	{
		"an unterminated quote in what is sourced",
		memFiles{"make.conf": "A=b\nsource more\nC=d\n", "more": "B=\"c\n"},
		vars{"A": "b"},
		[]string{"unterminated-quote"},
	},

	{"a directory", memFiles{
		"make.conf/20-b":       "B=\"${A} b\"\n",
		"make.conf/10-a":       "A=a\n",
		"make.conf/15/x":       "A=\"${A} x\"\n",
		"make.conf/.hidden":    "A=hidden\n",
		"make.conf/10-a~":      "A=backup\n",
		"make.conf/CVS/Root":   "A=cvs\n",
		"make.conf/.git/HEAD":  "A=git\n",
		"make.conf/99/98/deep": "C=deep\n",
	}, vars{"A": "a x", "B": "a x b", "C": "deep"}, nil},
	{
		"a directory with a damaged file",
		memFiles{"make.conf/1": "A=b\nC", "make.conf/2": "D=e\n"},
		vars{"A": "b", "D": "e"},
		[]string{"missing-equals"},
	},
}

func TestGrammar(t *testing.T) {
	t.Parallel()
	for _, c := range grammarCases {
		t.Run(c.name, func(t *testing.T) {
			p := makeconf.NewParser(c.files, vars{"EPREFIX": "/prefix", "USE": "from-profile"})
			got, err := p.MakeConf(confDir + "make.conf")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, values(got)); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			var codes []string
			for _, d := range p.Diagnostics() {
				codes = append(codes, d.Code)
			}
			if diff := cmp.Diff(c.codes, codes); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s%v", diff, p.Diagnostics())
			}
		})
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	t.Parallel()
	p := makeconf.NewParser(memFiles{}, nil)
	if _, err := p.MakeConf(confDir + "make.conf"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want an error that is fs.ErrNotExist", err)
	}
}
