package parse

// PrintablePrefix returns the length of a prefix of s that is printable ASCII, ' '
// to '~'. It counts whole groups of eight bytes. Code that must inspect every byte
// skips this prefix first, because nearly all input is plain text.
func PrintablePrefix[T string | []byte](s T) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// This tests the high bit of each byte, which is set for control
		// characters, DEL and non-ASCII. If no byte has it, no borrow or carry has
		// crossed from one byte into another. The parentheses are needed: | and +
		// have the same precedence.
		if ((w-ones*' ')|(w+ones)|w)&highs != 0 {
			return i
		}
	}
	return i
}
