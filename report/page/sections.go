package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/binaries"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/states"
	"emaudit/report/table"
)

// pageOf puts the page together: the verdicts, what to do, the sections in the
// order in which they matter, and the packages.
func pageOf(facts overview.HostFacts, o report.Output) *pageView {
	// A page is read on another day, and on other screens.
	o.Terminal = screen.Terminal{Location: o.Terminal.Zone()}
	b := &pageBuilder{Output: o, facts: facts, packages: map[string]*pagePackage{}, anchors: map[string]bool{}}
	b.view = &pageView{Host: o.Envelope.Host, Root: o.Envelope.Root, Generated: generated(o), Version: facts.Version}
	b.collectPackages()
	b.collectEvents()
	b.builds = b.collectBuilds()
	b.showBuilds()
	b.head()
	for _, section := range b.sections() {
		if section != nil {
			b.view.Sections = append(b.view.Sections, section)
		}
	}
	b.view.Packages = b.sortedPackages()
	return b.view
}

// sections are the parts of the page in their order.
func (b *pageBuilder) sections() []*pageSection {
	return []*pageSection{
		b.rollback(),
		b.coverage(),
		b.runs(),
		b.failures(),
		b.buildTimes(),
		b.storage(),
		b.integrity(),
		b.mailbox(),
		b.settings(),
	}
}

// pageBuilder collects the page.
type pageBuilder struct {
	report.Output
	facts    overview.HostFacts
	view     *pageView
	packages map[string]*pagePackage // by category/pn
	anchors  map[string]bool
	builds   []*packageBuilds // the longest first
}

// head is what stands above all sections.
func (b *pageBuilder) head() {
	v := b.view
	if s := b.facts.Overview; s != nil {
		for _, fact := range report.OverviewFacts(s, b.Output)[1:] {
			v.Facts = append(v.Facts, fact.Text)
		}
		checks := b.checks()
		for _, c := range checks {
			v.Verdicts = append(v.Verdicts, pageVerdict{Label: c.Line.Label, Text: c.Line.Text, Command: c.Line.Command, Verdict: c.Line.Verdict, Section: c.Name})
		}
		v.Steps = report.NextSteps(b.facts.Findings, checks, b.Place)
		v.findings = b.facts.Findings
	}
	v.Answer = b.answer()
}

// checks are the lines of the one screen, in its order and its words, each named by
// the section that says more. One whose check was not asked is unknown.
func (b *pageBuilder) checks() []report.Check {
	unknown := func(section, label, command string) report.Check {
		return report.Check{Name: section, Line: screen.SummaryLine{Label: label, Verdict: screen.Unknown.Text("unknown"), Command: command}}
	}
	checks := []report.Check{
		unknown("failures", "UPDATE", "emaudit audit update"), unknown("rollback", "ROLLBACK", "emaudit rollback"), unknown("coverage", "COVERAGE", "emaudit audit coverage"),
		unknown("integrity", "INTEGRITY", "emaudit verify"), unknown("pkgdir", "PKGDIR", "emaudit prune"),
	}
	if p := b.facts.Update; p != nil {
		checks[0].Line, checks[0].Answer.Findings = merges.PostUpdateLine(p), p.Findings
	}
	if all := b.facts.Rollbacks; len(all) > 0 {
		checks[1].Line, checks[1].Step = states.RollbackLine(all[0]), states.RollbackStep(all[0])
	} else if all != nil {
		checks[1].Line = states.RollbackLine(nil)
	}
	if c := b.facts.Coverage; c != nil {
		checks[2].Line, checks[2].Answer.Findings = binaries.CoverageLine(c), c.Findings
	}
	if i := b.facts.Integrity; i != nil {
		checks[3].Line, checks[3].Answer.Findings = binaries.IntegrityLine(i), i.Findings
	}
	if o := b.facts.Overview; o != nil {
		seen := *o
		if b.facts.Prune != nil {
			seen.Reclaimable = b.facts.Prune.Totals()
		}
		checks[4].Line = report.PkgdirLine(&seen)
	}
	return checks
}

