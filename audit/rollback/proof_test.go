package rollback_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/internal/labtest"
	"emaudit/parse/vdb"
)

var update = flag.Bool("update", false, "write the table of docs/rollback-proof.md anew")

// proofRow is one line of docs/rollback-proof.md.
type proofRow struct {
	Run       int64
	Asked     string
	Verdict   rollback.Readiness
	Remedied  bool
	Proved    bool
	Explained string
}

// String is the row as the table has it.
func (r proofRow) String() string {
	verdict := strings.ToUpper(strings.ReplaceAll(string(r.Verdict), "-", " "))
	if r.Remedied {
		verdict = "after the remedies: " + verdict
	}
	result := "ok: "
	if !r.Proved {
		result = "FAILED: "
	}
	explained, _, _ := strings.Cut(r.Explained, "\n")
	return fmt.Sprintf("| %d | `%s` | %s | %s%s |", r.Run, strings.ReplaceAll(strings.ReplaceAll(r.Asked, "--regex-search-auto=y", ""), "  ", " "), verdict, result, strings.ReplaceAll(explained, "|", "\\|"))
}

// TestPlansWorkWithPortage judges the way back before every run of the
// recorded host that changed something, carries each plan out with real
// Portage in a copy of the host, and compares what is then installed with what
// was installed: the same packages, and of each the build that the plan named.
// Where a verdict is not ready, Portage must not be able to do it either.
func TestPlansWorkWithPortage(t *testing.T) {
	l := &prover{labtest.Open(t)}
	host := hosttest.New(t, filepath.Join(l.Dir, "hosts", "alpha"))
	host.Ingest(hosttest.Now)
	var runs []int64
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		states, err := state.AuditStates(db)
		if err != nil {
			return err
		}
		for _, r := range states.Rows {
			runs = append(runs, r.Run)
		}
		return nil
	})
	slices.Reverse(runs)
	if only := os.Getenv("EMAUDIT_LAB_RUN"); only != "" {
		runs = nil
		for text := range strings.SplitSeq(only, ",") {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			runs = append(runs, n)
		}
	}
	kept := openKept(t)
	rows := make([][]proofRow, len(runs))
	t.Run("runs", func(t *testing.T) {
		for i, run := range runs {
			t.Run(fmt.Sprint(run), func(t *testing.T) {
				t.Parallel()
				if rows[i] = kept.of(run); rows[i] == nil {
					rows[i] = l.prove(t, run)
					if !t.Failed() {
						kept.keep(t, run, rows[i])
					}
				}
				for _, r := range rows[i] {
					t.Log(r)
				}
			})
		}
	})
	if *update && os.Getenv("EMAUDIT_LAB_RUN") == "" {
		updateDocument(t, rows)
	}
}

// keptRows lets the proof, which takes a quarter of an hour, be made in several
// sittings: EMAUDIT_LAB_KEEP is a folder for the rows of the runs that were
// proved. They count only for the very program that made them, so that a page is
// of one state of the sources.
type keptRows struct{ dir string }

