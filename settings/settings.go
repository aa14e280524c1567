// Package settings finds out what Portage's settings are on one Gentoo root, and
// where each of them comes from: the places of binary packages, logs and the
// installed-package database, the features, the repositories and the profile.
//
// # Precedence
//
// The strongest place that says something wins (lib/portage/package/ebuild/
// config.py, configlist):
//
//	flag         of this program
//	environment  of the process, only where the root is "/"
//	portageq     Portage's own answer, only where the root is "/" and only if
//	             the caller provides it: it runs Portage
//	make.conf    /etc/make.conf, then /etc/portage/make.conf, with what they source
//	profile      make.defaults of every profile, parents first, then
//	             /etc/portage/profile
//	make.globals the root's own, or what is built in (PortageVersion)
//	env.d        /etc/profile.env
//
// Incremental variables (FEATURES, ACCEPT_KEYWORDS, USE_EXPAND and their like)
// add up over all places instead; so do ACCEPT_LICENSE, ACCEPT_PROPERTIES and
// ACCEPT_RESTRICT. What a profile lists in PROFILE_ONLY_VARIABLES no make.conf
// can change.
//
// Files cannot say everything: USE as a package sees it needs package.use,
// use.mask and use.force, and per-package environments (package.env) are not
// read. What is here is the global setting.
//
// # Prefix
//
// A Gentoo Prefix lives below EPREFIX. Portage looks for its configuration in
// EPREFIX/etc and keeps its data in ROOT/EPREFIX/var; the values in its files
// hold EPREFIX already, and only the defaults that no file states get it put in
// front.
//
// # Damage
//
// A file that is missing says nothing. One that cannot be read or is damaged
// becomes a diagnostic, and the rest is still read: a value found then is a
// best guess, and whoever relies on it must look at Diagnostics.
package settings

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse"
	"emaudit/parse/makeconf"
)

// Options are what the caller knows better than the files of the root. All
// paths are absolute and inside the root.
type Options struct {
	// PkgDirs replace PKGDIR: the first takes its place, the others are
	// searched too. Empty: PKGDIR as configured.
	PkgDirs []string
	// VDB is the installed-package database; empty: EROOT/var/db/pkg.
	VDB string
	// EmergeLog is emerge's log file; empty: below EMERGE_LOG_DIR.
	EmergeLog string
	// LogDir replaces PORTAGE_LOGDIR.
	LogDir string
	// EPREFIX is the place of a Gentoo Prefix, such as /home/u/gentoo.
	EPREFIX string
	// ConfigRoot is where etc/portage is looked for; empty: EPREFIX.
	ConfigRoot string
	// Environ is the environment of the process, "NAME=value" each. It is only
	// looked at where the root is "/".
	Environ []string
	// Portageq asks the running Portage for variables, in one process; nil
	// where that is not wanted. It is only called where the root is "/".
	Portageq func(names ...string) (map[string]string, error)
}

// Setting is a variable, its value, and the place that decided it.
type Setting struct {
	Name, Value string
	// Source is a file and line inside the root, the name of a flag,
	// "environment", "portageq", "Portage 3.0.82" for a value that is built in,
	// or "unset". Where several places add up, all of them, the strongest last.
	Source string
}

// Settings are the settings of one root. They do not change after Resolve, and
// may be used by several goroutines at once.
type Settings struct {
	root                        *hostfs.Root
	eprefix, configRoot, target string // target is ROOT

	layers       []layer           // weakest first
	overrides    map[string]string // flags: variable -> value
	flags        map[string]string // variable -> name of the flag
	portageq     map[string]string
	profilePath  string
	profileLink  string // the make.profile that leads there
	profiles     []Profile
	repositories []Repository
	layouts      map[string]layoutConf // of repositories by their folder
	packageSets  []PackageSet
	early        layer // what make.conf says where nothing else is known
	pkgDirs      []PkgDir
	vdb          string
	emergeLog    string
	diagnostics  []makeconf.Diagnostic
	filesRead    []string // those of variables, each inclusion among them
}

// reported are the variables that All returns, beside those that USE_EXPAND
// names.
var reported = []string{
	"ACCEPT_CHOSTS", "ACCEPT_KEYWORDS", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT",
	"ARCH", "BINPKG_COMPRESS", "BINPKG_FORMAT", "BINPKG_GPG_VERIFY_GPG_HOME", "CFLAGS", "CHOST", "COLLISION_IGNORE",
	"CONFIG_PROTECT", "CONFIG_PROTECT_MASK", "CXXFLAGS", "EMERGE_DEFAULT_OPTS", "EMERGE_LOG_DIR",
	"EPREFIX", "FEATURES", "INSTALL_MASK", "LDFLAGS", "PKGDIR", "PORTAGE_BINHOST", "PORTAGE_ELOG_CLASSES", "PORTAGE_ELOG_SYSTEM",
	"PORTAGE_LOGDIR", "PORTAGE_LOG_FILE_SEP", "PORTAGE_TMPDIR", "ROOT", "UNINSTALL_IGNORE", "USE", "USE_EXPAND",
}

// profileSetting is the name under which All tells which profile counts: that of
// the symlink to it, since no variable of Portage has it.
const profileSetting = "make.profile"

