package cleanup

import (
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/needs"
	"emaudit/store"
)

// DefaultStaleDays is the number of days that another host may be silent before prune
// no longer relies on its facts.
const DefaultStaleDays = 14

// clockSlack is the number of seconds by which the clock of another host may be ahead.
const clockSlack = 24 * 3600

// PruneFleet describes the other hosts that get binary packages from here, apart from
// those in the database.
type PruneFleet struct {
	// Declared are the hosts whose needs must be known.
	Declared []string
	// Files yields the files of needs. It may be nil.
	Files func(yield func(needs.File) bool)
	// Stale is the number of seconds that a host may be silent.
	Stale int64
	// Forget are hosts that are gone. Nothing is kept for them.
	Forget []string
}

// SourceDatabase is the source of needs that the database has.
const SourceDatabase = "database"

// PruneHost is another host that may need files from here.
type PruneHost struct {
	Name string `json:"name"`
	// Source is where its needs come from: SourceDatabase, the path of a file, or "" if
	// nothing is known about it.
	Source     string `json:"source"`
	KnownUntil int64  `json:"known_until"` // its last ingest, in unix seconds; 0 if unknown
	ValidUntil int64  `json:"valid_until"` // when prune stops relying on its facts
	Needs      int    `json:"needs"`       // builds
	// Missing are the needs without a file here, also of another build of the version.
	Missing int `json:"missing"`
	// Silent says why too little is known about it, or "". --apply then changes
	// nothing.
	Silent string `json:"silent"`
}

// PruneNeed is the reason why another host needs a file.
type PruneNeed struct {
	Host       string `json:"host"`
	Reason     string `json:"reason"`
	KnownUntil int64  `json:"known_until"`
}

// keepForOthers keeps what other hosts have installed or would go back to: the hosts
// of the database, because any of them may get its packages from here, and the hosts
// whose needs lie in files. For a host of the database, the policy of this host counts.
//
// A need only ever keeps a file. If the needs of a host are unknown, a finding says so,
// and --apply changes nothing.
func (p *pruner) keepForOthers() error {
	own, err := p.Db.Tx.Host(p.Db.Host)
	if err != nil {
		return err
	}
	p.plan.Strangers = slices.Clone(p.facts.Fleet.Forget)
	if err := p.keepForDatabase(); err != nil {
		return err
	}
	p.keepForFiles(own.Name)
	clients, err := p.Db.Tx.Clients(p.Db.Host)
	if err != nil {
		return err
	}
	for _, c := range clients {
		if p.hostOf(c.Name) == nil && !p.forgotten(c.Name) && !slices.Contains(p.plan.unread, fileName(c.Name)) {
			p.plan.Hosts = append(p.plan.Hosts, PruneHost{Name: c.Name, KnownUntil: c.KnownUntil, Silent: fmt.Sprintf("its file %s is gone", c.Path)})
		}
	}
	for _, name := range p.facts.Fleet.Declared {
		if name != own.Name && p.hostOf(name) == nil && !p.forgotten(name) {
			p.plan.Hosts = append(p.plan.Hosts, PruneHost{Name: name, Silent: "it is declared, and nothing is known of it"})
		}
	}
	slices.SortStableFunc(p.plan.Hosts, func(a, b PruneHost) int { return strings.Compare(a.Name, b.Name) })
	p.reportSilent()
	return nil
}

// keepForDatabase keeps what the other hosts of the database need.
func (p *pruner) keepForDatabase() error {
	hosts, err := p.Db.Tx.Hosts()
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if h.ID == p.Db.Host || p.forgotten(h.Name) {
			continue
		}
		list, err := ListNeeds(audit.Database{Tx: p.Db.Tx, Host: h.ID, Now: p.Db.Now}, p.policy, nil, p.facts.Fleet.Stale)
		if err != nil {
			return fmt.Errorf("what host %s needs: %w", h.Name, err)
		}
		p.keepList(SourceDatabase, list)
	}
	return nil
}

