// Package look says what a drill led to: it compares the tree that is left when the
// commands of a rollback plan were run in a copy of the root with what the plan
// promised.
//
// # What is looked at
//
//   - the VDB, build by build: CPV, slot, repository, BUILD_TIME and BUILD_ID
//     (build.go);
//   - every file that CONTENTS lists of the packages that changed: its type, its
//     MD5, the target of a link (files.go);
//   - the libraries that the ELF files of those packages need, and the ELF files of
//     the packages that need a library of theirs (library.go);
//   - the files that CONFIG_PROTECT protects: replaced, offered or kept (config.go);
//   - the world file (world.go);
//   - what was written or removed without belonging to a package that changed: the
//     upper layers of the overlay (outside.go);
//   - what emerge would do next (next.go).
//
// # Verdict
//
// All of that is said in observations. One that the plan promised, or that Portage
// itself causes whenever it runs, is expected; any other is a difference. What could
// not be read is a difference, too: a verdict is never better than what was looked
// at: see [Judge].
//
// This package starts nothing and mounts nothing. It reads roots by hostfs, so that
// a tree made by the phases of old packages cannot lead it elsewhere.
package look

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emaudit/hostfs"
)

// Kind says what an observation is about.
type Kind string

// The kinds of observations.
const (
	// BuildMissing: the plan promised a package that is not installed.
	BuildMissing Kind = "build-missing"
	// BuildDiffers: another build than the promised one is installed.
	BuildDiffers Kind = "build-differs"
	// BuildLeft: a package that the plan removes is still installed.
	BuildLeft Kind = "build-left"
	// BuildExtra: a package is installed that the plan does not name.
	BuildExtra Kind = "build-extra"
	// BuildGone: a package is gone that the plan does not name.
	BuildGone Kind = "build-gone"
	// TargetMissed: the plan does not bring this package back as it was.
	TargetMissed Kind = "target-missed"

	// FileMissing: an installed file is not there.
	FileMissing Kind = "file-missing"
	// FileType: there is something of another type in its place.
	FileType Kind = "file-type"
	// FileContent: its MD5 is not the one in CONTENTS.
	FileContent Kind = "file-content"
	// FileTarget: the link has another target than the one in CONTENTS.
	FileTarget Kind = "file-target"

	// LibraryMissing: a file needs a library that it does not find.
	LibraryMissing Kind = "library-missing"
	// LibraryPreserved: Portage keeps a library of a former version, because
	// installed files need it.
	LibraryPreserved Kind = "library-preserved"

	// ConfigReplaced: a protected file has the content of the package.
	ConfigReplaced Kind = "config-replaced"
	// ConfigOffered: the content of the package lies beside it, as ._cfg0000_NAME.
	ConfigOffered Kind = "config-offered"
	// ConfigKept: it has another content, and that of the package is not offered.
	ConfigKept Kind = "config-kept"
	// ConfigRemoved: it went with its package.
	ConfigRemoved Kind = "config-removed"

	// WorldLost: the world file asks no more for a package that is installed.
	WorldLost Kind = "world-lost"
	// WorldChanged: it asks for it in other words.
	WorldChanged Kind = "world-changed"
	// WorldAdded: it asks for a package for which it did not ask.
	WorldAdded Kind = "world-added"
	// WorldDangling: it asks for a package that was removed.
	WorldDangling Kind = "world-dangling"

	// WrittenOutside: a file was written that no package owns.
	WrittenOutside Kind = "written-outside"
	// RemovedOutside: a file was removed that no package owned.
	RemovedOutside Kind = "removed-outside"
	// FileForeign: a file was changed or removed that belongs to a package that did
	// not change.
	FileForeign Kind = "file-foreign"

	// NextRebuild: emerge @preserved-rebuild would merge this package.
	NextRebuild Kind = "next-rebuild"
	// NextDepclean: emerge --depclean would remove it.
	NextDepclean Kind = "next-depclean"
	// NextUpdate: an update of @world would merge it.
	NextUpdate Kind = "next-update"

	// NotLookedAt: something could not be read, so that nothing is known of it.
	NotLookedAt Kind = "not-looked-at"
)

// Observation is one thing that a drill showed.
type Observation struct {
	Kind    Kind
	Subject string // a version, a path inside the root, or an atom
	Detail  string // one sentence without a full stop, or ""
	// Expected reports that the plan promised it, or that Portage does it whenever it
	// runs. Any other observation is a difference.
	Expected bool
}

// Layer is the upper folder of one overlay of a drill: it has what the steps wrote
// at and below a mount point. The overlay must have been mounted without
// redirect_dir and metacopy, which leave the content of what changed below.
type Layer struct {
	Mount string       // inside the root, "/" for the overlay of the root itself
	Upper *hostfs.Root // its top is the folder
}

// Input is what a drill is judged by.
type Input struct {
	// Before is the root as it was, and After the merged tree.
	Before, After *hostfs.Root
	Layers        []Layer
	// VDB is the path of the database of installed packages, and State that of the
	// files world and preserved_libs_registry, inside the root.
	VDB, State string
	Plan       Plan
	// Protected reports whether CONFIG_PROTECT is about a path.
	Protected func(path string) bool
	// Places are folders and files that the drill itself or the settings of Portage
	// name, with who writes there: PKGDIR, PORTAGE_LOGDIR. They are added to those
	// that every host has.
	Places  map[string]string
	Answers Answers
}

// maxOfKind is the largest number of differences of one kind that are kept, and of
// expected observations of it. A drill that goes wrong can miss each file of a
// kernel's sources.
const maxOfKind = 1000

// looker holds what the looks share.
type looker struct {
	Input
	ctx           context.Context
	all           []Observation
	dropped       map[Kind]int
	kept          map[Kind][2]int
	before, after map[string]Build
	// changed are the packages of after that were merged.
	changed []string
	isNew   map[string]bool
	objects map[string][]string // the ELF files of changed packages
	real    map[string]string   // folder of the merged tree -> without symbolic links
}

// Look returns what a drill shows, in the order of the looks. The error is that of
// ctx, or one that lets nothing be said: the VDB cannot be listed.
func Look(ctx context.Context, in Input) ([]Observation, error) {
	l := &looker{
		Input: in, ctx: ctx, kept: map[Kind][2]int{}, dropped: map[Kind]int{}, isNew: map[string]bool{}, objects: map[string][]string{}, real: map[string]string{},
	}
	if err := l.builds(); err != nil {
		return nil, err
	}
	for _, look := range []func(){l.changedFiles, l.config, l.libraries, l.world, l.outside, l.next} {
		look()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(l.dropped)) {
		l.all = append(l.all, Observation{Kind: kind, Detail: fmt.Sprintf("%d more of this kind are not listed", l.dropped[kind])})
	}
	return l.all, nil
}

// say adds an observation.
func (l *looker) say(kind Kind, subject string, expected bool, format string, args ...any) {
	n := l.kept[kind]
	which := 0
	if expected {
		which = 1
	}
	if n[which]++; n[which] > maxOfKind {
		if !expected {
			l.dropped[kind]++
		}
		return
	}
	l.kept[kind] = n
	l.all = append(l.all, Observation{Kind: kind, Subject: subject, Detail: fmt.Sprintf(format, args...), Expected: expected})
}

// unread says that something could not be read.
func (l *looker) unread(subject string, err error) {
	l.say(NotLookedAt, subject, false, "%s", strings.TrimSpace(err.Error()))
}