// answer is the page in a sentence: what the last update left broken, and the way back.
func (b *pageBuilder) answer() screen.Cell {
	way := b.wayBack()
	p := b.facts.Update
	switch {
	case p == nil:
	case p.BetweenVersions > 0:
		return screen.Bad.Text(screen.Count(int64(p.BetweenVersions), "merge was interrupted", "merges were interrupted") + "; " + way.Text)
	case p.OpenFailures > 0:
		return screen.Bad.Text(screen.Count(int64(p.OpenFailures), "package failed to merge", "packages failed to merge") + "; " + way.Text)
	}
	way.Text = strings.ToUpper(way.Text[:1]) + way.Text[1:]
	return way
}

// wayBack says whether the last update can be undone, and else whether what is
// installed could be put back.
func (b *pageBuilder) wayBack() screen.Cell {
	c := b.facts.Coverage
	if c == nil || len(c.Rows) == 0 {
		return screen.Unknown.Text("nothing is known of what is installed")
	}
	if len(b.facts.Rollbacks) > 0 {
		last := b.facts.Rollbacks[0]
		update := "update " + states.UpdateName(last.Target)
		switch {
		case !last.Target.Known && last.Verdict != rollback.Partial:
			return screen.Unknown.Text("whether " + update + " can be undone is not known")
		case last.Verdict == rollback.NotReady:
			return screen.Bad.Text(update + " cannot be undone" + gapsInWords(last))
		case last.Verdict == rollback.Partial:
			return screen.Warn.Text(update + " can be undone in part: " + states.CarriedText(last))
		case last.Verdict == rollback.ReadyWithWarnings:
			return screen.Warn.Text(update + " can be undone, with warnings")
		}
	}
	switch none, other := c.Count(binpkgs.CoverageNone), c.Count(binpkgs.CoverageSameVersion); {
	case none > 0:
		return screen.Warn.Text(fmt.Sprintf("%s could not be put back: no binary package", screen.Count(int64(none), "package", "packages")))
	case c.Count(binpkgs.CoverageUnknown) > 0:
		return screen.Unknown.Text(fmt.Sprintf("whether %s could be put back is not known: a folder could not be listed", screen.Count(int64(c.Count(binpkgs.CoverageUnknown)), "package", "packages")))
	case other > 0:
		return screen.Warn.Text(fmt.Sprintf("%s could be put back only as another build", screen.Count(int64(other), "package", "packages")))
	case c.Count(binpkgs.CoverageLossy) > 0:
		return screen.Warn.Text(fmt.Sprintf("%s could be put back only without some files", screen.Count(int64(c.Count(binpkgs.CoverageLossy)), "package", "packages")))
	case c.Count(binpkgs.CoverageRemote) > 0:
		return screen.Warn.Text(fmt.Sprintf("%s could be put back only from a binhost", screen.Count(int64(c.Count(binpkgs.CoverageRemote)), "package", "packages")))
	case len(b.facts.Rollbacks) == 0:
		return screen.Unknown.Text("every package has its binary package; whether the last update can be undone is not known")
	}
	return screen.Good.Text("update " + states.UpdateName(b.facts.Rollbacks[0].Target) + " can be undone, and every installed package has its binary package")
}

// gapsInWords is how much is missing, to end a sentence with.
func gapsInWords(r *rollback.Rollback) string {
	if len(r.Gaps) == 0 {
		return ""
	}
	return fmt.Sprintf(": %s of %d lack a usable binary package", screen.Count(int64(len(r.Gaps)), "package", "packages"), len(r.Changes))
}

