package binaries

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"emaudit/audit/aftermath"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/report"
	"emaudit/report/merges"
	"emaudit/report/screen"
)

// hostileText is what a build system may write into a log.
const hostileText = "\x1b[2Jerased \x1b]0;title\x07 \u202egnp.exe \x9b31m \x00 end"

// TestMergeOutputReachesNoTerminalRaw writes every text of a hostile log in every
// format.
func TestMergeOutputReachesNoTerminalRaw(t *testing.T) {
	run, path := int64(1), "/var/log/"+hostileText
	failure := aftermath.Failure{
		CPV: "a/b-1" + hostileText, Run: &run, At: 1000, Phase: hostileText, Cause: hostileText, Line: hostileText, Message: hostileText + "x",
		Excerpt: []string{hostileText, hostileText}, Log: &path, Link: history.LinkAmbiguous, Resolution: "open",
	}
	message := aftermath.Message{CPV: hostileText, Class: "warn", Phase: hostileText, Lines: []string{hostileText, "\tindented"}, Unread: true, Doubtful: true, Source: path}
	answers := map[string]func(report.Output) report.Answer{
		"failures": func(o report.Output) report.Answer {
			return merges.Failures(&aftermath.Failures{Rows: []aftermath.Failure{failure}}, merges.Asked{}, o)
		},
		"messages": func(o report.Output) report.Answer {
			return merges.Mailbox(&aftermath.Messages{Rows: []aftermath.Message{message}, Unread: 1}, 1, merges.Asked{}, o)
		},
		"show": func(o report.Output) report.Answer {
			return Package(&overview.Package{
				CP: hostileText, Failures: []aftermath.Failure{failure}, Messages: []aftermath.Message{message},
				Events:  []overview.ShownEvent{{CPV: hostileText, Root: hostileText, Kind: hostileText, Outcome: hostileText, Log: &path}},
				Notices: []overview.ShownNotice{{CPV: hostileText, Title: hostileText, Details: []string{hostileText}, Log: path}},
			}, o)
		},
	}
	for name, answer := range answers {
		for _, format := range []string{"table", "json", "csv"} {
			var out bytes.Buffer
			o := report.Output{W: &out, Format: format, Terminal: screen.Terminal{Width: 80}, Verbose: true}
			if err := o.Write(answer(o)); err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexAny(out.String(), "\x1b\x07\x00\u202e\u009b"); i >= 0 {
				t.Errorf("%s as %s: control characters at byte %d: %q", name, format, i, out.String()[max(0, i-20):i+20])
			}
			if !utf8.ValidString(out.String()) {
				t.Errorf("%s as %s: bytes that are not UTF-8", name, format)
			}
			if !strings.Contains(out.String(), "erased") {
				t.Errorf("%s as %s: the text itself is gone", name, format)
			}
		}
	}
}
