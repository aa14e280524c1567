// Package suggest finds what a mistyped word may have meant.
package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// most is the largest number of suggestions. More are a list to search, not a hint.
const most = 5

// maxWord is the length, in bytes, beyond which a word gets no suggestions: the
// comparison takes time with the product of both lengths.
const maxWord = 100

// For returns up to five of the known words that resemble word, the most similar
// first. Words that contain it count as similar, and so do those that a few slips
// of the keys turn into it. A word without a category is compared with the names
// behind the category of packages.
func For(word string, known []string) []string {
	word = strings.ToLower(word)
	if word == "" || len(word) > maxWord {
		return nil
	}
	type candidate struct {
		word  string
		slips int
	}
	var found []candidate
	for _, k := range known {
		name := strings.ToLower(k)
		alone := behindCategory(name)
		if !strings.Contains(word, "/") {
			name = alone
		}
		if strings.Contains(name, word) && len(word) >= 3 || alone == behindCategory(word) {
			found = append(found, candidate{k, 1})
			continue
		}
		allowed := max(1, len(behindCategory(word))/3)
		if abs(len(name)-len(word)) > allowed {
			continue
		}
		if n := slips(word, name); n <= allowed {
			found = append(found, candidate{k, n})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.slips, b.slips) })
	words := make([]string, 0, most)
	for _, c := range found[:min(len(found), most)] {
		words = append(words, c.word)
	}
	return words
}

// Question returns "; did you mean A, B or C?" for suggestions, and "" for none.
func Question(suggestions []string) string {
	switch n := len(suggestions); n {
	case 0:
		return ""
	case 1:
		return "; did you mean " + suggestions[0] + "?"
	default:
		return fmt.Sprintf("; did you mean %s or %s?", strings.Join(suggestions[:n-1], ", "), suggestions[n-1])
	}
}

// behindCategory is the name of a package without its category.
func behindCategory(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func abs(n int) int { return max(n, -n) }

// slips counts the insertions, deletions, replacements and swaps of neighbours that
// turn a into b (optimal string alignment).
func slips(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
