package binaries

import (
	"fmt"

	"emaudit/audit/binpkgs"
	"emaudit/report"
	"emaudit/report/screen"
)

// Verified is the result of a verification.
type Verified struct {
	Read    int   `json:"read"`    // files that were read from the first byte to the last
	Bytes   int64 `json:"bytes"`   // of those
	Skipped int   `json:"skipped"` // files that were read before and have not changed since
	Changed int   `json:"changed"` // files that became others meanwhile
	Seconds int64 `json:"seconds"`
	// Keyring is the origin of the keys for signatures, or "".
	Keyring string `json:"keyring"`
}

// Verify answers whether every byte is as it was packed.
func Verify(v Verified, i *binpkgs.Integrity, o report.Output) report.Answer {
	return report.Answer{
		Findings: i.Findings,
		Keys: func(j *report.JSON) {
			report.WriteArray(j, "instances", i.Rows)
			j.Value("verified", v)
		},
		Rows: integrityColumns.CSV(i.Rows),
		Text: func(s *screen.Screen) {
			s.Sentence(verifyHeadline(i)...)
			s.Line(screen.Dim.Text(verifyWork(v)))
			s.Blank()
			integrityTable(s, i, o.Verbose)
			s.Findings(i.Findings, o.FindingOptions())
		},
	}
}

func verifyHeadline(i *binpkgs.Integrity) []screen.Cell {
	total := i.All
	whole, damaged, empty, unchecked, unread, unknown := i.Count(binpkgs.Whole), i.Count(binpkgs.Damaged), i.Count(binpkgs.Empty), i.Count(binpkgs.Unchecked), i.Count(binpkgs.Unread), i.Count(binpkgs.Unknown)
	role := screen.Good
	switch {
	case total == 0:
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": " + i.Unknown())}
	case damaged > 0:
		role = screen.Bad
	case whole < total:
		role = screen.Unknown
	}
	rest := fmt.Sprintf(" whole, %d damaged", damaged)
	if others := screen.Tally(screen.Many(empty, "empty"), screen.Many(unchecked, "without anything to check them against"), screen.Many(unread, "not read"), screen.Many(unknown, "unknown")); others != "" {
		rest += ", " + others
	}
	signatures := i.Signatures
	if signatures[binpkgs.SignatureNone] < total {
		rest += "; signatures: " + screen.Tally(screen.Many(signatures[binpkgs.SignatureValid], "valid"), screen.Many(signatures[binpkgs.SignatureInvalid], "invalid"),
			screen.Many(signatures[binpkgs.SignatureUnknownKey], "by unknown keys"), screen.Many(signatures[binpkgs.SignatureUnchecked], "unchecked"))
	}
	return []screen.Cell{role.Text(fmt.Sprintf("%d of %d", whole, total)), screen.Plain.Text(rest)}
}

func verifyWork(v Verified) string {
	text := fmt.Sprintf("read %s, %s, in %s", screen.Count(int64(v.Read), "file", "files"), screen.Size(v.Bytes), screen.Seconds(v.Seconds))
	if v.Skipped > 0 {
		text += fmt.Sprintf("; %d read before and unchanged since", v.Skipped)
	}
	if v.Changed > 0 {
		text += fmt.Sprintf("; %d changed while they were read: verify again", v.Changed)
	}
	return text
}
