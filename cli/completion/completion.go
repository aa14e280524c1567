// Package completion finds what may stand at the cursor of a command line, by its
// grammar.
package completion

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Candidate is a word that may stand at the cursor, and its explanation.
type Candidate [2]string

// Files stands for the names of files, which the shell knows best.
const Files = "_files"

// Words returns candidates without explanations.
func Words(texts ...string) []Candidate {
	all := make([]Candidate, len(texts))
	for i, t := range texts {
		all[i][0] = t
	}
	return all
}

// Write writes the candidates that begin with word, one a line, with a tab before the
// explanation. clean makes text safe to show.
func Write(w io.Writer, all []Candidate, word string, clean func(string) string) error {
	for _, c := range all {
		if c[0] != Files && !strings.HasPrefix(c[0], word) {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", clean(c[0]), clean(c[1])); err != nil {
			return err
		}
	}
	return nil
}

// Place is where the cursor is in the grammar of a command line.
type Place struct {
	// Command is the innermost command before the cursor, or the program.
	Command *kong.Node
	// Values are those of the flags before the cursor, by name.
	Values map[string]string
	// Offer returns the values of a flag or an argument that has no enumeration.
	Offer func(v *kong.Value) []Candidate

	flag       *kong.Flag // whose value comes next; nil if none does
	positional int        // the number of arguments before the cursor
	onlyArgs   bool       // after "--"
}

// At returns the place after words.
func At(program *kong.Node, words []string) *Place {
	p := &Place{Command: program, Values: map[string]string{}}
	for _, word := range words {
		p.take(word)
	}
	return p
}

// take goes past one word.
func (p *Place) take(word string) {
	switch {
	case p.flag != nil:
		p.Values[p.flag.Name] = word
		p.flag = nil
	case word == "--":
		p.onlyArgs = true
	case strings.HasPrefix(word, "-") && word != "-" && !p.onlyArgs:
		name, value, given := strings.Cut(word, "=")
		flag := p.findFlag(name)
		switch {
		case flag == nil || flag.IsBool():
		case given:
			p.Values[flag.Name] = value
		default:
			p.flag = flag
		}
	default:
		if child := p.child(word); child != nil && p.positional == 0 {
			p.Command = child
			return
		}
		p.positional++
	}
}

func (p *Place) child(name string) *kong.Node {
	for _, n := range p.Command.Children {
		if n.Type == kong.CommandNode && (n.Name == name) {
			return n
		}
	}
	return nil
}

// flags are those of the command and of emaudit as a whole.
func (p *Place) flags() []*kong.Flag {
	var all []*kong.Flag
	for n := p.Command; n != nil; n = n.Parent {
		all = append(all, n.Flags...)
	}
	return all
}

func (p *Place) findFlag(word string) *kong.Flag {
	for _, f := range p.flags() {
		if word == "--"+f.Name || len(word) == 2 && f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

// Candidates returns what may stand at the place. word is the typed part of it.
func (p *Place) Candidates(word string) []Candidate {
	if p.flag != nil {
		return p.valuesOf(p.flag.Value)
	}
	var all []Candidate
	if strings.HasPrefix(word, "-") && !p.onlyArgs {
		if name, _, given := strings.Cut(word, "="); given {
			if f := p.findFlag(name); f != nil {
				for _, c := range p.valuesOf(f.Value) {
					if c[0] != Files {
						c[0] = name + "=" + c[0]
					}
					all = append(all, c)
				}
			}
			return all
		}
		for _, f := range p.flags() {
			if !f.Hidden {
				all = append(all, Candidate{"--" + f.Name, f.Help})
			}
		}
		return all
	}
	if p.positional == 0 && !p.onlyArgs {
		for _, n := range p.Command.Children {
			if n.Type == kong.CommandNode && !n.Hidden {
				all = append(all, Candidate{n.Name, n.Help})
			}
		}
	}
	if args := p.Command.Positional; len(args) > 0 {
		arg := args[min(p.positional, len(args)-1)]
		if p.positional < len(args) || arg.IsCumulative() {
			all = append(all, p.valuesOf(arg)...)
		}
	}
	return all
}

// valuesOf returns the values that a flag or an argument may have.
func (p *Place) valuesOf(v *kong.Value) []Candidate {
	if v.Enum == "" {
		return p.Offer(v)
	}
	var all []Candidate
	for value := range strings.SplitSeq(v.Enum, ",") {
		if value != "" {
			all = append(all, Candidate{value, ""})
		}
	}
	return all
}