// keepForFiles keeps what files of needs list. A user who can write such a file decides
// what its host needs. A list counts as the word of a host only if the file has the
// host's name.
func (p *pruner) keepForFiles(own string) {
	if p.facts.Fleet.Files == nil {
		return
	}
	p.facts.Fleet.Files(func(f needs.File) bool {
		name := needsHost(f.Path)
		if p.forgotten(name) {
			return true
		}
		host := f.List.Host
		switch {
		case f.Err != nil:
			p.unreadNeeds(f.Path, f.Err.Error())
		case len(f.Damage) > 0:
			p.unreadNeeds(f.Path, fmt.Sprintf("%s (byte %d)", f.Damage[0].Message, f.Damage[0].Offset))
		case !checkHostName(host) || fileName(host) != name:
			p.unreadNeeds(f.Path, fmt.Sprintf("it lists what %.100q needs, and by its name it is of %s", host, name))
		case host != own:
			p.keepList(f.Path, &f.List)
			return true
		}
		// The readable part keeps files, but does not count as the word of a host.
		f.List.Host = name
		for i := range f.List.Builds {
			p.holdFor(&f.List, &f.List.Builds[i])
		}
		return true
	})
}

// NeedsFile returns the name of the file with the needs of a host.
func NeedsFile(host string) string { return fileName(host) + ".json" }

// needsHost returns the name of the host whose needs a file lists, from its path.
func needsHost(file string) string { return strings.TrimSuffix(path.Base(file), ".json") }

// fileName returns the name of the file of a host, without ".json". The name of a host
// may contain the path of a root.
func fileName(host string) string { return strings.ReplaceAll(host, "/", "_") }

// forgotten reports whether a host is gone, by its name or by that of its file.
func (p *pruner) forgotten(name string) bool {
	i := slices.IndexFunc(p.facts.Fleet.Forget, func(gone string) bool { return fileName(gone) == fileName(name) })
	if i >= 0 {
		p.plan.Strangers = slices.DeleteFunc(p.plan.Strangers, func(gone string) bool { return gone == p.facts.Fleet.Forget[i] })
	}
	return i >= 0
}

func (p *pruner) unreadNeeds(file, why string) {
	p.plan.unread = append(p.plan.unread, needsHost(file))
	p.plan.Findings = append(p.plan.Findings, audit.Finding{
		Code: "prune-needs-unread", Severity: audit.SeverityWarning, Subject: file, Message: why + "; nothing is pruned while what a host needs is not known",
		Evidence: []audit.Evidence{{Source: file}}, Remedy: audit.Advise(fmt.Sprintf("on that host: emaudit needs --format json --output %s; then bring it here. If the host is gone, remove the file, and say --forget %s",
			audit.ShellQuote(path.Base(file)), audit.ShellQuote(needsHost(file)))),
	})
}

// hostOf returns what is known about another host, or nil.
func (p *pruner) hostOf(name string) *PruneHost {
	i := slices.IndexFunc(p.plan.Hosts, func(h PruneHost) bool { return h.Name == name })
	if i < 0 {
		return nil
	}
	return &p.plan.Hosts[i]
}

// keepList keeps what one list names. If a host has several lists, all of them keep
// files, and the newest shows when the host was last heard of.
func (p *pruner) keepList(source string, list *needs.List) {
	h := PruneHost{Name: list.Host, Source: source, KnownUntil: list.KnownUntil, ValidUntil: list.ValidUntil, Needs: len(list.Builds)}
	for i := range list.Builds {
		if !p.holdFor(list, &list.Builds[i]) {
			h.Missing++
		}
	}
	h.Silent = p.silence(&h)
	known := p.hostOf(h.Name)
	switch {
	case known == nil:
		p.plan.Hosts = append(p.plan.Hosts, h)
	case known.Silent != "" && h.Silent == "" || h.KnownUntil > known.KnownUntil && (h.Silent == "") == (known.Silent == ""):
		*known = h
	}
}

