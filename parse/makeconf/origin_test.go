package makeconf_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/makeconf"
)

func TestAValueRemembersWhereItCameFrom(t *testing.T) {
	t.Parallel()
	files := memFiles{
		"make.conf": "# comment\nA=one\nFEATURES=\"a\n  b\n  c\"\nsource more\nB=two\n\nexport\nC=\n three\nA=four\n",
		"more":      "\n\nM=x\n",
	}
	p := makeconf.NewParser(files, nil)
	got, err := p.MakeConf(confDir + "make.conf")
	if err != nil {
		t.Fatal(err)
	}
	origins := map[string]string{}
	for name, v := range got {
		origins[name] = v.Origin.String()
	}
	want := map[string]string{
		"FEATURES": "/etc/portage/make.conf:3",
		"M":        "/etc/portage/more:3",
		"B":        "/etc/portage/make.conf:7",
		"C":        "/etc/portage/make.conf:10",
		"A":        "/etc/portage/make.conf:12",
	}
	if diff := cmp.Diff(want, origins); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestADiagnosticPointsAtTheDamage(t *testing.T) {
	t.Parallel()
	content := "A=b\n# ünd\nC=\"${D:-e}\"\n1F=g\nH=x\"unterminated\n"
	p := makeconf.NewParser(conf(content), nil)
	if _, err := p.MakeConf(confDir + "make.conf"); err != nil {
		t.Fatal(err)
	}
	type place struct {
		Code string
		Line int
		At   string
	}
	var got []place
	for _, d := range p.Diagnostics() {
		got = append(got, place{d.Code, d.Line, content[d.Offset : d.Offset+2]})
	}
	want := []place{
		{"bad-substitution", 3, `"$`},
		{"invalid-name", 4, "1F"},
		{"unterminated-quote", 5, `"u`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEachKindOfFileAllowsItsOwn(t *testing.T) {
	t.Parallel()
	files := memFiles{
		"make.globals":  "FEATURES=\"sandbox\"\nPKGDIR=${EPREFIX}/pkg\n",
		"make.defaults": "source=x\nCHOST=\"${ARCH}-linux\"\n",
		"profile.env":   "export PATH='/opt/${X}'\n",
		"make.conf":     "FEATURES=\"${FEATURES} buildpkg\"\nP=$PATH\nU=\"$USE\"\n",
	}
	p := makeconf.NewParser(files, map[string]string{"EPREFIX": "/home/u/gentoo", "USE": "x"})
	p.Know("ARCH", "amd64")
	p.Forget("USE")
	read := func(f func(string) (map[string]makeconf.Variable, error), name string) map[string]string {
		t.Helper()
		got, err := f(confDir + name)
		if err != nil {
			t.Fatal(err)
		}
		return values(got)
	}
	for _, c := range []struct {
		got, want map[string]string
	}{
		{read(p.ProfileEnv, "profile.env"), vars{"PATH": "/opt/${X}"}},
		{read(p.Defaults, "make.globals"), vars{"FEATURES": "sandbox", "PKGDIR": "/home/u/gentoo/pkg"}},
		{read(p.Defaults, "make.defaults"), vars{"source": "x", "CHOST": "amd64-linux"}},
		{read(p.MakeConf, "make.conf"), vars{"FEATURES": "sandbox buildpkg", "P": "", "U": ""}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestStack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values, want []string
	}{
		{nil, nil},
		{[]string{"b a", "c"}, []string{"a", "b", "c"}},
		{[]string{"a b", "-a"}, []string{"b"}},
		{[]string{"-a", "a"}, []string{"a"}},
		{[]string{"a b", "-* c"}, []string{"c"}},
		{[]string{"a", "c -*"}, nil},
		{[]string{"amd64", "~amd64 -amd64"}, []string{"~amd64"}},
		{[]string{"+a + - -b"}, []string{"a"}},
		{[]string{"a\n\tb  a"}, []string{"a", "b"}},
	} {
		if diff := cmp.Diff(c.want, makeconf.Stack(c.values...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.values, diff)
		}
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values, want []string
	}{
		{nil, nil},
		{[]string{"-* @FREE", "linux-fw"}, []string{"@FREE", "linux-fw"}},
		{[]string{"-* @FREE", "* -@EULA"}, []string{"*", "-@EULA"}},
		{[]string{"@FREE", "-*"}, []string{"-*"}},
		{[]string{"a -* b * c -* d"}, []string{"d"}},
		{[]string{"b a b"}, []string{"b", "a", "b"}},
	} {
		if diff := cmp.Diff(c.want, makeconf.Prune(c.values...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.values, diff)
		}
	}
}
