package atom

import (
	"strconv"
)

// All names in PMS consist of ASCII word characters and a few marks. They differ
// only in which marks they allow, so one table of classes serves for all of them.
const (
	isDigit = 1 << iota
	isLower
	isWord  // letter, digit, underscore: every name begins with one
	inSlot  // also + - . : categories and slots
	inPN    // also + - : package names
	inRepo  // also - : repository names
	inUSE   // letter, digit, + - _ @ : USE flags
	inLabel // letter, digit, + - _ . : licences and the other plain tokens
)

var charClass = func() (table [256]uint8) {
	set := func(chars string, class uint8) {
		for i := range len(chars) {
			table[chars[i]] |= class
		}
	}
	const (
		digits  = "0123456789"
		lower   = "abcdefghijklmnopqrstuvwxyz"
		upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		letters = lower + upper
		word    = letters + digits + "_"
	)
	set(digits, isDigit)
	set(lower, isLower)
	set(word, isWord)
	set(word+"+-.", inSlot)
	set(word+"+-", inPN)
	set(word+"-", inRepo)
	set(word+"+-@", inUSE)
	set(word+"+-.", inLabel)
	return table
}()

func hasClass(c, class uint8) bool { return charClass[c]&class != 0 }

// validName reports whether s is a word character followed by characters of class.
func validName(s string, class uint8) bool {
	if s == "" || !hasClass(s[0], isWord) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !hasClass(s[i], class) {
			return false
		}
	}
	return true
}

// ValidCategory reports whether s is a category name (PMS 3.1.1).
func ValidCategory(s string) bool { return validName(s, inSlot) }

// ValidPN reports whether s is a package name (PMS 3.1.2). A name must not end in a
// hyphen and a version, because nothing would distinguish it from a PF.
func ValidPN(s string) bool {
	if !validName(s, inPN) {
		return false
	}
	_, _, ends := cutVersion(s)
	return !ends
}

// ValidSlotName reports whether s is the name of a slot or of a sub-slot
// (PMS 3.1.3).
func ValidSlotName(s string) bool { return validName(s, inSlot) }

// validUSEFlag reports whether s is the name of a USE flag (PMS 3.1.4).
func validUSEFlag(s string) bool {
	// Unlike the other names, a flag does not begin with an underscore.
	return validName(s, inUSE) && s[0] != '_'
}

// validRepo reports whether s is the name of a repository (PMS 3.1.5). Like
// Portage, it accepts names that end in a version, which PMS forbids.
func validRepo(s string) bool { return validName(s, inRepo) }

// maxQuoted is the number of bytes that an error repeats of the text it refuses. It
// is enough to find the text, and keeps a hostile file from flooding the output.
const maxQuoted = 80

func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}
