package screen

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit"
)

// FindingOptions says how much of the findings is shown. The zero value shows
// all findings without their evidence.
type FindingOptions struct {
	// PerCode limits the findings shown of each severity and code, and of those that
	// share a remedy; the others are counted. 0 shows all.
	PerCode int
	// More is what to type to see those that are only counted: "--verbose".
	More string
	// Evidence adds the sources of each finding.
	Evidence bool
}

// severities holds the severities in the order in which they are shown. One that
// is not known comes before all: unknown is never harmless.
var severities = []audit.Severity{audit.SeverityError, audit.SeverityWarning, audit.SeverityInfo}

// Findings writes findings, the gravest first and those of one code together:
//
//	error  binpkg-damaged  app-misc/foo/foo-1-2.gpkg.tar
//	       image.tar.zst: SHA512 differs from the Manifest
//	       try:  emerge -1 --usepkg=n --buildpkg "=app-misc/foo-1"
//
// The message is wrapped where the width is known. The subject and the remedy
// are neither cut nor broken. A remedy that several findings of a code share comes
// once, after the last of them, and so does a message that is the same.
func (s *Screen) Findings(findings []audit.Finding, options FindingOptions) {
	sorted := slices.Clone(findings)
	slices.SortStableFunc(sorted, compareFindings)
	severityWidth, codeWidth := 0, 0
	for _, f := range sorted {
		severityWidth = max(severityWidth, DisplayWidth(Clean(string(f.Severity))))
		codeWidth = max(codeWidth, DisplayWidth(Clean(f.Code)))
	}
	indent := severityWidth + Gutter
	for len(sorted) > 0 {
		same := 1
		for same < len(sorted) && sorted[same].Severity == sorted[0].Severity && sorted[same].Code == sorted[0].Code {
			same++
		}
		hidden := 0
		for i, group := range byRemedy(sorted[:same]) {
			if options.PerCode > 0 && i >= options.PerCode {
				hidden += len(group)
				continue
			}
			s.sameRemedy(group, severityWidth, codeWidth, options)
		}
		if hidden > 0 {
			s.Line(
				Plain.Text(strings.Repeat(" ", indent)+Count(int64(hidden), "more", "more")+" of "),
				Code.Text(sorted[0].Code),
				Plain.Text("   "),
				Code.Text(options.More),
			)
		}
		sorted = sorted[same:]
	}
}

// byRemedy puts findings with the same remedy together, in the order of the first of
// each.
func byRemedy(findings []audit.Finding) [][]audit.Finding {
	var groups [][]audit.Finding
	at := map[string]int{}
	for _, f := range findings {
		remedy := f.Remedy.String()
		i, known := at[remedy]
		if !known || remedy == "" {
			i = len(groups)
			at[remedy] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

// sameRemedy writes findings that share a remedy.
func (s *Screen) sameRemedy(group []audit.Finding, severityWidth, codeWidth int, options FindingOptions) {
	indent := strings.Repeat(" ", severityWidth+Gutter)
	for i, f := range group {
		if options.PerCode > 0 && i == options.PerCode {
			s.Line(Plain.Text(indent+"and "+Count(int64(len(group)-i), "more", "more")+"   "), Code.Text(options.More))
			break
		}
		s.subject(f, severityWidth, codeWidth)
		last := i == len(group)-1 || options.PerCode > 0 && i == options.PerCode-1
		if last || group[i+1].Message != f.Message {
			s.Paragraph(len(indent), Plain.Text(f.Message))
		}
		if options.Evidence {
			for _, e := range f.Evidence {
				source := e.Source
				if !e.Outside {
					source = s.term.Path(source)
				}
				s.Line(Dim.Text(indent + "seen: " + source + " at byte " + strconv.FormatInt(e.Offset, 10)))
			}
		}
	}
	const label = "try:  "
	remedy := group[0].Remedy
	switch text := remedy.String(); {
	case text == "":
	case len(remedy.Commands) == 0:
		s.Pairs(len(indent), []Pair{{"try:", Plain.Text(text)}})
	case s.term.Width > 0 && remedy.Advice != "" && DisplayWidth(indent+label+text) > s.term.Width:
		// The command has a line of its own, where it can be selected.
		s.Pairs(len(indent), []Pair{{"try:", Plain.Text(remedy.Advice + ":")}})
		remedy.Advice = ""
		s.Command(len(indent)+len(label), Cell{}, remedy.String())
	default:
		s.Command(len(indent), Plain.Text(label), text)
	}
}

// subject writes what one finding is about.
func (s *Screen) subject(f audit.Finding, severityWidth, codeWidth int) {
	indent := severityWidth + Gutter
	line := appendPadded(s.line[:0], Clean(string(f.Severity)), severityRole(f.Severity), s.term.Color, severityWidth+Gutter)
	subject := Clean(f.Subject)
	s.inRoot = s.inRoot || path.IsAbs(subject)
	subjectAt := indent + codeWidth + Gutter
	if s.term.Width > 0 && subjectAt+DisplayWidth(subject) > s.term.Width {
		// The subject is evidence that may be copied: it gets a line of its own.
		s.writeLine(appendPainted(line, Clean(f.Code), Code, s.term.Color))
		line = appendSpaces(s.line[:0], indent)
	} else {
		line = appendPadded(line, Clean(f.Code), Code, s.term.Color, codeWidth+Gutter)
	}
	s.writeLine(appendPainted(line, subject, Bold, s.term.Color))
}

// FindingCounts returns how many findings there are of each severity, such as
// "1 error, 3 warnings", or "no findings".
func FindingCounts(findings []audit.Finding) string {
	counts := make(map[audit.Severity]int64)
	for _, f := range findings {
		counts[f.Severity]++
	}
	var parts []string
	for _, severity := range severities {
		if n := counts[severity]; n > 0 {
			plural := string(severity) + "s"
			if severity == audit.SeverityInfo {
				plural = "info"
			}
			parts = append(parts, Count(n, string(severity), plural))
			delete(counts, severity)
		}
	}
	var unknown int64
	for _, n := range counts {
		unknown += n
	}
	if unknown > 0 {
		parts = append(parts, Count(unknown, "other", "others"))
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

// compareFindings orders by severity, code and subject.
func compareFindings(a, b audit.Finding) int {
	return cmp.Or(
		cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
		cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Subject, b.Subject),
	)
}

// severityRole returns the role in which a severity is painted.
func severityRole(severity audit.Severity) Role {
	switch severity {
	case audit.SeverityError:
		return Bad
	case audit.SeverityWarning:
		return Warn
	case audit.SeverityInfo:
		return Dim
	default:
		return Unknown
	}
}

// appendPadded appends clean text in the look of role, and spaces up to width.
func appendPadded(dst []byte, text string, role Role, color bool, width int) []byte {
	dst = appendPainted(dst, text, role, color)
	return appendSpaces(dst, width-DisplayWidth(text))
}
