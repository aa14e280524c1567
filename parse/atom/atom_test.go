package atom_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"emaudit/parse/atom"
)

func TestParseAtom(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]atom.Atom{
		"dev-libs/openssl":      {CP: "dev-libs/openssl"},
		"=dev-libs/openssl-3.0": {Operator: atom.Equal, CP: "dev-libs/openssl", Version: "3.0"},
		"=dev-libs/openssl-3*":  {Operator: atom.EqualGlob, CP: "dev-libs/openssl", Version: "3"},
		"~app-misc/hello-2.0":   {Operator: atom.EqualAnyRev, CP: "app-misc/hello", Version: "2.0"},
		"<a/b-1":                {Operator: atom.Less, CP: "a/b", Version: "1"},
		"<=a/b-1":               {Operator: atom.LessOrEqual, CP: "a/b", Version: "1"},
		">a/b-1":                {Operator: atom.Greater, CP: "a/b", Version: "1"},
		">=a/b-1_rc-r2":         {Operator: atom.GreaterOrEqual, CP: "a/b", Version: "1_rc-r2"},
		"!a/b":                  {Blocker: atom.WeakBlock, CP: "a/b"},
		"!!<a/b-2":              {Blocker: atom.StrongBlock, Operator: atom.Less, CP: "a/b", Version: "2"},
		"=a/b-1.0-3":            {Operator: atom.Equal, CP: "a/b", Version: "1.0", BuildID: 3},
		"=a/b-1-r2-3":           {Operator: atom.Equal, CP: "a/b", Version: "1-r2", BuildID: 3},
		"a/b:0":                 {CP: "a/b", Slot: "0"},
		"a/b:0/1.1":             {CP: "a/b", Slot: "0", SubSlot: "1.1"},
		"a/b:=":                 {CP: "a/b", SlotOperator: atom.SlotRebuild},
		"a/b:*":                 {CP: "a/b", SlotOperator: atom.SlotAny},
		"a/b:2=":                {CP: "a/b", Slot: "2", SlotOperator: atom.SlotRebuild},
		"a/b:2/3=":              {CP: "a/b", Slot: "2", SubSlot: "3", SlotOperator: atom.SlotRebuild},
		"a/b::gentoo":           {CP: "a/b", Repo: "gentoo"},
		"a/b:0::gentoo":         {CP: "a/b", Slot: "0", Repo: "gentoo"},
		"a/b[ssl,-X,!doc?,c?,d=,!e=]": {CP: "a/b", USE: []atom.USEDep{
			{Flag: "ssl"},
			{Flag: "X", Form: atom.USEDisabled},
			{Flag: "doc", Form: atom.USEIfNotDisabled},
			{Flag: "c", Form: atom.USEIfEnabled},
			{Flag: "d", Form: atom.USESame},
			{Flag: "e", Form: atom.USEOpposite},
		}},
		"a/b[-x(+),y(-)?]": {CP: "a/b", USE: []atom.USEDep{
			{Flag: "x", Form: atom.USEDisabled, Default: atom.DefaultEnabled},
			{Flag: "y", Form: atom.USEIfEnabled, Default: atom.DefaultDisabled},
		}},
	} {
		got, err := atom.ParseAtom(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(atom.Atom{})); diff != "" {
			t.Errorf("ParseAtom(%q):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("ParseAtom(%q).String() = %q", text, got.String())
		}
	}
}

func TestWhatIsNoAtom(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                               "no category",
		"openssl":                        "no category",
		"a/b-1":                          "a version without an operator before it",
		"=a/b":                           `"b" is not a package name, a hyphen and a version`,
		">=a/b-1*":                       `"b-1*" is not a package name, a hyphen and a version`,
		"=a/b-1.*":                       `"b-1." is not a package name, a hyphen and a version`,
		"=a/b-1-0":                       `"b-1-0" is not a package name, a hyphen and a version`,
		"=a/b-1-2-3":                     `"b-1-2-3" is not a package name, a hyphen and a version`,
		"==a/b-1":                        `invalid category "=a"`,
		"!!!a/b":                         `invalid category "!a"`,
		"a/b:":                           `invalid slot ""`,
		"a/b:2*":                         `invalid slot "2*"`,
		"a/b:/2":                         `invalid slot "/2"`,
		"a/b:2/":                         `invalid slot "2/"`,
		"a/b:1:2":                        `invalid slot "1:2"`,
		"a/b::":                          `invalid repository ""`,
		"a/b::x.y":                       `invalid repository "x.y"`,
		"a/b::r:0":                       `invalid repository "r:0"`,
		"a/b[":                           "no ] at the end",
		"a/b[x]y":                        "no ] at the end",
		"a/b[]":                          `invalid USE dependency ""`,
		"a/b[x,]":                        `invalid USE dependency ""`,
		"a/b[-x?]":                       `invalid USE dependency "-x?"`,
		"a/b[!x]":                        `invalid USE dependency "!x"`,
		"a/b[x(?)]":                      `invalid USE dependency "x(?)"`,
		"a/b[_x]":                        `invalid USE dependency "_x"`,
		"a/b[x(+),x(-)]":                 `USE flag "x" has two defaults`,
		"a/b[x(+),-x]":                   `USE flag "x" has two defaults`,
		"*/*":                            `invalid category "*"`,
		"a/*":                            `invalid package name "*"`,
		"a/b" + strings.Repeat("c", 600): "longer than 512 bytes",
		"a/b[x" + strings.Repeat(",x", 256) + "]":  "more than 256 USE dependencies",
		"a/b[" + strings.Repeat("x", 200) + "(*)]": `invalid USE dependency "` + strings.Repeat("x", 80) + `"...`,
	} {
		_, err := atom.ParseAtom(text)
		if err == nil || !strings.HasSuffix(err.Error(), ": "+reason) || !strings.HasPrefix(err.Error(), "atom ") {
			t.Errorf("ParseAtom(%q): error %v, want ...: %s", text, err, reason)
		}
	}
}

func TestWildcardsAreForConfigurationFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]atom.Atom{
		"*/*":                 {CP: "*/*", Wildcard: true},
		"app-misc/*":          {CP: "app-misc/*", Wildcard: true},
		"*/*::guru":           {CP: "*/*", Wildcard: true, Repo: "guru"},
		"dev-*/lib*:2":        {CP: "dev-*/lib*", Wildcard: true, Slot: "2"},
		"=*/*-*9999*":         {CP: "*/*", Wildcard: true, Operator: atom.VersionHas, Version: "9999"},
		"=app-misc/hello-1*":  {CP: "app-misc/hello", Operator: atom.EqualGlob, Version: "1"},
		"=app-misc/h*-b-*_p*": {CP: "app-misc/h*-b", Wildcard: true, Operator: atom.VersionHas, Version: "_p"},
	} {
		got, err := atom.ConfigFileSyntax.ParseAtom(text)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(atom.Atom{})); diff != "" {
			t.Errorf("ParseAtom(%q):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("ParseAtom(%q).String() = %q", text, got.String())
		}
		if _, err := atom.ParseAtom(text); (err == nil) == got.Wildcard {
			t.Errorf("ParseAtom(%q) on the command line: error %v", text, err)
		}
	}
	for _, text := range []string{"*", "*/h**o", "app-misc/h*-1", ">=*/*-1", "=*/*-1*", "=*/*-*1.0*", "=*/*", "*/*[x]", "=*/*-**"} {
		if a, err := atom.ConfigFileSyntax.ParseAtom(text); err == nil {
			t.Errorf("ParseAtom(%q) = %+v", text, a)
		}
	}
}

func TestWhatEachEAPIBrought(t *testing.T) {
	t.Parallel()
	for text, since := range map[string]string{
		"a/b": "0", "!a/b": "0", "=a/b-1*": "0",
		"a/b:0":  "1",
		"a/b[x]": "2", "!!a/b": "2", "a/b:0[!x=]": "2",
		"a/b[x(+)]": "4",
		"a/b:=":     "5", "a/b:*": "5", "a/b:0=": "5", "a/b:0/1": "5",
		"a/b::gentoo": "", "=a/b-1-2": "", "a/*": "",
	} {
		for _, eapi := range strings.Split("0123456789", "") {
			_, err := atom.EbuildSyntax(eapi).ParseAtom(text)
			if want := since != "" && eapi >= since; (err == nil) != want {
				t.Errorf("%s in EAPI %s: error %v, want allowed %t", text, eapi, err, want)
			}
		}
	}
	for _, eapi := range []string{"10", "x", "7-custom", "/"} {
		if _, err := atom.EbuildSyntax(eapi).ParseAtom("a/b"); err == nil || atom.SupportedEAPI(eapi) {
			t.Errorf("EAPI %q is taken as known", eapi)
		}
	}
}

func TestEvaluateConditionals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ atom, enabled, disabled string }{
		{"a/b[x?]", "a/b[x]", "a/b"},
		{"a/b[!x?]", "a/b", "a/b[-x]"},
		{"a/b[x=]", "a/b[x]", "a/b[-x]"},
		{"a/b[!x=]", "a/b[-x]", "a/b[x]"},
		{"a/b[x(+)?,-y,z]", "a/b[x(+),-y,z]", "a/b[-y,z]"},
		{"!a/b:2/3=[y,x(-)=]", "!a/b:2/3=[y,x(-)]", "!a/b:2/3=[y,-x(-)]"},
		{"a/b[x]", "a/b[x]", "a/b[x]"},
		{"a/b", "a/b", "a/b"},
	} {
		a, err := atom.ParseAtom(c.atom)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.EvaluateConditionals(atom.Flags{"x"}).String(); got != c.enabled {
			t.Errorf("%s for a parent with x: %s, want %s", c.atom, got, c.enabled)
		}
		if got := a.EvaluateConditionals(nil).String(); got != c.disabled {
			t.Errorf("%s for a parent without x: %s, want %s", c.atom, got, c.disabled)
		}
		if a.String() != c.atom {
			t.Errorf("evaluating %s changed it to %s", c.atom, a)
		}
	}
}

func TestPartsOfAnAtom(t *testing.T) {
	t.Parallel()
	a, err := atom.ParseAtom("!!>=dev-libs/openssl-3.0:0/3=")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{a.Category(), a.PN(), a.WithoutBlocker().String()}
	want := []string{"dev-libs", "openssl", ">=dev-libs/openssl-3.0:0/3="}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !a.SlotBuilt() {
		t.Errorf("%s is not bound to the sub-slot it was built against", a)
	}
	for _, text := range []string{"a/b:0=", "a/b:=", "a/b:0/3", "a/b:*"} {
		if a, err := atom.ParseAtom(text); err != nil || a.SlotBuilt() {
			t.Errorf("%s is bound to a sub-slot, error %v", text, err)
		}
	}
}
