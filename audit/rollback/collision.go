package rollback

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/state"
	image "emaudit/parse/binpkg"
	"emaudit/store"
)

// Portage aborts a merge that would overwrite a file of another package
// (FEATURES=protect-owned, which is the default, and collision-protect;
// vartree.py, dblink._collision_protect). Files move between packages, so that
// a package of then can want a file that one of now owns. Which files a binary
// package holds is known once its image was unpacked; which ones an installed
// package owns, its CONTENTS says.

// collisions compares the files of what is put back with those of what stays.
func (j *RollbackJudge) collisions(r *Rollback) {
	if j.options.Contents == nil {
		return
	}
	wanted := map[string]*RollbackChange{}
	replaced := map[string]bool{}
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Chosen == nil {
			continue
		}
		if c.Before != nil {
			replaced[c.Before.Logged] = true
		}
		if c.Chosen.ImageChecked {
			j.want(r, c, wanted)
		}
	}
	var unread []string
	// A package may overwrite what it replaces.
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Chosen == nil || c.Before == nil || len(wanted) == 0 {
			continue
		}
		files, ok := j.contents(c.Before.Logged)
		if !ok {
			unread = append(unread, c.Before.Logged)
		}
		for _, file := range files {
			if wanted[file] == c {
				delete(wanted, file)
			}
		}
	}
	if j.options.Present != nil && j.options.Present("/bin/sh") {
		// What is not on the disk, nobody owns; a copy of a host may have no
		// files at all.
		for file := range wanted {
			if !j.options.Present(file) {
				delete(wanted, file)
			}
		}
	}
	if len(wanted) > 0 {
		unread = append(unread, j.owners(r, wanted, replaced)...)
	}
	if len(unread) > 0 {
		r.Unknowns = append(r.Unknowns, Unknown{
			Code: "contents-unread", Detail: "which files these own could not be read, so neither whether a file of theirs would be overwritten: " + listOf(unread),
			SettleWith: audit.Do(audit.Emaudit("rollback")).When("as root, on the host itself"),
		})
	}
}

// want adds the files of one package that is to be merged.
func (j *RollbackJudge) want(r *Rollback, c *RollbackChange, wanted map[string]*RollbackChange) {
	names, ok, err := j.Db.Tx.InstanceFiles(c.Chosen.ID)
	j.Past.Err = cmp.Or(j.Past.Err, err)
	if !ok {
		r.Unknowns = append(r.Unknowns, Unknown{
			Code: "file-collision-unknown", Detail: c.Chosen.Path + ": which files it holds is not known, so neither whether they belong to another package now",
			SettleWith: audit.Do(audit.Emaudit("verify", "--all", "--images", c.Chosen.Path)),
		})
		return
	}
	boot, modules := false, false
	image.ReadImageNames(names, func(n image.ImageName) {
		if n.Kind == image.ImageFolder {
			return
		}
		file := n.Path
		boot = boot || strings.HasPrefix(file, "/boot/")
		module := strings.HasPrefix(file, "/lib/modules/") || strings.HasPrefix(file, "/usr/lib/modules/")
		modules = modules || module
		// COLLISION_IGNORE of make.globals.
		if !module && !strings.HasSuffix(file, ".pyc") && !strings.HasSuffix(file, ".pyo") {
			wanted[file] = c
		}
	})
	cpv := *c.To
	if strings.HasPrefix(cpv, "sys-kernel/") {
		return // said already
	}
	if boot {
		r.Risks = append(r.Risks, Risk{Code: "boot", CPV: &cpv, Severity: audit.SeverityWarning, Detail: "it has files below /boot: mount it before, and test the next start"})
	}
	if modules {
		r.Risks = append(r.Risks, Risk{Code: "kernel-modules", CPV: &cpv, Severity: audit.SeverityWarning, Detail: "it has kernel modules, for the kernel that it was built for: compare with uname -r"})
	}
}

// owners looks for the wanted files among those of the packages that are not
// replaced, and returns the packages whose files could not be read.
func (j *RollbackJudge) owners(r *Rollback, wanted map[string]*RollbackChange, replaced map[string]bool) (unread []string) {
	removed := map[string]bool{}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Action == state.ActionRemove && c.Before != nil {
			removed[c.Before.Logged] = true
		}
	}
	severity := audit.SeverityWarning
	if j.Accept.Features["protect-owned"] || j.Accept.Features["collision-protect"] {
		severity = audit.SeverityError
	}
	for i := range j.Past.Installed {
		owner := j.Past.Installed[i].CPV
		if replaced[owner] {
			continue
		}
		clashes := map[*RollbackChange][]string{}
		// All files of a host are too many to keep.
		ok := j.options.Contents(owner, func(file string) {
			if c := wanted[file]; c != nil {
				clashes[c] = append(clashes[c], file)
			}
		})
		if !ok {
			unread = append(unread, owner)
		}
		if len(clashes) > 0 && removed[owner] {
			r.early = append(r.early, owner)
			continue
		}
		for k := range r.Changes {
			c := &r.Changes[k]
			if files := clashes[c]; len(files) > 0 {
				r.Risks = append(r.Risks, Risk{
					Code: "file-collision", CPV: c.To, Severity: severity,
					Detail: fmt.Sprintf("%s: %s owns %s now, and Portage does not overwrite what another package owns", listOf(files), owner, map[bool]string{true: "it", false: "them"}[len(files) == 1]),
				})
			}
		}
	}
	return unread
}

// contents returns what an installed package owns besides folders.
func (j *RollbackJudge) contents(cpv string) (files []string, ok bool) {
	if j.owned == nil {
		j.owned = map[string][]string{}
	}
	if files, ok := j.owned[cpv]; ok {
		return files, files != nil
	}
	files = []string{}
	if !j.options.Contents(cpv, func(file string) { files = append(files, file) }) {
		files = nil
	}
	j.owned[cpv] = files
	return files, files != nil
}

// removedEarly tells whether a package that is to be removed owns a file that
// is to be merged.
func (r *Rollback) removedEarly(p *store.Installed) bool {
	return p != nil && slices.Contains(r.early, p.CPV)
}
