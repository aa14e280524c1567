package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
	"emaudit/internal/postgrestest"
	"emaudit/store"
)

// asHost runs emaudit as the user of a host whose database is at the usual place,
// below state, and returns its standard output.
func asHost(t *testing.T, state string, args ...string) (stdout string, code int, stderr string) {
	t.Helper()
	return asHostAt(t, testNow, state, args...)
}

// asHostAt is asHost at a time.
func asHostAt(t *testing.T, now int64, state string, args ...string) (stdout string, code int, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(context.Background(), process{
		args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &messages, env: []string{"XDG_STATE_HOME=" + state}, euid: 1000,
		now: func() time.Time { return time.Unix(now, 0) }, local: time.UTC,
	})
	return out.String(), code, messages.String()
}

// newFleet makes a fleet with a role for a host and one for a reader, and returns the
// addresses of both.
func newFleet(t *testing.T) (host, reader string) {
	t.Helper()
	database := postgrestest.Database(t)
	postgrestest.Exec(t, database, store.FleetSchema())
	name, _, _ := strings.Cut(database, "?")
	host, reader = "alpha_"+path.Base(name), "reader_"+path.Base(name) // roles belong to the server
	postgrestest.Exec(t, database, "CREATE ROLE "+host+" LOGIN IN ROLE emaudit_host; CREATE ROLE "+reader+" LOGIN IN ROLE emaudit_reader")
	return postgrestest.As(database, host), postgrestest.As(database, reader)
}

