package main

import (
	_ "embed"
	"fmt"
)

// completionCommand writes the completion of a shell.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is the long help of the command.
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

// Run writes the script.
func (c *completionCommand) Run(s *session) error {
	script := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err := fmt.Fprint(s.proc.stdout, script)
	return err
}
