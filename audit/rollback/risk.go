package rollback

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/audit/transition"
	"emaudit/parse/atom"
	"emaudit/parse/vdb"
)

// dataFormats are packages whose older versions may not read the data of newer ones,
// with the consequence.
var dataFormats = map[string]string{
	"dev-db/mariadb":          "the data directory is not read by an older release",
	"dev-db/mysql":            "the data directory is not read by an older release",
	"dev-db/postgresql":       "a cluster belongs to one major release",
	"dev-db/mongodb":          "the data files are upgraded in place",
	"dev-db/redis":            "an older release may not read the RDB and AOF files",
	"net-nds/openldap":        "the database may need slapcat and slapadd",
	"mail-mta/postfix":        "the queue and the maps may have a newer format",
	"net-mail/dovecot":        "index files and the configuration have a newer format",
	"app-containers/docker":   "the layers below /var/lib/docker may be migrated",
	"app-emulation/libvirt":   "saved states and XML of a newer release are refused",
	"www-apps/nextcloud":      "the database schema does not go back",
	"sys-fs/zfs":              "a pool with newer features is not imported",
	"sys-fs/zfs-kmod":         "a pool with newer features is not imported",
	"sys-fs/btrfs-progs":      "newer features of a file system may not be known",
	"sys-fs/cryptsetup":       "headers of a newer format are not read",
	"sys-apps/systemd":        "journals and the catalogue may have a newer format",
	"dev-vcs/subversion":      "working copies are upgraded in place",
	"media-sound/mpd":         "the database is rebuilt",
	"net-misc/networkmanager": "connections may have newer settings",
}

// bootPackages are the packages without which the host does not boot.
var bootPackages = map[string]bool{
	"sys-boot/grub": true, "sys-boot/systemd-boot": true, "sys-boot/efibootmgr": true, "sys-kernel/dracut": true, "sys-kernel/installkernel": true,
	"sys-apps/systemd": true, "sys-apps/openrc": true, "sys-apps/sysvinit": true, "sys-fs/cryptsetup": true, "sys-fs/lvm2": true, "sys-fs/zfs-kmod": true,
}

// toolchain are packages that other packages were built with. No soname shows that
// these need the newer libraries.
var toolchain = map[string]string{
	"sys-devel/gcc":     "programs that were built with the newer GCC may need symbols of its libstdc++",
	"llvm-core/clang":   "programs that were built with the newer Clang may need its runtime",
	"dev-lang/rust":     "what was built with the newer release stays as it is",
	"dev-lang/python":   "modules for another release of Python are not found by this one",
	"dev-lang/perl":     "modules for another release of Perl are not found by this one",
	"sys-apps/portage":  "an older Portage may not read what the newer one wrote into the VDB",
	"sys-libs/binutils": "libraries that link to libbfd need the very version",
}

// hostPhases are the phases that run on the host at a merge or an unmerge.
var hostPhases = []string{"pretend", "setup", "preinst", "postinst", "prerm", "postrm"}

// risks lists what a rollback does not restore, and what it can break.
func (j *Judge) risks(r *Rollback) {
	var withPhases []string
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Stays {
			continue
		}
		add := func(code string, severity audit.Severity, format string, args ...any) {
			cpv := c.CPV()
			r.Risks = append(r.Risks, Risk{Code: code, CPV: &cpv, Detail: fmt.Sprintf(format, args...), Severity: severity})
		}
		cp := audit.PackageOf(c.CPV())
		if c.Chosen != nil {
			if m := c.Chosen.Metadata; m != nil && slices.ContainsFunc(hostPhases, func(p string) bool { return slices.Contains(strings.Fields(m.DefinedPhases), p) }) {
				withPhases = append(withPhases, *c.To)
			}
			if !c.Chosen.HasEnvironment {
				add("no-environment", audit.SeverityWarning, "%s holds no environment.bz2: its phases cannot run", c.Chosen.Path)
			}
		}
		if m := failedPostinst(c.After); m != nil && !c.Stays && c.Chosen != nil {
			add(audit.CodePhaseFailed, audit.SeverityWarning, "its pkg_postinst failed on %s; it was built anew since, which may have repaired it", audit.Day(m.At))
		}
		if detail, ok := dataFormats[cp]; ok && c.Action != state.ActionReinstall {
			add("data-format", audit.SeverityWarning, "%s: its data does not go back with it", detail)
		}
		if detail, ok := toolchain[cp]; ok && (c.Action == state.ActionDowngrade || c.Action == state.ActionRemove) {
			add("toolchain-downgrade", audit.SeverityWarning, "%s", detail)
		}
		if strings.HasPrefix(cp, "sys-kernel/") {
			add("kernel", audit.SeverityWarning, "kernels, modules and initramfs outside of packages stay as they are; mount /boot before, and install the boot entry afterwards")
		} else if bootPackages[cp] {
			add("boot", audit.SeverityWarning, "the host starts with it: mount /boot before, and test the next start")
		}
		if cpv, err := atom.ParseCPV(c.CPV()); err == nil && strings.HasPrefix(cpv.Version, "9999") {
			add("live", audit.SeverityInfo, "a live version: only BUILD_TIME identifies its build, and it cannot be built again")
		}
		if c.Action == state.ActionDowngrade && transition.Libcs[cp] {
			add("libc-downgrade", audit.SeverityWarning, "%s would give way to an older C library: programs that were linked against it may no longer start", *c.From)
		}
	}
	if len(withPhases) > 0 {
		r.Risks = append(r.Risks, Risk{Code: "phases", Severity: audit.SeverityInfo, Detail: "commands of the older packages run on the host: " + listOf(withPhases)})
	}
	j.remoteRisks(r)
	j.configFiles(r)
	j.backupRisks(r)
	j.settingRisks(r)
	j.state(r)
	j.space(r)
}

