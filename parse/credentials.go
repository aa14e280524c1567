package parse

import (
	"regexp"
	"strings"
)

// credentials matches the user information of a URL (RFC 3986 section 3.2.1), up to
// the last "@" of the authority, because passwords often hold an unescaped "@". A
// password may even hold a slash. It is distinguished from a path by a character
// that a port cannot have.
var credentials = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#"'<>]*@|[^\s/?#"'<>@:\[\]]*:\d*[^\d\s/?#"'<>][^\s"'<>]*@)`)

// WithoutCredentials returns text without the user names and passwords of its URLs:
// https://user:secret@host/x becomes https://host/x. PORTAGE_BINHOST, the output of
// wget and sync URLs may hold them, and more people can read the database than the
// sources.
func WithoutCredentials(text string) string {
	// The expression is slow, and hardly any text has both.
	if !strings.Contains(text, "://") || strings.IndexByte(text, '@') < 0 {
		return text
	}
	return credentials.ReplaceAllString(text, "$1")
}
