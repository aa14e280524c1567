package report

import (
	"fmt"
	"io"

	"emaudit/audit"
	"emaudit/audit/rollback"
)

// Stage is a state that was staged.
type Stage struct {
	*rollback.Staging
	Dir    string // "" if nothing was staged
	Linked int    // how many files are hard links
	Size   int64  // of all files, in bytes
}

// Answer is the answer to: what was staged, and what is missing?
func (a *Stage) Answer(o Output) Answer {
	return Answer{
		Findings: a.Findings,
		Keys: func(j *JSON) {
			j.Value("dir", a.Dir)
			j.Value("target", a.Target)
			j.Value("files", a.Files)
			j.Value("gaps", a.Gaps)
			j.Value("unverified", a.Unverified)
			j.Value("linked", a.Linked)
			j.Value("size", a.Size)
		},
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "cpv", "match", "path", "build_id", "build_time", "size")
			for _, f := range a.Files {
				c.Row(f.CPV, string(f.Match), f.Path, f.BuildID, f.BuildTime, f.Size)
			}
			return c.Close()
		},
		Text: func(s *Screen) { a.text(s, o) },
	}
}

func (a *Stage) text(s *Screen, o Output) {
	all := len(a.Files) + len(a.Gaps)
	if a.Dir == "" {
		s.Line(Bad.Text(fmt.Sprintf("Nothing was staged of %s", targetText(a.Target, o))))
	} else {
		s.Line(Bold.Text(fmt.Sprintf("%d of %s of %s staged", len(a.Files), audit.Counted(all, "package", "packages"), targetText(a.Target, o))),
			Plain.Text(", "+Size(a.Size)+" in "), Code.Text(a.Dir))
		if a.Linked > 0 {
			s.Line(Plain.Text(fmt.Sprintf("%s are hard links: whoever changes one changes the file in PKGDIR", audit.Counted(a.Linked, "file", "files"))))
		}
		if a.Unverified > 0 {
			s.Line(Unknown.Text(fmt.Sprintf("%s never read in full", audit.Counted(a.Unverified, "file was", "files were"))), Plain.Text("   "), Code.Text("emaudit verify"))
		}
		s.Line(Dim.Text("To use it: "), Code.Text(audit.Run("emerge", "--pretend", "--usepkgonly").With("PKGDIR="+a.Dir).String()+" ..."))
	}
	s.Findings(a.Findings, FindingOptions{})
}
