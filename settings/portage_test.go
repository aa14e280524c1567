package settings_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"emaudit/internal/portagetest"
	"emaudit/settings"
)

// askPortage builds Portage's own configuration of each root given in the first
// argument, with its environment, and prints the variables given behind it.
const askPortage = `
import json, os, sys
import portage
portage._internal_caller = True
answers = []
for q in json.loads(sys.argv[1]):
    env = {k: v for k, v in (p.split("=", 1) for p in q["Environ"] or [])}
    try:
        config = portage.config(config_root=q["Dir"], env=env)
    except Exception as e:
        answers.append({"stopped": str(e) or type(e).__name__})
        continue
    answer = {name: config.get(name) or "" for name in sys.argv[2:]}
    answer["profiles"] = " ".join(config.profiles)
    answer["repositories"] = " ".join(
        "%s=%s:%s%s" % (r.name, r.location, r.priority or 0, "*" if r == config.repositories.mainRepo() else "")
        for r in config.repositories if os.path.isdir(r.location))
    # What files say, without what the profile forces.
    answer["USE"] = " ".join(x for x in config["USE"].split() if x != "amd64")
    answers.append(answer)
json.dump(answers, sys.stdout)
`

// precedenceCase is a configuration that is put before a real Portage.
type precedenceCase struct {
	name    string
	files   files
	environ []string
}

const reposConf = "[DEFAULT]\nmain-repo = main\n[main]\nlocation = %(PORTAGE_CONFIGROOT)s/repo\n[over]\nlocation = %(PORTAGE_CONFIGROOT)s/over\n"

// repoFiles are a repository with a profile and one on top of it.
var repoFiles = files{
	"etc/portage/repos.conf":        reposConf,
	"etc/portage/make.profile":      "-> ../../repo/profiles/desktop",
	"repo/profiles/repo_name":       "main\n",
	"repo/metadata/layout.conf":     "masters =\nprofile-formats = portage-2\n",
	"repo/profiles/base/eapi":       "8\n",
	"repo/profiles/desktop/eapi":    "8\n",
	"repo/profiles/desktop/parent":  "../base\n",
	"over/profiles/repo_name":       "over\n",
	"over/metadata/layout.conf":     "masters = main\nprofile-formats = portage-2\n",
	"over/profiles/x/eapi":          "8\n",
	"over/profiles/x/parent":        "main:desktop\n",
	"over/profiles/x/make.defaults": "FEATURES=\"from-over\"\n",
	"repo/profiles/base/make.defaults": "ARCH=amd64\nACCEPT_KEYWORDS=\"amd64\"\nCHOST=x86_64-pc-linux-gnu\nFEATURES=\"from-base\"\n" +
		"ACCEPT_LICENSE=\"-* @FREE\"\nPROFILE_ONLY_VARIABLES=\"ARCH\"\nUSE_EXPAND=\"L10N ELIBC\"\nCONFIG_PROTECT=\"/etc\"\n",
	"repo/profiles/desktop/make.defaults": "FEATURES=\"from-desktop -from-base\"\nCFLAGS=\"-O2 ${CHOST}\"\nUSE_EXPAND=\"VIDEO_CARDS\"\n" +
		"ACCEPT_RESTRICT=\"-fetch\"\nCONFIG_PROTECT=\"/usr/share/x\"\n",
}

var precedenceCases = []precedenceCase{
	{"profile alone", files{}, nil},
	{"make.conf", files{
		"etc/portage/make.conf": "FEATURES=\"${FEATURES} buildpkg -news\"\nACCEPT_KEYWORDS=\"~amd64\"\nACCEPT_LICENSE=\"* -@EULA\"\n" +
			"CFLAGS=\"${CFLAGS} -pipe\"\nCXXFLAGS=\"${CFLAGS}\"\nPKGDIR=/pkg/$ARCH\nARCH=x86\nACCEPT_CHOSTS=\"a b\"\n",
	}, nil},
	{"clearing", files{
		"etc/portage/make.conf": "FEATURES=\"-* buildpkg\"\nACCEPT_KEYWORDS=\"-* **\"\nACCEPT_LICENSE=\"-*\"\nCONFIG_PROTECT=\"-* /x\"\nCHOST=\"\"\n",
	}, nil},
	{"environment", files{
		"etc/portage/make.conf": "FEATURES=\"buildpkg\"\nPKGDIR=/conf\nACCEPT_LICENSE=\"a\"\n",
	}, []string{"FEATURES=-buildpkg getbinpkg", "PKGDIR=/env", "ACCEPT_LICENSE=b", "ARCH=x86", "CHOST=env", "ACCEPT_PROPERTIES=-interactive"}},
	{"two make.confs", files{
		"etc/make.conf":         "PKGDIR=/old\nFEATURES=\"old\"\nCFLAGS=old\n",
		"etc/portage/make.conf": "PKGDIR=/new\nFEATURES=\"${FEATURES} new\"\nCXXFLAGS=\"${CFLAGS}\"\n",
	}, nil},
	{"a directory", files{
		"etc/portage/make.conf/10": "FEATURES=\"ten\"\nsource sub/x\n", "etc/portage/make.conf/sub/x": "CFLAGS=x\n",
		"etc/portage/make.conf/20": "CFLAGS=\"${CFLAGS} twenty\"\nFEATURES=\"${FEATURES} twenty\"\n",
	}, nil},
	{"a profile on top", files{"etc/portage/make.profile": "-> ../../over/profiles/x"}, nil},
	{"a profile of one's own", files{
		"etc/portage/profile/make.defaults": "FEATURES=\"own -from-desktop\"\nCHOST=own\n",
	}, nil},
	{"a profile that is a folder", files{
		"etc/portage/make.profile":               "",
		"etc/portage/make.profile/parent":        "../../../repo/profiles/desktop\n",
		"etc/portage/make.profile/make.defaults": "CHOST=folder\nFEATURES=\"folder\"\n",
	}, nil},
	{"profile.env", files{"etc/portage/make.conf": "PKGDIR=\"${EPREFIX}/p\"\nPORT_LOGDIR=/old\nEMERGE_LOG_DIR=/elog\n"}, nil},
	{"no profile", files{"etc/portage/make.profile": "-> /no/such", "etc/portage/make.conf": "CHOST=x\nFEATURES=\"${FEATURES} y\"\n"}, nil},
}

