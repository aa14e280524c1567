// Package page writes everything that is known of a host as one HTML page that
// needs nothing else, and the same as Markdown.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"emaudit/audit/overview"

	"emaudit/report"
)

// Page writes everything that is known of a host as one HTML page that needs
// nothing else: no network, no other file, no script. A script in it sorts and
// filters tables where scripts may run; the content security policy of the page
// permits that script and its style sheet by their hashes, and nothing else at
// all. Charts are SVG in the page, each followed by its numbers in a table.
//
// Every string passes [screen.Clean] and then html/template, so that names and log
// text appear as text.
func Page(facts overview.HostFacts, o report.Output) error {
	v := pageOf(facts, o)
	cleanText(v)
	var document bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&document, "page.gohtml", v); err != nil {
		return fmt.Errorf("report page: %w", err)
	}
	_, err := o.W.Write(document.Bytes())
	return err
}

// PageMarkdown writes the same as [Page] in Markdown, for a bug report or a
// wiki: charts become their tables, and the packages' own sections are left
// out.
func PageMarkdown(facts overview.HostFacts, o report.Output) error {
	v := pageOf(facts, o)
	cleanText(v)
	return writeMarkdown(o.W, v)
}

// PageJSON writes the verdicts and the tables of the page as JSON.
func PageJSON(facts overview.HostFacts, o report.Output) error {
	v := pageOf(facts, o)
	return o.Write(report.Answer{
		Findings: v.findings,
		Keys: func(j *report.JSON) {
			j.Value("verdicts", verdictRows(v))
		},
	})
}

// pageVerdictRow is a line at the top of the page as JSON has it.
type pageVerdictRow struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Because  string `json:"because"`
	Command  string `json:"command"`
}

func verdictRows(v *pageView) []pageVerdictRow {
	var rows []pageVerdictRow
	for _, l := range v.Verdicts {
		rows = append(rows, pageVerdictRow{Question: strings.ToLower(l.Label), Answer: l.Verdict.Text, Because: l.Text, Command: l.Command})
	}
	return rows
}

//go:embed style.css
var pageStyle string

//go:embed script.js
var pageScript string

//go:embed page.gohtml
var pageText string

//go:embed index.gohtml
var indexText string

//go:embed blocks.gohtml
var blocksText string

//go:embed charts.gohtml
var chartsText string

//go:embed columns.gohtml
var columnsText string

// pageTemplate returns the templates of the page. Parsing them costs a few
// milliseconds, so that is done at the first page alone.
var pageTemplate = sync.OnceValue(func() *template.Template {
	t := template.New("page.gohtml").Funcs(template.FuncMap{
		"style":  func() template.CSS { return template.CSS(pageStyle) },
		"script": func() template.JS { return template.JS(pageScript) },
		"policy": contentSecurityPolicy,
		"words":  pageWords,
	})
	template.Must(t.Parse(pageText))
	template.Must(t.New("index.gohtml").Parse(indexText))
	template.Must(t.New("blocks.gohtml").Parse(blocksText))
	template.Must(t.New("charts.gohtml").Parse(chartsText))
	template.Must(t.New("columns.gohtml").Parse(columnsText))
	return t
})

// contentSecurityPolicy permits the style sheet and the script of the page by
// their hashes, an icon that lies in the page, and nothing else.
func contentSecurityPolicy() string {
	return "default-src 'none'; img-src data:; style-src '" + sourceHash(pageStyle) + "'; script-src '" + sourceHash(pageScript) + "'; base-uri 'none'; form-action 'none'"
}

// sourceHash is the name of an inline source in a content security policy.
func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
