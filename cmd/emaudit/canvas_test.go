package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An answer is drawn over the one before, of which nothing is left, and what the
// screen cannot hold is cut, so that the next finds its place.
func TestACanvasIsDrawnOver(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := canvas{w: &b, rows: func() int { return 4 }}
	for _, step := range []struct{ answer, want string }{
		{"one\ntwo\n", "\r\x1b[J\x1b[?7lone\ntwo\n\x1b[?7h"},
		{"1\n2\n3\n", "\x1b[2A\r\x1b[J\x1b[?7l1\n2\n3\n\x1b[?7h"},
		{"1\n2\n3\n4\n5\n", "\x1b[3A\r\x1b[J\x1b[?7l1\n2\n... and 3 more lines\n\x1b[?7h"},
		{"none\n", "\x1b[3A\r\x1b[J\x1b[?7lnone\n\x1b[?7h"},
	} {
		b.Reset()
		if err := c.draw([]byte(step.answer)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, b.String()); diff != "" {
			t.Errorf("%q: %s", step.answer, diff)
		}
	}
	c.rows = nil
	b.Reset()
	for range 2 {
		if err := c.draw([]byte("{}\n")); err != nil {
			t.Fatal(err)
		}
	}
	if b.String() != "{}\n{}\n" {
		t.Errorf("not a terminal: %q", b.String())
	}
}
