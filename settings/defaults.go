package settings

// PortageVersion is the version of Portage whose defaults are built in. They apply
// to roots without a make.globals, such as a copy of /etc and /var.
const PortageVersion = "3.0.82"

// builtInSource is the source of a built-in value.
const builtInSource = "Portage " + PortageVersion

// defaultAcceptLicense is Portage's ACCEPT_LICENSE if no file sets it (config.py,
// regenerate).
const defaultAcceptLicense = "* -@EULA"

// globalValues are the values in cnf/make.globals of that version that emaudit
// uses.
var globalValues = map[string]string{
	"ACCEPT_PROPERTIES":    "*",
	"ACCEPT_RESTRICT":      "*",
	"BINPKG_COMPRESS":      "zstd",
	"BINPKG_FORMAT":        "gpkg",
	"CFLAGS":               "",
	"COLLISION_IGNORE":     `/lib/modules/* *.py[co] *$py.class`,
	"CONFIG_PROTECT":       "/etc",
	"CONFIG_PROTECT_MASK":  "/etc/env.d",
	"CXXFLAGS":             "",
	"LDFLAGS":              "",
	"PORTAGE_ELOG_CLASSES": "log warn error",
	"PORTAGE_ELOG_SYSTEM":  "save_summary:log,warn,error,qa echo",
	"UNINSTALL_IGNORE":     "/lib/modules/*",
	"FEATURES": "assume-digests binpkg-docompress binpkg-dostrip binpkg-logs binpkg-multi-instance buildpkg-live " +
		"compress-index config-protect-if-modified distlocks ebuild-locks fixlafiles ipc-sandbox merge-sync merge-wait " +
		"multilib-strict network-sandbox news parallel-fetch pkgdir-index-trusted pid-sandbox preserve-libs " +
		"protect-owned qa-unresolved-soname-deps sandbox strict unknown-features-warn unmerge-logs unmerge-orphans " +
		"userfetch userpriv usersandbox usersync",
}

// globalPaths are the values in it that are paths. The build of Portage prepends
// EPREFIX to them (meson.build, hprefixify).
var globalPaths = map[string]string{
	"BINPKG_GPG_VERIFY_GPG_HOME": "/etc/portage/gnupg",
	"DISTDIR":                    "/var/cache/distfiles",
	"PKGDIR":                     "/var/cache/binpkgs",
	"PORTAGE_TMPDIR":             "/var/tmp",
}

// defaultGlobals are set even if make.globals does not set them
// (_config/special_env_vars.py, default_globals).
var defaultGlobals = map[string]string{"ACCEPT_PROPERTIES": "*"}

// builtIn returns the built-in make.globals.
func builtIn(eprefix string) layer {
	l := make(layer, len(globalValues)+len(globalPaths))
	for name, text := range globalValues {
		l[name] = value{text, builtInSource}
	}
	for name, text := range globalPaths {
		l[name] = value{eprefix + text, builtInSource}
	}
	return l
}
