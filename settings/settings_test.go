package settings_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"emaudit/hostfs"
	"emaudit/settings"
)

// files are the files of a small root by path. A content that begins with "-> "
// is the target of a symlink; a path that ends in "/" is an empty folder.
type files map[string]string

func newRoot(tb testing.TB, f files) *hostfs.Root {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(strings.TrimSpace(target), path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return openRoot(tb, dir)
}

// newAlpha returns the part of the recorded host alpha that has to do with
// settings.
func newAlpha(tb testing.TB) *hostfs.Root {
	tb.Helper()
	archive, err := txtar.ParseFile("testdata/alpha.txtar")
	if err != nil {
		tb.Fatal(err)
	}
	f := files{"var/cache/binpkgs/": ""}
	for _, file := range archive.Files {
		f[file.Name] = string(file.Data)
	}
	return newRoot(tb, f)
}

func openRoot(tb testing.TB, dir string) *hostfs.Root {
	tb.Helper()
	root, err := hostfs.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { root.Close() })
	return root
}

func resolve(t *testing.T, root *hostfs.Root, opts settings.Options) *settings.Settings {
	t.Helper()
	s, err := settings.Resolve(root, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// codes returns the codes of the diagnostics, sorted, each once.
func codes(s *settings.Settings) []string {
	var all []string
	for _, d := range s.Diagnostics() {
		all = append(all, d.Code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestSettingsOfARecordedHost(t *testing.T) {
	t.Parallel()
	const profile = "/var/db/repos/lab/profiles/default/linux/amd64/23.0/make.defaults"
	const base = "/var/db/repos/lab/profiles/base/make.defaults"
	const builtIn = "Portage 3.0.82"
	s := resolve(t, newAlpha(t), settings.Options{})

	want := []settings.Setting{
		{"ABI_X86", "64", profile + ":12"},
		{"ACCEPT_CHOSTS", "", "unset"},
		{"ACCEPT_KEYWORDS", "amd64", profile + ":2"},
		{"ACCEPT_LICENSE", "*", "/etc/portage/make.conf:9"},
		{"ACCEPT_PROPERTIES", "*", builtIn},
		{"ACCEPT_RESTRICT", "*", builtIn},
		{"ARCH", "amd64", profile + ":1"},
		{"BINPKG_COMPRESS", "zstd", builtIn},
		{"BINPKG_FORMAT", "gpkg", builtIn},
		{"BINPKG_GPG_VERIFY_GPG_HOME", "/etc/portage/gnupg", builtIn},
		{"CFLAGS", "-O2 -pipe", "/etc/portage/make.conf:3"},
		{"CHOST", "x86_64-pc-linux-gnu", profile + ":3"},
		{"COLLISION_IGNORE", "/lib/modules/* *.py[co] *$py.class", builtIn},
		{"CONFIG_PROTECT", "/etc", builtIn + ", " + base + ":14"},
		{"CONFIG_PROTECT_MASK", "/etc/env.d", builtIn + ", " + base + ":15"},
		{"CXXFLAGS", "-O2 -pipe", "/etc/portage/make.conf:4"},
		{"ELIBC", "glibc", base + ":1"},
		{"EMERGE_DEFAULT_OPTS", "", "unset"},
		{"EMERGE_LOG_DIR", "", "unset"},
		{"EPREFIX", "", "unset"},
		{
			"FEATURES", "assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg " +
				"buildpkg-live compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles merge-sync " +
				"multilib-strict news parallel-fetch pkgdir-index-trusted preserve-libs protect-owned " +
				"qa-unresolved-soname-deps strict unknown-features-warn unmerge-logs unmerge-orphans",
			builtIn + ", /etc/portage/make.conf:19",
		},
		{"INSTALL_MASK", "", "unset"},
		{"KERNEL", "linux", base + ":2"},
		{"LDFLAGS", "-Wl,-O1 -Wl,--as-needed -Wl,-z,pack-relative-relocs", profile + ":6"},
		{"PKGDIR", "/var/cache/binpkgs", "/etc/portage/make.conf:14"},
		{"PORTAGE_BINHOST", "", "unset"},
		{"PORTAGE_ELOG_CLASSES", "info warn error log qa", "/etc/portage/make.conf:16"},
		{"PORTAGE_ELOG_SYSTEM", "save save_summary", "/etc/portage/make.conf:17"},
		{"PORTAGE_LOGDIR", "/var/log/portage", "/etc/portage/make.conf:15"},
		{"PORTAGE_LOG_FILE_SEP", "", "unset"},
		{"PORTAGE_TMPDIR", "/var/tmp", builtIn},
		{"PYTHON_TARGETS", "python3_11", base + ":16"},
		{"ROOT", "/", builtIn},
		{"UNINSTALL_IGNORE", "/lib/modules/*", builtIn},
		{"USE", "amd64", profile + ":13"},
		{"USE_EXPAND", "ABI_X86 CPU_FLAGS_X86 ELIBC KERNEL L10N LUA_SINGLE_TARGET PYTHON_SINGLE_TARGET " +
			"PYTHON_TARGETS VIDEO_CARDS", base + ":5"},
		{"make.profile", "/var/db/repos/lab/profiles/default/linux/amd64/23.0", "/etc/portage/make.profile"},
	}
	if diff := cmp.Diff(want, s.All()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"/var/db/repos/lab/profiles/base", "/var/db/repos/lab/profiles/default/linux/amd64/23.0",
	}, folders(s)); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]settings.Repository{{
		Name: "lab", Location: "/var/db/repos/lab", Main: true, Priority: -1000, SyncType: "git", Source: "/etc/portage/repos.conf/lab.conf:5",
	}}, s.Repositories()); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]settings.PkgDir{
		{"/var/cache/binpkgs", settings.PKGDIR, "/etc/portage/make.conf:14"},
	}, s.PkgDirs()); diff != "" {
		t.Errorf("folders of binary packages (-want +got):\n%s", diff)
	}
	for _, c := range [][2]string{
		{s.VDB(), "/var/db/pkg"},
		{s.EmergeLog(), "/var/log/emerge.log"},
		{s.LogDir(), "/var/log/portage"},
		{s.ElogDir(), "/var/log/portage/elog"},
		{s.BuildDir(), "/var/tmp/portage"},
		{s.LogFileSep(), ":"},
		{s.WorldFile(), "/var/lib/portage/world"},
		{s.PreservedLibsFile(), "/var/lib/portage/preserved_libs_registry"},
		{s.UserConfigDir(), "/etc/portage"},
		{s.EROOT(), "/"},
	} {
		if c[0] != c[1] {
			t.Errorf("place %s, want %s", c[0], c[1])
		}
	}
	if f := features(s); !f["buildpkg"] || f["sandbox"] {
		t.Errorf("features %v", f)
	}
	if len(s.Diagnostics()) > 0 {
		t.Errorf("diagnostics %v", s.Diagnostics())
	}
}

