package mergelist

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"emaudit/parse/atom"
)

// Removal is the content of the output of "emerge --pretend --depclean".
type Removal struct {
	CPVs []string
	// Complete reports that emerge finished its calculation, so that CPVs is the
	// answer. It does not finish, for instance, if a dependency is not installed.
	Complete bool
	// NotUnderstood counts words in the list that name no version.
	NotUnderstood int
}

// selectedMark begins the line that lists all packages to be removed
// (lib/_emerge/unmerge.py:554). It is printed with --quiet, too.
const selectedMark = "All selected packages: "

// nothingMark is the message for an empty list (actions.py:862 and 1343,
// unmerge.py:324 and 454).
const nothingMark = ">>> No packages selected for removal by "

// ReadRemoval reads the output of "emerge --pretend --depclean". The error is an
// error of r. A line of more than 1 MiB ends the list with an error.
func ReadRemoval(r io.Reader) (Removal, error) {
	var list Removal
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := string(bytes.TrimSpace(withoutColour(lines.Bytes())))
		if strings.HasPrefix(line, nothingMark) {
			list.Complete = true
		}
		names, ok := strings.CutPrefix(line, selectedMark)
		if !ok {
			continue
		}
		list.Complete = true
		for word := range strings.FieldsSeq(names) {
			cpv := strings.TrimPrefix(word, "=")
			if _, err := atom.ParseCPV(cpv); err != nil {
				list.NotUnderstood++
				continue
			}
			list.CPVs = append(list.CPVs, cpv)
		}
	}
	if err := lines.Err(); err != nil {
		return list, fmt.Errorf("removal list: %w", err)
	}
	return list, nil
}
