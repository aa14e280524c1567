package audit

import (
	"fmt"
	"strings"
	"time"

	"emaudit/parse/atom"
)

// Counted returns a phrase such as "1 file waits" or "3 files wait".
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// FirstLine returns the first line that is not blank.
func FirstLine(lines []string) string {
	for _, line := range lines {
		if s := strings.TrimSpace(line); s != "" {
			return s
		}
	}
	return ""
}

// Counted64 returns nil for -1, which the parsers use for "not counted".
func Counted64(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// Day returns the UTC date of a time, for messages. Messages do not depend on the zone
// of the reader.
func Day(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02") }

func Minute(unix int64) string { return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04 UTC") }

// PackageOf returns the category/pn of a cpv. It returns any other string unchanged.
func PackageOf(cpv string) string {
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return cpv
	}
	return cpv[:len(c.Category)+1+len(c.PN)]
}
