package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"emaudit/internal/labtest"
	"emaudit/parse/mergelist"
)

// proofRow is one line of docs/rollback-proof.md.
type proofRow struct {
	Run       int64
	Asked     string
	Verdict   string
	Remedied  bool
	Proved    bool
	Explained string
	Drill     string // its verdict and what it agreed on, "" without a drill
}

// String returns the line of the table.
func (r proofRow) String() string {
	verdict, result := capitals(r.Verdict), "ok: "
	if r.Remedied {
		verdict = "after the remedies: " + verdict
	}
	if !r.Proved {
		result = "FAILED: "
	}
	explained, _, _ := strings.Cut(r.Explained, "\n")
	asked := strings.Join(strings.Fields(strings.ReplaceAll(r.Asked, "--regex-search-auto=y", "")), " ")
	return fmt.Sprintf("| %d | `%s` | %s | %s%s | %s |", r.Run, asked, verdict, result, strings.ReplaceAll(explained, "|", "\\|"), r.Drill)
}

func capitals(verdict string) string { return strings.ToUpper(strings.ReplaceAll(verdict, "-", " ")) }

// TestPlansWorkWithPortage judges the way back before every run that changed
// something, on the recorded host and on two hosts that it records. emaudit drills
// each plan in the host. Then real Portage carries the same plan out on a copy of the
// host, independent of emaudit. The builds, the files and the verdicts must agree.
// Where a verdict is not ready, Portage must not be able to do it either. With
// -update, it writes docs/rollback-proof.md.
//
// EMAUDIT_LAB_RUN has the targets to prove, as HOST or HOST:RUN between commas. Other
// hosts are not recorded then. EMAUDIT_LAB_MERGES is
// the largest number of packages of a plan that is carried out; of a larger plan, only
// Portage's resolver is asked. EMAUDIT_LAB_KEEP names a folder for the results, so that
// a proof which was stopped goes on with the same program.
func TestPlansWorkWithPortage(t *testing.T) {
	l := labtest.Open(t)
	p := &prover{program: filepath.Join(t.TempDir(), "emaudit")}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", p.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	p.kept = openKept(t, p.program)
	if most := os.Getenv("EMAUDIT_LAB_MERGES"); most != "" {
		var err error
		if p.most, err = strconv.Atoi(most); err != nil {
			t.Fatal(err)
		}
	}
	only := os.Getenv("EMAUDIT_LAB_RUN")
	wanted := func(host, run string) bool {
		return only == "" || slices.ContainsFunc(strings.Split(only, ","), func(s string) bool {
			h, r, _ := strings.Cut(s, ":")
			return h == host && (r == "" || run == "" || r == run)
		})
	}
	hosts := []string{"alpha"}
	for i := range recordedHosts {
		hosts = append(hosts, recordedHosts[i].name)
	}
	runs := make([][]int64, len(hosts))
	t.Run("hosts", func(t *testing.T) {
		for i, host := range hosts {
			t.Run(host, func(t *testing.T) {
				t.Parallel()
				if !wanted(host, "") {
					t.Skip("EMAUDIT_LAB_RUN does not name it")
				}
				own := *l
				own.T = t
				if i > 0 {
					recordedHosts[i-1].record(t, &own)
				}
				runs[i] = p.targets(&own, host)
			})
		}
	})
	if t.Failed() {
		return
	}
	rows := make([][][]proofRow, len(hosts))
	t.Run("runs", func(t *testing.T) {
		for i, host := range hosts {
			rows[i] = make([][]proofRow, len(runs[i]))
			for j, run := range runs[i] {
				name := fmt.Sprintf("%s:%d", host, run)
				if !wanted(host, fmt.Sprint(run)) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					own := *l
					own.T = t
					if rows[i][j] = p.kept.of(name); rows[i][j] == nil {
						rows[i][j] = p.prove(&own, host, run)
						if !t.Failed() {
							p.kept.keep(t, name, rows[i][j])
						}
					}
					for _, r := range rows[i][j] {
						t.Log(r)
					}
				})
			}
		}
	})
	if *update {
		updateProof(t, hosts, rows)
	}
}

