package atom

import "strconv"

// maxQuoted is how much of a refused text an error repeats: enough to find it,
// and no more of a hostile file than that.
const maxQuoted = 80

func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}
