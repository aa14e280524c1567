// Package settings determines Portage's settings on one Gentoo root and the source
// of each: the paths of binary packages, logs and the VDB, the features, the
// repositories and the profile.
//
// # Precedence
//
// The strongest layer that sets a variable wins
// (lib/portage/package/ebuild/config.py, configlist):
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
// Incremental variables (FEATURES, ACCEPT_KEYWORDS, USE_EXPAND and others)
// accumulate over all layers instead. So do ACCEPT_LICENSE, ACCEPT_PROPERTIES and
// ACCEPT_RESTRICT. make.conf cannot change the variables in a profile's
// PROFILE_ONLY_VARIABLES.
//
// The package returns global settings. The USE of a single package also depends on
// package.use, use.mask and use.force. Per-package environments (package.env) are
// not read.
//
// # Prefix
//
// A Gentoo Prefix lives below EPREFIX. Portage reads its configuration from
// EPREFIX/etc and stores its data in ROOT/EPREFIX/var. The values in files include
// EPREFIX already. Only built-in defaults get it prepended.
//
// # Damage
//
// A missing file sets nothing. A file that cannot be read or is damaged becomes a
// diagnostic, and the others are still read. The resulting values are a best guess,
// so callers that depend on them must check Diagnostics.
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

// Options are values of the caller that override the files of the root. All paths
// are absolute and inside the root.
type Options struct {
	// PkgDirs replace PKGDIR. The first is the new PKGDIR, the others are
	// additional folders. If empty, PKGDIR is as configured.
	PkgDirs []string
	// VDB is the path of the installed-package database. If "", it is
	// EROOT/var/db/pkg.
	VDB string
	// EmergeLog is the path of emerge.log. If "", it is below EMERGE_LOG_DIR.
	EmergeLog string
	// LogDir replaces PORTAGE_LOGDIR.
	LogDir string
	// EPREFIX is the path of a Gentoo Prefix, such as /home/u/gentoo.
	EPREFIX string
	// ConfigRoot is the folder that contains etc/portage. If "", it is EPREFIX.
	ConfigRoot string
	// Environ is the environment of the process as "NAME=value" strings. It is used
	// only if the root is "/".
	Environ []string
	// Portageq returns values from the running Portage, in one process. It may be
	// nil. It is called only if the root is "/".
	Portageq func(names ...string) (map[string]string, error)
}

// Setting is a variable with its value and the place that set it.
type Setting struct {
	Name, Value string
	// Source is a file and line inside the root, the name of a flag, "environment",
	// "portageq", "Portage 3.0.82" for a built-in value, or "unset". For
	// accumulated values it lists all places, weakest first.
	Source string
}

// Settings are the settings of one root. They are immutable after Resolve and safe
// for concurrent use.
type Settings struct {
	root                        *hostfs.Root
	eprefix, configRoot, target string // target is ROOT

	layers       []layer           // weakest first
	overrides    map[string]string // from flags: variable -> value
	flags        map[string]string // variable -> name of the flag
	portageq     map[string]string
	profilePath  string
	profileLink  string // the make.profile that names the profile
	profiles     []Profile
	repositories []Repository
	layouts      map[string]layoutConf // of repositories, by folder
	packageSets  []PackageSet
	earlyConf    layer // make.conf without the variables of other files
	pkgDirs      []PkgDir
	vdb          string
	emergeLog    string
	diagnostics  []makeconf.Diagnostic
	filesRead    []string // files of variables, including sourced ones
}

