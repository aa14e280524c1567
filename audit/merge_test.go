package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
)

func TestOneCauseIsOneFinding(t *testing.T) {
	t.Parallel()
	finding := func(code, subject, message string) audit.Finding {
		return audit.Finding{Code: code, Severity: audit.SeverityWarning, Subject: subject, Message: message}
	}
	integrity := []audit.Finding{
		finding("binpkg-empty", "/p/a", "left empty"),
		finding("binpkg-misnamed", "/p/b", "its name"),
		finding("index-size-stale", "/p/c", "SIZE"),
		finding("index-entry-differs", "/p/c", "USE"), // a second thing about the entry
		finding("pkgdir-stray", "/p/d", "notes"),
	}
	compatibility := []audit.Finding{
		finding("binpkg-damaged", "/p/a", "empty file"),
		finding("binpkg-unseen", "/p/b", "not there"),
		finding("index-stale", "/p/c", "another file"),
		finding("binpkg-damaged", "/p/e", "truncated"),
		finding("keywords-refused", "/p/e", "~amd64"),
		finding("keywords-refused", "/p/e", "~amd64"), // the very same
		finding("keywords-refused", "/p/e", "~arm64"),
	}
	var got []string
	for _, f := range audit.MergeFindings(integrity, compatibility) {
		got = append(got, f.Code+" "+f.Subject+" "+f.Message)
	}
	want := []string{
		"binpkg-damaged /p/e truncated", "binpkg-empty /p/a left empty", "binpkg-misnamed /p/b its name", "index-entry-differs /p/c USE",
		"index-size-stale /p/c SIZE", "keywords-refused /p/e ~amd64", "keywords-refused /p/e ~arm64", "pkgdir-stray /p/d notes",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
