package page

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"emaudit/report/screen"
	"emaudit/report/table"
)

// Charts are drawn by templates; here is only their geometry. All of it is in
// percent of the width, so that a chart fits any page while its text keeps the
// size of the text around it.

// chartHead is what every chart has for those who cannot see it, and the
// numbers that it was drawn from.
type chartHead struct {
	ID, Title, Desc string
	Table           *pageTable
}

// shareChart shows the parts of one whole as one bar.
type shareChart struct {
	chartHead
	Parts []sharePart
}

// sharePart is one part. Class is its colour.
type sharePart struct {
	Label, Text, Percent, Class string
	X, Width                    string
	value                       int64
}

// newShareChart lays parts side by side; parts of 0 stand only in its table.
func (b *pageBuilder) newShareChart(head chartHead, parts ...sharePart) *shareChart {
	var whole int64
	for _, p := range parts {
		whole += p.value
	}
	if whole <= 0 {
		return nil
	}
	var before int64
	for i := range parts {
		p := &parts[i]
		p.X, p.Width = percentOf(before, whole), percentOf(p.value, whole)
		p.Percent = screen.Percent(p.value, whole)
		before += p.value
	}
	if head.Table == nil {
		head.Table = fill(b, &pageTable{ID: head.ID + "-numbers"}, shareColumns, table.All(parts))
	}
	return &shareChart{chartHead: head, Parts: parts}
}

var shareColumns = table.Table[sharePart]{
	{Title: "Part", Value: func(p *sharePart) any { return p.Label }},
	{Title: "Amount", Type: table.Number, Value: func(p *sharePart) any { return p.value }, Show: func(p *sharePart) screen.Cell { return screen.Plain.Text(p.Text) }},
	{Title: "Share", Type: table.Number, Value: func(p *sharePart) any { return p.value }, Show: func(p *sharePart) screen.Cell { return screen.Plain.Text(p.Percent) }},
}

// barChart compares the sizes of things, each with its name above its bar.
type barChart struct {
	chartHead
	Legend []legendItem
	Rows   []barRow
	Height int
}

// legendItem explains one colour.
type legendItem struct{ Label, Class string }

// barRow is one bar made of parts.
type barRow struct {
	Label, Link, Text string // Link is an address, or ""
	TextY, BarY       int
	Parts             []barPart
	total             int64
}

// barPart is one piece of a bar.
type barPart struct {
	Class, X, Width string
	value           int64
}

const (
	barPitch  = 36 // pixels from one bar to the next
	barTextY  = 14 // of the base line of the name, below the top of its row
	barOffset = 20
)

// newBarChart lays out the bars; the longest fills the width. Its numbers are of type
// kind, in a column for each item of the legend. An item that no bar has is only there.
func (b *pageBuilder) newBarChart(head chartHead, legend []legendItem, things string, kind table.Type, rows []barRow) *barChart {
	var longest int64
	for i := range rows {
		rows[i].total = 0
		for _, p := range rows[i].Parts {
			rows[i].total += p.value
		}
		longest = max(longest, rows[i].total)
	}
	if longest <= 0 {
		return nil
	}
	for i := range rows {
		r := &rows[i]
		r.TextY, r.BarY = i*barPitch+barTextY, i*barPitch+barOffset
		var before int64
		for j := range r.Parts {
			p := &r.Parts[j]
			p.X, p.Width = percentOf(before, longest), percentOf(p.value, longest)
			before += p.value
		}
	}
	columns := table.Table[barRow]{{Title: things, Type: table.Package, Value: func(r *barRow) any { return r.Label }}}
	for i, item := range legend {
		columns = append(columns, table.Column[barRow]{Title: item.Label, Type: kind, Value: func(r *barRow) any { return r.Parts[i].value }})
	}
	head.Table = fill(b, &pageTable{ID: head.ID + "-numbers"}, columns, table.All(rows))
	if len(legend) < 2 {
		legend = nil
	}
	var shown []legendItem
	for i, item := range legend {
		if slices.ContainsFunc(rows, func(r barRow) bool { return r.Parts[i].value > 0 }) {
			shown = append(shown, item)
		}
	}
	return &barChart{chartHead: head, Legend: shown, Rows: rows, Height: len(rows) * barPitch}
}

// lineChart shows one amount through time.
type lineChart struct {
	chartHead
	Area, Stroke string // paths in a box of plotWidth by plotHeight
	YTicks       []chartTick
	XTicks       []chartTick
}

// chartTick is a mark on an axis.
type chartTick struct {
	At    string // percent
	Text  string
	Edge  string // "start" or "end" of its text is at the mark
	Minor bool   // left out on a narrow screen
}

const (
	plotWidth  = 1000
	plotHeight = 400
)

// linePoint is an amount from a moment on.
type linePoint struct {
	at    int64
	value float64
}