// The header of the Packages index has what the Portage that wrote it took the
// settings to be.
func TestSettingsAreThoseThatPortageWroteIntoItsIndex(t *testing.T) {
	t.Parallel()
	root := newAlpha(t)
	s := resolve(t, root, settings.Options{})
	index, err := root.ReadFile("/var/cache/binpkgs/Packages", 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(index), "\n\n")
	compared := 0
	for line := range strings.Lines(header) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "ACCEPT_KEYWORDS", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT", "ARCH", "CHOST", "CONFIG_PROTECT",
			"ELIBC", "FEATURES", "IUSE_IMPLICIT", "KERNEL", "USE_EXPAND", "USE_EXPAND_HIDDEN", "USE_EXPAND_IMPLICIT",
			"USE_EXPAND_UNPREFIXED", "USE_EXPAND_VALUES_ARCH":
			compared++
			if got := s.Get(name); got != want {
				t.Errorf("%s: got %q, Portage wrote %q", name, got, want)
			}
		}
	}
	if compared != 16 {
		t.Errorf("the header has only %d of the 16 settings", compared)
	}
}

func TestTheStrongestPlaceWins(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"etc/profile.env":                                 "export A='env.d'\nexport B='env.d'\n",
		"usr/share/portage/config/make.globals":           "B=globals\nC=globals\nFEATURES=\"sandbox news\"\n",
		"var/db/repos/gentoo/profiles/base/make.defaults": "C=profile\nD=profile\nFEATURES=\"xattr\"\n",
		"etc/portage/make.profile":                        "-> ../../var/db/repos/gentoo/profiles/base",
		"etc/make.conf":                                   "D=old\nE=old\n",
		"etc/portage/make.conf":                           "E=\"new ${C}\"\nFEATURES=\"${FEATURES} buildpkg -news\"\n__private=x\n",
	})
	s := resolve(t, root, settings.Options{})
	for _, want := range []settings.Setting{
		{"A", "env.d", "/etc/profile.env:1"},
		{"B", "globals", "/usr/share/portage/config/make.globals:1"},
		{"C", "profile", "/var/db/repos/gentoo/profiles/base/make.defaults:1"},
		{"D", "old", "/etc/make.conf:1"},
		{"E", "new profile", "/etc/portage/make.conf:1"},
		{"FEATURES", "buildpkg sandbox xattr", "/usr/share/portage/config/make.globals:3, " +
			"/var/db/repos/gentoo/profiles/base/make.defaults:3, /etc/portage/make.conf:2"},
		{"PKGDIR", "", "unset"}, // this make.globals says none, and it is the root's own
		{"__private", "", "unset"},
		{"NOPE", "", "unset"},
	} {
		got, ok := s.Lookup(want.Name)
		if diff := cmp.Diff(want, got); diff != "" || ok != (want.Source != "unset") {
			t.Errorf("%t (-want +got):\n%s", ok, diff)
		}
	}
}