// silence says why too little is known about a host, or "".
func (p *pruner) silence(h *PruneHost) string {
	now := p.Db.Now
	switch {
	case h.KnownUntil <= 0:
		return "when it was last heard of is not known"
	case h.KnownUntil > now+clockSlack:
		return fmt.Sprintf("it says that it was heard of on %s, which is in the future", audit.Day(h.KnownUntil))
	case now-h.KnownUntil > p.facts.Fleet.Stale:
		return fmt.Sprintf("it was last heard of on %s, %s ago", audit.Day(h.KnownUntil), audit.Counted(int((now-h.KnownUntil)/secondsPerDay), "day", "days"))
	case now > h.ValidUntil:
		return fmt.Sprintf("its list was valid until %s", audit.Day(h.ValidUntil))
	}
	return ""
}

// reportSilent reports the hosts about which too little is known.
func (p *pruner) reportSilent() {
	for _, h := range p.plan.Hosts {
		if h.Silent == "" {
			continue
		}
		var evidence []audit.Evidence
		bring := "bring its needs here"
		switch {
		case h.Source == SourceDatabase:
			bring = "read it again here, or merge its database again"
		case h.Source != "":
			evidence = append(evidence, audit.Evidence{Source: h.Source})
			if store.IsFleet(h.Source) {
				bring = "type emaudit push on it"
			}
		}
		p.plan.Findings = append(p.plan.Findings, audit.Finding{
			Code: "prune-host-silent", Severity: audit.SeverityWarning, Subject: h.Name,
			Message:  fmt.Sprintf("%s; it may have installed what can go here", h.Silent),
			Evidence: evidence, Remedy: audit.Do(audit.Emaudit("prune", "--apply", "--forget", h.Name)).When(bring + "; if the host is gone"),
		})
	}
}

// Unheard returns the names of the hosts that forbid any change: those that are silent,
// and those whose file could not be read.
func (plan *PrunePlan) Unheard() []string {
	names := slices.Clone(plan.unread)
	for _, h := range plan.Hosts {
		if h.Silent != "" {
			names = append(names, h.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// holdFor keeps the file of a build that another host needs. If the build is unknown,
// or is not here, it keeps the newest build of the version, which the host would get.
// holdFor returns false if there is no file of the version.
func (p *pruner) holdFor(list *needs.List, want *needs.Build) bool {
	var best *binpkgs.Binpkg
	bestMatch := 0
	for _, b := range p.Past.ByCPV[want.CPV] {
		if b.Damaged() { // whether Portage accepts it here does not matter there
			continue
		}
		if match := matchNeed(want, b); best == nil || match > bestMatch || match == bestMatch && p.better(b, best) {
			best, bestMatch = b, match
		}
	}
	if best == nil {
		return false
	}
	why := needText(list.Host, want.Reasons)
	p.hold(best, KeepElsewhere, fmt.Sprintf("%s (known until %s)", why, audit.Day(list.KnownUntil)), nil)
	k := p.keep[best]
	k.needs = append(k.needs, PruneNeed{Host: list.Host, Reason: why, KnownUntil: list.KnownUntil})
	return true
}

// matchNeed returns how well a file matches a need: the same file, the same build, or
// another build of the version.
func matchNeed(want *needs.Build, b *binpkgs.Binpkg) int {
	switch {
	case sameDigest(want.MD5, b.Md5()), sameDigest(want.SHA1, b.SHA1):
		return 3
	case want.BuildTime != 0 && want.BuildTime == b.BuildTime && (want.BuildID == 0 || b.BuildID == 0 || want.BuildID == b.BuildID) && (want.Repo == "" || b.Repo == "" || want.Repo == b.Repo):
		return 2
	case want.BuildTime != 0 && want.BuildTime == b.BuildTime:
		return 1
	}
	return 0
}

func sameDigest(want string, digest []byte) bool {
	return want != "" && strings.EqualFold(want, hex.EncodeToString(digest))
}
