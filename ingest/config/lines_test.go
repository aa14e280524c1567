package config_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hosttest"
	"emaudit/internal/portagetest"
	"emaudit/store"
	"emaudit/store/config"
)

// writeRoot makes a root of files.
func writeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// setsOf returns the sets that are stored with their members, and what is
// provided.
func setsOf(host *hosttest.Host) (sets map[string][]string, unknown, provided []string) {
	sets = map[string][]string{}
	host.View(func(tx *store.Tx) error {
		lines, err := config.Lines(tx, host.ID, config.LineSet, config.LineSetUnknown, config.LineProvided)
		for _, l := range lines {
			switch {
			case l.Kind == config.LineProvided:
				provided = append(provided, l.Subject)
			case l.Kind == config.LineSetUnknown:
				unknown = append(unknown, l.Subject)
			case l.Value == "":
				sets[l.Subject] = append(sets[l.Subject], []string{}...)
			default:
				sets[l.Subject] = append(sets[l.Subject], l.Value)
			}
		}
		return err
	})
	for name := range sets {
		slices.Sort(sets[name])
		sets[name] = slices.Compact(sets[name])
	}
	slices.Sort(provided)
	return sets, unknown, provided
}

func TestTheLinesOfAHost(t *testing.T) {
	t.Parallel()
	root := writeRoot(t, map[string]string{
		"etc/portage/make.profile":                              "-> ../../var/db/repos/gentoo/profiles/desktop",
		"etc/portage/package.use/a":                             "# mine\n*/* nls\napp/a x -y # why\n",
		"etc/portage/package.env":                               "app/a debug\n",
		"etc/portage/sets/mine":                                 "app/a\n@other\nroot:x:0:0\n",
		"etc/portage/sets/other":                                "",
		"etc/portage/sets.conf":                                 "[live]\nclass = portage.sets.dbapi.VariableSet\nvariable = PROPERTIES\n",
		"etc/portage/profile/package.provided":                  "app/own-2\n",
		"var/lib/portage/world":                                 "app/a\n>=app/b-2:3\napp/c::mine\nbroken\n",
		"var/lib/portage/world_sets":                            "@mine\n",
		"var/db/repos/gentoo/profiles/repo_name":                "gentoo\n",
		"var/db/repos/gentoo/metadata/layout.conf":              "masters =\nprofile-formats = portage-2 profile-set\n",
		"var/db/repos/gentoo/profiles/base/packages":            "*sys/a\n*sys/b\nsys/c\n",
		"var/db/repos/gentoo/profiles/base/package.provided":    "sys/k-5\nsys/l-1\n",
		"var/db/repos/gentoo/profiles/desktop/eapi":             "7\n",
		"var/db/repos/gentoo/profiles/desktop/parent":           "../base\n",
		"var/db/repos/gentoo/profiles/desktop/packages":         "-*sys/b\n*>=sys/d-1\n",
		"var/db/repos/gentoo/profiles/desktop/package.provided": "sys/none-1\n",
	})
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	sets, unknown, provided := setsOf(host)
	want := map[string][]string{
		"selected-packages": {">=app/b-2:3", "app/a", "app/c::mine"},
		"selected-sets":     {"@mine"},
		"selected":          {">=app/b-2:3", "@mine", "app/a", "app/c::mine"},
		"world":             {"@profile", "@selected", "@system"},
		"system":            {">=sys/d-1", "sys/a"},
		"profile":           {"sys/c"},
		"mine":              {"@other", "app/a"},
		"other":             nil,
	}
	if diff := cmp.Diff(want, sets); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"live"}, {"app/own-2", "sys/k-5", "sys/l-1"}}, [][]string{unknown, provided}); diff != "" {
		t.Errorf("unknown sets and what is provided (-want +got):\n%s", diff)
	}
	host.View(func(tx *store.Tx) error {
		lines, err := config.Lines(tx, host.ID, config.Use, config.Env)
		if diff := cmp.Diff([]config.Line{
			{Kind: config.Env, Layer: "user", Subject: "app/a", Value: "debug", Origin: "/etc/portage/package.env:1", Since: hosttest.Now},
			{Kind: config.Use, Layer: "user", Subject: "*/*", Value: "nls", Origin: "/etc/portage/package.use/a:2", Since: hosttest.Now},
			{Kind: config.Use, Layer: "user", Subject: "app/a", Value: "x -y", Origin: "/etc/portage/package.use/a:3", Since: hosttest.Now},
		}, lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
		files, err2 := config.Files(tx, host.ID, config.Sets)
		for _, f := range files {
			if strings.Contains(string(f.Content), "root:x") {
				t.Errorf("%s: a line that is no member of a set was stored", f.Path)
			}
		}
		if err == nil {
			err = err2
		}
		return err
	})
}

// askSets has Portage compute the members of all sets that are lists, and what is
// provided, for each of the roots given as arguments.
const askSets = `
import json, os, sys
import portage, portage._sets
portage._internal_caller = True
portage._sets.GLOBAL_CONFIG_PATH = os.path.join(os.environ["EMAUDIT_PORTAGE"], "cnf")
answers = []
for root in sys.argv[1:]:
    trees = portage.create_trees(config_root=root, target_root=root, env={})
    own = trees[trees._target_eroot]
    config = portage._sets.load_default_config(own["vartree"].settings, own)
    members = {}
    for name, s in config.getSets().items():
        if s.__class__.__module__.split(".")[-1] in ("files", "profiles", "base", "ProfilePackageSet"):
            members[name] = sorted({str(x) for x in s.getAtoms()} | {str(x) for x in s.getNonAtoms()})
    provided = sorted(x for all in own["vartree"].settings.pprovideddict.values() for x in all)
    answers.append({"Sets": members, "Provided": provided})
json.dump(answers, sys.stdout)
`

