package page

// columnChart shows amounts by intervals of time as columns in strips above each other,
// which share the axis of time.
type columnChart struct {
	chartHead
	Legend []legendItem
	Strips []columnStrip
	XTicks []chartTick
	Height int // pixels, without the labels of the axis of time
}

// Depth is the height of the chart in pixels.
func (c *columnChart) Depth() int { return c.Height + 28 }

// columnStrip is one strip. Its columns stand on its axis, and what went wrong hangs
// below it: so a single failure is seen among any number of successes.
type columnStrip struct {
	Title   string
	Columns []column
	Y, Axis int    // pixels: its top in the chart, and its axis below that
	Width   string // of a column, in percent
	// Marks label the largest values above and below the axis.
	Marks []stripMark

	room    int // pixels above the axis and below it, at most
	text    func(int64) string
	divided bool // a value has no unit that could be counted
}

// stripMark labels a height in a strip, in pixels from its top.
type stripMark struct {
	Y    int
	Text string
}

// column is what happened in one interval.
type column struct {
	X     string // percent
	Title string
	Parts []columnPart

	above, below []columnValue // from the axis on
}

// columnPart is a piece of a column, in pixels.
type columnPart struct{ Class, Y, Height string }

// columnValue is a value with its colour.
type columnValue struct {
	class string
	value int64
}

const (
	stripGap     = 36 // pixels above a strip, where its title stands
	largestUnit  = 12 // pixels for a value of 1
	smallestPart = 4  // pixels for the smallest value that is not 0
)

// newColumnChart lays out strips. It leaves room for at least the fewest columns, so
// that a new host does not have wide ones. It omits strips without events, and returns
// nil if none remains.
func newColumnChart(head chartHead, fewest int, legend []legendItem, strips []columnStrip, ticks []chartTick) *columnChart {
	c := &columnChart{chartHead: head, Legend: legend, XTicks: ticks}
	for _, s := range strips {
		below, some := s.place(fewest)
		if !some {
			continue
		}
		if s.Title != "" {
			c.Height += stripGap
		}
		s.Y = c.Height
		c.Height += s.Axis + below
		c.Strips = append(c.Strips, s)
	}
	if len(c.Strips) == 0 {
		return nil
	}
	return c
}

// place computes the geometry of a strip. It returns how far the strip reaches below
// its axis, in pixels, and whether anything happened.
func (s *columnStrip) place(fewest int) (depth int, some bool) {
	var most, worst int64
	for i := range s.Columns {
		c := &s.Columns[i]
		most, worst = max(most, sumOf(c.above)), max(worst, sumOf(c.below))
	}
	if most+worst == 0 {
		return 0, false
	}
	unit := float64(s.room) / float64(max(most, worst))
	if !s.divided {
		unit = min(unit, largestUnit)
	}
	s.Axis = int(float64(most) * unit)
	if worst > 0 {
		depth = max(int(float64(worst)*unit), smallestPart)
	}
	distance := 100 / float64(max(len(s.Columns), fewest))
	s.Width = coordinate(distance * .8)
	for i := range s.Columns {
		c := &s.Columns[i]
		c.X = coordinate(distance * float64(i))
		y := float64(s.Axis)
		for _, v := range c.above {
			if v.value > 0 {
				height := max(float64(v.value)*unit, smallestPart)
				y -= height
				c.Parts = append(c.Parts, columnPart{v.class, coordinate(y), coordinate(height)})
			}
		}
		y = float64(s.Axis)
		for _, v := range c.below {
			if v.value > 0 {
				height := max(float64(v.value)*unit, smallestPart)
				c.Parts = append(c.Parts, columnPart{v.class, coordinate(y), coordinate(height)})
				y += height
			}
		}
	}
	if most > 0 {
		s.Marks = append(s.Marks, stripMark{0, s.text(most)})
	}
	if worst > 0 {
		s.Marks = append(s.Marks, stripMark{s.Axis + depth, s.text(worst)})
	}
	return depth, true
}

func sumOf(values []columnValue) (sum int64) {
	for _, v := range values {
		sum += v.value
	}
	return sum
}
