package rollback

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/store/inventory"
)

// encodeRepository returns a repository without its name, for the database of a fleet.
func encodeRepository(r inventory.Repository) string {
	return fmt.Sprintf("%t %t %t %s\x00%s", r.Main, r.Git, r.Shallow, r.SyncType, r.Location)
}

func decodeRepository(name, value string) inventory.Repository {
	r := inventory.Repository{Name: name}
	value, r.Location, _ = strings.Cut(value, "\x00")
	_, _ = fmt.Sscan(value, &r.Main, &r.Git, &r.Shallow, &r.SyncType)
	return r
}

// gentooHistory is the repository that has every ebuild that Gentoo ever had.
const gentooHistory = "https://anongit.gentoo.org/git/repo/gentoo.git"

// ebuildBack returns the remedy for an ebuild that the repositories no longer have:
// then, which builds it, after commands that put the ebuild into an overlay. A sync
// would take it out of any other repository. The ebuild comes from the VDB if the
// version is installed, otherwise from the history of the repository.
func (j *Judge) ebuildBack(r *Rollback, cpv string, then audit.Remedy) audit.Remedy {
	main := inventory.Repository{Name: append(slices.Clone(j.Accept.Repositories), "gentoo")[0]}
	for _, repo := range j.options.Repositories {
		if repo.Main {
			main = repo
		}
	}
	overlay, isNew := j.overlay()
	ebuild := path.Join(audit.PackageOf(cpv), path.Base(cpv)+".ebuild")
	var fetch string
	switch installed := slices.ContainsFunc(j.Past.Installed, func(p inventory.Installed) bool { return p.CPV == cpv }); {
	case installed:
		fetch = fmt.Sprintf("cp %s %s", audit.ShellQuote(path.Join(j.vdb, cpv, path.Base(ebuild))), audit.ShellQuote(path.Join(overlay, path.Dir(ebuild))))
	case main.Git && main.Shallow:
		fetch = fmt.Sprintf("git -C %s fetch --unshallow && %s", audit.ShellQuote(main.Location), fromHistory(main.Location, ebuild, overlay))
	case main.Git:
		fetch = fromHistory(main.Location, ebuild, overlay)
	case main.Name != "gentoo":
		return then.When("the history of " + main.Name + " is not here: once its ebuild is in an overlay")
	default:
		if snapshot := j.snapshotOf(r); !snapshot.IsZero() {
			return audit.Do(snapshot).Then(then)
		}
		history := j.typed.EPrefix + "/var/db/repos/gentoo.git"
		fetch = fmt.Sprintf("git clone --bare --filter=blob:none %s %s && %s", gentooHistory, history, fromHistory(history, ebuild, overlay))
	}
	script := fmt.Sprintf("mkdir -p %s && ", audit.ShellQuote(path.Join(overlay, path.Dir(ebuild))))
	if isNew {
		script = fmt.Sprintf(`mkdir -p %s %s && printf '%%s\n' 'repo-name = emaudit' 'masters = %s' > %s && `, audit.ShellQuote(path.Join(overlay, "metadata")),
			audit.ShellQuote(path.Join(overlay, path.Dir(ebuild))), main.Name, audit.ShellQuote(path.Join(overlay, "metadata/layout.conf")))
		then.Commands = slices.Clone(then.Commands)
		for i := range then.Commands {
			then.Commands[i] = then.Commands[i].With("PORTDIR_OVERLAY=" + overlay)
		}
	}
	script += fmt.Sprintf("%s && %s %s manifest", fetch, j.typed.Program("ebuild"), audit.ShellQuote(path.Join(overlay, ebuild)))
	return audit.Do(audit.Script(script)).Then(then)
}

// overlay returns the overlay of the administrator, or one that is to be made.
func (j *Judge) overlay() (folder string, isNew bool) {
	for _, repo := range slices.Backward(j.options.Repositories) {
		if repo.SyncType == "" && !repo.Main && !repo.Git {
			return repo.Location, false
		}
	}
	return j.typed.EPrefix + "/var/db/repos/emaudit", true
}

// fromHistory returns the shell command that takes the last version of an ebuild, and
// the files beside it, from the history of a repository.
func fromHistory(repository, ebuild, overlay string) string {
	git, dir := "git -C "+audit.ShellQuote(repository), path.Dir(ebuild)
	return fmt.Sprintf(`gone=$(%s log -1 --diff-filter=D --format=%%H -- %s) && %s archive "$gone^" %s ':!%s/*.ebuild' | tar -x -C %s && %s show "$gone^:%s" > %s`,
		git, ebuild, git, dir, dir, audit.ShellQuote(overlay), git, ebuild, audit.ShellQuote(path.Join(overlay, ebuild)))
}

// snapshotOf returns the command that sets the Gentoo repository back to the last sync
// before the state. The command is zero if no such sync is known, or if the repository
// does not come from the mirrors that have snapshots.
func (j *Judge) snapshotOf(r *Rollback) audit.Command {
	fromMirrors := func(repo inventory.Repository) bool {
		return repo.Name == "gentoo" && (repo.SyncType == "rsync" || repo.SyncType == "webrsync")
	}
	if !slices.ContainsFunc(j.options.Repositories, fromMirrors) {
		return audit.Command{}
	}
	day := j.syncedBefore(r.Target.Time)
	if day == "" {
		return audit.Command{}
	}
	return audit.Run("emerge-webrsync", "--revert="+day)
}
