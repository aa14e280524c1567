package vdb

import "emaudit/parse/atom"

// Package is one installed package.
//
// The values are those of the keys of the same name, with runs of blanks
// collapsed; a key that the package does not have is empty, or 0.
type Package struct {
	CPV atom.CPV

	// Slot is the slot without the sub-slot; 0 where the package has no valid
	// SLOT, as in Portage.
	Slot string
	// SubSlot is the sub-slot, which is equal to the slot where SLOT does not
	// name one.
	SubSlot string
	// Repo is the name of the ebuild repository; empty where it is not known.
	Repo string
	// EAPI is 0 where the package has none.
	EAPI string

	// BuildTime is the time of the build in unix seconds, not that of the
	// installation. It is 0 where it is not recorded and -1 where it is not a
	// number.
	BuildTime int64
	// BuildID is the id of the binary package that was built along or
	// installed; 0 and -1 as for BuildTime.
	BuildID int64
	// Counter numbers all merges of the host: of two installed packages, the
	// one with the higher counter was installed later. It is 0 where it is not
	// a number, as in Portage.
	Counter int64
	// BinpkgMD5 is the MD5, in lower-case hexadecimal, of the binary package
	// from which the package was installed or that was built along with it;
	// empty where there was none, as for what was built without buildpkg.
	BinpkgMD5 string

	USE           string
	IUSE          string
	IUSEEffective string // needs WantIUSEEffective
	Keywords      string
	License       string
	Properties    string
	Restrict      string
	CHOST         string
	DefinedPhases string
	Description   string
	Homepage      string

	// The dependencies are those of the installed package: reduced by USE, and
	// with the slots of := operators filled in.
	Depend  string
	BDepend string
	RDepend string
	PDepend string
	IDepend string

	// Requires and Provides are lists of sonames by multilib category.
	Requires string
	Provides string

	// Size is the sum of the sizes of the installed files in bytes, -1 where
	// it is not a number. It needs WantSize.
	Size int64

	// BuildEnv needs WantBuildEnv.
	BuildEnv BuildEnv

	// Metadata says where the values come from.
	Metadata MetadataState
	// StaleValues says that the values come from a metadata file that does not
	// count, since there are no others. Portage sees none of them.
	StaleValues bool
	// Unread has the names of the files that are there but could not be read,
	// so that their keys are unknown rather than empty.
	Unread []string
	// DirMTimeNS is the time of the last change of the directory in unix
	// nanoseconds: usually the end of the installation.
	DirMTimeNS int64
}

// BuildEnv is the environment in which a package was built.
type BuildEnv struct {
	CBUILD   string
	CFLAGS   string
	CXXFLAGS string
	LDFLAGS  string
	Features string
	// InstallMask is INSTALL_MASK, or PKG_INSTALL_MASK where that is absent.
	InstallMask string
}

// MetadataState is the state of the file metadata of a package.
type MetadataState uint8

const (
	// MetadataAbsent: there is none, as before Portage 3.0.82.
	MetadataAbsent MetadataState = iota
	// MetadataFresh: it counts, and the files of single keys do not.
	MetadataFresh
	// MetadataStale: it was written for another state of the directory.
	MetadataStale
	// MetadataUnusable: it could not be read, is of an unknown format or is
	// incomplete.
	MetadataUnusable
)

// String returns absent, fresh, stale or unusable.
func (s MetadataState) String() string {
	switch s {
	case MetadataAbsent:
		return "absent"
	case MetadataFresh:
		return "fresh"
	case MetadataStale:
		return "stale"
	case MetadataUnusable:
		return "unusable"
	}
	return "unknown"
}

// Want names the keys that [ReadPackage] reads besides those that the file
// metadata holds and BINPKGMD5. Each costs the reading of a file.
type Want uint8

const (
	// WantIUSEEffective reads IUSE_EFFECTIVE.
	WantIUSEEffective Want = 1 << iota
	// WantSize reads SIZE.
	WantSize
	// WantBuildEnv reads the keys of [BuildEnv].
	WantBuildEnv
	// WantIdentity reads CATEGORY and PF and compares them with the names of
	// the directories.
	WantIdentity
)