// coverage answers: does every installed package have a binary package?
func (b *pageBuilder) coverage() *pageSection {
	s := &pageSection{ID: "coverage", Title: "Coverage"}
	c := b.facts.Coverage
	if c == nil {
		return b.unknown(s, "Coverage was not checked.", "emaudit audit coverage")
	}
	s.Verdict = binaries.CoverageLine(c).Verdict
	s.Lead = "Does every installed package have a binary package to restore it from? “exact” is the file that was merged, “same-build” another file of that build, “same-version” the same version built at another time."
	s.add(
		pageBlock{Share: b.coverageShare("coverage-number", "By number of packages", c, func(binpkgs.CoverageRow) int64 { return 1 }, screen.Number)},
		pageBlock{Share: b.coverageShare("coverage-size", "By installed size", c, func(r binpkgs.CoverageRow) int64 { return r.Size }, screen.Size)},
	)
	s.add(b.coverageByImportance(c))
	if len(c.Commands) > 0 {
		s.add(pageBlock{Commands: &pageCommands{Title: "Close the gaps while these packages are installed", Lines: audit.Lines(c.Commands)}})
	}
	columns := binaries.CoverageColumns(false).With(
		table.Column[binpkgs.CoverageRow]{Title: "Installed size", Type: table.Size, Value: func(r *binpkgs.CoverageRow) any { return r.Size }},
		table.Column[binpkgs.CoverageRow]{Title: "Needed by", Type: table.Number, Value: b.neededBy},
	)
	if !slices.ContainsFunc(c.Rows, binaries.UseDiffers) {
		columns = columns.Without("USE")
	}
	rows := slices.Clone(c.Rows)
	slices.SortStableFunc(rows, func(x, y binpkgs.CoverageRow) int {
		return cmp.Or(y.Verdict.Rank()-x.Verdict.Rank(), b.facts.Importance[y.CPV]-b.facts.Importance[x.CPV])
	})
	caption := "Every installed package"
	// A package without its build is never left out.
	most := max(rowsOfCoverage, len(rows)-c.Covered())
	if len(rows) > most {
		caption = fmt.Sprintf("%s of %s installed packages, the worst first", screen.Number(int64(most)), screen.Number(int64(len(rows))))
	}
	s.add(fill(b, &pageTable{ID: "coverage-packages", Caption: caption, Open: true}, columns, table.All(rows[:min(most, len(rows))])).block())
	if left := len(rows) - most; left > 0 {
		s.add(pageBlock{Note: fmt.Sprintf("%s by the exact file or the same build, and found under Packages: emaudit audit coverage --format csv has all", screen.Count(int64(left), "more package is covered", "more packages are covered"))})
	}
	return s
}

// rowsOfCoverage is how many packages the table of coverage lists, if so many are
// covered. The section of each package has its verdict, too.
const rowsOfCoverage = 600

// neededBy is the number of packages that need one, or nil if unknown.
func (b *pageBuilder) neededBy(r *binpkgs.CoverageRow) any {
	if b.facts.Importance == nil {
		return nil
	}
	return b.facts.Importance[r.CPV]
}

// verdictClasses are how charts draw them, from the best to the worst. None has the look
// of another: those that share a colour differ in shape.
var verdictClasses = map[binpkgs.CoverageVerdict]string{
	binpkgs.CoverageExact: "good", binpkgs.CoverageSameBuild: "good-2", binpkgs.CoverageSameVersion: "warn", binpkgs.CoverageLossy: "warn hollow", binpkgs.CoverageRemote: "warn dashed", binpkgs.CoverageUnknown: "unknown hollow", binpkgs.CoverageNone: "bad",
}

// coverageShare weighs the verdicts.
func (b *pageBuilder) coverageShare(id, title string, c *binpkgs.Coverage, weight func(binpkgs.CoverageRow) int64, write func(int64) string) *shareChart {
	sums := map[binpkgs.CoverageVerdict]int64{}
	for _, r := range c.Rows {
		sums[r.Verdict] += weight(r)
	}
	var parts []sharePart
	var said []string
	for _, v := range binpkgs.CoverageVerdicts {
		parts = append(parts, sharePart{Label: string(v), Text: write(sums[v]), Class: verdictClasses[v], value: sums[v]})
		said = append(said, write(sums[v])+" "+string(v))
	}
	return b.newShareChart(chartHead{ID: id, Title: title, Desc: strings.Join(said, ", ")}, parts...)
}

