package atom

import "strconv"

// maxQuoted is the number of bytes that an error repeats of the text it refuses. It
// is enough to find the text, and keeps a hostile file from flooding the output.
const maxQuoted = 80

func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}
