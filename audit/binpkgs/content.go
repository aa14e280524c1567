package binpkgs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// settling is the age, in seconds, up to which an unfinished file may still belong
// to a build, a fetch or a package move. Portage reserves the name when packaging
// begins, and packaging takes minutes, not hours.
const settling = 3600

// content reports problems that reading the file itself shows.
func (r *integrityRound) content(b *Binpkg) {
	unread, empty := false, false
	for _, p := range b.Problems {
		unread = unread || p.Code == inventory.ProblemUnread
		empty = empty || p.Code == binpkg.ProblemEmptyFile
	}
	switch {
	case unread:
		r.worst(b, audit.SeverityWarning, inventory.ProblemUnread, audit.RemedyPermissions, "could not be read")
	case empty && b.Entry != nil:
		// A power failure can leave a file without its data.
		r.note(b, audit.SeverityError, audit.CodeBinpkgDamaged, r.replace(b), "it is empty, but the index lists %d bytes: its content is lost", max(b.Entry.Size, 0))
	case empty:
		r.empty(b)
	case b.EntryContradicts() && !b.brokenByItself():
		// The digests report it.
	case b.Damaged():
		r.worst(b, audit.SeverityError, audit.CodeBinpkgDamaged, r.replace(b), "damaged")
	case b.Integrity == binpkg.Unknown || b.Structure == inventory.StructureUnknown:
		remedy := r.replace(b)
		if b.VerifiedAt == 0 {
			remedy = audit.Do(audit.Emaudit("verify", b.Source()))
		}
		r.worst(b, audit.SeverityWarning, audit.CodeBinpkgUnknown, remedy, "emaudit cannot tell whether it is whole")
	default:
		r.irregular(b)
	}
	switch b.Signature {
	case binpkg.SignatureInvalid:
		remedy := r.replace(b)
		if !b.Damaged() && !b.Has(binpkg.ProblemSignatureMissing) {
			remedy = audit.Do(audit.Run("getuto"), audit.Emaudit("verify", "--all", b.Source()))
		}
		r.worst(b, audit.SeverityError, audit.CodeBinpkgSignatureInvalid, remedy, "its signature is not valid")
	case binpkg.SignatureUnknownKey:
		r.note(b, audit.SeverityWarning, audit.CodeBinpkgSignatureUnknownKey, audit.Do(audit.Run("getuto")).When("unless its key is in another keyring (emaudit verify --keyring FILE)"),
			"signed by key %s, which is not in the keyring", cmp.Or(b.SignatureKey, "unknown"))
	}
	if b.Format == binpkg.FormatGpkg && b.Signed == inventory.SignedNo && r.features["binpkg-request-signature"] && !b.Damaged() {
		r.note(b, audit.SeverityError, audit.CodeBinpkgUnsigned, audit.Do(audit.Run("gpkg-sign", "--allow-unsigned", b.Source())).Then(r.fix()), "it is not signed, and Portage refuses unsigned packages (FEATURES=binpkg-request-signature)")
	}
}

// worst reports all problems of a file in one finding.
func (r *integrityRound) worst(b *Binpkg, severity audit.Severity, code string, remedy audit.Remedy, otherwise string) {
	f := audit.Finding{Code: code, Severity: severity, Subject: b.Source(), Message: otherwise, Remedy: remedy}
	var messages []string
	for _, p := range b.Problems {
		if placeProblems[p.Code] {
			continue
		}
		messages = append(messages, p.Code+": "+p.Message)
		f.Evidence = append(f.Evidence, audit.Evidence{Source: b.Source(), Offset: p.Offset})
	}
	switch len(messages) {
	case 0:
		f.Evidence = append(f.Evidence, audit.Evidence{Source: b.Source()})
	case 1:
		f.Message = messages[0]
	default:
		f.Message = fmt.Sprintf("%s (and %d more)", messages[0], len(messages)-1)
	}
	if b.VerifiedAt != 0 {
		f.Message += " (read " + audit.Day(b.VerifiedAt) + ")"
	}
	r.findings = append(r.findings, f)
}

// placeProblems are problems of the location of a file, not of its content.
var placeProblems = map[string]bool{inventory.ProblemMisnamed: true, inventory.ProblemMisplaced: true}