// importanceClasses are the groups by which coverage is broken down.
var importanceClasses = []struct {
	label string
	from  int
}{{"needed by 10 or more", 10}, {"needed by 1 to 9", 1}, {"needed by no other", 0}}

// coverageByImportance shows the verdicts of what many depend on apart from
// those of what nothing does.
func (b *pageBuilder) coverageByImportance(c *binpkgs.Coverage) pageBlock {
	if b.facts.Importance == nil {
		return pageBlock{}
	}
	head := chartHead{ID: "coverage-importance", Title: "By importance"}
	var rows []barRow
	var said []string
	for i, class := range importanceClasses {
		counts := map[binpkgs.CoverageVerdict]int64{}
		var all int64
		for _, r := range c.Rows {
			n := b.facts.Importance[r.CPV]
			if n < class.from || i > 0 && n >= importanceClasses[i-1].from {
				continue
			}
			counts[r.Verdict]++
			all++
		}
		row := barRow{Label: class.label, Text: fmt.Sprintf("%s, %s without", screen.Count(all, "package", "packages"), screen.Number(counts[binpkgs.CoverageNone]))}
		for _, v := range binpkgs.CoverageVerdicts {
			row.Parts = append(row.Parts, barPart{Class: verdictClasses[v], value: counts[v]})
		}
		rows = append(rows, row)
		said = append(said, class.label+": "+row.Text)
	}
	head.Desc = strings.Join(said, "; ")
	var legend []legendItem
	for _, v := range binpkgs.CoverageVerdicts {
		legend = append(legend, legendItem{string(v), verdictClasses[v]})
	}
	return pageBlock{Bars: b.newBarChart(head, legend, "Packages", table.Number, rows)}
}

// rowsOfPkgdir is how many packages the table of PKGDIR lists. The section of a package
// lists all its files.
const rowsOfPkgdir = 400

// barsInPkgdir is how many packages the chart of PKGDIR has room for.
const barsInPkgdir = 12

// storage shows PKGDIR through time and by package.
func (b *pageBuilder) storage() *pageSection {
	s := &pageSection{ID: "pkgdir", Title: "PKGDIR"}
	st := b.facts.Storage
	if st == nil {
		return b.unknown(s, "PKGDIR was not checked.", "emaudit prune")
	}
	s.Verdict = screen.Plain.Text(screen.Size(st.Bytes))
	s.Lead = fmt.Sprintf("%s of %s. What no state needs any more can go: emaudit prune lists it with its reasons and deletes nothing unless told to.",
		screen.Count(int64(st.Files), "binary package", "binary packages"), screen.Count(int64(len(st.Packages)), "package", "packages"))
	var points []linePoint
	var ends []overview.StoragePoint // of months
	for i, p := range st.Points {
		points = append(points, linePoint{at: p.At, value: float64(p.Bytes)})
		if i > 0 && b.month(&p) == b.month(&st.Points[i-1]) {
			ends = ends[:len(ends)-1]
		}
		ends = append(ends, p)
	}
	head := chartHead{ID: "pkgdir-time", Title: "Size over time"}
	head.Table = fill(b, &pageTable{ID: "pkgdir-time-numbers"}, table.Table[overview.StoragePoint]{
		{Title: "Month", Value: b.month},
		{Title: "Files", Of: "files", Type: table.Number},
		{Title: "Size", Of: "bytes", Type: table.Size},
	}, table.All(ends))
	head.Desc = fmt.Sprintf("Since %s; now %s. A file counts from the time at which it was written. Files that were deleted before emaudit first looked are missing.", b.Terminal.Date(firstPoint(st)), screen.Size(st.Bytes))
	s.add(pageBlock{Line: newLineChart(head, points, b.Envelope.GeneratedAt, func(v float64) string { return screen.Size(int64(v)) }, b.Terminal.Zone())})
	b.prune(s)
	going := b.goingByPackage()
	s.add(pageBlock{Bars: b.storageByPackage(st, going)})
	caption := "Every package in PKGDIR"
	present := slices.DeleteFunc(slices.Clone(st.Packages), func(p overview.StoredPackage) bool { return p.Files == 0 })
	if len(present) > rowsOfPkgdir {
		caption = fmt.Sprintf("The %d largest packages in PKGDIR", rowsOfPkgdir)
		present = present[:rowsOfPkgdir]
	}
	s.add(fill(b, &pageTable{ID: "pkgdir-packages", Caption: caption}, table.Table[overview.StoredPackage]{
		{Title: "Package", Of: "cp", Type: table.Package},
		{Title: "Files", Of: "files", Type: table.Number},
		{Title: "Size", Of: "bytes", Type: table.Size},
		{Title: "For what is installed", Of: "installed_bytes", Type: table.Size},
		{Title: "Can go", Type: table.Size, Value: func(p *overview.StoredPackage) any {
			if going == nil {
				return nil
			}
			return going[p.CP]
		}},
	}, table.All(present)).block())
	return s
}

