package makeconf_test

import (
	"slices"
	"strings"
	"testing"

	"emaudit/parse/makeconf"
)

// FuzzMakeConf holds that any input ends, that damage points into the input, and
// that what was read from it can be written down and read again.
func FuzzMakeConf(f *testing.F) {
	for _, c := range grammarCases {
		for _, content := range c.files {
			f.Add(content)
		}
	}
	f.Add("FEATURES=\"-sandbox\"\nFEATURES=\"${FEATURES} buildpkg\"\nsource \"${EPREFIX}/etc/x\"\n")
	f.Fuzz(func(t *testing.T, content string) {
		p := makeconf.NewParser(conf(content), map[string]string{"EPREFIX": "/prefix"})
		got, err := p.MakeConf(confDir + "make.conf")
		if err != nil {
			if len(content) > makeconf.MaxFileSize {
				return
			}
			t.Fatal(err)
		}
		lines := 1 + strings.Count(content, "\n") + strings.Count(content, "\r")
		for _, d := range p.Diagnostics() {
			if d.Offset < 0 || d.Offset > int64(len(content)) || d.Line < 0 || d.Line > lines {
				t.Errorf("%s at offset %d, line %d of %d bytes", d.Code, d.Offset, d.Line, len(content))
			}
		}

		var again strings.Builder
		for name, v := range got {
			if v.Name != name || v.Origin.Line < 1 || v.Origin.Line > lines {
				t.Errorf("%s: %+v", name, v)
			}
			// The first could end an "export", and the second begin an inclusion.
			if name == "export" || name == "source" {
				return
			}
			for _, c := range name {
				if c >= 0x80 { // is a word only alone
					return
				}
			}
			quoted, ok := quote(v.Value)
			if !ok {
				return
			}
			again.WriteString(name + "=" + quoted + "\n")
		}
		second, err := makeconf.NewParser(conf(again.String()), nil).MakeConf(confDir + "make.conf")
		if err != nil {
			t.Fatal(err)
		}
		if len(second) != len(got) {
			t.Fatalf("%d variables, read again %d from:\n%s", len(got), len(second), again.String())
		}
		for name, v := range got {
			if second[name].Value != v.Value {
				t.Errorf("%s=%q, read again %q from:\n%s", name, v.Value, second[name].Value, again.String())
			}
		}
	})
}

// quote writes a value so that reading gives it back, which is impossible for
// some: a newline outside of apostrophes becomes a blank, the word "source" is
// an inclusion even in quotes, and line ends are all the same.
func quote(value string) (string, bool) {
	if value == "source" || strings.Contains(value, "\r") {
		return "", false
	}
	// What expansion must see, from the end of the reading to its start.
	var expanded strings.Builder
	var single, double bool
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\'' && !double:
			single = !single
			expanded.WriteByte(c)
		case c == '"' && !single:
			double = !double
			expanded.WriteByte(c)
		case single:
			expanded.WriteByte(c)
		case c == '\n':
			return "", false
		case c == '$':
			expanded.WriteString(`\$`)
		case c == '\\' && i+1 < len(value) && strings.IndexByte(`'"$`, value[i+1]) >= 0:
			// Behind a double backslash these stand for themselves.
			i++
			expanded.WriteString(`\\` + value[i:i+1])
		case c == '\\':
			expanded.WriteString(`\\`)
		default:
			expanded.WriteByte(c)
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(expanded.String()) + `"`, true
}

func TestQuotedValuesReadBack(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "a", "a b", `"`, `'`, `\`, `$`, "$A", "${A}", `\$A`, `\'$A`, `\"`, `don't $A`, `"don't" \$A`,
		`a\\b`, `\\\`, "ü", "a#b", "a=b", `"'"`, "don't\nstop",
	} {
		quoted, ok := quote(value)
		if !ok {
			t.Errorf("%q cannot be quoted", value)
			continue
		}
		got, err := makeconf.NewParser(conf("V="+quoted+"\n"), nil).MakeConf(confDir + "make.conf")
		if err != nil || got["V"].Value != value {
			t.Errorf("%q: read %q from V=%s, %v", value, got["V"].Value, quoted, err)
		}
	}
}

// FuzzStack holds Stack against the slow obvious way: from the end, the first
// word on a flag decides.
func FuzzStack(f *testing.F) {
	f.Add("a b -c", "-a", "-* x")
	f.Add("+a", "- + -+a", "--a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		got := makeconf.Stack(a, b, c)
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("not a sorted set: %q", got)
		}
		words := strings.Fields(a + " " + b + " " + c)
		slices.Reverse(words)
		decided := map[string]bool{}
		var want []string
		for _, word := range words {
			word = strings.TrimPrefix(word, "+")
			if word == "-*" {
				break
			}
			flag, off := strings.CutPrefix(word, "-")
			if word == "" || decided[flag] {
				continue
			}
			decided[flag] = true
			if !off {
				want = append(want, flag)
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func BenchmarkMakeConf(b *testing.B) {
	content := strings.Repeat("USE=\"${USE} a b c -d\"\n# comment\nexport CFLAGS='-O2 -pipe'\n", 30)
	files := conf(content)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := makeconf.NewParser(files, nil).MakeConf(confDir + "make.conf"); err != nil {
			b.Fatal(err)
		}
	}
}
