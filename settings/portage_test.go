package settings_test

import (
	"encoding/json"
	"strings"
	"testing"

	"emaudit/internal/portagetest"
	"emaudit/settings"
)

// askPortage builds Portage's own configuration of the root given as argument
// and prints the variables given behind it.
const askPortage = `
import json, os, sys
import portage
portage._internal_caller = True
env = {k: v for k, v in (p.split("=", 1) for p in json.loads(sys.argv[2]))}
config = portage.config(config_root=sys.argv[1], env=env)
answer = {name: config.get(name) or "" for name in sys.argv[3:]}
answer["profiles"] = " ".join(config.profiles)
json.dump(answer, sys.stdout)
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

// TestAgreesWithPortagesConfig compares what Portage itself makes of a
// configuration.
func TestAgreesWithPortagesConfig(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	names := []string{
		"ACCEPT_CHOSTS", "ACCEPT_KEYWORDS", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT", "ARCH", "BINPKG_COMPRESS",
		"BINPKG_FORMAT", "CFLAGS", "CHOST", "CONFIG_PROTECT", "CXXFLAGS", "EMERGE_LOG_DIR", "FEATURES", "PKGDIR", "PORTAGE_LOGDIR",
		"PORTAGE_ELOG_CLASSES", "PORTAGE_ELOG_SYSTEM", "PORTAGE_TMPDIR", "USE_EXPAND",
	}
	system := openRoot(t, "/")
	for _, c := range precedenceCases {
		t.Run(c.name, func(t *testing.T) {
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
			environ, err := json.Marshal(append([]string{}, c.environ...))
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]string
			portagetest.Ask(t, &want, askPortage, append([]string{dir, string(environ)}, names...)...)

			s := resolve(t, system, settings.Options{ConfigRoot: dir, Environ: c.environ})
			for _, name := range names {
				if got := s.Get(name); got != want[name] {
					t.Errorf("%s: got %q, Portage says %q", name, got, want[name])
				}
			}
			if got := strings.Join(folders(s), " "); got != want["profiles"] {
				t.Errorf("profiles: got %s, Portage says %s", got, want["profiles"])
			}
		})
	}
}
