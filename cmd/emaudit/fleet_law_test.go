package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"emaudit/internal/labtest"
	"emaudit/parse/pkgindex"
)

// ask returns the verdicts of a client in JSON.
func (f *labFleet) ask(c *labClient, at time.Time, before string) (all []judgedOfAll) {
	script := "set -e; " + before + f.emaudit(c.name, at) + " rollback --all > /root/all.json || answered"
	if out, err := f.run(c.name, f.options(c), at, script); err != nil {
		f.t.Errorf("week %d: %s: %v\n%s", f.week, c.name, err, labtest.Tail(out))
		return nil
	}
	var answer struct {
		Rollbacks   []judgedOfAll
		Diagnostics []json.RawMessage
	}
	readJSON(f.t, filepath.Join(f.l.Root(c.name), "root/all.json"), &answer)
	for _, d := range answer.Diagnostics {
		f.t.Logf("week %d: %s: %s", f.week, c.name, d)
	}
	return answer.Rollbacks
}

// export writes the needs of a client, unless it is silent.
func (f *labFleet) export(c *labClient) {
	if c.silent[f.week] {
		return
	}
	counts := &counted{at: f.at(2, 8), builds: map[binhostBuild]string{}, verdicts: map[int64]judgedOfAll{}}
	all := f.ask(c, counts.at, f.emaudit(c.name, counts.at)+" needs"+c.policy+" --output /mnt/needs/"+c.name+".json || answered; ")
	var list struct {
		Needs []struct {
			CPV       string
			BuildTime *int64 `json:"build_time"`
			Reasons   []struct {
				Reason string
				Run    *int64
			}
		}
	}
	if f.t.Failed() {
		return
	}
	readJSON(f.t, filepath.Join(f.dir, "needs", c.name+".json"), &list)
	kept := map[int64]bool{}
	for _, n := range list.Needs {
		for _, r := range n.Reasons {
			if r.Run != nil && r.Reason == "kept-state" { // an important package is kept for more states than the others
				kept[*r.Run] = true
			}
			if n.BuildTime != nil {
				counts.builds[binhostBuild{n.CPV, *n.BuildTime}] = r.Reason
			}
		}
	}
	for _, r := range all {
		if !kept[r.Target.Run] {
			continue
		}
		counts.verdicts[r.Target.Run] = r
		for _, change := range r.Changes {
			var at *int64
			switch {
			case change.Instance != nil:
				at = change.Instance.BuildTime
			case change.Remote != nil:
				at = change.Remote.BuildTime
			}
			if at != nil && !change.Stays {
				counts.builds[binhostBuild{*change.To, *at}] = fmt.Sprintf("the plan before run %d", r.Target.Run)
			}
		}
	}
	c.counts = counts
}

// prune prunes the binhost with the needs of its clients. Who is silent for too long
// makes it refuse; in the week after that, it is forgotten.
func (f *labFleet) prune() {
	now := f.at(3, 8)
	args := []string{
		"--quiet", "--root", f.l.Root(labBinhost), "--host", labBinhost, "--db", filepath.Join(f.dir, "binhost.db"), "--format", "json",
		"prune", "--needs", filepath.Join(f.dir, "needs"), "--keep-states", "1", "--keep-days", "0", "--apply", "--delete", "--yes",
	}
	silent := ""
	for _, c := range f.clients {
		args = append(args, "--expect", c.name)
		switch {
		case c.counts != nil && now.Sub(c.counts.at) > 21*24*time.Hour:
			c.counts = nil
			fallthrough
		case c.counts == nil:
			args = append(args, "--forget", c.name)
		case now.Sub(c.counts.at) > 14*24*time.Hour:
			silent = c.name
		}
	}
	files := f.index()
	cmd := emaudit(f.t, args...)
	cmd.Env = append(cmd.Env, fmt.Sprintf("EMAUDIT_TEST_NOW=%d", now.Unix()))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	taken := len(files) - len(f.index())
	if silent != "" {
		if err == nil || taken != 0 || !strings.Contains(stderr.String()+string(out), silent) {
			f.t.Errorf("week %d: %s is silent: %v, %d files gone\n%s", f.week, silent, err, taken, &stderr)
		}
		f.refused++
		return
	}
	var answer struct{ Kept []struct{ Code string } }
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit || json.Unmarshal(out, &answer) != nil || len(answer.Kept) == 0 {
		f.t.Errorf("week %d: prune: %v\n%s%s", f.week, err, &stderr, out)
		return
	}
	f.prunes++
	f.taken += taken
	for _, k := range answer.Kept {
		if k.Code == "other-host" {
			f.forOthers++
		}
	}
	f.t.Logf("week %d: prune took %d of %d files", f.week, taken, len(files))
}