func TestFlagsReplaceSinglePlaces(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"etc/portage/make.conf": "PKGDIR=/pkg\nPORTAGE_LOGDIR=/logs\nEMERGE_LOG_DIR=/elogs\n",
	})
	s := resolve(t, root, settings.Options{
		PkgDirs: []string{"/mnt/a", "/mnt/b/", "/mnt/a/."}, VDB: "/mnt/vdb", EmergeLog: "/mnt/e.log", LogDir: "/mnt/logs",
	})
	if diff := cmp.Diff([]settings.PkgDir{
		{"/mnt/a", settings.PKGDIR, "--pkgdir"}, {"/mnt/b", settings.Extra, "--pkgdir"},
	}, s.PkgDirs()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, c := range [][2]string{
		{s.VDB(), "/mnt/vdb"}, {s.EmergeLog(), "/mnt/e.log"}, {s.LogDir(), "/mnt/logs"}, {s.ElogDir(), "/mnt/logs/elog"},
	} {
		if c[0] != c[1] {
			t.Errorf("place %s, want %s", c[0], c[1])
		}
	}
	if got, _ := s.Lookup("PKGDIR"); got != (settings.Setting{"PKGDIR", "/mnt/a", "--pkgdir"}) {
		t.Errorf("PKGDIR is %+v", got)
	}
	for _, opts := range []settings.Options{
		{PkgDirs: []string{"/a", "b"}}, {VDB: "x"}, {EmergeLog: "./x"}, {LogDir: "x"}, {EPREFIX: "x"}, {ConfigRoot: "x"},
	} {
		if _, err := settings.Resolve(root, opts); err == nil {
			t.Errorf("%+v: a relative path is not refused", opts)
		}
	}
}

