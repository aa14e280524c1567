package box

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

var errNoMemInfo = errors.New("/proc/meminfo does not tell MemAvailable")

// Available is how many bytes a box can take in a scratch folder, or in memory if
// that is "". A drill that takes all of it would starve the host; see [reserve].
func Available(scratch string) (int64, error) {
	if scratch != "" {
		var st unix.Statfs_t
		if err := unix.Statfs(scratch, &st); err != nil {
			return 0, fmt.Errorf("%s: %w", scratch, err)
		}
		return max(0, int64(st.Bavail)*int64(st.Bsize)-reserve), nil
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 53)
			if err != nil {
				return 0, errNoMemInfo
			}
			return max(0, kib<<10-reserve), nil
		}
	}
	return 0, errNoMemInfo
}
