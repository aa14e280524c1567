package makeconf_test

import (
	"fmt"
	"strings"
	"testing"

	"emaudit/parse/makeconf"
)

// codesOf returns the distinct codes of the diagnostics.
func codesOf(p *makeconf.Parser) map[string]bool {
	codes := map[string]bool{}
	for _, d := range p.Diagnostics() {
		codes[d.Code] = true
	}
	return codes
}

func TestAFileThatSourcesItselfEnds(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"once":  "A=b\nsource make.conf\nC=d\n",
		"twice": "A=b\nsource make.conf\nsource make.conf\nC=d\n",
	} {
		p := makeconf.NewParser(conf(content), nil)
		got, err := p.MakeConf(confDir + "make.conf")
		if err != nil {
			t.Fatal(err)
		}
		if got["A"].Value != "b" || got["C"].Value != "d" {
			t.Errorf("%s: got %v", name, got)
		}
		if !codesOf(p)["source-failed"] {
			t.Errorf("%s: not reported: %v", name, p.Diagnostics())
		}
		if n := len(p.Diagnostics()); n > 1000 {
			t.Errorf("%s: %d diagnostics", name, n)
		}
	}
}

func TestAValueThatDoublesWithEachLineEnds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("A=xxxxxxxxxxxxxxxx\n")
	for range 60 {
		b.WriteString(`A="${A}${A}"` + "\n")
	}
	b.WriteString("B=c\n")
	p := makeconf.NewParser(conf(b.String()), nil)
	got, err := p.MakeConf(confDir + "make.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !codesOf(p)["bad-substitution"] || got["B"].Value != "c" {
		t.Errorf("A has %d bytes, B=%q, %v", len(got["A"].Value), got["B"].Value, p.Diagnostics())
	}
}

func TestManyLongValuesEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	fmt.Fprintf(&b, "LONG=%s\n", strings.Repeat("x", 200<<10))
	for i := range 10_000 {
		fmt.Fprintf(&b, "V%d=$LONG\n", i)
	}
	p := makeconf.NewParser(conf(b.String()), nil)
	got, err := p.MakeConf(confDir + "make.conf")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, v := range got {
		total += len(v.Value)
	}
	if total > 16<<20 {
		t.Errorf("the values have %d bytes together", total)
	}
	if !codesOf(p)["bad-substitution"] {
		t.Error("not reported")
	}
}

func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	files := memFiles{"make.conf/1": strings.Repeat("#", makeconf.MaxFileSize+1), "make.conf/2": "A=b\n"}
	p := makeconf.NewParser(files, nil)
	got, err := p.MakeConf(confDir + "make.conf")
	if err != nil {
		t.Fatal(err)
	}
	if got["A"].Value != "b" || !codesOf(p)["unreadable"] {
		t.Errorf("got %v, %v", got, p.Diagnostics())
	}
}

func TestADirectoryOfTooManyFilesEnds(t *testing.T) {
	t.Parallel()
	files := memFiles{}
	for i := range 3000 {
		files[fmt.Sprintf("make.conf/%04d", i)] = fmt.Sprintf("A%d=b\n", i)
	}
	p := makeconf.NewParser(files, nil)
	got, err := p.MakeConf(confDir + "make.conf")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 || len(got) > 1024 || !codesOf(p)["unreadable"] {
		t.Errorf("%d variables, %d diagnostics", len(got), len(p.Diagnostics()))
	}
}

func TestGarbageIsReportedOnlySoOften(t *testing.T) {
	t.Parallel()
	p := makeconf.NewParser(conf(strings.Repeat("1=2\n", 5000)), nil)
	if _, err := p.MakeConf(confDir + "make.conf"); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Diagnostics()); n != 1000 {
		t.Errorf("%d diagnostics, want 1000", n)
	}
}
