package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// What of a long history fits a page that opens at once.
const (
	rowsOfRuns       = 400
	eventsPerPackage = 10 // merges shown in a package's section
	eventsOfMany     = 3  // the same, where there are so many packages that the page would grow too large
	manyPackages     = 500
	rowsOfBuilds     = 400
	barsOfBuilds     = 12
	sparkOfBuilds    = 12
	fewestToDraw     = 4 // builds; a line of fewer says no more than their times
	rowsOfFailures   = 100
	rowsOfMessages   = 100
)

// build is one completed build from source.
type build struct {
	at, seconds int64
	version     string
}

// packageBuilds is the history of builds of one package, oldest first.
type packageBuilds struct {
	cp     string
	builds []build
	total  int64
}

// runs shows every run of emerge through time.
func (b *pageBuilder) runs() *pageSection {
	s := &pageSection{ID: "runs", Title: "Runs"}
	runs := b.facts.Runs
	if runs == nil {
		return b.unknown(s, "Runs are not known: no emerge.log was read.", "emaudit runs")
	}
	if len(runs) == 0 {
		return b.unknown(s, "No run of emerge is known.", "emaudit runs --verbose")
	}
	last := runs[len(runs)-1]
	s.Verdict = merges.RunOutcome(last)
	s.Verdict.Text = fmt.Sprintf("last #%d: %s", last.ID, s.Verdict.Text)
	failed := 0
	for _, r := range runs {
		if r.Outcome == history.RunFailed {
			failed++
		}
	}
	s.Lead = fmt.Sprintf("%s of emerge since %s, of which %s failed. A run is one call of emerge, numbered like a transaction.",
		screen.Count(int64(len(runs)), "run", "runs"), b.Terminal.Date(runs[0].StartedAt), screen.Number(int64(failed)))
	if f := b.facts.Failures; f != nil && f.Source.Log.Lost(0) != "" {
		s.add(pageBlock{Unknown: &pageUnknown{Text: "Not every run is known: " + f.Source.Log.Lost(0) + ".", Command: "emaudit runs"}})
	}
	s.add(b.weeks(), b.months(), b.runTable(runs).block())
	return s
}

// runTable lists the newest runs, the last first.
func (b *pageBuilder) runTable(runs []*history.Run) *pageTable {
	newest := func(yield func(*history.Run, error) bool) {
		for _, r := range slices.Backward(runs[max(len(runs)-rowsOfRuns, 0):]) {
			if !yield(r, nil) {
				return
			}
		}
	}
	caption := "The newest " + screen.Count(int64(min(len(runs), rowsOfRuns)), "run", "runs")
	t := fill(b, &pageTable{ID: "runs-table", Caption: caption}, merges.RunColumns(false), newest)
	for i := range t.Columns {
		// A page can be moved sideways, a terminal cannot.
		t.Columns[i].Optional = t.Columns[i].Optional && t.Columns[i].Title != "Took"
	}
	return t
}

// failures lists what failed and was not put right.
func (b *pageBuilder) failures() *pageSection {
	s := &pageSection{ID: "failures", Title: "Failures"}
	f := b.facts.Failures
	if f == nil {
		return b.unknown(s, "Failures were not checked.", "emaudit failures")
	}
	head := merges.FailuresHeadline(f)
	open, unknown := f.Open()
	switch {
	case len(f.Rows) == 0:
		s.Verdict = head[0]
	case open == 0:
		s.Verdict = screen.Good.Text("none open")
	case open == unknown:
		s.Verdict = screen.Unknown.Text(fmt.Sprintf("%d perhaps open", open))
	default:
		s.Verdict = screen.Bad.Text(fmt.Sprintf("%d open", open))
	}
	var lead strings.Builder
	for _, c := range head {
		lead.WriteString(c.Text)
	}
	s.Lead = lead.String() + "."
	s.add(b.causes(f), b.findingsBlock(f.Findings, func(audit.Finding) bool { return true }))
	t := &pageTable{ID: "failures-table", Caption: "Every failed merge", Open: open > 0 && len(f.Findings) == 0}
	s.add(fill(b, t, merges.FailureColumns, table.All(f.Rows[:min(len(f.Rows), rowsOfFailures)])).block())
	return s
}

