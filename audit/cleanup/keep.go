package cleanup

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/store/inventory"
)

// keptState is a state whose files are kept.
type keptState struct {
	title         string
	code          string
	last          bool // before one of the last updates
	days          bool // kept only for its age
	target        state.Target
	installations []*state.Installation
}

const secondsPerDay = 24 * 3600

// longerFactor is how many times longer the packages of system, toolchain and boot
// stay. People often notice a fault of these late, after a reboot.
const longerFactor = 3

// keepStates keeps what the present state, the last states and the pinned ones need.
//
// A state needs the file of a package that a rollback would choose. So the verdict of
// the rollback stays the same when all other files are gone.
func (p *pruner) keepStates() error {
	chosen := map[*state.Installation]*binpkgs.Binpkg{}
	need := func(s *state.Installation) (*binpkgs.Binpkg, error) {
		if b, ok := chosen[s]; ok || len(p.Past.ByCPV[s.CPV]) == 0 {
			return b, nil
		}
		c := rollback.Change{Change: state.Change{Action: state.ActionInstall, To: &s.CPV, After: s}}
		if err := p.Choose(&rollback.Rollback{}, &c); err != nil {
			return nil, err
		}
		var b *binpkgs.Binpkg
		if c.Chosen != nil {
			b = c.Chosen.Binpkg
		} else {
			b = p.refused(s)
		}
		chosen[s] = b
		return b, nil
	}
	for _, s := range p.Now.Installations {
		b, err := need(s)
		if err != nil {
			return err
		}
		if b != nil {
			p.hold(b, KeepInstalled, "for "+s.CPV+", which is installed", nil)
		}
	}
	flags := &binpkgs.UseFlags{Tx: p.Db.Tx, Of: map[int64]string{}}
	// Coverage may prefer another file than a rollback.
	for i := range p.Past.Installed {
		_, best, err := binpkgs.Cover(flags, &p.Past.Installed[i], p.Past.ByCPV[p.Past.Installed[i].CPV])
		if err != nil {
			return err
		}
		if best != nil {
			p.hold(best, KeepInstalled, "for "+best.CPV+", which is installed", nil)
		}
	}
	// This comes before the states, because no budget takes what another host needs.
	if err := p.keepForOthers(); err != nil {
		return err
	}
	states, err := p.keptStates()
	if err != nil {
		return err
	}
	for _, k := range states {
		if err := p.keepState(k, need); err != nil {
			return err
		}
	}
	return nil
}

// refused returns the best file for a package of a state among the whole files that
// Portage refuses today. A line of configuration may allow it, and then the state
// needs it.
func (p *pruner) refused(s *state.Installation) *binpkgs.Binpkg {
	want := p.Past.BuildOf(s)
	var best *binpkgs.Binpkg
	for _, b := range p.Past.ByCPV[s.CPV] {
		if b.Damaged() || !b.Visible || p.reasons[b].Code != "" {
			continue
		}
		if best == nil || cmp.Or(want.Matches(best).Rank()-want.Matches(b).Rank(), cmp.Compare(b.BuildTime, best.BuildTime)) > 0 {
			best = b
		}
	}
	return best
}

// keptStates lists the states that the policy keeps, the newest first, and the
// pinned ones.
func (p *pruner) keptStates() ([]*keptState, error) {
	states, err := p.policy.statesToKeep(p.Past, p.Now, p.Db.Now)
	if err != nil {
		return nil, err
	}
	known := 0
	for _, k := range states {
		if !k.last {
			continue
		}
		if k.target.Known {
			known++
		}
		if p.facts.TotalsOnly {
			continue
		}
		r, err := p.BackTo(state.Moment{Run: *k.target.Run})
		if err != nil {
			return nil, err
		}
		p.plan.States = append(p.plan.States, PruneState{Target: k.target, Verdict: r.Verdict, Why: whyNotReady(r)})
	}
	if known < p.policy.KeepStates {
		p.unknown = fmt.Sprintf("only %d of the last %d states are known", known, p.policy.KeepStates)
		p.plan.Findings = append(p.plan.Findings, audit.Finding{
			Code: "prune-states-unknown", Severity: audit.SeverityWarning, Subject: "states",
			Message: p.unknown + ": every whole binary package that one of them may need is kept", Remedy: audit.Do(audit.Emaudit("states")),
		})
	}
	return states, nil
}

// whyNotReady says in a few words why a rollback is not ready.
func whyNotReady(r *rollback.Rollback) string {
	var parts []string
	switch {
	case r.Verdict != rollback.NotReady && r.Verdict != rollback.Partial:
		return ""
	case !r.Target.Known && len(r.Target.Unknown) == 0:
		return "what was installed then is not known"
	}
	if n := len(r.Gaps); n > 0 {
		parts = append(parts, fmt.Sprintf("%s no binary package that can be merged", audit.Counted(n, "package has", "packages have")))
	}
	if n := len(r.Unsatisfied); n > 0 {
		parts = append(parts, audit.Counted(n, "dependency is not met", "dependencies are not met"))
	}
	return strings.Join(parts, ", ")
}

