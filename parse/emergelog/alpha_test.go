package emergelog

import (
	"encoding/json"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/sharedtest"
)

// truth is what the recording of host alpha knows of one command.
type truth struct {
	N        int
	Cmd      string
	RC       int
	Packages []struct {
		CPV     string
		Outcome string
		// Unmerged is when the instance of the same version was removed.
		Unmerged *int64
	}
	// SaidFailed are the packages that emerge itself called failed.
	SaidFailed []string `json:"said_failed"`
}

// runsOf returns how many runs of the command are logged: --pretend, --info and
// --fetchonly log nothing, and other programs do not log at all.
func (c *truth) runsOf() int {
	for _, silent := range []string{"--pretend", " -p ", "--info", "--fetchonly"} {
		if strings.Contains(c.Cmd, silent) {
			return 0
		}
	}
	runs := 0
	for part := range strings.SplitSeq(strings.ReplaceAll(c.Cmd, "&", ";"), ";") {
		for word := range strings.FieldsSeq(part) {
			if strings.Contains(word, "=\"") || strings.HasSuffix(word, "\"") || strings.HasPrefix(word, "LAB_") {
				continue
			}
			if word == "emerge" {
				runs++
			}
			break
		}
	}
	return runs
}

// Hooks inside the ebuild phases of the recorded host wrote down what really
// happened, command by command.
func TestAlphaIsToldAsItHappened(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(sharedtest.Path(t, "hosts", "alpha.truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []truth
	if err := json.Unmarshal(data, &commands); err != nil {
		t.Fatal(err)
	}
	r := read(t, readFile(t, logs, "alpha.log"))
	sort.Slice(r.Runs, func(i, j int) bool { return r.Runs[i].ID < r.Runs[j].ID })
	next := 0
	for _, c := range commands {
		if c.Cmd == "" {
			continue // something done by hand
		}
		if next+c.runsOf() > len(r.Runs) {
			t.Fatalf("command %d, %s: no run left", c.N, c.Cmd)
		}
		runs := r.Runs[next : next+c.runsOf()]
		next += len(runs)
		if len(runs) == 0 {
			continue
		}
		if diff := cmp.Diff(c.want(), r.got(runs)); diff != "" {
			t.Errorf("command %d, %s (-want +got)\n%s", c.N, c.Cmd, diff)
		}
		if got := runs[len(runs)-1].Outcome; !c.agrees(got, runs) {
			t.Errorf("command %d, %s: status %d, but outcome %s", c.N, c.Cmd, c.RC, got)
		}
	}
	if next != len(r.Runs) {
		t.Errorf("%d runs, want %d", len(r.Runs), next)
	}
	if len(r.damage) != 0 {
		t.Errorf("damage in a whole log: %v", r.damage)
	}
}

// want lists the fates of the command's packages.
func (c *truth) want() []string {
	var list []string
	for _, p := range c.Packages {
		switch {
		case p.Outcome == "merged" && p.Unmerged != nil:
			// A rebuild: the record stands for the old instance too.
			list = append(list, "merged "+p.CPV, "removed "+p.CPV)
		case p.Outcome == "merged":
			list = append(list, "merged "+p.CPV)
		case p.Outcome == "merged but postinst died":
			list = append(list, "postinst failed "+p.CPV)
		case p.Outcome == "built only":
			list = append(list, "built "+p.CPV)
		case p.Outcome == "killed":
			list = append(list, "interrupted "+p.CPV)
		case strings.HasPrefix(p.Outcome, "failed"):
			list = append(list, "failed "+p.CPV)
		case p.Outcome == "replaced", p.Outcome == "unmerged":
			list = append(list, "removed "+p.CPV)
		}
	}
	// What fails before any phase has no record of the hooks.
	for _, cpv := range c.SaidFailed {
		if !strings.Contains(strings.Join(list, "\n")+"\n", "failed "+cpv+"\n") {
			list = append(list, "failed "+cpv)
		}
	}
	sort.Strings(list)
	return list
}

// agrees reports whether an outcome fits the exit status. What ends without an
// "exiting" line (--config, --deselect) leaves the status unknown, and of two
// emerges in the background the shell reports none.
func (c *truth) agrees(outcome RunOutcome, runs []Run) bool {
	if strings.Contains(c.Cmd, "&") {
		return true
	}
	switch c.RC {
	case 0:
		return outcome == RunOK || outcome == RunUnknown && runs[0].Action == ActionOther
	case 137:
		return outcome == RunKilled
	}
	return outcome == RunFailed
}

func (r *recorder) got(runs []Run) []string {
	var list []string
	in := func(id int64) bool { return id >= runs[0].ID && id <= runs[len(runs)-1].ID }
	for _, m := range r.Merges {
		switch {
		case !in(m.Run):
		case m.PostinstFailed:
			list = append(list, "postinst failed "+m.CPV)
		default:
			list = append(list, m.Outcome.String()+" "+m.CPV)
		}
	}
	for _, u := range r.Unmerges {
		if in(u.Run) && u.Outcome == UnmergeOK {
			list = append(list, "removed "+u.CPV)
		}
	}
	sort.Strings(list)
	return list
}
