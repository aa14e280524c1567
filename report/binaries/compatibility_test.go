package binaries

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit/acceptance"
	"emaudit/report/table"
)

func TestManyFilesOfOneReasonAreOneRow(t *testing.T) {
	t.Parallel()
	var rows []acceptance.CompatibilityRow
	add := func(n int, usable acceptance.Usable, code string) {
		for range n {
			rows = append(rows, acceptance.CompatibilityRow{
				Path: fmt.Sprintf("a/a-%d-1.gpkg.tar", len(rows)), Usable: usable, Reasons: []acceptance.Reason{{Code: code, Detail: "why"}},
			})
		}
	}
	add(5, acceptance.UsableUnknown, "one")
	add(2, acceptance.UsableNo, "two")
	add(4, acceptance.UsableNo, "one")
	add(9, acceptance.UsableYes, "one")
	var got []string
	for _, r := range alikeTogether(table.All(rows)) {
		got = append(got, string(r.Usable)+" "+r.Path)
	}
	want := []string{"unknown 5 files, as a-0-1.gpkg.tar", "no a/a-5-1.gpkg.tar", "no a/a-6-1.gpkg.tar", "no 4 files, as a-7-1.gpkg.tar"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if rows[0].Path != "a/a-0-1.gpkg.tar" {
		t.Error("the rows of the caller were changed")
	}
}