// collectBuilds sorts completed builds from source by package.
func (b *pageBuilder) collectBuilds() []*packageBuilds {
	byCP := map[string]*packageBuilds{}
	for _, r := range b.facts.Runs {
		for i := range r.Merges {
			m := &r.Merges[i]
			if m.Kind != history.KindSource || m.Outcome != history.MergeMerged || m.Seconds == nil || m.EndedAt == nil {
				continue
			}
			cp := audit.PackageOf(m.CPV)
			p := byCP[cp]
			if p == nil {
				p = &packageBuilds{cp: cp}
				byCP[cp] = p
			}
			p.builds = append(p.builds, build{at: *m.EndedAt, seconds: *m.Seconds, version: strings.TrimPrefix(m.CPV, cp+"-")})
			p.total += *m.Seconds
		}
	}
	all := make([]*packageBuilds, 0, len(byCP))
	for _, p := range byCP {
		all = append(all, p)
	}
	slices.SortFunc(all, func(x, y *packageBuilds) int {
		return cmp.Or(cmp.Compare(y.total, x.total), strings.Compare(x.cp, y.cp))
	})
	return all
}

// buildTimes shows where the time goes, and whether it grows.
func (b *pageBuilder) buildTimes() *pageSection {
	s := &pageSection{ID: "builds", Title: "Build times"}
	if b.facts.Runs == nil {
		return b.unknown(s, "Build times are not known: no emerge.log was read.", "emaudit stats")
	}
	if len(b.builds) == 0 {
		return b.unknown(s, "No completed build from source is known.", "emaudit stats")
	}
	var total int64
	count := 0
	for _, p := range b.builds {
		total += p.total
		count += len(p.builds)
	}
	s.Verdict = screen.Plain.Text(screen.Seconds(total))
	s.Lead = fmt.Sprintf("%s of %s took %s. The trend compares the last build with the median of those before it.",
		screen.Count(int64(count), "build from source", "builds from source"), screen.Count(int64(len(b.builds)), "package", "packages"), screen.Seconds(total))
	head := chartHead{ID: "builds-bars", Title: "Where the time went"}
	var rows []barRow
	for _, p := range b.builds[:min(len(b.builds), barsOfBuilds)] {
		if p.total > 0 {
			rows = append(rows, barRow{Label: cpText(p.cp), Link: b.anchorOf(p.cp), Text: fmt.Sprintf("%s in %s", screen.Seconds(p.total), screen.Count(int64(len(p.builds)), "build", "builds")), Parts: []barPart{{Class: "accent", value: p.total}}})
		}
	}
	if len(rows) > 0 {
		head.Desc = fmt.Sprintf("%s leads with %s.", rows[0].Label, rows[0].Text)
	}
	t := fill(b, &pageTable{ID: "builds-table", Caption: "Build time and its trend, by package"}, buildColumns, table.All(b.builds[:min(len(b.builds), rowsOfBuilds)]))
	s.add(pageBlock{Bars: b.newBarChart(head, []legendItem{{"Time", "accent"}}, "Package", table.Seconds, rows)}, t.block())
	if rest := len(b.builds) - rowsOfBuilds; rest > 0 {
		s.add(pageBlock{Note: fmt.Sprintf("%s took less time than these: emaudit stats", screen.Count(int64(rest), "package", "packages"))})
	}
	return s
}

func medianOf(builds []build) int64 {
	if len(builds) == 0 {
		return 0
	}
	seconds := make([]int64, len(builds))
	for i, n := range builds {
		seconds[i] = n.seconds
	}
	slices.Sort(seconds)
	return seconds[len(seconds)/2]
}

