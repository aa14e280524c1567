package states

import (
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/binaries"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// ReadinessWords are the verdicts as people read them.
var ReadinessWords = map[rollback.Readiness]screen.Cell{
	rollback.Ready:             screen.Good.Text("READY"),
	rollback.ReadyWithWarnings: screen.Warn.Text("READY WITH WARNINGS"),
	rollback.Partial:           screen.Warn.Text("PARTIAL"),
	rollback.NotReady:          screen.Bad.Text("NOT READY"),
}

// Rollback answers whether the host can go back to an earlier state, and how.
func Rollback(r *rollback.Rollback, o report.Output) report.Answer {
	return report.Answer{
		Findings: r.Findings,
		Keys:     func(j *report.JSON) { j.Fields(r) },
		Rows:     RollbackColumns(o).CSV(table.All(r.Changes)),
		Text:     func(s *screen.Screen) { rollbackText(s, r, o) },
	}
}

// shownChanges is how many changes that are as they should be are shown
// without --verbose.
const shownChanges = 12

func rollbackText(s *screen.Screen, r *rollback.Rollback, o report.Output) {
	rollbackHeadline(s, r, o)
	if len(r.Changes) == 0 && r.Target.Known {
		s.Line(screen.Plain.Text("Nothing to do: this is what is installed."))
	}
	rollbackTable(s, r, o)
	if len(errorsOf(r.Findings)) > 0 {
		s.Line(screen.Bold.Text("Why not: " + screen.FindingCounts(errorsOf(r.Findings))))
		s.Findings(errorsOf(r.Findings), o.FindingOptions())
		s.Blank()
	}
	if rest := othersOf(r.Findings); len(rest) > 0 {
		s.Heading("Read this first")
		if !o.Verbose {
			rest = foldUnverified(rest)
		}
		s.Findings(rest, o.FindingOptions())
		s.Blank()
	}
	for _, x := range r.Risks {
		if x.Severity == audit.SeverityInfo {
			s.Paragraph(0, screen.Dim.Text("Risk "+x.Code+": "+subjectOf(x)+x.Detail))
		}
	}
	if len(r.Steps) == 0 {
		return
	}
	if len(r.Risks) > 0 {
		s.Blank()
	}
	s.Heading("The plan, in this order. emaudit runs none of it.")
	if r.Enter != "" {
		s.Command(0, screen.Plain.Text("Type it inside the root: "), r.Enter)
	}
	s.Blank()
	var steps []screen.Step
	for _, x := range r.Steps {
		steps = append(steps, screen.Step{Text: x.Title, Command: strings.Join(audit.Lines(x.Commands), "\n")})
	}
	s.Steps(steps)
	if len(r.Checks) > 0 {
		s.Blank()
		then := "Then check the result"
		if r.Enter != "" {
			then = "Then leave the root, and check the result"
		}
		s.Heading(then)
		for _, c := range r.Checks {
			s.Command(2, screen.Cell{}, c.String())
		}
	}
	for _, step := range r.Later {
		s.Blank()
		s.Heading(step.Title)
		for _, c := range step.Commands {
			s.Command(2, screen.Cell{}, c.String())
		}
	}
	s.Blank()
	s.Command(0, screen.Plain.Text("As a script to read first: "), r.Command.Plus("--format", "sh").String())
}

// rollbackHeadline prints the verdict, its subject, and the duration of the last run.
func rollbackHeadline(s *screen.Screen, r *rollback.Rollback, o report.Output) {
	what := "back to the state at " + o.Terminal.Time(r.Target.Time)
	if r.Target.Run != nil {
		what = fmt.Sprintf("back to before #%d (%s)", *r.Target.Run, o.Terminal.Time(r.Target.Time))
	}
	switch {
	case r.Package != "":
		what = packageText(r)
	case r.Undo != nil:
		what = fmt.Sprintf("undo #%d (%s), and keep what came later", *r.Undo, o.Terminal.Time(r.Target.Time))
	}
	if r.Verdict == rollback.Partial && r.Undo == nil {
		what = CarriedText(r) + " go " + what
	} else if r.Verdict == rollback.Partial {
		what += ": " + CarriedText(r)
	}
	what = ": " + what
	s.Sentence(ReadinessWords[r.Verdict], screen.Plain.Text(what))
	proofLines(s, r, o)
	if r.Target.Args != "" {
		s.Paragraph(0, screen.Dim.Text("it ran emerge "+merges.AskedBriefly(r.Target.Args)))
	}
	s.Blank()
}

// packageText says what happens to the requested package, and to those that must
// change with it.
func packageText(r *rollback.Rollback) string {
	var texts []string
	for i := range r.Changes {
		x := &r.Changes[i]
		from, to := "nothing", "nothing"
		name := strings.TrimSuffix(x.CPV()[:strings.LastIndexByte(x.CPV(), '/')+1], "") + x.CPV()[strings.LastIndexByte(x.CPV(), '/')+1:]
		if x.From != nil {
			from = *x.From
			name = from
		}
		if x.To != nil {
			to = (*x.To)[strings.LastIndexByte(*x.To, '/')+1:]
		}
		if x.From == nil {
			texts = append(texts, name)
			continue
		}
		texts = append(texts, from+" -> "+to)
	}
	if len(texts) == 0 {
		return r.Package
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return texts[0] + ", with it " + strings.Join(texts[1:], ", ")
}

// CarriedText returns the number of changes that a plan carries out: "36 of 37
// changes".
func CarriedText(r *rollback.Rollback) string {
	return fmt.Sprintf("%d of %s", r.Carried, screen.Count(int64(r.Wished), "change", "changes"))
}

func subjectOf(x rollback.Risk) string {
	if x.CPV == nil {
		return ""
	}
	return *x.CPV + ": "
}

func errorsOf(findings []audit.Finding) []audit.Finding {
	var some []audit.Finding
	for _, f := range findings {
		if f.Severity == audit.SeverityError {
			some = append(some, f)
		}
	}
	return some
}

func othersOf(findings []audit.Finding) []audit.Finding {
	var some []audit.Finding
	for _, f := range findings {
		if f.Severity != audit.SeverityError {
			some = append(some, f)
		}
	}
	return some
}

// rollbackTable lists the changes, impossible ones first.
func rollbackTable(s *screen.Screen, r *rollback.Rollback, o report.Output) {
	if len(r.Changes) == 0 {
		return
	}
	good, hidden := 0, 0
	RollbackColumns(o).Screen(s, 0, table.Where(r.Changes, func(x *rollback.Change) bool {
		if x.Usable != acceptance.UsableYes || x.Stays || x.Action != state.ActionRemove && x.Match == binpkgs.CoverageSameVersion {
			return true
		}
		if good++; good > shownChanges && !o.Verbose {
			hidden++
			return false
		}
		return true
	}))
	if hidden > 0 {
		s.Line(screen.Dim.Text(fmt.Sprintf("%d more usable", hidden)), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
	}
	s.Blank()
}

// RollbackColumns describe the changes of a rollback.
func RollbackColumns(o report.Output) table.Table[rollback.Change] {
	version := func(which func(name, from, to string) string) func(*rollback.Change) screen.Cell {
		return func(x *rollback.Change) screen.Cell {
			name, from, to := versions(&x.Change, o)
			if x.Action == state.ActionReinstall {
				// Which build is there now, is not what is asked.
				from, _, _ = strings.Cut(from, " ")
			}
			return screen.Plain.Text(which(name, from, to))
		}
	}
	return table.Table[rollback.Change]{
		{Name: "action", Title: "Action", Show: func(x *rollback.Change) screen.Cell { return screen.Plain.Text(string(x.Action)) }},
		{Title: "Package", Type: table.Package, Shrink: screen.CutMiddle, Yield: 3, Show: version(func(name, _, _ string) string { return name })},
		{Name: "slot"},
		{Name: "from", Title: "From", Shrink: screen.CutMiddle, Yield: 2, Min: 8, Show: version(func(_, from, _ string) string { return from })},
		{Name: "to", Title: "To", Shrink: screen.CutMiddle, Yield: 2, Min: 12, Show: version(func(_, _, to string) string { return to })},
		{Title: "Binpkg", Shrink: screen.Wrap, Yield: 1, Min: 22, Show: binpkgCell},
	}.With(table.Data[rollback.Change]("from_build_time", "to_build_time", "instance.path", "instance.build_id", "match", "integrity", "usable", "stays")...).With(
		table.Column[rollback.Change]{Name: "reasons", Value: func(x *rollback.Change) any { return binaries.ReasonCodes(x.Reasons) }})
}

// remoteCell says what is fetched.
func remoteCell(x *rollback.Change) screen.Cell {
	text := "fetched from " + x.Remote.Binhost
	if x.Remote.BuildID != nil {
		text = fmt.Sprintf("build %d, %s", *x.Remote.BuildID, text)
	}
	if x.Match == binpkgs.CoverageSameVersion {
		text += ", another build"
	}
	return screen.Warn.Text(text)
}

// binpkgCell shows the binary package of a change.
func binpkgCell(x *rollback.Change) screen.Cell {
	switch {
	case x.Stays && len(x.Reasons) > 0 && x.From == nil:
		return screen.Warn.Text("does not come back: " + x.Reasons[0].Detail)
	case x.Stays && len(x.Reasons) > 0:
		return screen.Warn.Text("stays as it is: " + x.Reasons[0].Detail)
	case x.Action == state.ActionRemove:
		return screen.Dim.Text(screen.NotKnown)
	case x.Remote != nil:
		return remoteCell(x)
	case x.Instance == nil:
		return screen.Bad.Text("none")
	}
	var parts []string
	if x.Instance.BuildID != nil {
		parts = append(parts, fmt.Sprintf("build %d", *x.Instance.BuildID))
	}
	role := screen.Good
	if x.Match == binpkgs.CoverageSameVersion {
		parts, role = append(parts, "another build"), screen.Warn
	}
	switch {
	case x.Integrity == binpkgs.Whole && x.Unpacked:
		parts = append(parts, "whole")
	case x.Integrity == binpkgs.Whole:
		parts = append(parts, "whole, not unpacked")
	default:
		parts = append(parts, binaries.IntegrityCell(x.Integrity).Text)
		if role == screen.Good {
			role = screen.Plain
		}
	}
	if x.Usable == acceptance.UsableUnknown {
		parts, role = append(parts, "usable: unknown"), screen.Unknown
	}
	if x.Use != "" {
		parts = append(parts, "USE "+x.Use)
	}
	return role.Text(strings.Join(parts, ", "))
}

// Rollbacks is the answer to: which of the last runs can be undone?
func Rollbacks(all []*rollback.Rollback, o report.Output) report.Answer {
	var findings []audit.Finding
	for _, r := range all {
		if r.Verdict != rollback.NotReady && r.Verdict != rollback.Partial {
			continue
		}
		for _, f := range r.Findings {
			if f.Severity == audit.SeverityError {
				f.Subject = r.Target.Argument() + " " + f.Subject
				findings = append(findings, f)
			}
		}
	}
	return report.Answer{
		Findings: findings,
		Keys:     func(j *report.JSON) { j.Value("rollbacks", all) },
		Rows:     rollbacksColumns(o).CSV(table.All(all)),
		Text: func(s *screen.Screen) {
			rollbacksText(s, all, o)
		},
	}
}

// rollbacksText lists the verdicts, after a line that counts them.
func rollbacksText(s *screen.Screen, all []*rollback.Rollback, o report.Output) {
	counts := map[rollback.Readiness]int{}
	for _, r := range all {
		counts[r.Verdict]++
	}
	s.Line(screen.Bold.Text(fmt.Sprintf("%d of %d", len(all)-counts[rollback.NotReady], len(all))),
		screen.Plain.Text(fmt.Sprintf(" states can be restored: %d ready, %d with warnings, %d partly; %d not",
			counts[rollback.Ready], counts[rollback.ReadyWithWarnings], counts[rollback.Partial], counts[rollback.NotReady])))
	s.Blank()
	RollbacksColumns(all, o).Screen(s, 0, table.All(all))
}

// RollbacksColumns describe the ways back to earlier states. Readers see no column of
// drills or pins without any.
func RollbacksColumns(all []*rollback.Rollback, o report.Output) table.Table[*rollback.Rollback] {
	columns := rollbacksColumns(o)
	if !slices.ContainsFunc(all, func(r *rollback.Rollback) bool { return r.Proof != nil }) {
		columns = columns.Without("Drill")
	}
	if !slices.ContainsFunc(all, func(r *rollback.Rollback) bool { return len(r.Target.Pins) > 0 }) {
		columns = columns.Without("Pin")
	}
	return columns
}

func rollbacksColumns(o report.Output) table.Table[*rollback.Rollback] {
	type way = *rollback.Rollback
	number := func(name string, count func(way) int) table.Column[way] {
		return table.Column[way]{Name: name, Value: func(r *way) any { return count(*r) }}
	}
	return table.Table[way]{
		{Title: "Back to", Type: table.Digits, Value: func(r *way) any { return (*r).Target.Argument() }, Order: func(r *way) int64 { return (*r).Target.Time }},
		{Title: "Day", Type: table.Moment, Value: func(r *way) any { return (*r).Target.Time }, Show: func(r *way) screen.Cell { return screen.Plain.Text(dayOf(o.Terminal.Time((*r).Target.Time))) }},
		{Name: "run", Of: "target.run"},
		{Of: "target.state_at", Name: "state_at"},
		{Name: "args", Of: "target.args"},
		{Name: "known", Of: "target.known"},
		{Name: "verdict", Of: "verdict", Title: "Verdict", Show: func(r *way) screen.Cell { return ReadinessWords[(*r).Verdict] }},
		{Name: "changes", Title: "Pkgs", Type: table.Digits, Optional: true, Value: func(r *way) any { return len((*r).Changes) }},
		number("gaps", func(r way) int { return len(r.Gaps) }),
		number("unsatisfied", func(r way) int { return len(r.Unsatisfied) }),
		number("unknowns", func(r way) int { return len(r.Unknowns) }),
		number("risks", func(r way) int { return len(r.Risks) }),
		{Title: "Why", Shrink: screen.Wrap, Yield: 1, Min: 26, Value: func(r *way) any { return whyOf(*r) }},
		{Title: "Asked", Type: table.Code, Role: screen.Dim, Shrink: screen.CutEnd, Yield: 2, Optional: true, Value: func(r *way) any { return merges.AskedBriefly((*r).Target.Args) }},
		{Title: "Pin", Of: "target.pins"},
		{Name: "drill", Title: "Drill", Value: ofProof(func(p *rollback.Proof) any { return string(p.Verdict) }), Show: func(r *way) screen.Cell { return ProofCell((*r).Proof, o.Terminal.Date) }},
		{Name: "drilled_at", Value: ofProof(func(p *rollback.Proof) any { return p.At })},
		{Name: "drill_holds", Value: ofProof(func(p *rollback.Proof) any { return p.Holds })},
	}
}

// whyOf summarises why a rollback is not ready.
func whyOf(r *rollback.Rollback) string {
	var parts []string
	switch unknown := r.Target.Unknown; {
	case len(unknown) > 2:
		parts = append(parts, fmt.Sprintf("not known: %s and %d more", unknown[0], len(unknown)-1))
	case len(unknown) > 0:
		parts = append(parts, "not known: "+strings.Join(unknown, ", "))
	case !r.Target.Known:
		return "the state is not known"
	}
	for i, g := range r.Gaps {
		if i == 2 {
			parts = append(parts, screen.Count(int64(len(r.Gaps)-i), "more gap", "more gaps"))
			break
		}
		parts = append(parts, g.CPV+" "+string(g.Cause))
	}
	if n := len(r.Unsatisfied); n > 0 {
		parts = append(parts, screen.Count(int64(n), "dependency", "dependencies"))
	}
	for _, x := range r.Risks {
		if x.Severity == audit.SeverityError {
			parts = append(parts, x.Code)
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	counts := map[string]int{}
	for _, f := range r.Findings {
		if f.Severity == audit.SeverityWarning {
			counts[f.Code]++
		}
	}
	for _, w := range warningWords {
		if n := counts[w.code]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, w.words))
			delete(counts, w.code)
		}
	}
	rest := 0
	for _, n := range counts {
		rest += n
	}
	if rest > 0 {
		parts = append(parts, screen.Count(int64(rest), "warning", "warnings"))
	}
	return strings.Join(parts, ", ")
}

// warningWords returns the reasons of the warnings, the gravest first.
var warningWords = []struct{ code, words string }{
	{audit.CodeDrillFailed, "failed in a drill"},
	{audit.CodeRollbackRisk, "at risk"},
	{audit.CodeRollbackUndecided, "undecided"},
	{audit.CodeRollbackLossy, "lossy"},
	{audit.CodeRollbackOtherBuild, "of another build"},
	{audit.CodeRollbackBuildUnknown, "of an unknown build"},
	{audit.CodeRollbackUnverified, "not checked in full"},
}

// foldUnverified makes one finding of the files that were not read and have the same
// remedy. The table names them.
func foldUnverified(findings []audit.Finding) []audit.Finding {
	var folded []audit.Finding
	counts := map[string]int{}
	for _, f := range findings {
		if f.Code == audit.CodeRollbackUnverified {
			counts[f.Remedy.String()]++
		}
	}
	for _, f := range findings {
		remedy := f.Remedy.String()
		n := counts[remedy]
		if f.Code == audit.CodeRollbackUnverified && n != 1 {
			if n == 0 {
				continue
			}
			f.Subject = fmt.Sprintf("%d binary packages", n)
			f.Message = "they were not read: whether they are whole is not known"
			counts[remedy] = 0
		}
		folded = append(folded, f)
	}
	return folded
}
