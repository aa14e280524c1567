package settings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/settings"
)

const gentoo = "var/db/repos/gentoo/profiles/"

// folders are those of the profile.
func folders(s *settings.Settings) []string {
	var all []string
	for _, p := range s.Profiles() {
		all = append(all, p.Dir)
	}
	return all
}

func TestParentsComeBeforeTheirProfile(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"etc/portage/repos.conf":   "[DEFAULT]\nmain-repo = gentoo\n[gentoo]\nlocation = /var/db/repos/gentoo\n[mine]\nlocation = /srv/mine\n",
		"etc/portage/make.profile": "-> /srv/mine/profiles/desktop",
		"srv/mine/profiles/desktop/parent": "# what it rests on\n\n" +
			"gentoo:linux/amd64   # by repository\n:local\n../sibling\n/opt/profile\n",
		"srv/mine/profiles/local/make.defaults":   "A=local\nUSE=l\n",
		"srv/mine/profiles/sibling/":              "",
		"srv/mine/profiles/desktop/make.defaults": "A=\"${A} desktop\"\nUSE=\"${USE} d\"\n",
		"opt/profile/make.defaults/b":             "B=\"${B} second\"\n",
		"opt/profile/make.defaults/a":             "B=first\n",
		gentoo + "linux/amd64/parent":             "../../base\n..\n",
		gentoo + "linux/parent":                   "../base\n",
		gentoo + "base/make.defaults":             "A=base\nUSE=b\nACCEPT_LICENSE=\"-* @FREE\"\nCONFIG_PROTECT=/etc\n",
		gentoo + "linux/make.defaults":            "CONFIG_PROTECT=\"/usr/share/x\"\n",
		"etc/portage/profile/make.defaults":       "C=own\nUSE=\"-b\"\n",
	})
	s := resolve(t, root, settings.Options{})
	if diff := cmp.Diff([]string{
		"/" + gentoo + "base", "/" + gentoo + "base", "/" + gentoo + "linux", "/" + gentoo + "linux/amd64",
		"/srv/mine/profiles/local", "/srv/mine/profiles/sibling", "/opt/profile",
		"/srv/mine/profiles/desktop", "/etc/portage/profile",
	}, folders(s)); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"A":              "local desktop",
		"B":              "first second",
		"C":              "own",
		"USE":            "d l", // each make.defaults added its own
		"ACCEPT_LICENSE": "@FREE",
		"CONFIG_PROTECT": "/etc /usr/share/x",
	} {
		if got := s.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if !slices.ContainsFunc(s.All(), func(x settings.Setting) bool {
		return x.Name == "make.profile" && x.Value == "/srv/mine/profiles/desktop"
	}) {
		t.Errorf("no profile in %v", s.All())
	}
	if len(s.Diagnostics()) > 0 {
		t.Errorf("diagnostics %v", s.Diagnostics())
	}
}

func TestWhatOnlyAProfileMaySetNobodyElseSets(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"etc/portage/make.profile":    "-> /" + gentoo + "base",
		gentoo + "base/make.defaults": "ARCH=amd64\nPROFILE_ONLY_VARIABLES=\"ARCH ELIBC\"\n",
		"etc/portage/make.conf":       "ARCH=x86\nELIBC=musl\nCHOST=mine\n",
	})
	s := resolve(t, root, settings.Options{})
	if s.Get("ARCH") != "amd64" || s.Get("ELIBC") != "" || s.Get("CHOST") != "mine" {
		t.Errorf("ARCH=%s ELIBC=%s CHOST=%s", s.Get("ARCH"), s.Get("ELIBC"), s.Get("CHOST"))
	}
}

func TestADamagedProfileIsReportedAndTheRestCounts(t *testing.T) {
	t.Parallel()
	diamonds := files{"etc/portage/make.profile": "-> /p/0", "p/0/make.defaults": "A=top\n"}
	for i := range 40 {
		diamonds[fmt.Sprintf("p/%d/parent", i)] = fmt.Sprintf("../%d\n../%d\n", i+1, i+1)
	}
	diamonds["p/40/"] = ""
	for name, c := range map[string]struct {
		files files
		codes []string
	}{
		"a parent is missing": {files{
			"etc/portage/make.profile": "-> /p/a", "p/a/parent": "../nope\nno:such\n:local\n", "p/a/make.defaults": "A=top\n",
		}, []string{"profile-missing"}},
		"it is its own parent": {files{
			"etc/portage/make.profile": "-> /p/a", "p/a/parent": "../b\n", "p/b/parent": "../a\n../a\n", "p/a/make.defaults": "A=top\n",
		}, []string{"profile-too-deep"}},
		"its parents double 40 times": {diamonds, []string{"profile-too-deep"}},
		"its parents are endless": {files{
			"etc/portage/make.profile": "-> /p/a", "p/a/parent": strings.Repeat("../nope\n", 8000), "p/a/make.defaults": "A=top\n",
		}, []string{"profile-missing"}},
		"the parent file is a folder": {files{
			"etc/portage/make.profile": "-> /p/a", "p/a/parent/x": "", "p/a/make.defaults": "A=top\n",
		}, []string{"unreadable"}},
	} {
		s := resolve(t, newRoot(t, c.files), settings.Options{})
		if got := codes(s); !slices.Equal(got, c.codes) {
			t.Errorf("%s: diagnostics %v, want %v", name, got, c.codes)
		}
		if n := len(s.Profiles()); n > 600 {
			t.Errorf("%s: %d folders", name, n)
		}
		if strings.Contains(name, "endless") || strings.Contains(name, "double") {
			continue // given up before the top was reached
		}
		if s.Get("A") != "top" {
			t.Errorf("%s: the rest does not count", name)
		}
	}

	s := resolve(t, newRoot(t, files{"etc/portage/make.profile": "-> /gone"}), settings.Options{})
	if got := codes(s); !slices.Equal(got, []string{"profile-missing"}) {
		t.Errorf("a profile that is gone: diagnostics %v", got)
	}
}