// state lists properties of the produced state that break nothing, but that nobody
// asked for.
func (j *Judge) state(r *Rollback) {
	for _, w := range r.best.Lost {
		if w.Selected {
			continue // it leaves the world file with its package
		}
		r.Risks = append(r.Risks, Risk{
			Code: "system-member", Severity: audit.SeverityWarning,
			Detail: fmt.Sprintf("%s of %s is satisfied by nothing any more: the next update of @world brings it back", w.Atom, w.Origin),
		})
	}
	for _, w := range r.best.Deselect {
		r.Risks = append(r.Risks, Risk{
			Code: "world-atom", Severity: audit.SeverityWarning,
			Detail: fmt.Sprintf("%s has %s, which the older version does not satisfy: the plan takes the line out", w.Origin, w.Atom),
		})
	}
	for t, why := range r.best.Early {
		cpv := t.From.CPV()
		r.Risks = append(r.Risks, Risk{
			Code: "removed-first", CPV: &cpv, Severity: audit.SeverityInfo,
			Detail: "it is unmerged before anything is merged (" + why + "): until then the host is without it",
		})
	}
	for t, files := range r.best.Overwritten {
		cpv := t.To.CPV()
		r.Risks = append(r.Risks, Risk{Code: "file-overwritten", CPV: &cpv, Severity: audit.SeverityInfo, Detail: "it overwrites what it does not own today: " + listOf(files)})
	}
	slices.SortStableFunc(r.Risks, func(a, b Risk) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.Detail, b.Detail), strings.Compare(subject(a), subject(b)))
	})
	j.kernels(r)
}

// subject returns the package that a risk is about, or "".
func subject(r Risk) string {
	if r.CPV == nil {
		return ""
	}
	return *r.CPV
}

// kernels says when the last kernel goes, or the one that runs.
func (j *Judge) kernels(r *Rollback) {
	for _, t := range r.best.Changes {
		if t.Dropped != nil || t.From == nil || t.To != nil {
			continue
		}
		cpv := t.From.CPV()
		if !strings.HasPrefix(cpv, "sys-kernel/") {
			continue
		}
		warn := func(detail string) {
			r.Risks = append(r.Risks, Risk{Code: "kernel", CPV: &cpv, Severity: audit.SeverityWarning, Detail: detail})
		}
		if isKernel(audit.PackageOf(cpv)) && !slices.ContainsFunc(r.best.Produced.Names(), isKernel) {
			warn("it is the last kernel that a package has: without another one the host does not start")
		}
		if release := j.options.KernelRelease; release != "" && j.hasModulesOf(cpv, release) {
			warn("it has the modules of " + release + ", the kernel that runs: until the host has started another one, no further module can be loaded")
		}
	}
}

// hasModulesOf reports whether a package owns the modules of a kernel release.
func (j *Judge) hasModulesOf(cpv, release string) (has bool) {
	if j.options.Contents == nil {
		return false
	}
	j.options.Contents(cpv, func(e vdb.ContentsEntry) {
		has = has || e.Path == "/lib/modules/"+release || e.Path == "/usr/lib/modules/"+release
	})
	return has
}

// isKernel reports whether a package holds a kernel or its sources.
func isKernel(cp string) bool {
	name, ok := strings.CutPrefix(cp, "sys-kernel/")
	return ok && (strings.Contains(name, "-kernel") || strings.HasSuffix(name, "-sources"))
}

// space compares the size of what a rollback writes with the available disk space.
// Portage unpacks the packages below PORTAGE_TMPDIR, one after the other, and the staged
// PKGDIR holds a copy of each file. quickpkg writes into PKGDIR at most the unpacked
// size, because it compresses.
func (j *Judge) space(r *Rollback) {
	var copies, largest, backup int64
	for i := range r.Changes {
		if c := r.Changes[i].Chosen; c != nil && !r.Changes[i].Stays {
			copies += c.Size
			largest = max(largest, c.InstalledSize)
		}
	}
	for _, c := range j.unpackaged(r) {
		backup += c.Before.Row.Size
	}
	written := map[string]int64{audit.SpaceTmp: copies + largest, audit.SpacePkgDir: backup}
	for _, s := range j.options.Space {
		if size := written[s.Role]; s.Free < size {
			r.Risks = append(r.Risks, Risk{
				Code: "disk-space", Severity: audit.SeverityWarning,
				Detail: fmt.Sprintf("%s has %s free, and the plan writes up to %s there", s.Path, humanize.IBytes(uint64(s.Free)), humanize.IBytes(uint64(size))),
			})
		}
	}
}

// maxListed is the largest number of names in one line.
const maxListed = 5

// listOf joins the first few names.
func listOf(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}
