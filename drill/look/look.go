// Package look examines the result of a drill. It compares the copy of the root,
// after the commands of a rollback plan, with what the plan promised.
//
// # What is examined
//
//   - the VDB, build by build: CPV, slot, repository, BUILD_TIME and BUILD_ID
//     (build.go);
//   - every file in CONTENTS of the changed packages: type, MD5, link target
//     (files.go);
//   - the libraries that ELF files of those packages need, and the ELF files of other
//     packages that need one of their libraries (library.go);
//   - the files below CONFIG_PROTECT: replaced, offered or kept (config.go);
//   - the world file (world.go), and the hold of the plan in package.mask (hold.go);
//   - everything written or removed that belongs to no changed package: the upper
//     layers of the overlay (outside.go);
//   - what emerge would do next (next.go).
//
// # Verdict
//
// Each result is an observation. It is expected if the plan promised it or if every
// run of Portage causes it; otherwise it is a difference. Something unreadable is a
// difference, too. So a verdict is never better than the evidence; see [Judge].
//
// This package starts no programs and mounts nothing. It reads roots with hostfs, so
// that symlinks made by phases of old packages cannot lead it outside.
package look

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"emaudit/audit/rollback"
	"emaudit/hostfs"
)

// Kind is the subject of an observation.
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
	// TargetMissed: the plan does not restore this package as it was.
	TargetMissed Kind = "target-missed"

	// FileMissing: an installed file is missing.
	FileMissing Kind = "file-missing"
	// FileType: the path has another file type.
	FileType Kind = "file-type"
	// FileContent: its MD5 is not the one in CONTENTS.
	FileContent Kind = "file-content"
	// FileTarget: the link has another target than the one in CONTENTS.
	FileTarget Kind = "file-target"

	// LibraryMissing: a needed library is not found.
	LibraryMissing Kind = "library-missing"
	// LibraryPreserved: Portage keeps a library of a former version because installed
	// files need it.
	LibraryPreserved Kind = "library-preserved"

	// ConfigReplaced: a protected file has the content of the package.
	ConfigReplaced Kind = "config-replaced"
	// ConfigOffered: the content of the package is next to it, as ._cfg0000_NAME.
	ConfigOffered Kind = "config-offered"
	// ConfigKept: it has other content, and the content of the package is not
	// offered.
	ConfigKept Kind = "config-kept"
	// ConfigRemoved: it was removed with its package.
	ConfigRemoved Kind = "config-removed"

	// WorldLost: the world file no longer has an installed package that it had.
	WorldLost Kind = "world-lost"
	// WorldChanged: the world file has another atom for the package.
	WorldChanged Kind = "world-changed"
	// WorldAdded: the world file has a package that it did not have.
	WorldAdded Kind = "world-added"
	// WorldDangling: the world file has a package that was removed.
	WorldDangling Kind = "world-dangling"

	// HoldDiffers: a file of package.mask is not as the hold of the plan leaves it.
	HoldDiffers Kind = "hold-differs"

	// WrittenOutside: a file without an owner was written.
	WrittenOutside Kind = "written-outside"
	// RemovedOutside: a file without an owner was removed.
	RemovedOutside Kind = "removed-outside"
	// FileForeign: a file of an unchanged package was changed or removed.
	FileForeign Kind = "file-foreign"

	// NextRebuild: emerge @preserved-rebuild would merge this package.
	NextRebuild Kind = "next-rebuild"
	// NextDepclean: emerge --depclean would remove it.
	NextDepclean Kind = "next-depclean"
	// NextUpdate: an update of @world would merge it.
	NextUpdate Kind = "next-update"

	// NotLookedAt: something could not be read, so its state is unknown.
	NotLookedAt Kind = "not-looked-at"
)

// Observation is one fact about the result of a drill.
type Observation struct {
	Kind    Kind
	Subject string // a version, a path inside the root, or an atom
	Detail  string // one sentence without a full stop, or ""
	// Expected reports that the plan promised it or that every run of Portage causes
	// it. Any other observation is a difference.
	Expected bool
}

// Layer is the upper folder of one overlay of a drill, with everything that the steps
// wrote at and below a mount point. The overlay must be mounted without redirect_dir
// and metacopy: these leave the content of changed files below.
type Layer struct {
	Mount string       // inside the root, "/" for the overlay of the root itself
	Upper *hostfs.Root // the root of this is the upper folder
}

// Input is the evidence about a drill.
type Input struct {
	// Before is the root before the drill, After the merged tree.
	Before, After *hostfs.Root
	Layers        []Layer
	// VDB is the path of the installed-package database. State is the folder of the
	// files world and preserved_libs_registry. Both are paths inside the root.
	VDB, State string
	Plan       Plan
	// Protected reports whether CONFIG_PROTECT protects a path.
	Protected func(path string) bool
	// Places are folders and files that the drill or Portage's settings name, with
	// the writer of each: PKGDIR, PORTAGE_LOGDIR. They add to those of every host.
	Places  map[string]string
	Answers Answers
}

// maxOfKind is the maximum number of stored differences of one kind, and of expected
// observations of one kind. A failed drill may miss each file of a kernel source.
const maxOfKind = 1000

// looker is the state that all checks share.
type looker struct {
	Input
	ctx           context.Context
	all           []Observation
	dropped       map[Kind]int
	kept          map[Kind][2]int
	before, after map[string]Build
	// changed are the merged packages in after.
	changed []string
	isNew   map[string]bool
	objects map[string][]string // the ELF files of changed packages
	real    map[string]string   // folder of the merged tree -> the same path without symbolic links
}

// Look returns the observations about a drill, in the order of the checks. It fails
// if ctx ends or the VDB cannot be listed.
func Look(ctx context.Context, in Input) ([]Observation, error) {
	l := &looker{
		Input: in, ctx: ctx, kept: map[Kind][2]int{}, dropped: map[Kind]int{}, isNew: map[string]bool{}, objects: map[string][]string{}, real: map[string]string{},
	}
	if err := l.builds(); err != nil {
		return nil, err
	}
	for _, look := range []func(){l.changedFiles, l.config, l.libraries, l.world, l.holds, l.outside, l.next} {
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

// unread adds the observation that something could not be read.
func (l *looker) unread(subject string, err error) {
	l.say(NotLookedAt, subject, false, "%s", strings.TrimSpace(err.Error()))
}

// Verdict is the answer of a drill.
type Verdict = rollback.DrillVerdict

// The verdicts.
const (
	Proven                = rollback.Proven
	ProvenWithDifferences = rollback.ProvenWithDifferences
	Failed                = rollback.DrillFailed
)

// Judge returns the verdict about a drill. failed reports that a step failed; the
// rest is judged nevertheless.
func Judge(failed bool, all []Observation) Verdict {
	differences := differences(all)
	switch {
	case failed || slices.ContainsFunc(differences, func(o Observation) bool { return unbuilt[o.Kind] }):
		return Failed
	case len(differences) > 0:
		return ProvenWithDifferences
	}
	return Proven
}

// unbuilt are the differences which mean that the promised state was not reached.
var unbuilt = map[Kind]bool{BuildMissing: true, BuildDiffers: true, BuildLeft: true, BuildExtra: true, BuildGone: true}

// differences returns the observations that are not expected.
func differences(all []Observation) []Observation {
	var some []Observation
	for _, o := range all {
		if !o.Expected {
			some = append(some, o)
		}
	}
	return some
}