// month is that of a point in time.
func (b *pageBuilder) month(p *overview.StoragePoint) any {
	return time.Unix(p.At, 0).In(b.Terminal.Zone()).Format("2006-01")
}

func firstPoint(st *overview.Storage) int64 {
	if len(st.Points) == 0 {
		return 0
	}
	return st.Points[0].At
}

func (b *pageBuilder) storageByPackage(st *overview.Storage, going map[string]int64) *barChart {
	head := chartHead{ID: "pkgdir-bars", Title: "The largest packages"}
	var rows []barRow
	for _, p := range st.Packages[:min(len(st.Packages), barsInPkgdir)] {
		if p.Bytes == 0 {
			continue
		}
		can := min(going[p.CP], p.Bytes)
		needed := min(p.Needed, p.Bytes-can)
		other := p.Bytes - needed - can
		rows = append(rows, barRow{
			Label: cpText(p.CP), Link: b.anchorOf(p.CP), Text: fmt.Sprintf("%s in %s", screen.Size(p.Bytes), screen.Count(int64(p.Files), "file", "files")),
			Parts: []barPart{{Class: "accent", value: needed}, {Class: "accent-3", value: other}, {Class: "accent-2", value: can}},
		})
	}
	if len(rows) > 0 {
		head.Desc = fmt.Sprintf("The largest is %s with %s.", rows[0].Label, rows[0].Text)
	}
	legend := []legendItem{{"stands for what is installed", "accent"}, {"stays for other states", "accent-3"}, {"can go", "accent-2"}}
	if going == nil {
		legend = []legendItem{{"stands for what is installed", "accent"}, {"for other builds and versions", "accent-3"}}
	}
	return b.newBarChart(head, legend, "Package", table.Size, rows)
}

