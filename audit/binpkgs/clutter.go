package binpkgs

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/store/inventory"
)

// clutter reports files in the folder that are not binary packages.
func (r *integrityRound) clutter() {
	for _, o := range r.others {
		age := r.Now - FloorSeconds(o.MTimeNS)
		since := audit.Day(FloorSeconds(o.MTimeNS))
		switch o.Role {
		case inventory.RoleTemporary:
			switch pid := pidOf(o.Path); {
			case r.opts.Running != nil && pid != 0 && r.opts.Running(pid):
				r.report(audit.SeverityInfo, audit.CodePkgdirTemporary, o.Path, 0, waitForBuild, "being written now by process %d", pid)
			case (r.opts.Running == nil || pid == 0) && age < settling:
				r.report(audit.SeverityInfo, audit.CodePkgdirTemporary, o.Path, 0, waitForBuild, "written %s ago: a build may still be using it", ageInWords(age))
			default:
				r.report(audit.SeverityInfo, audit.CodePkgdirTemporary, o.Path, 0, r.remove(o.Path), "left over since %s by a build, a package move or a write of the index that was killed", since)
			}
		case inventory.RolePartial:
			remedy, message := r.remove(o.Path), "left over since "+since+" by a fetch or a package move that was interrupted"
			if age < settling {
				remedy, message = waitForBuild, "written "+ageInWords(age)+" ago: a fetch or a package move may be going on"
			}
			r.report(audit.SeverityInfo, audit.CodePkgdirPartial, o.Path, 0, remedy, "%s", message)
		case inventory.RoleChecksumFailure:
			r.checksumFailure(o)
		case inventory.RoleLock:
			if age >= settling {
				r.report(audit.SeverityInfo, "pkgdir-lock", o.Path, 0, r.remove(o.Path), "a lock from %s: Portage removes its locks when it is done", since)
			}
		case inventory.RoleSymlink:
			if namedLikeBinpkg(o) {
				r.report(audit.SeverityInfo, audit.CodeBinpkgSymlink, o.Path, 0, r.remove(o.Path), "a symlink: Portage ignores it when it scans the files")
			} else {
				r.report(audit.SeverityInfo, audit.CodePkgdirStray, o.Path, 0, r.remove(o.Path), "a symlink: Portage ignores it when it scans the files")
			}
		case inventory.RoleNotAFile:
			severity := audit.SeverityInfo
			if namedLikeBinpkg(o) {
				severity = audit.SeverityWarning
			}
			r.report(severity, audit.CodeBinpkgNotAFile, o.Path, 0, r.remove(o.Path), "a %s: neither Portage nor emaudit opens it", o.Kind)
		case inventory.RoleUnlisted:
			r.report(audit.SeverityWarning, audit.CodePkgdirUnreadable, o.Path, 0, audit.RemedyPermissions, "it could not be listed: its content is unknown")
		case inventory.RoleDeep:
			r.report(audit.SeverityInfo, audit.CodePkgdirStray, o.Path, 0, audit.Do(audit.Files("find", path.Join(r.dir.Path, o.Path), "-type", "f")).When("move what you need"), "a folder deeper than any that Portage uses: emaudit does not look into it")
		case inventory.RoleStray:
			r.report(audit.SeverityInfo, audit.CodePkgdirStray, o.Path, 0, r.remove(o.Path), "not a binary package, and nothing that Portage put there")
		}
	}
}

// waitForBuild is the remedy for a file that Portage may be writing.
var waitForBuild = audit.Do(audit.Emaudit("current")).When("wait for Portage to end")

// checksumFailure reports a package that Portage renamed because its digest was
// wrong at a merge.
func (r *integrityRound) checksumFailure(o inventory.PkgDirFile) {
	original, _, _ := strings.Cut(o.Path, "._checksum_failure_.")
	state, remedy := "and another file took its place", r.remove(o.Path)
	if r.byPath[original] == nil {
		state = "and nothing took its place"
		if again := r.recreate(&Binpkg{Instance: &inventory.Instance{Path: original, Traits: &inventory.Traits{}}, Dir: r.dir}); !again.IsZero() {
			remedy = again.Then(remedy)
		}
		lost, err := inventory.LostEntries(r.Tx, r.dir.ID)
		r.err = cmp.Or(r.err, err)
		if slices.ContainsFunc(lost, func(e *inventory.IndexEntry) bool { return e.Path == original }) {
			remedy = remedy.Then(r.fix())
		}
	}
	r.report(audit.SeverityWarning, audit.CodeBinpkgChecksumFailure, o.Path, 0, remedy, "Portage renamed %s when its digest was wrong at a merge, %s", path.Base(original), state)
}
