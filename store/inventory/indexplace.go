package inventory

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"slices"
)

// An index is written anew with every binary package, and its entries are in the order
// of their names. Were a row numbered by its place, 20 packages more would change nearly
// all rows, here and in a fleet.

// knownEntry is a stored entry.
type knownEntry struct {
	id, position int64
	digest       [16]byte
}

func entryDigest(row []driver.Value) [16]byte {
	var b []byte
	for _, value := range row {
		switch v := value.(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = binary.AppendVarint(append(b, 'i'), v)
		case string:
			b = append(binary.AppendUvarint(append(b, 't'), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, 't'), uint64(len(v))), v...)
		}
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

const (
	// stays is the position of an entry whose row stays.
	stays = -1
	// positionGap is the distance of the positions of entries that were stored at once.
	positionGap = 1 << 20
)

// placeEntries returns the position of each entry that is to be inserted, or [stays],
// and the ids of the rows that are to be deleted. The rows that stay are the largest
// number of known ones that are in the order of the entries.
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
			positions[i], kept[k], low = stays, true, known[k].position
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
