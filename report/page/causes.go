package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit/aftermath"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// fewestCauses is the number of failures from which their causes are compared.
const fewestCauses = 3

// causes compares why merges failed.
func (b *pageBuilder) causes(f *aftermath.Failures) pageBlock {
	if len(f.Rows) < fewestCauses {
		return pageBlock{}
	}
	at := map[string]int{}
	var rows []barRow
	for i := range f.Rows {
		failure := &f.Rows[i]
		n, known := at[failure.Cause]
		if !known {
			n = len(rows)
			at[failure.Cause] = n
			rows = append(rows, barRow{Label: failure.Cause, Parts: []barPart{{Class: "bad"}, {Class: "accent-2"}}})
		}
		part := &rows[n].Parts[1]
		if failure.IsOpen() {
			part = &rows[n].Parts[0]
		}
		part.value++
	}
	slices.SortFunc(rows, func(x, y barRow) int {
		return cmp.Or(cmp.Compare(y.Parts[0].value+y.Parts[1].value, x.Parts[0].value+x.Parts[1].value), strings.Compare(x.Label, y.Label))
	})
	var said []string
	for i := range rows {
		r := &rows[i]
		switch open, all := r.Parts[0].value, r.Parts[0].value+r.Parts[1].value; open {
		case 0:
			r.Text = screen.Number(all)
		case all:
			r.Text = screen.Number(open) + " open"
		default:
			r.Text = fmt.Sprintf("%s, %s open", screen.Number(all), screen.Number(open))
		}
		r.Label = strings.ReplaceAll(r.Label, "-", " ")
		said = append(said, r.Label+" "+r.Text)
	}
	head := chartHead{ID: "failures-causes", Title: "Why merges failed", Desc: strings.Join(said, "; ")}
	return pageBlock{Bars: b.newBarChart(head, []legendItem{{"open", "bad"}, {"merged or removed since", "accent-2"}}, "Cause", table.Number, rows)}
}
