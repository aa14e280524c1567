package audit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ShellQuote quotes a word for a shell if the word needs it.
func ShellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._+:,@%=-", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(word) {
		return ansiQuote(word)
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ansiQuote quotes a word with $'...', which bash, zsh and busybox ash know, and
// POSIX since 2024. It writes in octal what a terminal does not show, or what cannot
// be pasted.
func ansiQuote(word string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i, r := range word {
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r) && strings.HasPrefix(word[i:], string(r)):
			b.WriteRune(r)
		default:
			_, size := utf8.DecodeRuneInString(word[i:])
			for _, c := range []byte(word[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
	}
	return b.String() + "'"
}
