package parse

import (
	"bytes"
	"strings"
	"testing"
)

// Every byte ends the prefix at its group of eight, or it is printable; whatever
// stands beside it.
func TestThePrintablePrefixAgreesWithALookAtEachByte(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for _, beside := range []byte{' ', '~', 'a', 0, 0x1f, 0x7f, 0x80, 0xff} {
			for at := range 24 {
				text := bytes.Repeat([]byte{'a'}, 27)
				text[at], text[at+1] = byte(c), beside
				want := 0
				for want+8 <= len(text) && !bytes.ContainsFunc(text[want:want+8], func(r rune) bool { return r < ' ' || r > '~' }) {
					want += 8
				}
				if got := PrintablePrefix(text); got != want {
					t.Fatalf("%q: %d, want %d", text, got, want)
				}
				if got := PrintablePrefix(string(text)); got != want {
					t.Fatalf("the string %q: %d, want %d", text, got, want)
				}
			}
		}
	}
	if got := PrintablePrefix(strings.Repeat("a", 7)); got != 0 {
		t.Errorf("of seven bytes %d", got)
	}
}