// Resolve reads the settings of root. An error says that opts are unusable; what
// is wrong in the root is in Diagnostics.
func Resolve(root *hostfs.Root, opts Options) (*Settings, error) {
	if err := checkAbsolute(opts); err != nil {
		return nil, err
	}
	environment := map[string]string{}
	if root.IsSystem() {
		for _, pair := range opts.Environ {
			if name, value, ok := strings.Cut(pair, "="); ok {
				environment[name] = value
			}
		}
	}
	s := &Settings{root: root, overrides: map[string]string{}, flags: map[string]string{}}
	s.askPortageq(opts)
	s.locate(opts, environment)
	s.applyFlags(opts)
	s.readLayers(environment)
	s.findPackageSets()
	s.findPkgDirs(opts)
	s.vdb = path.Clean(firstOf(opts.VDB, s.inEROOT("var/db/pkg")))
	s.emergeLog = path.Join("/", firstOf(s.Get("EMERGE_LOG_DIR"), s.inEPREFIX("var/log")), "emerge.log")
	if opts.EmergeLog != "" {
		s.emergeLog = path.Clean(opts.EmergeLog)
	}
	return s, nil
}

func checkAbsolute(opts Options) error {
	paths := append([]string{opts.VDB, opts.EmergeLog, opts.LogDir, opts.EPREFIX, opts.ConfigRoot}, opts.PkgDirs...)
	for _, p := range paths {
		if p != "" && !strings.HasPrefix(p, "/") {
			return fmt.Errorf("path %s: not absolute", p)
		}
	}
	return nil
}

// askPortageq takes Portage's own answers, if there is a Portage to ask.
func (s *Settings) askPortageq(opts Options) {
	if opts.Portageq == nil || !s.root.IsSystem() {
		return
	}
	// Portage's USE has the flags of USE_EXPAND and of the profile's masks in it,
	// which no file can be asked for on another day.
	answers, err := opts.Portageq(slices.DeleteFunc(slices.Clone(reported), func(name string) bool { return name == "USE" })...)
	if err != nil {
		s.report("portageq", "portageq-failed", "%v; the files are read instead", err)
		return
	}
	s.portageq = answers
}

// locate finds the three prefixes on which all places rest.
func (s *Settings) locate(opts Options, environment map[string]string) {
	s.eprefix = strings.TrimRight(path.Clean("/"+firstOf(
		opts.EPREFIX, environment["EPREFIX"], environment["PORTAGE_OVERRIDE_EPREFIX"], s.portageq["EPREFIX"])), "/")
	s.configRoot = path.Clean("/" + firstOf(opts.ConfigRoot, environment["PORTAGE_CONFIGROOT"], s.eprefix))
	s.readEarly()
	s.target = path.Clean("/" + firstOf(environment["ROOT"], s.portageq["ROOT"], strings.TrimSpace(s.early["ROOT"].text)))
}

// applyFlags notes which variables a flag decides.
func (s *Settings) applyFlags(opts Options) {
	override := func(name, value, flag string) {
		if value != "" {
			s.overrides[name], s.flags[name] = value, flag
		}
	}
	if len(opts.PkgDirs) > 0 {
		override("PKGDIR", opts.PkgDirs[0], PkgDirFlag)
	}
	if opts.EmergeLog != "" {
		override("EMERGE_LOG_DIR", path.Dir(opts.EmergeLog), "--emerge-log")
	}
	override("PORTAGE_LOGDIR", opts.LogDir, "--logdir")
	if opts.EPREFIX != "" {
		override("EPREFIX", s.eprefix, "--eprefix")
	}
}

// All returns the settings on which the program's answers rest, sorted by name.
// They are stored and shown, so their URLs have no credentials.
func (s *Settings) All() []Setting {
	all := make([]Setting, 0, len(reported))
	for _, name := range reported {
		setting, _ := s.Lookup(name)
		setting.Value = parse.WithoutCredentials(setting.Value)
		all = append(all, setting)
	}
	for name := range strings.FieldsSeq(s.Get("USE_EXPAND")) {
		if setting, ok := s.Lookup(name); ok && !slices.Contains(reported, name) {
			all = append(all, setting)
		}
	}
	if s.profilePath != "" {
		all = append(all, Setting{profileSetting, s.profilePath, s.profileLink})
	}
	slices.SortFunc(all, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Get returns the value of a variable, empty if nothing sets it.
func (s *Settings) Get(name string) string {
	setting, _ := s.Lookup(name)
	return setting.Value
}

// Features returns the features that are switched on.
func (s *Settings) Features() map[string]bool {
	features := map[string]bool{}
	for _, name := range strings.Fields(s.Get("FEATURES")) {
		features[name] = true
	}
	return features
}

// ProfilePath returns the profile to which make.profile leads, without
// symlinks; empty where there is none.
func (s *Settings) ProfilePath() string { return s.profilePath }

// Profiles returns the folders of the profile and its parents in the order in
// which they are read: parents first, /etc/portage/profile last.
func (s *Settings) Profiles() []Profile { return slices.Clone(s.profiles) }

// Repositories returns the ebuild repositories in the order of Portage, least
// priority first: usually the main one.
func (s *Settings) Repositories() []Repository { return slices.Clone(s.repositories) }

// FilesRead returns the files of which the variables were read, those that others
// source among them.
func (s *Settings) FilesRead() []string { return slices.Clone(s.filesRead) }

// Stop returns the damage because of which Portage does not start, the first where
// there is more.
func (s *Settings) Stop() (makeconf.Diagnostic, bool) {
	for _, d := range s.diagnostics {
		if d.Stops() {
			return d, true
		}
	}
	return makeconf.Diagnostic{}, false
}

// Diagnostics returns what was damaged or could not be read.
func (s *Settings) Diagnostics() []makeconf.Diagnostic { return slices.Clone(s.diagnostics) }