// empty reports a file without content. Portage creates such a file to reserve the
// name of a package, and a build that is killed leaves it (bintree.py,
// _allocate_filename_multi).
func (r *integrityRound) empty(b *Binpkg) {
	age := r.Now - FloorSeconds(b.MTimeNS)
	switch {
	case r.beingPacked(b.Path):
		r.report(audit.SeverityInfo, audit.CodeBinpkgEmpty, b.Path, 0, waitForBuild, "an empty file: Portage is packing this package now")
	case age < settling && r.opts.Running == nil:
		r.report(audit.SeverityInfo, audit.CodeBinpkgEmpty, b.Path, 0, waitForBuild, "an empty file, %s old: Portage may still be packing this package", ageInWords(age))
	default:
		r.report(audit.SeverityWarning, audit.CodeBinpkgEmpty, b.Path, 0, r.remove(b.Path), "an empty file, left on %s by a build that was killed or failed: Portage reports it as invalid at every scan", audit.Day(FloorSeconds(b.MTimeNS)))
	}
}

// beingPacked reports whether a running process is writing a temporary file of the
// package.
func (r *integrityRound) beingPacked(rel string) bool {
	if r.opts.Running == nil {
		return false
	}
	for _, o := range r.others {
		if o.Role == inventory.RoleTemporary && strings.HasPrefix(o.Path, rel) && r.opts.Running(pidOf(o.Path)) {
			return true
		}
	}
	return false
}

// pidOf returns the process id in the name of a temporary file, or 0:
// PF-ID.gpkg.tarRANDOM.PID of a build, PF.gpkg.tar.PID of quickpkg.
func pidOf(name string) int {
	pid, err := strconv.Atoi(name[strings.LastIndexByte(name, '.')+1:])
	if err != nil || pid < 1 {
		return 0
	}
	return pid
}

// ageInWords returns an age in words.
func ageInWords(seconds int64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%d s", max(seconds, 0))
	case seconds < 2*3600:
		return fmt.Sprintf("%d min", seconds/60)
	case seconds < 2*86400:
		return fmt.Sprintf("%d h", seconds/3600)
	}
	return fmt.Sprintf("%d days", seconds/86400)
}

// oddities are problems that do not damage a package, with their meaning for its
// users.
var oddities = map[string]struct {
	code     string
	severity audit.Severity
}{
	binpkg.ProblemConfigStub:      {"binpkg-config-stub", audit.SeverityWarning},
	binpkg.ProblemImageAltered:    {audit.CodeBinpkgAltered, audit.SeverityInfo},
	binpkg.ProblemImageLossy:      {audit.CodeBinpkgLossy, audit.SeverityWarning},
	binpkg.ProblemImageDevice:     {audit.CodeBinpkgNotInstallable, audit.SeverityError},
	binpkg.ProblemMemberAmbiguous: {audit.CodeBinpkgIrregular, audit.SeverityWarning},
	binpkg.ProblemTrailingData:    {audit.CodeBinpkgIrregular, audit.SeverityWarning},
}

// signatureProblems are problems that the state of the signature includes.
var signatureProblems = map[string]bool{binpkg.ProblemSignatureUnknownKey: true, binpkg.ProblemSignatureKey: true, binpkg.ProblemSignatureMissing: true, binpkg.ProblemSignatureInvalid: true}

// irregular reports problems that Portage tolerates.
func (r *integrityRound) irregular(b *Binpkg) {
	for _, p := range b.Problems {
		if placeProblems[p.Code] || signatureProblems[p.Code] {
			continue
		}
		odd, ok := oddities[p.Code]
		if !ok {
			odd.code, odd.severity = audit.CodeBinpkgIrregular, audit.SeverityInfo
		}
		remedy := r.replace(b)
		switch odd.code {
		case audit.CodeBinpkgAltered:
			if b.CPV != "" {
				remedy = r.inFolder(rebuildCommand(b.CPV))
			}
			remedy = remedy.When("do nothing if you want these files; for those of the ebuild")
		case audit.CodeBinpkgLossy: // a new package would lack the same files
			if b.CPV != "" && len(r.byCPV[b.CPV]) > 0 {
				remedy = r.inFolder(rebuildCommand(b.CPV))
			}
		case audit.CodeBinpkgNotInstallable:
			remedy = audit.Do(audit.Run("emerge", "--oneshot", "--usepkg=n", "="+b.CPV)).When("build it from source where it is needed")
		}
		r.report(odd.severity, odd.code, b.Path, p.Offset, remedy, "%s: %s", p.Code, p.Message)
	}
}

