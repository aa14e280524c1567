package logline

import "bytes"

// nameByte is the set of bytes that PMS 3.1 allows in categories, package names,
// versions and slots, plus the slash.
var nameByte = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-/") {
		set[c] = true
	}
	return set
}()

func isNameText(b []byte) bool {
	for _, c := range b {
		if !nameByte[c] {
			return false
		}
	}
	return true
}

// plausibleCPV reports whether b can be a cpv, and not the remains of one on a
// damaged line. It is less strict than PMS, because old logs have names that PMS no
// longer allows.
func plausibleCPV(b []byte) bool {
	slash := bytes.IndexByte(b, '/')
	if slash < 1 || !isNameText(b) || bytes.IndexByte(b[slash+1:], '/') >= 0 {
		return false
	}
	return versionStart(b[slash+1:]) > 0
}

// versionStart returns the index of the version in a PF, or 0. The version follows
// the last hyphen that is followed by a digit and is not part of a revision (PMS
// 3.2; a package name never ends in a version).
func versionStart[T []byte | string](pf T) int {
	end := len(pf)
	for i := len(pf) - 1; i > 0; i-- {
		if pf[i] != '-' {
			continue
		}
		switch {
		case i+1 == len(pf):
			return 0
		case pf[i+1]-'0' <= 9:
			return i + 1
		case end == len(pf) && isRevision(pf[i+1:]):
			end = i
		default:
			return 0
		}
	}
	return 0
}

// isRevision reports whether s is a revision. Until 2.2.28, Portage of Prefix also had
// revisions between two others, such as -r03.1 (portage/versions.py of prefix-2.2.14,
// "inter-revision").
func isRevision[T []byte | string](s T) bool {
	if len(s) < 2 || s[0] != 'r' || s[len(s)-1] == '.' {
		return false
	}
	dots := 0
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '.' && i > 1:
			dots++
		case s[i]-'0' > 9:
			return false
		}
	}
	return dots <= 1
}

// PackageOf returns the cat/pn of a cpv, or all of cpv if it has no version.
func PackageOf(cpv string) string {
	for slash := 0; slash < len(cpv); slash++ {
		if cpv[slash] == '/' {
			if v := versionStart(cpv[slash+1:]); v > 0 {
				return cpv[:slash+v]
			}
			break
		}
	}
	return cpv
}
