package report_test

import (
	"os"
	"time"

	"emaudit/audit"
	"emaudit/report"
	"emaudit/report/screen"
)

func Example() {
	term := screen.Terminal{Width: 80, RelativeDays: true, Now: time.Unix(1763935200, 0)}
	out := screen.NewScreen(os.Stdout, term)
	out.Line(screen.Plain.Text("Back to before #91 ("+term.Time(1763899440)+"): "), screen.Bad.Text("NOT READY"))
	out.Blank()
	table := out.Table(
		screen.Column{Title: "WHY"},
		screen.Column{Title: "FILES", Align: screen.Right},
		screen.Column{Title: "SIZE", Align: screen.Right},
		screen.Column{Title: "FOR EXAMPLE", Shrink: screen.CutMiddle},
	).Indent(2)
	table.Row(screen.Plain.Text("older than the last 3 states"), screen.Plain.Text("21"), screen.Plain.Text(screen.Size(301<<20)), screen.Plain.Text("sys-apps/bigthing-1.0-1"))
	table.Row(screen.Plain.Text("rebuilt since, same version"), screen.Plain.Text("9"), screen.Plain.Text(screen.Size(88<<20)), screen.Plain.Text("app-misc/hello-1.1-1 (build 2 is kept)"))
	table.End()
	out.Blank()
	out.Heading("To do now")
	out.Steps([]screen.Step{{Text: "libfoo-2.0.1 was never packaged", Command: `quickpkg "=sys-libs/libfoo-2.0.1"`}})
	out.Flush()
	// Output:
	// Back to before #91 (today 12:04): NOT READY
	//
	//   WHY                           FILES     SIZE  FOR EXAMPLE
	//   older than the last 3 states     21  301 MiB  sys-apps/bigthing-1.0-1
	//   rebuilt since, same version       9   88 MiB  app-misc/hello-…build 2 is kept)
	//
	// To do now
	//   1  libfoo-2.0.1 was never packaged   quickpkg "=sys-libs/libfoo-2.0.1"
}

func Example_findings() {
	out := screen.NewScreen(os.Stdout, screen.Terminal{Width: 80})
	out.Findings([]audit.Finding{{
		Code:     "binpkg-damaged",
		Severity: "error",
		Subject:  "app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar",
		Message:  "image.tar.zst: SHA512 differs from the Manifest",
		Remedy:   audit.Advise(`emerge -1 --usepkg=n --buildpkg "=app-misc/foo-tool-1.2.4"`),
	}}, screen.FindingOptions{})
	out.Flush()
	// Output:
	// error  binpkg-damaged  app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar
	//        image.tar.zst: SHA512 differs from the Manifest
	//        try:  emerge -1 --usepkg=n --buildpkg "=app-misc/foo-tool-1.2.4"
}

func ExampleNewJSON() {
	document := report.NewJSON(os.Stdout, report.Envelope{Command: "runs", Host: "alpha", Root: "/", GeneratedAt: 1767225600})
	type run struct {
		ID      int64    `json:"id"`
		EndedAt *int64   `json:"ended_at"`
		Merges  []string `json:"merges"`
	}
	document.Value("runs", []run{{ID: 1}})
	document.Close()
	// Output:
	// {"schema_version":1,
	// "command":"runs",
	// "host":"alpha",
	// "root":"/",
	// "generated_at":1767225600,
	// "findings":[],
	// "diagnostics":[],
	// "runs":[
	// {"id":1,"ended_at":null,"merges":[]}]}
}