// check compares what a client counted on with what is there after a prune, and asks
// its Portage for that.
func (f *labFleet) check(c *labClient, before, after map[binhostBuild]*pkgindex.Entry) {
	if c.counts == nil {
		return
	}
	var rounds [][]string // no two builds of a package in one question
	in := map[string]int{}
	asked := 0
	for _, b := range slices.SortedFunc(maps.Keys(c.counts.builds), func(a, b binhostBuild) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) {
		switch was := before[b]; {
		case was == nil:
			continue // the binhost never had it, or lost it before the client counted on it
		case after[b] == nil:
			f.t.Errorf("week %d: %s counts on %s, built at %d (%s), and the prune took it", f.week, c.name, b.cpv, b.time, c.counts.builds[b])
			continue
		}
		cp := path.Dir(after[b].Path)
		round := in[cp]
		in[cp]++
		if round == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[round] = append(rounds[round], fmt.Sprintf("=%s-%d", b.cpv, after[b].BuildID))
		asked++
	}
	if len(before) == len(after) && f.week%4 != 0 {
		return // nothing changed since it was asked
	}
	from := "--usepkgonly"
	if !c.shared {
		from = "--getbinpkg --usepkgonly"
	}
	// What was fetched before must not answer. A plan that was carried out masks what it
	// went back from.
	script := "cd /var/cache; mkdir -p away binhost edb/binhost; mv binhost away/fetched; cp -a edb/binhost away/index; " +
		"touch /etc/portage/package.mask; mv /etc/portage/package.mask away/mask; "
	for _, atoms := range rounds {
		script += fmt.Sprintf("emerge --pretend --nodeps --oneshot %s %s || exit; ", from, strings.Join(atoms, " "))
	}
	script += "rm -rf binhost; mv away/fetched binhost; mv away/mask /etc/portage/package.mask; "
	if f.week%3 == 0 { // an old index is what a client has most of the time
		script += "rm -rf edb/binhost; mv away/index edb/binhost; "
	}
	out, err := f.run(c.name, f.options(c), f.at(4, 8), script+"rm -rf away")
	if err != nil {
		f.t.Errorf("week %d: %s: Portage does not find what it counts on: %v\n%s\n%s", f.week, c.name, err, script, labtest.Tail(out))
	}
	for _, atom := range slices.Concat(rounds...) {
		if !strings.Contains(out, "] "+strings.TrimPrefix(atom, "=")+" ") {
			f.t.Errorf("week %d: %s: Portage would not merge %s\n%s", f.week, c.name, atom, out)
		}
	}
	f.mutex.Lock()
	f.asked += asked
	f.mutex.Unlock()
	if c.silent[f.week] {
		return // it lived on since it answered
	}
	for _, now := range f.ask(c, f.at(4, 12), "") {
		was, ok := c.counts.verdicts[now.Target.Run]
		if ok && (now.Carried < was.Carried || worse(now.Verdict, was.Verdict)) {
			f.t.Errorf("week %d: %s: the way back before run %d was %s (%d), and is %s (%d)", f.week, c.name, now.Target.Run, was.Verdict, was.Carried, now.Verdict, now.Carried)
		}
	}
}

// worse reports whether a verdict is worse than another.
func worse(now, was string) bool {
	order := []string{"ready", "ready-with-warnings", "partial", "not-ready"}
	return slices.Index(order, now) < 0 || slices.Index(order, now) > slices.Index(order, was)
}