// comparedSettings are the variables that Portage is asked for.
var comparedSettings = []string{
	"ACCEPT_CHOSTS", "ACCEPT_KEYWORDS", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT", "ARCH", "BINPKG_COMPRESS",
	"BINPKG_FORMAT", "CFLAGS", "CHOST", "COLLISION_IGNORE", "CONFIG_PROTECT", "CXXFLAGS", "EMERGE_LOG_DIR", "FEATURES", "INSTALL_MASK",
	"LDFLAGS", "PKGDIR", "PORTAGE_LOGDIR", "PORTAGE_ELOG_CLASSES", "PORTAGE_ELOG_SYSTEM", "PORTAGE_TMPDIR", "PORTDIR",
	"PORTDIR_OVERLAY", "UNINSTALL_IGNORE", "USE_EXPAND",
}

// agree compares what Portage itself makes of configurations.
func agree(t *testing.T, cases []precedenceCase) {
	t.Helper()
	type question struct {
		Dir     string
		Environ []string
	}
	var questions []question
	for _, c := range cases {
		all := files{}
		for name, content := range repoFiles {
			all[name] = content
		}
		for name, content := range c.files {
			all[name] = content
			if content == "" {
				delete(all, name)
			}
		}
		dir := newRoot(t, all).Name()
		var environ []string
		for _, e := range c.environ {
			environ = append(environ, strings.ReplaceAll(e, "ROOTDIR", dir))
		}
		questions = append(questions, question{dir, environ})
	}
	asked, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	var answers []map[string]string
	portagetest.Ask(t, &answers, askPortage, append([]string{string(asked)}, comparedSettings...)...)

	system := openRoot(t, "/")
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want, dir := answers[i], questions[i].Dir
			s := resolve(t, system, settings.Options{ConfigRoot: dir, Environ: questions[i].Environ})
			stop, stops := s.Stop()
			if stopped, ok := want["stopped"]; ok {
				if !stops || !strings.Contains(stopped, stop.File) && strings.Contains(stopped, "line") {
					t.Errorf("Portage stops: %s; emaudit says %v %s", stopped, stop.Origin, stop.Message)
				}
				return
			}
			if stops {
				t.Errorf("%v stops Portage: %s; it does not", stop.Origin, stop.Message)
			}
			for _, name := range append([]string{"USE"}, comparedSettings...) {
				if got := s.Get(name); got != want[name] {
					t.Errorf("%s: got %q, Portage says %q", name, got, want[name])
				}
			}
			if got := strings.Join(folders(s), " "); got != want["profiles"] {
				t.Errorf("profiles: got %s, Portage says %s", got, want["profiles"])
			}
			var repositories []string
			for _, r := range s.Repositories() {
				main := ""
				if r.Main {
					main = "*"
				}
				repositories = append(repositories, fmt.Sprintf("%s=%s:%d%s", r.Name, r.Location, r.Priority, main))
			}
			if got := strings.Join(repositories, " "); got != want["repositories"] {
				t.Errorf("repositories: got %s, Portage says %s", got, want["repositories"])
			}
			if t.Failed() {
				for _, name := range slices.Sorted(maps.Keys(c.files)) {
					t.Logf("%s:\n%s", name, c.files[name])
				}
				t.Logf("environment %q", c.environ)
			}
		})
	}
}

// TestAgreesWithPortagesConfig compares what each place of the precedence does.
func TestAgreesWithPortagesConfig(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	agree(t, precedenceCases)
}