// keepState keeps what one state needs.
func (p *pruner) keepState(k *keptState, need func(*state.Installation) (*binpkgs.Binpkg, error)) error {
	whole := true
	files := make([]*binpkgs.Binpkg, 0, len(k.installations))
	for _, x := range k.installations {
		b, err := need(x)
		if err != nil {
			return err
		}
		whole = whole && (b != nil || p.there[x.CPV])
		if b != nil {
			files = append(files, b)
		}
	}
	for _, b := range files {
		group := ""
		if k.code == KeepImportant || k.days {
			group = p.groupOf(b)
		}
		switch {
		case k.code == KeepImportant && group == "":
			continue
		case k.code == KeepImportant:
			p.hold(b, KeepImportant, fmt.Sprintf("%s: kept longer, the state %s needs it", group, k.title), nil)
			continue
		case k.days && !whole && k.target.Known && p.keep[b] == nil && group == "":
			// No rollback can reach that state, whatever is kept for it.
			continue
		}
		p.hold(b, k.code, "the state "+k.title+" needs it", k)
	}
	if k.code == KeepState {
		p.steps = append(p.steps, k)
	}
	return nil
}

// keepOthers keeps files that no state needs, for other reasons.
func (p *pruner) keepOthers() {
	youngest := p.Db.Now - int64(p.policy.KeepDays)*secondsPerDay
	copies := map[string]*binpkgs.Binpkg{}
	p.keepVersions()
	for i := range p.Past.Binpkgs {
		b := &p.Past.Binpkgs[i]
		switch {
		case p.policy.Excludes.binpkg(b):
			p.keep[b] = &keeping{code: KeepExcluded, reason: "--exclude"}
		case p.keep[b] != nil:
		case slices.Contains(p.plan.UnreadDirs, b.Dir.Path):
			p.hold(b, KeepUnread, "its folder could not be read", nil)
		case b.Damaged() && p.unsettled(b.MTimeNS):
			p.hold(b, KeepUnsettled, "it is not whole, and Portage may be using it", nil)
		case b.Damaged():
		case b.CPV == "" || b.Metadata == nil || b.Structure != inventory.StructureSound:
			p.hold(b, KeepUnread, "its metadata could not be read", nil)
		case p.duplicated(b):
		case p.unknown != "":
			p.hold(b, KeepUnknownState, p.unknown, nil)
		case max(b.BuildTime, binpkgs.FloorSeconds(b.MTimeNS)) >= youngest && !p.newerKept(b):
			if code, _ := p.changedSince(b); code == "" {
				p.hold(b, KeepRecent, fmt.Sprintf("it is younger than %d days", p.policy.KeepDays), nil)
			}
		}
		if p.keep[b] == nil && p.restorable(b) && !p.newerKept(b) && p.better(b, copies[b.CPV]) {
			copies[b.CPV] = b
		}
	}
	for cpv, b := range copies {
		if slices.ContainsFunc(p.Past.ByCPV[cpv], func(c *binpkgs.Binpkg) bool { return p.keep[c] != nil && p.usable[c] }) {
			continue
		}
		switch p.ebuild(b) {
		case acceptance.EbuildGone:
			if p.policy.KeepLastCopies {
				p.hold(b, KeepLastCopy, "the last copy, and its ebuild is gone: it could not be built again", nil)
			}
		case acceptance.EbuildUnknown:
			p.hold(b, KeepLastCopy, "the last copy, and nobody knows whether it could be built again", nil)
		}
	}
	p.keepBuilds()
}

// keepVersions keeps the newest build of the newest versions of each package.
func (p *pruner) keepVersions() {
	if p.policy.KeepVersions == 0 {
		return
	}
	versions := map[string][]string{} // by category/pn
	newest := map[string]*binpkgs.Binpkg{}
	for i := range p.Past.Binpkgs {
		b := &p.Past.Binpkgs[i]
		if !p.restorable(b) {
			continue
		}
		if newest[b.CPV] == nil {
			cp := audit.PackageOf(b.CPV)
			versions[cp] = append(versions[cp], b.CPV)
		}
		if p.better(b, newest[b.CPV]) {
			newest[b.CPV] = b
		}
	}
	for cp, cpvs := range versions {
		slices.SortFunc(cpvs, func(a, b string) int { return binpkgs.CompareCPV(b, a) })
		for _, cpv := range cpvs[:min(len(cpvs), p.policy.KeepVersions)] {
			p.hold(newest[cpv], KeepNewest, fmt.Sprintf("of the newest %s of %s", audit.Counted(p.policy.KeepVersions, "version", "versions"), cp), nil)
		}
	}
}

