package screen

import "slices"

// omitted is the width of a column that is left out.
const omitted = -1

// fitColumns returns the widths of the columns on a page of the given width. natural
// are the widths that their cells would take. Columns shrink in the order of their
// Yield. When all have shrunk as far as they may, optional columns are omitted, from
// the right. Then columns that are cut at the end shrink below their Min if that is
// enough. If the rest does not fit, the lines are longer than the page. Width 0
// means no limit. A column whose natural width is omitted does not appear.
func fitColumns(columns []Column, natural []int, width int) []int {
	widths := slices.Clone(natural)
	if width == 0 {
		return widths
	}
	for {
		excess := lineWidth(widths) - width
		if excess <= 0 {
			return widths
		}
		if excess = shrinkColumns(columns, widths, excess, minWidth); excess <= 0 {
			return widths
		}
		last := lastOptional(columns, widths)
		if last < 0 {
			narrower := slices.Clone(widths)
			if shrinkColumns(columns, narrower, excess, leastWidth) <= 0 {
				return narrower
			}
			return widths
		}
		// One column less: the others may have their natural width again.
		widths[last] = omitted
		for i := range widths {
			if widths[i] != omitted {
				widths[i] = natural[i]
			}
		}
	}
}

// giveSpare widens the columns that shrink, those first that give way last, by up
// to a half each while the page has room: the rows to come may be wider than those
// on which the widths rest.
func giveSpare(columns []Column, widths []int, width int) {
	order := make([]int, 0, len(columns))
	for i, column := range columns {
		if column.Shrink != Keep && widths[i] != omitted {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return yieldOrder(columns[b]) - yieldOrder(columns[a])
	})
	for _, i := range order {
		widths[i] += min(max(width-lineWidth(widths), 0), widths[i]/2)
	}
}

// lineWidth returns the width of a line of such columns.
func lineWidth(widths []int) int {
	total := -Gutter
	for _, w := range widths {
		if w != omitted {
			total += w + Gutter
		}
	}
	return max(total, 0)
}

// lastOptional returns the rightmost optional column that is still shown, or -1.
func lastOptional(columns []Column, widths []int) int {
	for i := len(columns) - 1; i >= 0; i-- {
		if columns[i].Optional && widths[i] != omitted {
			return i
		}
	}
	return -1
}

// leastWidth returns the width that the column keeps when a page has room for no more.
// Names, which are cut in the middle, are not told apart by less than their Min.
func leastWidth(column Column) int {
	if column.Shrink == CutEnd {
		return 6
	}
	return minWidth(column)
}

// shrinkColumns takes excess columns of the page away from widths, none below its
// least width, and returns what is left of the excess.
func shrinkColumns(columns []Column, widths []int, excess int, least func(Column) int) int {
	for yield := 1; excess > 0; {
		next := 0
		for i, column := range columns {
			if order := yieldOrder(column); order > yield && widths[i] != omitted && (next == 0 || order < next) {
				next = order
			}
		}
		for excess > 0 {
			widest := -1
			for i, column := range columns {
				if yieldOrder(column) == yield && widths[i] > least(column) && (widest < 0 || widths[i] > widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
			excess--
		}
		if next == 0 {
			break
		}
		yield = next
	}
	return excess
}

// yieldOrder returns the place of the column in the order of giving way, from 1,
// or 0 for one that never does.
func yieldOrder(column Column) int {
	if column.Shrink == Keep {
		return 0
	}
	return max(column.Yield, 1)
}

// minWidth returns the width below which the column does not shrink.
func minWidth(column Column) int {
	if column.Min > 0 {
		return column.Min
	}
	return max(minColumn, DisplayWidth(Clean(column.Title)))
}
