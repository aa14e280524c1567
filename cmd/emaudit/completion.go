package main

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/cli/completion"
	"emaudit/docs"
	"emaudit/report/screen"
	"emaudit/store"
	"emaudit/store/logs"
)

// completionCommand writes a completion script for a shell.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (*completionCommand) Help() string {
	return `Writes a script that completes commands, flags and their values. The names of
packages, runs, states, pins and hosts come from the database.

  emaudit completion bash > /usr/share/bash-completion/completions/emaudit
  emaudit completion zsh  > /usr/share/zsh/site-functions/_emaudit
  emaudit completion fish > /usr/share/fish/vendor_completions.d/emaudit.fish
` + exitStatus
}

//go:embed completion/emaudit.bash
var bashCompletion string

//go:embed completion/_emaudit
var zshCompletion string

//go:embed completion/emaudit.fish
var fishCompletion string

func (c *completionCommand) Run(s *session) error {
	script := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err := fmt.Fprint(s.proc.stdout, script)
	return err
}

// completeCommand returns the candidates at the cursor. The completion scripts call
// it; people do not.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words after emaudit, up to the cursor."`
}

// Run writes the candidates, one a line, with a tab before the explanation. In case
// of an error there are no candidates: a completion must not print errors into the
// command line.
func (c *completeCommand) Run(ctx context.Context, kctx *kong.Context, s *session) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	place := completion.At(kctx.Model.Node, words[:last])
	if db := place.Values["db"]; db != "" {
		s.DB = db
	}
	place.Offer = func(v *kong.Value) []completion.Candidate {
		return offered(place.Command.Name, v, func(kind string) []completion.Candidate {
			return storedNames(ctx, s, place.Values["host"], kind)
		})
	}
	return completion.Write(s.proc.stdout, place.Candidates(words[last]), words[last], screen.Clean)
}

// offered returns the possible values of a flag or an argument, by its placeholder or
// name. names returns the names of one kind in the database.
func offered(command string, v *kong.Value, names func(kind string) []completion.Candidate) []completion.Candidate {
	word := v.Name
	if v.Flag != nil && v.Flag.PlaceHolder != "" {
		word = v.Flag.PlaceHolder
	}
	switch {
	case v.Name == "host":
		return append(names("host"), completion.Candidate{allHosts, "every host of the database"})
	case v.Name == "check" || command == "audit" && v.Name == "more":
		var all []completion.Candidate
		for _, c := range checks {
			all = append(all, completion.Candidate{c.name, ""})
		}
		return all
	case v.Name == "class":
		return completion.Words(aftermath.MessageClasses...)
	case command == "pin" && v.Name == "name":
		return names("pin")
	}
	switch word {
	case "package", "PACKAGE", "atom", "PATH|ATOM", "FILE|ATOM":
		return names("package")
	case "code":
		return completion.Words(docs.Codes()...)
	case "STATE", "state", "a", "b":
		return append(append(completion.Words("now", "previous"), names("run")...), names("pin")...)
	case "TIME":
		return append(completion.Words("yesterday", "run:-1"), names("run")...)
	case "id":
		all := completion.Words("last")
		for _, c := range names("run") {
			all = append(all, completion.Candidate{strings.TrimPrefix(c[0], "run:"), c[1]})
		}
		return all
	case "SEVERITY":
		return completion.Words(string(audit.SeverityError), string(audit.SeverityWarning), string(audit.SeverityInfo), "never")
	case "KIND":
		return completion.Words("merge", "unmerge", "sync")
	case "FILE", "DIR", "dir", "path", "other.db":
		return completion.Words(completion.Files)
	}
	return nil
}

// runsOffered is the number of newest runs that are offered.
const runsOffered = 30

// storedNames returns names from the database without an ingest: a completion has to
// be fast.
func storedNames(ctx context.Context, s *session, host, kind string) (all []completion.Candidate) {
	db, err := s.openDatabase(ctx, store.Options{ReadOnly: true})
	if err != nil {
		return nil
	}
	defer db.Close()
	// An error only means fewer candidates; it cannot be shown here.
	_ = db.View(ctx, func(tx *store.Tx) error {
		hosts, err := tx.Hosts()
		if err != nil || len(hosts) == 0 {
			return err
		}
		asked := hosts[0]
		for _, h := range hosts {
			if host == h.Name || host == "" && h.Root == s.Root {
				asked = h
			}
		}
		switch kind {
		case "host":
			for _, h := range hosts {
				all = append(all, completion.Candidate{h.Name, h.Root})
			}
		case "package":
			names, err := tx.PackageNames()
			for _, n := range names {
				all = append(all, completion.Candidate{n, ""})
			}
			for _, n := range names {
				_, pn, _ := strings.Cut(n, "/")
				all = append(all, completion.Candidate{pn, n})
			}
			return err
		case "pin":
			pins, err := tx.Pins(asked.ID)
			for _, p := range pins {
				all = append(all, completion.Candidate{p.Name, "pin"})
			}
			return err
		case "run":
			log := logs.ReadEmergeLog(tx, asked.ID)
			n := 0
			return log.Runs(logs.RunRange{}, logs.NewestFirst, func(r *logs.Run) error {
				if n++; n > runsOffered {
					return logs.ErrStop
				}
				all = append(all, completion.Candidate{fmt.Sprintf("run:%d", r.ID), r.Args})
				return nil
			})
		}
		return nil
	})
	return all
}