// newLineChart draws points as steps: an amount holds until the next point.
func newLineChart(head chartHead, points []linePoint, until int64, yText func(float64) string, location *time.Location) *lineChart {
	if len(points) < 2 {
		return nil
	}
	from := points[0].at
	until = max(until, points[len(points)-1].at)
	if until <= from {
		return nil
	}
	top := 0.0
	for _, p := range points {
		top = max(top, p.value)
	}
	step := niceStep(top)
	top = math.Ceil(top/step) * step
	x := func(at int64) string { return coordinate(float64(at-from) / float64(until-from) * plotWidth) }
	y := func(v float64) string { return coordinate(plotHeight - v/top*plotHeight) }
	var stroke strings.Builder
	fmt.Fprintf(&stroke, "M%s %s", x(points[0].at), y(points[0].value))
	for _, p := range thinned(points) {
		fmt.Fprintf(&stroke, "H%sV%s", x(p.at), y(p.value))
	}
	fmt.Fprintf(&stroke, "H%d", plotWidth)
	c := &lineChart{chartHead: head, Stroke: stroke.String(), Area: stroke.String() + fmt.Sprintf("V%dH0Z", plotHeight), XTicks: timeTicks(from, until, until, location)}
	for v := 0.0; v <= top+step/2; v += step {
		c.YTicks = append(c.YTicks, chartTick{At: coordinate(100 - v/top*100), Text: yText(v)})
	}
	return c
}

// thinned leaves out points that a screen cannot show.
func thinned(points []linePoint) []linePoint {
	const most = 2000
	if len(points) <= most {
		return points
	}
	out := make([]linePoint, 0, most+1)
	for i := 0; i < len(points); i += len(points)/most + 1 {
		out = append(out, points[i])
	}
	return append(out, points[len(points)-1])
}

// niceStep is a step of 1, 2 or 5 times a power of two kibibytes that divides
// top into two to five parts.
func niceStep(top float64) float64 {
	if top <= 0 {
		return 1
	}
	for unit := 1.0; ; unit *= 1024 {
		for _, step := range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500} {
			if top <= step*unit*4 {
				return step * unit
			}
		}
	}
}

// sparkline is a tiny line of the last values.
type sparkline struct {
	Title  string
	Points string // of a polyline in a box of sparkWidth by sparkHeight
	LastX  string
	LastY  string
}

const (
	sparkWidth  = 80
	sparkHeight = 20
)

// newSparkline draws durations in seconds, oldest first.
func newSparkline(values []int64) *sparkline {
	if len(values) < fewestToDraw {
		return nil
	}
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	s := &sparkline{}
	var points strings.Builder
	for i, v := range values {
		x := 2 + float64(i)/float64(len(values)-1)*(sparkWidth-6)
		y := sparkHeight / 2.0
		if high > low {
			y = sparkHeight - 3 - float64(v-low)/float64(high-low)*(sparkHeight-6)
		}
		s.LastX, s.LastY = coordinate(x), coordinate(y)
		if i > 0 {
			points.WriteByte(' ')
			s.Title += ", "
		}
		s.Title += screen.Seconds(v)
		points.WriteString(s.LastX + "," + s.LastY)
	}
	s.Points = points.String()
	return s
}

// timeTicks marks up to twelve round moments between from and last, by years, months
// or days, on an axis that ends at until.
func timeTicks(from, last, until int64, location *time.Location) []chartTick {
	const most = 12
	first, end := time.Unix(from, 0).In(location), time.Unix(last, 0).In(location)
	var ticks []chartTick
	for _, unit := range []struct {
		years, months, days int
		layout              string
	}{{0, 0, 1, "2 Jan"}, {0, 0, 7, "2 Jan"}, {0, 1, 0, "Jan"}, {0, 3, 0, "Jan"}, {1, 0, 0, "2006"}, {2, 0, 0, "2006"}, {5, 0, 0, "2006"}} {
		at := time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, location)
		if unit.days == 0 {
			at = time.Date(first.Year(), first.Month(), 1, 0, 0, 0, 0, location)
		}
		if unit.years > 0 {
			at = time.Date(first.Year(), 1, 1, 0, 0, 0, 0, location)
		}
		ticks = ticks[:0]
		for ; !at.After(end) && len(ticks) <= most; at = at.AddDate(unit.years, unit.months, unit.days) {
			if at.Before(first) {
				continue
			}
			share := float64(at.Unix()-from) / float64(until-from) * 100
			edge := "start"
			if share > 95 {
				edge = "end"
			}
			layout := unit.layout
			if layout == "Jan" && (len(ticks) == 0 || at.Month() == time.January) {
				layout = "Jan 2006"
			}
			ticks = append(ticks, chartTick{At: coordinate(share), Text: at.Format(layout), Edge: edge})
		}
		if len(ticks) <= most {
			break
		}
	}
	for i := range ticks { // about four are left
		ticks[i].Minor = i%((len(ticks)+3)/4) != 0
	}
	return ticks
}

func percentOf(part, whole int64) string {
	return coordinate(float64(part) / float64(whole) * 100)
}

// coordinate writes a number with as many digits as a screen can show.
func coordinate(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// sortKey is what a column of numbers is sorted by.
func sortKey(n int64) string { return strconv.FormatInt(n, 10) }
