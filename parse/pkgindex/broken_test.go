package pkgindex_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"emaudit/parse/pkgindex"

	"github.com/google/go-cmp/cmp"
)

// outside stands for a path that leads out of PKGDIR.
const outside = "(outside)"

// The indexes in testdata/broken were damaged on purpose; what Portage 3.0.82
// finds in each, trusting it, is in testdata/broken.portage.json.
func TestOfABrokenIndexPortageSeesWhatIsNotHidden(t *testing.T) {
	t.Parallel()
	var portage map[string][]string
	if err := json.Unmarshal(readFile(t, "testdata", "broken.portage.json"), &portage); err != nil {
		t.Fatal(err)
	}
	codes := map[string][]string{
		"bad-lines":            {pkgindex.CodeLine},
		"binary-garbage":       {pkgindex.CodeRefused},
		"build-id-text":        {pkgindex.CodeNumber},
		"dup-cpv-differs":      {pkgindex.CodeDuplicatePath},
		"empty-index":          {pkgindex.CodeRefused},
		"latin1":               {pkgindex.CodeEncoding},
		"missing-cpv":          {pkgindex.CodeCPV},
		"no-header":            {pkgindex.CodeRefused},
		"packages-count-wrong": {pkgindex.CodeCount},
		"path-traversal":       {pkgindex.CodePath},
		"trunc-index":          {pkgindex.CodeTorn},
		"version-99":           {pkgindex.CodeRefused},
	}
	files, err := os.ReadDir("testdata/broken")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(portage) {
		t.Errorf("%d indexes, and %d answers of Portage", len(files), len(portage))
	}
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			t.Parallel()
			index, diags := pkgindex.Parse(readFile(t, "testdata/broken", file.Name()))

			got := []string{}
			for _, e := range index.Entries {
				if e.Hidden != pkgindex.Visible {
					continue
				}
				id := "None"
				if e.BuildID != 0 {
					id = fmt.Sprint(e.BuildID)
				}
				path := e.Path
				if path == "" {
					path = outside
				}
				got = append(got, fmt.Sprintf("%s build_id=%s path=%s", e.CPV, id, path))
			}
			slices.Sort(got)
			want := slices.Clone(portage[file.Name()])
			for i, line := range want {
				// This one Portage would open.
				want[i] = strings.Replace(line, "../../../../etc/passwd", outside, 1)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("seen (-Portage +emaudit):\n%s", diff)
			}

			var gotCodes []string
			for _, d := range diags {
				gotCodes = append(gotCodes, d.Code)
			}
			slices.Sort(gotCodes)
			gotCodes = slices.Compact(gotCodes)
			// They were cut out of an index of 140 entries, and PACKAGES still
			// says so.
			gotCodes = slices.DeleteFunc(gotCodes, func(code string) bool {
				return code == pkgindex.CodeCount && file.Name() != "packages-count-wrong"
			})
			if len(gotCodes) == 0 {
				gotCodes = nil
			}
			if diff := cmp.Diff(codes[file.Name()], gotCodes); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
		})
	}
}
