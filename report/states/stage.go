package states

import (
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Stage is a state that was staged.
type Stage struct {
	*rollback.Staging
	Dir    string // "" if nothing was staged
	Linked int    // how many files are hard links
	Size   int64  // of all files, in bytes
}

// Answer answers what was staged and what is missing.
func (a *Stage) Answer(o report.Output) report.Answer {
	return report.Answer{
		Findings: a.Findings,
		Keys: func(j *report.JSON) {
			j.Value("dir", a.Dir)
			j.Value("target", a.Target)
			j.Value("files", a.Files)
			j.Value("gaps", a.Gaps)
			j.Value("unverified", a.Unverified)
			j.Value("linked", a.Linked)
			j.Value("size", a.Size)
		},
		Rows: table.Data[rollback.StagedFile]("cpv", "match", "path", "build_id", "build_time", "size").CSV(table.All(a.Files)),
		Text: func(s *screen.Screen) { a.text(s, o) },
	}
}

func (a *Stage) text(s *screen.Screen, o report.Output) {
	all := len(a.Files) + len(a.Gaps)
	if a.Dir == "" {
		s.Line(screen.Bad.Text(fmt.Sprintf("Nothing was staged of %s", targetText(a.Target, o))))
	} else {
		s.Line(screen.Bold.Text(fmt.Sprintf("%d of %s of %s staged", len(a.Files), audit.Counted(all, "package", "packages"), targetText(a.Target, o))),
			screen.Plain.Text(", "+screen.Size(a.Size)+" in "), screen.Code.Text(a.Dir))
		if a.Linked > 0 {
			s.Line(screen.Plain.Text(fmt.Sprintf("%s are hard links: whoever changes one changes the file in PKGDIR", audit.Counted(a.Linked, "file", "files"))))
		}
		if a.Unverified > 0 {
			s.Line(screen.Unknown.Text(fmt.Sprintf("%s never read in full", audit.Counted(a.Unverified, "file was", "files were"))), screen.Plain.Text("   "), screen.Code.Text(audit.Emaudit("verify").At(o.Place).String()))
		}
		s.Command(0, screen.Dim.Text("To use it: "), a.use(o.Place)+" ...")
	}
	s.Findings(a.Findings, screen.FindingOptions{})
}

// use returns the command that looks at the packages that were staged. emerge sees only
// what is inside the root: a folder outside is shown to it there.
func (a *Stage) use(p audit.Place) string {
	emerge := audit.Run("emerge", "--pretend", "--usepkgonly")
	root := strings.TrimRight(p.Root, "/")
	if inside, ok := strings.CutPrefix(a.Dir, root+"/"); ok {
		return emerge.With("PKGDIR=/" + inside).At(p).String()
	}
	shown := audit.Files("mkdir", "-p", a.Dir).At(p).String() + " && " + audit.Here("mount", "--bind", a.Dir, root+a.Dir).String()
	return shown + " && " + emerge.With("PKGDIR="+a.Dir).At(p).String()
}