func TestEnvironmentAndPortageqCountOnlyOnTheRunningSystem(t *testing.T) {
	t.Parallel()
	conf := files{"etc/portage/make.conf": "PKGDIR=/conf\nCHOST=conf\nARCH=conf\nFEATURES=\"-sandbox\"\n"}
	foreign := newRoot(t, conf)
	opts := settings.Options{
		Environ: []string{"PKGDIR=/env", "FEATURES=getbinpkg", "broken", "=also"},
		Portageq: func(names ...string) (map[string]string, error) {
			if !slices.Contains(names, "PKGDIR") {
				t.Errorf("portageq was asked only for %q", names)
			}
			return map[string]string{"PKGDIR": "/portageq", "CHOST": "portageq", "FEATURES": "all of it"}, nil
		},
	}
	want := func(s *settings.Settings, name, value, source string) {
		t.Helper()
		got, _ := s.Lookup(name)
		if diff := cmp.Diff(settings.Setting{Name: name, Value: value, Source: source}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}

	s := resolve(t, foreign, opts)
	want(s, "PKGDIR", "/conf", "/etc/portage/make.conf:1")
	want(s, "CHOST", "conf", "/etc/portage/make.conf:2")

	system := openRoot(t, "/")
	opts.ConfigRoot = foreign.Name()
	makeConf := filepath.Join(foreign.Name(), "etc/portage/make.conf")
	s = resolve(t, system, opts)
	want(s, "PKGDIR", "/env", "environment")
	want(s, "CHOST", "portageq", "portageq")
	want(s, "ARCH", "conf", makeConf+":3")
	want(s, "FEATURES", "all of it", "portageq")

	opts.Portageq = nil
	s = resolve(t, system, opts)
	want(s, "CHOST", "conf", makeConf+":2")
	if f := features(s); !f["getbinpkg"] || f["sandbox"] || !f["news"] {
		t.Errorf("features %v: those of the environment do not add up with the others", f)
	}

	opts.Portageq = func(...string) (map[string]string, error) { return nil, os.ErrPermission }
	s = resolve(t, system, opts)
	want(s, "CHOST", "conf", makeConf+":2")
	if !slices.Contains(codes(s), "portageq-failed") {
		t.Errorf("a portageq that fails is not reported: %v", s.Diagnostics())
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	const prefix = "/home/u/gentoo"
	root := newRoot(t, files{
		"home/u/gentoo/etc/portage/make.conf":            "PORTAGE_LOGDIR=\"${EPREFIX}/var/log/portage\"\nCHOST=prefix\n",
		"etc/portage/make.conf":                          "CHOST=outside\n",
		"home/u/gentoo/var/cache/binhost/gentoobinhost/": "",
		"home/u/gentoo/var/db/repos/gentoo/":             "",
	})
	s := resolve(t, root, settings.Options{EPREFIX: prefix + "/"})
	for _, c := range [][2]string{
		{s.Get("CHOST"), "prefix"},
		{s.Get("EPREFIX"), prefix},
		{s.EPREFIX(), prefix},
		{s.EROOT(), prefix},
		{s.VDB(), prefix + "/var/db/pkg"},
		{s.EmergeLog(), prefix + "/var/log/emerge.log"},
		{s.LogDir(), prefix + "/var/log/portage"},
		{s.ElogDir(), prefix + "/var/log/portage/elog"},
		{s.BuildDir(), prefix + "/var/tmp/portage"},
		{s.WorldFile(), prefix + "/var/lib/portage/world"},
		{s.UserConfigDir(), prefix + "/etc/portage"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %s, want %s", c[0], c[1])
		}
	}
	if diff := cmp.Diff([]settings.PkgDir{
		{prefix + "/var/cache/binpkgs", settings.PKGDIR, "Portage 3.0.82"},
		{prefix + "/var/cache/binhost/gentoobinhost", settings.Binhost, prefix + "/var/cache/binhost"},
	}, s.PkgDirs()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r := s.Repositories(); len(r) != 1 || r[0].Location != prefix+"/var/db/repos/gentoo" {
		t.Errorf("repositories %+v", r)
	}
}

// ROOT= in make.conf moves what is installed, not the configuration and the log.
func TestRootOfMakeConf(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"etc/portage/make.conf":      "X=/mnt\nROOT=\"${X}/target\"\nPORTAGE_LOGDIR=\"${EROOT}logs\"\n",
		"mnt/target/etc/profile.env": "export FROM_TARGET=yes\n",
	})
	s := resolve(t, root, settings.Options{})
	for _, c := range [][2]string{
		{s.VDB(), "/mnt/target/var/db/pkg"},
		{s.WorldFile(), "/mnt/target/var/lib/portage/world"},
		{s.EmergeLog(), "/var/log/emerge.log"},
		{s.LogDir(), "/mnt/target/logs"},
		{s.Get("FROM_TARGET"), "yes"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %s, want %s", c[0], c[1])
		}
	}
	if got, _ := s.Lookup("ROOT"); got.Value != "/mnt/target" || got.Source != "/etc/portage/make.conf:2" {
		t.Errorf("ROOT is %+v", got)
	}
}

func TestDefaultsWhereNothingIsSet(t *testing.T) {
	t.Parallel()
	s := resolve(t, newRoot(t, files{}), settings.Options{})
	for _, c := range [][2]string{
		{s.Get("PKGDIR"), "/var/cache/binpkgs"},
		{s.Get("ACCEPT_LICENSE"), "* -@EULA"},
		{s.LogDir(), ""},
		{s.ElogDir(), "/var/log/portage/elog"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
	if f := features(s); !f["binpkg-multi-instance"] || !f["pkgdir-index-trusted"] || f["buildpkg"] {
		t.Errorf("features %v", f)
	}
	if len(s.Profiles())+len(s.Repositories())+len(s.Diagnostics()) > 0 {
		t.Errorf("profiles %v, repositories %v, diagnostics %v", s.Profiles(), s.Repositories(), s.Diagnostics())
	}
}

func TestTheOldNameOfTheLogFolderIsRead(t *testing.T) {
	t.Parallel()
	s := resolve(t, newRoot(t, files{"etc/make.conf": "PORT_LOGDIR=/old/logs\n"}), settings.Options{})
	if got, ok := s.Lookup("PORTAGE_LOGDIR"); !ok || got != (settings.Setting{"PORTAGE_LOGDIR", "/old/logs", "/etc/make.conf:1"}) {
		t.Errorf("got %+v", got)
	}
}

func TestAMakeConfThatCannotBeReadIsReported(t *testing.T) {
	t.Parallel()
	fifo := newRoot(t, files{"etc/portage/": ""})
	if err := unix.Mkfifo(filepath.Join(fifo.Name(), "etc/portage/make.conf"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, root := range map[string]*hostfs.Root{
		"FIFO":         fifo,
		"loop":         newRoot(t, files{"etc/portage/make.conf": "-> make.conf"}),
		"too large":    newRoot(t, files{"etc/portage/make.conf": strings.Repeat("#", 2<<20)}),
		"loop of dirs": newRoot(t, files{"etc/portage/make.conf/a": "-> .", "etc/portage/make.conf/b": "-> .", "etc/portage/make.conf/c": "-> ."}),
	} {
		s := resolve(t, root, settings.Options{})
		if len(codes(s)) == 0 {
			t.Errorf("%s: not reported", name)
		}
		if s.Get("PKGDIR") != "/var/cache/binpkgs" {
			t.Errorf("%s: PKGDIR %q", name, s.Get("PKGDIR"))
		}
	}
}

func TestBothMakeConfsAreReadOnceIfTheyAreOne(t *testing.T) {
	t.Parallel()
	s := resolve(t, newRoot(t, files{
		"etc/portage/make.conf": "A=\"${A}x\"\n",
		"etc/make.conf":         "-> portage/make.conf",
	}), settings.Options{})
	if got, _ := s.Lookup("A"); got.Value != "x" || got.Source != "/etc/portage/make.conf:1" {
		t.Errorf("got %+v", got)
	}
}

func TestEveryFolderOfBinaryPackagesIsFoundOnce(t *testing.T) {
	t.Parallel()
	root := newRoot(t, files{
		"etc/portage/make.conf":            "PKGDIR=/pkg\n",
		"etc/portage/binrepos.conf/x.conf": "[mine]\nsync-uri = https://example.org/\nlocation = %(EPREFIX)s/srv/mine\n[gone]\nlocation = /srv/gone\n",
		"pkg":                              "-> srv/pkg",
		"srv/pkg/":                         "",
		"srv/mine/":                        "",
		"var/cache/binhost/gentoo/":        "",
		"var/cache/binhost/mine":           "-> /srv/mine",
		"var/cache/binhost/file":           "",
		"var/cache/binhost/pkg":            "-> /srv/pkg",
	})
	if diff := cmp.Diff([]settings.PkgDir{
		{"/pkg", settings.PKGDIR, "/etc/portage/make.conf:1"},
		{"/srv/mine", settings.Binhost, "/etc/portage/binrepos.conf/x.conf:3"},
		{"/var/cache/binhost/gentoo", settings.Binhost, "/var/cache/binhost"},
	}, resolve(t, root, settings.Options{}).PkgDirs()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// BenchmarkResolve is what every command pays before anything else.
func BenchmarkResolve(b *testing.B) {
	root := newAlpha(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := settings.Resolve(root, settings.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func features(s *settings.Settings) map[string]bool {
	enabled := map[string]bool{}
	for name := range strings.FieldsSeq(s.Get("FEATURES")) {
		enabled[name] = true
	}
	return enabled
}
