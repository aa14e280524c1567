package transition

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"emaudit/parse/atom"
)

// randomWorld returns a small host with a requested change. Some of what it asks for
// is impossible on purpose.
func randomWorld(r *rand.Rand) world {
	n := 3 + r.IntN(5)
	name := func(i int) string { return fmt.Sprintf("app-misc/%c", 'a'+rune(i)) }
	build := func(i, version int) string {
		var words []string
		for range r.IntN(3) {
			j, v := r.IntN(n), 1+r.IntN(2)
			if j == i && r.IntN(4) > 0 {
				continue
			}
			words = append(words, []string{
				name(j), fmt.Sprintf(">=%s-%d", name(j), v), fmt.Sprintf("<%s-%d", name(j), v+1), fmt.Sprintf("!<%s-%d", name(j), v),
				fmt.Sprintf("!!>=%s-%d", name(j), v), fmt.Sprintf("%s:0/%d=", name(j), v), fmt.Sprintf("||,(,%s,>=%s-2,)", name(r.IntN(n)), name(j)),
			}[r.IntN(7)])
		}
		line := fmt.Sprintf("%s-%d:0/%d has=lib%c.so.%d", name(i), version, version, 'a'+rune(i), version)
		if r.IntN(4) == 0 {
			line += fmt.Sprintf(" needs=lib%c.so.%d", 'a'+rune(r.IntN(n)), 1+r.IntN(2))
		}
		if len(words) > 0 {
			line += " rd=" + strings.Join(words, ",")
		}
		return line
	}
	var w world
	for i := range n {
		from, to := "-", "-"
		if r.IntN(6) > 0 {
			line := build(i, 2)
			w.now += line + "\n"
			from, _, _ = strings.Cut(line, " ")
		}
		if r.IntN(6) > 0 {
			to = build(i, 1)
		}
		if (from != "-" || to != "-") && r.IntN(4) > 0 {
			w.wish += from + " -> " + to + "\n"
		}
	}
	return w
}

// TestLaws holds what is true of every plan, whatever the host:
//   - no package that is merged lacks anything afterwards;
//   - none that stays lacks what it does not lack today;
//   - a package that is merged never meets what it strongly blocks;
//   - whatever is given up could not have been carried out beside the rest;
//   - the same question has the same answer.
func TestLaws(t *testing.T) {
	given, carried := 0, 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := randomWorld(r)
		p, h := w.run(t)
		fail := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d: %s\nnow\n%swish\n%splan\n%s", seed, fmt.Sprintf(format, args...), w.now, w.wish, words(p))
		}
		for cpv, lacks := range lackingOf(p.Produced) {
			m := p.Produced.Find(cpv)
			for _, u := range lacks {
				lacksNow := false
				if now := h.Now.Find(cpv); now == m {
					for _, x := range h.Now.UnsatisfiedOf(now) {
						lacksNow = lacksNow || x.Dependency == u.Dependency
					}
				}
				if u.Kind != "soname" && !lacksNow {
					fail("%s lacks %s", cpv, u.Dependency)
				}
				if u.Kind == "soname" && providesFor(h.Now, u) {
					fail("%s lost %s", cpv, u.Dependency)
				}
			}
		}
		for _, m := range meetings(p) {
			fail("%s", m)
		}
		for _, c := range p.Changes {
			if c.Dropped == nil {
				carried++
				continue
			}
			given++
			if soundWith(h, p, c) {
				fail("a change is given up for nothing: %+v", *c.Dropped)
			}
		}
		if again := w.plan(t); again != words(p) {
			fail("another time it is\n%s", again)
		}
	}
	if given < 1000 || carried < 1000 {
		t.Errorf("%d given up, %d carried out: the worlds ask nothing", given, carried)
	}
}

// lackingOf returns what some packages lack.
func lackingOf(w *Packages) map[string][]Unsatisfied {
	all := map[string][]Unsatisfied{}
	for _, m := range w.members {
		if lacks := w.UnsatisfiedOf(m); len(lacks) > 0 {
			all[m.CPV()] = lacks
		}
	}
	return all
}

// providesFor reports whether a world has the library that is missed elsewhere.
func providesFor(w *Packages, u Unsatisfied) bool { return w.provides[u.soname] > 0 }

// meetings returns which packages of the command that merges meet what strongly
// blocks them, or what they strongly block.
func meetings(p *Plan) (all []string) {
	for _, part := range p.Merges {
		for _, c := range part {
			for _, other := range p.active {
				if other.From == nil || p.Early[other] != "" {
					continue
				}
				for _, b := range p.Produced.blockers(c.To) {
					if b.Blocker == atom.StrongBlock && b.WithoutBlocker().Match(other.From.Pkg) {
						all = append(all, fmt.Sprintf("%s meets %s", c.To.CPV(), other.From.CPV()))
					}
				}
				for _, b := range p.Produced.blockers(other.From) {
					if b.Blocker == atom.StrongBlock && b.WithoutBlocker().Match(c.To.Pkg) {
						all = append(all, fmt.Sprintf("%s meets %s", other.From.CPV(), c.To.CPV()))
					}
				}
			}
		}
	}
	return all
}

// soundWith reports whether a change that was given up could be carried out beside the
// rest.
func soundWith(h *Host, p *Plan, c *Change) bool {
	q := h.carry(append([]*Change{c}, p.active...))
	return len(h.unsound(q)) == 0 && len(h.steps(q)) == 0
}