// prover proves verdicts of a program.
type prover struct {
	program string
	most    int // builds of a plan that is carried out; 0: any
	kept    keptRows
	closed  sync.Map // sets of gaps
}

// judged is the part of the JSON of rollback that a proof needs.
type judged struct {
	Target struct {
		Known bool
		Args  string
	}
	Verdict     string
	Carried     int
	Changes     []judgedChange
	Gaps        []struct{ CPV, Cause, Detail, Remedy string }
	Unsatisfied []struct{ CPV, Kind, Dependency string }
	Plan, Guard []string
}

// drilled is the part of the JSON of drill that a proof needs.
type drilled struct {
	Verdict, Step, Cause string
	Differences          []struct{ Kind, Subject, Detail string }
}

type judgedChange struct {
	Action      string
	From, To    *string
	ToBuildTime *int64 `json:"to_build_time"`
	Instance    *struct {
		BuildTime *int64 `json:"build_time"`
	}
	Remote *struct {
		BuildTime *int64 `json:"build_time"`
	}
	Match string
	Stays bool
}

func (c judgedChange) cpv() string {
	if c.To != nil {
		return *c.To
	}
	return *c.From
}

// targets returns the runs of a host that changed something, the newest first.
func (p *prover) targets(l *labtest.Lab, host string) (runs []int64) {
	l.T.Helper()
	name := "proof-targets-" + host
	root := l.Copy(host, name)
	l.Must("run", name, "--bind", p.program+"=/tmp/emaudit", "bash", "-c", "/tmp/emaudit --quiet --db /root/proof.db --format json states > /root/states.json")
	var answer struct{ States []struct{ Run int64 } }
	readJSON(l.T, filepath.Join(root, "root/states.json"), &answer)
	for _, s := range answer.States {
		if s.Run > 0 {
			runs = append(runs, s.Run)
		}
	}
	slices.Sort(runs)
	slices.Reverse(runs)
	return slices.Compact(runs)
}

// prove proves the verdict about one run and, where its gaps can be closed with the
// remedies of emaudit, the verdict afterwards. Each set of gaps is closed once a host.
func (p *prover) prove(l *labtest.Lab, host string, run int64) []proofRow {
	name := fmt.Sprintf("proof-%s-%d", strings.TrimPrefix(host, "proof-"), run)
	root := l.Copy(host, name)
	before, scratch := treeOf(l.T, root), l.T.TempDir()
	answer := p.judge(l, name, run)
	row := proofRow{Run: run, Asked: answer.Target.Args, Verdict: answer.Verdict}
	switch {
	case len(answer.Plan) == 0:
		row.Proved, row.Explained = portageFails(l, name, answer)
		row.Drill = "no plan"
	case p.most > 0 && answer.merges() > p.most:
		row.Proved, row.Explained = resolve(l, name, answer)
		row.Drill = "not drilled"
	default:
		d, merged := p.drill(l, name, run, before, scratch)
		failed := ""
		row.Proved, row.Explained, failed = carryOut(l, name, answer)
		row.Drill = drillCell(d)
		if diff := differencesOf(treeOf(l.T, root), merged); diff != "" {
			l.T.Errorf("the files after the plan, and after the drill:\n%s", diff)
		}
		if (d.Verdict == "failed") == row.Proved || d.Step != failed {
			l.T.Errorf("the drill says %s, command %q; Portage failed at %q", d.Verdict, d.Step, failed)
		}
	}
	if !row.Proved {
		l.T.Errorf("%s: %s", row.Verdict, row.Explained)
	}
	if !answer.Target.Known || len(answer.Gaps) == 0 || row.Drill == "not drilled" || !p.first(host, answer) {
		return []proofRow{row}
	}
	l.Copy(host, name)
	for _, gap := range answer.Gaps {
		if out, err := l.Run("run", name, "bash", "-c", gap.Remedy); err != nil {
			row.Explained += fmt.Sprintf("; the remedy for %s fails: %s", gap.CPV, portageReason(out))
			return []proofRow{row}
		}
	}
	answer = p.judge(l, name, run)
	second := proofRow{Run: run, Asked: answer.Target.Args, Verdict: answer.Verdict, Remedied: true}
	if len(answer.Plan) == 0 {
		second.Proved, second.Explained = portageFails(l, name, answer)
	} else {
		second.Proved, second.Explained, _ = carryOut(l, name, answer)
	}
	if !second.Proved {
		l.T.Errorf("after the remedies: %s: %s", second.Verdict, second.Explained)
	}
	return []proofRow{row, second}
}

