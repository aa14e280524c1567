package look

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"emaudit/audit/acceptance"
	"emaudit/hostfs"
)

// maxMask is the maximum size of a file of package.mask in bytes.
const maxMask = 4 << 20

// holds compares the files of package.mask that the plan edits with what it writes:
// its own lines are there, and only holds of earlier rollbacks are gone.
func (l *looker) holds() {
	files := map[string]bool{}
	for file := range l.Plan.Holds {
		files[file] = true
	}
	for file := range l.Plan.Lifts {
		files[file] = true
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		before, err := linesOf(l.Before, file)
		if err == nil {
			var after []string
			if after, err = linesOf(l.After, file); err == nil {
				l.compareHolds(file, before, after)
				continue
			}
		}
		l.unread(file, err)
	}
}

func (l *looker) compareHolds(file string, before, after []string) {
	want := map[string]int{}
	for _, line := range slices.Concat(before, l.Plan.Holds[file]) {
		want[line]++
	}
	for _, line := range after {
		want[line]--
	}
	own := map[string]bool{}
	for _, line := range l.Plan.Holds[file] {
		own[line] = true
	}
	for _, line := range slices.Sorted(maps.Keys(want)) {
		lifted := l.Plan.Lifts[file] && !own[line] && (strings.HasPrefix(line, ">") || strings.HasPrefix(line, acceptance.HoldMark))
		switch n := want[line]; {
		case n > 0 && own[line]:
			l.say(HoldDiffers, file, false, "the plan writes %q into it, and it is not there", line)
		case n > 0 && !lifted:
			l.say(HoldDiffers, file, false, "it had the line %q, and has it no more", line)
		case n < 0:
			l.say(HoldDiffers, file, false, "it has the line %q, which the plan does not write", line)
		}
	}
}

// linesOf reads the lines of a file that may be missing.
func linesOf(root *hostfs.Root, name string) ([]string, error) {
	b, err := root.ReadFile(name, maxMask)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), nil
}
