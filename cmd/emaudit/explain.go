package main

import (
	"path"
	"slices"
	"strings"

	"emaudit/docs"
	"emaudit/report/screen"
)

// explainCommand prints what docs/findings.md says about a code.
type explainCommand struct {
	Code string `arg:"" optional:"" name:"code" help:"Code of a finding or diagnostic (binpkg-missing), or a pattern (\"index-*\")."`
}

func (*explainCommand) Help() string {
	return `Prints what a finding means, why it matters, and what to do. Every finding shows
its code. A pattern lists the codes that match it; without CODE all are listed.
` + exitStatus
}

// Run executes the command. It needs no database.
func (c *explainCommand) Run(s *session) error {
	term := s.terminal(s.proc)
	if term.Width == 0 || term.Width > 80 {
		term.Width = 80 // prose
	}
	out := screen.NewScreen(s.proc.stdout, term)
	if text, ok := docs.Explain(c.Code); ok {
		out.Heading(c.Code)
		for paragraph := range strings.SplitSeq(text, "\n\n") {
			out.Blank()
			out.Paragraph(0, screen.Plain.Text(strings.ReplaceAll(paragraph, "\n", " ")))
		}
		return out.Flush()
	}
	pattern := c.Code
	if pattern == "" {
		pattern = "*"
	}
	found := false
	for _, code := range docs.Codes() {
		if matches, err := path.Match(pattern, code); matches && err == nil {
			out.Line(screen.Plain.Text(code))
			found = true
		}
	}
	if found {
		return out.Flush()
	}
	if similar := codesLike(c.Code); len(similar) > 0 {
		return usagef("no finding has the code %q; did you mean %s?", c.Code, strings.Join(similar, ", "))
	}
	return usagef("no finding has the code %q; emaudit explain lists them all", c.Code)
}

// codesLike returns up to five codes that contain word or begin like it, the most
// similar first.
func codesLike(word string) []string {
	word = strings.ToLower(word)
	similarity := map[string]int{}
	var similar []string
	for _, code := range docs.Codes() {
		same := 0
		for same < min(len(code), len(word)) && code[same] == word[same] {
			same++
		}
		if strings.Contains(code, word) {
			same += len(code)
		}
		if similarity[code] = same; same >= 3 {
			similar = append(similar, code)
		}
	}
	slices.SortStableFunc(similar, func(a, b string) int { return similarity[b] - similarity[a] })
	return similar[:min(len(similar), 5)]
}
