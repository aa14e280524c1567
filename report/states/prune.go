package states

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Prune answers which files can go, and what was done with them.
type Prune struct {
	Plan     *cleanup.PrunePlan
	Done     cleanup.PruneDone
	Journals []cleanup.PruneJournal
	// Place is where the commands of the answer are typed.
	Place audit.Place
	// Explain is a path or an atom about which alone is asked.
	Explain string
}

// Answer returns the answer in all formats.
func (p *Prune) Answer(o report.Output) report.Answer {
	candidates, kept := p.Plan.Candidates, p.Plan.Kept
	if p.Explain != "" {
		candidates, kept = p.Plan.Explain(p.Explain)
	}
	return report.Answer{
		Findings: p.Plan.Findings,
		Keys: func(j *report.JSON) {
			j.Value("policy", p.Plan.Policy)
			report.WriteArray(j, "candidates", withoutErrors(candidates))
			report.WriteArray(j, "kept", withoutErrors(kept))
			j.Value("reclaimable_bytes", p.Plan.Reclaimable)
			j.Value("kept_bytes", p.Plan.KeptSize)
			j.Value("states", p.Plan.States)
			j.Value("hosts", p.Plan.Hosts)
			j.Value("endings", p.Plan.Endings)
			j.Value("endings_unjudged", p.Plan.EndingsUnjudged)
			j.Value("steps", p.Plan.Steps)
			j.Value("journals", p.Journals)
			if p.Done.Action != "" {
				j.Value("journal", p.Done.Journal)
				j.Value("done", p.Done)
			}
		},
		Rows: fileColumns.CSV(table.All(prunedFiles(candidates, kept))),
		Text: func(s *screen.Screen) {
			if p.Explain != "" {
				p.explain(s, candidates, kept)
			} else {
				p.text(s, o)
			}
			if len(p.Plan.Findings) > 0 {
				s.Blank()
				s.Findings(p.Plan.Findings, o.FindingOptions())
			}
		},
	}
}

// prunedFile is a file that can go or stays, as programs get it.
type prunedFile struct {
	Verdict string `json:"verdict"`
	cleanup.PruneCandidate
}

// fileColumns are the columns of files that can go or stay.
var fileColumns = table.Data[prunedFile]("verdict", "pkgdir", "path", "cpv", "size", "code", "reason", "cost")

func prunedFiles(candidates []cleanup.PruneCandidate, kept []cleanup.PruneKept) []prunedFile {
	files := make([]prunedFile, 0, len(candidates)+len(kept))
	for _, c := range candidates {
		files = append(files, prunedFile{"candidate", c})
	}
	for _, k := range kept {
		files = append(files, prunedFile{"kept", cleanup.PruneCandidate{PkgDir: k.PkgDir, Path: k.Path, CPV: k.CPV, Size: k.Size, Code: k.Code, Reason: k.Reason}})
	}
	return files
}

