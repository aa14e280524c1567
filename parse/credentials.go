package parse

import (
	"regexp"
	"strings"
)

// credentials is the user information of a URL, RFC 3986 section 3.2.1: all up to
// the last "@" of the authority, because a password is often not escaped.
var credentials = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#"'<>]*@`)

// WithoutCredentials returns text with the user names and passwords of all URLs
// left out: https://user:secret@host/x is https://host/x. PORTAGE_BINHOST, a line
// of wget and the URL of a sync may hold them, and what is stored of these is read
// by others than those who can read the file.
func WithoutCredentials(text string) string {
	// Nearly no text has both.
	if !strings.Contains(text, "://") || strings.IndexByte(text, '@') < 0 {
		return text
	}
	return credentials.ReplaceAllString(text, "$1")
}
