package mergelist

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/atom"
)

// depclean is what emerge --depclean --pretend said on a copy of the recorded host.
const depclean = `Calculating dependencies ... done!
>>> Calculating removal order...

>>> These are the packages that would be unmerged:

 app-misc/warny
    selected: 0.2 
   protected: none 
     omitted: none 

 dev-util/toolchainish
    selected: 13.2.1_p20240210 
   protected: none 
     omitted: 14.2.0 

All selected packages: =dev-util/toolchainish-13.2.1_p20240210 =app-misc/warny-0.2

>>> 'Selected' packages are slated for removal.
>>> 'Protected' and 'omitted' packages will not be removed.

Packages installed:   50
Number to remove:     2
`

func TestRemovalListsWhatWouldGo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, output string
		want         Removal
	}{
		{"two packages", depclean, Removal{CPVs: []string{"dev-util/toolchainish-13.2.1_p20240210", "app-misc/warny-0.2"}, Complete: true}},
		{"in colour", strings.ReplaceAll(depclean, "All", "\x1b[32mAll\x1b[39;49;00m"), Removal{CPVs: []string{"dev-util/toolchainish-13.2.1_p20240210", "app-misc/warny-0.2"}, Complete: true}},
		{"nothing", ">>> No packages selected for removal by depclean\n", Removal{Complete: true}},
		{"no answer", "Calculating dependencies ... done!\n * Dependencies could not be completely resolved due to\n", Removal{}},
		{"cut off", depclean[:strings.Index(depclean, "All")], Removal{}},
		{"a word that is no version", "All selected packages: =a/b-1 =nothing\n", Removal{CPVs: []string{"a/b-1"}, Complete: true, NotUnderstood: 1}},
	} {
		got, err := ReadRemoval(strings.NewReader(test.output))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
	if _, err := ReadRemoval(strings.NewReader(strings.Repeat("x", maxLine+1))); err == nil {
		t.Error("a line longer than the limit is no error")
	}
}

func FuzzRemoval(f *testing.F) {
	f.Add(depclean)
	f.Add("All selected packages: =a/b-1 \x1b[1m=a/c-2")
	f.Fuzz(func(t *testing.T, output string) {
		list, err := ReadRemoval(strings.NewReader(output))
		if err != nil {
			return
		}
		if len(list.CPVs)+list.NotUnderstood > 0 && !list.Complete {
			t.Error("a list that is not complete has packages")
		}
		for _, cpv := range list.CPVs {
			if _, err := atom.ParseCPV(cpv); err != nil {
				t.Errorf("%q: %v", cpv, err)
			}
		}
	})
}