// withoutErrors yields the elements of a slice.
func withoutErrors[T any](all []T) func(func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, x := range all {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// PruneHeadline is the answer in one line.
func PruneHeadline(plan *cleanup.PrunePlan) string {
	files := plan.Totals().Files
	entries := len(plan.Candidates) - files
	stays := fmt.Sprintf("; %s in %s stay", screen.Size(plan.KeptSize), screen.Count(int64(len(plan.Kept)), "file", "files"))
	dead := screen.Count(int64(entries), "dead index entry", "dead index entries")
	switch {
	case len(plan.UnreadDirs) > 0 && files == 0 && entries == 0:
		return "What can go is unknown: " + strings.Join(plan.UnreadDirs, ", ") + " could not be read"
	case files == 0 && entries == 0:
		return "Nothing can go" + stays
	case files == 0:
		return dead + " can go" + stays
	case entries == 0:
		return fmt.Sprintf("%s in %s can go", screen.Size(plan.Reclaimable), screen.Count(int64(files), "file", "files")) + stays
	}
	return fmt.Sprintf("%s in %s and %s can go", screen.Size(plan.Reclaimable), screen.Count(int64(files), "file", "files"), dead) + stays
}

// pruneAction returns one line about what was done.
func pruneAction(d cleanup.PruneDone) string {
	files := screen.Count(int64(d.Files), "file", "files") + ", " + screen.Size(d.Size)
	entries := ""
	if d.Entries > 0 {
		entries = ", and " + screen.Count(int64(d.Entries), "entry", "entries") + " of the index"
	}
	switch d.Action {
	case cleanup.PruneApplied:
		return files + entries + " moved to the quarantine"
	case cleanup.PruneDeleted:
		return files + entries + " deleted for good"
	case cleanup.PruneUndone:
		return files + " restored"
	case cleanup.PruneEmptied:
		if d.Files == 0 {
			return "Nothing was deleted"
		}
		return files + " of the quarantine deleted for good"
	}
	return ""
}

func (p *Prune) text(s *screen.Screen, o report.Output) {
	if p.Done.Action != "" {
		s.Line(screen.Bold.Text(pruneAction(p.Done)))
		if p.Done.Journal != "" {
			s.Line(screen.Plain.Text("To restore them:   "), p.command("--undo", p.Done.Journal))
			s.Paragraph(0, screen.Dim.Text("They are in "+p.Done.Quarantine+": "+p.Done.QuarantineWhy+"."))
			s.Line(screen.Plain.Text("They take their room until, on "+s.Terminal().Date(p.Done.DeletableAt)+" or later:   "), p.command("--empty"))
		}
		if p.Done.Action == cleanup.PruneEmptied {
			p.waiting(s)
		}
		p.skipped(s)
		return
	}
	headline, promise := PruneHeadline(p.Plan)+".", "Nothing changes without --apply."
	if width := s.Terminal().Width; width == 0 || screen.DisplayWidth(headline+" "+promise) <= width {
		s.Line(screen.Bold.Text(headline), screen.Plain.Text(" "+promise))
	} else {
		s.Paragraph(0, screen.Bold.Text(headline))
		s.Line(screen.Plain.Text(promise))
	}
	if o.Verbose {
		p.everything(s)
	} else {
		pruneGroups(s, p.Plan)
	}
	p.hosts(s)
	p.states(s)
	p.endings(s, o.Verbose)
	p.budget(s)
	p.quarantine(s)
	s.Blank()
	s.Line(screen.Plain.Text("Why a file is kept:  "), p.command("--explain"), screen.Code.Text(" PATH|ATOM"))
}

// pruneWhy names the codes for people, in the order in which they are shown.
var pruneWhy = []struct{ code, text string }{
	{cleanup.PruneOldVersion, "no kept state needs it"},
	{cleanup.PruneSuperseded, "rebuilt since, same version"},
	{cleanup.PruneDuplicate, "another file of the same build"},
	{cleanup.PruneUninstalled, "not installed, nor in a kept state"},
	{cleanup.PruneNeverUsable, "never usable again"},
	{cleanup.PruneChangedSlot, "never usable again (subslot is gone)"},
	{cleanup.PruneChangedIUSE, "never usable again (IUSE changed)"},
	{cleanup.PruneChangedDeps, "never usable again (deps changed)"},
	{cleanup.PruneUnseen, "where Portage does not look"},
	{cleanup.PruneDamaged, "damaged"},
	{cleanup.PruneLeftover, "left over from a build or fetch"},
	{cleanup.PruneIndexEntry, "index entry without a file"},
	{cleanup.PruneOverBudget, "over --max-size"},
}

// FileGroup sums the files that go or stay for one reason. Example is one of them,
// and Because what is said of it.
type FileGroup struct {
	Why, Example, Because string
	Files, Size           int64
}

// GroupColumns describe groups of files.
var GroupColumns = table.Table[FileGroup]{
	{Title: "Why", Value: func(g *FileGroup) any { return g.Why }},
	{Title: "Files", Type: table.Number, Value: func(g *FileGroup) any { return g.Files }},
	{Title: "Size", Type: table.Size, Value: func(g *FileGroup) any { return g.Size }},
	{Title: "For example", Shrink: screen.CutMiddle, Yield: 1, Value: func(g *FileGroup) any { return g.Example }},
}

// GroupFiles sums files by why they go or stay, in the order in which they come.
func GroupFiles[F any](files []F, of func(*F) (why, file, because string, size int64)) []FileGroup {
	var groups []FileGroup
	for f := range files {
		why, file, because, size := of(&files[f])
		i := slices.IndexFunc(groups, func(g FileGroup) bool { return g.Why == why })
		if i < 0 {
			i = len(groups)
			groups = append(groups, FileGroup{Why: why, Example: path.Base(file), Because: because})
		}
		groups[i].Files++
		groups[i].Size += size
	}
	return groups
}

// GroupCandidates sums the files that can go, in the order of pruneWhy.
func GroupCandidates(plan *cleanup.PrunePlan) []FileGroup {
	order := func(why string) int {
		return slices.IndexFunc(pruneWhy, func(w struct{ code, text string }) bool { return w.code == why })
	}
	groups := GroupFiles(plan.Candidates, func(c *cleanup.PruneCandidate) (why, file, because string, size int64) {
		return c.Code, c.Path, c.Reason, c.Size
	})
	slices.SortFunc(groups, func(x, y FileGroup) int { return order(x.Why) - order(y.Why) })
	for i := range groups {
		groups[i].Why = pruneWhy[order(groups[i].Why)].text
	}
	return groups
}

// pruneGroups shows the candidates by reason.
func pruneGroups(s *screen.Screen, plan *cleanup.PrunePlan) {
	if len(plan.Candidates) == 0 {
		return
	}
	s.Blank()
	GroupColumns.Screen(s, 0, table.All(GroupCandidates(plan)))
	s.Line(screen.Dim.Text("Each file with its reason and what it would cost:  "), screen.Code.Text("--verbose"))
}

// everything shows every file, by reason.
func (p *Prune) everything(s *screen.Screen) {
	for _, w := range pruneWhy {
		first := true
		for _, c := range p.Plan.Candidates {
			if c.Code != w.code {
				continue
			}
			if first {
				s.Blank()
				s.Line(screen.Bold.Text("Can go: "+w.text), screen.Plain.Text("  "), screen.Code.Text(c.Code))
				first = false
			}
			s.Line(screen.Plain.Text("  " + c.Path + "  " + screen.Size(c.Size)))
			why := candidateWhy(c)
			if c.Reason == w.text {
				why = strings.TrimPrefix(why, c.Reason+"; ")
			}
			s.Paragraph(6, screen.Dim.Text(why))
		}
	}
	kept := slices.Clone(p.Plan.Kept)
	slices.SortStableFunc(kept, func(a, b cleanup.PruneKept) int { return strings.Compare(a.Code, b.Code) })
	for i, k := range kept {
		if i == 0 || kept[i-1].Code != k.Code {
			s.Blank()
			s.Line(screen.Bold.Text("Stays"), screen.Plain.Text("  "), screen.Code.Text(k.Code))
		}
		s.Line(screen.Plain.Text("  " + k.Path + "  " + screen.Size(k.Size)))
		s.Paragraph(6, screen.Dim.Text(k.Reason))
	}
}

// candidateWhy returns why a file can go, and what is lost with it.
func candidateWhy(c cleanup.PruneCandidate) string {
	if c.Cost == "" {
		return c.Reason
	}
	return c.Reason + "; lost with it: " + c.Cost
}

// hosts lists the other hosts for which files are kept.
func (p *Prune) hosts(s *screen.Screen) {
	if len(p.Plan.Hosts) == 0 {
		return
	}
	s.Blank()
	s.Heading("Other hosts that get packages from here")
	table.Table[cleanup.PruneHost]{
		{Of: "name"},
		{Value: func(h *cleanup.PruneHost) any {
			if h.KnownUntil == 0 {
				return "never heard of"
			}
			return "known until " + audit.Day(h.KnownUntil)
		}},
		{Type: table.Digits, Value: func(h *cleanup.PruneHost) any { return screen.Count(int64(h.Needs), "build", "builds") }},
		{Shrink: screen.Wrap, Yield: 1, Show: func(h *cleanup.PruneHost) screen.Cell {
			switch {
			case h.Silent != "":
				return screen.Warn.Text(h.Silent)
			case h.Missing > 0:
				return screen.Dim.Text(screen.Count(int64(h.Missing), "build is", "builds are") + " not here")
			}
			return screen.Cell{}
		}},
	}.Screen(s, 2, table.All(p.Plan.Hosts))
}

// states says that pruning does not change the rollbacks to kept states. Those that are
// not ready are not ready for other reasons.
func (p *Prune) states(s *screen.Screen) {
	kept := slices.DeleteFunc(slices.Clone(p.Plan.States), func(x cleanup.PruneState) bool { return x.GivenUp })
	if len(kept) == 0 {
		return
	}
	s.Blank()
	s.Heading("Rollbacks that pruning does not affect")
	table.Table[cleanup.PruneState]{
		{Value: func(x *cleanup.PruneState) any { return "before " + runOf(x.Target) }},
		{Of: "target.state_at", Type: table.Moment},
		{Show: func(x *cleanup.PruneState) screen.Cell { return ReadinessWords[x.Verdict] }},
		{Role: screen.Dim, Shrink: screen.Wrap, Yield: 1, Value: func(x *cleanup.PruneState) any {
			if x.Why == "" {
				return nil
			}
			return "as before: " + x.Why
		}},
	}.Screen(s, 2, table.All(kept))
}

// endingsShown is how many of them stand on the screen.
const endingsShown = 10

// endings names the rollbacks that pruning ends or makes worse.
func (p *Prune) endings(s *screen.Screen, verbose bool) {
	if len(p.Plan.Endings) == 0 && p.Plan.EndingsUnjudged == 0 {
		return
	}
	s.Blank()
	if len(p.Plan.Endings) == 0 {
		s.Line(screen.Plain.Text("Pruning ends no rollback that was judged; "), screen.Unknown.Text("not judged: "), screen.Plain.Text(screen.Count(int64(p.Plan.EndingsUnjudged), "older state", "older states")))
		return
	}
	shown := len(p.Plan.Endings)
	s.Heading(screen.Count(int64(shown), "rollback ends or gets worse", "rollbacks end or get worse"))
	if !verbose {
		shown = min(shown, endingsShown)
	}
	columns := table.Table[cleanup.PruneEnding]{
		{Value: func(e *cleanup.PruneEnding) any { return "before " + runOf(e.Target) }},
		{Of: "target.state_at", Type: table.Moment},
		{Show: func(e *cleanup.PruneEnding) screen.Cell { return ReadinessWords[e.After] }},
		{Value: func(e *cleanup.PruneEnding) any {
			return "loses " + screen.Count(int64(len(e.Files)), "file", "files")
		}},
	}
	if verbose {
		columns = append(columns, table.Table[cleanup.PruneEnding]{{Shrink: screen.Wrap, Yield: 1, Value: func(e *cleanup.PruneEnding) any { return e.Why }}}...)
	}
	columns.Screen(s, 2, table.All(p.Plan.Endings[:shown]))
	if more := len(p.Plan.Endings) - shown; more > 0 {
		s.Line(screen.Dim.Text(fmt.Sprintf("  and %d more, and why", more)), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
	}
	if n := p.Plan.EndingsUnjudged; n > 0 {
		s.Line(screen.Unknown.Text("  not judged: "), screen.Plain.Text(screen.Count(int64(n), "older state", "older states")))
	}
	s.Line(screen.Dim.Text("  To keep one of them: "), screen.Code.Text(audit.Emaudit("pin", "NAME", "--at", fmt.Sprintf("run:%d", *p.Plan.Endings[0].Target.Run)).At(p.Place).String()))
}

// runOf names the run before which a state was.
func runOf(t state.Target) string {
	if t.Run == nil {
		return screen.NotKnown
	}
	return fmt.Sprintf("#%d", *t.Run)
}

// budget prints what --max-size removes, and what more would cost.
func (p *Prune) budget(s *screen.Screen) {
	if len(p.Plan.Steps) == 0 {
		return
	}
	s.Blank()
	s.Heading(fmt.Sprintf("To stay within %s, what is lost", screen.Size(p.Plan.Policy.MaxSize)))
	var steps []cleanup.PruneStep
	for all := p.Plan.Steps; len(all) > 0; {
		step, n := all[0], 1
		for n < len(all) && step.Code != cleanup.KeepState && all[n].Code == step.Code && all[n].Taken == step.Taken {
			step.Files += all[n].Files
			step.Size += all[n].Size
			n++
		}
		switch {
		case n > 1:
			step.Cost = fmt.Sprintf("%s, and %d more (%s)", step.Cost, n-1, step.Code)
		case step.Code != cleanup.KeepState:
			step.Cost = fmt.Sprintf("%s (%s)", step.Cost, step.Code)
		}
		steps, all = append(steps, step), all[n:]
	}
	table.Table[cleanup.PruneStep]{
		{Value: func(x *cleanup.PruneStep) any {
			if x.Taken {
				return "taken"
			}
			return "next"
		}},
		{Of: "size", Type: table.Size},
		{Type: table.Digits, Value: func(x *cleanup.PruneStep) any { return screen.Count(int64(x.Files), "file", "files") }},
		{Of: "cost", Shrink: screen.Wrap, Yield: 1},
	}.Screen(s, 2, table.All(steps))
}

// command is one of prune, as it is typed about this host.
func (p *Prune) command(args ...string) screen.Cell {
	return screen.Code.Text(audit.Emaudit("prune").Plus(args...).At(p.Place).String())
}

// quarantine lists the files that can be restored.
func (p *Prune) quarantine(s *screen.Screen) {
	if len(p.Journals) == 0 {
		return
	}
	s.Blank()
	s.Heading("In quarantine")
	table.Table[cleanup.PruneJournal]{
		{Of: "id", Role: screen.Code},
		{Show: func(j *cleanup.PruneJournal) screen.Cell {
			if j.Status != cleanup.JournalApplied {
				return screen.Bad.Text(string(j.Status))
			}
			return screen.Plain.Text(string(j.Status))
		}},
		{Type: table.Digits, Value: func(j *cleanup.PruneJournal) any { return screen.Count(int64(j.Files), "file", "files") }},
		{Of: "size", Type: table.Size},
		{Value: func(j *cleanup.PruneJournal) any { return "deletable from " + s.Terminal().Date(j.DeletableAt) }},
		{Of: "pkgdir", Shrink: screen.CutMiddle},
	}.Screen(s, 2, table.All(p.Journals))
	s.Line(screen.Plain.Text("  restore:  "), p.command("--undo"), screen.Code.Text(" [JOURNAL]"))
	s.Line(screen.Plain.Text("  delete:   "), p.command("--empty"))
}

// waiting says why files are still in the quarantine after --empty.
func (p *Prune) waiting(s *screen.Screen) {
	for _, j := range p.Journals {
		s.Paragraph(0, screen.Plain.Text(fmt.Sprintf("%s, %s, of journal %s wait until %s, so that --undo can restore them.", screen.Count(int64(j.Files), "file", "files"), screen.Size(j.Size), j.ID, s.Terminal().Date(j.DeletableAt))))
	}
	if len(p.Journals) == 0 {
		s.Line(screen.Plain.Text("The quarantine is empty."))
	}
}

// skipped lists the files that were left alone.
func (p *Prune) skipped(s *screen.Screen) {
	if len(p.Done.Skipped) == 0 {
		return
	}
	s.Blank()
	s.Heading("Left alone")
	table.Table[cleanup.PruneSkip]{{Of: "path", Shrink: screen.CutMiddle}, {Of: "reason", Shrink: screen.Wrap}}.Screen(s, 2, table.All(p.Done.Skipped))
}

// explain shows why each of some files is kept or not.
func (p *Prune) explain(s *screen.Screen, candidates []cleanup.PruneCandidate, kept []cleanup.PruneKept) {
	type row struct {
		path, size string
		verdict    screen.Cell
		code, why  string
	}
	var rows []row
	for _, c := range candidates {
		why := candidateWhy(c)
		for _, e := range p.Plan.EndingsBy(&c) {
			why += fmt.Sprintf("; the rollback to before %s would merge it, and is %s without what goes", runOf(e.Target), e.After)
			if e.Why != "" {
				why += ": " + e.Why
			}
		}
		rows = append(rows, row{c.Path, screen.Size(c.Size), screen.Warn.Text("can go"), c.Code, why})
	}
	for _, k := range kept {
		why := k.Reason
		for i, n := range k.Needs {
			if i > 0 || k.Code != cleanup.KeepElsewhere {
				why += fmt.Sprintf("; %s (known until %s)", n.Reason, audit.Day(n.KnownUntil))
			}
		}
		rows = append(rows, row{k.Path, screen.Size(k.Size), screen.Good.Text("stays"), k.Code, why})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.path, b.path) })
	if len(rows) == 0 {
		s.Line(screen.Unknown.Text("no file"), screen.Plain.Text(" of that name, and none that the atom matches"))
		return
	}
	for _, r := range rows {
		s.Line(r.verdict, screen.Plain.Text("  "+r.path+"  "+r.size+"  "), screen.Code.Text(r.code))
		s.Paragraph(8, screen.Plain.Text(r.why))
	}
}