// ConfigBecomesPristine is the effect of a changed configuration file in a package
// (Portage bug 464662). After a merge, CONTENTS holds the MD5 of the changed file.
// FEATURES=config-protect-if-modified, the default, then treats it as an unmodified
// file of the package (vartree.py, _protect).
const ConfigBecomesPristine = `the update after that replaces it without a ._cfg file, unless it runs with FEATURES="-config-protect-if-modified"`

// brokenByItself reports whether the file has a problem other than a different
// digest in the index.
func (b *Binpkg) brokenByItself() bool {
	other := func(p inventory.Problem) bool { return p.Code != inventory.ProblemDigest && !placeProblems[p.Code] }
	return b.Damaged() && slices.ContainsFunc(b.Problems, other)
}

// digests compares the computed digests with those in the index and in the VDB.
func (r *integrityRound) digests(b *Binpkg) {
	if b.EntryContradicts() && !b.brokenByItself() {
		for _, d := range []struct {
			name      string
			want, got []byte
		}{{"MD5", b.Entry.MD5, b.MD5}, {"SHA1", b.Entry.SHA1, b.SHA1}} {
			if len(d.want) == 0 || len(d.got) == 0 || bytes.Equal(d.want, d.got) {
				continue
			}
			// If all checks of the Manifest pass and nothing is odd, the index is
			// wrong.
			remedy, also := r.refresh(b), ""
			if b.Integrity != binpkg.Whole || b.odd() {
				remedy = r.replace(b)
			}
			if i := slices.IndexFunc(b.Problems, isOdd); i >= 0 && b.Integrity == binpkg.Whole {
				also = fmt.Sprintf(" (%s: %s)", b.Problems[i].Code, b.Problems[i].Message)
			}
			r.note(b, audit.SeverityError, audit.CodeIndexDigestMismatch, remedy,
				"%s is %x, and %x in the index: a merge ends with a digest failure, and Portage renames the file%s", d.name, d.got, d.want, also)
			return
		}
	}
	md5 := b.MD5
	if md5 == nil && b.EntryCurrent() && b.SHA1 != nil {
		md5 = b.Entry.MD5 // the SHA1 in the same entry is right, as checked above
	}
	if md5 == nil || b.BuildTime == 0 || b.VerifiedAt == 0 || b.Damaged() || b.Lossy() {
		return
	}
	for _, p := range r.byCPV[b.CPV] {
		if p.BinpkgMD5 == nil || p.BuildTime != b.BuildTime || bytes.Equal(p.BinpkgMD5, md5) || r.merged(p.BinpkgMD5) {
			continue
		}
		r.note(b, audit.SeverityInfo, "binpkg-not-as-merged", r.replace(b).When("nothing, where it was packed by quickpkg, signed again or moved; otherwise"),
			"it is of the installed build, and not the file that was merged: MD5 is %x, and %x in the VDB", md5, p.BinpkgMD5)
	}
}

// merged reports whether an installed package came from the file with this MD5.
func (r *integrityRound) merged(md5 []byte) bool {
	return slices.ContainsFunc(r.binpkgs, func(b *Binpkg) bool { return SameMD5(b.Md5(), md5) })
}

// unverified reports how many files of a folder were never read in full, in one
// finding.
func (r *integrityRound) unverified() {
	n, signed := 0, 0
	for _, b := range r.binpkgs {
		switch {
		case b.VerifiedAt != 0 || b.Damaged() || b.Size == 0:
		default:
			n++
			if b.Signature == binpkg.SignatureUnchecked && b.Signed != inventory.SignedUnknown {
				signed++
			}
		}
	}
	if n == 0 {
		return
	}
	message := fmt.Sprintf("%d of %d binary packages were never read in full: nobody knows whether they are whole", n, len(r.binpkgs))
	if signed > 0 {
		message += fmt.Sprintf(", nor whether the signatures of %d are valid", signed)
	}
	r.report(audit.SeverityInfo, "binpkg-unverified", "", 0, audit.Do(audit.Emaudit("verify")), "%s", message)
}
