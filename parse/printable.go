package parse

// PrintablePrefix returns the length of a prefix of s that is printable ASCII, from
// ' ' to '~': whole groups of eight bytes, as many as there are. What looks at
// every byte of nearly always plain text begins with it.
func PrintablePrefix[T string | []byte](s T) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// The high bit of each byte: below a blank, DEL or above, or not ASCII.
		// Where no byte has it, no borrow or carry has crossed into another. The
		// parentheses count: | and + bind equally in Go.
		if ((w-ones*' ')|(w+ones)|w)&highs != 0 {
			return i
		}
	}
	return i
}
