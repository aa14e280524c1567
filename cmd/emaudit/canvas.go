package main

import (
	"bytes"
	"fmt"
	"io"

	"golang.org/x/term"
)

// canvas draws each answer over the previous one. It keeps the earlier content of the
// terminal, and leaves the last answer there.
type canvas struct {
	w     io.Writer
	rows  func() int // rows of the screen; nil = the output is not a terminal
	drawn int        // rows of the last answer
}

func newCanvas(proc *process) *canvas {
	c := &canvas{w: proc.stdout}
	if f, ok := proc.terminalFile(); ok && term.IsTerminal(int(f.Fd())) && proc.getenv("TERM") != "dumb" {
		c.rows = func() int {
			_, rows, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 24
			}
			return rows
		}
	}
	return c
}

// The control sequences of a canvas (ECMA-48, and autowrap of xterm).
const (
	clearBelow = "\x1b[J"
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
)

// draw draws an answer. On a terminal it cuts an answer that is too long at the
// bottom, because a scrolled screen cannot be drawn over.
func (c *canvas) draw(answer []byte) error {
	if c.rows == nil {
		_, err := c.w.Write(answer)
		return err
	}
	var b bytes.Buffer
	lines := bytes.SplitAfter(bytes.TrimSuffix(answer, []byte("\n")), []byte("\n"))
	if most := max(c.rows()-1, 1); len(lines) > most {
		lines = append(lines[:most-1:most-1], fmt.Appendf(nil, "... and %d more lines", len(lines)-most+1))
	}
	if c.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", c.drawn)
	}
	b.WriteString("\r" + clearBelow + wrapOff)
	b.Write(bytes.Join(lines, nil))
	b.WriteString("\n" + wrapOn)
	c.drawn = len(lines)
	_, err := c.w.Write(b.Bytes())
	return err
}
