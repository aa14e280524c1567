package report

import (
	"fmt"
	"io"

	"emaudit/audit/binpkgs"
	"emaudit/parse/binpkg"
)

// Verified is what a verification did.
type Verified struct {
	Read    int   `json:"read"`    // files that were read from the first byte to the last
	Bytes   int64 `json:"bytes"`   // of those
	Skipped int   `json:"skipped"` // files that were read before and have not changed since
	Changed int   `json:"changed"` // files that became others meanwhile
	Seconds int64 `json:"seconds"`
	// Keyring is where the keys of signatures came from; "" where there was
	// none.
	Keyring string `json:"keyring"`
}

// Verify is the answer to: is every byte what it was when it was packed?
func Verify(v Verified, i *binpkgs.Integrity, o Output) Answer {
	return Answer{
		Findings: i.Findings,
		Keys: func(j *JSON) {
			j.Value("instances", i.Rows)
			j.Value("verified", v)
		},
		Rows: func(w io.Writer) error { return integrityRows(w, i) },
		Text: func(s *Screen) {
			s.Line(verifyHeadline(i)...)
			s.Line(Dim.Text(verifyWork(v)))
			s.Blank()
			integrityTable(s, i, o.Verbose)
			s.Findings(i.Findings, o.findingOptions())
		},
	}
}

func verifyHeadline(i *binpkgs.Integrity) []Cell {
	total := len(i.Rows)
	empty := i.Empty()
	whole, damaged, unchecked, unknown := i.Count(binpkg.Whole), i.Count(binpkg.Damaged)-empty, i.Count(binpkg.Unchecked), i.Count(binpkg.Unknown)
	role := Good
	switch {
	case total == 0:
		return []Cell{Unknown.Text("unknown"), Plain.Text(": " + i.Unknown())}
	case damaged > 0:
		role = Bad
	case whole < total:
		role = Unknown
	}
	rest := fmt.Sprintf(" whole, %d damaged", damaged)
	if others := tally(tallied{empty, "empty"}, tallied{unchecked, "without anything to check them against"}, tallied{unknown, "unknown"}); others != "" {
		rest += ", " + others
	}
	signatures := map[binpkg.SignatureState]int{}
	for _, r := range i.Rows {
		signatures[r.Signature]++
	}
	if signatures[binpkg.SignatureNone] < total {
		rest += "; signatures: " + tally(tallied{signatures[binpkg.SignatureValid], "valid"}, tallied{signatures[binpkg.SignatureInvalid], "invalid"},
			tallied{signatures[binpkg.SignatureUnknownKey], "by unknown keys"}, tallied{signatures[binpkg.SignatureUnchecked], "unchecked"})
	}
	return []Cell{role.Text(fmt.Sprintf("%d of %d", whole, total)), Plain.Text(rest)}
}

func verifyWork(v Verified) string {
	text := fmt.Sprintf("read %s, %s, in %s", Count(int64(v.Read), "file", "files"), Size(v.Bytes), Seconds(v.Seconds))
	if v.Skipped > 0 {
		text += fmt.Sprintf("; %d read before and unchanged since", v.Skipped)
	}
	if v.Changed > 0 {
		text += fmt.Sprintf("; %d changed while they were read: verify again", v.Changed)
	}
	return text
}
