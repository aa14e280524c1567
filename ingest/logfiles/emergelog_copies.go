package logfiles

import (
	"bytes"
	"io"
	"slices"
)

// A log can lie there twice: logrotate is at work on it, or was stopped, with
// emerge.log.1 beside emerge.log.1.gz; or somebody copied it before a change.
// What two files hold alike happened once.

// withoutCopies sets aside those files, new to a log of which parts were read,
// whose content another one has from its beginning.
func (r reader) withoutCopies(fresh, parts []*logPart) (originals, copies []*logPart) {
	for _, p := range fresh {
		isCopy := !p.file.current && len(p.diags) == 0 && slices.ContainsFunc(slices.Concat(parts, fresh), func(other *logPart) bool {
			return other != p && other.file != nil && len(other.diags) == 0 && !slices.Contains(copies, other) && r.isCopy(p.file, other.file)
		})
		if isCopy {
			copies = append(copies, p)
		} else {
			originals = append(originals, p)
		}
	}
	return originals, copies
}

// isCopy tells whether f holds nothing but the beginning, or all, of other.
func (r reader) isCopy(f, other *logFile) bool {
	if r.readHead(f) != nil || r.readHead(other) != nil || len(f.head) == 0 || !bytes.HasPrefix(other.head, f.head) {
		return false
	}
	if len(f.head) < headSize {
		return true
	}
	log, err := r.openLog(f)
	if err != nil {
		return false
	}
	defer log.Close()
	whole, err := r.openLog(other)
	if err != nil {
		return false
	}
	defer whole.Close()
	return isPrefix(log, whole)
}

// isPrefix tells whether log ends before it differs from whole. A compressed
// file that is not whole yet ends where it cannot be read on.
func isPrefix(log, whole io.Reader) bool {
	a, b := make([]byte, compareSize), make([]byte, compareSize)
	for {
		n, err := io.ReadFull(log, a)
		m, _ := io.ReadFull(whole, b[:n])
		if m < n || !bytes.Equal(a[:n], b[:m]) {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// compareSize is how much of two logs is compared at once.
const compareSize = 64 << 10
