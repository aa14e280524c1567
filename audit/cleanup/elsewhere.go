package cleanup

import (
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/store"
)

// keepForOthers keeps what the other hosts of the database have installed or would
// go back to: nothing tells which of them fetch from this PKGDIR, so all of them
// may. Of a host, the same states count as here, by the policy of this one.
func (p *pruner) keepForOthers() error {
	hosts, err := p.Db.Tx.Hosts()
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if h.ID == p.Db.Host {
			continue
		}
		if err := p.keepForOther(h); err != nil {
			return fmt.Errorf("what host %s needs: %w", h.Name, err)
		}
	}
	return nil
}

func (p *pruner) keepForOther(h store.Host) error {
	past, err := state.TakePastWith(audit.Database{Tx: p.Db.Tx, Host: h.ID, Now: p.Db.Now}, false)
	if err != nil {
		return err
	}
	now, err := past.At(state.Moment{Now: true}, nil, p.Db.Now)
	if err != nil {
		return err
	}
	p.holdFor(past, now, fmt.Sprintf("host %s has it installed", h.Name))
	states := []*state.State{now}
	add := func(m state.Moment, what string) error {
		s, err := past.At(m, past.Pins, p.Db.Now)
		if err != nil || slices.ContainsFunc(states, func(other *state.State) bool { return past.Same(s, other) }) {
			return err
		}
		states = append(states, s)
		p.holdFor(past, s, fmt.Sprintf("host %s would go back to it: %s", h.Name, what))
		return nil
	}
	for _, pin := range past.Pins {
		if err := add(state.Moment{Pin: pin.Name}, "pinned as "+pin.Name); err != nil {
			return err
		}
	}
	since := p.Db.Now - int64(p.policy.KeepDays)*secondsPerDay
	for _, u := range past.Updates() {
		run := past.Run(u.Run)
		if len(states)-1 >= p.policy.KeepStates+len(past.Pins) && run.Started < since {
			break
		}
		if err := add(state.Moment{Run: u.Run}, fmt.Sprintf("the state before its run #%d of %s", u.Run, audit.Day(run.Started))); err != nil {
			return err
		}
	}
	return past.Err
}

// holdFor keeps the file of each build of a state of another host. Where nothing
// tells which build that is, or that one is not here, the newest one of the
// version could be what it gets.
func (p *pruner) holdFor(past *state.Past, s *state.State, why string) {
	for _, x := range s.Stays {
		built := past.BuildOf(x).BuildTime
		var best *binpkgs.Binpkg
		exact := false
		for _, b := range p.Past.ByCPV[x.CPV] {
			if b.Damaged() { // what Portage takes here says nothing of there
				continue
			}
			same := built != 0 && b.BuildTime == built
			if best == nil || same && !exact || same == exact && p.better(b, best) {
				best, exact = b, same
			}
		}
		if best != nil {
			p.hold(best, KeepElsewhere, why, nil)
		}
	}
}
