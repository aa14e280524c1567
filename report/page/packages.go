package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/report/binaries"
	"emaudit/report/screen"
)

// collectPackages makes the section of every package that is installed or has
// binary packages, so that other sections can refer to it.
func (b *pageBuilder) collectPackages() {
	if c := b.facts.Coverage; c != nil {
		for _, r := range c.Rows {
			p := b.pkg(audit.PackageOf(r.CPV))
			installed := fmt.Sprintf("%s installed, slot %s, %s", strings.TrimPrefix(r.CPV, p.CP+"-"), r.Slot, screen.Size(r.Size))
			if r.BuildTime != nil {
				installed += ", built " + b.Terminal.Time(*r.BuildTime)
			}
			if n := b.facts.Importance[r.CPV]; n > 0 {
				installed += fmt.Sprintf(", needed by %s", screen.Number(int64(n)))
			}
			p.Facts = append(p.Facts, screen.Plain.Text(installed+"; binary package: "), binaries.CoverageRoles[r.Verdict].Text(string(r.Verdict)), screen.Plain.Text(". "))
		}
	}
	if st := b.facts.Storage; st != nil {
		for _, s := range st.Packages {
			if s.CP == "" {
				continue
			}
			p := b.pkg(s.CP)
			for _, n := range s.Binpkgs {
				state := binaries.IntegrityCell(n.Integrity)
				if n.GoneAt != 0 {
					state = screen.Dim.Text("gone since " + b.Terminal.Date(n.GoneAt))
				}
				built := "build time unknown"
				if n.BuildTime != nil {
					built = "built " + b.Terminal.Time(*n.BuildTime)
				}
				// The folder and the package's name stand above already.
				p.files = append(p.files, []screen.Cell{screen.Plain.Text(strings.TrimPrefix(n.Path, s.CP+"/")), screen.Plain.Text(built), screen.Plain.Text(screen.Size(n.Size)), state})
			}
		}
	}
}

// showBuilds adds to the sections of packages how long their builds took, where there
// are enough to see a trend.
func (b *pageBuilder) showBuilds() {
	for _, n := range b.builds {
		p := b.packages[n.cp]
		if p == nil || len(n.builds) < fewestToDraw {
			continue
		}
		text := fmt.Sprintf("%d builds, median %s, the last %s: %s", len(n.builds), screen.Seconds(medianOf(n.builds)), screen.Seconds(n.builds[len(n.builds)-1].seconds), n.trend().Text)
		p.Builds = &pageCell{Cell: screen.Plain.Text(text), Spark: newSparkline(n.recent())}
	}
}

// pkg returns the section of a package, made where it is new.
func (b *pageBuilder) pkg(cp string) *pagePackage {
	p := b.packages[cp]
	if p == nil {
		p = &pagePackage{ID: b.anchor(cp), CP: cp}
		b.packages[cp] = p
	}
	return p
}

// cpText names a package.
func cpText(cp string) string {
	return cmp.Or(cp, "(no readable name)")
}

// anchor returns the id of a package's section. That is the name of the package if it
// is an ordinary one, so that people can write a link by hand.
func (b *pageBuilder) anchor(cp string) string {
	id := cp
	for _, c := range []byte(cp) {
		if c != '/' && c != '+' && c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			id = fmt.Sprintf("package/%d", len(b.anchors)+1)
			break
		}
	}
	if !strings.Contains(id, "/") || b.anchors[id] {
		// It could be the id of something else on the page.
		id = fmt.Sprintf("package/%d", len(b.anchors)+1)
	}
	b.anchors[id] = true
	return id
}

// sortedPackages are the sections of packages by name.
func (b *pageBuilder) sortedPackages() []*pagePackage {
	sorted := make([]*pagePackage, 0, len(b.packages))
	for _, p := range b.packages {
		if len(p.Facts) == 0 {
			p.Facts = []screen.Cell{screen.Dim.Text("Not installed.")}
		}
		p.Binpkgs, p.Merges = p.files.lines(), p.events.lines()
		sorted = append(sorted, p)
	}
	slices.SortFunc(sorted, func(x, y *pagePackage) int { return strings.Compare(x.CP, y.CP) })
	return sorted
}