// first reports whether no other target of the host had the same gaps before.
func (p *prover) first(host string, answer *judged) bool {
	names := []string{host}
	for _, gap := range answer.Gaps {
		names = append(names, gap.CPV)
	}
	_, known := p.closed.LoadOrStore(strings.Join(names, " "), true)
	return !known
}

func (r *judged) merges() (n int) {
	for _, c := range r.Changes {
		if !c.Stays && c.To != nil {
			n++
		}
	}
	return n
}

// resolve lays out the files of a plan, and compares what emerge --pretend would merge
// with what the plan promised.
func resolve(l *labtest.Lab, name string, answer *judged) (proved bool, explained string) {
	i := slices.IndexFunc(answer.Plan, func(c string) bool { return strings.Contains(c, "emerge ") && strings.Contains(c, " --pretend ") })
	if i < 0 {
		return false, "the plan does not ask emerge --pretend"
	}
	script := "set -eu\n" + strings.Join(answer.Guard, "\n") + "\n" + strings.Join(answer.Plan[:i], "\n") + "\necho the answer\n" + answer.Plan[i]
	out, err := l.Run("run", name, "bash", "-c", script)
	_, list, _ := strings.Cut(out, "\nthe answer\n")
	if err != nil {
		return false, fmt.Sprintf("Portage's resolver refuses the plan: %v\n%s", err, labtest.Tail(out))
	}
	would, err := mergelist.ReadPretend(strings.NewReader(list))
	if err != nil {
		return false, err.Error()
	}
	want, got := map[string]int64{}, map[string]int64{}
	for _, c := range answer.Changes {
		if !c.Stays && c.To != nil {
			want[*c.To] = 0
		}
	}
	for _, item := range would.Items {
		got[item.CPV] = 0
	}
	if d := buildDifferences(want, got); d != "" {
		return false, "the resolver would merge something else: " + d
	}
	return true, fmt.Sprintf("the resolver would merge the %d builds of the plan", len(want))
}

