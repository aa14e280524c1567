package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/docs"
	"emaudit/report"
	"emaudit/store"
)

// completeCommand answers what may stand where the cursor is; the completions
// of the shells ask it. It is not meant for people.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words behind emaudit, up to the one that is being typed."`
}

// candidate is something that may stand where the cursor is.
type candidate struct{ text, help string }

// fileCandidates stands for the names of files, which the shell knows best.
const fileCandidates = "_files"

// Run writes the candidates, one a line, with a tab before the explanation.
// What cannot be found out has no candidates: a completion must not print
// errors into the line that is being typed.
func (c *completeCommand) Run(ctx context.Context, kctx *kong.Context, s *session) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	p := completion{node: kctx.Model.Node, values: map[string]string{}}
	for _, word := range words[:len(words)-1] {
		p.take(word)
	}
	if db := p.values["db"]; db != "" {
		s.DB = db
	}
	p.names = func(kind string) []candidate { return storedNames(ctx, s, p.values["host"], kind) }
	word := words[len(words)-1]
	return writeCandidates(s.proc.stdout, p.candidates(word), word)
}

func writeCandidates(w io.Writer, all []candidate, word string) error {
	for _, c := range all {
		if c.text != fileCandidates && !strings.HasPrefix(c.text, word) {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", report.Clean(c.text), report.Clean(c.help)); err != nil {
			return err
		}
	}
	return nil
}

// completion is a place in the grammar of the command line.
type completion struct {
	node       *kong.Node
	flag       *kong.Flag // whose value comes next; nil where none does
	positional int        // how many arguments the command has got
	onlyArgs   bool       // behind "--"
	values     map[string]string
	names      func(kind string) []candidate
}

// take goes past one word.
func (p *completion) take(word string) {
	switch {
	case p.flag != nil:
		p.values[p.flag.Name] = word
		p.flag = nil
	case word == "--":
		p.onlyArgs = true
	case strings.HasPrefix(word, "-") && word != "-" && !p.onlyArgs:
		name, value, given := strings.Cut(word, "=")
		flag := p.findFlag(name)
		switch {
		case flag == nil || flag.IsBool():
		case given:
			p.values[flag.Name] = value
		default:
			p.flag = flag
		}
	default:
		if child := p.child(word); child != nil && p.positional == 0 {
			p.node = child
			return
		}
		p.positional++
	}
}

func (p *completion) child(name string) *kong.Node {
	for _, n := range p.node.Children {
		if n.Type == kong.CommandNode && (n.Name == name) {
			return n
		}
	}
	return nil
}

// flags are those of the command and of emaudit as a whole.
func (p *completion) flags() []*kong.Flag {
	var all []*kong.Flag
	for n := p.node; n != nil; n = n.Parent {
		all = append(all, n.Flags...)
	}
	return all
}

func (p *completion) findFlag(word string) *kong.Flag {
	for _, f := range p.flags() {
		if word == "--"+f.Name || len(word) == 2 && f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

// candidates are what may stand here; word is how much of it is there.
func (p *completion) candidates(word string) []candidate {
	if p.flag != nil {
		return p.valuesOf(p.flag.Value)
	}
	var all []candidate
	if strings.HasPrefix(word, "-") && !p.onlyArgs {
		if name, _, given := strings.Cut(word, "="); given {
			if f := p.findFlag(name); f != nil {
				for _, c := range p.valuesOf(f.Value) {
					if c.text != fileCandidates {
						c.text = name + "=" + c.text
					}
					all = append(all, c)
				}
			}
			return all
		}
		for _, f := range p.flags() {
			if !f.Hidden {
				all = append(all, candidate{"--" + f.Name, f.Help})
			}
		}
		return all
	}
	if p.positional == 0 && !p.onlyArgs {
		for _, n := range p.node.Children {
			if n.Type == kong.CommandNode && !n.Hidden {
				all = append(all, candidate{n.Name, n.Help})
			}
		}
	}
	if args := p.node.Positional; len(args) > 0 {
		arg := args[min(p.positional, len(args)-1)]
		if p.positional < len(args) || arg.IsCumulative() {
			all = append(all, p.valuesOf(arg)...)
		}
	}
	return all
}

// valuesOf are the values that a flag or an argument may have: those of its
// enumeration, or those of the database that its placeholder or name speaks of.
func (p *completion) valuesOf(v *kong.Value) []candidate {
	if v.Enum != "" {
		var all []candidate
		for value := range strings.SplitSeq(v.Enum, ",") {
			if value != "" {
				all = append(all, candidate{value, ""})
			}
		}
		return all
	}
	word := v.Name
	if v.Flag != nil && v.Flag.PlaceHolder != "" {
		word = v.Flag.PlaceHolder
	}
	switch {
	case v.Name == "host":
		return append(p.names("host"), candidate{allHosts, "every host of the database"})
	case v.Name == "check":
		var all []candidate
		for _, c := range checks {
			all = append(all, candidate{c.name, ""})
		}
		return all
	case v.Name == "class":
		return words("error", "warn", "qa", "log", "info")
	case p.node.Name == "pin" && v.Name == "name":
		return p.names("pin")
	}
	switch word {
	case "package", "PACKAGE", "atom", "PATH|ATOM", "FILE|ATOM":
		return p.names("package")
	case "code":
		return words(docs.Codes()...)
	case "STATE", "a", "b":
		return append(append(words("now", "previous"), p.names("run")...), p.names("pin")...)
	case "TIME":
		return append(words("yesterday", "run:-1"), p.names("run")...)
	case "id":
		all := words("last")
		for _, c := range p.names("run") {
			all = append(all, candidate{strings.TrimPrefix(c.text, "run:"), c.help})
		}
		return all
	case "SEVERITY":
		return words("error", "warning", "info", "never")
	case "KIND":
		return words("merge", "unmerge", "sync")
	case "FILE", "DIR", "path", "other.db":
		return words(fileCandidates)
	}
	return nil
}

func words(texts ...string) []candidate {
	all := make([]candidate, len(texts))
	for i, t := range texts {
		all[i].text = t
	}
	return all
}

// runsOffered is how many of the newest runs are offered.
const runsOffered = 30

// storedNames returns names from the database as it is, without reading what is
// new: a completion has to be there at once.
func storedNames(ctx context.Context, s *session, host, kind string) (all []candidate) {
	db, err := s.openDatabase(ctx, store.Options{ReadOnly: true})
	if err != nil {
		return nil
	}
	defer db.Close()
	// An error leaves fewer candidates, which is all that can be said here.
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
				all = append(all, candidate{h.Name, h.Root})
			}
		case "package":
			names, err := tx.PackageNames()
			for _, n := range names {
				all = append(all, candidate{n, ""})
			}
			for _, n := range names {
				_, pn, _ := strings.Cut(n, "/")
				all = append(all, candidate{pn, n})
			}
			return err
		case "pin":
			pins, err := tx.Pins(asked.ID)
			for _, p := range pins {
				all = append(all, candidate{p.Name, "pin"})
			}
			return err
		case "run":
			log := tx.EmergeLog(asked.ID)
			n := 0
			return log.Runs(store.RunRange{}, store.NewestFirst, func(r *store.Run) error {
				if n++; n > runsOffered {
					return store.ErrStop
				}
				all = append(all, candidate{fmt.Sprintf("run:%d", r.ID), r.Args})
				return nil
			})
		}
		return nil
	})
	return all
}
