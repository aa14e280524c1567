package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/store"
)

// allHosts is the value of --host that means every host in the database.
const allHosts = "all"

// severalHosts reports whether --host names several hosts: all, or a glob.
func (g *globals) severalHosts() bool {
	return g.Host == allHosts || strings.ContainsAny(g.Host, "*?[")
}

// commandsOfHosts answer for each host in turn and combine the answers in one
// document. Commands that combine hosts themselves are not in the list.
var commandsOfHosts = []string{
	"summary", "runs", "log", "failures", "messages", "stats", "states", "diff", "audit", "rollback", "pin", "prune", "needs", "doctor",
}

// commandsOfDatabase answer from the whole database.
var commandsOfDatabase = []string{"report", "metrics", "show", "hosts", "sql", "complete", "explain", "completion", "manual", "export", "merge"}

// runCommand runs the command once, or once for each of several hosts.
func runCommand(kctx *kong.Context, ctx context.Context, s *session, acts bool) error {
	switch {
	case !s.severalHosts() || slices.Contains(commandsOfDatabase, s.command):
		return kctx.Run(s)
	case !slices.Contains(commandsOfHosts, s.command) || acts:
		return usagef("%s: one host at a time: name it with --host", s.command)
	}
	var answers hostAnswers
	switch s.Format {
	case report.FormatTable:
		answers = &tableOfHosts{s: s}
	case report.FormatJSON:
		answers = &documentOfHosts{s: s, hosts: []json.RawMessage{}, failed: []string{}}
	case report.FormatCSV:
		answers = &csvOfHosts{s: s}
	default:
		return usagef("%s: no --format %s for several hosts", s.command, s.Format)
	}
	err := s.eachHost(ctx, func(sub *session) error {
		var out bytes.Buffer
		proc := *s.proc
		if s.Format != report.FormatTable {
			proc.stdout = &out
		} else if err := answers.take(sub.Host, nil); err != nil {
			return err
		}
		sub.proc = &proc
		err := kctx.Run(sub)
		if s.Format == report.FormatTable {
			return err
		}
		return errors.Join(answers.take(sub.Host, out.Bytes()), err)
	})
	return worseOf(ctx, err, answers.end())
}

// hostAnswers combines the answers of several hosts.
type hostAnswers interface {
	take(host string, answer []byte) error
	end() error
}

// tableOfHosts prints one answer after the other.
type tableOfHosts struct {
	s     *session
	begun bool
}

func (t *tableOfHosts) take(host string, _ []byte) error {
	if t.begun {
		fmt.Fprintln(t.s.proc.stdout)
	}
	t.begun = true
	_, err := fmt.Fprintln(t.s.proc.stdout, "== "+screen.Clean(host)+" ==")
	return err
}

func (t *tableOfHosts) end() error { return nil }

// documentOfHosts writes one JSON document with the documents of the hosts.
type documentOfHosts struct {
	s      *session
	hosts  []json.RawMessage
	failed []string
}

func (d *documentOfHosts) take(host string, answer []byte) error {
	if !json.Valid(answer) {
		d.failed = append(d.failed, host)
		return nil
	}
	d.hosts = append(d.hosts, answer)
	return nil
}

func (d *documentOfHosts) end() error {
	out := d.s.out()
	out.Envelope.Host = d.s.Host
	return out.Write(report.Answer{Keys: func(j *report.JSON) {
		j.Value("hosts", d.hosts)
		j.Value("hosts_failed", d.failed)
	}})
}

// csvOfHosts writes one table with the host in the first column.
type csvOfHosts struct {
	s      *session
	header []string
}

func (t *csvOfHosts) take(host string, answer []byte) error {
	records, err := csv.NewReader(bytes.NewReader(answer)).ReadAll()
	if err != nil || len(records) == 0 {
		return err
	}
	out := csv.NewWriter(t.s.proc.stdout)
	switch {
	case t.header == nil:
		t.header = records[0]
		err = out.Write(append([]string{"host"}, t.header...))
	case !slices.Equal(t.header, records[0]):
		err = errors.New("its table has other columns than those of the hosts before")
	}
	if err != nil {
		return err
	}
	for _, record := range records[1:] {
		if err := out.Write(append([]string{host}, record...)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (t *csvOfHosts) end() error { return nil }

// eachHost calls ask with a session for each host that --host names, or with this
// session for a single host. It continues after errors and returns the worst one.
func (s *session) eachHost(ctx context.Context, ask func(*session) error) error {
	if !s.severalHosts() {
		return ask(s)
	}
	hosts, err := s.chosenHosts(ctx)
	if err != nil {
		return err
	}
	var worst error
	for _, h := range hosts {
		globals := *s.globals
		globals.Host = h.Name
		if !h.Elsewhere() {
			globals.Root = h.Root
			if info, err := os.Stat(h.Root); err != nil || !info.IsDir() {
				s.messages.Warning(fmt.Sprintf("host %s: its root %s is not there; answering from what is stored", screen.Clean(h.Name), screen.Clean(h.Root)))
				globals.Root, globals.NoIngest = "/", true
			}
		}
		sub := &session{globals: &globals, proc: s.proc, messages: s.messages, command: s.command, flags: s.flags, configured: s.configured}
		err := ask(sub)
		if closeErr := sub.close(); err == nil {
			err = closeErr
		}
		worst = worseOf(ctx, worst, err)
		if ctx.Err() != nil {
			return worst
		}
		if _, silent := exitCodeOf(ctx, err); !silent {
			s.messages.Error(fmt.Errorf("host %s: %w", screen.Clean(h.Name), err))
			worst = worseOf(ctx, worst, errFailedHost{})
		}
	}
	return worst
}

// chosenHosts returns the hosts in the database that --host names, by name.
func (s *session) chosenHosts(ctx context.Context) ([]store.HostSummary, error) {
	list := &session{globals: s.globals, proc: s.proc, messages: s.messages, command: s.command, flags: s.flags}
	hosts, err := list.hostSummaries(ctx)
	if err := errors.Join(err, list.close()); err != nil {
		return nil, err
	}
	return matchingHosts(hosts, "--host", s.Host)
}

// matchingHosts returns the hosts whose names match a pattern, the value of a flag:
// all, a glob, or a name.
func matchingHosts(hosts []store.HostSummary, flag, pattern string) ([]store.HostSummary, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, usagef("%s %s: %w", flag, pattern, err)
	}
	all, names := len(hosts), make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = h.Name
	}
	hosts = slices.DeleteFunc(hosts, func(h store.HostSummary) bool {
		// The name of a host may end in @ and the path of its root.
		match, _ := path.Match(pattern, strings.ReplaceAll(h.Name, "/", "_"))
		return pattern != allHosts && pattern != h.Name && !match && !(strings.HasSuffix(pattern, "*") && strings.HasPrefix(h.Name, strings.TrimSuffix(pattern, "*")))
	})
	if len(hosts) == 0 && all > 0 {
		return nil, usagef("%s %s: none of the %d hosts has such a name: %s", flag, pattern, all, strings.Join(names, ", "))
	}
	return hosts, nil
}

// errFailedHost means that the command failed for one of several hosts. The reason is
// already printed.
type errFailedHost struct{}

func (errFailedHost) Error() string { return "a host could not be asked" }
func (errFailedHost) exitCode() int { return exitError }

// worseOf returns the error with the more important exit code: errors, then findings,
// then damage.
func worseOf(ctx context.Context, a, b error) error {
	rank := func(err error) int {
		code, _ := exitCodeOf(ctx, err)
		return slices.Index([]int{exitClean, exitDamaged, exitFindings, exitUsage, exitError, exitInterrupted}, code)
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