// integrity shows what is known of the bytes of binary packages, and where the
// index and the files disagree.
func (b *pageBuilder) integrity() *pageSection {
	s := &pageSection{ID: "integrity", Title: "Integrity"}
	i := b.facts.Integrity
	if i == nil {
		return b.unknown(s, "Integrity was not checked.", "emaudit verify")
	}
	if i.All == 0 {
		return b.unknown(s, "No binary package was found.", "emaudit doctor")
	}
	s.Verdict = binaries.IntegrityLine(i).Verdict
	s.Lead = "A binary package is whole only after every byte of it was read and compared. Before that it is \"not read\"; \"no checksum\" was read, and nothing vouches for it."
	var parts []sharePart
	var said []string
	for _, p := range []struct {
		integrity binpkgs.FileIntegrity
		class     string
	}{{binpkgs.Whole, "good"}, {binpkgs.Unread, "unknown"}, {binpkgs.Unchecked, "unknown-2"}, {binpkgs.Unknown, "unknown-2"}, {binpkgs.Empty, "warn"}, {binpkgs.Damaged, "bad"}} {
		n := int64(i.Count(p.integrity))
		parts = append(parts, sharePart{Label: binaries.IntegrityCell(p.integrity).Text, Text: screen.Number(n), Class: p.class, value: n})
		said = append(said, screen.Number(n)+" "+binaries.IntegrityCell(p.integrity).Text)
	}
	s.add(pageBlock{Share: b.newShareChart(chartHead{ID: "integrity-share", Title: "Binary packages by what is known of their bytes", Desc: strings.Join(said, ", ")}, parts...)})
	if n := i.NotRead; n > 0 {
		s.add(pageBlock{Unknown: &pageUnknown{Text: fmt.Sprintf("%s not read yet: whether they are whole is not known.", screen.Count(int64(n), "binary package was", "binary packages were")), Command: "emaudit verify"}})
	}
	s.add(b.findingsBlock(i.Findings, func(audit.Finding) bool { return true }))
	return s
}

// settings shows what doctor says.
func (b *pageBuilder) settings() *pageSection {
	s := &pageSection{ID: "settings", Title: "Settings"}
	d := b.facts.Doctor
	if d == nil {
		return b.unknown(s, "Settings were not checked.", "emaudit doctor")
	}
	role := screen.Good
	if d.Passed < d.Checks {
		role = screen.Warn
	}
	s.Verdict = role.Text(fmt.Sprintf("%d of %d checks", d.Passed, d.Checks))
	s.Lead = "Are Portage's settings such that merges leave binary packages, keep them apart, and record what they say?"
	s.add(b.findingsBlock(d.Findings, func(audit.Finding) bool { return true }))
	s.add(fill(b, &pageTable{ID: "settings-space", Caption: "Room on the disks", Open: true}, report.SpaceColumns, table.All(d.Space)).block())
	set := table.Where(d.Settings, func(p *overview.SettingRow) bool { return p.Value != "" })
	s.add(fill(b, &pageTable{ID: "settings-values", Caption: "Every setting and where it comes from"}, report.SettingColumns, set).block())
	return s
}

// unknown makes a section that only says that its answer is not known.
func (b *pageBuilder) unknown(s *pageSection, text, command string) *pageSection {
	s.Verdict = screen.Unknown.Text("unknown")
	s.add(pageBlock{Unknown: &pageUnknown{Text: text, Command: command}})
	return s
}

// findingsOfSection is how many findings one section shows, not counting those
// that the same command mends; the worst come first.
const findingsOfSection = 60

// findingsBlock shows the findings that are wanted.
func (b *pageBuilder) findingsBlock(findings []audit.Finding, wanted func(audit.Finding) bool) pageBlock {
	var shown []audit.Finding
	for _, f := range findings {
		if wanted(f) {
			shown = append(shown, f)
		}
	}
	if len(shown) == 0 {
		return pageBlock{}
	}
	type mended struct {
		code     string
		severity audit.Severity
		remedy   string
	}
	first := map[mended]int{}
	block := &pageFindings{}
	for _, f := range shown {
		row := pageFinding{Finding: f, Link: b.anchorOf(f.Subject)}
		key := mended{f.Code, f.Severity, f.Remedy.String()}
		if i, ok := first[key]; ok && !f.Remedy.IsZero() {
			block.Rows[i].Alike = append(block.Rows[i].Alike, row)
			continue
		}
		if len(block.Rows) == findingsOfSection {
			block.More++
			continue
		}
		first[key] = len(block.Rows)
		block.Rows = append(block.Rows, row)
	}
	return pageBlock{Findings: block}
}

// anchorOf is the address of the section of a package, named by a cpv or as
// category/pn; "" where it has none.
func (b *pageBuilder) anchorOf(name string) string {
	if p := b.packages[audit.PackageOf(name)]; p != nil {
		return p.Href()
	}
	return ""
}
