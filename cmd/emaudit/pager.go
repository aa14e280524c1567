package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/term"

	"emaudit/report"
)

// pagedCommands print answers that are read from the top. What asks a question,
// shows progress, or writes a file for another program has no pager.
var pagedCommands = []string{
	"summary", "runs", "log", "failures", "messages", "show", "stats", "predict", "current", "audit", "verify", "states", "diff", "rollback", "prune",
	"doctor", "hosts",
}

// lessOptions are given to less where the user has none: quit if all of it fits,
// show colours, leave the text on the screen.
const lessOptions = "LESS=FRX"

// pager stands between a command and the terminal. It holds back what the
// command prints until that is more than the screen can show, and only then
// starts the pager's program; what fits goes to the terminal as it is.
//
// A program that ends early, because its user has seen enough, does not end the
// command: the rest of the answer is thrown away, and the exit code is the one
// that the whole answer has.
type pager struct {
	terminal *os.File
	rows     int      // of the screen
	command  []string // of the program
	env      []string

	held    bytes.Buffer
	lines   int
	direct  bool // the program could not be started
	gone    bool // it has ended
	program *exec.Cmd
	input   io.WriteCloser
}

// newPager returns the pager of a command, or nil where it has none: where the
// output is no terminal, or where nobody wants one.
func newPager(g *globals, proc *process, command string) (*pager, error) {
	f, ok := proc.stdout.(*os.File)
	if !ok || g.NoPager || !slices.Contains(pagedCommands, command) || !term.IsTerminal(int(f.Fd())) {
		return nil, nil
	}
	_, rows, err := term.GetSize(int(f.Fd()))
	if err != nil || rows <= 0 || proc.getenv("TERM") == "dumb" {
		return nil, nil
	}
	program, named := g.Pager, true
	if program == "" {
		program = proc.getenv("PAGER")
	}
	if program == "" {
		program, named = "less", false
	}
	words := strings.Fields(program)
	if len(words) == 0 || words[0] == "cat" {
		return nil, nil
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		if named {
			return nil, fmt.Errorf("pager %q: %w", words[0], errors.Unwrap(err))
		}
		return nil, nil
	}
	p := &pager{terminal: f, rows: rows, command: words, env: proc.env}
	if proc.getenv("LESS") == "" {
		p.env = append(slices.Clone(p.env), lessOptions)
	}
	return p, nil
}

// Write takes a part of the answer.
func (p *pager) Write(text []byte) (int, error) {
	switch {
	case p.gone:
		return len(text), nil
	case p.direct:
		return p.terminal.Write(text)
	case p.input != nil:
		return len(text), p.feed(text)
	}
	p.held.Write(text)
	p.lines += bytes.Count(text, []byte{'\n'})
	// The shell's prompt wants a row too.
	if p.lines < p.rows {
		return len(text), nil
	}
	if err := p.start(); err != nil {
		p.direct = true
		_, err := p.held.WriteTo(p.terminal)
		return len(text), err
	}
	err := p.feed(p.held.Bytes())
	p.held.Reset()
	return len(text), err
}

// start starts the program. An interrupt from the keyboard reaches it as well as
// emaudit; what it does then is its own affair, so no context ends it.
func (p *pager) start() (err error) {
	p.program = exec.Command(p.command[0], p.command[1:]...)
	p.program.Stdout, p.program.Stderr, p.program.Env = p.terminal, os.Stderr, p.env
	if p.input, err = p.program.StdinPipe(); err != nil {
		return err
	}
	if err := p.program.Start(); err != nil {
		p.input = nil
		return err
	}
	return nil
}

// feed hands text to the program, which may have ended: its user saw enough.
func (p *pager) feed(text []byte) error {
	if _, err := p.input.Write(text); err != nil {
		p.gone = true
	}
	return nil
}

// close prints what was held back, or waits until the program ends.
func (p *pager) close() error {
	if p == nil {
		return nil
	}
	if p.input == nil {
		_, err := p.held.WriteTo(p.terminal)
		return err
	}
	p.input.Close()
	// How the program ends says nothing of the answer.
	_ = p.program.Wait()
	return nil
}

// startPager gives the command a pager where it has one. A pager that was named
// and is not there is worth a word, and no reason to keep the answer back.
func startPager(g *globals, proc *process, command string, messages *report.Messages) *pager {
	p, err := newPager(g, proc, command)
	if err != nil {
		messages.Warning(fmt.Sprintf("%v; printing without one", err))
	}
	if p != nil {
		proc.stdout = p
	}
	return p
}

// terminalFile is the terminal behind what a command prints to, or the file.
func (p *process) terminalFile() (*os.File, bool) {
	if through, ok := p.stdout.(*pager); ok {
		return through.terminal, true
	}
	f, ok := p.stdout.(*os.File)
	return f, ok
}
