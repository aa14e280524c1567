package parse

import (
	"bytes"
	"strings"
	"testing"
)

// Every byte ends the prefix before it and less than eight bytes before it, or it is
// printable; whatever stands beside it.
func TestThePrintablePrefixAgreesWithALookAtEachByte(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for _, beside := range []byte{' ', '~', 'a', 0, 0x1f, 0x7f, 0x80, 0xff} {
			for at := range 26 {
				text := bytes.Repeat([]byte{'a'}, 27)
				text[at], text[at+1] = byte(c), beside
				end := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
				got := PrintablePrefix(text)
				if end < 0 && got != len(text) || end >= 0 && (got > end || got <= end-8) {
					t.Fatalf("%q: %d, want %d or a little less", text, got, end)
				}
				if of := PrintablePrefix(string(text)); of != got {
					t.Fatalf("the string %q: %d, want %d", text, of, got)
				}
			}
		}
	}
	if got := PrintablePrefix(strings.Repeat("a", 7)); got != 0 {
		t.Errorf("of seven bytes %d", got)
	}
}
