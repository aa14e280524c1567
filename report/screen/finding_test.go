package screen

import (
	"strings"
	"testing"

	"emaudit/audit"

	"github.com/google/go-cmp/cmp"
)

var someFindings = []audit.Finding{
	{
		Code: "no-binpkg", Severity: "warning", Subject: "sys-libs/libfoo-2.0.1",
		Message: "is installed, and no binary package of it is in PKGDIR",
		Remedy:  audit.Advise("quickpkg \"=sys-libs/libfoo-2.0.1\""),
	},
	{
		Code: "clock-back", Severity: "info", Subject: "/var/log/emerge.log",
		Message:  "the clock went back by 3,600 s",
		Evidence: []audit.Evidence{{Source: "/var/log/emerge.log", Offset: 123456}},
	},
	{
		Code: "binpkg-damaged", Severity: "error", Subject: "app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar",
		Message:  "image.tar.zst: SHA512 differs from the Manifest (read 2026-11-23 12:20)",
		Evidence: []audit.Evidence{{Source: "app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar", Offset: 1536}},
		Remedy:   audit.Do(audit.Script("emerge -1 --usepkg=n --buildpkg \"=app-misc/foo-tool-1.2.4\"\nemaudit verify")),
	},
	{
		Code: "no-binpkg", Severity: "warning", Subject: "app-misc/hello-1.1",
		Message: "is installed, and no binary package of it is in PKGDIR",
		Remedy:  audit.Advise("quickpkg \"=app-misc/hello-1.1\""),
	},
	{Code: "no-binpkg", Severity: "warning", Subject: "dev-libs/libbar-1.0_p2-r1", Message: "same"},
}

func TestFindingsGravestFirst(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{Width: 80}, func(s *Screen) {
		s.Findings(someFindings, FindingOptions{Evidence: true})
	})
	want := block(`
		error    binpkg-damaged  app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar
		         image.tar.zst: SHA512 differs from the Manifest (read 2026-11-23 12:20)
		         seen: app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar at byte 1536
		         try:  emerge -1 --usepkg=n --buildpkg "=app-misc/foo-tool-1.2.4"
		               emaudit verify
		warning  no-binpkg       app-misc/hello-1.1
		         is installed, and no binary package of it is in PKGDIR
		         try:  quickpkg "=app-misc/hello-1.1"
		warning  no-binpkg       dev-libs/libbar-1.0_p2-r1
		         same
		warning  no-binpkg       sys-libs/libfoo-2.0.1
		         is installed, and no binary package of it is in PKGDIR
		         try:  quickpkg "=sys-libs/libfoo-2.0.1"
		info     clock-back      /var/log/emerge.log
		         the clock went back by 3,600 s
		         seen: /var/log/emerge.log at byte 123456
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if someFindings[0].Code != "no-binpkg" {
		t.Error("the findings of the caller were sorted")
	}
}

func TestFindingsOfOneCodeCanBeLimited(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{}, func(s *Screen) {
		s.Findings(someFindings[3:], FindingOptions{PerCode: 1, More: "--verbose"})
		s.Blank()
		s.Findings(someFindings[3:], FindingOptions{PerCode: 2, More: "--verbose"})
	})
	want := block(`
		warning  no-binpkg  app-misc/hello-1.1
		         is installed, and no binary package of it is in PKGDIR
		         try:  quickpkg "=app-misc/hello-1.1"
		         1 more of no-binpkg   --verbose

		warning  no-binpkg  app-misc/hello-1.1
		         is installed, and no binary package of it is in PKGDIR
		         try:  quickpkg "=app-misc/hello-1.1"
		warning  no-binpkg  dev-libs/libbar-1.0_p2-r1
		         same
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestARemedyThatFindingsShareComesOnce(t *testing.T) {
	t.Parallel()
	repair := audit.Do(audit.Command{}.Plus("emaint", "--fix", "binhost"))
	var findings []audit.Finding
	for _, subject := range []string{"a/a-1", "a/b-1", "a/c-1", "a/d-1"} {
		findings = append(findings, audit.Finding{Code: "index-lists-missing", Severity: audit.SeverityError, Subject: subject, Message: "the file is gone", Remedy: repair})
	}
	got := screenOf(t, Terminal{}, func(s *Screen) {
		s.Findings(findings, FindingOptions{PerCode: 3, More: "--verbose"})
		s.Blank()
		s.Findings(findings[2:], FindingOptions{})
	})
	want := block(`
		error  index-lists-missing  a/a-1
		error  index-lists-missing  a/b-1
		error  index-lists-missing  a/c-1
		       the file is gone
		       and 1 more   --verbose
		       try:  emaint --fix binhost

		error  index-lists-missing  a/c-1
		error  index-lists-missing  a/d-1
		       the file is gone
		       try:  emaint --fix binhost
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestFindingOnANarrowPageKeepsSubjectAndRemedyWhole(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{Width: 60}, func(s *Screen) {
		s.Findings(someFindings[2:3], FindingOptions{})
	})
	want := block(`
		error  binpkg-damaged
		       app-misc/foo-tool/foo-tool-1.2.4-2.gpkg.tar
		       image.tar.zst: SHA512 differs from the Manifest (read
		       2026-11-23 12:20)
		       try:  emerge -1 --usepkg=n --buildpkg "=app-misc/foo-tool-1.2.4"
		             emaudit verify
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("finding (-want +got):\n%s", diff)
	}
}

func TestFindingShowsHostileTextAsText(t *testing.T) {
	t.Parallel()
	const esc = "\x1b]0;x\x07"
	got := screenOf(t, Terminal{Width: 80}, func(s *Screen) {
		s.Findings([]audit.Finding{{
			Code: esc, Severity: esc, Subject: "a\n" + esc, Message: esc, Remedy: audit.Advise(esc),
			Evidence: []audit.Evidence{{Source: esc}},
		}}, FindingOptions{Evidence: true})
	})
	if strings.ContainsAny(got, "\x1b\x07") {
		t.Errorf("ESC or BEL in %q", got)
	}
}

func TestFindingCounts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		findings []audit.Finding
		want     string
	}{
		{nil, "no findings"},
		{someFindings, "1 error, 3 warnings, 1 info"},
		{[]audit.Finding{{Severity: "fatal"}, {Severity: "error"}, {Severity: "error"}}, "2 errors, 1 other"},
	} {
		if got := FindingCounts(test.findings); got != test.want {
			t.Errorf("FindingCounts = %q, want %q", got, test.want)
		}
	}
}
