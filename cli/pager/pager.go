// Package pager shows what is longer than the screen through another program.
//
// That program obeys who sits at the terminal: less runs a command for "!". Where
// the effective user is another one (sudo, doas, pkexec, a set-user-ID file),
// that would give away that user's shell. There only less is run, in its secure
// mode and with an environment of its own, as systemd does.
package pager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// lessOptions are given to less where the user has none: quit if all of it fits,
// show colours, leave the text on the screen.
const lessOptions = "FRX"

// Options say which program shows what is too long, and for whom.
type Options struct {
	// Command is the program that was named, quoted as for a shell. Empty: PAGER
	// of the environment, or less.
	Command string
	Env     []string
	// Foreign says that the effective user is not the one at the terminal.
	Foreign bool
	// AtEnd says that the end of the answer is to be seen first.
	AtEnd bool
	// KillAfter is how long the program may take to end after SIGTERM.
	KillAfter time.Duration
}

// Foreign reports whether the effective user is not the one who sits at the
// terminal, as far as sudo, pkexec, doas and the kernel say.
func Foreign(getenv func(string) string, uid, euid int) bool {
	if uid != euid {
		return true
	}
	for _, name := range []string{"SUDO_UID", "PKEXEC_UID"} {
		if value := getenv(name); value != "" {
			if caller, err := strconv.Atoi(value); err != nil || caller != euid {
				return true
			}
		}
	}
	caller := getenv("DOAS_USER")
	return caller != "" && (euid != 0 || caller != "root")
}

// Pager stands between a command and the terminal. It holds back what the command
// prints until that is more than the screen can show, and only then starts the
// program; what fits goes to the terminal as it is.
//
// A program that ends early, because its user has seen enough, does not end the
// command: the rest of the answer is thrown away, and the exit code is the one
// that the whole answer has. The end of the context ends the program.
type Pager struct {
	ctx      context.Context
	terminal *os.File
	rows     int      // of the screen
	command  []string // of the program
	env      []string
	grace    time.Duration // to end after SIGTERM

	held    bytes.Buffer
	lines   int
	direct  bool // the program could not be started
	gone    bool // it has ended
	program *exec.Cmd
	input   io.WriteCloser
	state   *term.State // of the terminal before the program
}

// New returns the pager of a terminal, or nil where it has none: nobody wants one,
// or there is no program. What is wrong with a command that was named is an error
// beside either.
func New(ctx context.Context, terminal *os.File, o Options) (*Pager, error) {
	_, rows, err := term.GetSize(int(terminal.Fd()))
	if err != nil || rows <= 0 || lookUp(o.Env, "TERM") == "dumb" {
		return nil, nil
	}
	named := o.Command
	if named == "" {
		named = lookUp(o.Env, "PAGER")
	}
	words, err := split(named)
	if err != nil {
		return nil, fmt.Errorf("pager %q: %w", named, err)
	}
	if named == "" {
		words = []string{"less"}
	}
	if len(words) == 0 || filepath.Base(words[0]) == "cat" {
		return nil, nil
	}
	p := &Pager{ctx: ctx, terminal: terminal, rows: rows, command: words, env: o.Env, grace: o.KillAfter}
	if o.Foreign {
		p.command, p.env = []string{"less"}, secureEnvironment(o.Env)
		if o.Command != "" && !slices.Equal(words, p.command) {
			err = fmt.Errorf("pager %q: not run for another user: it could run commands as this one", named)
		}
	}
	if _, missing := exec.LookPath(p.command[0]); missing != nil {
		if o.Command != "" && err == nil {
			err = fmt.Errorf("pager %q: %w", p.command[0], errors.Unwrap(missing))
		}
		return nil, err
	}
	if lookUp(p.env, "LESS") == "" {
		p.env = append(slices.Clone(p.env), "LESS="+lessOptions)
	}
	// A user's options without R would show colours as letters.
	if filepath.Base(p.command[0]) == "less" {
		p.command = append(slices.Clip(p.command), "-R")
		if o.AtEnd {
			p.command = append(p.command, "+G")
		}
	}
	return p, err
}

// secureEnvironment is what less needs of an environment that somebody else has
// filled: neither a file of key bindings nor a filter, an editor or a log.
func secureEnvironment(env []string) []string {
	secure := []string{"LESSSECURE=1", "LESSHISTFILE=-", "LESS=" + lessOptions}
	for _, name := range []string{"TERM", "LANG", "LC_ALL", "LC_CTYPE", "PATH"} {
		if value := lookUp(env, name); value != "" {
			secure = append(secure, name+"="+value)
		}
	}
	return secure
}

// lookUp returns a variable of an environment.
func lookUp(env []string, name string) string {
	for _, v := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// split splits a command into words, quoted as for a shell. Nothing is expanded.
func split(command string) ([]string, error) {
	var words []string
	var word []byte
	in, quote := false, byte(0) // in a word, in quotes
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case c == '\\' && quote != '\'':
			if i++; i == len(command) {
				return nil, errors.New(`nothing behind the last \`)
			}
			if quote == '"' && !strings.ContainsRune("\"\\$`", rune(command[i])) {
				word = append(word, '\\')
			}
			in, word = true, append(word, command[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			in, quote = true, c
		case quote == 0 && strings.ContainsRune(" \t\n", rune(c)):
			if in {
				words = append(words, string(word))
			}
			in, word = false, nil
		default:
			in, word = true, append(word, c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("no closing %c", quote)
	}
	if in {
		words = append(words, string(word))
	}
	return words, nil
}

// Terminal is where the text is shown in the end.
func (p *Pager) Terminal() *os.File { return p.terminal }

// Write takes a part of the text.
func (p *Pager) Write(text []byte) (int, error) {
	switch {
	case p.gone:
		return len(text), nil
	case p.direct:
		return p.terminal.Write(text)
	case p.input != nil:
		p.feed(text)
		return len(text), nil
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
	p.feed(p.held.Bytes())
	p.held.Reset()
	return len(text), nil
}

// start starts the program.
func (p *Pager) start() (err error) {
	p.state, _ = term.GetState(int(p.terminal.Fd()))
	p.program = exec.CommandContext(p.ctx, p.command[0], p.command[1:]...)
	p.program.Cancel = func() error { return p.program.Process.Signal(syscall.SIGTERM) }
	p.program.WaitDelay = p.grace
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

// feed hands text to the program, which may have ended.
func (p *Pager) feed(text []byte) {
	if _, err := p.input.Write(text); err != nil {
		p.gone = true
	}
}

// Close prints what was held back, or waits until the program ends. Its error is
// that of writing, or of the context.
func (p *Pager) Close() error {
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
	err := p.ctx.Err()
	if err != nil && p.state != nil {
		// A program that was ended may have left the terminal as it had it.
		_ = term.Restore(int(p.terminal.Fd()), p.state)
	}
	return err
}