// reported are the variables that All returns, in addition to those that USE_EXPAND
// names.
var reported = []string{
	"ACCEPT_CHOSTS", "ACCEPT_KEYWORDS", "ACCEPT_LICENSE", "ACCEPT_PROPERTIES", "ACCEPT_RESTRICT",
	"ARCH", "BINPKG_COMPRESS", "BINPKG_FORMAT", "BINPKG_GPG_VERIFY_GPG_HOME", "CFLAGS", "CHOST", "COLLISION_IGNORE",
	"CONFIG_PROTECT", "CONFIG_PROTECT_MASK", "CXXFLAGS", "EMERGE_DEFAULT_OPTS", "EMERGE_LOG_DIR",
	"EPREFIX", "FEATURES", "INSTALL_MASK", "LDFLAGS", "PKGDIR", "PORTAGE_BINHOST", "PORTAGE_ELOG_CLASSES", "PORTAGE_ELOG_SYSTEM",
	"PORTAGE_LOGDIR", "PORTAGE_LOG_FILE_SEP", "PORTAGE_TMPDIR", "ROOT", "UNINSTALL_IGNORE", "USE", "USE_EXPAND",
}

// profileSetting is the name of the profile in All. It is the name of the symlink,
// because no variable of Portage holds the profile.
const profileSetting = "make.profile"

// Resolve reads the settings of root. It returns an error only if opts are invalid.
// Problems of the root are in Diagnostics.
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
	s.vdb = path.Clean(cmp.Or(opts.VDB, s.inEROOT("var/db/pkg")))
	s.emergeLog = path.Join("/", cmp.Or(s.Get("EMERGE_LOG_DIR"), s.inEPREFIX("var/log")), "emerge.log")
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

// askPortageq uses the values of the running Portage, if the caller provides them.
func (s *Settings) askPortageq(opts Options) {
	if opts.Portageq == nil || !s.root.IsSystem() {
		return
	}
	// USE is excluded: Portage's value includes flags of USE_EXPAND and the masks
	// of the profile, so it would differ from the value that files give.
	answers, err := opts.Portageq(slices.DeleteFunc(slices.Clone(reported), func(name string) bool { return name == "USE" })...)
	if err != nil {
		s.report("portageq", "portageq-failed", "%v; the files are read instead", err)
		return
	}
	s.portageq = answers
}

// locate determines the three prefixes of all paths.
func (s *Settings) locate(opts Options, environment map[string]string) {
	s.eprefix = strings.TrimRight(path.Clean("/"+cmp.Or(
		opts.EPREFIX, environment["EPREFIX"], environment["PORTAGE_OVERRIDE_EPREFIX"], s.portageq["EPREFIX"])), "/")
	s.configRoot = path.Clean("/" + cmp.Or(opts.ConfigRoot, environment["PORTAGE_CONFIGROOT"], s.eprefix))
	s.readEarly()
	s.target = path.Clean("/" + cmp.Or(environment["ROOT"], s.portageq["ROOT"], strings.TrimSpace(s.earlyConf["ROOT"].text)))
}

// applyFlags records the variables that flags set.
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

// All returns the settings that emaudit's answers depend on, sorted by name. Its
// URLs have no credentials, because the values are stored and printed.
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

// Get returns the value of a variable, or "" if nothing sets it.
func (s *Settings) Get(name string) string {
	setting, _ := s.Lookup(name)
	return setting.Value
}

// Profiles returns the folders of the profile in the order of reading: parents
// first, /etc/portage/profile last.
func (s *Settings) Profiles() []Profile { return slices.Clone(s.profiles) }

// Repositories returns the ebuild repositories in Portage's order, lowest priority
// first. The first is usually the main one.
func (s *Settings) Repositories() []Repository { return slices.Clone(s.repositories) }

// FilesRead returns the files that the variables came from, including sourced
// files.
func (s *Settings) FilesRead() []string { return slices.Clone(s.filesRead) }

// Stop returns the first damage that keeps Portage from starting. ok is false if
// there is none.
func (s *Settings) Stop() (makeconf.Diagnostic, bool) {
	for _, d := range s.diagnostics {
		if d.Stops() {
			return d, true
		}
	}
	return makeconf.Diagnostic{}, false
}

// Diagnostics returns the damaged and unreadable files.
func (s *Settings) Diagnostics() []makeconf.Diagnostic { return slices.Clone(s.diagnostics) }