// randomSets is a configuration with sets of every kind that is a list.
func randomSets(r *rand.Rand) map[string]string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	atoms := []string{"app/a", "app/b:2", ">=app/c-1", "=app/d-2*", "app/e::main", "app/a", "~app/f-3", "  app/g  ", "app/h # why"}
	list := func(more ...string) string {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(pick(append(more, atoms...)...) + "\n")
		}
		return b.String()
	}
	files := map[string]string{
		"etc/portage/repos.conf":      "[DEFAULT]\nmain-repo = main\n[main]\nlocation = %(PORTAGE_CONFIGROOT)s/repo\n",
		"etc/portage/make.profile":    "-> ../../repo/profiles/desktop",
		"repo/profiles/repo_name":     "main\n",
		"repo/profiles/base/parent":   "../root\n",
		"repo/profiles/root/x":        "",
		"repo/metadata/layout.conf":   "masters =\n" + pick("", "profile-formats = portage-2 profile-set\n", "profile-formats = pms\n", "profile-formats = portage-2 profile-set profile-repo-deps build-id\n", "profile-formats = portage-2 profile-default-eapi profile-set\nprofile_eapi_when_unspecified = 8\n"),
		"var/lib/portage/world":       list("@mine", "nonsense", "#app/z", "app/x app/y"),
		"var/lib/portage/world_sets":  list("@mine", "@other"),
		"etc/portage/sets/mine":       list("@other", "nonsense"),
		"etc/portage/sets/deep/er":    list(),
		"etc/portage/sets/.hidden":    "app/a\n",
		"etc/portage/sets/old~":       "app/a\n",
		"etc/portage/sets/x.metadata": "description:\n",
		"repo/sets/one":               list("@mine"),
		"repo/sets/sub/two":           list(),
	}
	files["repo/profiles/desktop/parent"] = pick("../base\n", "../base\n../root\n", "../root\n../base\n")
	for _, dir := range []string{"repo/profiles/root", "repo/profiles/base", "repo/profiles/desktop", "etc/portage/profile"} {
		if eapi := pick("", "5", "6", "7", "8"); eapi != "" {
			files[dir+"/eapi"] = eapi + "\n"
		}
		if r.IntN(3) > 0 {
			files[dir+"/packages"] = list("*sys/a", "*>=sys/b-2", "sys/c", "-*sys/a", "-sys/c", "-app/a", "-*", "sys/d extra")
		}
		name := dir + "/package.provided"
		if !strings.Contains(files["repo/metadata/layout.conf"], "pms") { // where Portage would die of a folder
			name += pick("", "", "/part")
		}
		if r.IntN(3) > 0 {
			files[name] = pick("", "sys/k-1\n") + pick("", "sys/k-2-r1\nsys/l-3\n") + pick("", "-sys/k-1\n") + pick("", "nonsense\n", "sys/m\n", "=sys/n-1\n", "sys/o-1 x\n")
		}
	}
	if r.IntN(2) > 0 {
		files["repo/sets.conf"] = "[repository sets]\nclass = " + pick("portage.sets.files.StaticFileSet", "files.StaticFileSet", "portage._sets.files.StaticFileSet") +
			"\nmultiset = " + pick("true", "yes", "1") + "\ndirectory = ${repository:" + pick("main", "main", "none") + "}/sets\n" + pick("", "name_pattern = r-$name\n", "name_pattern = x\n", "name_pattern = ${name}.r\n")
	}
	if r.IntN(2) > 0 {
		files["etc/portage/sets.conf"] = pick("", "[world]\npackages = @selected app/own\n", "[single]\nfilename = %(PORTAGE_CONFIGROOT)s/etc/portage/sets/mine\n",
			"[named]\nname = called\nfilename = ${repository:main}/sets/one\n", "[none]\nclass = files.StaticFileSet\n", "[usersets]\nname_pattern = u/$name\n",
			"[d]\nclass = portage.sets.base.DummyPackageSet\npackages = app/a\n\t@mine\n")
	}
	return files
}

// TestSetsAreThoseOfPortage has Portage say what is in each set, and what is
// provided, in random configurations.
func TestSetsAreThoseOfPortage(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	r := rand.New(rand.NewPCG(20, 26))
	var roots []string
	for range 60 {
		roots = append(roots, writeRoot(t, randomSets(r)))
	}
	var answers []struct {
		Sets     map[string][]string
		Provided []string
	}
	portagetest.Ask(t, &answers, askSets, roots...)
	for i, root := range roots {
		host := hosttest.New(t, root)
		host.Ingest(hosttest.Now)
		sets, _, provided := setsOf(host)
		for name, want := range answers[i].Sets {
			if got, ok := sets[name]; !ok || !slices.Equal(got, want) {
				t.Errorf("%s: set %s: stored %v %q, Portage has %q", root, name, ok, got, want)
			}
		}
		for name := range maps.Keys(sets) {
			if _, ok := answers[i].Sets[name]; !ok {
				t.Errorf("%s: set %s is stored, Portage has none", root, name)
			}
		}
		if !slices.Equal(provided, answers[i].Provided) {
			t.Errorf("%s: provided %q, Portage has %q", root, provided, answers[i].Provided)
		}
		if t.Failed() {
			break
		}
	}
}