// buildColumns describe the builds of packages.
var buildColumns = table.Table[*packageBuilds]{
	{Title: "Package", Type: table.Package, Value: func(p **packageBuilds) any { return cpText((*p).cp) }},
	{Title: "Builds", Type: table.Number, Value: func(p **packageBuilds) any { return len((*p).builds) }},
	{Title: "Total", Type: table.Seconds, Value: func(p **packageBuilds) any { return (*p).total }},
	{Title: "Median", Type: table.Seconds, Value: func(p **packageBuilds) any { return medianOf((*p).builds) }},
	{Title: "Last", Type: table.Seconds, Value: func(p **packageBuilds) any { return (*p).builds[len((*p).builds)-1].seconds }},
	{Title: "Trend", Series: func(p **packageBuilds) []int64 { return (*p).recent() }, Order: func(p **packageBuilds) int64 { return (*p).change() }, Show: func(p **packageBuilds) screen.Cell { return (*p).trend() }},
}

// trend says how the last build compares with those before it.
func (p *packageBuilds) trend() screen.Cell {
	change := p.change()
	switch {
	case len(p.builds) < 2:
		return screen.Dim.Text("one build")
	case change >= 10:
		return screen.Plain.Text(fmt.Sprintf("+%d %%", change))
	case change <= -10:
		return screen.Plain.Text(fmt.Sprintf("−%d %%", -change))
	}
	return screen.Plain.Text("as before")
}

// recent are the seconds that the last builds took.
func (p *packageBuilds) recent() []int64 {
	var seconds []int64
	for _, n := range p.builds[max(len(p.builds)-sparkOfBuilds, 0):] {
		seconds = append(seconds, n.seconds)
	}
	return seconds
}

// change is by how many percent the last build took longer than the median of those
// before it, 0 where there is none.
func (p *packageBuilds) change() int64 {
	last := len(p.builds) - 1
	before := medianOf(p.builds[:last])
	if before == 0 {
		return 0
	}
	return (p.builds[last].seconds - before) * 100 / before
}

// mailbox shows what packages asked to be read.
func (b *pageBuilder) mailbox() *pageSection {
	s := &pageSection{ID: "messages", Title: "Messages"}
	m := b.facts.Messages
	if m == nil {
		return b.unknown(s, "Messages were not checked.", "emaudit messages")
	}
	head := merges.MailboxHeadline(m)
	s.Verdict = head[0]
	if len(m.Rows) == 0 {
		for _, c := range head {
			s.Lead += c.Text
		}
		s.Lead += "."
		return s
	}
	s.Lead = fmt.Sprintf("Messages of packages, unread ones first: %s unread, %s read. emaudit messages marks them as read.", screen.Number(int64(m.Unread)), screen.Number(int64(m.Read)))
	t := &pageTable{ID: "messages-table", Caption: "Messages", Open: true}
	s.add(fill(b, t, merges.MessageColumns, table.All(m.Rows[:min(len(m.Rows), rowsOfMessages)])).block())
	if rest := len(m.Rows) - rowsOfMessages; rest > 0 {
		s.add(pageBlock{Note: fmt.Sprintf("%s older than these: emaudit messages --all", screen.Count(int64(rest), "message is", "messages are"))})
	}
	return s
}

// collectEvents adds the last merges of each package to its section.
func (b *pageBuilder) collectEvents() {
	most := eventsPerPackage
	if len(b.packages) > manyPackages {
		most = eventsOfMany
	}
	for _, r := range slices.Backward(b.facts.Runs) {
		for i := range slices.Backward(r.Merges) {
			m := &r.Merges[i]
			p := b.packages[audit.PackageOf(m.CPV)]
			if p == nil {
				continue
			}
			if len(p.events) == most {
				continue
			}
			at := r.StartedAt
			if m.StartedAt != nil {
				at = *m.StartedAt
			}
			role := screen.Plain
			if m.Outcome == history.MergeFailed || m.Outcome == history.MergeInterrupted {
				role = screen.Bad
			}
			p.events = append(p.events, []screen.Cell{
				screen.Plain.Text(b.Terminal.Time(at)), screen.Plain.Text(fmt.Sprintf("#%d", r.ID)), screen.Plain.Text(strings.TrimPrefix(m.CPV, p.CP+"-")),
				screen.Plain.Text("from " + m.Kind), screen.Plain.Text(screen.SecondsOrNone(m.Seconds)), role.Text(m.Outcome),
			})
		}
	}
}