func drillCell(r *drilled) string {
	counts := map[string]int{}
	for _, d := range r.Differences {
		counts[d.Kind]++
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.TrimSuffix(capitals(r.Verdict)+": "+strings.Join(parts, ", "), ": ")
}

// judge asks emaudit in the host, after the files of the plan were read.
func (p *prover) judge(l *labtest.Lab, name string, run int64, options ...string) *judged {
	l.T.Helper()
	// The exit code of a plan with findings is 3.
	args := append([]string{"run", name, "--bind", p.program + "=/tmp/emaudit"}, options...)
	out, err := l.Run(append(args, "bash", "-c", fmt.Sprintf("/tmp/emaudit --quiet --db /root/proof.db --format json rollback --verify --to run:%d > /root/rollback.json || [ $? = 3 ]", run))...)
	if err != nil {
		l.T.Fatalf("rollback: %v\n%s", err, out)
	}
	var answer judged
	readJSON(l.T, filepath.Join(l.Root(name), "root/rollback.json"), &answer)
	return &answer
}

// drill drills a plan. It returns the files that the host would have, and fails the
// test if the host has changed.
func (p *prover) drill(l *labtest.Lab, name string, run int64, before fileTree, scratch string) (*drilled, fileTree) {
	l.T.Helper()
	root := l.Root(name)
	out, err := l.Run("run", name, "--bind", p.program+"=/tmp/emaudit", "--bind", scratch+"=/mnt/drill", "bash", "-c",
		fmt.Sprintf("/tmp/emaudit --quiet --db /root/proof.db --format json drill --scratch /mnt/drill --keep --to run:%d > /root/drill.json || [ $? = 3 ]", run))
	if err != nil {
		l.T.Fatalf("drill: %v\n%s", err, out)
	}
	var answer struct{ Drills []drilled }
	readJSON(l.T, filepath.Join(root, "root/drill.json"), &answer)
	if len(answer.Drills) != 1 {
		l.T.Fatalf("drill: %d answers\n%s", len(answer.Drills), out)
	}
	if d := differencesOf(before, treeOf(l.T, root)); d != "" {
		l.T.Errorf("run %d: the drill has changed the host:\n%s", run, d)
	}
	uppers, err := filepath.Glob(filepath.Join(scratch, "emaudit-drill-*", "0", "upper"))
	if err != nil || len(uppers) != 1 {
		l.T.Fatalf("upper layers %v, %v", uppers, err)
	}
	for _, d := range answer.Drills[0].Differences {
		l.T.Logf("run %d: drill: %s %s: %s", run, d.Kind, d.Subject, d.Detail)
	}
	return &answer.Drills[0], before.with(l.T, uppers[0])
}

// carryOut runs a plan as a script, and compares what is installed with what it
// promised. failed is the command that failed.
func carryOut(l *labtest.Lab, name string, answer *judged, options ...string) (proved bool, explained, failed string) {
	want := l.Installed(name)
	before := maps.Clone(want)
	exact, removed := 0, 0
	var others, stays []string
	for _, c := range answer.Changes {
		if c.Stays {
			stays = append(stays, c.cpv())
			continue
		}
		if c.From != nil {
			delete(want, *c.From)
		}
		if c.Action == "remove" {
			removed++
		}
		source := c.Instance
		if source == nil {
			source = c.Remote
		}
		if source != nil {
			want[*c.To] = *source.BuildTime
			if c.Match == "same-version" {
				others = append(others, *c.To)
			} else {
				exact++
			}
		}
	}
	// As a script has them: first the lines that refuse a host that has changed.
	guard := "set -eu\n" + strings.Join(answer.Guard, "\n") + "\n"
	script := guard
	for i, command := range answer.Plan {
		script += fmt.Sprintf("%s || { echo 'failed command:' %d; exit 1; }\n", command, i)
	}
	run := append([]string{"run", name}, options...)
	out, err := l.Run(append(run, "bash", "-c", script)...)
	if err != nil {
		if _, number, ok := strings.Cut(out, "failed command: "); ok {
			number, _, _ = strings.Cut(number, "\n")
			if i, err := strconv.Atoi(number); err == nil {
				failed = answer.Plan[i]
			}
		}
		return false, fmt.Sprintf("Portage could not carry out the plan: %v\n%s\n%s", err, script, labtest.Tail(out)), failed
	}
	got := l.Installed(name)
	if diff := buildDifferences(want, got); diff != "" {
		return false, "what is installed is not what the plan promised: " + diff, ""
	}
	if len(got) != len(before) || exact > 0 {
		if _, err := l.Run(append(run, "bash", "-c", guard)...); err == nil {
			return false, "the plan would run a second time, over a host that it has changed", ""
		}
	}
	explained = fmt.Sprintf("restored as the very build: %d; removed: %d", exact, removed)
	if len(others) > 0 {
		explained += "; another build of the version: " + strings.Join(others, ", ")
	}
	if len(stays) > 0 {
		explained += "; stays as it is: " + strings.Join(stays, ", ")
	}
	return true, explained, ""
}

func buildDifferences(want, got map[string]int64) string {
	var all []string
	for cpv, n := range want {
		if m, ok := got[cpv]; !ok {
			all = append(all, "-"+cpv)
		} else if m != n {
			all = append(all, fmt.Sprintf("%s: build of %d, want %d", cpv, m, n))
		}
	}
	for cpv := range got {
		if _, ok := want[cpv]; !ok {
			all = append(all, "+"+cpv)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// portageFails shows that Portage cannot do it either: it finds no binary package of
// a gap, or refuses to put the packages together.
func portageFails(l *labtest.Lab, name string, answer *judged) (proved bool, explained string) {
	if !answer.Target.Known {
		return true, "the state is not known; nothing to carry out"
	}
	// Portage believes an index that lists what is gone, until it merges. Its own
	// complaints about other files give the command an exit status.
	_, _ = l.Run("run", name, "emaint", "--fix", "binhost")
	emerge := []string{"run", name, "emerge", "--ask=n", "--color=n", "--oneshot", "--usepkgonly"}
	var atoms []string
	for _, c := range answer.Changes {
		if c.To != nil {
			atoms = append(atoms, "="+*c.To)
		}
	}
	for _, gap := range answer.Gaps {
		// What is in a file, Portage sees when it merges it.
		option := "--pretend"
		if gap.Cause == "damaged" || gap.Cause == "phase-failed" {
			option = "--nodeps"
		}
		if out, err := l.Run(append(slices.Clone(emerge), option, "="+gap.CPV)...); err != nil {
			return true, fmt.Sprintf("gap %s (%s): Portage: %s", gap.CPV, gap.Cause, portageReason(out))
		}
	}
	if len(atoms) == 0 {
		return len(answer.Unsatisfied)+len(answer.Gaps) > 0, "nothing to merge"
	}
	out, err := l.Run(append(append(emerge, "--pretend"), atoms...)...)
	if err == nil {
		return false, "Portage would do it: " + labtest.Tail(out)
	}
	return true, "all of it: Portage: " + portageReason(out)
}

// portageReason is the line in which emerge says why not.
func portageReason(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		for _, words := range []string{"there are no", "slot conflict", "Multiple package instances within a single package slot", "have been masked", "unsatisfied", "no ebuilds"} {
			if strings.Contains(line, words) {
				return strings.Trim(line, "!* ")
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// keptRows are the rows of the runs that were proved with a program.
type keptRows struct{ dir string }

func openKept(t *testing.T, program string) keptRows {
	t.Helper()
	dir := os.Getenv("EMAUDIT_LAB_KEEP")
	if dir == "" {
		return keptRows{}
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256(b)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return keptRows{dir}
}

func (k keptRows) of(name string) (rows []proofRow) {
	b, err := os.ReadFile(filepath.Join(k.dir, name+".json"))
	if k.dir == "" || err != nil || json.Unmarshal(b, &rows) != nil {
		return nil
	}
	return rows
}

func (k keptRows) keep(t *testing.T, name string, rows []proofRow) {
	if k.dir == "" {
		return
	}
	b, err := json.Marshal(rows)
	if err == nil {
		err = os.WriteFile(filepath.Join(k.dir, name+".json"), b, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// proofHead begins the generated part of docs/rollback-proof.md. What is above it was
// written by a person.
const proofHead = "## The runs\n"

// updateProof writes the tables of docs/rollback-proof.md.
func updateProof(t *testing.T, hosts []string, rows [][][]proofRow) {
	t.Helper()
	page := filepath.Join("..", "..", "docs", "rollback-proof.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	above, _, found := strings.Cut(string(text), proofHead)
	if !found {
		t.Fatalf("%s has no line %q", page, proofHead)
	}
	commit, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	var b, tables bytes.Buffer
	held, carried, drilled, resolved := 0, 0, 0, 0
	for i, host := range hosts {
		fmt.Fprintf(&tables, "\n### %s\n\n| run | asked | verdict | what Portage did | what the drill said |\n|----:|-------|---------|------------------|---------------------|\n", host)
		for _, r := range slices.Concat(rows[i]...) {
			fmt.Fprintln(&tables, r)
			if r.Proved {
				held++
			}
			switch r.Drill {
			case "not drilled":
				resolved++
			case "no plan":
			case "":
				carried++
			default:
				carried++
				drilled++
			}
		}
	}
	fmt.Fprintf(&b, "%s%s\nOn %s the program of commit %s judged them. %d verdicts held. Portage carried out %d plans; %d of them were drilled before, and each drill agreed. Of %d larger plans, only its resolver was asked.\n%s",
		above, proofHead, time.Now().UTC().Format(time.DateOnly), strings.TrimSpace(string(commit)), held, carried, drilled, resolved, tables.Bytes())
	if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
