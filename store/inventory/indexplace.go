package inventory

import "slices"

// Portage writes the whole index for each new binary package, with its entries sorted by
// name. If the position of a row were the number of its entry, 20 new packages would
// change nearly all rows, here and in a fleet.

// knownEntry is a stored entry.
type knownEntry struct {
	id, position int64
	digest       [16]byte
}

const (
	// unchanged is the position of an entry whose row needs no change.
	unchanged = -1
	// positionGap is the distance between the positions of new neighbouring entries.
	positionGap = 1 << 20
)

// placeEntries returns the position of each entry to insert, or [unchanged], and the ids
// of the rows to delete. It keeps as many known rows as possible in the order of the
// entries.
func placeEntries(known []knownEntry, entries [][16]byte) (positions, gone []int64) {
	at := map[[16]byte][]int{} // the known rows
	for i, k := range known {
		at[k.digest] = append(at[k.digest], i)
	}
	same := make([]int, len(entries)) // the known row of each entry; -1 = none
	for i, d := range entries {
		same[i] = -1
		if of := at[d]; len(of) > 0 {
			same[i], at[d] = of[0], of[1:]
		}
	}
	keepIncreasing(same)
	positions = make([]int64, len(entries))
	kept := make([]bool, len(known))
	low := int64(0)
	for i := 0; i < len(entries); i++ {
		if k := same[i]; k >= 0 {
			positions[i], kept[k], low = unchanged, true, known[k].position
			continue
		}
		end := i
		for end < len(entries) && same[end] < 0 {
			end++
		}
		step := int64(positionGap)
		if end < len(entries) {
			step = (known[same[end]].position - low) / int64(end-i+1)
		}
		if step == 0 {
			// There is no room left here.
			positions, _ = placeEntries(nil, entries)
			kept = nil
			break
		}
		for ; i < end; i++ {
			low += step
			positions[i] = low
		}
		i--
	}
	for i, k := range known {
		if kept == nil || !kept[i] {
			gone = append(gone, k.id)
		}
	}
	return positions, gone
}

// keepIncreasing leaves one of the longest increasing sequences of the numbers that are
// not negative, and makes all others -1.
func keepIncreasing(numbers []int) {
	var ends []int // ends[n] is where the sequence of n+1 numbers with the least last number ends
	before := make([]int, len(numbers))
	for i, n := range numbers {
		if n < 0 {
			continue
		}
		length, _ := slices.BinarySearchFunc(ends, n, func(end, n int) int { return numbers[end] - n })
		before[i] = -1
		if length > 0 {
			before[i] = ends[length-1]
		}
		ends = append(ends[:length], append([]int{i}, ends[min(length+1, len(ends)):]...)...)
	}
	next := -1
	if len(ends) > 0 {
		next = ends[len(ends)-1]
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		if i == next {
			next = before[i]
		} else {
			numbers[i] = -1
		}
	}
}
