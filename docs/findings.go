// Package docs holds the documents that emaudit prints itself.
package docs

import (
	_ "embed"
	"strings"
)

//go:embed findings.md
var findings string

// Codes returns the codes of findings.md in its order, which is alphabetical.
func Codes() []string {
	var codes []string
	for line := range strings.Lines(findings) {
		if code, ok := strings.CutPrefix(line, "## "); ok {
			codes = append(codes, strings.TrimSpace(code))
		}
	}
	return codes
}

// Explain returns what findings.md says about a code, without its heading; ok is
// false if it has no section for it.
func Explain(code string) (text string, ok bool) {
	_, text, ok = strings.Cut(findings, "\n## "+code+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return strings.TrimSpace(text), ok
}