// TestAFleetAnswersAsItsHost compares the JSON of every command that reads, byte by
// byte.
func TestAFleetAnswersAsItsHost(t *testing.T) {
	alpha, state := hostarchive.AlphaCopy(t), t.TempDir()
	// Ebuilds that changed since, and a name of the system: alpha has neither.
	for name, text := range map[string]string{
		"var/db/repos/lab/metadata/md5-cache/app-misc/hello-2.1":      "EAPI=8\nIUSE=new\nSLOT=0\n",
		"var/db/repos/lab/metadata/md5-cache/app-misc/foo-tool-1.3.0": "EAPI=8\nIUSE=\nRDEPEND=app-misc/new\nSLOT=0\n",
		"etc/os-release": "ID=gentoo\nPRETTY_NAME=\"Gentoo Linux\"\n",
	} {
		if err := os.MkdirAll(filepath.Join(alpha, path.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(alpha, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	host, reader := newFleet(t)
	// The second push asks the disk what the first one asked, and judges only one verdict.
	for _, args := range [][]string{{"audit", "--fail-on", "never"}, {"push", host}, {"pin", "before", "--note", "why"}, {"push", host}} {
		if _, code, stderr := asHost(t, state, append([]string{"--root", alpha, "--host", "alpha"}, args...)...); code != exitClean && code != exitDamaged {
			t.Fatalf("emaudit %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
		}
	}
	// Another host has the same names, and a reader sees both.
	database, _, _ := strings.Cut(path.Base(reader), "?")
	twin := "twin_" + database
	postgrestest.Exec(t, postgrestest.As(reader, "postgres"), "CREATE ROLE "+twin+" LOGIN IN ROLE emaudit_host")
	if _, code, stderr := asHost(t, t.TempDir(), "--root", alpha, "--host", "twin", "push", postgrestest.As(reader, twin)); code != exitClean && code != exitDamaged {
		t.Fatalf("push of another host: exit code %d\n%s", code, stderr)
	}
	if out, code, stderr := asHost(t, t.TempDir(), "--db", reader, "--host", "all", "--format", "json", "show", "app-misc/hello"); code != exitClean || strings.Count(out, `"twin"`) == 0 || strings.Count(out, `"alpha"`) == 0 {
		t.Errorf("show --host all: exit code %d\n%s%s", code, out, stderr)
	}
	if _, code, stderr := asHost(t, t.TempDir(), "--db", reader, "runs"); code != exitUsage || !strings.Contains(stderr, "the fleet has 2 hosts: name one with --host") {
		t.Errorf("runs of no host: exit code %d: %s", code, stderr)
	}
	questions := [][]string{
		{"log", "--event", "sync"},
		{"stats", "--group", "month"},
		{"stats", "hello", "--group", "year"},
		{"show", "app-misc/oldname"},
		{"messages", "--all"},
		{"rollback", "--undo", "83"},
		{"rollback", "--to", "run:41"}, // older than the last 20 updates
		{"rollback", "--to", "run:8"},
		{"audit", "compatibility"},
		{"audit", "coverage"},
		{"audit", "update"},
		{"needs"},
		{"metrics"},
	}
	for _, view := range []string{"runs", "merges", "unmerges", "syncs", "package_stats", "installed_now", "binpkgs", "failures", "messages"} {
		questions = append(questions, []string{"sql", "SELECT count(*) AS n FROM " + view + " WHERE host = 'alpha'"})
	}
	questions = append(questions, []string{"sql", "SELECT package, avg(seconds) AS seconds FROM merges WHERE host = 'alpha' GROUP BY package ORDER BY package"})
	for _, d := range documents {
		// A question in SQL is about all hosts.
		if len(d.args) < 2 || d.args[0] != "sql" {
			questions = append(questions, d.args)
		}
	}
	// What only the machine of the host can tell.
	only := map[string]string{"": `"reclaimable":{"files":`, "audit compatibility": "iuse-changed", "report": "can go"}
	asked := map[string]bool{}
	for _, args := range questions {
		command := "summary"
		if len(args) > 0 {
			command = args[0]
		}
		if !slices.Contains(commandsOfFleet, command) {
			continue
		}
		asked[command] = true
		args = append([]string{"--format", "json", "--fail-on", "never"}, args...)
		want, wantCode, _ := asHost(t, state, append([]string{"--root", alpha, "--host", "alpha", "--no-ingest"}, args...)...)
		got, code, stderr := asHost(t, t.TempDir(), append([]string{"--db", reader, "--host", "alpha"}, args...)...)
		if command == "hosts" {
			// The role of a host sees no other one.
			got, code, stderr = asHost(t, t.TempDir(), append([]string{"--db", host}, args...)...)
		}
		if code != wantCode {
			t.Errorf("emaudit %s: exit code %d, on the host %d\n%s", strings.Join(args, " "), code, wantCode, stderr)
			continue
		}
		if word := only[strings.Join(args[4:], " ")]; !strings.Contains(want, word) {
			t.Errorf("emaudit %s: the answer of the host lacks %s", strings.Join(args, " "), word)
		}
		if diff := cmp.Diff(withoutMoment(want), withoutMoment(got)); diff != "" {
			t.Errorf("emaudit %s (-host +fleet):\n%s", strings.Join(args, " "), diff)
		}
	}
	for _, command := range commandsOfFleet {
		if !asked[command] && command != "complete" {
			t.Errorf("no question asks %s", command)
		}
	}
}

// moment matches what changes from one moment to the next, as other programs fill the
// disk, and the flags with which the host is asked here: on a real one there are none.
var moment = regexp.MustCompile(`("free":|free_bytes\{[^}]*\} )\d+|,\n\{"name":"--[^\n]*"source":"the command line"\}`)

func withoutMoment(answer string) string { return moment.ReplaceAllString(answer, "$1") }

// TestRecordedFactsOfAMergedHostGrowOld: a push records what the machine says, and what
// a later merge brings is not judged by that.
func TestRecordedFactsOfAMergedHostGrowOld(t *testing.T) {
	alpha, state, here := hostarchive.Alpha(t), t.TempDir(), t.TempDir()
	host, _ := newFleet(t)
	at := int64(testNow)
	ask := func(state string, args ...string) string {
		t.Helper()
		stdout, code, stderr := asHostAt(t, at, state, args...)
		if code != exitClean && code != exitDamaged {
			t.Fatalf("emaudit %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
		}
		return stdout
	}
	merged := func() (ingesting, stored string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "alpha.db")
		ask(state, "export", file)
		ask(here, "merge", file)
		summary := []string{"--host", "alpha", "--format", "json", "--fail-on", "never"}
		return ask(here, summary...), ask(here, append(summary, "--no-ingest")...)
	}
	ask(state, "--root", alpha, "--host", "alpha", "push", host)
	ingesting, stored := merged()
	if diff := cmp.Diff(stored, ingesting); diff != "" || !strings.Contains(stored, `"reclaimable":{`) {
		t.Errorf("as of the push (-stored +ingesting):\n%s%s", diff, stored)
	}
	at += 2 * diskFactsAge
	ask(state, "--root", alpha, "--host", "alpha", "ingest")
	if ingesting, stored := merged(); !strings.Contains(ingesting, `"reclaimable":null`) || !strings.Contains(stored, `"reclaimable":null`) {
		t.Errorf("two hours later:\n%s%s", ingesting, stored)
	}
}

// TestPruneKeepsWhatAFleetNeeds: the hosts of a fleet are clients like those of files,
// and nothing is removed while a fleet cannot be asked.
func TestPruneKeepsWhatAFleetNeeds(t *testing.T) {
	alpha, state := hostarchive.Alpha(t), t.TempDir()
	host, reader := newFleet(t)
	on := []string{"--root", alpha, "--host", "alpha"}
	if _, code, stderr := asHost(t, state, append(on, "push", "--as", "client", host)...); code != exitClean && code != exitDamaged {
		t.Fatalf("push: exit code %d\n%s", code, stderr)
	}
	stdout, _, stderr := asHost(t, state, append(on, "--format", "json", "--fail-on", "never", "prune", "--needs", reader)...)
	var answer struct {
		Hosts []struct {
			Name, Source, Silent string
			Needs                int
		}
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if len(answer.Hosts) != 1 || answer.Hosts[0].Name != "client" || answer.Hosts[0].Needs < 50 || answer.Hosts[0].Silent != "" || !strings.HasPrefix(answer.Hosts[0].Source, "postgres://") {
		t.Errorf("hosts: %+v", answer.Hosts)
	}
	if _, code, stderr := asHost(t, t.TempDir(), "--db", host, "hosts", "--forget", "cleint"); code != exitUsage {
		t.Errorf("hosts --forget of another name: exit code %d: %s", code, stderr)
	}
	if stdout, code, stderr := asHost(t, t.TempDir(), "--db", host, "--format", "json", "hosts", "--forget", "client"); code != exitClean || !strings.Contains(stdout, `"hosts":[]`) {
		t.Errorf("hosts --forget: exit code %d: %s%s", code, stdout, stderr)
	}
	stdout, _, _ = asHost(t, state, append(on, "--format", "json", "--fail-on", "never", "prune", "--needs", "postgres://alpha:s3cret@127.0.0.1:1/fleet")...)
	if !strings.Contains(stdout, "prune-needs-unread") || strings.Contains(stdout, "s3cret") {
		t.Errorf("a fleet that cannot be asked: %s", stdout)
	}
}

// TestAFleetIsOnlyRead: what needs the files of a host, or writes, takes no address of
// a fleet.
func TestAFleetIsOnlyRead(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"ingest", "verify", "pin", "prune", "predict", "current"} {
		_, code, stderr := asHost(t, t.TempDir(), "--db", "postgres://alpha:s3cret@127.0.0.1:1/fleet", command)
		if code != exitUsage || !strings.Contains(stderr, "needs the database of a host") || strings.Contains(stderr, "s3cret") {
			t.Errorf("%s: exit code %d: %s", command, code, stderr)
		}
	}
}

// TestNoPasswordIsShown: neither in errors nor in the settings of doctor.
func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--db", "postgres://alpha:s3cret@127.0.0.1:1/fleet", "runs"},
		{"--db", "postgres://alpha:s3cret@127.0.0.1:port/fleet", "runs"},
		{"--db", "postgres://127.0.0.1:1/fleet?user=alpha&password=s3cret", "hosts"},
		{"push", "postgres://alpha:s3cret@127.0.0.1:1/fleet"},
		{"push", "postgres://alpha:s3cret@127.0.0.1:1/fleet?sslmode=none"},
	} {
		stdout, code, stderr := asHost(t, t.TempDir(), append([]string{"--root", hostarchive.Alpha(t)}, args...)...)
		if code != exitError && code != exitUsage || strings.Contains(stdout+stderr, "s3cret") {
			t.Errorf("emaudit %s: exit code %d: %s%s", strings.Join(args, " "), code, stdout, stderr)
		}
	}
}
