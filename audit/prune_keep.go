package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// keptState is a state whose files are kept.
type keptState struct {
	title  string
	code   string
	days   bool // kept for its age alone
	target Target
	stays  []*stay
}

const secondsPerDay = 24 * 3600

// longerFactor is how much longer the packages of system, toolchain and boot
// are kept: one that breaks these is often noticed late, after a reboot.
const longerFactor = 3

// keepStates keeps what the present state, the last states and the pinned ones
// need.
//
// What a state needs of a package is what a rollback to it would take, the best
// of its files: so its verdict is the same when all others are gone.
func (p *pruner) keepStates() error {
	chosen := map[*stay]*binpkg{}
	need := func(s *stay) (*binpkg, error) {
		if b, ok := chosen[s]; ok || len(p.past.byCPV[s.cpv]) == 0 {
			return b, nil
		}
		c := RollbackChange{Change: Change{Action: ActionInstall, To: &s.cpv, to: s}}
		if err := p.choose(&Rollback{}, &c, p.now); err != nil {
			return nil, err
		}
		var b *binpkg
		if c.chosen != nil {
			b = c.chosen.binpkg
		} else {
			b = p.refused(s)
		}
		chosen[s] = b
		return b, nil
	}
	for _, s := range p.now.stays {
		b, err := need(s)
		if err != nil {
			return err
		}
		if b != nil {
			p.hold(b, KeepInstalled, "for "+s.cpv+", which is installed", nil)
		}
	}
	flags := &useFlags{tx: p.db.Tx, of: map[int64]string{}}
	// Coverage may prefer another file than a rollback does.
	for i := range p.past.installed {
		_, best, err := cover(flags, &p.past.installed[i], p.past.byCPV[p.past.installed[i].CPV])
		if err != nil {
			return err
		}
		if best != nil {
			p.hold(best, KeepInstalled, "for "+best.CPV+", which is installed", nil)
		}
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

// refused returns the best file for a package of a state among those that are
// whole and that Portage does not take as things are: a line of configuration
// may change its mind, and then it is needed.
func (p *pruner) refused(s *stay) *binpkg {
	want := p.past.buildOf(s)
	var best *binpkg
	for _, b := range p.past.byCPV[s.cpv] {
		if b.damaged() || !b.Visible || p.reasons[b].Code != "" {
			continue
		}
		if best == nil || cmp.Or(want.matches(best).rank()-want.matches(b).rank(), cmp.Compare(b.BuildTime, best.BuildTime)) > 0 {
			best = b
		}
	}
	return best
}

// keptStates lists the states that the policy keeps, the newest first, and the
// pinned ones.
func (p *pruner) keptStates() ([]*keptState, error) {
	var states []*keptState
	since := p.db.Now - int64(p.policy.KeepDays)*secondsPerDay
	known := 0
	for i, id := range p.past.changingRuns() {
		run := p.past.run(id)
		last := i < p.policy.KeepStates
		if !last && run.Started < p.db.Now-longerFactor*(p.db.Now-since) && i >= longerFactor*p.policy.KeepStates {
			break
		}
		s, err := p.past.at(Moment{Run: id}, p.past.pins, p.db.Now)
		if err != nil {
			return nil, err
		}
		k := &keptState{title: fmt.Sprintf("before run #%d of %s", id, day(run.Started)), code: KeepState, target: s.target, stays: s.stays}
		k.days = !last && run.Started >= since
		if !last && !k.days {
			k.code = KeepImportant
		}
		states = append(states, k)
		if !last {
			continue
		}
		if s.target.Known {
			known++
		}
		if p.facts.TotalsOnly {
			continue
		}
		r, err := p.judge(Moment{Run: id})
		if err != nil {
			return nil, err
		}
		p.plan.States = append(p.plan.States, PruneState{Target: s.target, Verdict: r.Verdict, Why: whyNotReady(r)})
	}
	if known < p.policy.KeepStates {
		p.unknown = fmt.Sprintf("only %d of the last %d states are known", known, p.policy.KeepStates)
		p.plan.Findings = append(p.plan.Findings, Finding{
			Code: "prune-states-unknown", Severity: SeverityWarning, Subject: "states",
			Message: p.unknown + ": every whole binary package is kept that one of them may need", Evidence: []Evidence{}, Remedy: "emaudit states",
		})
	}
	for _, pin := range p.past.pins {
		s, err := p.past.at(Moment{Pin: pin.Name}, p.past.pins, p.db.Now)
		if err != nil {
			return nil, err
		}
		states = append(states, &keptState{title: "pinned as " + pin.Name, code: KeepPinned, target: s.target, stays: s.stays})
	}
	return states, nil
}

// whyNotReady says in a few words what keeps a state from being ready.
func whyNotReady(r *Rollback) string {
	var parts []string
	switch {
	case r.Verdict != NotReady:
		return ""
	case !r.Target.Known:
		return "what was installed then is not known"
	}
	if n := len(r.Gaps); n > 0 {
		parts = append(parts, fmt.Sprintf("%s no binary package that can be merged", counted(n, "package has", "packages have")))
	}
	if n := len(r.Unsatisfied); n > 0 {
		parts = append(parts, counted(n, "dependency is not met", "dependencies are not met"))
	}
	return strings.Join(parts, ", ")
}

// keepState keeps what one state needs.
func (p *pruner) keepState(k *keptState, need func(*stay) (*binpkg, error)) error {
	whole := true
	files := make([]*binpkg, 0, len(k.stays))
	for _, x := range k.stays {
		b, err := need(x)
		if err != nil {
			return err
		}
		whole = whole && (b != nil || p.there[x.cpv])
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
			// That state cannot be had again, whatever is kept for it.
			continue
		}
		p.hold(b, k.code, "the state "+k.title+" needs it", k)
	}
	if k.code == KeepState {
		p.steps = append(p.steps, k)
	}
	return nil
}

// keepOthers keeps what no state needs and yet is not to go.
func (p *pruner) keepOthers() {
	youngest := p.db.Now - int64(p.policy.KeepDays)*secondsPerDay
	copies := map[string]*binpkg{}
	for i := range p.past.binpkgs {
		b := &p.past.binpkgs[i]
		switch {
		case p.policy.Excludes.binpkg(b):
			p.keep[b] = &keeping{code: KeepExcluded, reason: "--exclude"}
		case p.keep[b] != nil:
		case b.damaged() && p.unsettled(b.MTimeNS):
			p.hold(b, KeepUnsettled, "it is not whole, and Portage may be at work on it", nil)
		case b.damaged():
		case b.CPV == "" || b.Metadata == nil || b.Structure != "sound":
			p.hold(b, KeepUnread, "what it is could not be read", nil)
		case p.duplicated(b):
		case p.unknown != "":
			p.hold(b, KeepUnknownState, p.unknown, nil)
		case max(b.BuildTime, floorSeconds(b.MTimeNS)) >= youngest && !p.newerKept(b):
			if code, _ := p.changedSince(b); code == "" {
				p.hold(b, KeepRecent, fmt.Sprintf("it is younger than %d days", p.policy.KeepDays), nil)
			}
		}
		if p.keep[b] == nil && p.restorable(b) && !p.newerKept(b) && p.better(b, copies[b.CPV]) {
			copies[b.CPV] = b
		}
	}
	for cpv, b := range copies {
		if slices.ContainsFunc(p.past.byCPV[cpv], func(c *binpkg) bool { return p.keep[c] != nil && p.usable[c] }) {
			continue
		}
		switch p.ebuild(b) {
		case EbuildGone:
			p.hold(b, KeepLastCopy, "the last copy, and its ebuild is gone: it could not be built again", nil)
		case EbuildUnknown:
			p.hold(b, KeepLastCopy, "the last copy, and whether it could be built again is not known", nil)
		}
	}
}

// restorable tells whether a file could be merged, if need be after it was moved
// to where Portage looks.
func (p *pruner) restorable(b *binpkg) bool {
	return p.usable[b] || !b.Visible && !b.damaged() && b.Structure == "sound" && b.Metadata != nil && p.reasons[b].Code == ""
}

// better orders copies of a version: one that Portage sees, then the newest.
func (p *pruner) better(b, than *binpkg) bool {
	return than == nil || cmp.Or(b2i(b.Visible)-b2i(than.Visible), cmp.Compare(b.BuildTime, than.BuildTime)) > 0
}

func (p *pruner) ebuild(b *binpkg) EbuildState {
	if p.facts.Ebuild == nil {
		return EbuildUnknown
	}
	return p.facts.Ebuild(b.CPV, b.Repo)
}

// duplicated tells whether another file of the same build is kept.
func (p *pruner) duplicated(b *binpkg) bool {
	return b.BuildTime != 0 && slices.ContainsFunc(p.past.byCPV[b.CPV], func(c *binpkg) bool {
		return c != b && p.keep[c] != nil && p.usable[c] && c.BuildTime == b.BuildTime && buildKey(c) == buildKey(b)
	})
}

// newerKept tells whether a newer build of the version is kept.
func (p *pruner) newerKept(b *binpkg) bool {
	return slices.ContainsFunc(p.past.byCPV[b.CPV], func(c *binpkg) bool {
		return c != b && p.keep[c] != nil && p.usable[c] && c.BuildTime >= b.BuildTime
	})
}

// importantGroups are the packages without which nothing else can be mended, by
// what they are for. What the profiles put into @system comes to these.
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

// usualSystem stands for @system where no profile was found.
var usualSystem = []string{
	"sys-apps/portage", "sys-apps/baselayout", "app-shells/bash", "dev-lang/python", "dev-lang/python-exec", "dev-lang/perl", "sys-apps/coreutils", "sys-apps/util-linux",
	"sys-apps/shadow", "sys-libs/pam", "sys-auth/pambase", "dev-libs/openssl", "sys-libs/ncurses", "sys-libs/readline", "app-arch/tar", "app-arch/bzip2", "app-arch/gzip",
	"net-misc/openssh", "net-misc/rsync", "net-misc/wget", "sys-apps/sed", "sys-apps/grep", "sys-apps/gawk", "sys-apps/findutils", "sys-apps/diffutils", "sys-apps/file",
}

// groupOf is importantGroup of a binary package, which is asked for once for
// each state.
func (p *pruner) groupOf(b *binpkg) string {
	group, ok := p.groups[b]
	if !ok {
		group = p.importantGroup(packageOf(b.CPV))
		p.groups[b] = group
	}
	return group
}

// importantGroup returns what a package is important for, "" where it is not.
func (p *pruner) importantGroup(cp string) string {
	category, _, _ := strings.Cut(cp, "/")
	for _, group := range []string{"toolchain", "boot"} {
		if slices.Contains(importantGroups[group], cp) || slices.Contains(importantGroups[group], category+"/*") {
			return group
		}
	}
	if p.system[cp] {
		return "@system"
	}
	return ""
}