// keepBuilds keeps the newest builds of each version of which a file stays.
func (p *pruner) keepBuilds() {
	if p.policy.KeepBuilds == 0 {
		return
	}
	for cpv, files := range p.Past.ByCPV {
		if !slices.ContainsFunc(files, func(b *binpkgs.Binpkg) bool { return p.keep[b] != nil && p.usable[b] }) {
			continue
		}
		builds := slices.DeleteFunc(slices.Clone(files), func(b *binpkgs.Binpkg) bool { return !p.usable[b] })
		slices.SortStableFunc(builds, func(a, b *binpkgs.Binpkg) int { return cmp.Compare(b.BuildTime, a.BuildTime) })
		for _, b := range builds[:min(len(builds), p.policy.KeepBuilds)] {
			p.hold(b, KeepNewest, fmt.Sprintf("of the newest %s of %s", audit.Counted(p.policy.KeepBuilds, "build", "builds"), cpv), nil)
		}
	}
}

// restorable reports whether a file could be merged, if necessary after a move to
// where Portage looks.
func (p *pruner) restorable(b *binpkgs.Binpkg) bool {
	return p.usable[b] || !b.Visible && !b.Damaged() && b.Structure == inventory.StructureSound && b.Metadata != nil && p.reasons[b].Code == ""
}

// better orders copies of a version: those that Portage sees first, then the newest.
func (p *pruner) better(b, than *binpkgs.Binpkg) bool {
	return than == nil || cmp.Or(audit.CompareBools(b.Visible, than.Visible), cmp.Compare(b.BuildTime, than.BuildTime)) > 0
}

func (p *pruner) ebuild(b *binpkgs.Binpkg) acceptance.EbuildState {
	if p.facts.Ebuild == nil {
		return acceptance.EbuildUnknown
	}
	return p.facts.Ebuild(b.CPV, b.Repo)
}

// duplicated reports whether another file of the same build is kept.
func (p *pruner) duplicated(b *binpkgs.Binpkg) bool {
	return b.BuildTime != 0 && slices.ContainsFunc(p.Past.ByCPV[b.CPV], func(c *binpkgs.Binpkg) bool {
		return c != b && p.keep[c] != nil && p.usable[c] && c.BuildTime == b.BuildTime && buildKey(c) == buildKey(b)
	})
}

// newerKept reports whether a newer build of the version is kept.
func (p *pruner) newerKept(b *binpkgs.Binpkg) bool {
	return slices.ContainsFunc(p.Past.ByCPV[b.CPV], func(c *binpkgs.Binpkg) bool {
		return c != b && p.keep[c] != nil && p.usable[c] && c.BuildTime >= b.BuildTime
	})
}

// importantGroups are the packages without which nobody can repair the others, by
// purpose. The packages of @system are added to these.
var importantGroups = map[string][]string{
	"toolchain": {
		"sys-devel/gcc", "sys-devel/binutils", "sys-devel/gcc-config", "sys-devel/binutils-config", "llvm-core/clang", "llvm-core/llvm", "sys-libs/glibc", "sys-libs/musl",
		"sys-kernel/linux-headers", "dev-build/make", "sys-devel/libtool", "sys-libs/zlib", "app-arch/xz-utils", "app-arch/zstd",
	},
	"boot": {
		"sys-boot/*", "sys-kernel/*", "sys-fs/cryptsetup", "sys-fs/lvm2", "sys-fs/mdadm", "sys-fs/zfs", "sys-fs/btrfs-progs", "sys-fs/e2fsprogs", "sys-fs/xfsprogs",
		"sys-firmware/*", "sys-apps/kmod", "sys-apps/systemd", "sys-apps/openrc", "sys-fs/udev", "sys-apps/sysvinit",
	},
}

// usualSystem replaces @system if no profile was found.
var usualSystem = []string{
	"sys-apps/portage", "sys-apps/baselayout", "app-shells/bash", "dev-lang/python", "dev-lang/python-exec", "dev-lang/perl", "sys-apps/coreutils", "sys-apps/util-linux",
	"sys-apps/shadow", "sys-libs/pam", "sys-auth/pambase", "dev-libs/openssl", "sys-libs/ncurses", "sys-libs/readline", "app-arch/tar", "app-arch/bzip2", "app-arch/gzip",
	"net-misc/openssh", "net-misc/rsync", "net-misc/wget", "sys-apps/sed", "sys-apps/grep", "sys-apps/gawk", "sys-apps/findutils", "sys-apps/diffutils", "sys-apps/file",
}

// groupOf returns what a binary package is important for, or "". It is called once for
// each state.
func (p *pruner) groupOf(b *binpkgs.Binpkg) string {
	group, ok := p.groups[b]
	if !ok {
		group = p.system.of(audit.PackageOf(b.CPV))
		p.groups[b] = group
	}
	return group
}
