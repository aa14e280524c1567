package audit

import (
	"fmt"
	"strings"
	"time"

	"emaudit/parse/atom"
)

// Counted is "1 file waits" or "3 files wait".
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// FirstLine is the first line that says something.
func FirstLine(lines []string) string {
	for _, line := range lines {
		if s := strings.TrimSpace(line); s != "" {
			return s
		}
	}
	return ""
}

// Counted64 is nil for -1, which the parsers use for "not counted".
func Counted64(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// Day is the UTC date of a time in a message; messages do not depend on the
// zone of the reader.
func Day(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02") }

func Minute(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04 UTC") }

// PackageOf is the category/pn of a cpv; what is no cpv is a name of its own.
func PackageOf(cpv string) string {
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return cpv
	}
	return cpv[:len(c.Category)+1+len(c.PN)]
}