func openKept(t *testing.T) keptRows {
	t.Helper()
	dir := os.Getenv("EMAUDIT_LAB_KEEP")
	if dir == "" {
		return keptRows{}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
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

func (k keptRows) file(run int64) string {
	return filepath.Join(k.dir, fmt.Sprintf("%d.json", run))
}

// of returns the rows of a run, nil where they are to be made.
func (k keptRows) of(run int64) (rows []proofRow) {
	if k.dir == "" {
		return nil
	}
	b, err := os.ReadFile(k.file(run))
	if err != nil || json.Unmarshal(b, &rows) != nil {
		return nil
	}
	return rows
}

func (k keptRows) keep(t *testing.T, run int64, rows []proofRow) {
	if k.dir == "" {
		return
	}
	b, err := json.Marshal(rows)
	if err == nil {
		err = os.WriteFile(k.file(run), b, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// prover carries plans out in the lab.
type prover struct{ *labtest.Lab }

// prove proves the verdict about one run and, where that is not ready and its
// gaps can be closed as it says, the verdict afterwards.
func (l *prover) prove(t *testing.T, run int64) []proofRow {
	lab := *l.Lab
	lab.T = t
	own := &prover{&lab}
	name := fmt.Sprintf("proof-%d", run)
	root := own.CopyOfAlpha(name)
	verdict := own.judge(root, run)
	first := own.proveVerdict(name, run, verdict)
	rows := []proofRow{first}
	if !verdict.Target.Known || len(verdict.Gaps) == 0 {
		return rows
	}
	root = own.CopyOfAlpha(name)
	for _, gap := range verdict.Gaps {
		out, err := own.Run("run", name, "bash", "-c", gap.Remedy.String())
		if err != nil {
			rows[0].Explained += fmt.Sprintf("; the remedy for %s fails: %s", gap.CPV, lastLine(out))
			return rows
		}
	}
	verdict = own.judge(root, run)
	second := own.proveVerdict(name, run, verdict)
	second.Remedied = true
	return append(rows, second)
}

// judge asks emaudit, after every package was read whole.
func (l *prover) judge(root string, run int64) *rollback.Rollback {
	l.T.Helper()
	host := hosttest.New(l.T, root)
	// The remedies run by the clock of the machine.
	now := time.Now().Unix()
	host.Ingest(now)
	host.Verify(hosttest.Now)
	var verdict *rollback.Rollback
	audittest.Ask(host, now, func(db audit.Database) (err error) {
		verdict, err = rollback.AuditRollback(db, state.Moment{Run: run}, rollback.RollbackOptions{Contents: contentsOf(root)})
		return err
	})
	return verdict
}

// contentsOf reads what the installed packages of a root own.
func contentsOf(root string) func(cpv string, each func(vdb.ContentsEntry)) bool {
	return func(cpv string, each func(vdb.ContentsEntry)) bool {
		f, err := os.Open(filepath.Join(root, "var/db/pkg", cpv, "CONTENTS"))
		if err != nil {
			return errors.Is(err, fs.ErrNotExist)
		}
		defer f.Close()
		_, err = vdb.ReadContents(f, func(e vdb.ContentsEntry) error {
			each(e)
			return nil
		})
		return err == nil
	}
}

func (l *prover) proveVerdict(name string, run int64, verdict *rollback.Rollback) proofRow {
	row := proofRow{Run: run, Asked: verdict.Target.Args, Verdict: verdict.Verdict}
	switch {
	case !verdict.Target.Known:
		row.Explained = "the state is not known; nothing to carry out"
		row.Proved = true
	case verdict.Verdict == rollback.NotReady:
		row.Proved, row.Explained = l.portageFails(name, verdict)
	default:
		row.Proved, row.Explained = l.carryOut(name, verdict)
	}
	if !row.Proved {
		l.T.Errorf("run %d, %s: %s", run, row.Verdict, row.Explained)
	}
	return row
}

// carryOut runs a plan, and compares what is installed with what it promised.
func (l *prover) carryOut(name string, verdict *rollback.Rollback) (proved bool, explained string) {
	want := l.Installed(name)
	before := maps.Clone(want)
	exact := 0
	var others, stays []string
	for _, c := range verdict.Changes {
		if c.Stays {
			stays = append(stays, c.CPV())
			continue
		}
		if c.From != nil {
			delete(want, *c.From)
		}
		if c.Instance != nil {
			want[*c.To] = *c.Instance.BuildTime
			if c.Match == binpkgs.CoverageSameVersion {
				others = append(others, *c.To)
			} else {
				exact++
			}
		}
	}
	// As a script has them: first the lines that refuse a host that has changed.
	script := "set -eu\n" + strings.Join(verdict.Guard, "\n") + "\n" + strings.Join(audit.Lines(verdict.Plan), "\n") + "\n"
	out, err := l.Run("run", name, "bash", "-c", script)
	if err != nil {
		return false, fmt.Sprintf("Portage could not carry out the plan: %v\n%s\n%s", err, script, labtest.Tail(out))
	}
	got := l.Installed(name)
	if diff := differences(want, got); diff != "" {
		return false, "what is installed is not what the plan promised: " + diff
	}
	if len(got) != len(before) || exact > 0 {
		guard := "set -eu\n" + strings.Join(verdict.Guard, "\n") + "\n"
		if _, err := l.Run("run", name, "bash", "-c", guard); err == nil {
			return false, "the plan would run a second time, over a host that it has changed"
		}
	}
	explained = fmt.Sprintf("restored as the very build: %d; removed: %d", exact, removed(verdict))
	if len(others) > 0 {
		explained += "; another build of the version: " + strings.Join(others, ", ")
	}
	if len(stays) > 0 {
		explained += "; stays as it is: " + strings.Join(stays, ", ")
	}
	return true, explained
}

func removed(verdict *rollback.Rollback) int {
	n := 0
	for _, c := range verdict.Changes {
		if c.Action == state.ActionRemove && !c.Stays {
			n++
		}
	}
	return n
}

// portageFails shows that Portage cannot do it either: it finds no binary
// package of the build of a gap, or refuses to put the packages together.
func (l *prover) portageFails(name string, verdict *rollback.Rollback) (proved bool, explained string) {
	// Portage believes an index that lists what is gone, until it merges. Its
	// own complaints about other files give the command an exit status.
	_, _ = l.Run("run", name, "emaint", "--fix", "binhost")
	for _, gap := range verdict.Gaps {
		var want *int64
		for _, c := range verdict.Changes {
			if c.To != nil && *c.To == gap.CPV {
				want = c.ToBuildTime
			}
		}
		command := []string{"run", name, "emerge", "--ask=n", "--color=n", "--pretend", "--oneshot", "--usepkgonly", "=" + gap.CPV}
		if gap.Cause == "damaged" || gap.Cause == "phase-failed" {
			// What is in a file, Portage sees when it merges it.
			command = slices.DeleteFunc(append(command, "--nodeps"), func(word string) bool { return word == "--pretend" })
		}
		out, err := l.Run(command...)
		switch {
		case err != nil:
			return true, fmt.Sprintf("gap %s (%s): Portage: %s", gap.CPV, gap.Cause, portageReason(out))
		case want == nil:
			// There is a binary package of the version, but nobody knows of one of
			// the build: that the log has the build without a package is the proof.
			explained = fmt.Sprintf("gap %s (%s): only another build of it is there", gap.CPV, gap.Cause)
			proved = true
		}
	}
	if proved {
		return true, explained
	}
	var atoms []string
	for _, c := range verdict.Changes {
		if c.To != nil {
			atoms = append(atoms, "="+*c.To)
		}
	}
	if len(atoms) == 0 {
		if len(verdict.Unsatisfied) > 0 {
			return true, fmt.Sprintf("%s: %s; not carried out", verdict.Unsatisfied[0].CPV, verdict.Unsatisfied[0].Dependency)
		}
		return false, "not ready without a reason"
	}
	out, err := l.Run(append([]string{"run", name, "emerge", "--ask=n", "--color=n", "--pretend", "--oneshot", "--usepkgonly"}, atoms...)...)
	if err == nil {
		return false, "Portage would do it: " + labtest.Tail(out)
	}
	return true, fmt.Sprintf("%s needs %s: Portage: %s", verdict.Unsatisfied[0].CPV, verdict.Unsatisfied[0].Dependency, portageReason(out))
}

// portageReason is the line in which emerge says why not.
func portageReason(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "there are no") || strings.Contains(line, "slot conflict") || strings.Contains(line, "Multiple package instances within a single package slot") ||
			strings.Contains(line, "have been masked") || strings.Contains(line, "unsatisfied") || strings.Contains(line, "no ebuilds") {
			return strings.Trim(line, "!* ")
		}
	}
	return lastLine(out)
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func differences(want, got map[string]int64) string {
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

// tableHead begins the table of docs/rollback-proof.md. What is above it was written
// by a person.
const tableHead = "| run | asked | verdict | what Portage did |\n"

// updateDocument replaces the table in docs/rollback-proof.md.
func updateDocument(t *testing.T, rows [][]proofRow) {
	t.Helper()
	page := filepath.Join("..", "..", "docs", "rollback-proof.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	above, _, found := strings.Cut(string(text), tableHead)
	if !found {
		t.Fatalf("%s has no table", page)
	}
	b := bytes.NewBufferString(above + tableHead + "|----:|-------|---------|------------------|\n")
	held, carried := 0, 0
	for _, r := range slices.Concat(rows...) {
		if r.Proved {
			held++
		}
		if r.Verdict != rollback.NotReady {
			carried++
		}
		fmt.Fprintln(b, r)
	}
	fmt.Fprintf(b, "\n%d verdicts held; %d plans were carried out.\n", held, carried)
	if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