// randomConfiguration is an /etc/portage with all that can decide a variable.
func randomConfiguration(r *rand.Rand) precedenceCase {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	assignment := func() string {
		name := pick("FEATURES", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT", "ACCEPT_KEYWORDS", "USE", "CFLAGS", "PKGDIR", "INSTALL_MASK",
			"CONFIG_PROTECT", "COLLISION_IGNORE", "CHOST", "LDFLAGS", "PORTAGE_LOGDIR", "X")
		text := pick("a", "a b", "-* b", "* -a", "-a", "${"+name+"} c", "${X}/y", "${PORTDIR}/packages", "$PORTDIR_OVERLAY", "'${X}'", "-*", "*", "", "${CFLAGS} \\\n d", "${EROOT}z", "@FREE -x")
		return pick("", "export ") + name + pick("=", "=", " = ") + `"` + text + `"` + pick("", " # why") + "\n"
	}
	makeConf := func() string {
		var b strings.Builder
		for range r.IntN(7) {
			b.WriteString(assignment())
		}
		return b.String()
	}
	list := func(words ...string) string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			b.WriteString(pick("*/*", "*/*", "app/a", "*/*::main", "app/*") + " " + pick(words...) + pick("", " "+pick(words...)) + "\n")
		}
		return b.String()
	}
	c := precedenceCase{files: files{"etc/portage/make.conf": makeConf()}}
	maybe := func(name string, content func() string) {
		if r.IntN(3) == 0 {
			c.files[name] = content()
		}
	}
	if r.IntN(4) == 0 {
		c.files["etc/portage/make.conf"] = ""
		maybe("etc/portage/make.conf/b", makeConf)
		maybe("etc/portage/make.conf/a", makeConf)
	} else if r.IntN(4) == 0 {
		c.files["etc/portage/make.conf"] += pick("source other\n", "source nothing\n", "source ${X}other\n", "A\n", "A B\n", "A=\n", "1A=b\n", "A=\"b\n", "A=b\\", "A-B=c\n", "source other/x\n") + assignment()
		c.files["etc/portage/other"] = makeConf()
	}
	licenses := []string{"GPL-2", "-GPL-2", "*", "-*", "@FREE", "MIT"}
	maybe("etc/make.conf", makeConf)
	maybe("etc/portage/profile/make.defaults", makeConf)
	maybe("etc/portage/package.license", func() string { return list(licenses...) })
	maybe("repo/profiles/base/package.license", func() string { return list(licenses...) })
	maybe("etc/portage/package.properties", func() string { return list("interactive", "-interactive", "-*", "*") })
	maybe("etc/portage/package.accept_restrict", func() string { return list("fetch", "-fetch", "-*", "*") })
	maybe("etc/portage/package.use", func() string { return list("x", "-y", "-*", "VIDEO_CARDS: nv -amd", "L10N: de") })
	maybe("etc/portage/package.use", func() string { return list("z", "") })
	if r.IntN(3) == 0 {
		c.files["etc/portage/package.env"] = list("one", "two", "none")
		c.files["etc/portage/env/one"], c.files["etc/portage/env/two"] = makeConf(), makeConf()
	}
	if r.IntN(3) == 0 {
		c.files["repo/metadata/layout.conf"] = "masters =\nprofile-formats = portage-2 profile-license\n"
	}
	location := "%(PORTAGE_CONFIGROOT)s/"
	switch r.IntN(6) {
	case 0:
		c.files["etc/portage/repos.conf"] = ""
		c.files["etc/portage/repos.conf/main.conf"] = "[DEFAULT]\nmain-repo = main\n[main]\nlocation = " + location + "repo\n" + pick("", "priority = 5\n")
		c.files["etc/portage/repos.conf/over.conf"] = "[over]\nlocation = " + location + pick("over", "over", "nowhere", "repo") + "\n" + pick("", "priority = -2\n", "priority = 7\n")
	case 1:
		c.files["etc/portage/repos.conf"] = "[DEFAULT]\nmain-repo = " + pick("over", "none", "main") + "\n[main]\nlocation = " + location + "repo\n"
		c.environ = append(c.environ, "PORTDIR_OVERLAY=ROOTDIR/over")
	case 2:
		c.files["etc/portage/repos.conf"] = "[DEFAULT]\nmain-repo = " + pick("main", "gentoo") + "\n"
		c.environ = append(c.environ, "PORTDIR=ROOTDIR/repo")
	}
	for range r.IntN(3) {
		if r.IntN(2) == 0 {
			c.environ = append(c.environ, pick("FEATURES=-a e", "USE=env -x", "ACCEPT_LICENSE=MIT", "ACCEPT_LICENSE=-* BSD", "ACCEPT_RESTRICT=-fetch", "PKGDIR=/env", "CFLAGS=env", "X=env"))
		}
	}
	return c
}

// TestRandomConfigurationsAgree has Portage say what random configurations mean.
func TestRandomConfigurationsAgree(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	r := rand.New(rand.NewPCG(6, 2))
	var cases []precedenceCase
	for i := range randomConfigurations {
		c := randomConfiguration(r)
		c.name = strconv.Itoa(i)
		cases = append(cases, c)
	}
	agree(t, cases)
}

// randomConfigurations is how many are tried: one takes Portage 20 ms.
const randomConfigurations = 60
